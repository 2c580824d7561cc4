"""Folders of the user's, as the environment names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """Return where fguard keeps what it can get again; None where the user has no folder.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    named = environ.get("XDG_CACHE_HOME", "")
    if named.startswith("/"):
        return Path(named) / "fguard"
    home = environ.get("HOME")
    return Path(home) / ".cache" / "fguard" if home else None


def docker_folder(environ: Mapping[str, str]) -> Path | None:
    """Return where Docker's ``config.json`` is, with the credentials of registries.

    https://docs.docker.com/reference/cli/docker/#environment-variables
    """
    if environ.get("DOCKER_CONFIG"):
        return Path(environ["DOCKER_CONFIG"])
    home = environ.get("HOME")
    return Path(home) / ".docker" if home else None

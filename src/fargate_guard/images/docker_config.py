"""Docker's own configuration: ``config.json`` and the credential helpers it names.

https://docs.docker.com/reference/cli/docker/login/#credential-stores
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from fargate_guard.images.errors import Problem
from fargate_guard.images.reference import DOCKER_HUB

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Json: TypeAlias = Any

_HUB_SERVER = "https://index.docker.io/v1/"
_HUB_HOSTS = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io")
_TOKEN_USER = "<token>"  # noqa: S105 - how helpers mark an identity token
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_FOUND = "credentials not found"
"""How every helper begins to say that it has none:
https://github.com/docker/docker-credential-helpers/blob/master/credentials/error.go"""


@dataclass(frozen=True, slots=True)
class Login:
    """What ``docker login`` left."""

    user: str
    password: str = field(repr=False)
    identity_token: str | None = field(repr=False)
    origin: str


class DockerConfig:
    """Reads ``config.json`` when first asked."""

    def __init__(self, folder: Path | None, helper_path: str | None) -> None:
        """Nothing is read yet.

        :param folder: holds ``config.json``; None, or no such file: no credentials.
        :param helper_path: where the helper programs are, like ``$PATH``; None: in ``$PATH``.
        """
        self._file = folder / "config.json" if folder else None
        self._helper_path = helper_path

    def find(self, host: str, seconds: float) -> Login | None:
        """Return the login for a registry host, or None.

        A helper for the host comes first, then the store for all hosts, then the file itself.

        :param seconds: how long a helper may take.
        :raises Problem: when the file or a helper cannot be understood.
        """
        helpers = self._document.get("credHelpers") or {}
        name = next((helpers[key] for key in _keys(host, helpers)), None) or self._document.get("credsStore")
        if name:
            login = self._ask_helper(str(name), host, seconds)
            if login:
                return login
        auths = self._document.get("auths") or {}
        return next(filter(None, (self._of_entry(key, auths[key]) for key in _keys(host, auths))), None)

    @functools.cached_property
    def _document(self) -> Mapping[str, Json]:
        if self._file is None:
            return {}
        try:
            document = json.loads(self._file.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise self._unreadable(error.strerror or "it cannot be read") from None
        except (ValueError, RecursionError):
            raise self._unreadable("it is not JSON") from None
        if not isinstance(document, dict) or not all(
            document.get(key) is None or isinstance(document[key], dict) for key in ("auths", "credHelpers")
        ):
            raise self._unreadable("it is not an object of objects")
        return document

    def _unreadable(self, why: str) -> Problem:
        return Problem(
            f"Docker's configuration {self._file} cannot be read",
            why=why,
            fix="mend or remove it, then run docker login",
        )

    def _of_entry(self, key: str, entry: Json) -> Login | None:
        if not isinstance(entry, dict):
            raise self._unreadable(f"its entry for {key} is not an object")
        origin = str(self._file)
        if entry.get("identitytoken"):
            return Login(_TOKEN_USER, "", str(entry["identitytoken"]), origin)
        if entry.get("auth"):
            return Login(*self._decoded(key, str(entry["auth"])), None, origin)
        if entry.get("username") and entry.get("password"):
            return Login(str(entry["username"]), str(entry["password"]), None, origin)
        return None  # `{}` is what Docker writes beside a credential store

    def _decoded(self, key: str, auth: str) -> tuple[str, str]:
        try:
            user, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            colon = ""
        if not colon:
            raise self._unreadable(f"the `auth` of {key} is not base64 of user:password")
        return user, password.strip("\x00")

    def _ask_helper(self, name: str, host: str, seconds: float) -> Login | None:
        """Run ``docker-credential-NAME get`` with the server on its standard input.

        https://github.com/docker/docker-credential-helpers#development
        """
        program = f"docker-credential-{name}"
        found = shutil.which(program, path=self._helper_path) if _HELPER_NAME.fullmatch(name) else None
        if found is None:
            raise _helper_failed(
                program, "there is no such program", f"install it, or remove it from {self._file}"
            )
        server = _HUB_SERVER if host in _HUB_HOSTS else host
        try:
            ran = subprocess.run(
                [found, "get"], input=server.encode(), capture_output=True, timeout=max(seconds, 0.1), check=False
            )
        except subprocess.TimeoutExpired:
            raise _helper_failed(program, f"it did not answer within {seconds:.0f} s", "unlock it") from None
        except OSError as error:
            raise _helper_failed(program, error.strerror or "it cannot be run", "install it again") from None
        if ran.returncode:
            if _NOT_FOUND in ran.stdout.decode(errors="replace"):
                return None
            raise _helper_failed(
                program, f"it ended with {ran.returncode} when asked for {server}", "try it by hand"
            )
        try:
            answer = json.loads(ran.stdout)
            user, secret = str(answer["Username"]), str(answer["Secret"])
        except (ValueError, TypeError, KeyError):
            raise _helper_failed(program, "its answer is not what helpers answer", "install it again") from None
        if not user or not secret:
            return None
        token = secret if user == _TOKEN_USER else None
        return Login(user, "" if token else secret, token, program)


def _helper_failed(program: str, why: str, fix: str) -> Problem:
    return Problem(f"{program} does not give the registry's credentials", why=why, fix=fix)


def _keys(host: str, table: Mapping[str, Json]) -> list[str]:
    """The keys of the table that mean the host: exactly first, then as a URL."""
    names = _HUB_HOSTS if host in _HUB_HOSTS else (host,)
    return [name for name in names if name in table] + [
        key for key in table if key not in names and _host_of(key) in names
    ]


def _host_of(key: str) -> str:
    """``index.docker.io`` of ``https://index.docker.io/v1/``."""
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]

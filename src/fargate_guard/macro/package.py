"""The Lambda package: the same bytes for the same version and settings, wherever it is built.

Files are stored, not compressed, since versions of zlib compress differently; their order, times and permissions
are fixed, and their line ends are those of Unix.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fargate_guard import __version__
from fargate_guard.errors import FguardError
from fargate_guard.macro.settings import MacroSettings

if TYPE_CHECKING:
    from fargate_guard.taskdef import Json

HANDLER: Final = "handler.handler"
"""Lambda's name for the function."""
LARGEST: Final = 1_000_000
"""Bytes of the package, at most; a test holds it."""
_SOURCE = Path(__file__).parents[1]
_ROOMS = ("taskdef", "cloudformation")
_IMAGES = ("__init__", "batch", "budget", "cache", "credentials", "docker_config", "errors", "lookup", "manifest")
_MORE_IMAGES = ("options", "plain_http", "reference", "resolving", "transport")
_OUTSIDE_OF_ROOMS = ("__init__", "errors", "retry_delay")
_NOT_IN_LAMBDA = {"macro/package.py", "macro/lambda_entry.py"}
_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip file can tell."""
_REGULAR_FILE_0644 = 0o100644 << 16
_UNIX = 3


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """What a package says of itself."""

    version: str
    """Of fguard."""
    settings: MacroSettings


def build(settings: MacroSettings | None = None) -> bytes:
    """Return the Lambda package as a zip file.

    :param settings: how to instrument; None: every template gives its own, in the transform's parameters.
    """
    content = _files() | {
        "handler.py": _lines(_SOURCE / "macro" / "lambda_entry.py"),
        "settings.json": (settings or MacroSettings()).text().encode(),
        "package.json": _about(),
        "LICENSE": _lines(_licence()),
    }
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system, entry.external_attr = _UNIX, _REGULAR_FILE_0644
            archive.writestr(entry, content[name])
    return output.getvalue()


def digest(package: bytes) -> str:
    """The SHA-256 of a package in hexadecimal; it names the package in a bucket."""
    return hashlib.sha256(package).hexdigest()


def describe(package: bytes) -> InstalledPackage:
    """Read what a package says of itself.

    :raises FguardError: it is not one of ours.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            about: Json = json.loads(archive.read("package.json"))
            settings = MacroSettings.read(archive.read("settings.json").decode())
        return InstalledPackage(str(about["version"]), settings)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise FguardError(
            "the installed package is not one that fguard built",
            why=f"{type(error).__name__}: {error}",
            fix="install it again: fguard macro deploy",
        ) from None


def _files() -> dict[str, bytes]:
    """Everything that the handler imports, by its path in the package."""
    paths = [path for room in (*_ROOMS, "macro") for path in (_SOURCE / room).glob("*.py")]
    paths += [_SOURCE / "images" / f"{name}.py" for name in (*_IMAGES, *_MORE_IMAGES)]
    paths += [_SOURCE / f"{name}.py" for name in _OUTSIDE_OF_ROOMS]
    found = {path.relative_to(_SOURCE).as_posix(): _lines(path) for path in paths}
    return {f"fargate_guard/{name}": text for name, text in found.items() if name not in _NOT_IN_LAMBDA}


def _lines(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")


def _about() -> bytes:
    document = {
        "name": "fargate-guard-macro",
        "version": __version__,
        "license": "Apache-2.0",
        "handler": HANDLER,
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def _licence() -> Path:
    """The licence: in a checkout at the top level, in an installation among the distribution's metadata."""
    checkout = _SOURCE.parents[1] / "LICENSE"
    if checkout.is_file() and (_SOURCE.parents[1] / "pyproject.toml").is_file():
        return checkout
    from importlib.metadata import files

    for file in files("fargate-guard") or ():
        if file.name == "LICENSE":
            return Path(str(file.locate()))
    raise FguardError(
        "the licence of fargate-guard is missing, and the package must not go without it",
        where=str(_SOURCE),
        fix="install fargate-guard again",
    )

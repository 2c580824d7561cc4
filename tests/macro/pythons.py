"""The Pythons that the macro's package is run with: the one of Lambda's version wherever there is one."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from fargate_guard.package_files import package_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

Version = tuple[int, int]
RUNNING: Version = (sys.version_info.major, sys.version_info.minor)
PIPES: dict[str, Any] = {"capture_output": True, "text": True}


class Python(NamedTuple):
    """One interpreter."""

    program: str
    version: Version


def _of_the_runtime() -> Version:
    """As the template that installs the function says."""
    template = (package_folder("templates") / "cloudformation" / "macro.yaml").read_text(encoding="utf-8")
    (found,) = re.findall(r"^ +Runtime: python(\d+)\.(\d+)$", template, re.MULTILINE)
    return int(found[0]), int(found[1])


LAMBDA_PYTHON = _of_the_runtime()
NAME = f"python{LAMBDA_PYTHON[0]}.{LAMBDA_PYTHON[1]}"


def _installed() -> Iterator[str]:
    """Programs that may be a Python of the runtime's version: on PATH, and those of pyenv and uv."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if program := shutil.which(NAME, path=folder):
            yield program
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", Path.home() / ".local" / "share" / "uv" / "python"))
    for place in (pyenv / "versions", uv):
        yield from map(str, sorted(place.glob(f"*/bin/{NAME}")))


def version_of(program: str) -> Version | None:
    """What an interpreter says of itself, alone; None where it does not run (as a shim for nothing)."""
    asked = subprocess.run(
        [program, "-I", "-S", "-c", "import sys; print(sys.version_info[:2])"], check=False, **PIPES
    )
    found: Version | None = ast.literal_eval(asked.stdout) if asked.returncode == 0 else None
    return found


def _pythons() -> list[Any]:
    """The Python that runs the tests, and Lambda's; each with an ID that says which it is."""
    running = Python(sys.executable, RUNNING)
    if running.version == LAMBDA_PYTHON:
        return [pytest.param(running, id=f"{NAME}-as-in-lambda")]
    own = f"python{RUNNING[0]}.{RUNNING[1]}"
    of_lambda = next((one for one in _installed() if version_of(one) == LAMBDA_PYTHON), None)
    if of_lambda is None:
        return [pytest.param(running, id=f"{own}-since-there-is-no-{NAME}")]
    return [
        pytest.param(running, id=own),
        pytest.param(Python(of_lambda, LAMBDA_PYTHON), id=f"{NAME}-as-in-lambda"),
    ]


in_each_python = pytest.mark.parametrize("python", _pythons())
"""For a test that takes ``python``: once with the one that runs the tests, once with Lambda's."""

REMOVED = frozenset(
    {
        *(
            "asynchat",
            "asyncore",
            "distutils",
            "imp",
            "smtpd",
            "aifc",
            "audioop",
            "cgi",
            "cgitb",
            "chunk",
            "crypt",
        ),
        *("imghdr", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr"),
        *("spwd", "sunau", "telnetlib", "uu", "xdrlib"),
    }
)
"""Modules of Python 3.11 that 3.12 and 3.13 have no more.

https://docs.python.org/3/whatsnew/3.12.html#removed and https://docs.python.org/3/whatsnew/3.13.html#whatsnew313-pep594
"""

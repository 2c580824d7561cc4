"""Where Lambda enters the package; there, this file is ``handler.py`` at the top, beside ``settings.json``."""

from __future__ import annotations

import pkgutil
import sys

from fargate_guard.macro.handler import make_handler


def _settings() -> str:
    content = pkgutil.get_data(__name__, "settings.json")
    assert content is not None  # noqa: S101 - the loaders of folders and zip files can read
    return content.decode()


def _write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


handler = make_handler(_settings, _write)

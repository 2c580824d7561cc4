"""Where templates and examples are: in the wheel beside the package, in a checkout at the top level."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def package_folder(name: str) -> Path:
    """Return the folder ``templates`` or ``examples`` of this installation."""
    in_wheel = Path(str(files("fargate_guard"))) / name
    if in_wheel.is_dir():
        return in_wheel
    return Path(__file__).resolve().parents[2] / name

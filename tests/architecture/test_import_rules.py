"""Dependencies point one way; the core knows no screen, no AWS and no clock."""

from __future__ import annotations

import ast
import functools
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "fargate_guard"
MODELS = {"carried_fields", "errors", "deployment", "package_files", "retry_delay", "workload_input"}
ROOMS = {
    "taskdef": {"taskdef"},
    "cloudformation": {"cloudformation", "taskdef"},
    "macro": {"macro", "taskdef", "cloudformation", "images", *MODELS},
    "formats": {"formats", "taskdef"},
    "falco": {"falco", "formats", "taskdef"},
    "images": {"images", "taskdef", *MODELS},
    "config": {"config", "taskdef", *MODELS},
    "terraform": {"terraform", "config", *MODELS},
    "stacks": {"stacks", "config", *MODELS},
    "sysdig": {"sysdig", "config", *MODELS},
    "aws": {"aws", "stacks", "config", *MODELS},
    "verify": {"verify", "aws", "taskdef", "config", *MODELS},
    "fleet": {"fleet", "verify", "aws", "taskdef", "config", *MODELS},
    "sandbox": {"sandbox", *MODELS},
    "workflows": {
        *("workflows", "fleet", "verify", "aws", "taskdef", "formats", "cloudformation", "images"),
        *("terraform", "stacks", "config", "sysdig", "falco", "macro"),
        *MODELS,
    },
}
ONLY_IMPORTED_BY = {
    "boto3": {"aws", "sandbox", "macro"},  # in macro: the one of the Lambda runtime, when an image is looked up
    "subprocess": {"terraform", "sandbox", "images", "aws"},  # in images and aws: programs of Docker's and AWS's
    "oras": {"images"},
    "requests": {"images", "sysdig"},
    "typer": {"cli"},
    "rich": {"cli"},
    "moto": {"sandbox"},
}


@functools.cache
def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files_of(room: str) -> list[Path]:
    files = sorted((PACKAGE / room).rglob("*.py"))
    assert files, f"there is no room {room}"
    return files


def room_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else file.stem


def test_every_room_has_its_rule() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders - {"cli"} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_is_below_it(room: str) -> None:
    for file in files_of(room):
        ours = {name.split(".")[1] for name in imports(file) if name.startswith("fargate_guard.")}
        assert ours - {"__version__"} <= ROOMS[room], file


@pytest.mark.parametrize("library", ONLY_IMPORTED_BY)
def test_a_library_stays_in_its_room(library: str) -> None:
    for file in PACKAGE.rglob("*.py"):
        if any(name.split(".")[0] == library for name in imports(file)):
            assert room_of(file) in ONLY_IMPORTED_BY[library], file


@pytest.mark.parametrize("room", ["taskdef", "cloudformation"])
def test_the_core_needs_the_standard_library_only(room: str) -> None:
    for file in files_of(room):
        foreign = {name.split(".")[0] for name in imports(file)} - sys.stdlib_module_names - {"fargate_guard"}
        assert not foreign, file


def test_only_the_demo_and_the_sandbox_commands_know_the_sandbox() -> None:
    for file in PACKAGE.rglob("*.py"):
        if any(name.startswith("fargate_guard.sandbox") for name in imports(file)) and room_of(file) != "sandbox":
            assert file.relative_to(PACKAGE).as_posix() in {"cli/demo.py", "cli/sandbox.py"}, file


def test_files_stay_small_enough_to_read() -> None:
    long = {
        str(file): lines for file in PACKAGE.rglob("*.py") if (lines := len(file.read_text().splitlines())) > 400
    }
    assert not long

"""Beside every simulated behaviour stands the page of AWS's that says what is right."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SANDBOX = Path(__file__).parents[2] / "src" / "fargate_guard" / "sandbox"
WITHOUT_BEHAVIOUR = {"__init__.py", "override.py", "in_process.py", "responses.py", "world.py", "request.py"}
"""How the sandbox is put together."""
PAGES = ("https://docs.aws.amazon.com/", "https://repost.aws/")
SPEED = "Speed only"
MENDS = sorted(file for file in (SANDBOX / "mends").glob("*.py") if file.name not in WITHOUT_BEHAVIOUR)
ENGINE = sorted(file for file in (SANDBOX / "cloudformation").rglob("*.py") if file.name not in WITHOUT_BEHAVIOUR)


def names_a_page(text: str) -> bool:
    return any(page in text for page in PAGES)


@pytest.mark.parametrize("file", [*MENDS, *ENGINE], ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_file_names_a_page_or_says_that_it_is_about_speed(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert names_a_page(text) or SPEED in text
    assert "/Welcome.html" not in text, "the page on the behaviour, not the front page"


@pytest.mark.parametrize("file", MENDS, ids=lambda file: file.name)
def test_every_mended_method_has_its_own(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    functions = {node.name: ast.get_source_segment(text, node) or "" for node in functions_of(tree)}
    whole = ast.get_docstring(tree) or ""
    for name in replacements(tree) & functions.keys():  # what comes from another file is looked at there
        said = whole + functions[name]
        assert names_a_page(said) or SPEED in said, f"{file.name}: {name}"


def functions_of(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def replacements(tree: ast.Module) -> set[str]:
    """Names of our functions that ``override`` and ``add`` put in moto's place."""
    found = set()
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("override", "add"):
            given = call.args[2].func if isinstance(call.args[2], ast.Call) else call.args[2]
            if isinstance(given, ast.Name):
                found.add(given.id)
    return found


@pytest.mark.parametrize(
    "file", sorted((SANDBOX / "cloudformation" / "resources").glob("*.py")), ids=lambda file: file.name
)
def test_every_type_of_resource_names_its_page(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and "name" in assigned(node):
            assert names_a_page(ast.get_docstring(node) or ""), f"{file.name}: {node.name}"


def assigned(node: ast.ClassDef) -> set[str]:
    """Names of the class's own attributes that have a value."""
    return {
        target.id
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }

"""The user's own rule files: ``rules/`` beside ``fguard.yaml``; found, checked, and edited item by item."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import FguardError, PreflightError, UsageError
from fargate_guard.falco.checking import Checked, Known, check_files
from fargate_guard.falco.definitions import CannotPush, Definition, definition_of, yaml_text
from fargate_guard.falco.reading import Item, RuleFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = "rules"
RECORD = ".fguard-rules.json"
"""Beside the rules: what Sysdig had when a rule was last pushed or pulled. Worth keeping in git."""
PULLED = "sysdig.yaml"
"""Where rules come to that no file has yet."""
_SCHEMA = "fguard.rules-record/v1"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What Sysdig had of a definition when it was last pushed or pulled."""

    digest: str
    version: int
    pushed: bool = False
    """It was made or changed from here, and not only read."""


@dataclass(frozen=True, slots=True)
class LocalRules:
    """The rule set of some files."""

    folder: Path
    files: tuple[RuleFile, ...]
    checked: Checked
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    """By key, in the order of the files."""
    items: Mapping[str, Item] = field(default_factory=dict)


def rule_paths(folder: Path, given: Iterable[Path]) -> list[Path]:
    """Return the files to read: those given (folders too), else all of ``rules/``.

    :raises UsageError: when there are none.
    """
    named = list(given)
    if not named and not folder.is_dir():
        raise UsageError(
            f"there is no folder {folder}",
            why="rules of your own live in rules/ beside fguard.yaml",
            fix=f"make it, name the files, or fetch what Sysdig has: fguard rules pull (into {folder})",
        )
    found: list[Path] = []
    for path in named or [folder]:
        if not path.exists():
            raise UsageError("there is no such file", where=str(path))
        found += _of_folder(path) if path.is_dir() else [path]
    if not found:
        raise UsageError("there is no rule file (.yaml, .yml)", where=str(named[0] if named else folder))
    return list(dict.fromkeys(found))


def _of_folder(folder: Path) -> list[Path]:
    return sorted(one for pattern in ("*.yaml", "*.yml") for one in folder.rglob(pattern) if one.is_file())


def read_files(paths: Iterable[Path]) -> tuple[RuleFile, ...]:
    """Return the texts.

    :raises FguardError: when one is not UTF-8.
    """
    files = []
    for path in paths:
        try:
            files.append(RuleFile(str(path), path.read_bytes().decode("utf-8")))
        except UnicodeDecodeError as wrong:
            raise FguardError("a rule file is not UTF-8", where=str(path), why=str(wrong)) from None
    return tuple(files)


def local_rules(folder: Path, paths: Iterable[Path], known: Known) -> LocalRules:
    """Return the rule set, ready to be compared with what Sysdig has.

    :param known: what Sysdig has, so that references can be resolved.
    :raises PreflightError: when the check finds errors, or something has no place in Sysdig.
    """
    files = read_files(paths)
    checked = check_files(files, known)
    if checked.errors:
        first = checked.errors[0]
        raise PreflightError(
            f"the rules have {len(checked.errors)} errors; Sysdig is not touched",
            where=str(first.place),
            why=first.message,
            fix=first.fix or "fguard rules check",
        )
    definitions: dict[str, Definition] = {}
    items: dict[str, Item] = {}
    for item in checked.items:
        found = definition_of(item)
        if isinstance(found, CannotPush):
            raise PreflightError(f"Sysdig cannot take the {item}", where=str(found.place), why=found.why)
        if found.key in definitions:
            raise PreflightError(
                f"there are two of {found.key}", where=str(item.place), fix="make one of them: Sysdig keeps one"
            )
        definitions[found.key], items[found.key] = found, item
    return LocalRules(folder, files, checked, definitions, items)


def read_record(folder: Path, url: str) -> dict[str, Recorded]:
    """Return what was recorded for one Sysdig; empty where nothing was.

    :raises FguardError: when the file is damaged, or is one of another version of fguard.
    """
    return _records(folder).get(url, {})


def _records(folder: Path) -> dict[str, dict[str, Recorded]]:
    path = folder / RECORD
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != _SCHEMA:
            raise FguardError(
                "the record of pushed rules is of another version of fguard",
                where=str(path),
                why=f"its schema is {document['schema']!r}; this fguard knows {_SCHEMA}",
                fix="use that version; without the record, what Sysdig has counts as somebody else's work",
            )
        sysdigs = document["sysdigs"]
        return {url: {key: _recorded(one) for key, one in objects.items()} for url, objects in sysdigs.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FguardError(
            "the record of pushed rules is damaged", where=str(path), fix="restore it from git, or delete it"
        ) from None


def _recorded(one: Mapping[str, Any]) -> Recorded:
    return Recorded(str(one["digest"]), int(one["version"]), one.get("pushed") is True)


def write_record(folder: Path, url: str, record: Mapping[str, Recorded]) -> None:
    """Write what one Sysdig has now; what was recorded for others stays."""
    sysdigs = {
        one: {key: asdict(object_) for key, object_ in sorted(objects.items())}
        for one, objects in sorted({**_records(folder), url: record}.items())
    }
    write_text(folder / RECORD, json.dumps({"schema": _SCHEMA, "sysdigs": sysdigs}, indent=2) + "\n")


def replaced(file: RuleFile, new: Mapping[str, Definition], items: Mapping[str, Item]) -> str:
    """Return a file's text with some items written anew; everything between them stays."""
    text = file.text
    line_end = "\r\n" if "\r\n" in text else "\n"
    mark = len(text) - len(text.removeprefix("\ufeff"))
    for key in sorted(new, key=lambda one: items[one].node.start, reverse=True):
        node = items[key].node
        start, end = node.start + mark, node.end + mark
        column = start - (max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1)
        lines = yaml_text(new[key]).rstrip("\n").split("\n")
        indented = [lines[0], *(f"{' ' * column}{line}" if line else "" for line in lines[1:])]
        text = text[:start] + line_end.join(indented) + text[end:]
    return text


def appended(text: str, definitions: Iterable[Definition]) -> str:
    """Return a file's text with more items at its end."""
    text = text if not text or text.endswith("\n") else f"{text}\n"
    for definition in definitions:
        first, *rest = yaml_text(definition).rstrip("\n").split("\n")
        item = "\n".join([f"- {first}", *(f"  {line}" if line else "" for line in rest)])
        text += f"{item}\n" if not text else f"\n{item}\n"
    return text


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; where it is a link, the file that this leads to."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).chmod(path.stat().st_mode if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

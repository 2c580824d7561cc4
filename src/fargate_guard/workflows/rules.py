"""Compare the user's own rules with Sysdig's custom ones; push what differs, pull what is new there.

A record beside the rules says what Sysdig had of each when it was last pushed or pulled. So a change made there
is told from one made here, and neither side overwrites the other's.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import FguardError, PreflightError
from fargate_guard.falco.checking import Known, check_files
from fargate_guard.falco.definitions import CannotPush, Definition, definition_of, yaml_text
from fargate_guard.falco.reading import RuleFile
from fargate_guard.sysdig.rules import Stored, create, delete, read_custom, read_names, update
from fargate_guard.workflows.rule_files import (
    PULLED,
    LocalRules,
    Recorded,
    appended,
    read_record,
    replaced,
    write_record,
    write_text,
)
from fargate_guard.workflows.rule_objects import definition_of_stored, document_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fargate_guard.sysdig.client import SecureClient

_ORDER = {"list": 0, "macro": 1, "rule": 2}
_HEADER = "# Rules from Sysdig Secure, written by fguard rules pull.\n"


class Action(StrEnum):
    """What a push does to an object of Sysdig's."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Remote:
    """One custom object of Sysdig's, and what it defines."""

    stored: Stored
    definition: Definition


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    action: Action
    key: str
    mine: Definition | None
    theirs: Remote | None
    changed_there: bool = False
    """Somebody changed it in Sysdig since it was last pushed or pulled."""
    made_here: bool = True
    """It was pushed or pulled by these rules before."""

    def document(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        version = self.theirs.stored.version if self.theirs else None
        return {
            "action": self.action.value,
            "object": self.key,
            "version": version,
            "changed_in_sysdig": self.changed_there,
            "made_here": self.made_here,
            "diff": self.diff(),
        }

    def diff(self) -> str:
        """Return a unified diff from Sysdig's to the file's."""
        old = yaml_text(self.theirs.definition).splitlines() if self.theirs else []
        new = yaml_text(self.mine).splitlines() if self.mine else []
        lines = difflib.unified_diff(old, new, f"sysdig: {self.key}", f"rules: {self.key}", lineterm="")
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a push would do."""

    changes: tuple[Change, ...]
    same: tuple[str, ...]
    """Keys of what is the same on both sides."""
    only_there: tuple[str, ...]
    """Keys of custom objects that no file has, and that are not to be deleted."""
    remote: Mapping[str, Remote] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Return a sum of what would be changed, and of the versions that it starts from."""
        parts = [
            f"{one.action} {one.key} {one.theirs.stored.object_id if one.theirs else ''} "
            f"{one.theirs.stored.version if one.theirs else ''} {one.mine.digest() if one.mine else ''}"
            for one in self.changes
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def known_to(client: SecureClient) -> Known:
    """Return the names that Sysdig has, its own and custom ones."""
    names = read_names(client)
    return Known(names["rule"], names["macro"], names["list"])


def remote_rules(client: SecureClient) -> dict[str, Remote]:
    """Return Sysdig's custom objects by key.

    :raises PreflightError: when two have the same key, since files could not tell them apart.
    """
    found: dict[str, Remote] = {}
    for stored in read_custom(client):
        definition = definition_of_stored(stored)
        if definition.key in found:
            ids = f"{found[definition.key].stored.object_id} and {stored.object_id}"
            raise PreflightError(
                f"Sysdig has two of {definition.key}",
                why=f"their ids are {ids}",
                fix="delete one of them in Sysdig",
            )
        found[definition.key] = Remote(stored, definition)
    return found


def compare(
    local: LocalRules, remote: Mapping[str, Remote], record: Mapping[str, Recorded], *, prune: bool = False
) -> Plan:
    """Return what a push would do.

    :param prune: delete custom objects that no file has.
    """
    changes, same = [], []
    for key, mine in local.definitions.items():
        theirs = remote.get(key)
        if theirs is not None and theirs.definition.meaning() == mine.meaning():
            same.append(key)
        else:
            action = Action.UPDATE if theirs else Action.CREATE
            changes.append(Change(action, key, mine, theirs, _changed_there(key, theirs, record), key in record))
    changes.sort(key=lambda one: (_ORDER[one.key.partition(" ")[0]], one.key.endswith(" (append)")))
    others = [key for key in remote if key not in local.definitions]
    if prune:
        changes += [
            Change(Action.DELETE, key, None, remote[key], _changed_there(key, remote[key], record), key in record)
            for key in reversed(others)
        ]
    return Plan(tuple(changes), tuple(same), () if prune else tuple(others), remote)


def _changed_there(key: str, theirs: Remote | None, record: Mapping[str, Recorded]) -> bool:
    known = record.get(key)
    if theirs is None or known is None:
        return False
    return theirs.stored.version != known.version and theirs.definition.digest() != known.digest


def refuse_conflicts(plan: Plan) -> None:
    """Make sure that a push undoes nobody's change in Sysdig.

    :raises PreflightError: when one would be undone.
    """
    conflicts = [one.key for one in plan.changes if one.changed_there]
    if conflicts:
        raise PreflightError(
            f"{len(conflicts)} were changed in Sysdig since they were last pushed or pulled",
            where=", ".join(conflicts),
            why="pushing would undo that change",
            fix="fguard rules pull, or fguard rules push --force",
        )


def push(client: SecureClient, local: LocalRules, plan: Plan, *, prune: bool) -> None:
    """Do what a plan says, and make sure that Sysdig has it then.

    :raises PreflightError: when Sysdig changed since the plan; nothing is pushed.
    :raises FguardError: when Sysdig refuses one, with what was pushed before it; or does not have it afterwards.
    """
    record = read_record(local.folder, client.address.url)
    if compare(local, remote_rules(client), record, prune=prune).digest != plan.digest:
        raise PreflightError(
            "Sysdig changed since the diff; nothing was pushed", where=client.address.host, fix="run it again"
        )
    done: list[str] = []
    for change in plan.changes:
        try:
            _do(client, change)
        except FguardError as refused:
            pushed = f"pushed before it: {', '.join(done) or 'nothing'}"
            refused.why = f"{refused.why}; {pushed}" if refused.why else pushed
            refused.where = f"{change.action} {change.key}: {refused.where}"
            with contextlib.suppress(FguardError):  # the first error is the one to tell
                _note(local, client, compare(local, remote_rules(client), record))
            raise
        done.append(change.key)
    after = compare(local, remote_rules(client), record, prune=prune)
    _note(local, client, after)
    if after.changes:
        raise FguardError(
            "Sysdig took the rules and does not have them as they were pushed",
            where=", ".join(one.key for one in after.changes),
            fix="fguard rules diff",
        )


def _do(client: SecureClient, change: Change) -> None:
    if change.mine is None and change.theirs is not None:
        delete(client, change.theirs.stored)
    elif change.mine is not None and change.theirs is not None:
        update(client, change.theirs.stored, document_of(change.mine))
    elif change.mine is not None:
        create(client, change.mine.kind, document_of(change.mine))


def _note(local: LocalRules, client: SecureClient, plan: Plan) -> None:
    """Record what is the same on both sides now; what differs keeps its record."""
    url = client.address.url
    before = read_record(local.folder, url)
    kept = {key: one for key, one in before.items() if key in plan.remote}
    now = {key: _recorded(plan.remote[key]) for key in plan.same}
    if {**kept, **now} != before:
        write_record(local.folder, url, {**kept, **now})


def _recorded(remote: Remote) -> Recorded:
    return Recorded(remote.definition.digest(), remote.stored.version)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull did."""

    written: Mapping[str, str]
    """Key of each definition that was written -> the file."""
    same: tuple[str, ...]
    gone: tuple[str, ...]
    """Keys of what was pushed or pulled before and is not in Sysdig any more; the files keep it."""
    left_out: tuple[str, ...]
    """Keys of what was pulled before, deleted here, and is in Sysdig still."""


def pull(client: SecureClient, folder: Path, files: Sequence[RuleFile], *, force: bool) -> Pulled:
    """Write Sysdig's custom rules into the files: changed ones in their places, new ones into a file of their own.

    :param force: overwrite what was changed here, and write again what was deleted here.
    :raises PreflightError: when something was changed here and not pushed; nothing is written.
    """
    local = _lenient(folder, files)
    url = client.address.url
    remote, record = remote_rules(client), read_record(folder, url)
    same = [k for k, one in remote.items() if k in local.definitions and _agree(local.definitions[k], one)]
    differing = [key for key in remote if key in local.definitions and key not in same]
    if not force:
        _refuse_local_changes(differing, local, record)
    new = [key for key in remote if key not in local.definitions and (force or key not in record)]
    written = _write(folder, local, remote, differing, new)
    left_out = tuple(key for key in remote if key not in local.definitions and key not in new)
    here = {key: _recorded(remote[key]) for key in (*same, *differing, *new)}
    write_record(folder, url, {**{key: record[key] for key in left_out}, **here})
    gone = tuple(key for key in record if key not in remote and key in local.definitions)
    return Pulled(written, tuple(same), gone, left_out)


def _agree(mine: Definition, theirs: Remote) -> bool:
    return mine.meaning() == theirs.definition.meaning()


def _lenient(folder: Path, files: Sequence[RuleFile]) -> LocalRules:
    """Return the rule set of files that may have mistakes, but can be edited.

    :raises PreflightError: when a file cannot be read as YAML.
    """
    checked = check_files(files)
    broken = next((one for one in checked.errors if one.check in ("yaml", "duplicate")), None)
    if broken:
        raise PreflightError(broken.message, where=str(broken.place), fix=broken.fix)
    definitions, items = {}, {}
    for item in checked.items:
        found = definition_of(item)
        if not isinstance(found, CannotPush):
            definitions[found.key], items[found.key] = found, item
    return LocalRules(folder, tuple(files), checked, definitions, items)


def _refuse_local_changes(keys: Sequence[str], local: LocalRules, record: Mapping[str, Recorded]) -> None:
    changed = [key for key in keys if key not in record or record[key].digest != local.definitions[key].digest()]
    if changed:
        raise PreflightError(
            f"{len(changed)} differ in Sysdig and were changed here too; nothing was written",
            where=", ".join(f"{key} ({local.items[key].place})" for key in changed),
            fix="fguard rules push, or fguard rules pull --force (which loses the changes made here)",
        )


def _write(
    folder: Path, local: LocalRules, remote: Mapping[str, Remote], differing: Sequence[str], new: Sequence[str]
) -> dict[str, str]:
    texts = {file.name: file.text for file in local.files}
    written: dict[str, str] = {}
    for file in local.files:
        mine = {key: remote[key].definition for key in differing if local.items[key].file is file}
        if mine:
            texts[file.name] = replaced(file, mine, local.items)
            written |= dict.fromkeys(mine, file.name)
    if new:
        name = str(folder / PULLED)
        texts[name] = appended(texts.get(name, _HEADER), [remote[key].definition for key in new])
        written |= dict.fromkeys(new, name)
    _make_sure(texts, {key: remote[key].definition for key in written})
    for name in sorted(set(written.values())):
        write_text(Path(name), texts[name])
    return written


def _make_sure(texts: Mapping[str, str], wanted: Mapping[str, Definition]) -> None:
    """Make sure that the files would say what Sysdig does.

    :raises FguardError: when one would not; nothing is written.
    """
    read = {}
    for item in check_files([RuleFile(name, text) for name, text in texts.items()]).items:
        found = definition_of(item)
        if isinstance(found, Definition):
            read[found.key] = found
    wrong = [key for key, one in wanted.items() if key not in read or read[key].meaning() != one.meaning()]
    if wrong:
        raise FguardError(
            "these cannot be written into the files; nothing was written",
            where=", ".join(wrong),
            why="an anchor or a layout of the file stands in the way",
            fix="copy them by hand: fguard rules diff shows them",
        )

"""Compare the user's own rules with Sysdig's custom ones, and push what differs.

A record beside the rules says what Sysdig had of each when it was last pushed or pulled. So a change made there
is told from one made here, and neither side overwrites the other's.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import FguardError, PreflightError
from fargate_guard.falco.checking import Known
from fargate_guard.falco.definitions import Definition, yaml_text
from fargate_guard.sysdig.rules import Stored, create, delete, read_custom, read_names, update
from fargate_guard.workflows.rule_files import LocalRules, Recorded, read_record, write_record
from fargate_guard.workflows.rule_objects import definition_of_stored, document_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fargate_guard.sysdig.client import SecureClient

_ORDER = {"list": 0, "macro": 1, "rule": 2}


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
    conflict: str = ""
    """Why doing it could undo somebody's work in Sysdig; empty where it cannot."""
    made_here: bool = True
    """It was pushed by these rules before."""

    def document(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        version = self.theirs.stored.version if self.theirs else None
        return {
            "action": self.action.value,
            "object": self.key,
            "version": version,
            "conflict": self.conflict or None,
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
    is_empty: bool = False
    """The files define nothing."""

    @property
    def deleted(self) -> tuple[str, ...]:
        """Return the keys of what would be deleted."""
        return tuple(one.key for one in self.changes if one.action is Action.DELETE)

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

    :param prune: delete what was pushed or pulled before and no file has any more. What is not in the record is
        somebody else's and stays.
    """
    changes, same = [], []
    for key, mine in local.definitions.items():
        theirs, known = remote.get(key), record.get(key)
        if theirs is not None and theirs.definition.meaning() == mine.meaning():
            same.append(key)
        else:
            action = Action.UPDATE if theirs else Action.CREATE
            made_here = known is not None and known.pushed
            changes.append(Change(action, key, mine, theirs, _conflict(theirs, known), made_here))
    changes.sort(key=lambda one: (_ORDER[one.key.partition(" ")[0]], one.key.endswith(" (append)")))
    others = [key for key in remote if key not in local.definitions]
    if prune:
        changes += [_deletion(key, remote[key], record[key]) for key in reversed(others) if key in record]
        others = [key for key in others if key not in record]
    return Plan(tuple(changes), tuple(same), tuple(others), remote, is_empty=not local.definitions)


def _conflict(theirs: Remote | None, known: Recorded | None) -> str:
    if theirs is None:
        return "deleted in Sysdig since it was last pushed or pulled" if known else ""
    if known is None:
        return "in Sysdig already, and never pushed or pulled from here"
    changed = theirs.definition.digest() != known.digest
    return "changed in Sysdig since it was last pushed or pulled" if changed else ""


def _deletion(key: str, theirs: Remote, known: Recorded) -> Change:
    pulled = "" if known.pushed else "pulled, and never pushed from here"
    return Change(Action.DELETE, key, None, theirs, _conflict(theirs, known) or pulled, known.pushed)


def refuse_conflicts(plan: Plan) -> None:
    """Make sure that a push undoes nobody's work in Sysdig.

    :raises PreflightError: when some would be undone.
    """
    conflicts = [f"{one.key} ({one.conflict})" for one in plan.changes if one.conflict]
    if conflicts:
        raise PreflightError(
            f"{len(conflicts)} in Sysdig may be somebody else's work; nothing was pushed",
            where=", ".join(conflicts),
            why="pushing would undo it",
            fix="fguard rules pull, or fguard rules push --force",
        )
    deleted = plan.deleted
    if plan.is_empty and deleted:
        raise PreflightError(
            f"the files have no rules at all, and --prune would delete {len(deleted)}; nothing was deleted",
            where=", ".join(deleted),
            fix="restore the rule files; or, to delete them all, add --force",
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
                _note(local, client, compare(local, remote_rules(client), record), done)
            raise
        done.append(change.key)
    after = compare(local, remote_rules(client), record, prune=prune)
    _note(local, client, after, done)
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


def _note(local: LocalRules, client: SecureClient, plan: Plan, pushed: Sequence[str]) -> None:
    """Record what is the same on both sides now; what differs keeps its record."""
    url = client.address.url
    before = read_record(local.folder, url)
    kept = {key: one for key, one in before.items() if key in plan.remote}
    mine = {*pushed, *(key for key, one in before.items() if one.pushed)}
    now = {key: recorded(plan.remote[key], pushed=key in mine) for key in plan.same}
    if {**kept, **now} != before:
        write_record(local.folder, url, {**kept, **now})


def recorded(remote: Remote, *, pushed: bool) -> Recorded:
    """Return what to record of an object.

    :param pushed: it was made or changed from here, so that it may be pruned from here.
    """
    return Recorded(remote.definition.digest(), remote.stored.version, pushed)

"""Pull Sysdig's custom rules into the user's own files: changed ones in place, new ones into another file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fargate_guard.errors import FguardError, PreflightError
from fargate_guard.falco.checking import check_files
from fargate_guard.falco.definitions import CannotPush, Definition, definition_of
from fargate_guard.falco.editing import edited
from fargate_guard.falco.reading import RuleFile
from fargate_guard.taskdef import TaskDefinitionError
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
from fargate_guard.workflows.rules import Remote, recorded, remote_rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fargate_guard.sysdig.client import SecureClient

_HEADER = "# Rules from Sysdig Secure, written by fguard rules pull.\n"


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
    changed_here: tuple[str, ...]
    """Keys of what was changed here and not in Sysdig: it stays as it is here."""


def pull(client: SecureClient, folder: Path, files: Sequence[RuleFile], *, force: bool) -> Pulled:
    """Write Sysdig's custom rules into the files: changed ones in their places, new ones into a file of their own.

    :param force: overwrite what was changed here, and write again what was deleted here.
    :raises PreflightError: when something was changed on both sides; nothing is written.
    """
    local = _lenient(folder, files)
    url = client.address.url
    remote, record = remote_rules(client), read_record(folder, url)
    same = [k for k, one in remote.items() if k in local.definitions and _agree(local.definitions[k], one)]
    differing = [key for key in remote if key in local.definitions and key not in same]
    ahead = [] if force else [key for key in differing if _is_as_recorded(remote[key], record.get(key))]
    differing = [key for key in differing if key not in ahead]
    if not force:
        _refuse_local_changes(differing, local, record)
    new = [key for key in remote if key not in local.definitions and (force or key not in record)]
    written = _write(folder, local, remote, differing, new, force=force)
    left_out = tuple(key for key in remote if key not in local.definitions and key not in new)
    mine = {key for key, one in record.items() if one.pushed}
    here = {key: recorded(remote[key], pushed=key in mine) for key in (*same, *differing, *new)}
    write_record(folder, url, {**{key: record[key] for key in (*left_out, *ahead)}, **here})
    gone = tuple(key for key in record if key not in remote and key in local.definitions)
    return Pulled(written, tuple(same), gone, left_out, tuple(ahead))


def _is_as_recorded(theirs: Remote, known: Recorded | None) -> bool:
    """Whether Sysdig's was not changed since the last push or pull: what differs was changed here."""
    return known is not None and theirs.definition.digest() == known.digest


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
    folder: Path,
    local: LocalRules,
    remote: Mapping[str, Remote],
    differing: Sequence[str],
    new: Sequence[str],
    *,
    force: bool,
) -> dict[str, str]:
    texts = {file.name: file.text for file in local.files}
    written: dict[str, str] = {}
    for file in local.files:
        mine = {key: remote[key].definition for key in differing if local.items[key].file is file}
        if mine:
            texts[file.name] = _edited(file, mine, local, force=force)
            written |= dict.fromkeys(mine, file.name)
    if new:
        name = str(folder / PULLED)
        texts[name] = appended(texts.get(name, _HEADER), [remote[key].definition for key in new])
        written |= dict.fromkeys(new, name)
    _make_sure(texts, {**local.definitions, **{key: remote[key].definition for key in written}})
    for name in sorted(set(written.values())):
        write_text(Path(name), texts[name])
    return written


def _edited(file: RuleFile, new: Mapping[str, Definition], local: LocalRules, *, force: bool) -> str:
    """Return a file's text with what differs in it.

    :param force: write items anew that cannot be edited.
    :raises FguardError: when some cannot.
    """
    try:
        return edited(file, new)
    except TaskDefinitionError as odd:
        if force:
            return replaced(file, new, local.items)
        raise FguardError(
            f"{', '.join(new)} cannot be edited into the file; nothing was written",
            where=f"{file.name}{f', {odd.where}' if odd.where else ''}",
            why=odd.why or odd.message,
            fix="copy it by hand (fguard rules diff shows it); or fguard rules pull --force, which writes these"
            " items anew, without their comments and the keys that Sysdig does not keep",
        ) from None


def _make_sure(texts: Mapping[str, str], wanted: Mapping[str, Definition]) -> None:
    """Make sure that the files would say what Sysdig does, and of everything else what they said before.

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

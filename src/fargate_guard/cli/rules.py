"""``fguard rules check | diff | push | pull``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.event_options import Secure, open_client, read_config
from fargate_guard.cli.harmless import one_line
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from fargate_guard.falco.findings import Finding
    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.workflows.rule_files import LocalRules
    from fargate_guard.workflows.rules import Plan

rules = typer.Typer(
    name="rules",
    help="Falco rules of your own, in rules/ beside fguard.yaml: check them, and keep Sysdig Secure in step.",
    rich_markup_mode=None,
)
FilesArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILES]...", help="Files or folders [rules/ beside fguard.yaml].")
]
PruneOption = Annotated[
    bool, typer.Option("--prune", help="Delete what was pushed from here and no file has any more.")
]


@command("check", example="fguard rules check examples/rules", group=rules, schema="rules.check")
@with_option_groups
def check(
    run: Invocation,
    secure: Secure,
    files: FilesArgument = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    remote: Annotated[
        bool, typer.Option("--remote", help="Ask Sysdig which rules, macros and lists there are.")
    ] = False,
) -> Result:
    """Check rule files: YAML, fields, conditions, references, exceptions; with line and column.

    Exit 3 when there is an error. All about it: docs/rules.md.
    """
    from fargate_guard.falco.checking import check_files
    from fargate_guard.workflows.rule_files import read_files, rule_paths
    from fargate_guard.workflows.rules import known_to

    texts = read_files(rule_paths(_folder(run), files or ()))
    known = known_to(open_client(run, read_config(run), secure)) if remote else None
    checked = check_files(texts, known, strict=strict)
    errors, warnings = len(checked.errors), len(checked.findings) - len(checked.errors)
    where = f"{_count(len(checked.items), 'item')} in {_count(len(texts), 'file')}"
    counts = f"{where}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"
    document = {
        "files": [one.name for one in texts],
        "items": [{"kind": one.kind, "name": one.name, "where": str(one.place)} for one in checked.items],
        "errors": errors,
        "warnings": warnings,
        "findings": [one.document() for one in checked.findings],
    }
    lines = [*map(_finding_line, checked.findings), counts]
    return Result(document, "\n".join(lines), ExitCode.VERIFICATION_FAILED if errors else ExitCode.DONE)


@command("diff", example="fguard rules diff", group=rules, schema="rules.diff")
@with_option_groups
def diff(run: Invocation, secure: Secure, files: FilesArgument = None, prune: PruneOption = False) -> Result:
    """Show what a push would change in Sysdig Secure; exit 2 when something would."""
    client = open_client(run, read_config(run), secure)
    _, plan = _plan(run, client, files, prune=prune)
    exit_code = ExitCode.CHANGES_PENDING if plan.changes else ExitCode.DONE
    return Result(_document(plan), _plan_text(plan), exit_code)


@command("push", example="fguard rules push", group=rules, schema="rules.push")
@with_option_groups
def push(
    run: Invocation,
    secure: Secure,
    files: FilesArgument = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    prune: PruneOption = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite what may be somebody else's work in Sysdig.")
    ] = False,
    expect: Annotated[
        str | None, typer.Option("--expect", metavar="DIGEST", help="Refuse unless diff still says this digest.")
    ] = None,
) -> Result:
    """Bring Sysdig Secure to what the files say: show the diff, ask, change only what differs, look again.

    Nothing is deleted without --prune. Needs the permissions falco-rules.read and falco-rules.edit.
    """
    from fargate_guard.errors import PreflightError
    from fargate_guard.workflows import rules as work

    client = open_client(run, read_config(run), secure)
    local, plan = _plan(run, client, files, prune=prune)
    if expect is not None and expect != plan.digest:
        raise PreflightError(
            "the diff is another one now; nothing was pushed",
            why=f"its digest is {plan.digest}, not {expect}",
            fix="fguard rules diff",
        )
    if not force:
        work.refuse_conflicts(plan)
    if plan.changes:
        run.screen.message(_plan_text(plan))
        question = _question(plan, client.address.host)
        if not run.screen.confirm(question, assume_yes=yes):
            return Result({**_document(plan), "pushed": False}, "Nothing was pushed.", ExitCode.FAILED)
    work.push(client, local, plan, prune=prune)
    done = [one_line(f"{one.action}d {one.key}") for one in plan.changes]
    text = "\n".join(done or ["Sysdig has these rules already."])
    return Result({**_document(plan), "pushed": True}, text)


@command("pull", example="fguard rules pull", group=rules, schema="rules.pull")
@with_option_groups
def pull(
    run: Invocation,
    secure: Secure,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what was changed here.")] = False,
) -> Result:
    """Write Sysdig Secure's custom rules into rules/: changed ones in their places, new ones into sysdig.yaml.

    Comments and everything that is the same stay. What was changed here is only overwritten with --force.
    """
    from fargate_guard.workflows.rule_files import read_files, rule_paths
    from fargate_guard.workflows.rules_pull import pull as pull_rules

    folder = _folder(run)
    client = open_client(run, read_config(run), secure)
    has_files = folder.is_dir() and any(folder.rglob("*.y*ml"))
    texts = read_files(rule_paths(folder, ())) if has_files else ()
    pulled = pull_rules(client, folder, texts, force=force)
    for key in pulled.gone:
        run.screen.warning(f"{one_line(key)} is not in Sysdig any more; the file keeps it")
    for key in pulled.left_out:
        run.screen.warning(
            f"{one_line(key)} was deleted here and is in Sysdig still: push --prune, or pull --force"
        )
    for key in pulled.changed_here:
        run.screen.message(f"{one_line(key)} was changed here and stays: fguard rules push")
    lines = [one_line(f"wrote {key} to {file}") for key, file in pulled.written.items()]
    document = {
        "written": dict(pulled.written),
        "same": list(pulled.same),
        "gone": list(pulled.gone),
        "left_out": list(pulled.left_out),
        "changed_here": list(pulled.changed_here),
    }
    return Result(document, "\n".join(lines or ["Nothing is new in Sysdig."]))


def _folder(run: Invocation) -> Path:
    from fargate_guard.workflows.rule_files import FOLDER

    return run.config_file.parent / FOLDER


def _plan(
    run: Invocation, client: SecureClient, files: list[Path] | None, *, prune: bool
) -> tuple[LocalRules, Plan]:
    from fargate_guard.workflows import rules as work
    from fargate_guard.workflows.rule_files import local_rules, read_record, rule_paths

    if files and prune:
        raise UsageError("--prune compares all rules, and only some files are named", fix="name no files")
    folder = _folder(run)
    local = local_rules(folder, rule_paths(folder, files or ()), work.known_to(client))
    for finding in local.checked.findings:
        run.screen.detail(_finding_line(finding))
    record = read_record(folder, client.address.url)
    return local, work.compare(local, work.remote_rules(client), record, prune=prune)


def _question(plan: Plan, host: str) -> str:
    deleted = f", and delete {', '.join(map(one_line, plan.deleted))}" if plan.deleted else ""
    return f"Change {_count(len(plan.changes), 'object')} in {host}{deleted}?"


def _document(plan: Plan) -> dict[str, object]:
    return {
        "changes": [one.document() for one in plan.changes],
        "same": list(plan.same),
        "only_in_sysdig": list(plan.only_there),
        "digest": plan.digest,
    }


def _plan_text(plan: Plan) -> str:
    lines = []
    for change in plan.changes:
        note = f", {change.conflict}" if change.conflict else ""
        lines.append(f"{one_line(f'{change.action} {change.key}{note}')}\n{change.diff()}")
    if plan.only_there:
        lines.append(f"Only in Sysdig, left alone: {', '.join(map(one_line, plan.only_there))}")
    if plan.changes:
        lines.append(f"digest {plan.digest}")
    return "\n".join(lines or ["Sysdig has these rules already."])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _finding_line(finding: Finding) -> str:
    about = f"{finding.item}: " if finding.item else ""
    fix = f" ({finding.fix})" if finding.fix else ""
    return one_line(f"{finding.place}: {finding.severity}: {about}{finding.message}{fix} [{finding.check}]")

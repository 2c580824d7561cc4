"""What ``fguard instrument`` and ``fguard uninstrument`` share: changing every input, and telling the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fargate_guard.cli.command import Invocation, Result, error_document
from fargate_guard.cli.definition_options import OutputOptions, reader
from fargate_guard.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fargate_guard.taskdef import Notice, TaskDefinitionError
    from fargate_guard.workflows.definition_files import Change, Changed, Outcome, Refused, Skipped
    from fargate_guard.workflows.definition_inputs import Input
    from fargate_guard.workflows.replacement import Replacement
    from fargate_guard.workflows.sarif import Findings


@dataclass(slots=True, eq=False, repr=False)
class Report:
    """What is kept of the inputs: as little as the chosen output needs."""

    run: Invocation
    options: OutputOptions
    replacement: Replacement
    pending: bool = False
    """Something would change."""
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By input, for ``--json``."""
    skipped: list[dict[str, str]] = field(default_factory=list)
    """Files that were passed over, and why, for ``--json``."""
    texts: dict[str, str] = field(default_factory=dict)
    """By input, for standard output."""
    written: list[str] = field(default_factory=list)
    refused: dict[str, Refused] = field(default_factory=dict)
    findings: Findings | None = None
    """What SARIF tells, where it is asked for."""

    def take(self, outcome: Outcome) -> None:
        """Tell what became of one input, and prepare its output."""
        from fargate_guard.workflows.definition_files import Changed, Skipped

        if self.findings is not None:
            self.findings.take(outcome)
        if isinstance(outcome, Changed):
            self._take_changed(outcome)
        elif isinstance(outcome, Skipped):
            self._take_skipped(outcome)
        else:
            self.refused[outcome.input.name] = outcome

    def _take_skipped(self, one: Skipped) -> None:
        from fargate_guard.workflows.definition_files import Refused

        self.skipped.append({"source": one.input.name, "reason": one.reason})
        say = self.run.screen.message if one.broken is None else self.run.screen.warning
        say(f"{one.input.shown_name}: skipped: {one.reason}")
        if one.broken is not None and self.options.strict:
            self.refused[one.input.name] = Refused(one.input, (one.broken,))

    def _take_changed(self, one: Changed) -> None:
        options, name = self.options, one.input.name
        _tell(self.run, one)
        self.pending = self.pending or one.changed
        path = None if options.check else options.destination.path_for(one.input)
        if path is not None and not (options.in_place and not one.changed):
            self.replacement.add(path, one.text)
            self.written.append(str(path))
        if self.run.screen.json:
            self.documents[name] = _document(one, str(path) if path else None, show_diff=options.diff)
        elif options.diff:
            self.texts[name] = one.difference
        elif not options.check and path is None:
            self.texts[name] = one.text


def change_definitions(
    run: Invocation,
    inputs: Sequence[Input],
    change: Change,
    options: OutputOptions,
    left_over: Callable[[], list[TaskDefinitionError | Notice]] = list,
    findings: Findings | None = None,
) -> Result:
    """Change every input, write or print the results, and tell what became of each container.

    :param left_over: what is to be told when all inputs have been seen.
    :param findings: where findings are collected, to be printed as SARIF; refusals are among them then.
    :raises TaskDefinitionError: one is refused; nothing is written then.
    """
    from fargate_guard.workflows.definition_files import change_all
    from fargate_guard.workflows.replacement import Replacement

    check_output(run, inputs, options)
    with Replacement() as replacement:
        report = Report(run, options, replacement, findings=findings)
        for outcome in change_all(inputs, reader(run), change):
            report.take(outcome)
        errors = _errors(report, inputs, left_over())
        if findings is not None:
            return _sarif(run, findings, errors, pending=report.pending)
        if errors and run.screen.json:
            return _all_errors(run, errors, report.skipped)
        for error in errors[:-1]:
            run.screen.error(error)
        if errors:
            raise errors[-1]
        replacement.commit()
    if report.written:
        run.screen.success("\n".join(f"wrote {path}" for path in report.written))
    names = [one.name for one in inputs]
    return Result(
        {
            "definitions": [report.documents[name] for name in names if name in report.documents],
            "skipped": report.skipped,
        },
        "".join(report.texts[name] for name in names if name in report.texts) or None,
        ExitCode.CHANGES_PENDING if options.check and report.pending else ExitCode.DONE,
        exact=True,
    )


def _errors(
    report: Report, inputs: Sequence[Input], remarks: Sequence[TaskDefinitionError | Notice]
) -> list[TaskDefinitionError]:
    """All refusals in the order of the inputs, and last what concerns none of them; warnings are told."""
    from fargate_guard.taskdef import TaskDefinitionError

    refused = [report.refused[one.name] for one in inputs if one.name in report.refused]
    errors = [error for one in refused for error in one.errors]
    for remark in remarks:
        is_error = isinstance(remark, TaskDefinitionError)
        if report.findings is not None:
            report.findings.remark("error" if is_error else "warning", remark.message)
        if isinstance(remark, TaskDefinitionError):
            errors.append(remark)
        else:
            report.run.screen.warning(f"{remark.where}: {remark.message}")
    return errors


def _sarif(run: Invocation, findings: Findings, errors: Sequence[TaskDefinitionError], *, pending: bool) -> Result:
    for error in errors:
        run.screen.error(error)
    pending_code = ExitCode.CHANGES_PENDING if pending else ExitCode.DONE
    return Result({}, findings.text(), ExitCode(errors[-1].exit_code) if errors else pending_code)


def _all_errors(
    run: Invocation, errors: Sequence[TaskDefinitionError], skipped: Sequence[dict[str, str]]
) -> Result:
    """The document of several refusals: ``error`` is the last one, as everywhere, and ``errors`` are all."""
    for error in errors:
        run.screen.error(error)
    documents = [error_document(error) for error in errors]
    document = {"error": documents[-1], "errors": documents, "skipped": list(skipped)}
    return Result(document, exit_code=ExitCode(errors[-1].exit_code))


def check_output(run: Invocation, inputs: Sequence[Input], options: OutputOptions) -> None:
    """Refuse outputs that do not fit the inputs.

    :raises UsageError: with the option to use instead.
    """
    options.destination.check(inputs)
    if options.check and options.destination.writes:
        raise UsageError("--check writes nothing", fix="remove --output, --output-dir or --in-place")
    to_stdout = not (options.destination.writes or options.diff or options.check or run.screen.json)
    if to_stdout and len(inputs) > 1:
        raise UsageError(
            "several task definitions do not fit on standard output",
            fix="add --output-dir DIR, --in-place, --diff, --check or --json",
        )


def _tell(run: Invocation, one: Changed) -> None:
    name = one.input.shown_name
    lines = []
    for container in one.result.containers:
        state = "instrumented" if container.instrumented else "not instrumented"
        state = "instrumented in some cases only" if container.in_some_cases else state
        more = container.reason.removeprefix(state).removeprefix("; ")
        reason = f" ({more})" if more else ""
        resource = f"{container.resource}: " if container.resource else ""
        lines.append(f"{name}: {resource}container {container.name}: {state}{reason}")
    if lines:
        run.screen.message("\n".join(lines))
    for warning in one.warnings:
        run.screen.warning(f"{name}: {warning.where}: {warning.message}")
    if not one.changed:
        run.screen.message(f"{name}: nothing to change")


def _document(one: Changed, output: str | None, *, show_diff: bool) -> dict[str, Any]:
    from fargate_guard.workflows.definition_kinds import shape

    document: dict[str, Any] = {
        "source": one.input.name,
        "shape": shape(one.source),
        "syntax": one.source.syntax.value,
        "changed": one.changed,
        "output": output,
        "containers": [
            {
                "name": c.name,
                "path": c.path,
                "resource": c.resource or None,
                "instrumented": c.instrumented,
                "reason": c.reason,
            }
            for c in one.result.containers
        ],
        "warnings": [{"where": warning.where, "message": warning.message} for warning in one.warnings],
        "definition": one.definition,
    }
    return {**document, "diff": one.difference} if show_diff else document

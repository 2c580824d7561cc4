"""What ``fguard instrument`` and ``fguard uninstrument`` share: changing every input, and telling the outcome."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fargate_guard.cli.command import Invocation, Result, error_document
from fargate_guard.cli.definition_options import OutputOptions, reader
from fargate_guard.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from fargate_guard.formats import Source
    from fargate_guard.taskdef import Notice, TaskDefinitionError
    from fargate_guard.workflows.definition_files import Change, Changed, Outcome, Refused, Skipped
    from fargate_guard.workflows.definition_inputs import Input
    from fargate_guard.workflows.replacement import Replacement
    from fargate_guard.workflows.sarif import Findings


LEAST_APART = 25
"""Inputs that are worth another process."""


class Told(NamedTuple):
    """What is said of an input that was changed."""

    name: str
    containers: str
    """A line for each."""
    warnings: tuple[str, ...]
    changed: bool


class Prepared(NamedTuple):
    """What an input that was changed adds to the output."""

    name: str
    changed: bool
    path: str | None
    """The file that is written."""
    document: dict[str, Any] | None
    text: str | None


class Elsewhere(NamedTuple):
    """An input that another process changed."""

    told: Told
    prepared: Prepared


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

    def take(self, outcome: Outcome | Elsewhere) -> None:
        """Tell what became of one input, and prepare its output."""
        from fargate_guard.workflows.definition_files import Changed, Skipped

        if isinstance(outcome, Elsewhere):
            self._tell(outcome.told)
            self._add(outcome.prepared)
            return
        if self.findings is not None:
            self.findings.take(outcome)
        if isinstance(outcome, Changed):
            self._tell(self._told(outcome))
            self._add(self._prepared(outcome))
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

    def _told(self, one: Changed) -> Told:
        lines = () if self.run.screen.quiet else _lines(one)
        warnings = tuple(f"{warning.where}: {warning.message}" for warning in one.warnings)
        return Told(one.input.shown_name, "\n".join(lines), warnings, one.changed)

    def _tell(self, told: Told) -> None:
        screen = self.run.screen
        if told.containers:
            screen.message(told.containers)
        for warning in told.warnings:
            screen.warning(f"{told.name}: {warning}")
        if not told.changed:
            screen.message(f"{told.name}: nothing to change")

    def _prepared(self, one: Changed) -> Prepared:
        """Write the new file beside the old one, or make what is to be printed."""
        options = self.options
        path = None if options.check else options.destination.path_for(one.input)
        writes = path is not None and not (options.in_place and not one.changed)
        if path is not None and writes:
            self.replacement.add(path, one.text)
        document = text = None
        if self.run.screen.json:
            document = _document(one, str(path) if path else None, show_diff=options.diff)
        elif options.diff:
            text = one.difference
        elif not options.check and path is None:
            text = one.text
        return Prepared(one.input.name, one.changed, str(path) if writes else None, document, text)

    def _add(self, one: Prepared) -> None:
        self.pending = self.pending or one.changed
        if one.path is not None:
            self.written.append(one.path)
        if one.document is not None:
            self.documents[one.name] = one.document
        if one.text is not None:
            self.texts[one.name] = one.text

    def elsewhere(
        self, inputs: Sequence[Input], read: Callable[[Input], Source], change: Change
    ) -> Generator[Elsewhere | None]:
        """What other processes make of the inputs, in their order; None for each that is to be changed here."""
        from fargate_guard.workflows.definition_inputs import Kind
        from fargate_guard.workflows.in_processes import Child, parts_of

        files = all(one.kind is Kind.FILE for one in inputs)
        apart = files and len(inputs) >= 2 * LEAST_APART and self.findings is None and change.prepare_apart()
        own, *others = parts_of(inputs, LEAST_APART if apart else len(inputs))
        with contextlib.ExitStack() as children:
            begun = [
                children.enter_context(Child(partial(self._part, part, read, change), self.replacement.discard))
                for part in others
            ]
            yield from [None] * len(own)
            for part, child in zip(others, begun, strict=True):
                done = child.result(lambda found: self.replacement.take_over(found[1]))
                yield from [None] * len(part) if done is None else done[0]

    def _part(
        self, inputs: Sequence[Input], read: Callable[[Input], Source], change: Change
    ) -> tuple[list[Elsewhere | None], Mapping[str, str]]:
        """What is worked out in another process: also the new files beside their targets."""
        from fargate_guard.workflows.definition_files import changed

        found = (changed(one, read, change) for one in inputs)
        done = [None if one is None else Elsewhere(self._told(one), self._prepared(one)) for one in found]
        return done, self.replacement.prepared


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
    read = reader(run)
    with Replacement() as replacement:
        report = Report(run, options, replacement, findings=findings)
        with contextlib.closing(report.elsewhere(inputs, read, change)) as elsewhere:
            for outcome in change_all(inputs, read, change, elsewhere):
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


def _lines(one: Changed) -> Iterator[str]:
    """What became of each container."""
    for container in one.result.containers:
        state = "instrumented" if container.instrumented else "not instrumented"
        state = "instrumented in some cases only" if container.in_some_cases else state
        more = "" if container.reason == state else container.reason.removeprefix(f"{state}; ")
        reason = f" ({more})" if more else ""
        resource = f"{container.resource}: " if container.resource else ""
        yield f"{one.input.shown_name}: {resource}container {container.name}: {state}{reason}"


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

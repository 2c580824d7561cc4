"""Task definitions and templates: each is read, changed and handed on, so that memory does not grow with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from fargate_guard.errors import UsageError
from fargate_guard.taskdef import NotATaskDefinitionError, TaskDefinitionError, diff
from fargate_guard.workflows.definition_inputs import Input, Kind
from fargate_guard.workflows.replacement import takes_a_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from fargate_guard.formats import Source
    from fargate_guard.taskdef import Instrumented, Json, Notice, Restored
    from fargate_guard.workflows.found_files import PassedOver


@dataclass(frozen=True, eq=False, repr=False)
class Changed:
    """One input and what became of it."""

    input: Input
    source: Source
    result: Instrumented | Restored
    definition: Json
    """What is written: the result's, or that as RegisterTaskDefinition takes it."""
    warnings: tuple[Notice, ...]

    @property
    def changed(self) -> bool:
        """Whether what is written differs from what was read."""
        return self.result.changed or self.definition is not self.result.definition

    @cached_property
    def text(self) -> str:
        """The result, laid out like the input."""
        return self.source.write(self.definition)

    @property
    def difference(self) -> str:
        """A unified diff of the input's text and the result's; of both indented where the input is one line."""
        if "\n" not in self.source.text.strip():
            return diff(self.source.value, self.definition, self.input.shown_name)
        return diff(self.source.text, self.text, self.input.shown_name)


class Refused(NamedTuple):
    """One input that cannot be changed correctly."""

    input: Input
    errors: tuple[TaskDefinitionError, ...]
    """At least one; where they are begins with the input's name."""
    source: Source | None = None
    """None where it could not be read."""


class Skipped(NamedTuple):
    """A file that was found, not named, and is something else."""

    input: Input
    reason: str
    broken: TaskDefinitionError | None = None
    """Set where it is neither JSON nor YAML, so that nobody knows what it was to be."""


Outcome = Changed | Refused | Skipped
Elsewhere = TypeVar("Elsewhere")


class LaterError(Exception):
    """Raised by a change that must first see the other inputs; it is tried once more, after them."""


class RefusedError(Exception):
    """Raised by a change that has several things against an input."""

    def __init__(self, errors: Sequence[TaskDefinitionError]) -> None:
        super().__init__(str(errors[0]))
        self.errors = tuple(errors)


class Change(Protocol):
    """What is done to each input."""

    def apply(self, one: Input, source: Source) -> Changed:
        """Return what becomes of it.

        :raises TaskDefinitionError: it is refused.
        :raises RefusedError: for several reasons.
        :raises LaterError: the other inputs have to be seen first.
        """

    def prepare_again(self) -> None:
        """Get ready for what was to come later; all other inputs have been seen."""

    def prepare_apart(self) -> bool:
        """Get ready to be applied in several processes; False where one input is noted for another."""


class Destination(NamedTuple):
    """Where results go: exactly one of the fields is set, or none for standard output."""

    output: Path | None = None
    output_dir: Path | None = None
    in_place: bool = False

    @property
    def writes(self) -> bool:
        """Whether files are written."""
        return self.in_place or self.output is not None or self.output_dir is not None

    def check(self, inputs: Sequence[Input]) -> None:
        """Refuse what does not fit together.

        :raises UsageError: with the option to use instead.
        """
        if sum([self.output is not None, self.output_dir is not None, self.in_place]) > 1:
            raise UsageError("give only one of --output, --output-dir and --in-place")
        if self.output is not None and len(inputs) > 1:
            raise UsageError(
                "--output takes one file; there are several", fix="use --output-dir DIR or --in-place"
            )
        if self.output is not None and self.output.is_dir():
            raise UsageError("--output is a folder", where=str(self.output), fix=f"use --output-dir {self.output}")
        for one in inputs:
            self._check_input(one)
        if self.output_dir is not None:
            seen: set[str] = set()
            for one in inputs:
                if str(one.relative) in seen:
                    raise UsageError(
                        f"two files are called {one.relative}; --output-dir would write one over the other",
                        fix="name the folder above them instead, or one at a time",
                    )
                seen.add(str(one.relative))

    def _check_input(self, one: Input) -> None:
        if one.kind is Kind.STANDARD_INPUT and (self.in_place or self.output_dir is not None):
            raise UsageError("standard input has no name to write to", fix="use --output FILE, or a pipe")
        if self.in_place and one.kind is Kind.LIVE:
            raise UsageError(
                "--in-place replaces files, and this is no file but a task definition in ECS",
                where=one.name,
                fix="use --output FILE, then register it: "
                "aws ecs register-task-definition --cli-input-json file://FILE (with --for-registration)",
            )
        if self.in_place and takes_a_stream(one.path):
            raise UsageError(
                "--in-place replaces files, and this is a pipe or a device",
                where=one.name,
                fix="use --output FILE",
            )

    def path_for(self, one: Input) -> Path | None:
        """The file to write; None for standard output."""
        if self.output is not None:
            return self.output
        if self.output_dir is not None:
            return self.output_dir / one.relative
        return one.path if self.in_place else None


def change_all(
    inputs: Sequence[Input],
    read: Callable[[Input], Source],
    change: Change,
    elsewhere: Iterable[Elsewhere | None] = repeat(None),
) -> Iterator[Outcome | Elsewhere]:
    """Read every input and change it, one after the other; nothing is written.

    What must wait for the others comes last.

    :param read: raises NotATaskDefinitionError for what holds none.
    :param elsewhere: what another process made of each input, handed on as it is; None where none did.
    :raises UsageError: an input cannot be read, or none of them holds a task definition.
    """
    later: list[tuple[Input, Source | None]] = []
    skipped = 0
    for one, done in zip(inputs, elsewhere, strict=False):
        if done is not None:
            yield done
            continue
        outcome = _outcome(one, None, read, change)
        if isinstance(outcome, _Later):
            later.append((one, None if one.kind is Kind.FILE else outcome.source))
            continue
        skipped += isinstance(outcome, Skipped)
        yield outcome
    if later:
        change.prepare_again()
    for one, source in later:
        again = _outcome(one, source, read, change)
        assert not isinstance(again, _Later)  # noqa: S101 - a change asks for that once
        yield again
    if skipped and skipped == len(inputs):
        raise NotATaskDefinitionError("none of these files holds a task definition or a template")


def changed(one: Input, read: Callable[[Input], Source], change: Change) -> Changed | None:
    """Read one input and change it; None where there is more to tell of it than that it was changed."""
    outcome = _outcome(one, None, read, change)
    return outcome if isinstance(outcome, Changed) else None


class _Later(NamedTuple):
    source: Source


def _outcome(
    one: Input, source: Source | None, read: Callable[[Input], Source], change: Change
) -> Outcome | _Later:
    try:
        source = source or read(one)
        return change.apply(one, source)
    except LaterError:
        assert source is not None  # noqa: S101 - what was not read cannot be put off
        return _Later(source)
    except TaskDefinitionError as error:
        left_out = None if one.asked else _passed_over(one, source, error)
        if left_out is not None:
            return Skipped(one, left_out.reason, in_file(one, error) if left_out.is_broken else None)
        several: Sequence[TaskDefinitionError] = getattr(error, "refusals", (error,))  # in a template
        return Refused(one, tuple(in_file(one, each) for each in several), source)
    except RefusedError as refused:
        return Refused(one, tuple(in_file(one, error) for error in refused.errors), source)


def _passed_over(one: Input, source: Source | None, error: TaskDefinitionError) -> PassedOver | None:
    from fargate_guard.workflows.found_files import passed_over  # only what is left out should cost this

    return passed_over(one, source, error)


def in_file(one: Input, error: TaskDefinitionError) -> TaskDefinitionError:
    """Return the error with the input's name before the JSON path."""
    where = f"{one.shown_name}: {error.where}" if error.where else one.shown_name
    located = TaskDefinitionError(
        error.message, where=where, why=error.why, fix=error.fix, exit_code=error.exit_code
    )
    located.__cause__ = error
    return located

"""Instrumenting and undoing as changes of inputs: settings per file, images, warnings."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef import Notice, TaskDefinitionError
from fargate_guard.taskdef.definition import locate
from fargate_guard.taskdef.errors import PREFLIGHT_REFUSED
from fargate_guard.taskdef.preflight import check_task
from fargate_guard.workflows import definition_kinds
from fargate_guard.workflows.agent_settings import fits_any, is_pattern
from fargate_guard.workflows.definition_files import Changed, LaterError, RefusedError
from fargate_guard.workflows.unused_options import UnusedOptions, not_allowed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fargate_guard.formats import Source
    from fargate_guard.taskdef import ImageNeed, Json, Settings
    from fargate_guard.taskdef.known_fields import FieldTree
    from fargate_guard.workflows.definition_inputs import Input
    from fargate_guard.workflows.image_lookup import ImageLookup
    from fargate_guard.workflows.instrumentation import FileSettings


class Handling(NamedTuple):
    """What is done beside the change itself."""

    parameters: Mapping[str, str] = MappingProxyType({})
    """Values of a template's parameters, and of pseudo parameters such as ``AWS::Region``."""
    for_registration: bool = False
    strict: bool = False
    """Warnings are refusals."""
    cache: Path | None = None
    """The user's folder for what can be got again."""

    def known_fields(self) -> FieldTree:
        """What ECS knows, from botocore's model."""
        from fargate_guard.aws.ecs_fields import register_task_definition_fields

        return register_task_definition_fields(self.cache)


class Undoing:
    """``uninstrument`` for each input."""

    def __init__(self, handling: Handling) -> None:
        self._handling = handling

    def apply(self, one: Input, source: Source) -> Changed:
        """Undo one."""
        result = definition_kinds.restored(source, self._handling.parameters)
        definition = _as_asked(source, result.definition, self._handling)
        _refuse_warnings(result.warnings, self._handling)
        return Changed(one, source, result, definition, result.warnings)

    def prepare_again(self) -> None:
        """Nothing is ever put off."""

    def prepare_apart(self) -> bool:
        """Nothing is noted."""
        if self._handling.for_registration:
            self._handling.known_fields()
        return True


class Instrumenting:
    """``instrument`` for each input; inputs whose images nobody knows yet wait for one look-up of all of them."""

    def __init__(self, settings: FileSettings, lookup: ImageLookup, handling: Handling, *, alone: bool) -> None:
        """Get ready.

        :param alone: whether there is one input only; then a container to leave out must be in it.
        """
        self._settings = settings
        self._lookup = lookup
        self._handling = handling
        self._alone = alone
        self._asked_for = dict.fromkeys(settings.common.ignore_containers, False)
        """Name or pattern of a container to leave out → whether an input has one."""
        self._unused = UnusedOptions.of(settings.common.ignore_labels, handling.parameters)
        self._put_off: list[ImageNeed] = []

    @cached_property
    def _known(self) -> FieldTree:
        return self._handling.known_fields()

    def apply(self, one: Input, source: Source) -> Changed:
        """Instrument one."""
        settings = self._settings_for(one, source)
        self._unused.see(source)
        self._check_answers_by_hand(source, settings)
        if settings.pin_digests:
            self._ask_for_images(source, settings)
        try:
            result = definition_kinds.instrumented(
                source, settings, self._lookup.images, self._handling.parameters, alone=self._alone
            )
        except TaskDefinitionError:
            self._ask_for_images(source, settings)
            raise
        warnings = (
            *result.warnings,
            *definition_kinds.field_notices(source, lambda: self._known),
            *not_allowed(source, self._handling.parameters),
        )
        _refuse_warnings(warnings, self._handling)
        definition = _as_asked(source, result.definition, self._handling, lambda: self._known)
        return Changed(one, source, result, definition, warnings)

    def prepare_again(self) -> None:
        """Look all images up together."""
        self._lookup.ask(self._put_off)

    def prepare_apart(self) -> bool:
        """What names containers, labels or parameters is looked for in all inputs together."""
        noted = self._asked_for or self._unused.labels or self._unused.parameters
        return not noted and not self._lookup.images.by_container and bool(self._known)

    def left_over(self) -> list[TaskDefinitionError | Notice]:
        """What no input had a use for: a container to leave out, an answer about an image.

        A pattern is warned about, everything else refused.
        """
        unused = [*self._lookup.for_nobody(), *self._unused.left_over(strict=self._handling.strict)]
        if self._alone:
            return unused
        missing = [name for name, found in self._asked_for.items() if not found]
        return [*unused, *(_nowhere(name, strict=self._handling.strict) for name in missing)]

    def _settings_for(self, one: Input, source: Source) -> Settings:
        common = self._settings.common
        asked, present = common.ignore_containers, self._settings.where_present
        more = self._settings.ignored_in(one.path)
        if present or (asked and not self._alone):
            names = definition_kinds.container_names(source)
            more += tuple(name for name in present if fits_any(names, name))
            if not self._alone:
                asked = tuple(name for name in asked if fits_any(names, name))
                self._asked_for.update(dict.fromkeys(asked, True))
        if asked is common.ignore_containers and not more:
            return common
        return replace(common, ignore_containers=(*asked, *more))

    def _ask_for_images(self, source: Source, settings: Settings) -> None:
        """Put the input off until its images are known, or refuse it when they cannot be, or would not help."""
        needs = definition_kinds.image_needs(source, settings, self._handling.parameters)
        unknown = [need for need in needs if not self._lookup.images.answers(need)]
        if not unknown:
            return
        if not source.is_template:
            tuple(check_task(locate(source.value), settings))
        if not self._lookup.knows(unknown):
            self._put_off += unknown
            raise LaterError
        raise RefusedError([self._lookup.refusal(need) for need in unknown])

    def _check_answers_by_hand(self, source: Source, settings: Settings) -> None:
        """An answer must be for somebody; for one half of the argv, it must not let the other half be lost."""
        if self._lookup.images.by_container:
            self._lookup.saw(definition_kinds.answerable_names(source))
        if not self._lookup.half_answers:
            return
        for need in definition_kinds.image_needs(source, settings, self._handling.parameters):
            error = self._lookup.half_answer(need, source.value)
            if error is not None:
                raise error


def _nowhere(name: str, *, strict: bool) -> TaskDefinitionError | Notice:
    if is_pattern(name) and not strict:
        return Notice("--ignore-container", f"no container fits the pattern {name}")
    return TaskDefinitionError(
        f"there is no container {name} to leave out",
        why="none of the files has one; one that is to stay as it is could be instrumented",
        fix="correct or remove the name: --ignore-container",
    )


def _as_asked(
    source: Source, definition: Json, handling: Handling, known: Callable[[], FieldTree] | None = None
) -> Json:
    if not handling.for_registration:
        return definition
    return definition_kinds.for_registration(source, definition, (known or handling.known_fields)())


def _refuse_warnings(warnings: tuple[Notice, ...], handling: Handling) -> None:
    if handling.strict and warnings:
        raise RefusedError(
            [
                TaskDefinitionError(
                    warning.message,
                    where=warning.where,
                    why="--strict makes this warning an error",
                    fix="change what it points at; or leave out --strict, and it stays a warning",
                    exit_code=PREFLIGHT_REFUSED,
                )
                for warning in warnings
            ]
        )

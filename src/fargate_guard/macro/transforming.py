"""One call of the macro: the fragment instrumented, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from fargate_guard.cloudformation import instrument_template, template_image_needs
from fargate_guard.cloudformation.resolving import Resolver
from fargate_guard.cloudformation.resources import task_definitions
from fargate_guard.macro.parameters import read_parameters
from fargate_guard.macro.settings import settings_for
from fargate_guard.macro.wording import advice
from fargate_guard.taskdef import Images, NotATaskDefinitionError, Notice, TaskDefinitionError
from fargate_guard.taskdef.errors import PREFLIGHT_REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fargate_guard.macro.event import Request
    from fargate_guard.macro.journal import Journal
    from fargate_guard.macro.scope import Scope
    from fargate_guard.macro.settings import MacroSettings, TemplateSettings
    from fargate_guard.taskdef import ContainerOutcome, ImageNeed, Instrumented, Json

    LookUp = Callable[[Sequence[ImageNeed]], Images]

NOTHING = "nothing in this template is instrumented"


@dataclass(slots=True)
class Transforming:
    """Instruments one fragment, and writes down what became of every container."""

    request: Request
    scope: Scope
    journal: Journal

    def fragment(self, installed: MacroSettings, look_up: LookUp) -> Json:
        """Return the fragment that CloudFormation goes on with.

        :param look_up: finds out what images run; called at most once, only where that was asked for.
        :raises TaskDefinitionError: something cannot be instrumented correctly.
        """
        template = self.scope.template
        values = {**self.request.parameters, **self.request.pseudo_parameters}
        given = read_parameters(self.request.params, Resolver(template, values))
        asked = settings_for(installed, given, self.request.region)
        try:
            self._check_answers(asked)
            settings = asked.ignoring(tuple(self._present(asked.ignore_where_present)))
            images = asked.images
            if asked.image_lookup:
                needs = template_image_needs(template, settings, values)
                unknown = [one for one in needs if not images.answers(one)]
                images = Images(look_up(unknown).by_image, images.by_container) if unknown else images
            result = instrument_template(template, settings, images, values)
        except NotATaskDefinitionError as error:
            if error.where != "$.Resources":
                raise
            self._warn(self._modules(), strict=asked.strict)
            return self._nothing(error, strict=asked.strict)
        self._report(result, strict=asked.strict)
        return self.scope.fragment(result.definition)

    def _modules(self) -> tuple[Notice, ...]:
        """A module's own resources are not in the fragment, so that a task definition in one is not seen.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/modules.html
        """
        resources = self.scope.template["Resources"]
        return tuple(
            Notice(f"$.Resources.{logical_id}", f"what the module {resource['Type']} holds is not instrumented")
            for logical_id, resource in resources.items()
            if isinstance(resource, dict) and str(resource.get("Type", "")).endswith("::MODULE")
        )

    def _nothing(self, error: TaskDefinitionError, *, strict: bool) -> Json:
        """There is no task definition for Fargate: not what a template with this macro is for, but harmless."""
        why = f"{error.message}; {error.why}" if error.why else error.message
        if strict or not self.scope.whole:
            raise TaskDefinitionError(
                NOTHING, where=error.where, why=why, fix="remove the transform, or its parameter Strict"
            )
        self.journal.line("WARN", "nothing", message=f"{NOTHING}: {why}")
        return self.request.fragment

    def _report(self, result: Instrumented, *, strict: bool) -> None:
        by_resource: dict[str, list[ContainerOutcome]] = {}
        for one in result.containers:
            by_resource.setdefault(one.resource, []).append(one)
            self.journal.line(
                "INFO",
                "container",
                resource=self._resource(one.resource),
                container=one.name,
                path=self.scope.path(one.path),
                instrumented=one.instrumented,
                in_some_cases=one.in_some_cases,
                reason=one.reason,
            )
        for logical_id, outcomes in by_resource.items():
            done = sum(one.instrumented or one.in_some_cases for one in outcomes)
            self.journal.line(
                "INFO",
                "resource",
                resource=self._resource(logical_id),
                containers=len(outcomes),
                instrumented=done,
                left_alone=len(outcomes) - done,
            )
        self._warn((*result.warnings, *self._modules()), strict=strict)
        if not any(one.instrumented or one.in_some_cases for one in result.containers):
            reasons = "; ".join(dict.fromkeys(f"{one.name}: {one.reason}" for one in result.containers))
            if strict:
                raise TaskDefinitionError(
                    NOTHING,
                    where="$.Resources",
                    why=f"every container is left out ({reasons})",
                    fix="leave out Strict, or fewer containers",
                )
            self.journal.line("WARN", "nothing", message=f"{NOTHING}: every container is left out")

    def _warn(self, notices: Sequence[Notice], *, strict: bool) -> None:
        for notice in notices:
            self.journal.line(
                "WARN", "warning", path=self.scope.path(notice.where), message=advice(notice.message)
            )
        if strict and notices:
            raise TaskDefinitionError(
                notices[0].message,
                where=notices[0].where,
                why=f"Strict makes warnings errors ({len(notices)} here)",
                fix="change what it points at, or leave out Strict",
            )

    def _resource(self, logical_id: str) -> str:
        return logical_id if self.scope.kind in ("template", "resources") else ""

    def _present(self, ignored: tuple[str, ...]) -> Iterator[str]:
        names = {name for _, name in self._names() if name is not None} if ignored else set()
        return (one for one in ignored if any(fnmatchcase(name, one) for name in names))

    def _check_answers(self, asked: TemplateSettings) -> None:
        """An answer about an image must be for somebody; where a function gives a name, that cannot be told."""
        names = list(self._names())
        if any(name is None for _, name in names):
            return
        there = {name for _, name in names} | {f"{logical_id}/{name}" for logical_id, name in names}
        for container in asked.images.by_container:
            if container not in there:
                raise TaskDefinitionError(
                    f"there is no container {container} to answer for",
                    where="Parameters.Images of the transform",
                    why=f"there is {', '.join(sorted(name for _, name in names if name)) or 'none'}",
                    fix="correct or remove the name in Images",
                    exit_code=PREFLIGHT_REFUSED,
                )

    def _names(self) -> Iterator[tuple[str, str | None]]:
        """Logical ID and name of every container; None where a function gives the name."""
        for resource in task_definitions(self.scope.template):
            for name in _names_in(resource.properties.get("ContainerDefinitions")):
                yield resource.logical_id, name if isinstance(name, str) else None


def _names_in(value: Json) -> Iterator[Json]:
    """The names of everything that has an image, also within ``Fn::If``."""
    if isinstance(value, dict):
        if "Name" in value and "Image" in value:
            yield value["Name"]
            return
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _names_in(item)

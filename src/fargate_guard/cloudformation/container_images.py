"""Which image each container of a template has, and what of that decides it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.cloudformation.cases import Cases
from fargate_guard.cloudformation.explaining import translated_container
from fargate_guard.cloudformation.intrinsics import Opaque
from fargate_guard.cloudformation.paths import Paths
from fargate_guard.cloudformation.reporting import in_words
from fargate_guard.cloudformation.resources import CONTAINERS, task_definitions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.cloudformation.cases import Concrete
    from fargate_guard.cloudformation.resources import Resource
    from fargate_guard.taskdef import Json
    from fargate_guard.taskdef.explanation import ContainerExplanation

_INDEX = rf"\$\.{CONTAINERS}\[(\d+)\]"
_NO_PARAMETERS: Mapping[str, str] = {}


class ContainerInTemplate(NamedTuple):
    """One container of a template; one for each outcome of the conditions that makes a difference to it."""

    resource: str
    """Logical ID."""
    when: str
    """The first outcome with it (``IsProd is true``); empty where there is no other."""
    explained: ContainerExplanation
    """Its path is the template's."""
    image: str
    """As resolved, or the function in short words; empty where there is none."""
    known: bool
    """Whether the image is known before the template is deployed."""
    defaults: tuple[str, ...]
    """Parameters whose defaults give the image."""


def template_containers(
    template: Json, parameters: Mapping[str, str] = _NO_PARAMETERS
) -> tuple[ContainerInTemplate, ...]:
    """Tell the image of every container of a template; the sidecar is not among them.

    :param parameters: values of the template's parameters, and of pseudo parameters (``AWS::Region``).
    :raises NotATaskDefinitionError: not a template, or one without task definitions.
    :raises TaskDefinitionError: one cannot be read.
    """
    cases = Cases(template, parameters)
    return tuple(one for resource in task_definitions(template) for one in _of_resource(resource, cases))


def _of_resource(resource: Resource, cases: Cases) -> Iterator[ContainerInTemplate]:
    found: dict[str, dict[ContainerInTemplate, str]] = {}
    for case in cases.of(resource):
        for one in _of_case(resource, case):
            found.setdefault(one.explained.path, {}).setdefault(one, in_words(case.conditions))
    for variants in found.values():
        for one, words in variants.items():
            when = words if len(variants) > 1 else ""
            yield ContainerInTemplate(one.resource, when, one.explained, one.image, one.known, one.defaults)


def _of_case(resource: Resource, case: Concrete) -> Iterator[ContainerInTemplate]:
    from fargate_guard.taskdef import explain  # only explaining should cost this

    paths = Paths(resource, case)
    for explained in explain(case.definition).containers:
        place = re.fullmatch(_INDEX, explained.path)
        image = case.definition[CONTAINERS][int(place[1])].get("Image") if place else None
        source = image.source if isinstance(image, Opaque) else None
        yield ContainerInTemplate(
            resource.logical_id,
            "",
            translated_container(explained, paths),
            str(image) if isinstance(image, str) else "",
            isinstance(image, str) and (image.known if isinstance(image, Opaque) else True),
            tuple(sorted(source.defaults)) if source is not None else (),
        )

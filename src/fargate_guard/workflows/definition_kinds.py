"""Task definitions and CloudFormation templates, treated alike.

``cloudformation/`` is imported only when there is a template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard import taskdef
from fargate_guard.errors import UsageError
from fargate_guard.taskdef.definition import Shape, locate
from fargate_guard.taskdef.known_fields import registrable, unknown_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fargate_guard.formats import Source
    from fargate_guard.taskdef import ImageNeed, Images, Instrumented, Json, Notice, Restored, Settings
    from fargate_guard.taskdef.explanation import Explanation
    from fargate_guard.taskdef.known_fields import FieldTree

TASK_DEFINITION = "AWS::ECS::TaskDefinition"


def image_needs(source: Source, settings: Settings, parameters: Mapping[str, str]) -> tuple[ImageNeed, ...]:
    """Return the images that must be known before :func:`instrumented` can be certain."""
    if not source.is_template:
        return taskdef.image_needs(source.value, settings)
    from fargate_guard.cloudformation import template_image_needs

    return template_image_needs(source.value, settings, parameters)


def instrumented(
    source: Source, settings: Settings, images: Images, parameters: Mapping[str, str], *, alone: bool = False
) -> Instrumented:
    """Instrument what an input holds.

    :param alone: nothing else is to be done: the task definitions of a template may have all processors.
    :raises TaskDefinitionError: it cannot be, correctly.
    """
    if not source.is_template:
        return taskdef.instrument(source.value, settings, images)
    from fargate_guard.cloudformation import instrument_template
    from fargate_guard.workflows.in_processes import share_out

    if alone:
        return instrument_template(source.value, settings, images, parameters, share_out)
    return instrument_template(source.value, settings, images, parameters)


def restored(source: Source, parameters: Mapping[str, str]) -> Restored:
    """Undo the instrumentation of what an input holds.

    :raises TaskDefinitionError: it cannot be read.
    """
    if not source.is_template:
        return taskdef.restore(source.value)
    from fargate_guard.cloudformation import restore_template

    return restore_template(source.value, parameters)


def explained(source: Source, parameters: Mapping[str, str]) -> tuple[tuple[str, Explanation], ...]:
    """Tell what is instrumented in an input, by logical ID; the ID is empty where it is no template.

    :raises TaskDefinitionError: it cannot be read.
    """
    if not source.is_template:
        from fargate_guard.taskdef import explain

        return (("", explain(source.value)),)
    from fargate_guard.cloudformation import explain_template

    return tuple(explain_template(source.value, parameters))


def container_names(source: Source) -> frozenset[str]:
    """Return the names of the containers that are written as text."""
    if not source.is_template:
        return taskdef.container_names(source.value)
    resources = source.value["Resources"].values()
    found = (one for one in resources if isinstance(one, dict) and one.get("Type") == TASK_DEFINITION)
    return frozenset(name for one in found for name in _names(one.get("Properties")))


def answerable_names(source: Source) -> frozenset[str] | None:
    """Return how answers by hand may name the containers: ``web``, and in a template ``LogicalId/web``, too.

    None where a name is not written as text, so that it cannot be told.
    """
    if not source.is_template:
        return taskdef.container_names(source.value)
    found: set[str] = set()
    for logical_id, resource in source.value["Resources"].items():
        if not isinstance(resource, dict) or resource.get("Type") != TASK_DEFINITION:
            continue
        names = list(_all_names(resource.get("Properties")))
        if not names or not all(isinstance(name, str) for name in names):
            return None
        found |= {each for name in names for each in (name, f"{logical_id}/{name}")}
    return frozenset(found)


def _names(value: Json) -> Iterator[str]:
    """The names of everything that has an image, where they are written as text."""
    yield from (name for name in _all_names(value) if isinstance(name, str))


def _all_names(value: Json) -> Iterator[Json]:
    """The names of everything that has an image."""
    if isinstance(value, dict):
        if "Name" in value and "Image" in value:
            yield value["Name"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _all_names(item)


def shape(source: Source) -> str:
    """Return what the input is, in a word for reports."""
    return "CloudFormation template" if source.is_template else locate(source.value).shape.value


def field_notices(source: Source, known: Callable[[], FieldTree]) -> tuple[Notice, ...]:
    """Return a notice for each field that ECS does not know; cfn-lint does that for templates."""
    return () if source.is_template else unknown_fields(source.value, known())


def for_registration(source: Source, definition: Json, known: FieldTree) -> Json:
    """Return a result as RegisterTaskDefinition takes it.

    :raises UsageError: a template, or an array of containers, cannot be registered.
    """
    if source.is_template:
        raise UsageError(
            "--for-registration is for task definitions, and this is a CloudFormation template",
            fix="leave the option out; CloudFormation registers what is in the template",
        )
    if locate(definition).shape is Shape.CONTAINERS:
        raise UsageError(
            "--for-registration is for task definitions, and this is an array of container definitions",
            fix='leave the option out, or wrap it: {"family": "…", "containerDefinitions": […]}',
        )
    return registrable(definition, known)

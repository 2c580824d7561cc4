"""What the image of each container runs, and how that is known."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from fargate_guard.taskdef import Settings, TaskDefinitionError
from fargate_guard.taskdef.recipes import DEFAULT_VERSIONS
from fargate_guard.workflows import definition_kinds
from fargate_guard.workflows.definition_files import in_file
from fargate_guard.workflows.json_places import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fargate_guard.errors import FguardError
    from fargate_guard.formats import Source
    from fargate_guard.taskdef import ImageNeed, Json
    from fargate_guard.taskdef.explanation import ContainerExplanation
    from fargate_guard.workflows.definition_inputs import Input
    from fargate_guard.workflows.image_lookup import ImageLookup

TASK_DEFINITION = "task definition"

_UNTOLD = TaskDefinitionError(
    "which image it is cannot be told from the template",
    why="it refers to what is only known when the template is deployed",
    fix="give what it refers to: --parameter NAME=VALUE, --parameter AWS::Region=REGION",
)


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """One container and its image."""

    source: str
    """The input's name."""
    resource: str | None
    """Logical ID in a template."""
    when: str | None
    """How the template's conditions come out (``IsProd is true``), where they make a difference."""
    container: str
    image: str | None
    """As resolved in a template, or the function in short words; None where it is not written as text."""
    image_note: str | None
    """How far the image is known: ``from the default of parameter Image``; None where it is written as text."""
    architecture: str | None
    """None where nothing had to be asked."""
    entry_point: tuple[str, ...] | None
    """None where it is not known; empty where there is none."""
    command: tuple[str, ...] | None
    digest: str | None
    """Of what was inspected; None where nothing was."""
    known_from: str | None
    """``task definition``, ``registry``, ``cache``, or the flags that answered; None where it is not known."""
    error: dict[str, str | None] | None
    """Why it is not known."""


@dataclass(frozen=True, slots=True)
class _Container:
    source: str
    resource: str
    when: str
    explained: ContainerExplanation
    image: str | None
    image_note: str | None
    image_is_known: bool
    need: ImageNeed | None
    half_answer: TaskDefinitionError | None


def image_report(
    sources: Iterable[tuple[Input, Source]],
    lookup: ImageLookup,
    parameters: Mapping[str, str],
    *,
    digests: bool,
) -> list[ContainerImage]:
    """Tell what every container runs; images that must be asked are asked side by side.

    :param digests: ask also for the digests of images whose containers say themselves what they run.
    :raises TaskDefinitionError: an input cannot be read, or an answer by hand is for no container.
    """
    settings = Settings(
        topology="orchestrator",
        agent_version=DEFAULT_VERSIONS["orchestrator"],
        orchestrator_host="of-no-importance.invalid",
        execution_role_supplied=True,
        pin_digests=digests,
    )
    containers = [
        container
        for one, source in sources
        for container in _containers(one, source, settings, parameters, lookup)
    ]
    for refusal in lookup.for_nobody():
        raise refusal
    lookup.ask([container.need for container in containers if container.need is not None])
    return [_report(container, lookup) for container in containers]


def _containers(
    one: Input, source: Source, settings: Settings, parameters: Mapping[str, str], lookup: ImageLookup
) -> Iterator[_Container]:
    lookup.saw(definition_kinds.answerable_names(source))
    try:
        needs = _needs(source, settings, parameters)
    except TaskDefinitionError as error:
        raise in_file(one, error) from None
    if source.is_template:
        yield from _in_template(one, source, needs, parameters, lookup)
        return
    for _, explanation in definition_kinds.explained(source, parameters):
        for explained in explanation.containers:
            need = next((need for need in needs if need.container == explained.name), None)
            container, need = _as_it_runs(source, explained, need)
            image = need.image if need else _image_of(source, container.path)
            half_answer = lookup.half_answer(need, source.value) if need else None
            known = image is not None
            yield _Container(one.shown_name, "", "", container, image, None, known, need, half_answer)


def _needs(source: Source, settings: Settings, parameters: Mapping[str, str]) -> list[ImageNeed]:
    """The images to ask; an instrumented container runs what is written in it, whatever its image says by now."""
    needs = definition_kinds.image_needs(source, settings, parameters)
    if not settings.pin_digests:
        return list(needs)
    unpinned = definition_kinds.image_needs(source, replace(settings, pin_digests=False), parameters)
    open_argvs = {(need.resource, need.container, need.image) for need in unpinned}
    return [need._replace(argv=(need.resource, need.container, need.image) in open_argvs) for need in needs]


def _as_it_runs(
    source: Source, explained: ContainerExplanation, need: ImageNeed | None
) -> tuple[ContainerExplanation, ImageNeed | None]:
    """What a container runs where its definition says that, and what is still to be asked of its image."""
    if explained.entry_point and need is not None and need.argv:  # the image counts in another case of a template
        return explained, need._replace(argv=False) if need.digest else None
    if not explained.instrumented or explained.entry_point or (need is not None and need.argv):
        return explained, need
    _, container = steps_of(source.value, explained.path)
    command = next((value for key, value in _fields(container) if key.lower() == "command"), None) or ()
    split = max(0, len(explained.runs) - len(command))
    split = split if list(explained.runs[split:]) == command else len(explained.runs)
    return replace(explained, entry_point=explained.runs[:split], command=explained.runs[split:]), need


def _in_template(
    one: Input, source: Source, needs: Iterable[ImageNeed], parameters: Mapping[str, str], lookup: ImageLookup
) -> Iterator[_Container]:
    from fargate_guard.cloudformation import template_containers

    by_place = {(need.resource, need.container, need.image): need for need in needs}
    for found in template_containers(source.value, parameters):
        need = by_place.get((found.resource, found.explained.name, found.image))
        explained, need = _as_it_runs(source, found.explained, need)
        note = None if found.known else "only known when it is deployed"
        if found.defaults:
            note = f"from the default of parameter {', '.join(found.defaults)}"
        yield _Container(
            one.shown_name,
            found.resource,
            found.when,
            explained,
            found.image or None,
            note,
            found.known,
            need,
            lookup.half_answer(need, source.value) if need else None,
        )


def _image_of(source: Source, path: str) -> str | None:
    _, container = steps_of(source.value, path)
    return next(
        (text for key, text in _fields(container) if key.lower() == "image" and isinstance(text, str)), None
    )


def _fields(container: Json) -> Iterable[tuple[str, Json]]:
    return container.items() if isinstance(container, dict) else ()


def _report(container: _Container, lookup: ImageLookup) -> ContainerImage:
    need, explained = container.need, container.explained
    entry_point: tuple[str, ...] | None = explained.entry_point
    command: tuple[str, ...] | None = explained.command
    known_from: str | None = TASK_DEFINITION
    error: FguardError | TaskDefinitionError | None = container.half_answer
    if need is not None and not lookup.images.answers(need):
        error = lookup.error(need)
    if need is None and not explained.entry_point and not explained.instrumented:
        entry_point, known_from = None, None
        error = None if container.image_is_known else _UNTOLD
    if need is not None and need.argv:
        config = lookup.images.find(need) if error is None else None
        known_from = lookup.origin(need) if config else None
        entry_point = config.entry_point if config else None
        command = explained.command or config.command if config else None
    return ContainerImage(
        source=container.source,
        resource=container.resource or None,
        when=container.when or None,
        container=explained.name,
        image=container.image,
        image_note=container.image_note,
        architecture=need.architecture if need else None,
        entry_point=entry_point,
        command=command,
        digest=lookup.images.digest(need) if need else None,
        known_from=known_from,
        error=_document_of(error) if error else None,
    )


def _document_of(error: FguardError | TaskDefinitionError) -> dict[str, str | None]:
    return {"message": error.message, "where": error.where, "why": error.why, "fix": error.fix}


def words(report: Sequence[ContainerImage]) -> str:
    """Return the report for people."""
    lines: list[str] = []
    source = None
    for one in report:
        if one.source != source:
            source = one.source
            lines.append(source)
        name = f"{one.resource}/{one.container}" if one.resource else one.container
        name += f" (when {one.when})" if one.when else ""
        notes = "".join(f" ({note})" for note in (one.architecture, one.image_note) if note)
        lines.append(f"  {name}: {one.image or 'image not written as text'}{notes}")
        if one.error is not None:
            lines += [f"    not known: {one.error['message']}"]
            lines += [f"    {label}: {one.error[label]}" for label in ("why", "fix") if one.error[label]]
        if one.known_from is None and one.error is None:
            lines.append("    not asked: the container is left out")
        if one.known_from is not None:
            lines.append(f"    ENTRYPOINT {json.dumps(one.entry_point, ensure_ascii=False)}")
            lines.append(f"    CMD        {json.dumps(one.command, ensure_ascii=False)}")
            lines += [f"    digest     {one.digest}"] if one.digest else []
            lines.append(f"    from       {one.known_from}")
    return "\n".join(lines)


def documents(report: Sequence[ContainerImage]) -> list[dict[str, Any]]:
    """Return the report as plain data."""
    return [asdict(one) for one in report]

"""Tags, labels and capabilities that decide what is done: told where a default gives them, else refused."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from fargate_guard.cloudformation.resources import CONTAINERS
from fargate_guard.cloudformation.unknowns import TAGS, could_be, refuse, unknown
from fargate_guard.taskdef.recipes import CAPABILITY
from fargate_guard.taskdef.selection import IGNORE_LABEL, INCLUDE_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fargate_guard.taskdef import Json, Settings

    Decided = tuple[str, str, Json]
    """Path, what it is, and the value."""


def tags_that_count(definition: dict[str, Json]) -> Iterator[Decided]:
    """The tags that decide which containers are left out."""
    tags = definition.get("Tags")
    for index, tag in enumerate(tags if isinstance(tags, list) else ()):
        if isinstance(tag, dict) and (tag.get("Key") in TAGS or unknown(tag.get("Key"))):
            yield f"$.Tags[{index}].Key", "the tag's key", tag.get("Key")
            yield f"$.Tags[{index}].Value", "the tag's value", tag.get("Value")


def labels_that_count(container: Json, path: str, settings: Settings) -> Iterator[Decided]:
    """The labels that decide whether a container is left out."""
    labels = container.get("DockerLabels") if isinstance(container, dict) else None
    if isinstance(labels, dict):
        yield from ((f"{path}.DockerLabels", f"the label {key}", labels.get(key)) for key in _deciding(settings))


def capabilities_that_count(container: Json, path: str) -> Iterator[Decided]:
    """The capability that need not be added, since the container has it."""
    value = container
    for key in ("LinuxParameters", "Capabilities", "Add"):
        value = value.get(key) if isinstance(value, dict) else None
    for item in value if isinstance(value, list) else ():
        if item == CAPABILITY:
            yield f"{path}.LinuxParameters.Capabilities.Add", "the capability", item


def check_labels(definition: dict[str, Json], containers: Iterable[int], settings: Settings) -> None:
    """No unknown label decides whether a container is instrumented.

    :param containers: those in which there are functions, by their place.
    :raises TaskDefinitionError: one does.
    """
    for index in containers:
        container = definition[CONTAINERS][index]
        labels = container.get("DockerLabels") if isinstance(container, dict) else None
        if not isinstance(labels, dict) or _is_left_out(str(container.get("Name")), settings):
            continue
        for key, value in labels.items():
            if unknown(value) and _may_decide(key, value, settings):
                what = f"the label {key} of container {container.get('Name')}"
                why = "it decides whether the container is instrumented"
                raise refuse(f"$.{CONTAINERS}[{index}].DockerLabels", what, value, why)


def _may_decide(key: str, value: Json, settings: Settings) -> bool:
    if key == IGNORE_LABEL or (key == INCLUDE_LABEL and settings.opt_in):
        return True
    wanted = [label.partition("=") for label in settings.ignore_labels]
    return could_be(value, [text for name, equals, text in wanted if name == key and equals]) is not None


def _deciding(settings: Settings) -> list[str]:
    return [IGNORE_LABEL, INCLUDE_LABEL, *(label.partition("=")[0] for label in settings.ignore_labels)]


def _is_left_out(name: str, settings: Settings) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in settings.ignore_containers)

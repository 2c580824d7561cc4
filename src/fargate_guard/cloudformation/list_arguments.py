"""Lists that a function gives as a whole, in the place of ``EntryPoint`` and ``Command``: refused where wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.cloudformation.arguments import with_wrapper
from fargate_guard.cloudformation.building import cannot_be_wrapped
from fargate_guard.cloudformation.intrinsics import Opaque
from fargate_guard.cloudformation.resolving import END_OF_ELEMENT
from fargate_guard.cloudformation.resources import CONTAINERS
from fargate_guard.taskdef import TaskDefinitionError
from fargate_guard.taskdef.recipes import INSTRUMENT
from fargate_guard.taskdef.selection import IGNORE_FLAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.taskdef import Json


def check_lists(before: dict[str, Json], after: Json, template: Mapping[str, Json]) -> None:
    """Every list that the core put the wrapper in front of can be written so, and runs something.

    :param before: the resource as the core saw it, in one case; ``after`` is what the core made of it.
    :raises TaskDefinitionError: one cannot, with its container and path.
    """
    for index, container in enumerate(before.get(CONTAINERS, ())):
        if not isinstance(container, dict):
            continue
        own, command = _whole(container.get("EntryPoint")), _whole(container.get("Command"))
        name, path = str(container.get("Name")), f"$.{CONTAINERS}[{index}]"
        if (own is None and command is None) or not _is_wrapped(after, name):
            continue
        if own is not None:
            _check_entry_point(own, name, f"{path}.EntryPoint", template)
        elif command is not None and not container.get("EntryPoint") and _first(command) == "":
            raise _empty(command, name, f"{path}.Command", "Command", "the image's CMD")


def _is_wrapped(definition: Json, name: str) -> bool:
    containers = (one for one in definition.get(CONTAINERS, ()) if isinstance(one, dict))
    entry_points = (one.get("EntryPoint") for one in containers if str(one.get("Name")) == name)
    return any(isinstance(words, list) and words[:1] == [INSTRUMENT] for words in entry_points)


def _check_entry_point(own: Opaque, name: str, where: str, template: Mapping[str, Json]) -> None:
    if with_wrapper(own.intrinsic, template) is None:
        raise cannot_be_wrapped(own, f"container {name}", where, name)
    if _first(own) == "":
        raise _empty(own, name, where, "EntryPoint", "the image's ENTRYPOINT and CMD")


def _whole(value: Json) -> Opaque | None:
    found = value[-1] if isinstance(value, list) and value else None
    return found if isinstance(found, Opaque) and found.is_list else None


def _first(whole: Opaque) -> str | None:
    """The first element; None where it is not known."""
    known = whole.source.known if whole.source is not None else None
    return None if known is None else known.partition(END_OF_ELEMENT)[0]


def _empty(whole: Opaque, name: str, where: str, field: str, instead: str) -> TaskDefinitionError:
    defaults = sorted(whole.source.defaults) if whole.source is not None else []
    origin = f" (the default of parameter {', '.join(defaults)})" if defaults else ""
    give = "give the value that is deployed: " if defaults else "give another value: "
    parameter = defaults[0] if defaults else "NAME"
    return TaskDefinitionError(
        f"the {field} of container {name} is a list whose first element is empty: {whole}{origin}",
        where=where,
        why=f"whether an empty word or {instead} is run then is read differently by Docker and other runtimes",
        fix=f"{give}--parameter {parameter}=PROGRAM,ARGUMENT; or write {field} as a list, or leave it away where "
        f"the image is to decide; or leave the container out: {IGNORE_FLAG} {name}",
    )

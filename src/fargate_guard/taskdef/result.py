"""What instrumenting and undoing report."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fargate_guard.taskdef.fields import Json


class Notice(NamedTuple):
    """Something that does not stop the work but that its user must know."""

    where: str
    """JSON path."""
    message: str


class ContainerOutcome(NamedTuple):
    """What became of one of the user's containers."""

    name: str
    path: str
    """JSON path, for example ``$.containerDefinitions[0]``."""
    instrumented: bool
    """Whether the container is instrumented in the result; in a template, whatever its conditions are."""
    reason: str
    """Why it is, or why it is not; where its argv came from, when that is the image."""
    resource: str = ""
    """Logical ID of the task definition in a template."""
    in_some_cases: bool = False
    """Instrumented under some outcomes of a template's conditions only; the reason tells which."""


class Instrumented(NamedTuple):
    """The result of :func:`~fargate_guard.taskdef.instrument`."""

    definition: Json
    """In the shape of the input, which is left as it was."""
    containers: tuple[ContainerOutcome, ...]
    """The user's containers in their order; the sidecar is not among them."""
    changed: bool
    """False when the definition was instrumented like this already."""
    warnings: tuple[Notice, ...]


class Restored(NamedTuple):
    """The result of :func:`~fargate_guard.taskdef.restore`."""

    definition: Json
    containers: tuple[ContainerOutcome, ...]
    changed: bool
    """False when nothing was instrumented."""
    warnings: tuple[Notice, ...]
    """What could not be derived with certainty, where another tool had instrumented."""

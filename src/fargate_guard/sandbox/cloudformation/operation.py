"""A stack operation under way: its phase, and the work on each resource.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-stack-status-codes
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.sandbox.cloudformation.change_set import ChangeSet
    from fargate_guard.sandbox.cloudformation.dependencies import Graph
    from fargate_guard.sandbox.cloudformation.stack import StackResource
    from fargate_guard.sandbox.cloudformation.target import Target


class Phase(StrEnum):
    """What an operation does now, named after the stack's status."""

    CREATE = "CREATE_IN_PROGRESS"
    ROLLBACK = "ROLLBACK_IN_PROGRESS"
    """Deletes what a failed creation made."""
    UPDATE = "UPDATE_IN_PROGRESS"
    CLEANUP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    """Deletes what an update replaced or removed."""
    UPDATE_ROLLBACK = "UPDATE_ROLLBACK_IN_PROGRESS"
    UPDATE_ROLLBACK_CLEANUP = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
    """Deletes what the failed update made."""
    DELETE = "DELETE_IN_PROGRESS"


FORWARD = frozenset({Phase.CREATE, Phase.UPDATE})


class Do(StrEnum):
    """What is done with one resource; the value is the beginning of its statuses."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    REPLACE = "REPLACE"
    RESTORE = "RESTORE"
    """Back to what it was before a failed update."""
    DELETE = "DELETE"

    @property
    def verb(self) -> str:
        """``CREATE``, ``UPDATE`` or ``DELETE``, as statuses say it."""
        return "UPDATE" if self in {Do.REPLACE, Do.RESTORE} else self.value


class Stage(StrEnum):
    """How far the work on a resource is."""

    WAITING = "waiting"
    STARTED = "started"
    SETTLING = "settling"
    DONE = "done"
    FAILED = "failed"


@dataclass
class Work:
    """The work on one resource."""

    resource: StackResource
    """The record it concerns; of a leftover it is not the stack's record any more."""
    do: Do
    after: frozenset[str] = frozenset()
    """Keys of the works it waits for."""
    stage: Stage = Stage.WAITING
    due: float = 0.0
    begun: float = 0.0
    """When it was begun, by the sandbox's clock."""
    properties: dict[str, object] = field(default_factory=dict)
    """What the resource is to have."""
    old: StackResource | None = None
    """What is replaced, or what is restored."""

    @property
    def active(self) -> bool:
        """Whether it has begun and not ended."""
        return self.stage in {Stage.STARTED, Stage.SETTLING}


@dataclass
class Operation:
    """One stack operation."""

    phase: Phase
    target: Target
    clock: float
    """The moment up to which it has been carried out."""
    token: str | None = None
    """ClientRequestToken."""
    on_failure: str = "ROLLBACK"
    """``ROLLBACK``, ``DO_NOTHING`` or ``DELETE``
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html, OnFailure)."""
    works: dict[str, Work] = field(default_factory=dict)
    """By logical ID; of leftovers with a number."""
    deadline: float | None = None
    change_set: ChangeSet | None = None
    """What was executed."""
    interrupted: bool = False
    """Something failed or the user cancelled: nothing new begins."""
    reason: str | None = None
    """Why it was interrupted, where it is not for a resource's failure."""
    force: bool = False
    """Deletion: keep what cannot be deleted
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html, DeletionMode)."""

    def failed(self) -> list[Work]:
        """Return what went wrong, in the order of the template."""
        return [work for work in self.works.values() if work.stage is Stage.FAILED]


@dataclass
class Before:
    """A stack before an update, kept until the update or its rollback is complete."""

    target: Target
    resources: dict[str, StackResource]
    outputs: list[dict[str, str]]
    at: float
    """When the update began."""
    leftovers: list[StackResource] = field(default_factory=list)
    """Resources that are in use no more once the rollback is complete."""


def deletions(resources: Iterable[StackResource]) -> dict[str, Work]:
    """Return the works that delete resources: what needs another goes first.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-dependson.html
    """
    works: dict[str, Work] = {}
    listed = list(resources)
    keys = {id(resource): f"{resource.logical_id}#{number}" for number, resource in enumerate(listed)}
    for resource in listed:
        needing = {keys[id(other)] for other in listed if resource.logical_id in other.after}
        key = keys[id(resource)]
        works[key] = Work(resource, Do.DELETE, frozenset(needing - {key}))
    return works


def restricted(graph: Graph, logical_ids: Iterable[str]) -> Graph:
    """Return the part of a graph that concerns some resources, with what lies between them taken as a way."""
    wanted = set(logical_ids)
    reached: dict[str, frozenset[str]] = {}

    def before(name: str) -> frozenset[str]:
        if name not in reached:
            found: set[str] = set()
            for other in graph.get(name, frozenset()):
                found |= {other} if other in wanted else before(other)
            reached[name] = frozenset(found)
        return reached[name]

    return {name: before(name) for name in wanted}

"""Faults on request: what can be made to go wrong in the sandbox, and for whom."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import UsageError
from fargate_guard.sandbox.scheduler import wording
from fargate_guard.sandbox.scheduler.lifecycle import Obstacles, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.sandbox.scheduler.model import Container, Task


class FaultKind(StrEnum):
    """What goes wrong."""

    IMAGE_PULL = "image_pull"
    """The task stops with ``CannotPullContainerError``."""
    CONTAINER_EXIT = "container_exit"
    """A container ends with ``exit_code`` right after the start; an essential one takes its task along."""
    CONTAINER_UNHEALTHY = "container_unhealthy"
    """Container health checks fail; a service replaces such tasks."""
    TARGET_UNHEALTHY = "target_unhealthy"
    """The load balancer's health checks fail; a service replaces such tasks."""
    EXEC_AGENT_STOPPED = "exec_agent_stopped"
    """The agent of ECS Exec does not run in a container."""
    NO_ADDRESSES = "no_addresses"
    """The subnets have no address left."""
    THROTTLING = "throttling"
    """ECS answers ThrottlingException beyond its published request quotas."""
    LATENCY = "latency"
    """Calls take ``seconds`` longer."""
    API_ERROR = "api_error"
    """Calls are answered with ``code`` and ``message``."""
    RESOURCE_FAILURE = "resource_failure"
    """CloudFormation fails to create, update or delete a resource, with ``message``."""
    RESOURCE_HANG = "resource_hang"
    """CloudFormation goes on creating, updating or deleting a resource until the fault is removed."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to go wrong. Patterns are shell patterns (``*``, ``?``, ``[...]``), all of which must match."""

    kind: FaultKind
    service: str = "*"
    """Name of the ECS service; a task outside any service has the name ''."""
    family: str = "*"
    """``family`` or ``family:revision`` of the task definition."""
    container: str = "*"
    """Name of the container; ``container_exit`` takes the first essential one that matches."""
    exit_code: int = 1
    aws_service: str = "*"
    """For calls: the service as in an IAM action, e.g. ``ecs``, ``ec2``, ``elasticloadbalancing``."""
    action: str = "*"
    """For calls: the API action, e.g. ``CreateService``; empty in REST APIs such as S3's. For resources:
    ``create``, ``update`` or ``delete``."""
    stack: str = "*"
    """For resources: name of the stack."""
    logical_id: str = "*"
    """For resources: logical ID in the template."""
    resource_type: str = "*"
    """For resources: e.g. ``AWS::ECS::Service``."""
    code: str = "InternalServerError"
    """For ``api_error``: the AWS error code, e.g. ``AccessDeniedException``."""
    message: str = "Asked for by a sandbox fault."
    status: int = 400
    """For ``api_error``: the HTTP status. The SDKs retry 5xx."""
    seconds: float = 0.0
    """For ``latency``."""
    count: int | None = None
    """Ends after so many tasks, calls or resources; None goes on until it is removed."""

    @staticmethod
    def from_json(document: Any) -> Fault:
        """Read a fault from its JSON form.

        :raises UsageError: for unknown keys or a kind that does not exist.
        """
        known = {item.name for item in fields(Fault)}
        if not isinstance(document, dict) or "kind" not in document or not set(document) <= known:
            message = f"A fault is a JSON object with 'kind' and any of {', '.join(sorted(known - {'kind'}))}."
            raise UsageError(message, why=f"got {document!r}")
        try:
            kind = FaultKind(document["kind"])
        except ValueError as error:
            kinds = ", ".join(kind.value for kind in FaultKind)
            message = f"There is no fault of the kind {document['kind']!r}."
            raise UsageError(message, fix=f"Use one of {kinds}.") from error
        return Fault(**{**document, "kind": kind})

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which :meth:`from_json` reads."""
        return asdict(self)


class Faults:
    """The faults in force."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Begin without faults.

        :param on_change: called when something is added or removed.
        """
        self._faults: dict[str, Fault] = {}
        self._hits: dict[str, set[str]] = {}
        self._numbers = itertools.count(1)
        self._on_change = on_change

    def add(self, fault: Fault) -> str:
        """Put a fault in force; return its ID for :meth:`remove`."""
        fault_id = f"fault-{next(self._numbers)}"
        self._hits[fault_id] = set()
        self._faults[fault_id] = fault
        self._on_change()
        return fault_id

    def remove(self, fault_id: str) -> None:
        """End one fault; unknown IDs are ignored."""
        self._faults.pop(fault_id, None)
        self._on_change()

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()
        self._on_change()

    def to_json(self) -> list[dict[str, Any]]:
        """List the faults in force, with ID and hits so far."""
        return [
            {"id": fault_id, "hits": len(self._hits[fault_id]), **fault.to_json()}
            for fault_id, fault in list(self._faults.items())
        ]

    # What goes wrong with tasks.

    def no_addresses(self, task: Task) -> bool:
        """Whether the task finds its subnets full."""
        return self._first(FaultKind.NO_ADDRESSES, task) is not None

    def container_without_image(self, task: Task) -> Container | None:
        """Return the container whose image cannot be pulled."""
        found = self._first(FaultKind.IMAGE_PULL, task)
        return None if found is None else found[1]

    def exec_agent_stopped(self, task: Task) -> Container | None:
        """Return the container whose agent of ECS Exec does not run."""
        found = self._first(FaultKind.EXEC_AGENT_STOPPED, task)
        return None if found is None else found[1]

    def while_running(self, task: Task) -> Obstacles:
        """Return what happens to the task once it runs."""
        ends = self._first(FaultKind.CONTAINER_EXIT, task, essential=True)
        stop = None
        if ends is not None:
            fault, container = ends
            code = "EssentialContainerExited"
            reason = wording.ESSENTIAL_CONTAINER_EXITED
            stop = Stop(code, reason, exit_code=fault.exit_code, container=container.name)
        return Obstacles(
            exit=stop,
            container_unhealthy=self._first(FaultKind.CONTAINER_UNHEALTHY, task) is not None,
            target_unhealthy=self._first(FaultKind.TARGET_UNHEALTHY, task) is not None,
        )

    def _first(self, kind: FaultKind, task: Task, *, essential: bool = False) -> tuple[Fault, Container] | None:
        for fault_id, fault in list(self._faults.items()):
            if fault.kind is not kind or not _concerns(fault, task):
                continue
            container = next(
                (
                    c
                    for c in task.containers
                    if fnmatchcase(c.name, fault.container) and (c.essential or not essential)
                ),
                None,
            )
            if container is not None and self._hit(fault_id, fault, task.id):
                return fault, container
        return None

    # What goes wrong with calls.

    def latency(self, aws_service: str, action: str) -> float:
        """Return by how many seconds a call is delayed."""
        return sum(fault.seconds for fault in self._calls(FaultKind.LATENCY, aws_service, action))

    def api_error(self, aws_service: str, action: str) -> Fault | None:
        """Return the error with which a call is answered."""
        return next(self._calls(FaultKind.API_ERROR, aws_service, action), None)

    def throttles(self, aws_service: str, action: str) -> bool:
        """Whether request quotas apply to the call."""
        return next(self._calls(FaultKind.THROTTLING, aws_service, action), None) is not None

    def _calls(self, kind: FaultKind, aws_service: str, action: str) -> Iterator[Fault]:
        for fault_id, fault in list(self._faults.items()):
            matches = fnmatchcase(aws_service, fault.aws_service) and fnmatchcase(action, fault.action)
            call = f"call-{len(self._hits[fault_id])}"
            if fault.kind is kind and matches and self._hit(fault_id, fault, call):
                yield fault

    # What goes wrong with the resources of stacks.

    def resource_failure(self, verb: str, stack: str, logical_id: str, resource_type: str) -> str | None:
        """Return with which message a resource fails."""
        return self._resource(FaultKind.RESOURCE_FAILURE, verb, stack, logical_id, resource_type)

    def resource_hangs(self, verb: str, stack: str, logical_id: str, resource_type: str) -> bool:
        """Whether a resource gets no further."""
        return self._resource(FaultKind.RESOURCE_HANG, verb, stack, logical_id, resource_type) is not None

    def _resource(self, kind: FaultKind, verb: str, stack: str, logical_id: str, resource_type: str) -> str | None:
        for fault_id, fault in list(self._faults.items()):
            matches = (
                fnmatchcase(verb.lower(), fault.action.lower())
                and fnmatchcase(stack, fault.stack)
                and fnmatchcase(logical_id, fault.logical_id)
                and fnmatchcase(resource_type, fault.resource_type)
            )
            victim = f"{verb} {stack} {logical_id} {len(self._hits[fault_id])}"
            if kind is FaultKind.RESOURCE_HANG:
                victim = f"{verb} {stack} {logical_id}"
            if fault.kind is kind and matches and self._hit(fault_id, fault, victim):
                return fault.message
        return None

    def _hit(self, fault_id: str, fault: Fault, victim: str) -> bool:
        """Count a task or call once, and refuse more of them than ``count``."""
        hits = self._hits[fault_id]
        if victim in hits:
            return True
        if fault.count is not None and len(hits) >= fault.count:
            return False
        hits.add(victim)
        return True


def _concerns(fault: Fault, task: Task) -> bool:
    revision = task.task_definition_arn.split("/")[-1]
    family = revision.split(":")[0]
    return fnmatchcase(task.service_name or "", fault.service) and (
        fnmatchcase(family, fault.family) or fnmatchcase(revision, fault.family)
    )

"""The scheduler's view of the account: moto's EC2, load balancers, secrets and logs, plus the faults asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.exceptions import JsonRESTError
from moto.logs.models import logs_backends

from fargate_guard.sandbox.ecs.network import TaskNetwork
from fargate_guard.sandbox.ecs.requirements import CANNOT_START, Requirements
from fargate_guard.sandbox.ecs.targets import TaskTargets
from fargate_guard.sandbox.scheduler import wording
from fargate_guard.sandbox.scheduler.lifecycle import CLEAR, Obstacles, Stop
from fargate_guard.sandbox.scheduler.model import RUNNING
from fargate_guard.sandbox.scheduler.transition import awslogs, log_stream

if TYPE_CHECKING:
    from fargate_guard.sandbox.faults import Faults
    from fargate_guard.sandbox.scheduler.model import Container, Task


class MotoWorld:
    """Implements :class:`fargate_guard.sandbox.scheduler.world.World` on moto's backends."""

    def __init__(self, account_id: str, region: str, faults: Faults) -> None:
        self._account_id = account_id
        self._region = region
        self._faults = faults
        self.network = TaskNetwork(account_id, region)
        self._targets = TaskTargets(account_id, region)
        self._requirements = Requirements(account_id, region)

    def obstacles(self, task: Task) -> Obstacles:
        """Look at the account and the faults, as far as the task's state asks for it."""
        if task.desired_status != RUNNING:
            return CLEAR
        match task.last_status:
            case "PROVISIONING":
                return Obstacles(no_address=self._no_address(task))
            case "PENDING":
                return Obstacles(initialization=self._requirements.missing(task), pull=self._pull(task))
            case "RUNNING":
                return self._faults.while_running(task)
        return CLEAR

    def _no_address(self, task: Task) -> Stop | None:
        if task.network is None:
            return None
        if not self._faults.no_addresses(task) and self.network.choose_subnet(task) is not None:
            return None
        subnet = (task.network.get("subnets") or [""])[0]
        reason = wording.no_address(subnet, task.network.get("assignPublicIp") == "ENABLED")
        return Stop(CANNOT_START, reason)

    def _pull(self, task: Task) -> Stop | None:
        container = self._faults.container_without_image(task)
        if container is None:
            return None
        reason = wording.cannot_pull(container.image)
        return Stop(CANNOT_START, reason, container=container.name, container_reason=reason)

    def attach_network(self, task: Task) -> None:
        """See :class:`TaskNetwork`."""
        self.network.attach(task)

    def detach_network(self, task: Task) -> None:
        """See :class:`TaskNetwork`."""
        self.network.detach(task)

    def register_targets(self, task: Task) -> None:
        """See :class:`TaskTargets`."""
        self._targets.register(task)

    def show_target_state(self, task: Task) -> None:
        """See :class:`TaskTargets`."""
        self._targets.show(task)

    def deregister_targets(self, task: Task) -> None:
        """See :class:`TaskTargets`."""
        self._targets.deregister(task)

    def write_log(self, task: Task, container: Container, message: str, at: float) -> None:
        """Write to the stream the awslogs driver would use; a deleted group swallows the line, as in AWS."""
        stream, options = log_stream(task, container), awslogs(container)
        if stream is None or options is None:
            return
        group = options.get("awslogs-group", "")
        logs = logs_backends[self._account_id][options.get("awslogs-region", self._region)]
        event = {"timestamp": int(at * 1000), "message": message}
        try:
            logs.ensure_log_stream(group, stream)
            logs.put_log_events(group, stream, [event])
        except JsonRESTError:
            return

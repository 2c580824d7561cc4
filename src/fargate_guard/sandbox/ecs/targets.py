"""Tasks in the target groups of their service.

https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.elbv2.models import elbv2_backends

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.sandbox.scheduler.model import Task


class TaskTargets:
    """Registers tasks by address and shows their health."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account_id = account_id
        self._region = region

    def register(self, task: Task) -> None:
        """Add the task's address under each port; targets begin as ``initial``."""
        for group, address, port in self._registrations(task):
            group.register([{"Id": address, "Port": port}])
        self.show(task)

    def show(self, task: Task) -> None:
        """Let DescribeTargetHealth answer the task's state (see ``mends/elbv2.py``)."""
        for group, address, _ in self._registrations(task):
            if address in group.targets:
                group.targets[address]["SandboxState"] = task.target_state

    def deregister(self, task: Task) -> None:
        """Take the address out."""
        for group, address, _ in self._registrations(task):
            group.targets.pop(address, None)

    def _registrations(self, task: Task) -> Iterator[tuple[Any, str, int]]:
        groups = elbv2_backends[self._account_id][self._region].target_groups
        address = (task.network_interface or {}).get("privateIPv4Address")
        for target in task.targets:
            group = groups.get(target.target_group_arn)
            if group is not None and address is not None:
                yield group, address, target.port

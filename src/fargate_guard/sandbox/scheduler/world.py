"""What the scheduler needs of the account around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fargate_guard.sandbox.scheduler.lifecycle import Obstacles
    from fargate_guard.sandbox.scheduler.model import Container, Task


class World(Protocol):
    """Network, load balancers and logs, as far as tasks touch them."""

    def obstacles(self, task: Task) -> Obstacles:
        """Say what stands in the task's way right now."""

    def attach_network(self, task: Task) -> None:
        """Give the task its network interface and addresses."""

    def detach_network(self, task: Task) -> None:
        """Delete the task's network interface."""

    def register_targets(self, task: Task) -> None:
        """Add the task to its target groups and show ``task.target_state`` there."""

    def show_target_state(self, task: Task) -> None:
        """Show ``task.target_state`` in its target groups."""

    def deregister_targets(self, task: Task) -> None:
        """Take the task out of its target groups."""

    def write_log(self, task: Task, container: Container, message: str, at: float) -> None:
        """Write one line to the container's log stream, where it has one."""

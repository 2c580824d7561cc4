"""How a workflow tells what it does, without knowing who listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fargate_guard.stacks.change_set import StackPlan
    from fargate_guard.stacks.events import StackEvent
    from fargate_guard.terraform.events import Event
    from fargate_guard.terraform.plan import Plan


class Observer(Protocol):
    """Hears what a workflow does, in order."""

    def step(self, title: str) -> None:
        """Hear that the next part begins."""

    def note(self, text: str) -> None:
        """Hear something worth knowing."""

    def warning(self, text: str) -> None:
        """Hear about something that is not as it should be."""

    def terraform(self, event: Event) -> None:
        """Hear one event of a running Terraform."""

    def stack(self, event: StackEvent) -> None:
        """Hear one event of a stack that CloudFormation works on."""

    def rollout(self, text: str) -> None:
        """Hear how far ECS is with a deployment."""


class Approver(Protocol):
    """Decides whether a plan is carried out."""

    def __call__(self, plan: Plan | StackPlan | None) -> bool:
        """Return whether to apply exactly this plan; None where neither Terraform nor CloudFormation has one.

        :raises UsageError: when there is nobody to ask.
        """

"""An interrupt waits for the moment in which no request that creates something can be cut off."""

from __future__ import annotations

from fargate_guard.terraform.events import ResourceCompleted, ResourceErrored, ResourceStarted
from fargate_guard.terraform.interruption import SETTLING_SECONDS, Creations


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def started(address: str, action: str = "create", resource_type: str = "aws_subnet") -> ResourceStarted:
    return ResourceStarted(address=address, action=action, resource_type=resource_type)


def test_a_creation_has_settled_when_it_ended_or_its_answer_must_have_come() -> None:
    clock = Clock()
    creations = Creations(clock)
    assert creations.all_have_settled()
    creations.see(started("aws_subnet.a"))
    creations.see(started("aws_lb.this"))
    assert not creations.all_have_settled()
    creations.see(ResourceCompleted(address="aws_subnet.a", action="create"))
    clock.now += SETTLING_SECONDS
    assert creations.all_have_settled()
    creations.see(started("aws_eip.late"))
    assert not creations.all_have_settled()
    creations.see(ResourceErrored(address="aws_eip.late", action="create"))
    assert creations.all_have_settled()


def test_only_what_a_provider_creates_is_waited_for() -> None:
    creations = Creations(Clock())
    creations.see(started("aws_subnet.a", action="delete"))
    creations.see(started("data.aws_region.here", action="read"))
    creations.see(started("terraform_data.local", resource_type="terraform_data"))
    assert creations.all_have_settled()
    creations.see(started("aws_subnet.b", action="replace"))
    assert not creations.all_have_settled()

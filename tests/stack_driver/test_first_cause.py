"""Among all that fails with it, the first cause is found, also in a nested stack."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_guard.stacks.events import STACK, StackEvent, first_cause, last_operation
from fargate_guard.workflows.stack_failures import template_line

ROOT = "arn:aws:cloudformation:us-east-1:123456789012:stack/app/1"
NESTED = "arn:aws:cloudformation:us-east-1:123456789012:stack/app-Network-X/2"
START = datetime(2026, 11, 23, tzinfo=UTC)

VPC_QUOTA = (
    'Resource handler returned message: "The maximum number of VPCs has been reached. (Service: Ec2, ID: 1)"'
    " (RequestToken: 2, HandlerErrorCode: ServiceLimitExceeded)"
)


def event(
    second: int, logical_id: str, status: str, reason: str = "", *, kind: str = "AWS::EC2::VPC", stack: str = ROOT
) -> StackEvent:
    """One event; a logical id of "" is the stack's own."""
    own = not logical_id
    return StackEvent(
        event_id=f"{stack}-{second}-{logical_id}-{status}",
        stack_id=stack,
        stack_name=stack.split("/")[1],
        logical_id=logical_id or "app",
        physical_id=stack if own else f"physical-{logical_id}",
        resource_type=STACK if own else kind,
        status=status,
        reason=reason,
        time=START + timedelta(seconds=second),
        depth=0 if stack == ROOT else 1,
    )


FAILED_CREATION = (
    event(0, "", "CREATE_IN_PROGRESS", "User Initiated"),
    event(1, "Cluster", "CREATE_IN_PROGRESS"),
    event(1, "Vpc", "CREATE_IN_PROGRESS"),
    event(2, "Vpc", "CREATE_FAILED", VPC_QUOTA),
    event(2, "Cluster", "CREATE_FAILED", "Resource creation cancelled"),
    event(3, "", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Vpc, Cluster]. "),
    event(5, "Cluster", "DELETE_FAILED", "it is in use"),
    event(6, "", "ROLLBACK_FAILED", "The following resource(s) failed to delete: [Cluster]. "),
)


def test_the_first_resource_that_failed_by_itself_is_the_cause_in_awss_own_words() -> None:
    cause = first_cause(FAILED_CREATION)
    assert cause is not None
    assert (cause.event.address, cause.event.status) == ("Vpc", "CREATE_FAILED")
    assert cause.event.words.startswith("The maximum number of VPCs has been reached.")
    assert "RequestToken" not in cause.event.words
    assert cause.event.handler_code == "ServiceLimitExceeded"
    assert [other.logical_id for other in cause.others] == ["Cluster"]


@given(st.permutations(FAILED_CREATION))
def test_the_order_in_which_events_arrive_does_not_matter(events: list[StackEvent]) -> None:
    cause = first_cause(events)
    assert cause is not None
    assert cause.event.logical_id == "Vpc"


@pytest.mark.parametrize(
    "reason",
    [
        "Resource creation cancelled",
        "Resource update cancelled",
        "The following resource(s) failed to update: [Vpc]. ",
        f"Embedded stack {NESTED} was not successfully created: The following resource(s) failed: [Vpc]",
    ],
)
def test_what_failed_only_because_something_else_did_is_never_the_cause(reason: str) -> None:
    assert first_cause([event(1, "Cluster", "CREATE_FAILED", reason)]) is None


def test_a_nested_stack_that_failed_points_to_its_resource() -> None:
    nested = replace(event(3, "Network", "CREATE_FAILED", "It failed", kind=STACK), physical_id=NESTED)
    cause = first_cause([nested, event(2, "Vpc", "CREATE_FAILED", VPC_QUOTA, stack=NESTED)])
    assert cause is not None
    assert cause.event.address == "app-Network-X.Vpc"


def test_a_time_out_of_the_stack_itself_is_a_cause() -> None:
    cause = first_cause(
        [
            event(0, "", "CREATE_IN_PROGRESS"),
            event(9, "", "ROLLBACK_IN_PROGRESS", "Stack creation time exceeded the specified timeout."),
            event(11, "", "ROLLBACK_COMPLETE"),
        ]
    )
    assert cause is not None
    assert cause.is_of_the_stack
    assert "exceeded the specified timeout" in cause.event.words


def test_nothing_failed_when_everything_went_well() -> None:
    assert first_cause([event(0, "", "CREATE_IN_PROGRESS"), event(1, "Vpc", "CREATE_COMPLETE")]) is None


def test_only_the_last_operation_counts_and_a_rollback_belongs_to_it() -> None:
    update = (
        event(20, "", "UPDATE_IN_PROGRESS", "User Initiated"),
        event(21, "Cluster", "UPDATE_FAILED", "Invalid value"),
        event(22, "", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [Cluster]. "),
    )
    newest_first = [*reversed(update), *reversed(FAILED_CREATION)]
    assert last_operation(newest_first) == update


TEMPLATE = """\
# Vpc: not here
Parameters:
  Vpc:
    Type: String
Resources:
  Cluster:
    Type: AWS::ECS::Cluster
    DependsOn: Vpc

  Vpc:
    Type: AWS::EC2::VPC
"""


def test_the_place_of_a_resource_in_its_template() -> None:
    assert template_line(TEMPLATE, "Vpc") == 10
    assert template_line(TEMPLATE, "Cluster") == 6
    assert template_line(TEMPLATE, "Missing") is None
    assert template_line('{\n "Resources": {\n  "Vpc": {"Type": "AWS::EC2::VPC"}\n }\n}', "Vpc") == 3

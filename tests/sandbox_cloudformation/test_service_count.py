"""A service that has run for long gets another count: the wait begins with the update, not with the service."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from fargate_guard.sandbox import Fault, FaultKind, Sandbox
from tests.sandbox.sandbox_account import ManualClock
from tests.sandbox_cloudformation.resource_stack import Aws, deploy, failures, settle
from tests.sandbox_cloudformation.test_resource_service import template

if TYPE_CHECKING:
    from collections.abc import Iterator

AN_HOUR = 3600


@pytest.fixture
def aws() -> Iterator[Aws]:
    clock = ManualClock(time.time())
    with Sandbox.start(clock=clock, sleep=clock.advance) as sandbox:
        yield Aws(sandbox, clock)


def test_an_old_services_count_changes_and_changes_back(aws: Aws) -> None:
    document = template(new=False)
    properties = document["Resources"]["Service"]["Properties"]
    deploy(aws, "old", document)
    for count in (2, 1):
        aws.clock.advance(AN_HOUR)
        properties["DesiredCount"] = count
        stack = deploy(aws, "old", document, update=True)
        assert stack["StackStatus"] == "UPDATE_COMPLETE", failures(aws, "old")
    aws.clock.advance(AN_HOUR)
    aws.sandbox.faults.add(Fault(FaultKind.RESOURCE_FAILURE, action="update", logical_id="Scaling", count=1))
    properties["DesiredCount"] = 2
    document["Resources"]["Scaling"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] = 50
    document["Resources"]["Scaling"]["DependsOn"] = "Service"
    aws.cloudformation.update_stack(
        StackName="old", TemplateBody=json.dumps(document), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    assert settle(aws, "old")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE", failures(aws, "old")

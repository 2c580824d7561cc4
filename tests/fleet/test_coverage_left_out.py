"""Services and tasks that are left out on purpose are counted as that, beside those that lack the agent."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

from fargate_guard.fleet.coverage import cluster_coverage
from tests.verify.stack_settings import WEB

if TYPE_CHECKING:
    from tests.verify.deployed_stack import Stack


def test_a_service_that_a_tag_leaves_out_is_told_as_that(deployed_sandbox: Stack) -> None:
    stack = deployed_sandbox
    bare: dict[str, Any] = {**copy.deepcopy(WEB), "family": "ignored", "executionRoleArn": stack.web_role}
    bare.pop("tags", None)
    tags = [{"key": "kilt-ignore", "value": "true"}]
    made = stack.ecs.register_task_definition(**bare, tags=tags)
    stack.create_service("ignored", made["taskDefinition"]["taskDefinitionArn"], stack.web_group, 1)
    deadline = time.monotonic() + 20
    while not (service := covered_service(stack, "ignored")).running_count:
        assert time.monotonic() < deadline, "the service does not start"
        time.sleep(0.05)
    assert not service.instrumented
    assert service.left_out == "ignored by tag kilt-ignore"
    covered = cluster_coverage(stack.aws, stack.cluster)
    assert {task.left_out for task in covered.tasks if task.service_name == "ignored"} == {service.left_out}
    assert {task.left_out for task in covered.tasks if task.service_name != "ignored"} == {None}
    document = covered.document()
    assert (document["watched_tasks"], document["left_out_tasks"], document["workload_tasks"]) == (2, 1, 3)
    assert [one["left_out"] for one in document["services"] if one["name"] == "ignored"] == [service.left_out]


def covered_service(stack: Stack, name: str) -> Any:
    services = cluster_coverage(stack.aws, stack.cluster).services
    return next(service for service in services if service.service_name == name)

"""A stack that is created, updated, tampered with and deleted, and what each service said of it on the way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.sandbox.sandbox_account import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.sandbox import Sandbox
    from tests.sandbox.sandbox_account import ManualClock

Json = Any
GONE = "gone"
LONGEST_STEPS = 400


def ref(name: str) -> Json:
    """``Ref``."""
    return {"Ref": name}


def att(name: str, attribute: str) -> Json:
    """``Fn::GetAtt``."""
    return {"Fn::GetAtt": [name, attribute]}


class Aws:
    """boto3 clients of the sandbox by name."""

    def __init__(self, sandbox: Sandbox, clock: ManualClock) -> None:
        self.sandbox = sandbox
        self.clock = clock

    def __getattr__(self, service: str) -> Any:
        return client(self.sandbox, service.replace("_", "-"))


@dataclass(frozen=True)
class Case:
    """One resource: how the service shows it, and what is to be seen before and after the update."""

    logical_id: str
    look: Callable[[Aws, str], Json]
    """Takes the physical ID."""
    before: Json
    after: Json = None
    """None: the same as before."""
    tamper: Callable[[Aws, str], Any] | None = None
    """Changes the resource behind CloudFormation's back."""
    drifted: str = ""
    """The path of the property that this makes different."""

    @property
    def name(self) -> str:
        """For pytest's output."""
        return self.logical_id


@dataclass
class Life:
    """What was seen of a stack's resources."""

    before: dict[str, Json] = field(default_factory=dict)
    after: dict[str, Json] = field(default_factory=dict)
    drift: dict[str, list[str]] = field(default_factory=dict)
    at_rest: dict[str, list[str]] = field(default_factory=dict)
    """Drift before anybody tampered."""
    end: dict[str, Json] = field(default_factory=dict)
    physical: dict[str, str] = field(default_factory=dict)
    physical_after: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    def held(self, case: Case) -> None:
        """Assert that a resource was made, changed, watched and deleted."""
        assert self.before[case.name] == case.before
        assert self.after[case.name] == (case.before if case.after is None else case.after)
        assert case.logical_id not in self.at_rest
        if case.drifted:
            assert any(path.startswith(case.drifted) for path in self.drift[case.logical_id])
        assert self.end[case.name] == GONE


def live(aws: Aws, name: str, templates: tuple[Json, Json], cases: tuple[Case, ...]) -> Life:
    """Create, update, tamper with, and delete a stack; look at every resource in between."""
    life = Life()
    stack = deploy(aws, name, templates[0])
    life.outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
    life.physical = physical_ids(aws, name)
    life.before = {case.name: case.look(aws, life.physical[case.logical_id]) for case in cases}
    deploy(aws, name, templates[1], update=True)
    life.physical_after = physical_ids(aws, name)
    life.after = {case.name: case.look(aws, life.physical_after[case.logical_id]) for case in cases}
    life.at_rest = drift(aws, name)
    for case in cases:
        if case.tamper is not None:
            case.tamper(aws, life.physical_after[case.logical_id])
    life.drift = drift(aws, name)
    stack_id = aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    aws.cloudformation.delete_stack(StackName=name)
    assert settle(aws, stack_id)["StackStatus"] == "DELETE_COMPLETE", failures(aws, stack_id)
    life.end = {case.name: _end(aws, case, life.physical_after[case.logical_id]) for case in cases}
    return life


def _end(aws: Aws, case: Case, physical_id: str) -> Json:
    try:
        return case.look(aws, physical_id)
    except (ClientError, IndexError, KeyError, StopIteration):
        return GONE


def deploy(aws: Aws, name: str, template: Json, *, update: bool = False, **options: Any) -> Json:
    """Create or update a stack and wait until it is complete."""
    request = {
        "StackName": name,
        "TemplateBody": json.dumps(template),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Tags": [{"Key": "team", "Value": "blue"}],
        **options,
    }
    aws.cloudformation.update_stack(**request) if update else aws.cloudformation.create_stack(**request)
    stack = settle(aws, name)
    wanted = "UPDATE_COMPLETE" if update else "CREATE_COMPLETE"
    assert stack["StackStatus"] == wanted, failures(aws, stack["StackId"])
    return stack


def settle(aws: Aws, name: str) -> Json:
    """Turn the clock until nothing is in progress."""
    for _ in range(LONGEST_STEPS):
        stack = aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return stack
        aws.clock.advance(1)
    message = f"{name} is still {stack['StackStatus']}"
    raise AssertionError(message)


def failures(aws: Aws, name: str) -> list[str]:
    """Return what failed, the cause first."""
    events = reversed(aws.cloudformation.describe_stack_events(StackName=name)["StackEvents"])
    return [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    ]


def physical_ids(aws: Aws, name: str) -> dict[str, str]:
    """Return physical IDs by logical ID."""
    resources = aws.cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}


def drift(aws: Aws, name: str) -> dict[str, list[str]]:
    """Return the paths of the properties that differ, by logical ID; ``DELETED`` for a resource that is gone."""
    detection = aws.cloudformation.detect_stack_drift(StackName=name)["StackDriftDetectionId"]
    for _ in range(LONGEST_STEPS):
        status = aws.cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        if status["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        aws.clock.advance(1)
    drifts = aws.cloudformation.describe_stack_resource_drifts(StackName=name)["StackResourceDrifts"]
    different = {}
    for each in drifts:
        if each["StackResourceDriftStatus"] == "DELETED":
            different[each["LogicalResourceId"]] = ["DELETED"]
        elif each["StackResourceDriftStatus"] == "MODIFIED":
            paths = [difference["PropertyPath"] for difference in each["PropertyDifferences"]]
            different[each["LogicalResourceId"]] = paths
    return different

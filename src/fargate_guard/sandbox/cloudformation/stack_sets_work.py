"""How an operation on a stack set goes on: in which Region and account next, and when it has failed.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts-ops.html
"""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.in_process import in_process_client
from fargate_guard.sandbox.cloudformation.stack_sets import Outcome, StackInstance
from fargate_guard.sandbox.cloudformation.stack_sets_accounts import refusal
from fargate_guard.sandbox.cloudformation.stack_sets_drift import begin_detection, look_at_detection
from fargate_guard.sandbox.cloudformation.submission import MOST_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.sandbox.cloudformation.stack_sets import StackSet, StackSetOperation

Json = dict[str, Any]
TOO_MANY_FAILURES = "Cancelled since failure tolerance has exceeded"
STOPPED = "Cancelled by user"
NO_UPDATES = "No updates are to be performed"
FAILED_ATTEMPTS = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
"""States of a stack that can only be deleted: a new attempt begins with that."""
GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")


def advance_operation(stack_set: StackSet, operation: StackSetOperation, now: float) -> None:
    """See what has come to an end, begin what may begin, and end the operation when nothing is left."""
    if operation.status == "QUEUED":
        operation.status = "RUNNING"
    for outcome in operation.outcomes.values():
        if outcome.status == "RUNNING":
            _look(stack_set, operation, outcome)
    if operation.status == "STOPPING":
        _cancel(stack_set, operation, operation.regions, STOPPED)
    for region in _regions_to_work_in(operation):
        _begin_in(stack_set, operation, region)
    _stop_on_failures(stack_set, operation)
    if not any(outcome.status in ("PENDING", "RUNNING") for outcome in operation.outcomes.values()):
        _end(operation, now)


def _end(operation: StackSetOperation, now: float) -> None:
    failed = any(_has_failed(operation, region) for region in operation.regions)
    stopped = operation.status == "STOPPING"
    operation.status = "STOPPED" if stopped else "FAILED" if failed else "SUCCEEDED"
    operation.ended_at = now


# Regions and accounts in their order.


def tolerance(operation: StackSetOperation, region: str) -> int:
    """Return in how many accounts of a Region the operation may fail; part accounts do not count."""
    given = operation.preferences
    if "FailureToleranceCount" in given:
        return int(given["FailureToleranceCount"])
    return len(operation.of_region(region)) * int(given.get("FailureTolerancePercentage", 0)) // 100


def concurrency(operation: StackSetOperation, region: str) -> int:
    """Return in how many accounts of a Region the operation works at once.

    Unless failures are tolerated softly, there are never more than failures that are left plus one.
    """
    given, accounts = operation.preferences, len(operation.of_region(region))
    most = int(given.get("MaxConcurrentCount") or accounts * int(given.get("MaxConcurrentPercentage", 0)) // 100)
    if given.get("ConcurrencyMode") == "SOFT_FAILURE_TOLERANCE":
        return max(1, most)
    return max(1, min(most, tolerance(operation, region) - _failures(operation, region) + 1))


def _failures(operation: StackSetOperation, region: str) -> int:
    return sum(outcome.status == "FAILED" for outcome in operation.of_region(region))


def _has_failed(operation: StackSetOperation, region: str) -> bool:
    return _failures(operation, region) > tolerance(operation, region)


def _regions_to_work_in(operation: StackSetOperation) -> list[str]:
    open_regions = [
        region
        for region in operation.regions
        if any(outcome.status in ("PENDING", "RUNNING") for outcome in operation.of_region(region))
    ]
    if operation.preferences.get("RegionConcurrencyType") == "PARALLEL":
        return open_regions
    return open_regions[:1]


def _begin_in(stack_set: StackSet, operation: StackSetOperation, region: str) -> None:
    for outcome in operation.of_region(region):
        running = sum(each.status == "RUNNING" for each in operation.of_region(region))
        if _has_failed(operation, region) or running >= concurrency(operation, region):
            return
        if outcome.status == "PENDING":
            _begin(stack_set, operation, outcome)


def _stop_on_failures(stack_set: StackSet, operation: StackSetOperation) -> None:
    """A Region that failed is given up, and so are those after it."""
    for index, region in enumerate(operation.regions):
        if _has_failed(operation, region):
            parallel = operation.preferences.get("RegionConcurrencyType") == "PARALLEL"
            regions = [region] if parallel else operation.regions[index:]
            _cancel(stack_set, operation, regions, TOO_MANY_FAILURES)


def _cancel(stack_set: StackSet, operation: StackSetOperation, regions: list[str], reason: str) -> None:
    for region in regions:
        for outcome in operation.of_region(region):
            if outcome.status == "PENDING":
                outcome.status, outcome.reason = "CANCELLED", reason
                instance = stack_set.instances.get((outcome.account, outcome.region))
                if instance is not None and operation.action != "DETECT_DRIFT":
                    instance.status, instance.detailed_status, instance.reason = "OUTDATED", "CANCELLED", reason


# One account and Region.


def _begin(stack_set: StackSet, operation: StackSetOperation, outcome: Outcome) -> None:
    place = (outcome.account, outcome.region)
    instance = stack_set.instances.setdefault(place, StackInstance(*place, unit=outcome.unit))
    if operation.overrides is not None:
        instance.overrides = operation.overrides
    outcome.status = "RUNNING"
    if operation.action == "DETECT_DRIFT":
        begin_detection(_cloudformation(instance), instance, outcome)
        return
    instance.detailed_status, instance.last_operation_id = "RUNNING", operation.id
    why = refusal(stack_set, outcome.account)
    if why is not None:
        _fail(operation, instance, outcome, why)
    elif operation.action == "DELETE":
        _delete(stack_set, operation, instance, outcome)
    else:
        _deploy(stack_set, operation, instance, outcome)


def _delete(stack_set: StackSet, operation: StackSetOperation, instance: StackInstance, outcome: Outcome) -> None:
    if operation.retain_stacks or instance.stack_id is None:
        _succeed(stack_set, operation, instance, outcome)
        return
    outcome.step = "delete"
    _attempt(operation, instance, outcome, "delete_stack", StackName=instance.stack_id)


def _deploy(stack_set: StackSet, operation: StackSetOperation, instance: StackInstance, outcome: Outcome) -> None:
    status, _ = _stack_status(instance)
    if status in FAILED_ATTEMPTS:
        outcome.step = "clear"
        _attempt(operation, instance, outcome, "delete_stack", StackName=instance.stack_id)
        return
    request = {
        "Parameters": stack_set.instance_parameters(instance),
        "Capabilities": stack_set.capabilities,
        "Tags": stack_set.tags,
    }
    if status in (None, "DELETE_COMPLETE"):
        outcome.step = "create"
        name = f"StackSet-{stack_set.name}-{uuid.uuid4()}"
        with _template(stack_set, instance) as template:
            answer = _attempt(operation, instance, outcome, "create_stack", StackName=name, **template, **request)
        instance.stack_id = (answer or {}).get("StackId")
        return
    outcome.step, stack = "update", instance.stack_id
    with _template(stack_set, instance) as template:
        _attempt(operation, instance, outcome, "update_stack", StackName=stack, **template, **request)
    if outcome.status == "FAILED" and NO_UPDATES in (outcome.reason or ""):
        _succeed(stack_set, operation, instance, outcome)


@contextmanager
def _template(stack_set: StackSet, instance: StackInstance) -> Iterator[Json]:
    """The set has the template already: the limit of a request's body does not hold for its stacks."""
    text = stack_set.template.encode()
    if len(text) <= MOST_BODY_BYTES:
        yield {"TemplateBody": stack_set.template}
        return
    s3 = in_process_client("s3", instance.region, instance.account)
    place = {"Bucket": f"stackset-{uuid.uuid4()}", "Key": "template"}
    where = {"CreateBucketConfiguration": {"LocationConstraint": instance.region}}
    s3.create_bucket(Bucket=place["Bucket"], **({} if instance.region == "us-east-1" else where))
    s3.put_object(**place, Body=text)
    try:
        yield {"TemplateURL": f"https://s3.amazonaws.com/{place['Bucket']}/{place['Key']}"}
    finally:
        s3.delete_object(**place)
        s3.delete_bucket(Bucket=place["Bucket"])


def _attempt(
    operation: StackSetOperation, instance: StackInstance, outcome: Outcome, call: str, **request: Any
) -> Json | None:
    from botocore.exceptions import ClientError

    try:
        answer: Json = getattr(_cloudformation(instance), call)(**request)
    except ClientError as error:
        _fail(operation, instance, outcome, error.response["Error"]["Message"])
        return None
    return answer


def _cloudformation(instance: StackInstance) -> Any:
    return in_process_client("cloudformation", instance.region, instance.account)


def _stack_status(instance: StackInstance) -> tuple[str | None, str]:
    from botocore.exceptions import ClientError

    if instance.stack_id is None:
        return None, ""
    try:
        stack = _cloudformation(instance).describe_stacks(StackName=instance.stack_id)["Stacks"][0]
    except ClientError:
        return None, ""
    return stack["StackStatus"], stack.get("StackStatusReason", "")


def _look(stack_set: StackSet, operation: StackSetOperation, outcome: Outcome) -> None:
    """See how the stack is doing."""
    instance = stack_set.instances[outcome.account, outcome.region]
    if operation.action == "DETECT_DRIFT":
        look_at_detection(_cloudformation(instance), instance, outcome)
        return
    status, reason = _stack_status(instance)
    if status is not None and (status.endswith("_IN_PROGRESS") or status == "CREATE_FAILED"):
        return
    if outcome.step == "clear" and status in (None, "DELETE_COMPLETE"):
        instance.stack_id = None
        _deploy(stack_set, operation, instance, outcome)
    elif status is None or status in GOOD:
        _succeed(stack_set, operation, instance, outcome)
    else:
        _fail(operation, instance, outcome, _first_cause(instance) or reason or f"Stack is {status}")


def _first_cause(instance: StackInstance) -> str | None:
    events = _cloudformation(instance).describe_stack_events(StackName=instance.stack_id)["StackEvents"]
    last = None
    for event in events:  # newest first
        if (
            event["ResourceType"] == "AWS::CloudFormation::Stack"
            and event["PhysicalResourceId"] == instance.stack_id
        ):
            if event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"):
                break
        elif event["ResourceStatus"].endswith("_FAILED"):
            last = event
    if last is None:
        return None
    return (
        f"ResourceLogicalId:{last['LogicalResourceId']}, ResourceType:{last['ResourceType']}, "
        f"ResourceStatusReason:{last.get('ResourceStatusReason', '')}."
    )


def _succeed(stack_set: StackSet, operation: StackSetOperation, instance: StackInstance, outcome: Outcome) -> None:
    outcome.status, outcome.reason = "SUCCEEDED", None
    if operation.action == "DELETE":
        stack_set.instances.pop((instance.account, instance.region), None)
    else:
        instance.status, instance.detailed_status, instance.reason = "CURRENT", "SUCCEEDED", None


def _fail(operation: StackSetOperation, instance: StackInstance, outcome: Outcome, reason: str) -> None:
    outcome.status, outcome.reason = "FAILED", reason
    instance.status = "INOPERABLE" if operation.action == "DELETE" else "OUTDATED"
    instance.detailed_status = "INOPERABLE" if operation.action == "DELETE" else "FAILED"
    instance.reason = reason

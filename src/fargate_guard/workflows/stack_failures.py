"""Why CloudFormation failed, in terms a user can act on: the first cause, never the cascade."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.errors import ExitCode, FguardError
from fargate_guard.stacks.events import undeleted
from fargate_guard.stacks.states import ROLLED_BACK, SUCCEEDED
from fargate_guard.terraform import aws_failures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fargate_guard.stacks.events import Cause, StackEvent
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.stack_following import Ended

ECS_SERVICE = "AWS::ECS::Service"
RENDERED = "its template (fguard render)"
SHOWN_OTHERS = 4
"""Further failures told beside the first."""
_QUOTA_WORDS = re.compile(r"maximum number of|limit exceeded|quota", re.IGNORECASE)
_EXISTS_WORDS = re.compile(r"already exists|already in use", re.IGNORECASE)
_RANGE_TAKEN = re.compile(r"The CIDR '([0-9./]+)' conflicts with another subnet")
"""CloudFormation calls it AlreadyExists: https://github.com/aws-samples/aws-genai-llm-chatbot/issues/153."""
_UNSTABLE = re.compile(r"circuit breaker|not stabilize|did not stabilise|timed out|timeout", re.IGNORECASE)
_LEFT = {
    "ROLLBACK_COMPLETE": "CloudFormation removed again what it had made; nothing is left but the stack's record",
    "UPDATE_ROLLBACK_COMPLETE": "CloudFormation put the former state back: what ran before runs on",
    "ROLLBACK_FAILED": "CloudFormation could not remove everything again",
    "UPDATE_ROLLBACK_FAILED": "CloudFormation could not put the former state back",
    "DELETE_FAILED": "CloudFormation could not remove everything",
    "CREATE_FAILED": "what was made is still there",
    "UPDATE_FAILED": "the update was left half done",
    "DELETE_COMPLETE": "CloudFormation removed everything",
}


class StackFailed(FguardError):  # noqa: N818 - what it is: the stack has failed
    """CloudFormation could not do what it was asked; the first cause is on top."""

    ended: Ended | None = None


def stack_failed(
    context: Context,
    ended: Ended,
    *,
    body: str | None = None,
    file: str = RENDERED,
    details: Sequence[str] = (),
) -> StackFailed:
    """Return the error for an operation that did not end well.

    :param body: the template, to say where the resource stands in it.
    :param file: how the user knows that template.
    :param details: more about the cause, such as why tasks stopped.
    """
    stack, cause = ended.stack, ended.cause
    rolled_back = stack.status in ROLLED_BACK
    left = f"{_LEFT.get(stack.status, 'the stack is left')} ({stack.status})"
    if cause is None:
        message, why = f"CloudFormation failed on the stack {stack.name}", [stack.reason or "no reason given"]
    else:
        message, why = _headline(cause), list(_why(cause, details))
    failed = StackFailed(
        message,
        where=_where(stack.name, cause, body, file),
        why="\n".join([*why, left]),
        fix="\n".join(_fixes(context, ended)),
        exit_code=ExitCode.ROLLED_BACK if rolled_back else ExitCode.FAILED,
    )
    failed.ended = ended
    return failed


def cause_lines(cause: Cause) -> list[str]:
    """Return the first cause as lines of text, for a state that is explained later."""
    event = cause.event
    return [f"first cause: {event.address} ({event.resource_type}) {event.status}: {event.words}"]


def told_leftovers(context: Context, ended: Ended) -> tuple[str, ...]:
    """Tell what an update that succeeded should have deleted and could not; return it, a line for each."""
    if ended.stack.status not in SUCCEEDED:
        return ()
    left = tuple(
        f"{event.address} ({event.resource_type}) {event.physical_id}: {event.words}"
        for event in undeleted(ended.events)
    )
    if left:
        named = "\n".join(f"  {one}" for one in left)
        context.observer.warning(
            "CloudFormation could not delete what the update took out of the stack; it is in no stack any more,"
            f" and may cost money. Delete it by hand:\n{named}"
        )
    return left


def template_line(body: str, logical_id: str) -> int | None:
    """Return the line (from 1) on which a template defines a resource; None where it cannot be told.

    :param body: YAML or JSON.
    """
    below = re.search(r"^\s*\"?Resources\"?\s*:", body, re.MULTILINE)
    if below is None:
        return None
    found = re.compile(rf"^\s+[\"']?{re.escape(logical_id)}[\"']?\s*:", re.MULTILINE).search(body, below.end())
    return body.count("\n", 0, found.start() + len(found[0]) - len(found[0].lstrip())) + 1 if found else None


def _headline(cause: Cause) -> str:
    event = cause.event
    if cause.is_of_the_stack:
        return f"CloudFormation gave up on the stack {event.stack_name}"
    verb = event.status.partition("_")[0].lower()
    return f"CloudFormation could not {verb} {event.address} ({event.resource_type})"


def _where(stack: str, cause: Cause | None, body: str | None, file: str) -> str:
    if cause is None or cause.is_of_the_stack:
        return f"stack {stack}"
    line = template_line(body, cause.event.logical_id) if body and not cause.event.depth else None
    physical = f" [{cause.event.physical_id}]" if cause.event.physical_id else ""
    place = f", line {line} of {file}" if line else ""
    return f"stack {stack}, resource {cause.event.address}{physical}{place}"


def _why(cause: Cause, details: Sequence[str]) -> Iterator[str]:
    yield cause.event.words
    yield from details
    for event in cause.others[:SHOWN_OTHERS]:
        yield f"also {event.address} ({event.resource_type}): {event.words}"


def _fixes(context: Context, ended: Ended) -> Iterator[str]:
    cause, stack = ended.cause, ended.stack
    if cause is not None:
        yield _fix_for(cause.event)
    if stack.stuck is not None:
        yield f"then: {context.stacks.command} --repair"
    elif not stack.is_gone:
        yield f"then run it again: {context.stacks.command}"


def _fix_for(event: StackEvent) -> str:
    code, words = event.handler_code, event.words
    quota = aws_failures.QUOTA.search(words)
    if quota or code == "ServiceLimitExceeded" or _QUOTA_WORDS.search(words):
        known = aws_failures.quota_for(quota[1] if quota else _quota_code(event), words)
        return f"remove what is not needed, or raise the quota {known.name}: {known.request_command}"
    if code == "AccessDenied" or aws_failures.DENIED.search(event.reason):
        action = aws_failures.denied_action(event.reason)
        return f"allow {action or 'that action'} to those who deploy, or to the role in cloudformation.role_arn"
    taken = _RANGE_TAKEN.search(words)
    if taken:
        return (
            f"find the subnet with addresses of {taken[1]}: aws ec2 describe-subnets --region {event.region}"
            f" --filters Name=cidr-block,Values={taken[1]}\nwhere an earlier change of the network left it, in no"
            " stack any more, delete it: aws ec2 delete-subnet"
        )
    if code == "AlreadyExists" or _EXISTS_WORDS.search(words):
        return "if it is yours, give the deployment another `name`; if an earlier run left it, delete it first"
    return _fix_for_the_rest(event)


def _fix_for_the_rest(event: StackEvent) -> str:
    if event.resource_type == ECS_SERVICE:
        return "mend what keeps its tasks from running: the image, its command, the health check, the network"
    if event.handler_code == "Throttling" or aws_failures.THROTTLED.search(event.reason):
        return "nothing is wrong but the moment: AWS throttled the calls"
    if _UNSTABLE.search(event.words):
        return f"find out why it did not become ready: {event.physical_id or event.address}"
    return f"mend what {event.address} needs: the words above are AWS's own"


_QUOTA_CODES = {
    "AWS::EC2::VPC": "VpcLimitExceeded",
    "AWS::EC2::InternetGateway": "InternetGatewayLimitExceeded",
    "AWS::EC2::NatGateway": "NatGatewayLimitExceeded",
    "AWS::EC2::EIP": "AddressLimitExceeded",
    "AWS::EC2::Subnet": "SubnetLimitExceeded",
    "AWS::EC2::RouteTable": "RouteTableLimitExceeded",
    "AWS::EC2::SecurityGroup": "SecurityGroupLimitExceeded",
    "AWS::EC2::VPCEndpoint": "VpcEndpointLimitExceeded",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "TooManyLoadBalancers",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "TooManyTargetGroups",
}


def _quota_code(event: StackEvent) -> str:
    return _QUOTA_CODES.get(event.resource_type, f"of {event.resource_type}")


def stopped_tasks(context: Context, service_arn: str) -> list[str]:
    """Return why the latest tasks of a service stopped, as lines; empty where that cannot be told.

    It has to be asked at once: a rollback takes the service away.
    """
    from fargate_guard.aws import ecs
    from fargate_guard.aws.errors import AwsError
    from fargate_guard.verify.facts.ecs import Task
    from fargate_guard.verify.failed_tasks import failed_tasks

    cluster, _, name = service_arn.rpartition(":service/")[2].partition("/")
    if not name:
        return []
    try:
        stopped = (Task.of(one) for one in ecs.tasks(context.aws, cluster, service=name, desired_status="STOPPED"))
        failed = [task for task in stopped if task.failed]
        if not failed:
            return []
        latest = max(failed, key=lambda task: task.stopped_at.timestamp() if task.stopped_at else 0.0)
        told = failed_tasks(context.aws, cluster, name, latest.task_definition_arn)
    except AwsError as error:
        return [f"(why its tasks stopped is not known: {error.message})"]
    return [line for task in told for line in _task_lines(task.arn, task.reason, task.containers, task.log_lines)]


def _task_lines(arn: str, reason: str, containers: Sequence[str], logs: Sequence[str]) -> Iterator[str]:
    yield f"task {arn.rsplit('/', 1)[-1]}: {reason}"
    yield from (f"  {container}" for container in containers)
    yield from (f"  | {line}" for line in logs)

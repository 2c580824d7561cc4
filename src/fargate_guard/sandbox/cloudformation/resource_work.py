"""The work on one resource: calling its type, and the events that tell of it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from fargate_guard.sandbox.cloudformation.dynamic_references import resolve_references
from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.nested import restore, restoring
from fargate_guard.sandbox.cloudformation.operation import Do, Stage
from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext, ResourceFailed
from fargate_guard.sandbox.cloudformation.stack import STACK_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.sandbox.cloudformation.operation import Work
    from fargate_guard.sandbox.cloudformation.resource_type import Made
    from fargate_guard.sandbox.cloudformation.stack import Stack, StackResource
    from fargate_guard.sandbox.cloudformation.world import World

Json = Any

INITIATED = "Resource creation Initiated"
REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."
CUSTOM_NAME = (
    "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
    "Rename {} and update the stack again."
)
RETAINED = frozenset({"Retain", "RetainExceptOnCreate"})


def context_of(stack: Stack, resource: StackResource, tags: dict[str, str], begun: float = 0.0) -> ResourceContext:
    """Return where and for whom a resource is made."""
    own = {
        "aws:cloudformation:stack-name": stack.name,
        "aws:cloudformation:stack-id": stack.id,
        "aws:cloudformation:logical-id": resource.logical_id,
    }
    return ResourceContext(
        region=stack.region,
        account_id=stack.account_id,
        partition=stack.partition,
        stack_name=stack.name,
        stack_id=stack.id,
        logical_id=resource.logical_id,
        tags={**tags, **own},
        token=uuid.uuid4().hex[:12].upper(),
        begun=begun,
    )


def begin(stack: Stack, work: Work, world: World, at: float) -> None:
    """Tell that the work begins."""
    if work.do is Do.DELETE and not work.resource.physical_id:
        stack.record_resource(work.resource, "DELETE_COMPLETE", at)
        work.stage = Stage.DONE
        return
    reason = REPLACING if work.do is Do.REPLACE else None
    stack.record_resource(work.resource, f"{work.do.verb}_IN_PROGRESS", at, reason)
    work.stage, work.begun = Stage.STARTED, at
    work.due = at + world.pace.seconds("resource") / 2


def proceed(stack: Stack, work: Work, world: World, at: float, now: float) -> None:
    """Take the next step of a work that is due.

    :param at: when it was due; ``now`` is how late it is at most.
    """
    world.moment = at
    kind = work.resource.type
    if world.faults.resource_hangs(work.do.verb, stack.name, work.resource.logical_id, kind):
        work.due = now + world.pace.seconds("resource_poll")
        return
    try:
        if work.stage is Stage.STARTED:
            _act(stack, work, world, at)
            return
        if kind == STACK_TYPE:
            at = _after_nested(stack, work, world, at, now)
        waiting = _pending(stack, work, world)
    except ResourceFailed as error:
        fail(stack, work, error.message, at)
        return
    if waiting is None:
        _take_outputs(stack, work, world)
        _finish(stack, work, at)
    else:
        work.due = now + world.pace.seconds("resource_poll")


def _after_nested(stack: Stack, work: Work, world: World, at: float, now: float) -> float:
    """Let a nested stack come as far as it can; return when that was."""
    at = max(at, world.bring_up(work.resource.physical_id, now))
    world.moment = at
    if stack.operation is not None:
        stack.operation.clock = at
    return at


def fail(stack: Stack, work: Work, reason: str, at: float) -> None:
    """End the work with a failure."""
    stack.record_resource(work.resource, f"{work.do.verb}_FAILED", at, reason)
    work.stage = Stage.FAILED


def _act(stack: Stack, work: Work, world: World, at: float) -> None:
    resource = work.resource
    message = world.faults.resource_failure(work.do.verb, stack.name, resource.logical_id, resource.type)
    if message is not None:
        raise ResourceFailed(message)
    kind = world.type_of(resource.type)
    tags = dict(work.old.tags if work.do is Do.RESTORE and work.old is not None else resource.tags)
    context = context_of(stack, resource, tags, work.begun)
    new = failing_in_words(lambda: resolve_references(work.properties, context))
    if work.do is Do.DELETE:
        failing_in_words(lambda: kind.delete(resource.physical_id, resource.properties, context))
    elif work.do in {Do.CREATE, Do.REPLACE}:
        made: Made = failing_in_words(lambda: kind.create(new, context))
        _adopt(stack, work, made, at)
    else:
        old = resolve_references(resource.properties, context)
        resource.properties = dict(work.properties)  # also when it fails half-way: a rollback starts from there
        if work.do is Do.RESTORE and resource.type == STACK_TYPE:
            restore(world.nested(resource.physical_id), stack.before.at if stack.before else at, world)
            _settle(work, world, at)
            return
        made = failing_in_words(lambda: kind.update(resource.physical_id, old, new, context))
        resource.physical_id, resource.attributes = made.physical_id, dict(made.attributes)
    _settle(work, world, at)


def _settle(work: Work, world: World, at: float) -> None:
    work.stage = Stage.SETTLING
    work.due = at + world.pace.seconds("resource") / 2


def _adopt(stack: Stack, work: Work, made: Made, at: float) -> None:
    resource = work.resource
    if work.do is Do.REPLACE and made.physical_id == resource.physical_id:
        raise ResourceFailed(CUSTOM_NAME.format(made.physical_id))
    resource.physical_id, resource.attributes = made.physical_id, dict(made.attributes)
    resource.properties = dict(work.properties)
    stack.record_resource(resource, f"{work.do.verb}_IN_PROGRESS", at, INITIATED)


def _pending(stack: Stack, work: Work, world: World) -> str | None:
    resource = work.resource
    kind = world.type_of(resource.type)
    context = context_of(stack, resource, dict(resource.tags), work.begun)
    if work.do is Do.DELETE:
        deleting = getattr(kind, "deleting", None)
        if deleting is None:
            return None
        left: str | None = failing_in_words(lambda: deleting(resource.physical_id, resource.properties, context))
        return left
    if work.do is Do.RESTORE and resource.type == STACK_TYPE:
        return restoring(world.nested(resource.physical_id))
    waiting: str | None = failing_in_words(
        lambda: kind.pending(resource.physical_id, resource.properties, context)
    )
    return waiting


def _take_outputs(stack: Stack, work: Work, world: World) -> None:
    """A nested stack's outputs are its attributes, once it is complete."""
    outputs = getattr(world.type_of(work.resource.type), "outputs", None)
    if outputs is not None and work.do is not Do.DELETE:
        resource = work.resource
        context = context_of(stack, resource, dict(resource.tags))
        resource.attributes = {
            **resource.attributes,
            **outputs(resource.physical_id, resource.properties, context),
        }


def _finish(stack: Stack, work: Work, at: float) -> None:
    stack.record_resource(work.resource, f"{work.do.verb}_COMPLETE", at)
    work.resource.drift = "NOT_CHECKED"
    work.stage = Stage.DONE


def failing_in_words(call: Callable[[], Any]) -> Any:
    """Turn an API's error into what CloudFormation's resource handlers report.

    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html
    """
    try:
        return call()
    except ClientError as error:
        details = error.response
        meta = details.get("ResponseMetadata", {})
        text = (
            f"{details['Error'].get('Message', '')} (Service: {meta.get('ServiceName')}, Status Code: "
            f"{meta.get('HTTPStatusCode', 400)}, Request ID: {meta.get('RequestId') or uuid.uuid4()})"
        )
        raise ResourceFailed(handler_message(text, _handler_code(details["Error"].get("Code", "")))) from error
    except (BotoCoreError, ValidationFailed) as error:
        raise ResourceFailed(handler_message(str(error), "InvalidRequest")) from error
    except (AttributeError, LookupError, NotImplementedError, TypeError, ValueError) as error:
        text = f"The fguard sandbox cannot make this resource: {type(error).__name__}: {error}"
        raise ResourceFailed(handler_message(text, "InternalFailure")) from error


def handler_message(text: str, code: str) -> str:
    """Word an error as a resource handler of CloudFormation's does."""
    return f'Resource handler returned message: "{text}" (RequestToken: {uuid.uuid4()}, HandlerErrorCode: {code})'


def _handler_code(code: str) -> str:
    for words, handler_code in (
        (("AlreadyExists", "EntityAlreadyExists", "Duplicate", "InUse"), "AlreadyExists"),
        (("NotFound", "NoSuch"), "NotFound"),
        (("AccessDenied", "Unauthorized"), "AccessDenied"),
        (("Throttl",), "Throttling"),
        (("LimitExceeded",), "ServiceLimitExceeded"),
    ):
        if any(word in code for word in words):
            return handler_code
    return "InvalidRequest"

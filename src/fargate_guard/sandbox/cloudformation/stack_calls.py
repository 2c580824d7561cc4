"""The calls that create, change and delete stacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult

from fargate_guard.sandbox.cloudformation import outcomes
from fargate_guard.sandbox.cloudformation.calls import Calls, Json
from fargate_guard.sandbox.cloudformation.differences import is_without_effect
from fargate_guard.sandbox.cloudformation.errors import AlreadyExists, Unfulfilled, ValidationFailed
from fargate_guard.sandbox.cloudformation.operation import Operation, Phase
from fargate_guard.sandbox.cloudformation.submission import submitted_target, template_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.stack import Stack

CANCELLED = "Stack update cancelled"
DELETABLE = frozenset(
    {
        *("CREATE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"),
        *("UPDATE_COMPLETE", "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"),
        *("DELETE_FAILED", "REVIEW_IN_PROGRESS"),
    }
)
NO_UPDATES = "No updates are to be performed."
RETAIN_TOO_EARLY = (
    "Invalid operation on stack [{}]. When you delete a stack, specify which resources to retain only when the "
    "stack is in the DELETE_FAILED state."
)


class StackCalls(Calls):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html."""

    def create_stack(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html."""
        request = self._request
        name = request["StackName"]
        check_stack_name(name)
        on_failure = creation_on_failure(request)
        text = template_text(self._backend, request)
        if self._backend.find(name) is not None:
            message = f"Stack [{name}] already exists"
            raise AlreadyExists(message)
        stack = self._backend.new_stack(name)
        apply_settings(stack, request)
        stack.termination_protection = bool(request.get("EnableTerminationProtection"))
        stack.timeout_minutes = request.get("TimeoutInMinutes")
        token = request.get("ClientRequestToken")
        try:
            target = submitted_target(self._backend, request, stack, text)
        except Unfulfilled as failure:
            self._backend.fail_to_begin(stack, failure.reason, on_failure=on_failure, token=token)
        else:
            self._backend.create(stack, target, on_failure=on_failure, token=token)
        return ActionResult({"StackId": stack.id})

    def update_stack(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html."""
        request = self._request
        stack = self._backend.live_stack_of(request["StackName"])
        self._backend.check_updatable(stack)
        text = template_text(self._backend, request, stack)
        on_failure = "DO_NOTHING" if request.get("DisableRollback") else "ROLLBACK"
        token = request.get("ClientRequestToken")
        try:
            target = submitted_target(self._backend, request, stack, text)
        except Unfulfilled as failure:
            self._backend.fail_to_begin(stack, failure.reason, on_failure=on_failure, token=token)
            return ActionResult({"StackId": stack.id})
        if is_without_effect(stack, target):
            raise ValidationFailed(NO_UPDATES)
        apply_settings(stack, request)
        self._backend.update(stack, target, on_failure=on_failure, token=token)
        return ActionResult({"StackId": stack.id})

    def delete_stack(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html."""
        request = self._request
        stack = self._backend.find(request["StackName"])
        if stack is None or stack.status in {"DELETE_COMPLETE", "DELETE_IN_PROGRESS"}:
            return EmptyResult()
        if stack.root.termination_protection and not self._backend.advancing:
            message = f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            raise ValidationFailed(message)
        if stack.status not in DELETABLE:
            message = f"Stack [{stack.id}] cannot be deleted while in status {stack.status}"
            raise ValidationFailed(message)
        retain = frozenset(request.get("RetainResources") or ())
        force = request.get("DeletionMode") == "FORCE_DELETE_STACK"
        if (retain or force) and stack.status != "DELETE_FAILED":
            raise ValidationFailed(RETAIN_TOO_EARLY.format(stack.id))
        self._backend.delete(stack, retain=retain, force=force, token=request.get("ClientRequestToken"))
        return EmptyResult()

    def cancel_update_stack(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html."""
        stack = self._backend.live_stack_of(self._get_param("StackName"))
        operation = stack.operation
        if operation is None or operation.phase is not Phase.UPDATE:
            message = "CancelUpdateStack cannot be called from current stack status"
            raise ValidationFailed(message)
        operation.clock = self._backend.now
        operation.on_failure = "ROLLBACK"
        outcomes.cancel_others(stack, operation)
        outcomes.begin_update_rollback(stack, operation, CANCELLED)
        return EmptyResult()

    def continue_update_rollback(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html."""
        request = self._request
        stack = self._backend.live_stack_of(request["StackName"])
        if stack.status != "UPDATE_ROLLBACK_FAILED" or stack.before is None:
            message = (
                f"Stack:{stack.id} is in {stack.status} state and can not continue rollback."
                if stack.status.endswith("IN_PROGRESS")
                else "ContinueUpdateRollback cannot be called from current stack status"
            )
            raise ValidationFailed(message)
        skip = request.get("ResourcesToSkip") or []
        for logical_id in skip:
            resource = stack.resources.get(logical_id)
            if resource is None or resource.status != "UPDATE_FAILED":
                message = (
                    f"ContinueUpdateRollback cannot skip resource [{logical_id}]: only resources in the "
                    "UPDATE_FAILED state can be skipped"
                )
                raise ValidationFailed(message)
        self._roll_back_update(stack, request, skip)
        return ActionResult({})

    def rollback_stack(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html."""
        request = self._request
        stack = self._backend.live_stack_of(request["StackName"])
        if stack.status == "UPDATE_FAILED" and stack.before is not None:
            self._roll_back_update(stack, request, [])
        elif stack.status == "CREATE_FAILED" and stack.target is not None:
            operation = Operation(
                Phase.ROLLBACK, stack.target, self._backend.now, request.get("ClientRequestToken")
            )
            outcomes.begin_deletion(stack, operation, Phase.ROLLBACK, "User Initiated")
        else:
            message = f"Stack:{stack.id} is in {stack.status} state and can not be rolled back."
            raise ValidationFailed(message)
        return ActionResult({"StackId": stack.id})

    def _roll_back_update(self, stack: Stack, request: Json, skip: list[str]) -> None:
        if stack.before is None:
            return
        token = request.get("ClientRequestToken")
        operation = Operation(Phase.UPDATE_ROLLBACK, stack.before.target, self._backend.now, token)
        outcomes.begin_update_rollback(stack, operation, "User Initiated", skip)

    def update_termination_protection(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html."""
        stack = self._backend.live_stack_of(self._get_param("StackName"))
        if stack.parent is not None:
            message = f"Cannot update termination protection for nested stack [{stack.id}]"
            raise ValidationFailed(message)
        stack.termination_protection = bool(self._get_param("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.id})

    def set_stack_policy(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SetStackPolicy.html."""
        stack = self._backend.live_stack_of(self._get_param("StackName"))
        stack.policy = self._get_param("StackPolicyBody")
        return EmptyResult()

    def get_stack_policy(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetStackPolicy.html."""
        stack = self._backend.live_stack_of(self._get_param("StackName"))
        return ActionResult({"StackPolicyBody": stack.policy})


def check_stack_name(name: str) -> None:
    """Refuse names that AWS refuses.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-using-console-create-stack-parameters.html
    """
    if not re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", name):
        message = (
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member "
            "must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )
        raise ValidationFailed(message)


def creation_on_failure(request: Json) -> str:
    """Return what happens to a stack that cannot be created."""
    if request.get("OnFailure") and request.get("DisableRollback") is not None:
        message = "Either one of OnFailure or DisableRollback can be specified, not both."
        raise ValidationFailed(message)
    if request.get("DisableRollback"):
        return "DO_NOTHING"
    return str(request.get("OnFailure") or "ROLLBACK")


def apply_settings(stack: Stack, request: Mapping[str, Any]) -> None:
    """Take over what a request says of the stack itself."""
    if request.get("RoleARN"):
        stack.role_arn = request["RoleARN"]
    if request.get("NotificationARNs") is not None:
        stack.notification_arns = list(request["NotificationARNs"])
    if request.get("StackPolicyBody"):
        stack.policy = request["StackPolicyBody"]

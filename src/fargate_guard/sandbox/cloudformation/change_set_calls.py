"""The calls about change sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.responses import ActionResult, EmptyResult

from fargate_guard.sandbox.cloudformation.calls import Calls, Json
from fargate_guard.sandbox.cloudformation.change_set import NO_CHANGES, NO_UPDATES, ChangeSet, change_set_id
from fargate_guard.sandbox.cloudformation.differences import is_unchanged, outputs_differ
from fargate_guard.sandbox.cloudformation.errors import (
    AlreadyExists,
    ChangeSetNotFound,
    InvalidChangeSetStatus,
    NotSimulated,
    Unfulfilled,
    ValidationFailed,
)
from fargate_guard.sandbox.cloudformation.nested_change_sets import make_children
from fargate_guard.sandbox.cloudformation.preview import Preview, without_values
from fargate_guard.sandbox.cloudformation.stack_calls import apply_settings, check_stack_name
from fargate_guard.sandbox.cloudformation.submission import submitted_target, template_text

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack import Stack

CHANGES_PER_PAGE = 100
SUMMARIES_PER_PAGE = 50


class ChangeSetCalls(Calls):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html."""

    def create_change_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html."""
        request = self._request
        stack = self._stack_for(request)
        name = request["ChangeSetName"]
        if name in stack.change_sets:
            message = f"ChangeSet {name} already exists"
            raise AlreadyExists(message)
        text = template_text(self._backend, request, stack)
        now = self._backend.now
        due = now + self._backend.world.pace.seconds("resource")
        change_set = ChangeSet(name, change_set_id(stack, name), stack, now, due, request)
        try:
            change_set.target = submitted_target(self._backend, request, stack, text, in_change_set=True)
        except Unfulfilled as failure:
            change_set.failure = failure.reason
        else:
            self._compare(change_set)
        if stack.id not in self._backend.stacks:
            self._backend.stacks[stack.id] = stack
            apply_settings(stack, request)
            stack.record("REVIEW_IN_PROGRESS", now, "User Initiated")
        stack.change_sets[name] = change_set
        return ActionResult({"Id": change_set.id, "StackId": stack.id})

    def _stack_for(self, request: Json) -> Stack:
        kind = request.get("ChangeSetType") or "UPDATE"
        name = request["StackName"]
        if kind == "IMPORT":
            what = "change sets of the type IMPORT"
            raise NotSimulated(what)
        found = self._backend.find(name)
        if kind == "CREATE":
            if found is None or found.deleted_at is not None:
                check_stack_name(name)
                return self._backend.new_stack(name)
            if found.status != "REVIEW_IN_PROGRESS":
                message = (
                    f"Stack [{found.name}] already exists and cannot be created again with the changeSet "
                    f"[{request['ChangeSetName']}]."
                )
                raise ValidationFailed(message)
            return found
        stack = self._backend.live_stack_of(name)
        self._backend.check_updatable(stack)
        return stack

    def _compare(self, change_set: ChangeSet) -> None:
        stack, target = change_set.stack, change_set.target
        if target is None:
            return
        if stack.status != "REVIEW_IN_PROGRESS" and is_unchanged(stack, target):
            change_set.failure = NO_CHANGES
            return
        preview = Preview(stack, target, self._backend.type_of)
        change_set.changes = preview.changes()
        if change_set.request.get("IncludeNestedStacks"):
            make_children(self._backend, change_set, preview.properties)
        if not change_set.changes and not outputs_differ(stack, target):
            change_set.failure = NO_UPDATES

    def describe_change_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html."""
        change_set = self._change_set()
        now = self._backend.now
        first = int(self._get_param("NextToken") or 0)
        last = first + CHANGES_PER_PAGE
        changes = change_set.changes if now >= change_set.due else []
        if not self._get_param("IncludePropertyValues"):
            changes = [without_values(change) for change in changes]
        following = {"NextToken": str(last)} if last < len(changes) else {}
        return ActionResult({**change_set.described(now), "Changes": changes[first:last], **following})

    def list_change_sets(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListChangeSets.html."""
        stack = self._backend.live_stack_of(self._get_param("StackName"))
        summaries = [each.summary(self._backend.now) for each in stack.change_sets.values()]
        return self._page("Summaries", summaries, SUMMARIES_PER_PAGE)

    def delete_change_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html."""
        try:
            change_set = self._change_set()
        except ChangeSetNotFound:
            return EmptyResult()
        status = change_set.status(self._backend.now)
        if status == "CREATE_IN_PROGRESS":
            message = f"Cannot delete ChangeSet in status {status}"
            raise InvalidChangeSetStatus(message)
        if change_set.executed == "EXECUTE_IN_PROGRESS":
            message = (
                f"ChangeSet [{change_set.id}] cannot be deleted in its current status of [EXECUTE_IN_PROGRESS]"
            )
            raise InvalidChangeSetStatus(message)
        for each in (change_set, *change_set.children.values()):
            each.stack.change_sets.pop(each.name, None)
        return EmptyResult()

    def execute_change_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html."""
        change_set = self._change_set()
        status = change_set.execution_status(self._backend.now)
        if status != "AVAILABLE" or change_set.target is None:
            shown = "FAILED" if change_set.failure else status
            message = f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{shown}]"
            raise InvalidChangeSetStatus(message)
        if change_set.parent is not None:
            message = f"ChangeSet [{change_set.id}] belongs to a nested stack; execute the change set of its root."
            raise InvalidChangeSetStatus(message)
        self._execute(change_set)
        return ActionResult({})

    def _execute(self, change_set: ChangeSet) -> None:
        stack, target = change_set.stack, change_set.target
        if target is None:
            return
        creating = stack.status == "REVIEW_IN_PROGRESS"
        if not creating:
            self._backend.check_updatable(stack)
        apply_settings(stack, change_set.request)
        on_failure = str(change_set.request.get("OnStackFailure") or "ROLLBACK")
        if self._get_param("DisableRollback"):
            on_failure = "DO_NOTHING"
        token = self._get_param("ClientRequestToken")
        begin = self._backend.create if creating else self._backend.update
        begin(stack, target, on_failure=on_failure, token=token)
        if stack.operation is not None:
            stack.operation.change_set = change_set
        stack.executed_change_set = change_set.id
        change_set.executed = "EXECUTE_IN_PROGRESS"

    def _change_set(self) -> ChangeSet:
        """Find a change set by its ARN, or by its name and its stack's."""
        wanted, stack_name = self._get_param("ChangeSetName"), self._get_param("StackName")
        if not wanted.startswith("arn:"):
            if not stack_name:
                message = "StackName must be specified if ChangeSetName is not specified as an ARN."
                raise ValidationFailed(message)
            stacks = [self._backend.live_stack_of(stack_name)]
        else:
            stacks = list(self._backend.stacks.values())
        for stack in stacks:
            for change_set in stack.change_sets.values():
                if wanted in {change_set.id, change_set.name}:
                    return change_set
        message = f"ChangeSet [{wanted}] does not exist"
        raise ChangeSetNotFound(message)

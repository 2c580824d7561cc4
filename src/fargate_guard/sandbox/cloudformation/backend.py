"""CloudFormation of one account and Region: its stacks, and what begins and ends operations on them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from moto.cloudformation import urls
from moto.core.base_backend import BaseBackend

from fargate_guard.sandbox.cloudformation import outcomes
from fargate_guard.sandbox.cloudformation.engine import advance_stack, forward_works
from fargate_guard.sandbox.cloudformation.errors import NotSimulated, Unfulfilled, ValidationFailed, no_such_stack
from fargate_guard.sandbox.cloudformation.in_process import in_process_client
from fargate_guard.sandbox.cloudformation.operation import Before, Operation, Phase
from fargate_guard.sandbox.cloudformation.resources import RESOURCE_TYPES
from fargate_guard.sandbox.cloudformation.stack import Stack
from fargate_guard.sandbox.cloudformation.world import World
from fargate_guard.sandbox.ecs.backend import EcsBackend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceType
    from fargate_guard.sandbox.cloudformation.target import Target

Json = Any

UPDATABLE = frozenset(
    {
        *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"),
        *("IMPORT_ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_FAILED"),
    }
)
USER = "User Initiated"


class StackBackend(BaseBackend):
    """CloudFormation of one account and Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.stacks: dict[str, Stack] = {}
        """By ID, oldest first; deleted ones stay."""
        self.macros: dict[str, Mapping[str, Json]] = {}
        """Properties of ``AWS::CloudFormation::Macro`` by name."""
        self.drift_detections: dict[str, dict[str, Json]] = {}
        self._advancing = False
        around = EcsBackend.surroundings
        self.world = World(
            around.pace,
            around.faults,
            self.type_of,
            self.export_conflict,
            nested=self.stacks.__getitem__,
            update=self.update,
            bring_up=self._bring_up,
        )

    @property
    def _url_module(self) -> Any:
        return urls

    # Time.

    @property
    def advancing(self) -> bool:
        """Whether a stack's operation is being carried out: calls then come from resource types."""
        return self._advancing

    @property
    def now(self) -> float:
        """The sandbox's time."""
        return EcsBackend.surroundings.clock()

    def advance(self) -> None:
        """Bring the stacks up to now; nested ones after the stack that waits for them, until nothing moves."""
        now = self.now
        events = -1
        self._advancing = True
        try:
            while events != (events := sum(len(stack.events) for stack in self.stacks.values())):
                for stack in list(self.stacks.values()):
                    if stack.operation is not None:
                        advance_stack(stack, self.world, now)
        finally:
            self._advancing = False

    def _bring_up(self, stack_id: str, now: float) -> float:
        stack = self.stacks[stack_id]
        advance_stack(stack, self.world, now)
        return stack.events[-1].at

    def _beginning(self) -> float:
        """When an operation begins that starts now: for nested stacks, within their parent's operation."""
        return self.world.moment if self._advancing else self.now

    # Looking things up.

    def client(self, service: str) -> Any:
        """Return an in-process client in this account and Region."""
        return in_process_client(service, self.region_name, self.account_id)

    def type_of(self, name: str) -> ResourceType:
        """Find a resource type.

        :raises ValidationFailed: for a type that does not exist.
        :raises NotSimulated: for one that the sandbox lacks.
        """
        if name in RESOURCE_TYPES:
            return RESOURCE_TYPES[name]
        if name.startswith(("AWS::", "Custom::")):
            what = f"resources of the type {name}"
            raise NotSimulated(what)
        message = f"Template format error: Unrecognized resource types: [{name}]"
        raise ValidationFailed(message)

    def find(self, name_or_id: str) -> Stack | None:
        """Find a stack: a deleted one by its ID only."""
        if name_or_id in self.stacks:
            return self.stacks[name_or_id]
        return next((each for each in self.live_stacks() if each.name == name_or_id), None)

    def live_stacks(self) -> list[Stack]:
        """Return the stacks that are not deleted, newest first."""
        return [stack for stack in reversed(self.stacks.values()) if stack.deleted_at is None]

    def stack_of(self, name_or_id: str) -> Stack:
        """Find a stack.

        :raises ValidationFailed: "Stack with id … does not exist".
        """
        found = self.find(name_or_id)
        if found is None:
            raise no_such_stack(name_or_id)
        return found

    def live_stack_of(self, name_or_id: str) -> Stack:
        """Find a stack that can be operated on.

        :raises ValidationFailed: "Stack [x] does not exist".
        """
        found = self.find(name_or_id)
        if found is None or found.deleted_at is not None:
            message = f"Stack [{name_or_id}] does not exist"
            raise ValidationFailed(message)
        return found

    def pseudo_parameters(self, stack: Stack) -> dict[str, Json]:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html."""
        return {
            "AWS::AccountId": self.account_id,
            "AWS::NotificationARNs": list(stack.notification_arns),
            "AWS::Partition": self.partition,
            "AWS::Region": self.region_name,
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com",
        }

    def zones(self, region: str) -> list[str]:
        """Return a Region's Availability Zones."""
        found = in_process_client("ec2", region, self.account_id).describe_availability_zones()
        return [zone["ZoneName"] for zone in found["AvailabilityZones"]]

    def ssm_value(self, name: str) -> str:
        """Return an SSM parameter's value.

        :raises Unfulfilled: when there is none.
        """
        from botocore.exceptions import ClientError

        try:
            return str(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        except ClientError as error:
            message = f"Unable to fetch parameters [{name}] from parameter store for this account."
            raise Unfulfilled(message) from error

    # Exports.

    def exports(self) -> dict[str, tuple[Stack, str]]:
        """Return stack and value of every export."""
        return {
            output["ExportName"]: (stack, output["OutputValue"])
            for stack in self.live_stacks()
            for output in stack.outputs
            if "ExportName" in output
        }

    def exported_value(self, name: str) -> str:
        """Return what ``Fn::ImportValue`` gives.

        :raises ValidationFailed: "No export named x found".
        """
        found = self.exports().get(name)
        if found is None:
            message = f"No export named {name} found"
            raise ValidationFailed(message)
        return found[1]

    def importers(self, name: str) -> list[str]:
        """Return the names of the stacks that import an export."""
        from fargate_guard.sandbox.cloudformation.exports import imported_names

        return [
            stack.name
            for stack in self.live_stacks()
            if stack.target is not None and name in imported_names(stack.target)
        ]

    def export_conflict(self, stack: Stack, outputs: list[dict[str, str]]) -> str | None:
        """Return why a stack cannot have these outputs."""
        wanted = {each["ExportName"]: each["OutputValue"] for each in outputs if "ExportName" in each}
        for name, (owner, value) in self.exports().items():
            if owner is not stack and name in wanted:
                return f"Export with name {name} is already exported by stack {owner.name}"
            if owner is stack and wanted.get(name) != value and self.importers(name):
                users = " and ".join(self.importers(name))
                done = "updated" if name in wanted else "deleted"
                return f"Export {name} cannot be {done} as it is in use by {users}"
        return None

    # Operations.

    @staticmethod
    def _make_obsolete(stack: Stack) -> None:
        """Change sets show what they would do to a stack that is no more.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
        """
        for change_set in stack.change_sets.values():
            change_set.executed = change_set.executed or "OBSOLETE"

    def new_stack(self, name: str, parent: Stack | None = None) -> Stack:
        """Make an empty stack in review."""
        stack_id = (
            f"arn:{self.partition}:cloudformation:{self.region_name}:{self.account_id}:stack/{name}/{uuid.uuid4()}"
        )
        stack = Stack(name, stack_id, self.account_id, self.region_name, self.partition, self._beginning())
        stack.parent = parent
        return stack

    def create(self, stack: Stack, target: Target, *, on_failure: str, token: str | None = None) -> None:
        """Begin to create a stack."""
        self.stacks[stack.id] = stack
        self._make_obsolete(stack)
        at = self._beginning()
        operation = Operation(Phase.CREATE, target, at, token, on_failure)
        stack.target, stack.disable_rollback = target, on_failure == "DO_NOTHING"
        if stack.timeout_minutes:
            operation.deadline = at + 60 * stack.timeout_minutes
        stack.operation = operation
        operation.works = forward_works(stack, operation)
        stack.record(Phase.CREATE, at, USER)

    def fail_to_begin(self, stack: Stack, reason: str, *, on_failure: str, token: str | None = None) -> None:
        """Begin an accepted operation that fails, for a macro or a parameter's value."""
        from fargate_guard.sandbox.cloudformation.target import empty_target

        if stack.target is None:
            self.create(stack, empty_target(), on_failure=on_failure, token=token)
        else:
            self.update(stack, stack.target, on_failure=on_failure, token=token)
        if stack.operation is not None:
            stack.operation.works = {}
            stack.operation.interrupted, stack.operation.reason = True, reason

    def check_updatable(self, stack: Stack) -> None:
        """Refuse an update in a state that does not allow one.

        :raises ValidationFailed: "Stack:… is in … state and can not be updated."
        """
        if stack.status not in UPDATABLE:
            message = f"Stack:{stack.id} is in {stack.status} state and can not be updated."
            raise ValidationFailed(message)

    def update(
        self, stack: Stack, target: Target, *, on_failure: str = "ROLLBACK", token: str | None = None
    ) -> None:
        """Begin to update a stack."""
        self._make_obsolete(stack)
        at = self._beginning()
        stack.previous = stack.target
        if stack.before is None and stack.target is not None:
            copies = {key: each.copy() for key, each in stack.resources.items()}
            stack.before = Before(stack.target, copies, list(stack.outputs), at)
        operation = Operation(Phase.UPDATE, target, at, token, on_failure)
        stack.operation = operation
        operation.works = forward_works(stack, operation)
        stack.updated_at, stack.disable_rollback = at, on_failure == "DO_NOTHING"
        stack.record(Phase.UPDATE, at, USER)

    def delete(
        self, stack: Stack, *, retain: frozenset[str] = frozenset(), force: bool = False, token: str | None = None
    ) -> None:
        """Begin to delete a stack."""
        target = stack.target
        if target is None:
            stack.record("DELETE_IN_PROGRESS", self.now, USER)
            stack.record("DELETE_COMPLETE", self.now)
            stack.deleted_at = self.now
            return
        in_use = self._in_use(stack)
        if stack.operation is not None:
            outcomes.cancel_others(stack, stack.operation)
        operation = Operation(Phase.DELETE, target, self._beginning(), token, force=force)
        outcomes.begin_deletion(stack, operation, Phase.DELETE, USER)
        if in_use is not None:
            stack.record("DELETE_FAILED", operation.clock, in_use)
            stack.operation = None
            return
        for key, work in list(operation.works.items()):
            if work.resource.logical_id in retain:
                stack.record_resource(work.resource, "DELETE_SKIPPED", operation.clock)
                del operation.works[key]

    def _in_use(self, stack: Stack) -> str | None:
        for output in stack.outputs:
            users = self.importers(output["ExportName"]) if "ExportName" in output else []
            if users:
                return f"Export {output['ExportName']} cannot be deleted as it is in use by {' and '.join(users)}"
        return None

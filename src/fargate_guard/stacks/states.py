"""The states of a stack: what each means, and what gets a stack out of one in which it is stuck.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REVIEW = "REVIEW_IN_PROGRESS"
DELETED = "DELETE_COMPLETE"
DELETING = "DELETE_IN_PROGRESS"
ROLLED_BACK = frozenset({"ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})
SUCCEEDED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
BEFORE_THE_SWITCH = frozenset({"UPDATE_IN_PROGRESS"})
"""Only here may an update be cancelled
(https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html)."""


class Repair(Enum):
    """What gets a stack out of the state in which it is stuck."""

    DELETE = "delete what is left of the stack, and create it again"
    CONTINUE_ROLLBACK = "continue the rollback; what still cannot be rolled back is left as it is"
    ROLL_BACK = "roll the failed update back"
    RETAIN = "delete the stack; what still cannot be deleted stays in the account"


@dataclass(frozen=True, slots=True)
class Stuck:
    """A state in which CloudFormation takes no update."""

    meaning: str
    repair: Repair | None
    """None where CloudFormation has no call that goes on from there."""


STUCK = {
    "ROLLBACK_COMPLETE": Stuck(
        "its creation failed and everything was removed again; such a stack can only be deleted", Repair.DELETE
    ),
    "ROLLBACK_FAILED": Stuck(
        "its creation failed, and not everything could be removed; such a stack can only be deleted",
        Repair.DELETE,
    ),
    "CREATE_FAILED": Stuck(
        "its creation failed, and what was made was left; such a stack can only be deleted", Repair.DELETE
    ),
    "DELETE_FAILED": Stuck("its deletion failed: some of its resources could not be removed", Repair.RETAIN),
    "UPDATE_ROLLBACK_FAILED": Stuck(
        "an update failed, and the former state could not be put back", Repair.CONTINUE_ROLLBACK
    ),
    "UPDATE_FAILED": Stuck("an update failed and was left as it is", Repair.ROLL_BACK),
    "IMPORT_ROLLBACK_FAILED": Stuck(
        "somebody imported resources into it; that failed, and could not be taken back", None
    ),
}
"""By status. ContinueUpdateRollback takes a stack from ``UPDATE_ROLLBACK_FAILED`` only, and RollbackStack from
``CREATE_FAILED`` and ``UPDATE_FAILED`` only: none goes on from a failed import.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack, as DescribeStacks tells it."""

    name: str
    stack_id: str
    """ARN; still good for questions when the stack is deleted."""
    status: str
    reason: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    """Names only: values may be secret."""
    tags: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    """Termination protection."""
    role_arn: str | None = None
    updated: str = ""
    """When it was last created or updated, ISO 8601."""

    @property
    def is_gone(self) -> bool:
        """Whether only its history is left."""
        return self.status == DELETED

    @property
    def is_in_review(self) -> bool:
        """Whether a first change set was made and never executed: it has no resources."""
        return self.status == REVIEW

    @property
    def is_running(self) -> bool:
        """Whether CloudFormation is working on it."""
        return is_running(self.status)

    @property
    def stuck(self) -> Stuck | None:
        """What its state means where CloudFormation takes no update in it."""
        return STUCK.get(self.status)

    @property
    def region(self) -> str:
        """AWS Region, from its ARN."""
        return self.stack_id.split(":")[3]


def is_running(status: str) -> bool:
    """Whether an operation is under way; a change set under review is none."""
    return status.endswith("_IN_PROGRESS") and status != REVIEW


def operation_of(status: str) -> str:
    """Return what an operation does by the stack's status: ``create``, ``update``, ``delete``, ``roll back``."""
    if "ROLLBACK" in status:
        return "roll back"
    return status.partition("_")[0].lower()

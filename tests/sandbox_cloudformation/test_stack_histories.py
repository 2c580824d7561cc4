"""Whatever happens to a stack, what it says it has is what there is."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox_cloudformation.stacks import log_group

if TYPE_CHECKING:
    from tests.sandbox_cloudformation.stacks import Stacks

NAMES = ("A", "B", "C", "D")


class History:
    """A stack to which things happen at random: updates, replacements, failures, and every way out of them."""

    def __init__(self, stacks: Stacks, seed: int) -> None:
        self.stacks = stacks
        self.chance = random.Random(seed)
        self.prefix = f"/{stacks.name}-{seed}/"

    def template(self) -> dict[str, Any]:
        """Some of the log groups, under names that may change, some after others."""
        chosen = [name for name in NAMES if self.chance.random() < 0.7] or ["A"]
        resources = {}
        for number, name in enumerate(chosen):
            path = f"{self.prefix}{name}{self.chance.choice('xy')}"
            after = {"DependsOn": self.chance.sample(chosen[:number], 1)} if number else {}
            resources[name] = log_group(self.chance.choice((7, 14, 30)), name=path, **after)
        return resources

    def step(self) -> None:
        """One operation, perhaps with a failure, and perhaps left as it failed."""
        if self.chance.random() < 0.5:
            action, count = self.chance.choice(("create", "update", "delete")), self.chance.choice((1, 1, 2))
            self.stacks.fail(self.chance.choice(NAMES), action, count=count)
        status = self.stacks.status
        with contextlib.suppress(self.stacks.api.exceptions.ClientError):  # now and then nothing would change
            if status == "UPDATE_ROLLBACK_FAILED":
                self.stacks.api.continue_update_rollback(StackName=self.stacks.name)
            elif status == "UPDATE_FAILED" and self.chance.random() < 0.5:
                self.stacks.api.rollback_stack(StackName=self.stacks.name)
            else:
                self.stacks.update(self.template(), DisableRollback=self.chance.random() < 0.3)
        self.stacks.clock.advance(20)
        assert self.stacks.status
        self.stacks.sandbox.faults.clear()

    def live(self) -> set[str]:
        """The log groups that there are."""
        found = self.stacks.logs.describe_log_groups(logGroupNamePrefix=self.prefix)["logGroups"]
        return {each["logGroupName"] for each in found}


@pytest.mark.parametrize("seed", range(6))
def test_a_stack_has_what_it_says_and_leaves_nothing(stacks: Stacks, seed: int) -> None:
    history = History(stacks, seed)
    stack_id = stacks.create(history.template())
    assert stacks.status == "CREATE_COMPLETE"
    for _ in range(6):
        history.step()
        claimed = set(stacks.resources().values()) - {""}
        assert not stacks.status.endswith("IN_PROGRESS")
        if stacks.status != "UPDATE_ROLLBACK_FAILED":
            assert claimed <= history.live(), stacks.told()
    stacks.delete()
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    told = stacks.told(stack_id)
    left_behind = any(event.endswith("DELETE_FAILED") for event in told)
    assert left_behind or not history.live(), told

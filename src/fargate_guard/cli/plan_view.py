"""A plan as people read it, and as the JSON output carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.terraform.plan import NOTHING

if TYPE_CHECKING:
    from fargate_guard.cli.screen import Screen
    from fargate_guard.terraform.plan import Plan, ResourceChange

SIGNS = {
    "create": "+",
    "update": "~",
    "delete": "-",
    "replace": "-/+",
    "import": "<-",
    "move": "->",
    "forget": "x",
}


def plan_text(plan: Plan) -> str:
    """Return every change on its line, and the counts."""
    changes = _managed(plan)
    lines = [f"  {SIGNS.get(change.action, '?'):>3} {change.address}{_reason(change)}" for change in changes]
    counts = f"{plan.summary.add} to add, {plan.summary.change} to change, {plan.summary.remove} to destroy"
    if not lines and plan.has_changes:
        lines = ["  only outputs change"]
    return "\n".join([*lines, f"Plan: {counts}."]) if plan.has_changes else "No changes."


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan's part of a JSON document."""
    return {
        "has_changes": plan.has_changes,
        "summary": {"add": plan.summary.add, "change": plan.summary.change, "destroy": plan.summary.remove},
        "changes": [
            {
                "address": change.address,
                "type": change.resource_type,
                "action": change.action,
                "reason": change.reason,
                "attributes": list(change.attributes),
            }
            for change in _managed(plan)
        ],
    }


class PlanApproval:
    """Shows a plan and asks, once, whether to apply exactly that.

    :raises UsageError: when it is made without ``--yes`` where there is no terminal.
    """

    def __init__(self, screen: Screen, question: str, *, expected: str = "yes", assume_yes: bool) -> None:
        self._screen = screen
        self._question = question
        self._expected = expected
        self._assume_yes = assume_yes
        if not assume_yes:
            screen.require_terminal(question)

    def __call__(self, plan: Plan | None) -> bool:
        """Show the plan and return the answer."""
        if plan is not None:
            self._screen.message(plan_text(plan))
        return self._screen.confirm(self._question, expected=self._expected, assume_yes=self._assume_yes)


def _managed(plan: Plan) -> list[ResourceChange]:
    """Return what the plan changes, module by module."""
    changes = [change for change in plan.changes if change.action not in NOTHING]
    return sorted(changes, key=lambda change: change.address)


def _reason(change: ResourceChange) -> str:
    told = [", ".join(change.attributes)] if change.attributes else []
    told += [change.reason.replace("_", " ")] if change.reason else []
    return f"  ({'; '.join(told)})" if told else ""

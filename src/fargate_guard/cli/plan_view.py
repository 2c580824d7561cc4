"""A plan as people read it, and as the JSON output carries it: Terraform's, or a change set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.stacks.change_set import StackChange, StackPlan
from fargate_guard.terraform.plan import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.cli.screen import Screen
    from fargate_guard.terraform.plan import Plan, ResourceChange

    AnyPlan = Plan | StackPlan
    AnyChange = ResourceChange | StackChange

SIGNS = {
    "create": "+",
    "update": "~",
    "may update": "~?",
    "delete": "-",
    "replace": "-/+",
    "may replace": "-/+?",
    "import": "<-",
    "move": "->",
    "forget": "x",
}


def plan_text(plan: AnyPlan) -> str:
    """Return every change on its line, and the counts; what interrupts a service stands out."""
    lines = [
        f"  {SIGNS.get(change.action, '?'):>4} {change.address}{_type(change)}{_reason(change)}"
        for change in _managed(plan)
    ]
    counts = f"{plan.summary.add} to add, {plan.summary.change} to change, {plan.summary.remove} to destroy"
    if not lines and plan.has_changes:
        lines = ["  only outputs change" if not isinstance(plan, StackPlan) else "  no resource changes"]
    lines += _standing_out(plan)
    return "\n".join([*lines, f"Plan: {counts}."]) if plan.has_changes else "No changes."


def plan_document(plan: AnyPlan) -> dict[str, Any]:
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
                **({"interrupts": change.interrupts} if isinstance(change, StackChange) else {}),
            }
            for change in _managed(plan)
        ],
        **({"stack": plan.stack_name, "warnings": list(plan.warnings)} if isinstance(plan, StackPlan) else {}),
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

    def __call__(self, plan: AnyPlan | None) -> bool:
        """Show the plan and return the answer."""
        if plan is not None:
            self._screen.message(plan_text(plan))
        return self._screen.confirm(self._question, expected=self._expected, assume_yes=self._assume_yes)


def _managed(plan: AnyPlan) -> list[AnyChange]:
    """Return what the plan changes, module by module."""
    changes: list[AnyChange] = [change for change in plan.changes if change.action not in NOTHING]
    return sorted(changes, key=lambda change: change.address)


def _type(change: AnyChange) -> str:
    """Terraform's addresses have the type in them; logical IDs do not."""
    return f" {change.resource_type}" if isinstance(change, StackChange) else ""


def _reason(change: AnyChange) -> str:
    told = [", ".join(change.attributes)] if change.attributes else []
    told += [change.reason.replace("_", " ")] if change.reason else []
    return f"  ({'; '.join(told)})" if told else ""


def _standing_out(plan: AnyPlan) -> Iterator[str]:
    if not isinstance(plan, StackPlan):
        return
    if plan.interruptions and not plan.destroy:
        yield "Interrupts what runs, or takes data away:"
        for change in plan.interruptions:
            yield f"  {SIGNS[change.action]:>4} {change.address} {change.resource_type}: {change.interrupts}"
    yield from (f"Note: {warning}" for warning in plan.warnings)

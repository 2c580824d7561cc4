"""What a stack set's plan, status and removal look like: on the screen and as JSON."""

from typing import TYPE_CHECKING, Any

from fargate_guard.workflows.stack_sets_plan import (
    ABSENT,
    CREATE,
    INOPERABLE,
    LEFT,
    REMOVE,
    REPAIR,
    RETRY,
    SKIPPED,
    STUCK,
    UPDATE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.aws.stack_sets import Instance, Outcome
    from fargate_guard.workflows.stack_sets_plan import PlaceChange, StackSetPlan
    from fargate_guard.workflows.stack_sets_removal import Removed, Stays
    from fargate_guard.workflows.stack_sets_status import Listening, StackSetStatus

SIGNS = {
    CREATE: "+",
    UPDATE: "~",
    RETRY: "~",
    REMOVE: "-",
    REPAIR: "-/+",
    ABSENT: "?",
    SKIPPED: "?",
    STUCK: "!",
    LEFT: "x",
}


def count(number: int, noun: str) -> str:
    """Return ``1 stack``, ``2 stacks``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def plan_text(plan: "StackSetPlan") -> str:
    """Return one line for each account and Region, and what of the set itself changes."""
    lines = [f"  + the stack set {plan.name}"] if plan.creates else []
    lines += [f"  - the stack set {plan.name}"] if plan.destroy else []
    lines += [f"  ~ the stack set {plan.name}  ({', '.join(plan.settings)})"] if plan.settings else []
    lines += [_place_line(one) for one in plan.places]
    if not plan.has_changes and not plan.destroy:
        return "\n".join([*lines, "No changes."])
    lines += [f"Auto-deployment is {plan.automatic}."] if plan.automatic else []
    created, removed = len(plan.of(CREATE, REPAIR)), len(plan.of(REMOVE, REPAIR))
    counts = f"{created} to create, {len(plan.of(UPDATE, RETRY))} to update, {removed} to remove"
    left = plan.of(LEFT)
    return "\n".join([*lines, f"Plan: {counts}{f', {len(left)} to leave there' if left else ''}."])


def _place_line(one: "PlaceChange") -> str:
    unit = f" ({one.unit})" if one.unit else ""
    return f"  {SIGNS[one.action]} {one.account} {one.region}{unit}{f': {one.reason}' if one.reason else ''}"


def plan_document(plan: "StackSetPlan") -> dict[str, Any]:
    """Return the plan's part of a JSON document."""
    return {
        "stack_set": plan.name,
        "has_changes": plan.has_changes,
        "creates": plan.creates,
        "settings": list(plan.settings),
        "auto_deployment": plan.automatic,
        "places": [
            {
                "account": one.account,
                "region": one.region,
                "organizational_unit": one.unit,
                "action": one.action,
                "reason": one.reason,
            }
            for one in plan.places
        ],
    }


def outcome_document(one: "Outcome") -> dict[str, str | None]:
    """Return what an operation did in one account and Region."""
    return {"account": one.account, "region": one.region, "status": one.status, "reason": one.reason}


def removed_document(name: str, removed: "Removed | None") -> dict[str, Any]:
    """Return what became of the stacks; all of it is empty where there was no set."""
    return {
        "name": name,
        "removed": [{"account": one.account, "region": one.region} for one in removed.places] if removed else [],
        "stays": [
            {"account": one.account, "region": one.region, "stack": one.stack_id, "reason": one.why}
            for one in removed.stays
        ]
        if removed
        else [],
    }


def removed_text(name: str, removed: "Removed") -> str:
    """Return what was removed, and what stays in which account, each with the command that removes it there."""
    lines = [f"Removed the stack set of {name}, and {count(len(removed.places), 'stack')}."]
    if removed.stays:
        lines.append("These stacks stay in their accounts, and belong to no set any more:")
        lines += [line for one in removed.stays for line in _stays_lines(removed.name, one)]
    return "\n".join(lines)


def _stays_lines(set_name: str, one: "Stays") -> "Iterator[str]":
    yield f"  {one.account} {one.region}: {one.why}"
    stack = one.stack_id or f"StackSet-{set_name}-…"
    yield f"    in that account: aws cloudformation delete-stack --region {one.region} --stack-name {stack}"


def status_document(seen: "StackSetStatus") -> dict[str, Any]:
    """Return all accounts and Regions, the last operation, and what is not as it should be."""
    last = seen.last_operation
    return {
        "name": seen.name,
        "healthy": not seen.problems,
        "problems": list(seen.problems),
        "organizational_units": list(seen.set.units),
        "auto_deployment": bool(seen.set.auto_deployment.get("Enabled")),
        "last_operation": {
            "id": last.operation_id,
            "action": last.action,
            "status": last.status,
            "reason": last.reason,
            "begun": last.begun,
            "ended": last.ended,
            "results": [outcome_document(one) for one in seen.outcomes],
        }
        if last
        else None,
        "instances": [_instance_document(one, seen.listening.get(one.place)) for one in seen.instances],
    }


def _instance_document(one: "Instance", listening: "Listening | None") -> dict[str, Any]:
    return {
        "account": one.account,
        "region": one.region,
        "organizational_unit": one.unit,
        "status": one.status,
        "detailed_status": one.detailed_status,
        "reason": one.reason,
        "drift": one.drift,
        "drift_checked": one.drift_checked,
        "stack": one.stack_id,
        "last_operation": one.last_operation,
        "orchestrator": {"host": listening.host, "port": listening.port, "unknown": listening.unknown}
        if listening
        else None,
    }


def status_lines(seen: "StackSetStatus", line: "Callable[[str], str]") -> "Iterator[str]":
    """Yield every account and Region, with what went wrong, and what to look at next.

    :param line: the command line of a command on the same set.
    """
    current = sum(one.status == "CURRENT" for one in seen.instances)
    automatic = "accounts that join get it" if seen.set.auto_deployment.get("Enabled") else "off"
    yield f"stack set        {seen.name}: {current} of {len(seen.instances)} stacks are current"
    yield f"units            {', '.join(seen.set.units) or 'none'}; auto-deployment: {automatic}"
    last = seen.last_operation
    if last:
        reason = f": {last.reason}" if last.reason else ""
        yield f"last operation   {last.action} {last.status}, begun {last.begun}{reason}"
    for one in seen.instances:
        yield from _instance_lines(one, seen.listening.get(one.place))
    bad = [one for one in seen.outcomes if one.status in ("FAILED", "CANCELLED")]
    yield from (
        f"  {one.status} last: {one.account} {one.region}: {one.reason or 'no reason given'}" for one in bad
    )
    if seen.problems:
        yield f"Not as it should be ({len(seen.problems)}):"
        yield from (f"  {one}" for one in seen.problems)
    if seen.unfinished:
        repair = " --repair" if any(one.status == INOPERABLE for one in seen.instances) else ""
        if last and last.action == "DELETE":
            yield f"Go on with the removal of all of it: {line('destroy')}{repair}"
        yield f"Take up what is not done (what is under way is followed first): {line('deploy')}{repair}"
    drifted = [one for one in seen.instances if one.drift == "DRIFTED"]
    if drifted:
        yield "Drift stays until it is put back by hand, in the account; what it is tells there:"
        yield from (
            "  aws cloudformation describe-stack-resource-drifts"
            f" --region {one.region} --stack-name {one.stack_id}"
            for one in drifted
        )
    if seen.not_looked or any(one.drift == "NOT_CHECKED" for one in seen.instances):
        yield f"Look for drift in all of them: {line('status')} --drift"
    if seen.instances and not seen.listening:
        yield "Hosts and ports, with a role that may read the stacks there: --account-role ROLE"


def _instance_lines(one: "Instance", listening: "Listening | None") -> "Iterator[str]":
    drift = f", drift {one.drift}" + (f" ({one.drift_checked})" if one.drift_checked else "")
    yield f"  {one.account} {one.region:<15} {one.status} {one.detailed_status}{drift}"
    if one.reason:
        yield f"    {one.reason}"
    if listening:
        yield (
            f"    orchestrator {listening.host}:{listening.port}" if listening.host else f"    {listening.unknown}"
        )

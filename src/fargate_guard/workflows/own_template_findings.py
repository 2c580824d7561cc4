"""What is right and wrong in a stack of the user's own; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.taskdef import TaskDefinitionError
from fargate_guard.workflows.definition_kinds import TASK_DEFINITION
from fargate_guard.workflows.own_template_files import resources
from fargate_guard.workflows.own_template_running import running
from fargate_guard.workflows.own_template_seen import (
    FIX,
    REGISTER_AGAIN,
    TAKE_OUT,
    not_instrumented,
    said,
    why_not_for_fargate,
    with_agent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.taskdef.explanation import ContainerExplanation
    from fargate_guard.taskdef.selection import Rules
    from fargate_guard.verify.registry import Finding
    from fargate_guard.workflows.own_template_seen import Made, Seen

Json = dict[str, Any]


def findings(seen: Seen, rules: Rules, *, instrumented: bool) -> Iterator[Finding]:
    """Say of every task definition, service and task whether it is as it should be.

    :param instrumented: False: nothing is to have the agent.
    """
    for address, template in seen.templates.items():
        yield from _template(address, template, seen, rules, instrumented=instrumented)
    for made in seen.made:
        yield _registered(made, rules, instrumented=instrumented)
    yield from running(seen, rules, instrumented=instrumented)


def _template(address: str, template: Json, seen: Seen, rules: Rules, *, instrumented: bool) -> Iterator[Finding]:
    """The template as CloudFormation processed it, one finding for each task definition in it."""
    from fargate_guard.cloudformation import explain_template

    for logical_id, kind, _ in resources(template):
        if kind != TASK_DEFINITION:
            continue
        where = f"{address}.{logical_id}".lstrip(".")
        made = next((one for one in seen.made if one.address == where), None)
        if made is None and "Condition" in template["Resources"][logical_id]:
            yield said("own-stack.template", where, None, "", "the stack does not make it: its condition is false")
            continue
        definition = made.definition if made else None
        alone = {**template, "Resources": {logical_id: template["Resources"][logical_id]}}
        try:
            explained = explain_template(alone)
        except TaskDefinitionError as error:
            yield said("own-stack.template", where, None, "", f"cannot be told from the template: {error.message}")
            continue
        elsewhere = why_not_for_fargate(definition) if definition is not None else None
        if elsewhere is not None:
            yield said("own-stack.template", where, None, "", elsewhere)
            continue
        left_out = definition.left_out(rules) if definition is not None else {}
        containers = [one for _, found in explained for one in found.containers]
        if definition is not None:  # what a function names is told by what ECS has
            containers = [one for one in containers if "${" not in one.name]
        yield _template_finding(where, containers, left_out, instrumented=instrumented)


def _template_finding(
    where: str, containers: list[ContainerExplanation], left_out: Mapping[str, str], *, instrumented: bool
) -> Finding:
    wrong = [one for one in containers if one.instrumented != instrumented]
    wrong = [one for one in wrong if not instrumented or one.name not in left_out]
    excused = [f"{name} left out: {why}" for name, why in left_out.items()] if instrumented else []
    what = "is instrumented" if instrumented else "is not instrumented"
    if not wrong:
        told = "; ".join([f"{len(containers) - len(excused)} containers as expected", *excused])
        return said("own-stack.template", where, True, f"every container {what}", told)
    told = "; ".join(f"{one.name}: {one.reason}" for one in wrong)
    fix = FIX if instrumented else TAKE_OUT
    return said("own-stack.template", where, False, f"every container {what}", told, fix)


def _registered(made: Made, rules: Rules, *, instrumented: bool) -> Finding:
    """What ECS has is what counts, whatever the templates say."""
    check, where = "own-stack.task-definition", f"{made.address} {made.arn}"
    definition = made.definition
    if definition is None:
        return said(check, where, False, "it is registered", "ECS does not have it any more", REGISTER_AGAIN)
    elsewhere = why_not_for_fargate(definition)
    if elsewhere is not None:
        return said(check, where, None, "", elsewhere)
    if not instrumented:
        has = with_agent(definition)
        return said(check, where, not has, "no agent in it", ", ".join(has) or "none", TAKE_OUT)
    missing = not_instrumented(definition, rules)
    excused = [f"{name} left out: {why}" for name, why in definition.left_out(rules).items()]
    expected = "every container starts under the agent"
    if missing:
        told = "; ".join([f"not instrumented: {', '.join(missing)}", *excused])
        return said(check, where, False, expected, told, FIX)
    names = [one.name for one in definition.workloads if one.is_instrumented]
    return said(check, where, True, expected, "; ".join([*names, *excused]))

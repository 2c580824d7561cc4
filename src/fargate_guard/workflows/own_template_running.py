"""What is right and wrong in what runs for a stack of the user's own: services, tasks, what starts tasks; pure."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from fargate_guard.verify.rollout_verdict import Rollout
from fargate_guard.workflows.own_template_runners import not_watchable
from fargate_guard.workflows.own_template_seen import (
    FIX_FOREIGN,
    family_of,
    not_instrumented,
    said,
    short,
    why_not_for_fargate,
    with_agent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef.selection import Rules
    from fargate_guard.verify.facts.ecs import Service, Task
    from fargate_guard.verify.registry import Finding
    from fargate_guard.workflows.own_template_runners import Runner
    from fargate_guard.workflows.own_template_seen import MadeService, Seen

SETTLING = frozenset({"own-stack.tasks-watched", "own-stack.older-deployments"})
"""Checks that may fail for a moment after a deployment that went well."""
ELSE = "somebody else deployed it, or the service names only the family, so that CloudFormation does not change it"
DELETED_OUTSIDE = (
    "what somebody deleted outside of CloudFormation comes back when it is taken out of the template, that is"
    " deployed, and then put in and deployed again"
)
STARTED_BEFORE = (
    "they were started before: wait for their end, or stop them: aws ecs stop-task --cluster {} --task ID"
)


def running(seen: Seen, rules: Rules, *, instrumented: bool) -> Iterator[Finding]:
    """Say of everything that runs, or is started by something of the stack, whether it is as it should be.

    :param instrumented: False: nothing of the stack's own is to have the agent; what is of others is their affair.
    """
    for one in seen.services:
        yield from _service(one, seen, rules, instrumented=instrumented)
        if instrumented:
            yield from _tasks(one, seen, rules)
    yield from _rollouts(seen)
    if not instrumented:
        return
    yield from _lone_tasks(seen, rules)
    for runner in seen.runners:
        yield _runner(runner, seen, rules)
    for address, template in seen.templates.items():
        for logical_id, why in not_watchable(template):
            yield said("own-stack.runners", f"{address}.{logical_id}".lstrip("."), None, "", why)


def _service(one: MadeService, seen: Seen, rules: Rules, *, instrumented: bool) -> Iterator[Finding]:
    """A service runs what this stack registered, or at least something that is instrumented."""
    check, where = "own-stack.service", f"{one.address} {one.arn}"
    service = one.service
    if service is None or service.status != "ACTIVE":
        told = "ECS does not have it any more" if service is None else f"ECS says that it is {service.status}"
        yield said(check, where, False, "it is ACTIVE", told, DELETED_OUTSIDE)
        return
    if service.controller != "ECS" and not service.task_sets:
        who = "CodeDeploy" if service.controller == "CODE_DEPLOY" else "another controller"
        yield said(check, where, None, "", f"no task set yet: {who} says what it runs, which nobody looks at here")
        return
    for runs, id_, check_ in _parts(service):
        what = f"{where} {id_}".rstrip()
        yield _revision(check_, what, runs, service, seen, rules, instrumented=instrumented)


def _parts(service: Service) -> Iterator[tuple[str, str, str]]:
    """Each task definition that a service names, where, and the check for it."""
    now, older = "own-stack.service", "own-stack.older-deployments"
    if service.controller == "ECS":
        yield service.task_definition_arn, "", now
    for each in service.deployments:
        if each.status != "PRIMARY" and (each.running_count or each.pending_count):
            yield each.task_definition_arn, each.id, older
    for each in service.task_sets:
        yield each.task_definition_arn, f"{each.id} ({each.status})", older if each.status == "DRAINING" else now


def _revision(
    check: str, where: str, runs: str, service: Service, seen: Seen, rules: Rules, *, instrumented: bool
) -> Finding:
    """One task definition that a service runs; others than ECS deploy what they like, if it is as asked."""
    made = {each.arn for each in seen.made}
    if runs in made:
        return said(check, where, True, "runs what this stack made", f"runs {short(runs)}")
    told = f"runs {short(runs)}, which is not in this stack"
    same = sorted(short(arn) for arn in made if family_of(arn) == family_of(runs))
    if same and service.controller == "ECS":
        which = f"--cluster {short(service.cluster_arn)} --service {service.name} --task-definition {same[-1]}"
        fix = f"put back what this stack made: aws ecs update-service {which}"
        return said(check, where, False, f"runs {', '.join(same)}", f"{told}: {ELSE}", fix)
    fix = f"deploy {', '.join(same)}, with what deploys the service" if same else FIX_FOREIGN
    if instrumented:
        wrong, why = _wrong(runs, seen, rules)
        return said(check, where, not wrong, "runs something instrumented", f"{told}: {why}", fix)
    definition = seen.definitions.get(runs)
    has = with_agent(definition) if same and definition else []
    return said(
        check, where, not has, "runs nothing with the agent", f"{told}: {', '.join(has) or 'as it is'}", fix
    )


def _wrong(named: str, seen: Seen, rules: Rules) -> tuple[bool, str]:
    """Whether a task definition leaves something without the agent, and what it is."""
    definition = seen.definitions.get(named)
    if definition is None:
        return True, "ECS does not have it (any more), so that nobody can tell what is in it"
    elsewhere = why_not_for_fargate(definition)
    if elsewhere is not None:
        return False, elsewhere
    missing = not_instrumented(definition, rules)
    if missing:
        return True, f"not instrumented: {', '.join(missing)}"
    why = definition.why_not_watched(rules)
    return False, "instrumented" if why is None else f"left out: {why}"


def _tasks(one: MadeService, seen: Seen, rules: Rules) -> Iterator[Finding]:
    """Every running task has the agent at work in it, on the service's own revision."""
    service = one.service
    if service is None or service.status != "ACTIVE":
        return
    check, where = "own-stack.tasks-watched", f"{one.address} {one.arn}"
    wanted, revisions = _wanted(service)
    bad = [(task, why) for task in one.tasks if (why := _why_bad(task, service, seen, rules)) is not None]
    if not bad and all(_needs_no_agent(arn, seen, rules) for arn in revisions):
        return
    good = len(one.tasks) - len(bad)
    expected = f"{wanted} tasks of {', '.join(map(short, revisions))} with a running agent"
    told = f"{good} of {len(one.tasks)} tasks"
    if not bad and wanted == 0:
        told = f"{told}; no more is wanted" if one.tasks else "no task is wanted; nothing was proven"
        yield said(check, where, None, "", told)
    elif not bad and good >= wanted:
        yield said(check, where, True, expected, told)
    else:
        without = ", ".join(f"{task.task_id} ({short(task.task_definition_arn)}: {why})" for task, why in bad)
        told += f"; without: {without}" if bad else "; the others do not run yet"
        yield said(check, where, False, expected, told, "see why in the events of the service")


def _wanted(service: Service) -> tuple[int, list[str]]:
    """How many tasks of which task definitions."""
    if service.controller == "ECS":
        return service.desired_count, [service.task_definition_arn]
    staying = [each for each in service.task_sets if each.status != "DRAINING"]
    return sum(each.desired_count for each in staying), list(dict.fromkeys(t.task_definition_arn for t in staying))


def _why_bad(task: Task, service: Service | None, seen: Seen, rules: Rules) -> str | None:
    """Why nobody watches a task that is to be watched; None where all is well."""
    if task.launch_type not in (None, "FARGATE"):
        return None
    wrong, told = _wrong(task.task_definition_arn, seen, rules)
    if wrong:
        return told
    if service is not None and service.controller == "ECS":
        if task.task_definition_arn != service.task_definition_arn:
            return "of an older deployment"
    elif task.last_status != "RUNNING":
        return f"still {task.last_status}" if service else None
    return None if _needs_no_agent(task.task_definition_arn, seen, rules) else _why_blind(task, seen)


def _why_blind(task: Task, seen: Seen) -> str | None:
    sidecar = seen.definitions[task.task_definition_arn].sidecar
    container = task.container(sidecar.name) if sidecar else None
    if container is None or container.last_status != "RUNNING":
        return f"the agent is {container.last_status if container else 'not in it'}"
    return None


def _needs_no_agent(named: str, seen: Seen, rules: Rules) -> bool:
    definition = seen.definitions.get(named)
    if definition is None:
        return False
    return why_not_for_fargate(definition) is not None or definition.why_not_watched(rules) is not None


def _rollouts(seen: Seen) -> Iterator[Finding]:
    for verdict in seen.rollouts:
        if not verdict.successful and verdict.rollout is not Rollout.SCALED_TO_ZERO:
            told = f"{verdict.rollout.value}: {verdict.reason}"
            where, fix = verdict.awaited.service_arn, "see why in the events of the service"
            yield said("own-stack.rollout", where, False, "SUCCESSFUL", told, fix)


def _lone_tasks(seen: Seen, rules: Rules) -> Iterator[Finding]:
    """Tasks of the stack's families that no service of the stack keeps, by task definition."""
    check = "own-stack.lone-tasks"
    if seen.made and not seen.clusters:
        told = "the stack names no cluster: tasks that others start of its task definitions were not looked at"
        yield said(check, ", ".join(one.address for one in seen.made), None, "", told)
    ordered = sorted(seen.lone_tasks, key=lambda task: (task.cluster, task.task_definition_arn))
    for (cluster, arn), found in groupby(ordered, key=lambda task: (task.cluster, task.task_definition_arn)):
        tasks = list(found)
        bad = [(task, why) for task in tasks if (why := _why_bad(task, None, seen, rules)) is not None]
        where = f"{short(arn)} in {cluster}"
        told = f"{len(tasks) - len(bad)} of {len(tasks)} tasks"
        if bad:
            told += "; without: " + ", ".join(f"{task.task_id} ({why})" for task, why in bad)
        yield said(check, where, not bad, "every task has a running agent", told, STARTED_BEFORE.format(cluster))


def _runner(runner: Runner, seen: Seen, rules: Rules) -> Finding:
    check, where = "own-stack.runners", f"{runner.address} {runner.name}"
    expected = "starts something instrumented"
    if runner.not_seen is not None:
        fix = f"allow it to be read; {DELETED_OUTSIDE}"
        return said(check, where, False, expected, f"could not be looked at: {runner.not_seen}", fix)
    if runner.task_definition is None:
        return said(check, where, None, "", str(runner.not_known))
    wrong, told = _wrong(runner.task_definition, seen, rules)
    definition = seen.definitions.get(runner.task_definition)
    if definition is None or definition.arn not in {each.arn for each in seen.made}:
        told = f"which is not in this stack: {told}"
    return said(check, where, not wrong, expected, f"starts {short(runner.task_definition)}, {told}", FIX_FOREIGN)

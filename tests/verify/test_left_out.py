"""What is left out on purpose is told as that, and not as a fault."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef.selection import LeavingOut
from fargate_guard.verify.facts.task_definition import TaskDefinition
from fargate_guard.verify.registry import Outcome
from fargate_guard.verify.report import run_checks

if TYPE_CHECKING:
    from fargate_guard.verify.facts import Facts

Json = dict[str, Any]
LOG = {"name": "log", "image": "log:1", "essential": False, "entryPoint": ["/log"]}


def with_definition(facts: Facts, change: Any, leaving_out: LeavingOut | None = None) -> Facts:
    """The workload's revision, changed, and what ``fguard.yaml`` leaves out of it."""
    component = facts.expected.workloads[0]
    arn = component.task_definition_arn
    definition = copy.deepcopy(facts.task_definitions[arn].json)
    change(definition)
    if leaving_out is not None:
        others = [one for one in facts.expected.components if one is not component]
        components = (*others, replace(component, leaving_out=leaving_out))
        facts = replace(facts, expected=replace(facts.expected, components=components))
    return replace(facts, task_definitions={**facts.task_definitions, arn: TaskDefinition.of(definition)})


def told(facts: Facts) -> tuple[set[str], set[str]]:
    """The checks that fail, and what is skipped with which reason."""
    report = run_checks(facts)
    reasons = {one.found for one in report.findings if one.outcome is Outcome.SKIP and "on purpose" in one.found}
    return {finding.check for finding in report.failed}, reasons


def test_a_container_without_agent_fails(healthy_facts: Facts) -> None:
    failed, reasons = told(with_definition(healthy_facts, lambda task: task["containerDefinitions"].append(LOG)))
    assert {"instrumentation.entry-point", "instrumentation.sys-ptrace", "instrumentation.volumes-from"} <= failed
    assert not reasons


def tagged(task: Json) -> None:
    task["containerDefinitions"].append(LOG)
    task["tags"] = [{"key": "kilt-ignore-containers", "value": "other:log"}]


def labelled(task: Json) -> None:
    task["containerDefinitions"].append({**LOG, "dockerLabels": {"com.fargate-guard.ignore": ""}})


def owned(task: Json) -> None:
    task["containerDefinitions"].append({**LOG, "dockerLabels": {"team": "logs"}})


def added(task: Json) -> None:
    task["containerDefinitions"].append(LOG)


CASES = [
    (tagged, None, "ignored by tag kilt-ignore-containers"),
    (labelled, None, "ignored by label com.fargate-guard.ignore"),
    (added, LeavingOut(ignore_containers=("log",)), "left out as asked"),
    (added, LeavingOut(ignore_containers=("l*",)), "left out as asked (l*)"),
    (owned, LeavingOut(ignore_labels=("team=logs",)), "left out as asked (label team=logs)"),
]


@pytest.mark.parametrize(("change", "leaving_out", "reason"), CASES, ids=[case[2] for case in CASES])
def test_a_container_that_is_left_out_on_purpose_is_no_fault(
    healthy_facts: Facts, change: Any, leaving_out: LeavingOut | None, reason: str
) -> None:
    failed, reasons = told(with_definition(healthy_facts, change, leaving_out))
    assert failed == set()
    assert reasons == {f"left out on purpose: {reason}"}


def test_a_definition_that_is_left_out_as_a_whole_is_no_fault(healthy_facts: Facts) -> None:
    def bare(task: Json) -> None:
        task["containerDefinitions"] = [LOG | {"essential": True}]
        task["tags"] = [{"key": "kilt-ignore", "value": "true"}]

    facts = replace(with_definition(healthy_facts, bare), log_lines={})
    failed, reasons = told(facts)
    assert {check for check in failed if check.startswith(("instrumentation.", "logs.sidecar", "agent."))} == set()
    assert reasons == {"left out on purpose: ignored by tag kilt-ignore"}


def test_a_tag_does_not_hide_an_agent_that_is_there(healthy_facts: Facts) -> None:
    def ignored_but_instrumented(task: Json) -> None:
        task["tags"] = [{"key": "kilt-ignore", "value": ""}]
        del task["pidMode"]

    failed, _ = told(with_definition(healthy_facts, ignored_but_instrumented))
    assert "instrumentation.pid-mode" in failed

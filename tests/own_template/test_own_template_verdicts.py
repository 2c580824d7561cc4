"""Everything that runs for a stack is judged; what cannot be judged is told."""

from __future__ import annotations

from typing import Any

import pytest

from fargate_guard.taskdef.selection import BY_ITSELF
from fargate_guard.verify.rollout_verdict import Awaited, Rollout, Verdict
from fargate_guard.workflows.own_template_findings import findings
from fargate_guard.workflows.own_template_runners import Runner, started_by_states
from fargate_guard.workflows.own_template_seen import Made, Seen
from tests.own_template.seen import arn_of, definition, looked_at, part, running_task, service, told

WATCHED = [("OK", "service"), ("OK", "tasks-watched")]


def test_a_service_on_the_stacks_own_revision_is_right() -> None:
    assert told(looked_at(service("web:2"), (running_task("a", "web:2"),))) == WATCHED


@pytest.mark.parametrize("one", [None, service("web:2", status="DRAINING"), service("web:2", status="INACTIVE")])
def test_a_service_that_somebody_deleted_is_told(one: Any) -> None:
    (found,) = looked_at(one)
    assert (found.outcome, found.check) == ("NG", "own-stack.service")
    assert "outside of CloudFormation" in str(found.fix)


@pytest.mark.parametrize(
    ("runs", "outcome", "words"),
    [
        ("other:1", "OK", "instrumented"),
        ("vm:1", "OK", "not for Fargate: RequiresCompatibilities is EC2"),
        ("bridge:1", "OK", "not for Fargate: RequiresCompatibilities is missing, and NetworkMode is bridge"),
        ("either:1", "NG", "not instrumented: web"),
        ("bare:1", "NG", "not instrumented: web"),
        ("gone:7", "NG", "ECS does not have it (any more)"),
        ("web:1", "NG", "somebody else deployed it"),
    ],
)
def test_what_a_service_runs_of_others_is_judged_by_what_is_in_it(runs: str, outcome: str, words: str) -> None:
    found = looked_at(service(runs), (running_task("a", runs),))[0]
    assert (found.outcome, found.check, words in found.found) == (outcome, "own-stack.service", True), found


@pytest.mark.parametrize("controller", ["EXTERNAL", "CODE_DEPLOY"])
def test_each_task_set_is_judged_and_the_tasks_of_each(controller: str) -> None:
    sets = [part("ecs-svc/1", "web:2"), part("ecs-svc/2", "bare:1", "ACTIVE")]
    tasks = (running_task("a", "web:2"), running_task("b", "bare:1"))
    found = looked_at(service("web:2", controller, 2, taskSets=sets), tasks)
    assert told(found) == [("OK", "service"), ("NG", "service"), ("NG", "tasks-watched")]
    assert "ecs-svc/2 (ACTIVE)" in found[1].resource
    assert "1 of 2 tasks; without: b (bare:1: not instrumented: web)" in found[2].found
    right = [part("ecs-svc/1", "web:2"), part("ecs-svc/2", "other:1", "ACTIVE")]
    tasks = (running_task("a", "web:2"), running_task("b", "other:1"))
    found = looked_at(service("web:2", controller, 2, taskSets=right), tasks)
    assert told(found) == [("OK", "service"), *WATCHED]


def test_a_task_set_that_is_being_taken_away_may_settle_and_its_tasks_count() -> None:
    sets = [part("ecs-svc/1", "web:2"), part("ecs-svc/2", "bare:1", "DRAINING", 0)]
    found = looked_at(service("web:2", "EXTERNAL", taskSets=sets), (running_task("a", "web:2"),))
    assert told(found) == [("OK", "service"), ("NG", "older-deployments"), ("OK", "tasks-watched")]


def test_a_task_set_of_an_older_revision_of_the_stack_says_what_to_deploy() -> None:
    found = looked_at(service("web:1", "CODE_DEPLOY", taskSets=[part("ecs-svc/1", "web:1")]))[0]
    assert (found.outcome, found.fix) == ("NG", "deploy web:2, with what deploys the service")


def test_a_service_without_task_sets_proves_nothing_and_says_so() -> None:
    (found,) = looked_at(service("", "EXTERNAL"))
    assert (found.outcome, "nobody looks at here" in found.found) == ("SKIP", True)


def test_an_older_deployment_that_still_runs_something_else_is_told() -> None:
    deployments = [part("ecs-svc/1", "web:2"), part("ecs-svc/2", "bare:1", "ACTIVE")]
    found = looked_at(service("web:2", deployments=deployments), (running_task("a", "web:2"),))
    assert told(found) == [("OK", "service"), ("NG", "older-deployments"), ("OK", "tasks-watched")]


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (running_task("a", "web:2", agent="STOPPED"), "the agent is STOPPED"),
        (running_task("a", "other:1"), "of an older deployment"),
        (running_task("a", "bare:1"), "not instrumented: web"),
        (running_task("a", "gone:1"), "ECS does not have it"),
    ],
)
def test_a_task_that_nobody_watches_is_named(task: Any, words: str) -> None:
    found = looked_at(service("web:2"), (task,))[-1]
    assert (found.outcome, found.check, words in found.found) == ("NG", "own-stack.tasks-watched", True), found


def test_fewer_tasks_than_wanted_are_not_enough_and_none_wanted_proves_nothing() -> None:
    fewer = looked_at(service("web:2", wanted=2), (running_task("a", "web:2"),))[-1]
    assert (fewer.outcome, fewer.found) == ("NG", "1 of 1 tasks; the others do not run yet")
    none = looked_at(service("web:2", wanted=0))[-1]
    assert (none.outcome, none.found) == ("SKIP", "no task is wanted; nothing was proven")


def test_what_runs_on_instances_needs_no_agent() -> None:
    assert told(looked_at(service("vm:1"), (running_task("a", "vm:1", launchType="EC2"),))) == [("OK", "service")]


def test_tasks_that_no_service_keeps_are_looked_at() -> None:
    lone = (
        running_task("a", "web:2"),
        running_task("b", "web:2", status="PENDING", agent="PENDING"),
        running_task("c", "web:1"),
        running_task("d", "web:2", agent="STOPPED"),
    )
    found = [one for one in looked_at(service("web:2"), lone_tasks=lone) if one.check == "own-stack.lone-tasks"]
    assert [(one.outcome, one.resource, one.found) for one in found] == [
        ("NG", "web:1 in prod", "0 of 1 tasks; without: c (not instrumented: web)"),
        ("NG", "web:2 in prod", "2 of 3 tasks; without: d (the agent is STOPPED)"),
    ]
    assert "aws ecs stop-task --cluster prod" in str(found[0].fix)
    nowhere = looked_at(service("web:2"), (running_task("a", "web:2"),), clusters=())
    assert told(nowhere) == [*WATCHED, ("SKIP", "lone-tasks")]


@pytest.mark.parametrize(
    ("runner", "outcome", "words"),
    [
        (Runner("Rule", "nightly", arn_of("web:2")), "OK", "starts web:2, instrumented"),
        (Runner("Rule", "nightly", arn_of("other:1")), "OK", "which is not in this stack: instrumented"),
        (Runner("Rule", "nightly", arn_of("web:1")), "NG", "not instrumented: web"),
        (Runner("Rule", "nightly", "gone"), "NG", "ECS does not have it"),
        (Runner("Rule", "nightly", not_known="known only when it runs"), "SKIP", "known only when it runs"),
        (Runner("Rule", "nightly", not_seen="may not call it"), "NG", "could not be looked at: may not call it"),
    ],
)
def test_what_starts_tasks_is_judged_by_what_it_starts(runner: Runner, outcome: str, words: str) -> None:
    found = looked_at(service("web:2"), runners=(runner,))[-1]
    assert (found.outcome, found.check, words in found.found) == (outcome, "own-stack.runners", True), found


def test_what_the_stack_does_not_make_is_not_held_against_it() -> None:
    resource = {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": [{"Name": "web"}]}}
    made = definition("bridge:1", agent=False, kinds=(), network="bridge")
    seen = Seen(
        templates={"": {"Resources": {"Old": resource, "Maybe": {**resource, "Condition": "IsProd"}}}},
        made=(Made("Old", made.arn, made),),
    )
    found = list(findings(seen, BY_ITSELF, instrumented=True))
    assert told(found)[:3] == [("SKIP", "template"), ("SKIP", "template"), ("SKIP", "task-definition")]
    assert "NetworkMode is bridge" in found[0].found
    assert "its condition is false" in found[1].found


def test_what_cannot_be_instrumented_from_here_is_named() -> None:
    def job(*platforms: str) -> Any:
        return {"Type": "AWS::Batch::JobDefinition", "Properties": {"PlatformCapabilities": list(platforms)}}

    others = {
        "Set": {"Type": "AWS::CloudFormation::StackSet"},
        "Express": {"Type": "AWS::ECS::ExpressGatewayService"},
    }
    template = {"Resources": {"Job": job("FARGATE"), "Vm": job("EC2"), **others}}
    found = [one for one in looked_at(service("web:2"), templates={"Inner": template}) if one.outcome == "SKIP"]
    assert [one.resource for one in found] == ["Inner.Job", "Inner.Set", "Inner.Express"]


def test_a_rollout_that_did_not_succeed_is_an_error_whatever_runs() -> None:
    for rollout, wanted in ((Rollout.TIMED_OUT, ["NG"]), (Rollout.FAILED, ["NG"]), (Rollout.SUCCESSFUL, [])):
        awaited = Awaited("prod", "web", arn_of("web:2"), 1)
        verdict = Verdict(awaited, rollout, "why")
        found = looked_at(service("web:2"), (running_task("a", "web:2"),), rollouts=(verdict,))
        assert [one.outcome for one in found if one.check == "own-stack.rollout"] == wanted


def test_after_the_undo_no_agent_of_this_stack_may_run_and_others_may_have_theirs() -> None:
    theirs = looked_at(service("other:1"), (running_task("a", "other:1"),), instrumented=False)
    assert told(theirs) == [("OK", "service")]
    sets = [part("ecs-svc/1", "web:3"), part("ecs-svc/2", "web:1", "ACTIVE")]
    left = looked_at(service("web:3", "CODE_DEPLOY", taskSets=sets), instrumented=False)
    assert [(one.outcome, one.found.partition(": ")[2]) for one in left] == [
        ("NG", "web, SysdigInstrumentation"),
        ("OK", "as it is"),
    ]


def test_the_states_of_a_machine_tell_what_they_start_at_any_depth() -> None:
    def run(resource: str, **given: Any) -> Any:
        return {"Type": "Task", "Resource": resource, **given}

    sync = "arn:aws:states:::ecs:runTask.sync"
    machine = {
        "States": {
            "One": run(sync, Parameters={"TaskDefinition": "web:2", "Cluster": "prod"}),
            "Many": {
                "Type": "Map",
                "ItemProcessor": {
                    "States": {
                        "Two": run("arn:aws-cn:states:::aws-sdk:ecs:runTask", Arguments={"TaskDefinition": "b"})
                    }
                },
            },
            "Either": {"Branches": [{"States": {"Three": run(sync, Parameters={"TaskDefinition.$": "$.which"})}}]},
            "Four": run(sync, Arguments={"TaskDefinition": "{% $states.input.which %}"}),
            "Lambda": run("arn:aws:states:::lambda:invoke", Parameters={"TaskDefinition": "not one"}),
        }
    }
    found = [(one.task_definition, one.cluster) for one in started_by_states(machine)]
    assert found == [("web:2", "prod"), ("b", None), (None, None), (None, None)]

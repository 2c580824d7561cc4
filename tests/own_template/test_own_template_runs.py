"""What runs for a stack, or is started by something in it, whoever deployed it; read from top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.aws.session import Aws
from fargate_guard.sandbox.faults import Fault, FaultKind
from fargate_guard.workflows.own_template_runners import runners
from tests.own_template.templates import cluster_and, network, service, task, text
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.own_template.conftest import Desk

Json = Any
ROLE = "arn:aws:iam::123456789012:role/starts-tasks"
STARTS = ("OK", "runners")
ELSEWHERE = {"Foreign": {"Type": "String", "Default": "foreign"}}


def of_another(desk: Desk, family: str = "foreign") -> str:
    """A task definition without the agent, which somebody registered; the stack knows nothing of it."""
    made = desk.client("ecs").register_task_definition(
        family=family,
        containerDefinitions=[{"name": "bare", "image": "nginx:1.27", "entryPoint": ["/bare"]}],
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
    )
    return str(made["taskDefinition"]["taskDefinitionArn"])


def in_vpc(desk: Desk) -> Json:
    return {"awsvpcConfiguration": {"subnets": [desk.subnet]}}


def external(subnet: str) -> Json:
    """A service whose task sets are resources of the template."""
    where = {"Cluster": {"Ref": "Cluster"}, "Service": {"Ref": "Service"}}
    ours = {"Cluster": {"Ref": "Cluster"}, "DesiredCount": 2, "DeploymentController": {"Type": "EXTERNAL"}}
    task_set = {"TaskDefinition": {"Ref": "Web"}, "LaunchType": "FARGATE", "NetworkConfiguration": network(subnet)}
    return {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Web": task(),
        "Service": {"Type": "AWS::ECS::Service", "Properties": ours},
        "Set": {"Type": "AWS::ECS::TaskSet", "Properties": {**where, **task_set}},
        "Primary": {
            "Type": "AWS::ECS::PrimaryTaskSet",
            "Properties": {**where, "TaskSetId": {"Fn::GetAtt": ["Set", "Id"]}},
        },
    }


def starters(subnet: str, which: Json) -> Json:
    """A rule, a schedule and a state machine that start a task definition."""
    target = {
        "Arn": {"Fn::GetAtt": ["Cluster", "Arn"]},
        "RoleArn": ROLE,
        "EcsParameters": {
            "TaskDefinitionArn": which,
            "LaunchType": "FARGATE",
            "NetworkConfiguration": network(subnet),
        },
    }
    step = {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": True}
    runs = {"Parameters": {"Cluster": "${Cluster}", "TaskDefinition": "${Which}"}}
    every_day = {"ScheduleExpression": "rate(1 day)"}
    return {
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {**every_day, "Targets": [{"Id": "one", **target}]}},
        "Nightly": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {**every_day, "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target},
        },
        "Steps": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": ROLE,
                "DefinitionSubstitutions": {"Which": which, "Cluster": {"Ref": "Cluster"}},
                "Definition": {"StartAt": "Run", "States": {"Run": {**step, **runs}}},
            },
        },
    }


def findings(desk: Desk, template: str, code: int) -> list[tuple[str, str, str]]:
    """Outcome, check and resource of what a deploy found; the last two shortened."""
    done = desk.deploy(template, "--json")
    assert done.exit_code == code, done.stdout + done.stderr
    found = done.document["verification"]["findings"]
    return [
        (one["outcome"], one["check"].removeprefix("own-stack."), one["resource"].partition(" ")[0])
        for one in found
    ]


def wrong(found: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    return [(check, where) for outcome, check, where in found if outcome == "NG"]


@pytest.fixture(scope="module")
def sets(desk: Desk) -> list[tuple[str, str, str]]:
    """What the first deploy found in the stack ``sets``: task sets that are resources of the template."""
    desk.write("sets.json", text(external(desk.subnet)))
    return findings(desk, "sets.json", 0)


def test_task_sets_of_the_template_run_what_it_instruments(sets: list[tuple[str, str, str]]) -> None:
    assert sets == [
        ("OK", "template", "Web"),
        ("OK", "task-definition", "Web"),
        ("OK", "service", "Service"),
        ("OK", "tasks-watched", "Service"),
    ]


@pytest.mark.usefixtures("sets")
def test_a_task_set_of_somebody_elses_does_not_go_unseen(desk: Desk) -> None:
    made = desk.resources("sets")
    desk.client("ecs").create_task_set(
        cluster=made["Cluster"],
        service=made["Service"],
        taskDefinition=of_another(desk),
        launchType="FARGATE",
        networkConfiguration=in_vpc(desk),
        scale={"value": 50, "unit": "PERCENT"},
    )
    assert wrong(findings(desk, "sets.json", 3)) == [("service", "Service"), ("tasks-watched", "Service")]


@pytest.mark.usefixtures("sets")
def test_a_service_that_was_deleted_outside_of_cloudformation_does_not_drop_out(desk: Desk) -> None:
    made = desk.resources("sets")
    desk.client("ecs").delete_service(cluster=made["Cluster"], service=made["Service"], force=True)
    assert wrong(findings(desk, "sets.json", 3)) == [("service", "Service")]


def test_what_the_template_lets_others_start_is_followed_to_ecs(desk: Desk) -> None:
    of_another(desk)
    started = cluster_and(desk.subnet, **starters(desk.subnet, {"Ref": "Web"}))
    desk.write("starts.json", text(started))
    right = [where for outcome, check, where in findings(desk, "starts.json", 0) if (outcome, check) == STARTS]
    assert sorted(right) == ["Nightly", "Rule", "Steps"]
    started = cluster_and(desk.subnet, **starters(desk.subnet, {"Ref": "Foreign"}))
    desk.write("starts.json", text(started, Parameters=ELSEWHERE))
    found = wrong(findings(desk, "starts.json", 3))
    assert sorted(found) == [("runners", "Nightly"), ("runners", "Rule"), ("runners", "Steps")]


def test_a_task_of_before_runs_on_without_the_agent_and_is_named(desk: Desk) -> None:
    ecs, api = desk.client("ecs"), desk.client("cloudformation")
    desk.write("lone.json", text(cluster_and(desk.subnet)))
    api.create_stack(StackName="lone", TemplateBody=(desk.fguard.folder / "lone.json").read_text())
    wait_until(lambda: desk.stack("lone")["StackStatus"] == "CREATE_COMPLETE", "the stack is made")
    made = desk.resources("lone")
    job = {"cluster": made["Cluster"], "launchType": "FARGATE", "networkConfiguration": in_vpc(desk)}
    before = ecs.run_task(taskDefinition=made["Web"], **job)["tasks"][0]["taskArn"]
    done = desk.deploy("lone.json")
    assert done.exit_code == 3, done.stderr
    assert "own-stack.lone-tasks" in done.stdout
    assert before.rpartition("/")[2] in done.stdout
    ecs.stop_task(cluster=made["Cluster"], task=before)
    ecs.run_task(taskDefinition=desk.resources("lone")["Web"], **job)
    assert ("OK", "lone-tasks", "lone-Web") in [
        (outcome, check, where[:8]) for outcome, check, where in findings(desk, "lone.json", 0)
    ]


def test_what_codedeploy_deploys_is_refused_before_with_the_way_to_do_it(desk: Desk) -> None:
    ecs, api = desk.client("ecs"), desk.client("cloudformation")
    theirs = service(desk.subnet, DeploymentController={"Type": "CODE_DEPLOY"})
    desk.write("blue.json", text(cluster_and(desk.subnet, Service=theirs, Other=theirs)))
    api.create_stack(StackName="blue", TemplateBody=(desk.fguard.folder / "blue.json").read_text())
    wait_until(lambda: desk.stack("blue")["StackStatus"] == "CREATE_COMPLETE", "the stack is made")
    refused = desk.deploy("blue.json")
    assert (refused.exit_code, "that CodeDeploy deploys" in refused.stderr) == (4, True), refused.stderr
    for one in ("Service", "Other"):
        assert f"blue.json: {one}.Properties.DeploymentController" in refused.stderr
    assert api.list_change_sets(StackName="blue")["Summaries"] == []
    by_family = service(desk.subnet, DeploymentController={"Type": "CODE_DEPLOY"}, TaskDefinition="by-family")
    web = task()
    web["Properties"]["Family"] = "by-family"
    desk.write("blue.json", text(cluster_and(desk.subnet, Web=web, Service={**by_family, "DependsOn": "Web"})))
    desk.deploy("blue.json", "--stack-name", "green", "--uninstrumented")
    still = desk.deploy("blue.json", "--stack-name", "green")
    assert still.exit_code == 3, still.stderr
    assert "fix       deploy by-family:2, with what deploys the service" in still.stdout
    made = desk.resources("green")
    which = {"cluster": made["Cluster"], "service": made["Service"]}
    (blue,) = ecs.describe_services(cluster=made["Cluster"], services=[made["Service"]])["services"][0]["taskSets"]
    green = ecs.create_task_set(
        **which, taskDefinition=made["Web"], launchType="FARGATE", networkConfiguration=in_vpc(desk)
    )["taskSet"]
    ecs.update_service_primary_task_set(**which, primaryTaskSet=green["id"])
    ecs.delete_task_set(**which, taskSet=blue["id"], force=True)
    assert desk.deploy("blue.json", "--stack-name", "green").exit_code == 0


def test_pipes_and_rules_of_a_bus_of_ones_own_are_read_and_what_is_gone_is_told(desk: Desk) -> None:
    aws = Aws(environ=desk.sandbox.environment())
    family, cluster = of_another(desk).rpartition(":")[0], "arn:aws:ecs:us-east-1:123456789012:cluster/prod"
    ecs = {"EcsTaskParameters": {"TaskDefinitionArn": family}}
    queue = "arn:aws:sqs:us-east-1:123456789012:queue"
    desk.client("pipes").create_pipe(Name="jobs", Source=queue, Target=cluster, RoleArn=ROLE, TargetParameters=ecs)
    events = desk.client("events")
    events.create_event_bus(Name="mine")
    events.put_rule(Name="nightly", EventBusName="mine", EventPattern="{}")
    target = {"Id": "one", "Arn": cluster, "RoleArn": ROLE, "EcsParameters": {"TaskDefinitionArn": family}}
    events.put_targets(Rule="nightly", EventBusName="mine", Targets=[target])
    wanted = [("Pipe", "AWS::Pipes::Pipe", "jobs"), ("Rule", "AWS::Events::Rule", "mine|nightly")]
    found = [(one.address, one.task_definition, one.cluster) for one in runners(aws, wanted)]
    assert found == [("Pipe", "foreign", cluster), ("Rule", "foreign", cluster)]  # the newest of the family
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:gone"
    kinds = {
        "AWS::Pipes::Pipe": "gone",
        "AWS::Scheduler::Schedule": "gone",
        "AWS::StepFunctions::StateMachine": machine,
    }
    gone = list(
        runners(aws, [("Gone", kind, name) for kind, name in {**kinds, "AWS::Events::Rule": "gone"}.items()])
    )
    assert [one.not_seen is not None for one in gone] == [True] * 4


@pytest.mark.parametrize("action", ["ListTargetsByRule", "DescribeStateMachine"])
def test_what_may_not_be_read_is_not_called_right(desk: Desk, action: str) -> None:
    desk.write("read.json", text(cluster_and(desk.subnet, **starters(desk.subnet, {"Ref": "Web"}))))
    assert desk.deploy("read.json").exit_code == 0
    denied = Fault(FaultKind.API_ERROR, action=action, code="AccessDeniedException", message="not authorized")
    desk.sandbox.faults.add(denied)
    try:
        done = desk.deploy("read.json")
    finally:
        desk.sandbox.faults.clear()
    assert done.exit_code == 3, done.stderr
    assert "could not be looked at: the AWS credentials may not call" in done.stdout
    assert action in done.stdout

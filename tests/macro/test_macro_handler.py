"""What CloudFormation gets back, and what stands in the log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fargate_guard.cloudformation import instrument_template, restore_template
from fargate_guard.macro.event import LARGEST_RESPONSE, LONGEST_MESSAGE
from fargate_guard.macro.settings import MacroSettings
from tests.macro.calling import (
    INSTALLED,
    ORCHESTRATED,
    REQUEST,
    call,
    container,
    containers_of,
    event,
    task,
    template,
)


def test_a_template_comes_back_instrumented_as_the_command_instruments_it() -> None:
    called = call(event(template()))
    assert called.answer.keys() == {"requestId", "status", "fragment"}
    assert called.answer["requestId"] == REQUEST
    assert called.fragment == instrument_template(template(), ORCHESTRATED).definition
    assert restore_template(called.fragment).definition == template()


def test_every_container_and_every_resource_has_its_line_in_the_log() -> None:
    two = task(container("web"), container("logs"), Family="two")
    called = call(event(template(Web=task(), Two=two), IgnoreContainers=["logs"]))
    assert [(line["resource"], line["container"], line["instrumented"]) for line in called.of("container")] == [
        ("Web", "web", True),
        ("Two", "web", True),
        ("Two", "logs", False),
    ]
    assert [(line["resource"], line["instrumented"], line["left_alone"]) for line in called.of("resource")] == [
        ("Web", 1, 0),
        ("Two", 1, 1),
    ]
    assert called.of("answer")[0]["status"] == "success"
    assert {line["request"] for line in called.lines} == {REQUEST}


def test_what_is_instrumented_already_comes_back_as_it_is() -> None:
    once = call(event(template())).fragment
    assert call(event(once)).fragment == once


def test_a_failure_names_resource_container_path_reason_and_fix() -> None:
    broken = template(Web=task(container(), {"Name": "api", "Image": "team/api:1"}))
    error = call(event(broken)).error
    assert error.startswith("Web, container api: what container api would run is not known for certain")
    assert "$.Resources.Web.Properties.ContainerDefinitions[1].EntryPoint" in error
    assert """Images: '{"api": {"EntryPoint": […], "Command": […]}}', or""" in error
    assert "IgnoreContainers api" in error
    assert "ImageLookup: true" in error
    assert "--" not in error
    assert "changed nothing" in error


def test_several_refusals_are_all_told_and_all_logged() -> None:
    broken = {f"Task{number}": task({"Name": f"c{number}", "Image": "team/x:1"}) for number in range(2)}
    called = call(event(template(**broken)))
    assert len(called.of("refused")) == 2
    assert "Task0, container c0" in called.error
    assert "Task1, container c1" in called.error or "more: see the log group" in called.error


def test_an_error_message_stays_short_and_says_where_the_rest_is() -> None:
    broken = {f"Task{number}": task({"Name": f"c{number}", "Image": "team/x:1"}) for number in range(40)}
    called = call(event(template(**broken)))
    assert len(called.error) <= LONGEST_MESSAGE
    assert "more: see the log group /aws/lambda/fguard-macro-FargateGuard" in called.error
    assert "changed nothing" in called.error
    assert len(called.of("refused")) == 40


def test_one_good_and_one_bad_task_definition_are_a_failure() -> None:
    broken = template(Good=task(), Bad=task(container("bad", Command={"Ref": "Nowhere"}, EntryPoint=None)))
    assert "Bad" in call(event(broken)).error


def test_references_are_resolved_with_the_stacks_parameters() -> None:
    parameters = {"Launch": {"Type": "String"}, "Argv": {"Type": "CommaDelimitedList"}}
    given = template(Web=task(container(EntryPoint={"Ref": "Argv"}), RequiresCompatibilities=[{"Ref": "Launch"}]))
    given = {**given, "Parameters": parameters}
    values: dict[str, Any] = {"Launch": "FARGATE", "Argv": ["/docker-entrypoint.sh", "nginx"]}
    done = call(event(given, values)).fragment
    assert "SysdigInstrumentation" in containers_of(done["Resources"]["Web"])
    values["Launch"] = "EC2"
    nothing = call(event(given, values))
    assert nothing.fragment == given
    assert "RequiresCompatibilities is EC2" in nothing.of("nothing")[0]["message"]


def test_pseudo_parameters_are_those_of_the_event() -> None:
    account = {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}
    here = {"Fn::If": ["Here", ["FARGATE"], ["EC2"]]}
    given = {**template(Web=task(RequiresCompatibilities=here)), "Conditions": {"Here": account}}
    assert call(event(given)).answer["status"] == "success"
    image = {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/web:1"}
    role = "arn:aws:iam::111122223333:role/execution"
    error = call(event(template(Web=task({"Name": "web", "Image": image}, ExecutionRoleArn=role)))).error
    assert "111122223333.dkr.ecr.eu-west-1.amazonaws.com/web:1" in error


@pytest.mark.parametrize(
    ("resources", "why"),
    [
        ({"Bucket": {"Type": "AWS::S3::Bucket"}}, "1 AWS::S3::Bucket"),
        ({"Old": task(RequiresCompatibilities=["EC2"])}, "Old is not for Fargate"),
    ],
)
def test_a_template_without_tasks_for_fargate_goes_through_and_is_told(resources: Any, why: str) -> None:
    called = call(event(template(**resources)))
    assert called.fragment == template(**resources)
    (line,) = called.of("nothing")
    assert line["level"] == "WARN"
    assert why in line["message"]
    strict = call(event(template(**resources), Strict=True))
    assert "nothing in this template is instrumented" in strict.error
    assert why in strict.error


def test_a_template_in_which_everything_is_left_out_goes_through_unless_strict() -> None:
    called = call(event(template(), IgnoreContainers="web"))
    assert called.fragment == template()
    assert "every container is left out" in called.of("nothing")[0]["message"]
    assert "every container is left out" in call(event(template(), IgnoreContainers="web", Strict="true")).error


def test_warnings_are_logged_and_errors_when_strict() -> None:
    called = call(event(template(), IgnoreContainers=["log*"]))
    assert called.answer["status"] == "success"
    (line,) = called.of("warning")
    assert "no container fits log*" in line["message"]
    assert "IgnoreContainers" in line["message"]
    error = call(event(template(), IgnoreContainers=["log*"]), MacroSettings.of(ORCHESTRATED, strict=True)).error
    assert "no container fits log*" in error
    assert "Strict" in error


@pytest.mark.parametrize(
    "garbage",
    [None, [], "text", 7, {}, {"requestId": "x"}, {"fragment": {}}, {**event(template()), "params": "text"}],
)
def test_what_is_no_event_is_a_failure_that_says_so(garbage: Any) -> None:
    called = call(garbage)
    assert called.error.startswith("the event")
    assert called.of("answer")[0]["level"] == "ERROR"


@pytest.mark.parametrize("fragment", [None, [], "text", 3, {"Resources": []}, {"Resources": {"X": 3}}, {"A": 1}])
def test_no_fragment_is_a_traceback(fragment: Any) -> None:
    called = call(event(fragment))
    assert called.answer["requestId"] == REQUEST
    assert called.of("unexpected") == []


@pytest.mark.parametrize("name", ["\ud800", "a\nb", "\x1b[31m", "ä" * 3000])
def test_strange_names_end_in_one_line_of_an_answer(name: str) -> None:
    called = call(event(template(Web=task({"Name": name, "Image": "team/web:1"}))))
    assert called.error.isprintable()
    assert called.log.isascii()
    assert all(line["request"] == REQUEST for line in called.lines)


def test_the_unexpected_is_a_failure_with_its_place_and_no_text_of_the_template() -> None:
    called = call(event(template(Web=task(Family="geheim"))), '{"agent": {}, "ignore_where_present": 3}')
    assert "this is a bug in fguard" in called.error
    assert "settings.py" in called.error
    (line,) = called.of("unexpected")
    assert any("settings.py" in frame for frame in line["traceback"])
    assert "geheim" not in called.log


def test_a_template_that_lambda_cannot_give_back_is_a_failure() -> None:
    large = template(Web=task(), Other={"Type": "X", "Metadata": "x" * LARGEST_RESPONSE})
    assert "more than Lambda can give back" in call(event(large)).error


def test_a_template_larger_than_cloudformation_takes_is_warned_about() -> None:
    large = template(Web=task(), Other={"Type": "X", "Metadata": "x" * 1_000_000})
    assert call(event(large)).of("size")[0]["level"] == "WARN"


def test_a_template_nested_without_end_is_a_failure_and_no_bug() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    called = call(event(template(Web=task(), Other={"Type": "X", "Metadata": deep})))
    assert "nested more deeply" in called.error
    assert called.of("unexpected") == []


def test_what_a_module_holds_is_not_seen_and_that_is_told() -> None:
    module = {"Type": "Our::ECS::Task::MODULE", "Properties": {}}
    for resources in ({"Web": task(), "Hidden": module}, {"Hidden": module}):
        called = call(event(template(**resources)))
        assert called.answer["status"] == "success"
        (line,) = called.of("warning")
        assert line["path"] == "$.Resources.Hidden"
        assert "Our::ECS::Task::MODULE" in line["message"]
        assert (
            "Our::ECS::Task::MODULE holds is not instrumented"
            in call(event(template(**resources), Strict=True)).error
        )


def as_text(value: Any) -> Any:
    """Numbers and booleans as text, as CloudFormation may send what stands in YAML."""
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else value


def test_numbers_and_booleans_may_come_as_text() -> None:
    web = container(Cpu=64, Memory=256, Essential=True, PortMappings=[{"ContainerPort": 80}], Privileged=False)
    typed = template(Web=task(web, Cpu=512, Memory=1024, EphemeralStorage={"SizeInGiB": 30}))
    asked: dict[str, Any] = {"SidecarCpu": 64, "SidecarEssential": True, "OptIn": False}
    done = call(event(as_text(typed), **as_text(asked))).fragment
    assert as_text(done) == as_text(call(event(typed, **asked)).fragment)
    again = call(event(as_text(done), **as_text(asked))).fragment
    assert as_text(again) == as_text(done), "what is instrumented already stays as it is"
    assert as_text(restore_template(as_text(done)).definition) == as_text(typed)
    newer = call(event(as_text(done), **{**as_text(asked), "AgentVersion": "5.0.0"})).fragment
    assert containers_of(newer["Resources"]["Web"])["SysdigInstrumentation"]["Image"].endswith(":5.0.0")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("CommaDelimitedList", "/run,--now"),
        ("CommaDelimitedList", ["/run", "--now"]),
        ("List<Number>", [1, 2]),
    ],
)
def test_a_parameter_that_is_a_list_comes_as_a_list_or_as_one_text(kind: str, value: Any) -> None:
    given = template(Web=task(container(Command={"Ref": "Argv"})))
    done = call(event({**given, "Parameters": {"Argv": {"Type": kind}}}, {"Argv": value}))
    assert done.answer["status"] == "success"
    assert done.of("resource")[0]["instrumented"] == 1


@pytest.mark.parametrize(
    "kind", ["AWS::SSM::Parameter::Value<String>", "AWS::SSM::Parameter::Value<List<String>>"]
)
def test_what_a_parameter_of_ssm_holds_is_not_taken_from_the_event(kind: str) -> None:
    """Whether the event has the parameter's name or what is stored there is not documented."""
    parameters = {"Stored": {"Type": kind, "Default": "/images/web"}}
    used = {**template(Web=task(container(Image={"Ref": "Stored"}))), "Parameters": parameters}
    assert call(event(used, {"Stored": "/images/web"})).of("resource")[0]["instrumented"] == 1
    needed = {**template(Web=task({"Name": "web", "Image": {"Ref": "Stored"}})), "Parameters": parameters}
    error = call(event(needed, {"Stored": "nginx:1.27"})).error
    assert "the image of container web is only known when this is deployed: ${Stored}" in error


def test_rules_conditions_and_sections_of_other_transforms_stay() -> None:
    sections = {
        "Rules": {"One": {"Assertions": [{"Assert": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}}]}},
        "Conditions": {"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
        "Parameters": {"Stage": {"Type": "String"}},
        "Mappings": {"Sizes": {"prod": {"Cpu": "512"}}},
        "Hooks": {},
        "Globals": {"Function": {"Timeout": 3}},
        "Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "s3://a/b"}},
    }
    given = {**template(Web={**task(), "Condition": "Prod"}), **sections}
    done = call(event(given, {"Stage": "dev"})).fragment
    assert {key: done[key] for key in sections} == sections
    assert "SysdigInstrumentation" in containers_of(done["Resources"]["Web"])


def test_installed_containers_to_leave_out_need_not_be_in_every_template() -> None:
    installed = MacroSettings.of(ORCHESTRATED, ("log*", "proxy"))
    both = template(Web=task(container("web"), container("log-router")))
    done = call(event(both), installed).fragment
    assert containers_of(done["Resources"]["Web"])["log-router"] == container("log-router")
    assert call(event(template()), installed).answer["status"] == "success"


def test_settings_survive_the_package() -> None:
    full = MacroSettings.of(
        ORCHESTRATED.__class__(
            topology="direct",
            agent_version="6.2.1",
            collector_host="ingest.us4.sysdig.com",
            access_key_arn="arn:aws:ssm:eu-west-1:111122223333:parameter/key",
            ignore_labels=("team=x",),
            ignore_containers=("a",),
            sidecar_environment={"HTTPS_PROXY": "http://proxy:3128"},
            sidecar_cpu=128,
        ),
        ("b*",),
        image_lookup=True,
        strict=True,
    )
    assert MacroSettings.read(full.text()) == full
    assert json.loads(full.text())["agent"]["sidecar_cpu"] == 128
    assert MacroSettings.read(MacroSettings().text()) == MacroSettings()
    assert INSTALLED.agent["orchestrator_host"] == "orchestrator.internal"

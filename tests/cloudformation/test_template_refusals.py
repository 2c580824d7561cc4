"""What is refused in a template says which container it is about, where, and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fargate_guard.cloudformation import instrument_template, restore_template, template_image_needs
from fargate_guard.taskdef import ImageConfig, Images, Settings, TaskDefinitionError

NO_VALUE = {"Ref": "AWS::NoValue"}
SETTINGS = Settings("orchestrator", "5.0.1", orchestrator_host="orchestrator.internal")
IMAGES = Images({("nginx:1.27", "X86_64"): ImageConfig(("/e",), ("c",), "test")})
CONDITIONS = {"A": {"Fn::Equals": [{"Ref": "Env"}, "a"]}, "B": {"Fn::Equals": [{"Ref": "Env"}, "b"]}}
PARAMETERS = {
    "Env": {"Type": "String"},
    "Empty": {"Type": "CommaDelimitedList", "Default": ""},
    "Line": {"Type": "String", "Default": ""},
    "List": {"Type": "CommaDelimitedList", "Default": "/run,-v"},
}
CONTAINERS = "$.Resources.Web.Properties.ContainerDefinitions"


def container(**fields: Any) -> dict[str, Any]:
    return {"Name": "web", "Image": "nginx:1.27", "EntryPoint": ["/app"], **fields}


def template(*containers: Any, **properties: Any) -> dict[str, Any]:
    task = {
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "ContainerDefinitions": list(containers),
        **properties,
    }
    web = {"Type": "AWS::ECS::TaskDefinition", "Properties": task}
    return {"Parameters": PARAMETERS, "Conditions": CONDITIONS, "Resources": {"Web": web}}


def refusal(value: Any, settings: Settings = SETTINGS, **given: str) -> TaskDefinitionError:
    with pytest.raises(TaskDefinitionError) as caught:
        instrument_template(value, settings, IMAGES, given)
    assert caught.value.exit_code == 4
    return caught.value


@pytest.mark.parametrize(
    ("entry_point", "path"),
    [
        ({"Fn::GetAtt": ["Foo", "Bar"]}, ""),
        ({"Fn::Split": ["/", "a/b"]}, ""),
        ({"Fn::If": ["A", ["a"]]}, ""),
        ({"Ref": "Env"}, ""),
        ({"Fn::If": ["A", ["/a"], {"Fn::If": ["B", {"Ref": "Env"}, ["/b"]]}]}, "['Fn::If'][2]['Fn::If'][1]"),
    ],
)
def test_a_list_that_cannot_be_extended_is_refused_with_its_container_and_path(
    entry_point: Any, path: str
) -> None:
    error = refusal(template(container(Name="first"), container(EntryPoint=entry_point)))
    assert "container web" in error.message
    assert error.where == f"{CONTAINERS}[1].EntryPoint{path}"
    assert "--ignore-container web" in str(error.fix)


def test_in_a_conditional_container_the_branch_is_named() -> None:
    value = template({"Fn::If": ["A", container(), container(Name="b", EntryPoint={"Ref": "Env"})]})
    error = refusal(value)
    assert error.where == f"{CONTAINERS}[0]['Fn::If'][2].EntryPoint"
    assert "container b" in error.message


@pytest.mark.parametrize("empty", [{"Ref": "Empty"}, {"Fn::Split": [" ", {"Ref": "Line"}]}])
def test_an_entry_point_that_is_known_to_be_empty_is_refused(empty: Any) -> None:
    error = refusal(template(container(EntryPoint=empty)))
    assert "container web" in error.message
    assert error.where == f"{CONTAINERS}[0].EntryPoint"
    name = "Empty" if "Ref" in empty else "Line"
    assert f"--parameter {name}=" in str(error.fix)
    given = {"Empty": "/run,-v", "Line": "/run -v"}
    assert instrument_template(template(container(EntryPoint=empty)), SETTINGS, IMAGES, given).changed
    assert refusal(template(container(EntryPoint={"Ref": "List"})), List="").where == error.where


def test_a_command_that_is_known_to_be_empty_is_refused_where_the_image_decides() -> None:
    completed = {"Name": "web", "Image": "nginx:1.27", "Command": {"Ref": "Empty"}}
    assert refusal(template(completed)).where == f"{CONTAINERS}[0].Command"
    assert instrument_template(template(completed), SETTINGS, IMAGES, {"Empty": "-v"}).changed
    assert instrument_template(template(container(Command={"Ref": "Empty"})), SETTINGS).changed
    left_out = replace(SETTINGS, ignore_containers=("web",))
    assert not instrument_template(template(completed, container(Name="b")), left_out).containers[0].instrumented


def test_a_tag_that_names_containers_by_a_function_is_said_to_be_unknown_until_deployed() -> None:
    value = template(container(), Tags=[{"Key": "kilt-ignore-containers", "Value": {"Ref": "Env"}}])
    with pytest.raises(TaskDefinitionError, match="only known when this is deployed") as caught:
        template_image_needs(value, SETTINGS)
    assert caught.value.where == "$.Resources.Web.Properties.Tags[0].Value"
    assert "--parameter" in str(caught.value.fix)
    given = {"Env": "web"}
    result = instrument_template(
        template(container(), container(Name="b"), **tags_of(value)), SETTINGS, IMAGES, given
    )
    assert [one.instrumented for one in result.containers] == [False, True]


def tags_of(value: Any) -> dict[str, Any]:
    return {"Tags": value["Resources"]["Web"]["Properties"]["Tags"]}


def test_a_default_that_decides_who_is_left_out_is_told() -> None:
    value = template(
        container(), container(Name="b"), Tags=[{"Key": "kilt-ignore-containers", "Value": {"Ref": "Side"}}]
    )
    value["Parameters"] = {**PARAMETERS, "Side": {"Type": "String", "Default": "b"}}
    result = instrument_template(value, SETTINGS)
    assert [one.instrumented for one in result.containers] == [True, False]
    assert any("--parameter Side=VALUE" in one.message for one in result.warnings)


def test_a_task_definition_in_the_wrong_case_is_refused_with_the_right_spelling() -> None:
    value = template()
    properties = value["Resources"]["Web"]["Properties"]
    properties["containerDefinitions"] = [container()]
    del properties["ContainerDefinitions"]
    error = refusal(value)
    assert error.where == "$.Resources.Web.Properties.containerDefinitions"
    assert "ContainerDefinitions" in error.message
    assert error.fix == "write ContainerDefinitions"


@pytest.mark.parametrize("capabilities", ["NET_ADMIN", "SYS_PTRACE", None])
def test_capabilities_that_a_function_gives_as_a_list_are_refused(capabilities: str | None) -> None:
    value = template(container(LinuxParameters={"Capabilities": {"Add": {"Ref": "Caps"}}}))
    default = {} if capabilities is None else {"Default": capabilities}
    value["Parameters"] = {**PARAMETERS, "Caps": {"Type": "CommaDelimitedList", **default}}
    assert refusal(value).where == f"{CONTAINERS}[0].LinuxParameters.Capabilities.Add"


def test_a_capability_that_a_default_gives_is_told() -> None:
    value = template(container(LinuxParameters={"Capabilities": {"Add": [{"Ref": "Cap"}]}}))
    value["Parameters"] = {**PARAMETERS, "Cap": {"Type": "String", "Default": "SYS_PTRACE"}}
    result = instrument_template(value, SETTINGS)
    assert any("--parameter Cap=VALUE" in one.message for one in result.warnings)
    assert restore_template(result.definition).definition == value


def test_a_label_that_decides_must_be_known() -> None:
    value = template(container(DockerLabels={"com.fargate-guard.ignore": {"Ref": "Env"}}))
    assert refusal(value).where == f"{CONTAINERS}[0].DockerLabels"
    result = instrument_template(value, SETTINGS, IMAGES, {"Env": "false"})
    assert [one.instrumented for one in result.containers] == [True]
    by_label = template(container(DockerLabels={"team": {"Ref": "Env"}}))
    assert "label team" in refusal(by_label, replace(SETTINGS, ignore_labels=("team=a",))).message
    assert instrument_template(by_label, SETTINGS).changed


def test_a_label_that_a_default_gives_is_told() -> None:
    value = template(container(DockerLabels={"team": {"Ref": "Team"}}), container(Name="b"))
    value["Parameters"] = {**PARAMETERS, "Team": {"Type": "String", "Default": "a"}}
    result = instrument_template(value, replace(SETTINGS, ignore_labels=("team=a",)))
    assert [one.instrumented for one in result.containers] == [False, True]
    assert any("--parameter Team=VALUE" in one.message for one in result.warnings)


def test_a_pid_mode_that_a_function_gives_as_nothing_is_refused() -> None:
    value = template(container(), PidMode={"Ref": "Pid"})
    value["Parameters"] = {**PARAMETERS, "Pid": {"Type": "String", "Default": ""}}
    assert refusal(value).where == "$.Resources.Web.Properties.PidMode"
    assert instrument_template(value, SETTINGS, IMAGES, {"Pid": "task"}).changed


@pytest.mark.parametrize("labels", [7, True, "x", [{}]])
def test_docker_labels_that_are_no_object_are_no_reason_to_crash(labels: Any) -> None:
    value = template({"Fn::If": ["A", container(Name="side"), NO_VALUE]}, container(DockerLabels=labels))
    result = instrument_template(value, SETTINGS).definition
    assert restore_template(result).definition == value


def test_a_container_that_is_left_out_in_one_case_is_not_called_instrumented() -> None:
    tags = [{"Fn::If": ["A", {"Key": "kilt-ignore", "Value": "true"}, NO_VALUE]}]
    unimportant = {"Name": "X", "Value": {"Fn::If": ["B", "1", "2"]}}
    value = template(container(Environment={"Fn::If": ["B", [unimportant], NO_VALUE]}), Tags=tags)
    result = instrument_template(value, SETTINGS)
    (outcome,) = result.containers
    assert (outcome.instrumented, outcome.in_some_cases) == (False, True)
    assert outcome.reason == "instrumented when A is false; ignored by tag kilt-ignore when A is true"
    assert restore_template(result.definition).definition == value


LOGS = {"LogDriver": "awslogs", "Options": {"awslogs-group": "g"}}
CHECKED = [
    ({"Privileged": "true"}, "privileged"),
    ({"Privileged": {"Fn::If": ["A", True, False]}}, "privileged"),
    ({"Essential": "false"}, "no container is essential"),
    ({"Essential": {"Fn::If": ["A", "false", "true"]}}, "no container is essential"),
    ({"LogConfiguration": {"Fn::If": ["A", LOGS, NO_VALUE]}}, "no execution role"),
    ({"LogConfiguration": {**LOGS, "LogDriver": {"Fn::If": ["A", "awslogs", "splunk"]}}}, "no execution role"),
]


@pytest.mark.parametrize(("fields", "message"), CHECKED, ids=str)
def test_what_ecs_refuses_is_seen_in_a_case_and_in_a_boolean_written_as_text(
    fields: dict[str, Any], message: str
) -> None:
    assert message in refusal(template(container(**fields))).message


@pytest.mark.parametrize("read_only", ["true", {"Fn::If": ["A", True, False]}, {"Ref": "ReadOnly"}], ids=str)
def test_a_read_only_root_is_warned_about_however_the_template_says_it(read_only: Any) -> None:
    value = template(container(ReadonlyRootFilesystem=read_only))
    value["Parameters"] = {**PARAMETERS, "ReadOnly": {"Type": "String", "Default": "true"}}
    result = instrument_template(value, SETTINGS)
    assert "the root file system is read-only" in str([notice.message for notice in result.warnings])
    assert restore_template(result.definition).definition == value


def test_a_log_configuration_that_only_the_deployment_knows_stays() -> None:
    value = template(container(LogConfiguration={"Fn::Transform": {"Name": "AWS::Include"}}))
    assert restore_template(instrument_template(value, SETTINGS).definition).definition == value


REPOSITORIES = [
    {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/web:1"},
    {"Fn::Join": ["", [{"Ref": "AWS::AccountId"}, ".dkr.ecr.", {"Ref": "AWS::Region"}, ".amazonaws.com/web:1"]]},
]


@pytest.mark.parametrize("image", REPOSITORIES, ids=str)
def test_an_image_of_the_accounts_own_registry_needs_an_execution_role(image: dict[str, Any]) -> None:
    assert "no execution role" in refusal(template(container(Image=image))).message
    assert instrument_template(template(container(Image=image), ExecutionRoleArn="role"), SETTINGS).changed

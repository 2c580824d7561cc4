"""Sizes, ports and roles that a parameter decides are checked like those that stand in the template itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fargate_guard.cloudformation import instrument_template, restore_template
from fargate_guard.taskdef import Settings, TaskDefinitionError

SETTINGS = Settings("orchestrator", "5.0.1", orchestrator_host="orchestrator.internal", sidecar_cpu=64)
TASK = "$.Resources.Web.Properties"
ROLE = "arn:aws:iam::123456789012:role/execution"
WITH_A_SECRET = {"Secrets": [{"Name": "TOKEN", "ValueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/x"}]}


def template(parameters: dict[str, Any], container: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """A template with one task of one container; a parameter is its default, or a whole definition."""
    return {
        "Parameters": {
            name: one if isinstance(one, dict) else {"Type": "String", "Default": one}
            for name, one in parameters.items()
        },
        "Resources": {
            "Web": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {
                    "Family": "web",
                    "RequiresCompatibilities": ["FARGATE"],
                    "NetworkMode": "awsvpc",
                    "Cpu": "256",
                    "Memory": "512",
                    **properties,
                    "ContainerDefinitions": [
                        {"Name": "web", "Image": "nginx:1.27", "EntryPoint": ["/app"], **container}
                    ],
                },
            }
        },
    }


def refused(value: Any, settings: Settings = SETTINGS, **given: str) -> TaskDefinitionError:
    with pytest.raises(TaskDefinitionError) as caught:
        instrument_template(value, settings, parameters=given)
    assert caught.value.exit_code == 4
    return caught.value


def accepted(value: Any, settings: Settings = SETTINGS, **given: str) -> Any:
    result = instrument_template(value, settings, parameters=given).definition
    assert restore_template(result).definition == value
    return result["Resources"]["Web"]["Properties"]


def test_containers_that_do_not_fit_into_a_default_size_are_refused_with_the_next_size_and_the_parameter() -> None:
    value = template({"TaskCpu": "256"}, {"Cpu": 256}, Cpu={"Ref": "TaskCpu"})
    error = refused(value)
    assert error.message == (
        "the containers take 320 CPU units (web 256 + SysdigInstrumentation 64), but the task has 256"
    )
    assert error.where == f"{TASK}.Cpu"
    assert str(error.why).endswith("; Cpu is 256 by the default of parameter TaskCpu")
    assert "cpu 512, memory 1024, about 18.02 USD a month" in str(error.fix)
    assert str(error.fix).endswith("; or say what is deployed instead: --parameter TaskCpu=VALUE")


def test_a_size_that_is_given_counts_before_the_default() -> None:
    value = template({"TaskCpu": "256"}, {"Cpu": 256}, Cpu={"Ref": "TaskCpu"}, Memory="1024")
    assert accepted(value, TaskCpu="512")["Cpu"] == {"Ref": "TaskCpu"}
    error = refused(template({"TaskCpu": "4096"}, {"Cpu": 256}, Cpu={"Ref": "TaskCpu"}), TaskCpu="256")
    assert "Cpu is 256 by the value of parameter TaskCpu" in str(error.why)
    assert "--parameter" not in str(error.fix)


def test_every_parameter_of_a_sum_is_named() -> None:
    value = template(
        {"Small": {"Type": "Number", "Default": 256}, "Each": {"Type": "Number", "Default": 256}},
        {"Cpu": {"Ref": "Each"}},
        Cpu={"Ref": "Small"},
    )
    error = refused(value)
    assert "Cpu is 256 by the default of parameter Small" in str(error.why)
    assert "Cpu of container web is 256 by the default of parameter Each" in str(error.why)
    assert str(error.fix).endswith("--parameter Small=VALUE --parameter Each=VALUE")


@pytest.mark.parametrize(
    ("container", "settings"),
    [({"Memory": 1024}, SETTINGS), ({"MemoryReservation": 500}, replace(SETTINGS, sidecar_memory_reservation=64))],
)
def test_memory_is_checked_against_a_default_too(container: dict[str, Any], settings: Settings) -> None:
    error = refused(template({"TaskMemory": "512"}, container, Memory={"Ref": "TaskMemory"}), settings)
    assert "512" in error.message
    assert "Memory is 512 by the default of parameter TaskMemory" in str(error.why)


def test_a_pair_of_sizes_that_fargate_does_not_have_names_the_mapping_s_parameter() -> None:
    size = {"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Memory"]}
    value = template({"Stage": "dev"}, {}, Cpu="256", Memory=size)
    value["Mappings"] = {"Sizes": {"dev": {"Memory": "8192"}, "prod": {"Memory": "1024"}}}
    error = refused(value)
    assert error.message == "Fargate has no tasks with cpu 256 and memory 8192"
    assert "Memory is 8192 by the default of parameter Stage" in str(error.why)
    assert accepted(value, Stage="prod")["Memory"] == size


@pytest.mark.parametrize("mapping", [{"ContainerPort": {"Ref": "P"}}, {"ContainerPortRange": {"Ref": "P"}}])
def test_the_port_of_the_agent_is_refused_where_a_parameter_gives_it(mapping: dict[str, Any]) -> None:
    value = template({"P": "32000"}, {"PortMappings": [mapping]})
    error = refused(value)
    assert error.message == "container web uses port 32000"
    field = next(iter(mapping))
    assert error.where == f"{TASK}.ContainerDefinitions[0].PortMappings[0].{field}"
    assert f"{field} is 32000 by the default of parameter P" in str(error.why)
    assert "--parameter P=VALUE" in str(error.fix)
    accepted(value, P="8080")


def test_an_execution_role_that_a_parameter_leaves_empty_is_missing() -> None:
    value = template({"Role": ""}, WITH_A_SECRET, ExecutionRoleArn={"Ref": "Role"})
    error = refused(value)
    assert "no execution role" in error.message
    assert "ExecutionRoleArn is empty by the default of parameter Role" in str(error.why)
    assert "--parameter Role=VALUE" in str(error.fix)
    accepted(value, Role=ROLE)
    accepted(value, replace(SETTINGS, execution_role_supplied=True))
    assert "by the value of parameter Role" in str(refused(value, Role="").why)


@pytest.mark.parametrize("empty", [{"Ref": "Role"}, {"Fn::Join": ["", [{"Ref": "Role"}]]}])
def test_an_empty_value_does_not_count_where_the_condition_says_that_there_is_a_role(
    empty: dict[str, Any],
) -> None:
    value = template({"Role": ""}, WITH_A_SECRET, ExecutionRoleArn={"Fn::If": ["HasRole", {"Ref": "Role"}, ROLE]})
    value["Conditions"] = {"HasRole": {"Fn::Not": [{"Fn::Equals": [empty, ""]}]}}
    accepted(value)
    accepted(value, Role="")


def test_a_default_counts_in_every_case_that_leaves_it_possible() -> None:
    value = template({"Stage": "dev", "TaskCpu": "256"}, {"Cpu": 256}, Cpu={"Ref": "TaskCpu"}, Memory="1024")
    value["Conditions"] = {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}}
    container = value["Resources"]["Web"]["Properties"]["ContainerDefinitions"][0]
    container["Cpu"] = {"Fn::If": ["IsProd", 128, 256]}
    error = refused(value)
    assert "Cpu is 256 by the default of parameter TaskCpu" in str(error.why)
    assert str(error.why).endswith("(when IsProd is false)")
    container["Cpu"] = {"Fn::If": ["IsProd", {"Ref": "Stage"}, 128]}
    accepted(value)  # Stage is not `dev` where IsProd holds, so `dev` is not the container's Cpu there


def test_a_number_that_is_none_names_the_parameter() -> None:
    error = refused(template({"TaskCpu": "small"}, {}, Cpu={"Ref": "TaskCpu"}))
    assert error.message == 'cpu is \'small\', which is not a size such as "512" or "1 GB"'
    assert "Cpu is small by the default of parameter TaskCpu" in str(error.why)


def test_what_only_the_deployment_knows_is_not_checked() -> None:
    secret = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/sizes/cpu"}
    accepted(template({"TaskCpu": {"Type": "String"}}, {"Cpu": 4096}, Cpu={"Ref": "TaskCpu"}))
    accepted(template({"TaskCpu": secret}, {"Cpu": 4096}, Cpu={"Ref": "TaskCpu"}))
    accepted(template({}, {"Cpu": 4096}, Cpu={"Fn::ImportValue": "cpu"}))

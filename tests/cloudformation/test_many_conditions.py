"""Templates with a dozen conditions: what the agent has nothing to do with need not be looked at in 4,096 ways."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from typing import Any

import pytest

from fargate_guard.cloudformation import (
    explain_template,
    instrument_template,
    restore_template,
    template_containers,
    template_image_needs,
)
from fargate_guard.taskdef import ImageConfig, Images, Settings, TaskDefinitionError, instrument, uninstrument
from tests.cloudformation.deployed import deployed

NO_VALUE = {"Ref": "AWS::NoValue"}
SETTINGS = Settings("orchestrator", "5.0.1", orchestrator_host="h", execution_role_supplied=True)
PROXY = replace(SETTINGS, workload_environment={"V3": "x"}, priority="security")
FLAGS = [f"K{n}" for n in range(12)]


def maybe(flag: str, yes: Any, no: Any = NO_VALUE) -> dict[str, Any]:
    return {"Fn::If": [flag, copy.deepcopy(yes), copy.deepcopy(no)]}


def web(**fields: Any) -> dict[str, Any]:
    variables = [maybe(flag, {"Name": f"V{flag[1:]}", "Value": flag}) for flag in FLAGS]
    return {"Name": "web", "Image": "nginx", "EntryPoint": ["/app"], "Environment": variables, **fields}


def template(*containers: Any, **properties: Any) -> dict[str, Any]:
    task = {
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "ContainerDefinitions": list(containers),
        **properties,
    }
    return {
        "Parameters": {flag: {"Type": "String"} for flag in FLAGS},
        "Conditions": {flag: {"Fn::Equals": [{"Ref": flag}, "y"]} for flag in FLAGS},
        "Resources": {"Web": {"Type": "AWS::ECS::TaskDefinition", "Properties": task}},
    }


RICH = template(
    web(
        EntryPoint=["/app", maybe("K1", "--debug"), {"Ref": "K0"}],
        Command=["serve", maybe("K2", "--fast", "--slow")],
        Secrets=[
            maybe("K3", {"Name": "S", "ValueFrom": "a"}, {"Name": "S", "ValueFrom": "b"}),
            {"Name": "T", "ValueFrom": maybe("K8", "c", "d")},
        ],
        PortMappings=[{"ContainerPort": 80}, maybe("K4", {"ContainerPort": 443}, {"ContainerPort": "8443"})],
    ),
    maybe("K6", {"Name": "side", "Image": "b", "EntryPoint": ["/y"]}),
    {"Name": "either", "Image": "b", "EntryPoint": maybe("K7", ["/a"], ["/b"])},
    Tags=[maybe("K5", {"Key": "team", "Value": "x"}), {"Key": "stage", "Value": maybe("K9", "1", "2")}],
)
ONLY_CONDITIONAL = template(web())


def without_labels(definition: Any) -> Any:
    for container in definition["ContainerDefinitions"]:
        container.get("DockerLabels", {}).clear()
    return definition


@pytest.mark.parametrize("value", [RICH, ONLY_CONDITIONAL], ids=["rich", "only conditional"])
@pytest.mark.parametrize("how", [SETTINGS, PROXY], ids=["usual", "with a variable of that name"])
def test_a_dozen_conditions_are_right_whatever_is_deployed(value: Any, how: Settings) -> None:
    result = instrument_template(value, how).definition
    draw = random.Random(1)
    for _ in range(40):
        state = {flag: draw.choice("yn") for flag in FLAGS}
        original, after = deployed(value, state, "Web"), deployed(result, state, "Web")
        assert uninstrument(after) in (original, without_empty_environment(original))
        assert without_labels(after) == without_labels(instrument(original, how).definition)
    assert not instrument_template(result, how).changed
    assert json.dumps(restore_template(result).definition) == json.dumps(value)


def without_empty_environment(original: Any) -> Any:
    """For ECS the same: it returns an empty array where there is none."""
    first, *others = original["ContainerDefinitions"]
    first = {key: item for key, item in first.items() if key != "Environment" or item}
    return {**original, "ContainerDefinitions": [first, *others]}


def test_other_settings_can_follow_and_be_undone() -> None:
    result = instrument_template(RICH, PROXY).definition
    again = instrument_template(result, SETTINGS).definition
    assert json.dumps(restore_template(again).definition) == json.dumps(RICH)
    assert json.dumps(restore_template(instrument_template(again, PROXY).definition).definition) == json.dumps(
        RICH
    )


def test_everything_else_takes_such_templates_too() -> None:
    assert {one.explained.name for one in template_containers(RICH)} == {"web", "side", "either"}
    assert template_image_needs(RICH, SETTINGS) == ()
    found = [one for _, one in explain_template(instrument_template(RICH, SETTINGS).definition)]
    assert all(container.instrumented for one in found for container in one.containers)


@pytest.mark.parametrize(
    "element",
    [
        maybe("K0", {"Name": "SYSDIG_SIDECAR", "Value": "force"}),
        maybe("K0", {"Name": "X", "Value": "1"}, {"Name": "SYSDIG_ORCHESTRATOR", "Value": "o"}),
    ],
)
def test_a_variable_of_the_agents_is_found_among_many_conditions(element: Any) -> None:
    value = template(web(Environment=[*web()["Environment"][1:], element]))
    with pytest.raises(TaskDefinitionError, match="sets SYSDIG_") as caught:
        instrument_template(value, SETTINGS)
    assert "when K0 is" in str(caught.value.why)


def test_a_name_twice_and_the_agents_port_are_found_among_many_conditions() -> None:
    twice = [maybe("K0", {"Name": "V5", "ValueFrom": "a"})]
    with pytest.raises(TaskDefinitionError, match="V5 in environment and in secrets"):
        instrument_template(template(web(Secrets=twice)), SETTINGS)
    port = [maybe("K0", {"ContainerPort": 32000})]
    with pytest.raises(TaskDefinitionError, match="port 32000"):
        instrument_template(template(web(PortMappings=port)), SETTINGS)


def test_a_tag_that_leaves_out_is_found_among_many_conditions() -> None:
    tag = maybe("K0", {"Key": "kilt-ignore-containers", "Value": "web"})
    result = instrument_template(template(web(), Tags=[tag]), SETTINGS)
    assert "when K0 is true" in result.containers[0].reason
    assert restore_template(result.definition).definition == template(web(), Tags=[tag])


def test_many_sizes_and_what_an_image_runs_do_not_make_a_second_run_differ() -> None:
    sizes = [
        {"Name": f"s{flag[1:]}", "Image": "b", "EntryPoint": ["/y"], "Cpu": maybe(flag, 1, 2)}
        for flag in FLAGS[:7]
    ]
    value = template({"Name": "web", "Image": "nginx", "Command": ["serve"]}, *sizes)
    images = Images({("nginx", "X86_64"): ImageConfig(("/entry.sh",), ("nginx",), "test")})
    result = instrument_template(value, SETTINGS, images).definition
    assert not instrument_template(result, SETTINGS, images).changed
    assert json.dumps(restore_template(result).definition) == json.dumps(value)


def test_sizes_count_where_the_conditions_of_logs_alone_are_too_many() -> None:
    logs = [maybe(flag, {"LogDriver": "splunk"}) for flag in FLAGS[:8]]
    apps = [
        {"Name": f"app{n}", "Image": "nginx", "EntryPoint": ["/app"], "LogConfiguration": one}
        for n, one in enumerate(logs)
    ]
    apps[0]["Cpu"] = maybe("K9", 2048, 128)
    with pytest.raises(TaskDefinitionError, match="the containers take 2048 CPU units"):
        instrument_template(template(*apps, Cpu="256", Memory="512"), SETTINGS)

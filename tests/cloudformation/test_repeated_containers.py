"""Containers that stand in several task definitions are looked at once, and nobody can tell."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fargate_guard.cloudformation import instrument_template, restore_template
from fargate_guard.taskdef import Instrumented, Settings, TaskDefinitionError
from tests.cloudformation.generated_templates import templates
from tests.cloudformation.test_template_properties import GIVEN, IMAGES, SETTINGS

ORCHESTRATOR = SETTINGS[0]
ROUTER = {
    "Name": "router",
    "Image": {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/router:1"},
    "EntryPoint": ["/router"],
    "Environment": [{"Name": "STAGE", "Value": {"Ref": "AWS::StackName"}}],
}


def template_with(*task_definitions: dict[str, Any]) -> dict[str, Any]:
    """Task definitions with containers of their own objects, as a file has them."""
    return {
        "Resources": {
            f"Task{number}": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {
                    "RequiresCompatibilities": ["FARGATE"],
                    "NetworkMode": "awsvpc",
                    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/execution",
                    **deepcopy(properties),
                },
            }
            for number, properties in enumerate(task_definitions)
        }
    }


def app(name: Any, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Image": "nginx:1.27", "EntryPoint": ["/docker-entrypoint.sh"], **more}


def told(result: Instrumented, logical_id: str) -> list[str]:
    """What is said of one task definition, without its own path."""
    mine = f"$.Resources.{logical_id}."
    return sorted(
        f"{one.where.removeprefix(mine)}: {one.message}" for one in result.warnings if one.where.startswith(mine)
    )


quick = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))


def comes_out_alike_each_time(template: dict[str, Any], how: Settings) -> None:
    (logical_id,) = [name for name, one in template["Resources"].items() if one["Type"].endswith("TaskDefinition")]
    try:
        alone = instrument_template(template, how, IMAGES, GIVEN)
    except TaskDefinitionError:
        assume(False)
    resource = template["Resources"][logical_id]
    several = {**template, "Resources": {**template["Resources"], "Again": deepcopy(resource), "Last": resource}}
    before = json.dumps(several)
    result = instrument_template(several, how, IMAGES, GIVEN)
    expected = json.dumps(alone.definition["Resources"][logical_id])
    for name in (logical_id, "Again", "Last"):
        assert json.dumps(result.definition["Resources"][name]) == expected
        assert told(result, name) == told(alone, logical_id)
    assert json.dumps(several) == before
    restored = restore_template(result.definition, GIVEN).definition["Resources"]
    assert json.dumps(restored["Again"]) == json.dumps(restored["Last"]) == json.dumps(restored[logical_id])


@quick
@given(templates, st.sampled_from(SETTINGS))
def test_a_task_definition_comes_out_alike_however_often_it_is_there(template: Any, how: Settings) -> None:
    comes_out_alike_each_time(template, how)


@pytest.mark.long
@pytest.mark.timeout(7200)
@long
@given(templates, st.sampled_from(SETTINGS))
def test_a_task_definition_comes_out_alike_however_often_it_is_there_in_many_cases(
    template: Any, how: Settings
) -> None:
    comes_out_alike_each_time(template, how)


def test_each_of_several_alike_containers_is_warned_about() -> None:
    read_only = app("web", ReadonlyRootFilesystem=True)
    template = template_with({"ContainerDefinitions": [read_only]}, {"ContainerDefinitions": [ROUTER, read_only]})
    result = instrument_template(template, ORCHESTRATOR)
    where = [one.where for one in result.warnings if "read-only" in one.message]
    assert where == [
        "$.Resources.Task0.Properties.ContainerDefinitions[0].ReadonlyRootFilesystem",
        "$.Resources.Task1.Properties.ContainerDefinitions[1].ReadonlyRootFilesystem",
    ]


def test_a_container_may_be_left_out_in_one_task_definition_only() -> None:
    left_out = [{"Key": "kilt-ignore-containers", "Value": "router"}]
    both = {"ContainerDefinitions": [app("web"), ROUTER]}
    template = template_with(both, {**both, "Tags": left_out}, both)
    result = instrument_template(template, ORCHESTRATOR)
    assert [(one.resource, one.name) for one in result.containers if not one.instrumented] == [("Task1", "router")]
    after = [one["Properties"]["ContainerDefinitions"] for one in result.definition["Resources"].values()]
    assert after[0] == after[2]
    assert after[1][1] == ROUTER
    assert restore_template(result.definition).definition == template


def test_a_router_beside_other_containers_is_wrapped_the_same_way() -> None:
    template = template_with(
        {"ContainerDefinitions": [app("web"), ROUTER]}, {"ContainerDefinitions": [ROUTER, app("api"), app("web")]}
    )
    result = instrument_template(template, ORCHESTRATOR).definition
    first, second = (one["Properties"]["ContainerDefinitions"] for one in result["Resources"].values())
    assert first[:2] == [second[2], second[0]]
    assert second[1]["EntryPoint"][1:] == ["/docker-entrypoint.sh"]
    assert list(json.loads(second[3]["DockerLabels"]["com.fargate-guard.original"])["containers"]) == [
        *("router", "api", "web")
    ]
    assert restore_template(result).definition == template


def test_what_is_instrumented_already_and_what_is_not_do_not_mix() -> None:
    plain = {"ContainerDefinitions": [app("web"), ROUTER]}
    first = instrument_template(template_with(plain), ORCHESTRATOR).definition["Resources"]["Task0"]["Properties"]
    template = template_with(plain, first, plain)
    other = replace(ORCHESTRATOR, logging="debug")
    expected = [
        instrument_template(template_with(one), other).definition["Resources"]["Task0"] for one in (plain, first)
    ]
    result = instrument_template(template, other).definition["Resources"]
    assert list(result.values()) == [expected[0], expected[1], expected[0]]


def test_containers_that_are_too_large_together_are_refused_each_time() -> None:
    large = app("large", Environment=[{"Name": "TEXT", "Value": "x" * 40_000}])
    template = template_with(
        {"ContainerDefinitions": [large]}, {"ContainerDefinitions": [large, {**large, "Name": "other"}]}
    )
    with pytest.raises(TaskDefinitionError, match="more than the 65536 that ECS accepts") as refused:
        instrument_template(template, ORCHESTRATOR)
    assert str(refused.value.where).startswith("$.Resources.Task1.")


def test_two_of_the_same_container_in_one_task_definition_are_refused() -> None:
    template = template_with({"ContainerDefinitions": [ROUTER]}, {"ContainerDefinitions": [ROUTER, ROUTER]})
    with pytest.raises(TaskDefinitionError, match="two containers are called router"):
        instrument_template(template, ORCHESTRATOR)


def test_a_record_with_a_function_in_it_is_nobody_elses() -> None:
    plain, named = {"ContainerDefinitions": [app("web")]}, {"ContainerDefinitions": [app({"Ref": "Name"})]}
    template = {"Parameters": {"Name": {"Type": "String"}}, **template_with(plain, named, plain, named)}
    result = instrument_template(template, ORCHESTRATOR).definition
    for number, own in enumerate([plain, named, plain, named]):
        alone = {"Parameters": template["Parameters"], **template_with(own)}
        expected = instrument_template(alone, ORCHESTRATOR).definition["Resources"]["Task0"]
        assert json.dumps(result["Resources"][f"Task{number}"]) == json.dumps(expected)
    assert restore_template(result).definition == template

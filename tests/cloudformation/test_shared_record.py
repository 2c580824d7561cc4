"""The record of a resource with conditions: one label for all cases where it says the same in each."""

from __future__ import annotations

import json
from typing import Any

from fargate_guard.cloudformation import instrument_template, restore_template
from fargate_guard.taskdef import Settings, uninstrument
from fargate_guard.taskdef.record import LABEL
from tests.cloudformation.deployed import deployed

NO_VALUE = {"Ref": "AWS::NoValue"}
SETTINGS = Settings("orchestrator", "5.0.1", orchestrator_host="orchestrator.internal")
FLAGS = ("A", "B", "C")
STATES = [dict(zip(FLAGS, bits, strict=True)) for bits in ("yyy", "ynn", "nyn", "nnn")]


def container(name: Any, **fields: Any) -> dict[str, Any]:
    return {"Name": name, "Image": "nginx:1.27", "EntryPoint": ["/app"], **fields}


def template(*containers: Any) -> dict[str, Any]:
    task = {
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "ContainerDefinitions": list(containers),
    }
    return {
        "Parameters": {flag: {"Type": "String"} for flag in (*FLAGS, "Service")},
        "Conditions": {flag: {"Fn::Equals": [{"Ref": flag}, "y"]} for flag in FLAGS},
        "Resources": {"Web": {"Type": "AWS::ECS::TaskDefinition", "Properties": task}},
    }


def label(value: Any) -> Any:
    return value["Resources"]["Web"]["Properties"]["ContainerDefinitions"][-1]["DockerLabels"][LABEL]


def is_undone_wherever_it_is_deployed(value: Any, result: Any) -> None:
    assert restore_template(result).definition == value
    assert not instrument_template(result, SETTINGS).changed
    for state in STATES:
        given = {**state, "Service": "svc"}
        assert uninstrument(deployed(result, given, "Web")) == deployed(value, given, "Web")


def test_conditional_containers_share_one_plain_record() -> None:
    some = [{"Fn::If": [flag, container(flag.lower()), NO_VALUE]} for flag in FLAGS]
    value = template(container("web"), *some)
    result = instrument_template(value, SETTINGS).definition
    assert list(json.loads(label(result))["containers"]) == ["web", "a", "b", "c"]
    is_undone_wherever_it_is_deployed(value, result)


def test_names_that_are_functions_are_in_the_shared_record_too() -> None:
    value = template(container("web"), {"Fn::If": ["A", container({"Ref": "Service"}), NO_VALUE]})
    result = instrument_template(value, SETTINGS).definition
    assert list(label(result)) == ["Fn::Join"]
    is_undone_wherever_it_is_deployed(value, result)


def test_only_what_differs_is_told_apart() -> None:
    differs = container("web", Environment={"Fn::If": ["B", [], NO_VALUE]})
    value = template(differs, {"Fn::If": ["A", container("a"), NO_VALUE]})
    result = instrument_template(value, SETTINGS).definition
    condition, yes, no = label(result)["Fn::If"]
    assert condition == "B"
    assert (list(json.loads(yes)["containers"]), list(json.loads(no)["containers"])) == (
        ["web", "a"],
        ["web", "a"],
    )
    is_undone_wherever_it_is_deployed(value, result)


def test_a_container_that_is_left_out_in_one_case_is_not_in_its_record() -> None:
    labels = {"Fn::If": ["A", {"com.fargate-guard.ignore": "true"}, NO_VALUE]}
    own = {"Name": "SYSDIG_SIDECAR", "Value": "force"}
    value = template(
        container("web"),
        container("b", DockerLabels=labels, Environment={"Fn::If": ["A", [own], NO_VALUE]}),
    )
    result = instrument_template(value, SETTINGS).definition
    condition, yes, no = label(result)["Fn::If"]
    assert condition == "A"
    assert [list(json.loads(one)["containers"]) for one in (yes, no)] == [["web"], ["web", "b"]]
    is_undone_wherever_it_is_deployed(value, result)

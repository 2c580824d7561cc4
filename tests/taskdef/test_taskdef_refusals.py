"""What is refused, with the path, before anything changes."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import Settings, TaskDefinitionError, instrument

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = "$.containerDefinitions[0]"


def refused(definition: Any, settings: Settings) -> TaskDefinitionError:
    """The refusal; the input must be as it was."""
    before = copy.deepcopy(definition)
    with pytest.raises(TaskDefinitionError) as caught:
        instrument(definition, settings)
    assert definition == before
    return caught.value


TASK_LEVEL = [
    ({"requiresCompatibilities": ["EC2"]}, "$.requiresCompatibilities", "for EC2 only, not for Fargate"),
    ({"requiresCompatibilities": []}, "$.compatibilities", "for EC2 only, not for Fargate"),
    ({"networkMode": "bridge"}, "$.networkMode", "networkMode bridge is not possible on Fargate"),
    ({"pidMode": "host"}, "$.pidMode", "pidMode host is not possible on Fargate"),
    (
        {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
        "$.runtimePlatform.operatingSystemFamily",
        "Windows tasks cannot be instrumented",
    ),
    (
        {"runtimePlatform": {"cpuArchitecture": "ARM"}},
        "$.runtimePlatform.cpuArchitecture",
        "Fargate has no cpuArchitecture ARM",
    ),
]


@pytest.mark.parametrize(("fields", "where", "message"), TASK_LEVEL, ids=[str(case[0]) for case in TASK_LEVEL])
def test_tasks_that_cannot_run_instrumented_on_fargate(
    web: dict[str, Any], orchestrator: Settings, fields: dict[str, Any], where: str, message: str
) -> None:
    error = refused({**web, "compatibilities": ["EC2"], **fields}, orchestrator)
    assert message in error.message
    assert error.where == where
    assert error.exit_code == 4


@pytest.mark.parametrize("unset", [{}, {"entryPoint": None}, {"entryPoint": []}], ids=str)
def test_an_argv_that_comes_from_the_image_is_never_guessed(
    web: dict[str, Any], orchestrator: Settings, unset: dict[str, Any]
) -> None:
    web["containerDefinitions"][0].pop("entryPoint")
    web["containerDefinitions"][0] |= unset
    error = refused(web, orchestrator)
    assert error.where == f"{PATH}.entryPoint"
    assert error.message == "what container web would run is not known for certain"
    assert "as entryPoint and command" in str(error.fix)
    assert "--ignore-container web" in str(error.fix)
    assert error.exit_code == 4


def test_every_container_of_unknown_argv_is_named_at_once(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"] += [{"name": "api", "image": "api:1"}, {"name": "db", "image": "db:1"}]
    error = refused(web, orchestrator)
    assert error.message == "what containers api, db would run is not known for certain"
    assert error.where == "$.containerDefinitions[1].entryPoint, $.containerDefinitions[2].entryPoint"


WRONG_TYPES = [
    ({"command": "nginx -g x"}, f"{PATH}.command", "expected an array of strings, found a string"),
    ({"command": ["a", 1]}, f"{PATH}.command[1]", "expected a string, found a number"),
    ({"entryPoint": {"Ref": "EntryPoint"}}, f"{PATH}.entryPoint", "expected an array of strings, found an object"),
    ({"environment": {"A": "b"}}, f"{PATH}.environment", "expected an array, found an object"),
    ({"environment": ["A=b"]}, f"{PATH}.environment[0]", "expected a JSON object, found a string"),
    ({"environment": [{"value": "b"}]}, f"{PATH}.environment[0].name", "an entry has no name"),
    ({"secrets": [{"name": 1}]}, f"{PATH}.secrets[0].name", "expected a string, found a number"),
    ({"volumesFrom": "web"}, f"{PATH}.volumesFrom", "expected an array, found a string"),
    ({"linuxParameters": []}, f"{PATH}.linuxParameters", "expected a JSON object, found an array"),
    (
        {"linuxParameters": {"capabilities": {"add": "ALL"}}},
        f"{PATH}.linuxParameters.capabilities.add",
        "expected an array of strings, found a string",
    ),
    ({"name": None}, f"{PATH}.name", "a container has no name"),
    ({"image": ""}, f"{PATH}.image", "container web has no image"),
    ({"EntryPoint": ["/x"]}, PATH, "two keys that differ only in case: 'entryPoint' and 'EntryPoint'"),
]


@pytest.mark.parametrize(("fields", "where", "message"), WRONG_TYPES, ids=[str(case[0]) for case in WRONG_TYPES])
def test_containers_that_ecs_would_not_take_either(
    web_with: Callable[..., dict[str, Any]],
    orchestrator: Settings,
    fields: dict[str, Any],
    where: str,
    message: str,
) -> None:
    error = refused(web_with(**fields), orchestrator)
    assert message in error.message
    assert error.where == where


def test_two_containers_of_one_name(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"] *= 2
    assert refused(web, orchestrator).where == f"{PATH} and $.containerDefinitions[1]"


def test_a_container_of_the_users_that_has_the_sidecars_name(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"].append({"name": "SysdigInstrumentation", "image": "mine:1", "entryPoint": ["/x"]})
    error = refused(web, orchestrator)
    assert error.where == "$.containerDefinitions[1].name"
    assert "it is not Sysdig's sidecar" in error.message


OWN_VARIABLES = [
    ("environment", {"name": "SYSDIG_SIDECAR", "value": "force"}),
    ("environment", {"name": "SYSDIG_ORCHESTRATOR", "value": "another.internal"}),
    ("environment", {"name": "SYSDIG_ACCESS_KEY", "value": "plain"}),
    ("secrets", {"name": "SYSDIG_ACCESS_KEY", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/key"}),
    ("secrets", {"name": "SYSDIG_SIDECAR", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/x"}),
]


@pytest.mark.parametrize(("field", "entry"), OWN_VARIABLES, ids=[f"{c[0]}: {c[1]['name']}" for c in OWN_VARIABLES])
def test_agent_variables_that_the_user_set_otherwise(
    web_with: Callable[..., dict[str, Any]], orchestrator: Settings, field: str, entry: dict[str, str]
) -> None:
    error = refused(web_with(**{field: [{"name": "A"}, entry]}), orchestrator)
    assert error.where == f"{PATH}.{field}[1]"
    assert error.message == f"container web sets {entry['name']} itself"
    assert "plain" not in f"{error.message}{error.why}{error.fix}"


def test_a_wrapper_with_nothing_to_run(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"][0] |= {"entryPoint": ["/opt/draios/bin/instrument"], "command": []}
    assert "with nothing to run" in refused(web, orchestrator).message


def test_two_sidecars_that_a_tool_which_is_not_idempotent_left(
    kilt_web: list[Any], orchestrator: Settings
) -> None:
    error = refused([*kilt_web, copy.deepcopy(kilt_web[1])], orchestrator)
    assert error.message == "there are two Sysdig sidecars"
    assert error.where == "$[1] and $[2]"


def test_a_container_to_leave_out_that_is_not_there(web: dict[str, Any], orchestrator: Settings) -> None:
    error = refused(web, replace(orchestrator, ignore_containers=("wbe",)))
    assert error.message == "there is no container wbe to leave out"
    assert "the containers are web;" in str(error.why)
    assert "--ignore-container" in str(error.fix)
    assert error.exit_code == 4
    web["tags"] = [{"key": "kilt-ignore-containers", "value": "web:wbe"}]
    error = refused(web, orchestrator)
    assert error.where == "$.tags[0].value"
    assert "tag kilt-ignore-containers" in str(error.fix)

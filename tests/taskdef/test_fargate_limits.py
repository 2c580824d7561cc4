"""Numbers that are none, and privileges that Fargate does not give, are refused before ECS does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import SettingsError, TaskDefinitionError, instrument

if TYPE_CHECKING:
    from fargate_guard.taskdef import Settings

WEB = {"name": "web", "image": "web:1", "entryPoint": ["/web"]}


def definition(**fields: Any) -> dict[str, Any]:
    return {"family": "web", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", **fields}


@pytest.mark.parametrize("value", ["-5", -5, True, [1], "a lot"])
@pytest.mark.parametrize("field", ["cpu", "memory"])
def test_the_size_of_a_task_is_a_size(orchestrator: Settings, field: str, value: object) -> None:
    with pytest.raises(TaskDefinitionError, match=f"{field} is ") as raised:
        instrument(definition(**{field: value}, containerDefinitions=[WEB]), orchestrator)
    assert raised.value.where == f"$.{field}"


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"cpu": "abc"}, "cpu"),
        ({"cpu": True}, "cpu"),
        ({"memory": -1}, "memory"),
        ({"memory": 5}, "memory"),
        ({"memoryReservation": "4"}, "memoryReservation"),
        ({"privileged": True}, "privileged"),
        ({"linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}}, "linuxParameters.capabilities.add"),
    ],
)
def test_what_fargate_does_not_give_to_a_container(
    orchestrator: Settings, fields: dict[str, Any], where: str
) -> None:
    with pytest.raises(TaskDefinitionError) as raised:
        instrument(definition(containerDefinitions=[{**WEB, **fields}]), orchestrator)
    assert raised.value.where == f"$.containerDefinitions[0].{where}"
    assert raised.value.fix


def test_a_task_without_a_size_is_warned_about(orchestrator: Settings) -> None:
    task = definition(containerDefinitions=[WEB])
    told = {notice.where for notice in instrument(task, orchestrator).warnings}
    assert {"$.cpu", "$.memory"} <= told
    sized = instrument({**task, "cpu": "256", "memory": "512"}, orchestrator)
    assert not {"$.cpu", "$.memory"} & {notice.where for notice in sized.warnings}


def test_a_task_has_an_essential_container(orchestrator: Settings) -> None:
    task = definition(containerDefinitions=[{**WEB, "essential": False}])
    with pytest.raises(TaskDefinitionError, match="no container is essential"):
        instrument(task, orchestrator)
    task["containerDefinitions"].append({**WEB, "name": "api"})
    assert instrument(task, orchestrator).changed


@pytest.mark.parametrize(
    "fields",
    [
        {"cpu": 0, "memory": 6, "privileged": False},
        {"cpu": None, "memoryReservation": "64", "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}}},
    ],
)
def test_what_fargate_gives(orchestrator: Settings, fields: dict[str, Any]) -> None:
    task = definition(cpu=".5 vCPU", memory="1 GB", containerDefinitions=[{**WEB, **fields}])
    assert instrument(task, orchestrator).changed


@pytest.mark.parametrize(
    "fields",
    [{"sidecar_memory": 2}, {"sidecar_memory": 128, "sidecar_memory_reservation": 256}, {"access_key_arn": "k"}],
)
def test_settings_that_no_task_could_start_with(orchestrator: Settings, fields: dict[str, Any]) -> None:
    from dataclasses import replace

    with pytest.raises(SettingsError):
        replace(orchestrator, **fields)

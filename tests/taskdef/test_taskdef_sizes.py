"""The containers and the sidecar fit into the task, or nothing is changed."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from fargate_guard.taskdef import Settings, TaskDefinitionError, instrument


def refused(definition: Any, settings: Settings) -> TaskDefinitionError:
    """The refusal; the input must be as it was."""
    before = copy.deepcopy(definition)
    with pytest.raises(TaskDefinitionError) as caught:
        instrument(definition, settings)
    assert definition == before
    assert caught.value.exit_code == 4
    return caught.value


SIZES = [
    ("cpu", "512", 512),
    ("cpu", 512, 512),
    ("cpu", "0.5 vCPU", 512),
    ("cpu", ".5 vcpu", 512),
    ("cpu", "1vCPU", 1024),
    ("memory", "512", 512),
    ("memory", "1GB", 1024),
    ("memory", "1 GB", 1024),
    ("memory", "0.5 gb", 512),
]


@pytest.mark.parametrize(("field", "size", "amount"), SIZES, ids=[f"{c[0]}={c[1]!r}" for c in SIZES])
def test_containers_and_sidecar_that_do_not_fit_are_refused_with_the_numbers(
    web: dict[str, Any], orchestrator: Settings, field: str, size: Any, amount: int
) -> None:
    web[field] = size
    web["containerDefinitions"][0][field] = amount - 64
    fits = replace(orchestrator, sidecar_cpu=64, sidecar_memory=64)
    assert instrument(web, fits).changed
    too_much = replace(fits, sidecar_cpu=65) if field == "cpu" else replace(fits, sidecar_memory=65)
    error = refused(web, too_much)
    assert f"take {amount + 1} " in error.message
    assert f"(web {amount - 64} + SysdigInstrumentation 65), but the task has {amount}" in error.message
    assert error.where == f"$.{field}"
    assert f"--sidecar-{field}, or agent.sidecar.{field} in fguard.yaml" in str(error.fix)
    assert f"`{field}` of at least {amount + 1}" in str(error.fix)


def test_a_soft_limit_is_what_a_container_reserves(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"][0] |= {"memory": 512, "memoryReservation": 384}
    settings = replace(orchestrator, sidecar_memory=256, sidecar_memory_reservation=128)
    assert instrument(web, settings).changed
    error = refused(web, replace(settings, sidecar_memory_reservation=129))
    assert "513 MiB of memory" in error.message
    assert "--sidecar-memory-reservation" in str(error.fix)


def test_a_single_container_that_is_larger_than_its_task(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"][0] |= {"memory": 1024, "memoryReservation": 128}
    error = refused(web, orchestrator)
    assert error.message == "container web has 1024 MiB of memory, but its task 512"
    assert error.where == "$.containerDefinitions[0].memory"
    assert "sidecar" not in str(error.fix)


def test_sizes_are_compared_in_described_and_pascal_case_definitions_too(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    web["Cpu"] = web.pop("cpu")
    web["containerDefinitions"][0]["Cpu"] = 256
    error = refused({"taskDefinition": web}, replace(orchestrator, sidecar_cpu=1))
    assert error.where == "$.taskDefinition.Cpu"


@pytest.mark.parametrize("size", [None, "", "large", [], "${cpu}"], ids=str)
def test_a_size_that_is_not_known_is_left_to_ecs(web: dict[str, Any], orchestrator: Settings, size: Any) -> None:
    web["cpu"] = size
    web["containerDefinitions"][0]["cpu"] = 4096
    assert instrument(web, replace(orchestrator, sidecar_cpu=64)).changed
    assert instrument(web["containerDefinitions"], replace(orchestrator, sidecar_cpu=64)).changed

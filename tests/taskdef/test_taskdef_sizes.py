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


SIZES: list[tuple[str, Any, int]] = [
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
    web |= {"cpu": 256, "memory": 2048 if field == "cpu" else 512}
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


NEXT_SIZES = [
    # the task has, the containers take, the next size, USD a month on x86 and on ARM
    ((256, 512), (256, 513), (256, 1024), "10.63", "8.51"),
    ((256, 512), (257, 64), (512, 1024), "18.02", "14.42"),
    ((256, 2048), (257, 64), (512, 2048), "21.26", "17.02"),
    ((512, 4096), (64, 4097), (1024, 5120), "45.77", "36.63"),
    ((1024, 2048), (1025, 2049), (2048, 4096), "72.08", "57.67"),
    ((4096, 30720), (64, 30721), (8192, 32768), "340.24", "272.26"),
    ((8192, 16384), (64, 16385), (8192, 20480), "301.30", "241.08"),
    ((8192, 61440), (64, 61441), (16384, 65536), "680.48", "544.52"),
    ((16384, 32768), (64, 32769), (16384, 40960), "602.60", "482.15"),
    ((16384, 122880), (16385, 64), (32768, 122880), "1334.99", "1068.25"),
    ((32768, 122880), (64, 122881), (32768, 249856), "1737.36", "1390.50"),
]


@pytest.mark.parametrize("architecture", [None, "X86_64", "ARM64"])
@pytest.mark.parametrize(("has", "takes", "fits", "x86", "arm"), NEXT_SIZES, ids=str)
def test_the_next_fargate_size_is_named_with_its_price(
    web: dict[str, Any],
    orchestrator: Settings,
    has: tuple[int, int],
    takes: tuple[int, int],
    fits: tuple[int, int],
    x86: str,
    arm: str,
    *,
    architecture: str | None,
) -> None:
    web |= {"cpu": str(has[0]), "memory": str(has[1]), "runtimePlatform": {"cpuArchitecture": architecture}}
    web["containerDefinitions"][0] |= {"cpu": takes[0], "memoryReservation": takes[1]}
    fix = str(refused(web, orchestrator).fix)
    assert fix.startswith(f"give the task cpu {fits[0]}, memory {fits[1]}, about ")
    assert f"about {arm if architecture == 'ARM64' else x86} USD a month instead of " in fix
    assert f"for Linux on {'ARM' if architecture == 'ARM64' else 'x86'} in us-east-1" in fix
    assert "list price of June 2026" in fix
    assert "varies by Region" in fix
    web |= {"cpu": str(fits[0]), "memory": str(fits[1])}
    assert instrument(web, orchestrator).changed, "it does fit then"


def test_more_than_fargate_has(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"][0]["cpu"] = 32769
    assert str(refused(web, orchestrator).fix) == (
        "divide the work between several tasks, since Fargate has no size as large; or give its containers less"
    )


PAIRS = [
    ("256", "4096", "with cpu 256 it has memory 512, 1024, 2048", "cpu 512, memory 4096 is"),
    ("1 vCPU", "1GB", "with cpu 1024 it has memory 2048 to 8192 in steps of 1024", "cpu 1024, memory 2048 is"),
    ("8192", "17408", "in steps of 4096", "cpu 8192, memory 20480 is"),
    ("300", "512", "it has no cpu 300", "cpu 512, memory 1024 is"),
    ("32768", "65536", "with cpu 32768 it has memory 61440, 122880, 249856", "cpu 32768, memory 122880 is"),
    ("65536", "122880", "it has no cpu 65536", "divide the work"),
]


@pytest.mark.parametrize(("cpu", "memory", "why", "fix"), PAIRS, ids=[f"{c[0]} and {c[1]}" for c in PAIRS])
def test_a_pair_that_fargate_does_not_have(
    web: dict[str, Any], orchestrator: Settings, cpu: str, memory: str, why: str, fix: str
) -> None:
    web |= {"cpu": cpu, "memory": memory}
    error = refused(web, orchestrator)
    assert error.message.startswith("Fargate has no tasks with cpu ")
    assert error.where == "$.cpu and $.memory"
    assert why in str(error.why)
    assert str(error.fix).startswith(fix)


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


@pytest.mark.parametrize("size", [None, "", "${cpu}"], ids=str)
def test_a_size_that_is_not_known_is_left_to_ecs(web: dict[str, Any], orchestrator: Settings, size: Any) -> None:
    web["cpu"] = size
    web["containerDefinitions"][0]["cpu"] = 4096
    assert instrument(web, replace(orchestrator, sidecar_cpu=64)).changed
    assert instrument(web["containerDefinitions"], replace(orchestrator, sidecar_cpu=64)).changed

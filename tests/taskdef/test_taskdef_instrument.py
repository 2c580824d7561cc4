"""What instrumentation does to a task definition."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import Settings, TaskDefinitionError, instrument, is_instrumented, uninstrument

if TYPE_CHECKING:
    from collections.abc import Callable

    WebWith = Callable[..., dict[str, Any]]

ROLE = "arn:aws:iam::123456789012:role/execution"


def container(definition: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """One container definition."""
    found: dict[str, Any] = definition["containerDefinitions"][index]
    return found


def test_an_instrumented_task_definition_in_full(web: dict[str, Any], orchestrator: Settings) -> None:
    result = instrument(web, orchestrator)
    label = result.definition["containerDefinitions"][1].pop("dockerLabels")
    assert result.definition == {
        "family": "web",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": ROLE,
        "containerDefinitions": [
            {
                "name": "web",
                "image": "nginx:1.27",
                "entryPoint": ["/opt/draios/bin/instrument", "/docker-entrypoint.sh"],
                "command": ["nginx", "-g", "daemon off;"],
                "essential": True,
                "environment": [{"name": "SYSDIG_SIDECAR", "value": "auto"}],
                "volumesFrom": [{"sourceContainer": "SysdigInstrumentation", "readOnly": True}],
                "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}},
            },
            {
                "name": "SysdigInstrumentation",
                "image": "quay.io/sysdig/workload-agent:5.0.1",
                "essential": False,
                "environment": [
                    {"name": "SYSDIG_ORCHESTRATOR", "value": "orchestrator.internal"},
                    {"name": "SYSDIG_ORCHESTRATOR_PORT", "value": "6667"},
                    {"name": "SYSDIG_SIDECAR", "value": "auto"},
                    {"name": "SYSDIG_PRIORITY", "value": "availability"},
                ],
            },
        ],
        "pidMode": "task",
    }
    assert list(label) == ["com.fargate-guard.original"]
    assert result.changed
    assert result.warnings == ()
    assert [(o.name, o.path, o.instrumented) for o in result.containers] == [
        ("web", "$.containerDefinitions[0]", True)
    ]


def test_an_unset_command_stays_unset_because_entry_point_alone_is_the_argv(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    del container(web)["command"]
    assert "command" not in container(instrument(web, orchestrator).definition)


def test_the_input_is_left_as_it_was(web: dict[str, Any], orchestrator: Settings) -> None:
    before = copy.deepcopy(web)
    result = instrument(web, orchestrator)
    result.definition["containerDefinitions"][0]["command"].append("changed later")
    assert web == before


def test_what_is_there_already_is_kept_and_not_doubled(web_with: WebWith, orchestrator: Settings) -> None:
    web = web_with(
        environment=[{"name": "PATH", "value": "/bin"}, {"name": "SYSDIG_SIDECAR", "value": "auto"}],
        linuxParameters={"initProcessEnabled": True, "capabilities": {"add": ["SYS_PTRACE"], "drop": ["NET_RAW"]}},
        volumesFrom=[{"sourceContainer": "data", "readOnly": True}],
    )
    result = container(instrument(web, orchestrator).definition)
    assert result["environment"] == [
        {"name": "PATH", "value": "/bin"},
        {"name": "SYSDIG_SIDECAR", "value": "auto"},
    ]
    assert result["linuxParameters"] == {
        "initProcessEnabled": True,
        "capabilities": {"add": ["SYS_PTRACE"], "drop": ["NET_RAW"]},
    }
    assert [volume["sourceContainer"] for volume in result["volumesFrom"]] == ["data", "SysdigInstrumentation"]


def test_instrumenting_twice_changes_nothing(web: dict[str, Any], orchestrator: Settings) -> None:
    once = instrument(web, orchestrator)
    twice = instrument(once.definition, orchestrator)
    assert not twice.changed
    assert json.dumps(twice.definition) == json.dumps(once.definition)
    assert [outcome.reason for outcome in twice.containers] == ["was instrumented before"]


def test_a_newer_agent_changes_just_the_image_and_undo_still_gives_the_first_original(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    old = instrument(web, orchestrator).definition
    new = instrument(old, replace(orchestrator, agent_version="5.0.2"))
    assert new.changed
    expected = json.dumps(old).replace("workload-agent:5.0.1", "workload-agent:5.0.2")
    assert json.dumps(new.definition) == expected
    assert uninstrument(new.definition) == web


def test_another_topology_moves_the_variables(
    web: dict[str, Any], orchestrator: Settings, direct: Settings
) -> None:
    moved = instrument(instrument(web, orchestrator).definition, direct).definition
    assert moved == instrument(web, direct).definition
    assert "SYSDIG_ORCHESTRATOR" not in json.dumps(container(moved, 1)["environment"])


def test_a_downgrade_below_5_takes_pid_mode_back(web: dict[str, Any], orchestrator: Settings) -> None:
    instrumented = instrument(web, orchestrator).definition
    assert "pidMode" not in instrument(instrumented, replace(orchestrator, agent_version="4.3.2")).definition


def test_priority_security_makes_the_sidecar_essential(web: dict[str, Any], orchestrator: Settings) -> None:
    sidecar = container(instrument(web, replace(orchestrator, priority="security")).definition, 1)
    assert sidecar["essential"] is True
    assert {"name": "SYSDIG_PRIORITY", "value": "security"} in sidecar["environment"]
    relaxed = replace(orchestrator, priority="security", sidecar_essential=False)
    assert container(instrument(web, relaxed).definition, 1)["essential"] is False


def test_sidecar_limits_logs_and_registry_credentials(web: dict[str, Any], orchestrator: Settings) -> None:
    secret = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:registry"
    router = {"name": "router", "image": "fluent-bit:3", "firelensConfiguration": {"type": "fluentbit"}}
    web["containerDefinitions"].append(router)
    firelens = {"logDriver": "awsfirelens", "options": {"Name": "cloudwatch", "log_group_name": "agent"}}
    settings = replace(
        orchestrator,
        sidecar_cpu=128,
        sidecar_memory=512,
        sidecar_memory_reservation=256,
        log_configuration=firelens,
        ignore_containers=("router",),
        repository_credentials_arn=secret,
        agent_image="mirror.example.com:5000/sysdig/agent@sha256:" + "0" * 64,
    )
    sidecar = container(instrument(web, settings).definition, 2)
    assert (sidecar["cpu"], sidecar["memory"], sidecar["memoryReservation"]) == (128, 512, 256)
    assert sidecar["logConfiguration"] == firelens
    assert sidecar["logConfiguration"] is not firelens, "results and settings share nothing"
    assert sidecar["repositoryCredentials"] == {"credentialsParameter": secret}
    assert sidecar["image"].startswith("mirror.example.com:5000/")
    plain = replace(orchestrator, ignore_containers=("router",))
    assert "cpu" not in container(instrument(instrument(web, settings).definition, plain).definition, 2)


def test_containers_that_are_left_out_are_named_with_the_reason(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    web["containerDefinitions"].append({"name": "log_router", "image": "fluent-bit:3"})
    result = instrument(web, replace(orchestrator, ignore_containers=("log_router",)))
    assert [(o.name, o.instrumented, o.reason) for o in result.containers] == [
        ("web", True, "instrumented"),
        ("log_router", False, "left out as asked"),
    ]
    assert container(result.definition, 1) == {"name": "log_router", "image": "fluent-bit:3"}


def test_leaving_out_a_container_later_takes_its_instrumentation_back(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    instrumented = instrument(web, orchestrator).definition
    result = instrument(instrumented, replace(orchestrator, ignore_containers=("web",)))
    assert result.definition == web
    assert not result.containers[0].instrumented


def test_the_output_of_describe_task_definition_keeps_its_shape(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    described = {
        "taskDefinition": {"taskDefinitionArn": "arn:…:web:7", **web, "revision": 7},
        "tags": [{"key": "a"}],
    }
    result = instrument(described, orchestrator).definition
    assert list(result) == ["taskDefinition", "tags"]
    assert result["taskDefinition"]["pidMode"] == "task"
    assert result["taskDefinition"]["revision"] == 7
    assert uninstrument(result) == described


def test_what_ecs_adds_when_it_describes_a_definition_is_no_change(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    options = {"awslogs-group": "agent", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "agent"}
    logs = {"logDriver": "awslogs", "options": options}
    settings = replace(orchestrator, log_configuration=logs)
    described = instrument(web, settings).definition
    for one in described["containerDefinitions"]:
        for field in ("environment", "mountPoints", "volumesFrom", "systemControls", "portMappings"):
            one.setdefault(field, [])
        one.setdefault("cpu", 0)
    container(described, 1)["logConfiguration"]["secretOptions"] = []
    container(described, 1)["environment"].reverse()
    assert not instrument({"taskDefinition": described}, settings).changed


def test_an_array_keeps_its_shape_and_names_the_pid_mode_that_it_cannot_carry(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    result = instrument(web["containerDefinitions"], orchestrator)
    assert [one["name"] for one in result.definition] == ["web", "SysdigInstrumentation"]
    assert 'pid_mode = "task"' in result.warnings[0].message
    assert instrument(web["containerDefinitions"], replace(orchestrator, agent_version="4.3.2")).warnings == ()


def test_what_a_user_adds_to_the_sidecar_survives_an_update(web: dict[str, Any], orchestrator: Settings) -> None:
    edited = instrument(web, orchestrator).definition
    container(edited, 1)["healthCheck"] = {"command": ["CMD", "true"]}
    container(edited, 1)["environment"].append({"name": "SYSDIG_EXTRA_CONF", "value": "tags: team:payments"})
    container(edited, 1)["dockerLabels"]["team"] = "payments"
    sidecar = container(instrument(edited, replace(orchestrator, agent_version="5.0.2")).definition, 1)
    assert sidecar["healthCheck"] == {"command": ["CMD", "true"]}
    assert {"name": "SYSDIG_EXTRA_CONF", "value": "tags: team:payments"} in sidecar["environment"]
    assert sidecar["dockerLabels"]["team"] == "payments"
    assert sidecar["image"].endswith(":5.0.2")


def test_extra_configuration_goes_where_the_agent_runs_and_comes_off_again(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    extra = {"name": "SYSDIG_EXTRA_CONF", "value": "tags: team:payments"}
    for version, has, has_not in (("5.0.1", 1, 0), ("4.3.2", 0, 1)):
        plain = replace(orchestrator, agent_version=version)
        result = instrument(web, replace(plain, extra_conf="tags: team:payments")).definition
        assert extra in container(result, has)["environment"]
        assert extra not in container(result, has_not).get("environment", [])
        assert uninstrument(result) == web
        assert instrument(result, plain).definition == instrument(web, plain).definition


def test_a_container_that_is_added_later_is_instrumented_too(web: dict[str, Any], orchestrator: Settings) -> None:
    edited = instrument(web, orchestrator).definition
    edited["containerDefinitions"].append({"name": "api", "image": "api:1", "entryPoint": ["/api"]})
    result = instrument(edited, orchestrator)
    assert [outcome.reason for outcome in result.containers] == ["was instrumented before", "instrumented"]
    web["containerDefinitions"].append({"name": "api", "image": "api:1", "entryPoint": ["/api"]})
    assert uninstrument(result.definition) == web


def test_is_instrumented(web: dict[str, Any], orchestrator: Settings) -> None:
    assert not is_instrumented(web)
    assert is_instrumented(instrument(web, orchestrator).definition)
    with pytest.raises(TaskDefinitionError):
        is_instrumented({})


def test_warnings_name_what_may_keep_the_task_from_starting(web_with: WebWith, orchestrator: Settings) -> None:
    web = web_with(
        readonlyRootFilesystem=True,
        linuxParameters={"capabilities": {"drop": ["SYS_PTRACE"]}},
    )
    web["runtimePlatform"] = {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    del web["networkMode"]
    found = {warning.where: warning.message for warning in instrument(web, orchestrator).warnings}
    path = "$.containerDefinitions[0]"
    assert set(found) == {
        "$.networkMode",
        "$.runtimePlatform.cpuArchitecture",
        f"{path}.linuxParameters.capabilities.drop",
        f"{path}.readonlyRootFilesystem",
    }
    assert "ARM64" in found["$.runtimePlatform.cpuArchitecture"]


def test_a_definition_without_compatibilities_is_accepted_with_a_warning(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    del web["requiresCompatibilities"]
    assert [warning.where for warning in instrument(web, orchestrator).warnings] == ["$.requiresCompatibilities"]
    web["compatibilities"] = ["EC2", "FARGATE"]
    assert instrument(web, orchestrator).warnings == ()

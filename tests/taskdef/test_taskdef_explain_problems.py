"""What is wrong with an instrumented task definition is found, each thing once."""

from __future__ import annotations

from typing import Any

import pytest

from fargate_guard.taskdef import Settings, explain, instrument

INSTRUMENT = "/opt/draios/bin/instrument"
WEB, SIDECAR = "$.containerDefinitions[0]", "$.containerDefinitions[1]"

Change = Any


def problems(definition: Any) -> list[tuple[str, str, str]]:
    return [(str(one.severity), one.where, one.message) for one in explain(definition).problems]


CHANGES: list[tuple[str, Change, str, str, str]] = [
    (
        "no volume",
        lambda _task, web, _sidecar: web.pop("volumesFrom"),
        "error",
        WEB,
        "lacks volumesFrom SysdigInstrumentation: /opt/draios/bin/instrument comes from there, so it cannot start",
    ),
    (
        "no capability",
        lambda _task, web, _sidecar: web.pop("linuxParameters"),
        "error",
        WEB,
        "lacks the capability SYS_PTRACE: the agent cannot see what it does",
    ),
    (
        "no variable",
        lambda _task, web, _sidecar: web.pop("environment"),
        "warning",
        WEB,
        "lacks the variable SYSDIG_SIDECAR",
    ),
    (
        "the typing error of the instructions",
        lambda _task, web, _sidecar: web["environment"].append({"name": "SYSDIG_SIDCAR", "value": "auto"}),
        "warning",
        f"{WEB}.environment[1]",
        "the agent does not know SYSDIG_SIDCAR; did you mean SYSDIG_SIDECAR?",
    ),
    (
        "wrapped twice",
        lambda _task, web, _sidecar: web["command"].insert(0, INSTRUMENT),
        "error",
        f"{WEB}.entryPoint",
        "web is wrapped 2 times",
    ),
    (
        "nothing to run",
        lambda _task, web, _sidecar: web.update(entryPoint=[INSTRUMENT], command=[]),
        "error",
        f"{WEB}.entryPoint",
        "web starts the agent's wrapper with nothing to run",
    ),
    (
        "capability twice",
        lambda _task, web, _sidecar: web["linuxParameters"]["capabilities"]["add"].append("SYS_PTRACE"),
        "warning",
        f"{WEB}.linuxParameters",
        "web adds SYS_PTRACE more than once",
    ),
    (
        "volume twice",
        lambda _task, web, _sidecar: web["volumesFrom"].append(dict(web["volumesFrom"][0])),
        "warning",
        f"{WEB}.volumesFrom",
        "web mounts SysdigInstrumentation more than once",
    ),
    (
        "read-only",
        lambda _task, web, _sidecar: web.update(readonlyRootFilesystem=True),
        "warning",
        f"{WEB}.readonlyRootFilesystem",
        "the root file system of web is read-only",
    ),
    (
        "the key in plain text",
        lambda _task, web, _sidecar: web["environment"].append({"name": "SYSDIG_ACCESS_KEY", "value": "k"}),
        "error",
        f"{WEB}.environment[1]",
        "SYSDIG_ACCESS_KEY in PLAIN TEXT",
    ),
    (
        "no pidMode",
        lambda task, _web, _sidecar: task.pop("pidMode"),
        "error",
        "$.pidMode",
        "agent 6.2.1 needs pidMode task",
    ),
    (
        "no address",
        lambda _task, _web, sidecar: sidecar.pop("environment"),
        "error",
        SIDECAR,
        "no orchestrator and no collector is set for the agent",
    ),
    (
        "no key",
        lambda _task, _web, sidecar: sidecar.pop("secrets"),
        "error",
        SIDECAR,
        "the agent has no access key",
    ),
    (
        "a digest",
        lambda _task, _web, sidecar: sidecar.update(image="quay.io/sysdig/workload-agent@sha256:" + "0" * 64),
        "info",
        f"{SIDECAR}.image",
        "does not say the agent's version",
    ),
    (
        "latest",
        lambda _task, _web, sidecar: sidecar.update(image="quay.io/sysdig/workload-agent:latest"),
        "warning",
        f"{SIDECAR}.image",
        "does not say the agent's version",
    ),
    (
        "an unknown agent",
        lambda _task, _web, sidecar: sidecar.update(image="quay.io/sysdig/workload-agent:99.0.0"),
        "error",
        f"{SIDECAR}.image",
        "fguard does not know agent 99.0.0 at all",
    ),
    (
        "an instrumented sidecar",
        lambda _task, _web, sidecar: sidecar.update(entryPoint=[INSTRUMENT, "/x"]),
        "error",
        f"{SIDECAR}.entryPoint",
        "the agent's own container is instrumented",
    ),
    (
        "a cycle",
        lambda _task, _web, sidecar: sidecar.update(dependsOn=[{"containerName": "web", "condition": "START"}]),
        "error",
        f"{WEB}.volumesFrom[0], {SIDECAR}.dependsOn[0]",
        "containers wait for each other: web -> SysdigInstrumentation -> web",
    ),
    (
        "the agent's port",
        lambda _task, web, _sidecar: web.update(portMappings=[{"containerPort": 32000}]),
        "error",
        f"{WEB}.portMappings[0].containerPort",
        "container web uses port 32000",
    ),
    (
        "too large",
        lambda _task, web, _sidecar: web.update(cpu=512),
        "error",
        "$.cpu",
        "the containers take 512 CPU units",
    ),
    (
        "a secret twice",
        lambda _task, _web, sidecar: sidecar["secrets"].append(dict(sidecar["secrets"][0])),
        "error",
        f"{SIDECAR}.secrets[1]",
        "SYSDIG_ACCESS_KEY twice in secrets",
    ),
    (
        "EC2 only",
        lambda task, _web, _sidecar: task.update(requiresCompatibilities=["EC2"]),
        "error",
        "$.requiresCompatibilities",
        "for EC2 only, not for Fargate",
    ),
    (
        "a network of EC2",
        lambda task, _web, _sidecar: task.update(networkMode="bridge"),
        "error",
        "$.networkMode",
        "networkMode bridge is not possible on Fargate",
    ),
    (
        "Windows",
        lambda task, _web, _sidecar: task.update(
            runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}
        ),
        "error",
        "$.runtimePlatform.operatingSystemFamily",
        "Windows tasks cannot be instrumented",
    ),
    (
        "an architecture that Fargate has not",
        lambda task, _web, _sidecar: task.update(runtimePlatform={"cpuArchitecture": "ARM"}),
        "error",
        "$.runtimePlatform.cpuArchitecture",
        "Fargate has no cpuArchitecture ARM",
    ),
    (
        "an architecture that Sysdig does not document",
        lambda task, _web, _sidecar: task.update(runtimePlatform={"cpuArchitecture": "ARM64"}),
        "warning",
        "$.runtimePlatform.cpuArchitecture",
        "Sysdig documents agent 6.2.1 for X86_64 only",
    ),
    (
        "the pidMode of EC2",
        lambda task, _web, _sidecar: task.update(pidMode="host"),
        "error",
        "$.pidMode",
        "pidMode host is not possible on Fargate",
    ),
    (
        "no role for the sidecar's secret",
        lambda task, _web, _sidecar: task.pop("executionRoleArn"),
        "error",
        "$.executionRoleArn",
        "private images for container SysdigInstrumentation before the task starts",
    ),
    (
        "no size",
        lambda task, _web, _sidecar: task.pop("cpu"),
        "warning",
        "$.cpu",
        "missing; Fargate needs the size of the task",
    ),
    (
        "a volume of nobody",
        lambda _task, web, _sidecar: web["volumesFrom"].append({"sourceContainer": "gone"}),
        "warning",
        f"{WEB}.volumesFrom[1].sourceContainer",
        "container web takes volumes from gone, which is not there",
    ),
    (
        "a malformed tag",
        lambda task, _web, _sidecar: task.update(tags="web"),
        "error",
        "$.tags",
        "expected an array, found a string",
    ),
]


@pytest.mark.parametrize(
    ("change", "severity", "where", "message"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES]
)
def test_each_problem_is_found_once(
    web: dict[str, Any], direct: Settings, change: Any, severity: str, where: str, message: str
) -> None:
    definition = instrument(web, direct).definition
    assert problems(definition) == []
    change(definition, *definition["containerDefinitions"])
    ((found_severity, found_where, found_message),) = problems(definition)
    assert (found_severity, found_where) == (severity, where)
    assert message in found_message


@pytest.mark.parametrize(
    "fields",
    [
        {"image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1"},
        {"logConfiguration": {"logDriver": "awslogs"}},
        {"secrets": [{"name": "TOKEN", "valueFrom": "arn"}]},
    ],
    ids=str,
)
def test_a_role_that_a_workload_container_needs(
    web: dict[str, Any], orchestrator: Settings, fields: dict[str, Any]
) -> None:
    definition = instrument(web, orchestrator).definition
    del definition["executionRoleArn"]
    assert problems(definition) == []
    definition["containerDefinitions"][0] |= fields
    ((severity, where, message),) = problems(definition)
    assert (severity, where) == ("error", "$.executionRoleArn")
    assert "private images for container web before the task starts" in message


def test_what_is_not_instrumented_need_not_be_for_fargate(web: dict[str, Any]) -> None:
    web |= {"requiresCompatibilities": ["EC2"], "networkMode": "bridge"}
    assert problems(web) == []


def test_a_sidecar_that_is_gone(web: dict[str, Any], direct: Settings) -> None:
    definition = instrument(web, direct).definition
    del definition["containerDefinitions"][1]
    told = explain(definition)
    assert told.agent is None
    assert told.containers[0].missing == ("the agent's container",)
    ((severity, where, message),) = problems(definition)
    assert (severity, where) == ("error", WEB)
    assert "so it cannot start" in message


def test_a_sidecar_that_nobody_uses(web: dict[str, Any], direct: Settings) -> None:
    definition = instrument(web, direct).definition
    definition["containerDefinitions"][0] = {"name": "web", "image": "web:1", "entryPoint": ["/web"]}
    assert problems(definition) == [
        ("warning", SIDECAR, "nothing starts with the agent's wrapper, so the agent sees nothing")
    ]


def test_an_orchestrator_for_an_agent_that_knows_none(web: dict[str, Any], orchestrator: Settings) -> None:
    definition = instrument(web, orchestrator).definition
    definition["containerDefinitions"][1]["image"] = "quay.io/sysdig/workload-agent:6.2.1"
    ((severity, where, message),) = problems(definition)
    assert (severity, where) == ("error", f"{SIDECAR}.image")
    assert message == "fguard does not know agent 6.2.1 with an orchestrator"


def test_what_two_runs_of_sysdigs_tool_leave(kilt_web: list[Any]) -> None:
    web, sidecar = kilt_web
    again = {**sidecar, "EntryPoint": [INSTRUMENT], "Command": ["/opt/draios/bin/logwriter"]}
    web["Command"].insert(0, INSTRUMENT)
    found = problems([web, again, sidecar])
    messages = [message for _, _, message in found]
    assert any("there are two Sysdig sidecars" in message for message in messages)
    assert any("web is wrapped 2 times" in message for message in messages)
    assert any("the agent's own container is instrumented" in message for message in messages)
    assert any("two containers are called SysdigInstrumentation" in message for message in messages)
    (uncertain,) = explain([web, again, sidecar]).uncertain
    assert "uninstrument refuses it: there are two Sysdig sidecars" in uncertain.message


def test_the_worst_comes_first(web: dict[str, Any], direct: Settings) -> None:
    definition = instrument(web, direct).definition
    container, sidecar = definition["containerDefinitions"]
    container["readonlyRootFilesystem"] = True
    sidecar["image"] = "quay.io/sysdig/workload-agent@sha256:" + "0" * 64
    del sidecar["secrets"]
    assert [severity for severity, _, _ in problems(definition)] == ["error", "warning", "info"]


@pytest.mark.parametrize(
    "field",
    ["environment", "secrets", "volumesFrom", "linuxParameters", "dependsOn", "portMappings", "dockerLabels"],
)
@pytest.mark.parametrize("value", ["text", 1, [1], [[]], {"Ref": "X"}, [{"name": {"Ref": "Y"}}], None], ids=str)
def test_malformed_parts_are_told_or_left_out_but_never_the_end(
    web: dict[str, Any], direct: Settings, field: str, value: Any
) -> None:
    definition = instrument(web, direct).definition
    for container in definition["containerDefinitions"]:
        container[field] = value
    assert explain(definition).containers[0].name == "web"

"""What ECS would refuse to register, or would never start, is refused before anything changes."""

from __future__ import annotations

import copy
import itertools
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.aws.ecs_fields import register_task_definition_fields
from fargate_guard.taskdef import ImageConfig, Images, Settings, TaskDefinitionError, instrument

if TYPE_CHECKING:
    from collections.abc import Callable

    WebWith = Callable[..., dict[str, Any]]

PATH = "$.containerDefinitions[0]"
KEY = "arn:aws:ssm:us-east-1:123456789012:parameter/key"


def refused(definition: Any, settings: Settings) -> TaskDefinitionError:
    """The refusal; the input must be as it was."""
    before = copy.deepcopy(definition)
    with pytest.raises(TaskDefinitionError) as caught:
        instrument(definition, settings)
    assert definition == before
    assert caught.value.exit_code == 4
    return caught.value


def warnings_of(definition: Any, settings: Settings) -> list[tuple[str, str]]:
    return [(notice.where, notice.message) for notice in instrument(definition, settings).warnings]


def add(definition: dict[str, Any], name: str, **fields: Any) -> dict[str, Any]:
    """Add a container; it is returned so that it can be changed."""
    container = {"name": name, "image": f"{name}:1", "entryPoint": [f"/{name}"], **fields}
    definition["containerDefinitions"].append(container)
    return container


# limits


def test_more_containers_than_ecs_accepts(web: dict[str, Any], orchestrator: Settings) -> None:
    first = web["containerDefinitions"][0]
    web["containerDefinitions"] = [{**first, "name": f"web-{number}"} for number in range(12)]
    error = refused(web, orchestrator)
    assert error.message == "13 containers with the sidecar, 3 more than the 10 that ECS accepts"
    assert "no option makes it need less" in str(error.why)
    del web["containerDefinitions"][9:]
    assert len(instrument(web, orchestrator).definition["containerDefinitions"]) == 10


def test_more_bytes_than_ecs_accepts(web_with: WebWith, orchestrator: Settings) -> None:
    error = refused(web_with(environment=[{"name": "BIG", "value": "é" * 33_000}]), orchestrator)
    assert "more than the 65536 that ECS accepts" in error.message
    assert "shorten environment of container web (660" in str(error.fix)
    assert "environmentFiles" in str(error.fix)
    assert "--extra-conf" not in str(error.fix)


def test_what_only_describing_gives_is_not_counted(web_with: WebWith, orchestrator: Settings) -> None:
    task = web_with(environment=[{"name": "BIG", "value": "x" * 64_000}])
    read_only = register_task_definition_fields()["taskDefinition"] or {}
    for name in read_only.keys() - register_task_definition_fields().keys():
        value: Any = [{"name": "x" * 3_000}] if name == "requiresAttributes" else "x" * 3_000
        described = {"taskDefinition": {**task, name: value}}
        if name != "compatibilities":
            assert instrument(described, orchestrator).changed
    assert "bytes with the instrumentation" in refused({**task, "family": "x" * 3_000}, orchestrator).message


def test_the_option_that_would_save_enough_bytes_is_named(web_with: WebWith, orchestrator: Settings) -> None:
    settings = replace(orchestrator, extra_conf="a: " + "b" * 30_000)
    error = refused(web_with(environment=[{"name": "BIG", "value": "x" * 40_000}]), settings)
    assert "shorten --extra-conf (30003 bytes)" in str(error.fix)


# names


def test_a_secret_that_stands_twice(web_with: WebWith, orchestrator: Settings) -> None:
    secret = {"name": "TOKEN", "valueFrom": KEY}
    error = refused(web_with(secrets=[secret, dict(secret)]), orchestrator)
    assert error.message == "container web has TOKEN twice in secrets"
    assert error.where == f"{PATH}.secrets[1]"


def test_a_name_in_environment_and_in_secrets(web: dict[str, Any], orchestrator: Settings) -> None:
    add(
        web,
        "other",
        environment=[{"name": "TOKEN", "value": "x"}],
        secrets=[{"name": "A", "valueFrom": KEY}, {"name": "TOKEN", "valueFrom": KEY}],
    )
    error = refused(web, replace(orchestrator, ignore_containers=("other",)))
    assert error.message == "container other has TOKEN in environment and in secrets"
    assert error.where == "$.containerDefinitions[1].secrets[1]"


def test_a_variable_that_stands_twice_is_a_warning_since_ecs_takes_it(
    web_with: WebWith, orchestrator: Settings
) -> None:
    web = web_with(environment=[{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}])
    warnings = warnings_of(web, orchestrator)
    message = "A stands more than once in environment; which value counts is not documented"
    assert warnings == [(f"{PATH}.environment[2]", message)]


# the execution role


def test_a_missing_execution_role_where_the_sidecar_needs_one(
    web: dict[str, Any], orchestrator: Settings, direct: Settings
) -> None:
    del web["executionRoleArn"]
    with_logs = replace(
        orchestrator,
        log_configuration={
            "logDriver": "awslogs",
            "options": {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"},
        },
    )
    for settings in (direct, with_logs):
        error = refused(web, settings)
        assert error.where == "$.executionRoleArn"
        assert "for the sidecar before the task starts" in str(error.why)
        assert instrument(web, replace(settings, execution_role_supplied=True)).changed
    assert instrument(web, orchestrator).changed


NEEDS_ROLE: list[dict[str, Any]] = [
    {"secrets": [{"name": "A", "valueFrom": KEY}]},
    {"repositoryCredentials": {"credentialsParameter": "secret"}},
    {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}},
    {"logConfiguration": {"logDriver": "splunk", "secretOptions": [{"name": "token", "valueFrom": KEY}]}},
    {"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::bucket/web.env"}]},
    {"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1"},
    {"image": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/web:1"},
]


@pytest.mark.parametrize("fields", NEEDS_ROLE, ids=lambda fields: str(next(iter(fields.items())))[:50])
def test_a_missing_execution_role_where_a_container_needs_one(
    web_with: WebWith, orchestrator: Settings, fields: dict[str, Any]
) -> None:
    web = web_with(**fields)
    role = web.pop("executionRoleArn")
    error = refused(web, orchestrator)
    assert error.where == "$.executionRoleArn"
    assert "for container web before the task starts" in str(error.why)
    assert instrument(web, replace(orchestrator, execution_role_supplied=True)).changed
    assert instrument({**web, "executionRoleArn": role}, orchestrator).changed


def test_other_log_drivers_need_no_execution_role(web_with: WebWith, orchestrator: Settings) -> None:
    web = web_with(logConfiguration={"logDriver": "splunk", "options": {}})
    del web["executionRoleArn"]
    assert instrument(web, orchestrator).changed


# process 1


def test_a_program_that_must_be_process_1_is_pointed_out(web_with: WebWith, orchestrator: Settings) -> None:
    web = web_with(entryPoint=["/init"], command=["nginx"])
    ((where, message),) = warnings_of(web, orchestrator)
    assert where == f"{PATH}.entryPoint"
    assert "/init must be process 1" in message
    assert warnings_of(instrument(web, orchestrator).definition, orchestrator) == [(where, message)]


def test_a_program_of_the_image_that_must_be_process_1_is_pointed_out(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    del web["containerDefinitions"][0]["entryPoint"]
    images = Images(by_container={"web": ImageConfig(("/init",), (), "a registry")})
    (notice,) = instrument(web, orchestrator, images).warnings
    assert "/init must be process 1" in notice.message


def test_a_read_only_root_file_system_is_pointed_out_once(web_with: WebWith, orchestrator: Settings) -> None:
    ((where, message),) = warnings_of(web_with(readonlyRootFilesystem=True), orchestrator)
    assert where == f"{PATH}.readonlyRootFilesystem"
    assert "read-only" in message


# dependencies


def depends(*names: str, condition: str = "START") -> list[dict[str, str]]:
    return [{"containerName": name, "condition": condition} for name in names]


def test_a_dependency_that_is_not_there(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"][0]["dependsOn"] = depends("databse")
    add(web, "database")
    error = refused(web, orchestrator)
    assert error.message == "container web depends on databse, which is not there"
    assert error.where == f"{PATH}.dependsOn[0].containerName"
    assert "the containers are web, database, SysdigInstrumentation;" in str(error.why)


def test_a_volume_source_that_is_not_there_is_a_warning(web_with: WebWith, orchestrator: Settings) -> None:
    web = web_with(volumesFrom=[{"sourceContainer": "data"}])
    message = "container web takes volumes from data, which is not there"
    assert warnings_of(web, orchestrator) == [(f"{PATH}.volumesFrom[0].sourceContainer", message)]


@pytest.mark.parametrize("condition", ["COMPLETE", "success"])
@pytest.mark.parametrize("essential", [{}, {"essential": None}, {"essential": True}], ids=str)
def test_waiting_for_the_end_of_an_essential_container(
    web: dict[str, Any], orchestrator: Settings, condition: str, essential: dict[str, Any]
) -> None:
    migrate = add(web, "migrate", **essential)
    web["containerDefinitions"][0]["dependsOn"] = depends("migrate", condition=condition)
    error = refused(web, orchestrator)
    assert error.message == "container web waits for migrate to end, but migrate is essential"
    migrate["essential"] = False
    assert instrument(web, orchestrator).changed


def test_a_cycle_is_written_out(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"][0]["dependsOn"] = depends("api")
    add(web, "api", dependsOn=depends("log", "db"))
    add(web, "log")
    add(web, "db", volumesFrom=[{"sourceContainer": "web"}])
    error = refused(web, orchestrator)
    assert error.message == "containers wait for each other: web -> api -> db -> web"
    assert error.where == ", ".join(
        f"$.containerDefinitions[{index}].{field}"
        for index, field in ((0, "dependsOn[0]"), (1, "dependsOn[1]"), (3, "volumesFrom[0]"))
    )
    assert "web depends on api; api depends on db; db takes volumes from web" in str(error.why)


def test_a_container_that_depends_on_itself(web_with: WebWith, orchestrator: Settings) -> None:
    error = refused(web_with(dependsOn=depends("web")), orchestrator)
    assert error.message == "containers wait for each other: web -> web"


def test_a_cycle_through_the_sidecar(web: dict[str, Any], orchestrator: Settings) -> None:
    definition = instrument(web, orchestrator).definition
    definition["containerDefinitions"][1]["dependsOn"] = depends("web")
    error = refused(definition, orchestrator)
    assert error.message == "containers wait for each other: web -> SysdigInstrumentation -> web"
    assert "web takes volumes from SysdigInstrumentation" in str(error.why)


def test_a_cycle_through_the_log_router(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"][0]["logConfiguration"] = {"logDriver": "awsfirelens", "options": {"Name": "s3"}}
    router = add(web, "router", firelensConfiguration={"type": "fluentbit"})
    router["volumesFrom"] = [{"sourceContainer": "web"}]
    settings = replace(orchestrator, ignore_containers=("router",))
    error = refused(web, settings)
    assert error.message == "containers wait for each other: web -> router -> web"
    assert "web logs through router; router takes volumes from web" in str(error.why)
    router["dependsOn"] = depends("web")
    assert instrument(web, settings).changed, "then ECS's agent adds no dependency on the router"


def cyclic(edges: set[tuple[str, str]], names: str) -> bool:
    """Whether a graph has a cycle, decided by taking away what waits for nothing."""
    left = set(names)
    while free := {name for name in left if not any(a == name and b in left for a, b in edges)}:
        left -= free
    return bool(left)


def test_a_cycle_is_found_exactly_when_there_is_one(web: dict[str, Any], orchestrator: Settings) -> None:
    names, chance = "abcd", random.Random(3)
    found = []
    for _ in range(300):
        edges = {pair for pair in itertools.permutations(names, 2) if chance.random() < 0.2}
        web["containerDefinitions"] = []
        for name in names:
            add(web, name, dependsOn=depends(*(b for a, b in sorted(edges) if a == name)))
        try:
            instrument(web, orchestrator)
            found.append(False)
        except TaskDefinitionError as error:
            found.append(True)
            cycle = error.message.partition(": ")[2].split(" -> ")
            assert cycle[0] == cycle[-1]
            assert set(itertools.pairwise(cycle)) <= edges
        assert found[-1] == cyclic(edges, names)
    assert True in found
    assert False in found


LOG_PORT = [
    ({"containerPort": 32000}, "containerPort"),
    ({"containerPort": 32000, "protocol": "tcp", "hostPort": 32000}, "containerPort"),
    ({"containerPortRange": "31990-32010"}, "containerPortRange"),
]


def web_with_protocol(definition: dict[str, Any], protocol: str) -> dict[str, Any]:
    """The definition with another protocol of its last container's port."""
    changed = copy.deepcopy(definition)
    changed["containerDefinitions"][-1]["portMappings"][0]["protocol"] = protocol
    return changed


@pytest.mark.parametrize(("mapping", "field"), LOG_PORT, ids=[str(case[0]) for case in LOG_PORT])
def test_the_port_of_the_agents_log_forwarding(
    web: dict[str, Any], orchestrator: Settings, mapping: dict[str, Any], field: str
) -> None:
    web["containerDefinitions"].append({"name": "metrics", "image": "metrics:1", "portMappings": [mapping]})
    left_out = replace(orchestrator, ignore_containers=("metrics",))
    error = refused(web, left_out)
    assert error.message == "container metrics uses port 32000"
    assert error.where == f"$.containerDefinitions[1].portMappings[0].{field}"
    assert "SYSDIG_LOG_LISTEN_PORT" in str(error.why)
    assert error.exit_code == 4
    assert instrument(web_with_protocol(web, "udp"), left_out).changed
    mapping |= {"containerPort": 31999} if "containerPort" in mapping else {"containerPortRange": "32001-32010"}
    assert instrument(web, left_out).changed


@pytest.mark.parametrize("before", [True, False], ids=["not yet instrumented", "instrumented"])
@pytest.mark.parametrize("condition", ["HEALTHY", "COMPLETE", "SUCCESS"])
def test_waiting_for_what_the_sidecar_never_does(
    web: dict[str, Any], orchestrator: Settings, condition: str, *, before: bool
) -> None:
    definition = web if before else instrument(web, orchestrator).definition
    depends_on = [{"containerName": "SysdigInstrumentation", "condition": condition}]
    definition["containerDefinitions"][0]["dependsOn"] = depends_on
    error = refused(definition, orchestrator)
    assert error.message == f"container web waits for SysdigInstrumentation to be {condition}"
    assert error.where == f"{PATH}.dependsOn[0].condition"
    assert ("no healthCheck" if condition == "HEALTHY" else "never ends") in str(error.why)
    depends_on[0]["condition"] = "START"
    instrument(definition, orchestrator)


def test_a_sidecar_with_a_health_check_can_be_waited_for(web: dict[str, Any], orchestrator: Settings) -> None:
    definition = instrument(web, orchestrator).definition
    definition["containerDefinitions"][1]["healthCheck"] = {"command": ["CMD", "true"]}
    definition["containerDefinitions"][0]["dependsOn"] = [
        {"containerName": "SysdigInstrumentation", "condition": "HEALTHY"}
    ]
    assert not instrument(definition, orchestrator).changed


def test_health_that_nobody_checks_is_warned_about(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"][0]["dependsOn"] = [{"containerName": "db", "condition": "HEALTHY"}]
    db = add(web, "db")
    ((where, message),) = warnings_of(web, orchestrator)
    assert where == f"{PATH}.dependsOn[0].condition"
    assert "container web waits for db to be HEALTHY, but db has no healthCheck" in message
    db["healthCheck"] = {"command": ["CMD", "/check"]}
    assert warnings_of(web, orchestrator) == []
    del db["healthCheck"]
    web["containerDefinitions"][0]["dependsOn"][0]["condition"] = "START"
    assert warnings_of(web, orchestrator) == []

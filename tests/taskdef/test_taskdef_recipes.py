"""Each agent version's instrumentation: one case per recipe."""

from __future__ import annotations

from typing import Any

import pytest

from fargate_guard.taskdef import Settings, instrument
from fargate_guard.taskdef.recipes import RECIPES

KEY_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-key-AbCdEf"

ORCHESTRATOR = {"SYSDIG_ORCHESTRATOR": "orch.internal", "SYSDIG_ORCHESTRATOR_PORT": "6667"}
COLLECTOR = {"SYSDIG_COLLECTOR": "ingest.us4.sysdig.com", "SYSDIG_COLLECTOR_PORT": "6443"}
LOGGING = {"SYSDIG_LOGGING": "debug"}
SIDECAR = {"SYSDIG_SIDECAR": "auto"}
PRIORITY = {"SYSDIG_PRIORITY": "availability"}
KEY = {"SYSDIG_ACCESS_KEY": KEY_ARN}

CASES: dict[tuple[str, str], dict[str, Any]] = {
    ("4.3.2", "orchestrator"): {
        "workload": ORCHESTRATOR | LOGGING,
        "sidecar": {},
        "sidecar_entry_point": ["/opt/draios/bin/logwriter"],
    },
    ("4.3.2", "direct"): {
        "workload": COLLECTOR | LOGGING,
        "workload_secrets": KEY,
        "sidecar": {},
        "sidecar_entry_point": ["/opt/draios/bin/logwriter"],
    },
    ("5.0.1", "orchestrator"): {
        "workload": SIDECAR | LOGGING,
        "sidecar": ORCHESTRATOR | SIDECAR | PRIORITY | LOGGING,
        "pid_mode": "task",
    },
    ("5.0.1", "direct"): {
        "workload": SIDECAR | LOGGING,
        "sidecar": COLLECTOR | SIDECAR | PRIORITY | LOGGING,
        "sidecar_secrets": KEY,
        "pid_mode": "task",
    },
    ("6.2.1", "direct"): {
        "workload": SIDECAR | LOGGING,
        "sidecar": COLLECTOR | SIDECAR | PRIORITY | LOGGING,
        "sidecar_secrets": KEY,
        "pid_mode": "task",
    },
}


def named(entries: list[dict[str, str]] | None, value: str) -> dict[str, str]:
    """Name/value entries as a dictionary."""
    return {entry["name"]: entry[value] for entry in entries or []}


@pytest.mark.parametrize(("version", "topology"), CASES, ids=str)
def test_recipe(web: dict[str, Any], version: str, topology: str) -> None:
    expected = CASES[version, topology]
    settings = Settings(
        topology,
        version,
        orchestrator_host="orch.internal",
        collector_host="ingest.us4.sysdig.com",
        access_key_arn=KEY_ARN,
        logging="debug",
    )
    definition = instrument(web, settings).definition
    workload, sidecar = definition["containerDefinitions"]
    assert named(workload["environment"], "value") == expected["workload"]
    assert named(workload.get("secrets"), "valueFrom") == expected.get("workload_secrets", {})
    assert sidecar["image"] == f"quay.io/sysdig/workload-agent:{version}"
    assert named(sidecar.get("environment"), "value") == expected["sidecar"]
    assert named(sidecar.get("secrets"), "valueFrom") == expected.get("sidecar_secrets", {})
    assert sidecar.get("entryPoint") == expected.get("sidecar_entry_point")
    assert "command" not in sidecar
    assert definition.get("pidMode") == expected.get("pid_mode")


def test_every_recipe_has_a_case() -> None:
    covered = [(version.split(".")[0], topology) for version, topology in CASES]
    assert sorted((str(recipe.first[0]), recipe.topology) for recipe in RECIPES) == sorted(covered)


def test_the_key_is_a_secrets_reference_only_and_where_only_the_sidecar_needs_it_nowhere_else(
    web: dict[str, Any], direct: Settings
) -> None:
    workload, sidecar = instrument(web, direct).definition["containerDefinitions"]
    assert sidecar["secrets"] == [{"name": "SYSDIG_ACCESS_KEY", "valueFrom": KEY_ARN}]
    assert "SYSDIG_ACCESS_KEY" not in str(workload)
    assert "SYSDIG_ACCESS_KEY" not in named(sidecar["environment"], "value")


@pytest.mark.parametrize(("version", "topology"), CASES, ids=str)
def test_the_result_is_valid_input_of_register_task_definition(
    web: dict[str, Any], version: str, topology: str
) -> None:
    from botocore.session import get_session
    from botocore.validate import ParamValidator

    settings = Settings(
        topology,
        version,
        orchestrator_host="h",
        collector_host="c",
        access_key_arn=KEY_ARN,
        sidecar_cpu=64,
        sidecar_memory=256,
        log_configuration={
            "logDriver": "awslogs",
            "options": {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"},
        },
        repository_credentials_arn=KEY_ARN,
    )
    shape = get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    report = ParamValidator().validate(instrument(web, settings).definition, shape)
    assert not report.has_errors(), report.generate_report()

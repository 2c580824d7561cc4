"""How ``fguard instrument`` is told what to do: flags, variables, fguard.yaml and the deployment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.cli.definitions import FLAGS, KEY_ARN, WEB, instrumented, variables

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.sandbox import Sandbox
    from tests.cli.definitions import Run

CONFIG = f"""\
name: training
agent:
  version: 5.0.1
  priority: security
sysdig:
  region: us4
  access_key: {{secret_arn: "{KEY_ARN}"}}
"""


def test_flags_of_the_direct_topology(run: Run) -> None:
    flags = ("--collector", "ingest.us4.sysdig.com:443", "--access-key-arn", KEY_ARN, "--priority", "security")
    definition = instrumented(run("instrument", "web.json", *flags).stdout)
    sidecar = definition["containerDefinitions"][1]
    assert sidecar["image"] == "quay.io/sysdig/workload-agent:6.2.1"
    assert sidecar["essential"] is True
    assert sidecar["secrets"] == [{"name": "SYSDIG_ACCESS_KEY", "valueFrom": KEY_ARN}]
    assert variables(definition)["SYSDIG_COLLECTOR_PORT"] == "443"


def test_flags_for_the_sidecar(run: Run) -> None:
    flags = (
        *(
            "--agent-log-group",
            "/agent",
            "--region",
            "eu-west-1",
            "--sidecar-cpu",
            "64",
            "--sidecar-memory",
            "256",
        ),
        *("--sidecar-memory-reservation", "128", "--sidecar-essential", "--image-pull-secret-arn", KEY_ARN),
        *("--agent-image", "mirror.internal/agent:5.0.1", "--log-level", "debug", "--orchestrator-port", "7000"),
        *("--extra-conf", "tags: team:payments"),
    )
    definition = instrumented(run("instrument", "web.json", *FLAGS, *flags).stdout)
    sidecar = definition["containerDefinitions"][1]
    assert sidecar["logConfiguration"]["options"]["awslogs-region"] == "eu-west-1"
    assert (sidecar["cpu"], sidecar["memory"], sidecar["memoryReservation"]) == (64, 256, 128)
    assert sidecar["essential"] is True
    assert sidecar["repositoryCredentials"] == {"credentialsParameter": KEY_ARN}
    assert sidecar["image"] == "mirror.internal/agent:5.0.1"
    assert variables(definition)["SYSDIG_LOGGING"] == "debug"
    assert variables(definition)["SYSDIG_ORCHESTRATOR_PORT"] == "7000"
    assert variables(definition)["SYSDIG_EXTRA_CONF"] == "tags: team:payments"


TWO: dict[str, Any] = {
    **WEB,
    "containerDefinitions": [
        *WEB["containerDefinitions"],
        {"name": "log_router", "image": "fluent-bit:3", "entryPoint": ["/fb"], "dockerLabels": {"team": "logs"}},
    ],
}
SPLUNK = {"logDriver": "splunk", "options": {"splunk-url": "https://splunk.internal:8088"}}
PROXY = '{"http_proxy": {"proxy_host": "squid.internal", "proxy_port": 3128, "ssl": true}}'


def instrumented_names(text: str) -> list[str]:
    return [
        container["name"]
        for container in json.loads(text)["containerDefinitions"]
        if container.get("entryPoint", [""])[0] == "/opt/draios/bin/instrument"
    ]


@pytest.mark.parametrize(
    ("flags", "variable", "key", "expected"),
    [
        (("--ignore-container", "log*"), "log*", "ignore_containers: ['log*']", ["web"]),
        (("--ignore-label", "team=logs"), "team=logs", "ignore_labels: [team=logs]", ["web"]),
        (("--opt-in",), "1", "opt_in: true", []),
    ],
)
def test_containers_are_chosen_by_flag_variable_and_key(
    run: Run, folder: Path, flags: tuple[str, ...], variable: str, key: str, expected: list[str]
) -> None:
    (folder / "two.json").write_text(json.dumps(TWO))
    assert instrumented_names(run("instrument", "two.json", *FLAGS, *flags).stdout) == expected
    environ = {f"FGUARD_{flags[0].removeprefix('--').replace('-', '_').upper()}": variable}
    assert instrumented_names(run("instrument", "two.json", *FLAGS, environ=environ).stdout) == expected
    (folder / "fguard.yaml").write_text(CONFIG.replace("agent:\n", f"agent:\n  {key}\n"))
    assert instrumented_names(run("instrument", "two.json", "--orchestrator-host", "h").stdout) == expected


def test_further_variables_of_sidecar_and_workloads(run: Run, folder: Path) -> None:
    flags = ("--sidecar-env", "NO_PROXY=a, b", "--workload-env", "HTTPS_PROXY=http://p:3128/?x=y")
    definition = instrumented(run("instrument", "web.json", *FLAGS, *flags).stdout)
    assert variables(definition)["NO_PROXY"] == "a, b"
    assert {"name": "HTTPS_PROXY", "value": "http://p:3128/?x=y"} in definition["containerDefinitions"][0][
        "environment"
    ]
    keys = "agent:\n  workload_environment: {A: '1', B: '2'}\n  sidecar: {environment: {NO_PROXY: x}}\n"
    (folder / "fguard.yaml").write_text(CONFIG.replace("agent:\n", keys))
    configured = run("instrument", "web.json", "--orchestrator-host", "h", "--workload-env", "B=3")
    definition = instrumented(configured.stdout)
    assert variables(definition)["NO_PROXY"] == "x"
    workload = {one["name"]: one["value"] for one in definition["containerDefinitions"][0]["environment"]}
    assert (workload["A"], workload["B"]) == ("1", "3")
    wrong = run("instrument", "web.json", *FLAGS, "--sidecar-env", "NO_PROXY")
    assert wrong.exit_code == 64
    assert "NAME=VALUE" in wrong.stderr


def test_a_log_configuration_of_any_driver(run: Run, folder: Path) -> None:
    (folder / "logs.json").write_text(json.dumps(SPLUNK))
    for given in ("logs.json", json.dumps(SPLUNK)):
        ran = run("instrument", "web.json", *FLAGS, "--sidecar-log-configuration", given)
        definition = json.loads(ran.stdout)
        assert definition["containerDefinitions"][-1]["logConfiguration"] == SPLUNK
    keys = f"agent:\n  sidecar: {{log_configuration: {json.dumps(SPLUNK)}}}\n"
    (folder / "fguard.yaml").write_text(CONFIG.replace("agent:\n", keys))
    definition = json.loads(run("instrument", "web.json", "--orchestrator-host", "h").stdout)
    assert definition["containerDefinitions"][-1]["logConfiguration"] == SPLUNK


@pytest.mark.parametrize("given", ["missing.json", "{", "[]", "{}", '{"options": {}}'])
def test_a_log_configuration_that_is_none_is_wrong_usage(run: Run, given: str) -> None:
    ran = run("instrument", "web.json", *FLAGS, "--sidecar-log-configuration", given)
    assert ran.exit_code == 64
    assert ran.stderr.startswith("error: ")


def test_the_ca_certificate_of_a_proxy(run: Run) -> None:
    flags = ("--extra-conf", PROXY, "--ca-certificate", "/ssl/proxy.pem")
    conf = variables(instrumented(run("instrument", "web.json", *FLAGS, *flags).stdout))["SYSDIG_EXTRA_CONF"]
    assert "/ssl/proxy.pem" in conf
    assert run("instrument", "web.json", *FLAGS, *flags[2:]).exit_code != 0


def test_variables_of_the_environment_stand_in_for_flags(run: Run) -> None:
    environ = {"FGUARD_ORCHESTRATOR_HOST": "from-environment", "FGUARD_AGENT_VERSION": "5.0.2"}
    definition = instrumented(run("instrument", "web.json", environ=environ).stdout)
    assert variables(definition)["SYSDIG_ORCHESTRATOR"] == "from-environment"
    flagged = run("instrument", "web.json", "--orchestrator-host", "from-flag", environ=environ)
    assert variables(instrumented(flagged.stdout))["SYSDIG_ORCHESTRATOR"] == "from-flag"


@pytest.mark.parametrize(
    ("flags", "exit_code", "message"),
    [
        ((), 64, "--orchestrator-host"),
        (("--orchestrator-host", "h", "--agent-version", "6.2.1"), 4, "--topology direct"),
        (("--collector", "c", "--access-key-arn", "plain-text-key"), 4, "must be the ARN"),
        (("--collector", "c:port"), 64, "HOST:PORT"),
        (("--orchestrator-host", "h", "--agent-log-group", "g"), 64, "add --region"),
        (("--orchestrator-host", "h", "--agent-image", "agent:latest"), 4, "--allow-unpinned-image"),
    ],
)
def test_missing_and_wrong_settings_name_the_flag(
    run: Run, flags: tuple[str, ...], exit_code: int, message: str
) -> None:
    ran = run("instrument", "web.json", *flags)
    assert ran.exit_code == exit_code
    assert message in ran.stderr
    assert "plain-text-key" not in ran.stderr


def test_fguard_yaml_is_used_where_there_is_one_and_flags_win(run: Run, folder: Path) -> None:
    (folder / "fguard.yaml").write_text(CONFIG)
    definition = instrumented(run("instrument", "web.json", "--orchestrator-host", "h").stdout)
    assert variables(definition)["SYSDIG_PRIORITY"] == "security"
    flags = ("--topology", "direct", "--agent-version", "6.2.1", "--priority", "availability")
    definition = instrumented(run("instrument", "web.json", *flags).stdout)
    assert variables(definition)["SYSDIG_COLLECTOR"] == "ingest.us4.sysdig.com"
    assert variables(definition)["SYSDIG_PRIORITY"] == "availability"
    assert definition["containerDefinitions"][1]["secrets"][0]["valueFrom"] == KEY_ARN
    other = run("instrument", "web.json", *flags, "--collector", "other.example.com")
    assert variables(instrumented(other.stdout))["SYSDIG_COLLECTOR"] == "other.example.com"


def test_a_configuration_that_is_named_must_exist(run: Run) -> None:
    ran = run("instrument", "web.json", *FLAGS, "--config", "nowhere.yaml")
    assert ran.exit_code == 64
    assert "nowhere.yaml" in ran.stderr


def test_an_unpinned_image_of_the_configuration_has_to_be_allowed(run: Run, folder: Path) -> None:
    (folder / "fguard.yaml").write_text(CONFIG.replace("  priority", "  image: mirror/agent:latest\n  priority"))
    assert run("instrument", "web.json", "--orchestrator-host", "h").exit_code == 4
    allowed = run("instrument", "web.json", "--orchestrator-host", "h", "--allow-unpinned-image")
    assert instrumented(allowed.stdout)["containerDefinitions"][1]["image"] == "mirror/agent:latest"


def test_the_orchestrators_host_comes_from_the_deployments_terraform_outputs(run: Run, folder: Path) -> None:
    (folder / "fguard.yaml").write_text(CONFIG)
    missing = run("instrument", "web.json", "--region", "us-east-1", "--online")
    assert missing.exit_code == 64
    assert "the orchestrator's host is missing" in missing.stderr
    module = folder / ".fguard/training/terraform"
    module.mkdir(parents=True)
    (folder / ".fguard/training/logs").mkdir()
    (module / "terraform.tfstate").write_text(json.dumps(state_with_outputs("nlb-1.elb.us-east-1.amazonaws.com")))
    ran = run("instrument", "web.json", "--region", "us-east-1", "--online")
    assert ran.exit_code == 0, ran.stderr
    assert variables(instrumented(ran.stdout))["SYSDIG_ORCHESTRATOR"] == "nlb-1.elb.us-east-1.amazonaws.com"


def test_the_access_key_that_deploy_stored_is_referenced(run: Run, folder: Path, sandbox: Sandbox) -> None:
    config = CONFIG.replace(f'{{secret_arn: "{KEY_ARN}"}}', "{env: SYSDIG_ACCESS_KEY}")
    config = config.replace("agent:\n  version: 5.0.1", "agent:\n  topology: direct\n  version: 6.2.1")
    (folder / "fguard.yaml").write_text(config)
    online = {**sandbox.environment(), "FGUARD_OFFLINE": "0"}
    missing = run("instrument", "web.json", environ=online)
    assert missing.exit_code == 64
    assert "the access key is missing" in missing.stderr
    client = boto3_client("secretsmanager", sandbox)
    arn = client.create_secret(Name="fguard/training/sysdig-access-key", SecretString="0123-plain-key")["ARN"]
    ran = run("instrument", "web.json", environ=online)
    secret = instrumented(ran.stdout)["containerDefinitions"][1]["secrets"][0]
    assert secret["valueFrom"].startswith(f"{arn}:::")
    assert "0123-plain-key" not in ran.stdout + ran.stderr


def test_what_ecs_describes_after_registration_needs_no_change_and_can_be_undone(
    run: Run, folder: Path, sandbox: Sandbox
) -> None:
    ecs = boto3_client("ecs", sandbox)
    ecs.register_task_definition(**instrumented(run("instrument", "web.json", *FLAGS).stdout))
    described = ecs.describe_task_definition(taskDefinition="web", include=["TAGS"])
    (folder / "described.json").write_text(json.dumps(described, default=str, indent=4))
    assert run("instrument", "described.json", *FLAGS, "--check").exit_code == 0
    restored = json.loads(run("uninstrument", "described.json").stdout)["taskDefinition"]
    (container,) = restored["containerDefinitions"]
    assert {key: value for key, value in container.items() if value not in ([], 0)} == {
        **WEB["containerDefinitions"][0],
        "essential": True,
    }
    assert not restored.get("pidMode")


def boto3_client(service: str, sandbox: Sandbox) -> Any:
    """A client of the embedded AWS."""
    return boto3.client(
        service,
        endpoint_url=sandbox.endpoint,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def state_with_outputs(host: str) -> dict[str, Any]:
    """A Terraform state as a deployment leaves it, with its outputs only."""
    text = dict.fromkeys(
        (
            *("security_group_id", "load_balancer_security_group_id", "load_balancer_arn", "target_group_arn"),
            *("listener_arn", "service_name", "service_arn", "task_definition_arn", "container_name"),
            *("execution_role_arn", "log_group_name"),
        ),
        "x",
    )
    outputs: dict[str, Any] = {
        "region": "us-east-1",
        "account_id": "123456789012",
        "partition": "aws",
        "network": {"vpc_id": "vpc-1", "created": True, "task_subnet_ids": [], "assign_public_ip": False},
        "cluster": {"arn": "x", "name": "x", "created": True},
        "orchestrator": {"host": host, "port": 6667, **text},
        "workloads": {},
    }

    def terraform_type(value: Any) -> Any:
        if isinstance(value, dict):
            return ["object", {key: terraform_type(item) for key, item in value.items()}]
        if isinstance(value, list):
            return ["list", "string"]
        return {bool: "bool", int: "number"}.get(type(value), "string")

    return {
        "version": 4,
        "terraform_version": "1.5.0",
        "serial": 1,
        "lineage": "e3b0c442-98fc-1c14-9afb-f4c8996fb924",
        "outputs": {name: {"value": value, "type": terraform_type(value)} for name, value in outputs.items()},
        "resources": [],
    }


def test_containers_that_a_workload_leaves_out_are_left_out_here_too(run: Run, folder: Path) -> None:
    definition = json.loads((folder / "web.json").read_text(encoding="utf-8"))
    definition["containerDefinitions"].append({"name": "log_router", "image": "fluent-bit:3"})
    for name in ("web.json", "other.json"):
        (folder / name).write_text(json.dumps(definition))
    workloads = "workloads: [{task_definition: web.json, ignore_containers: [log_router]}]\n"
    (folder / "fguard.yaml").write_text(CONFIG + workloads)
    ran = run("instrument", "web.json", "--orchestrator-host", "h")
    assert ran.exit_code == 0
    assert "container log_router: not instrumented (left out as asked)" in ran.stderr
    assert run("instrument", "other.json", "--orchestrator-host", "h").exit_code == 4

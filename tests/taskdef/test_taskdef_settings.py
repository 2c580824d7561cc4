"""Settings are complete and consistent, or the error names the flag and the key to set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fargate_guard.taskdef import Settings, SettingsError

KEY_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-key-AbCdEf"
ORCHESTRATOR: dict[str, Any] = {"topology": "orchestrator", "agent_version": "5.0.1", "orchestrator_host": "h"}
DIRECT: dict[str, Any] = {
    "topology": "direct",
    "agent_version": "6.2.1",
    "collector_host": "c",
    "access_key_arn": KEY_ARN,
}

REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({**ORCHESTRATOR, "agent_version": "6.0.0"}, 4, "does not work with an orchestrator", "--topology direct"),
    ({**DIRECT, "agent_version": "7.0.0"}, 4, "agent 7.0.0 is not known", "--agent-version"),
    ({**DIRECT, "agent_version": "3.0.1"}, 4, "agent 3.0.1 is not known", "agent.version"),
    ({**DIRECT, "agent_version": "latest"}, 64, "not an agent version: 'latest'", "--agent-version"),
    ({**DIRECT, "agent_version": "6"}, 64, "not an agent version: '6'", "agent.version"),
    ({**DIRECT, "agent_image": "quay.io/sysdig/workload-agent:latest"}, 4, "not pinned", "--allow-unpinned-image"),
    ({**DIRECT, "agent_image": "mirror:5000/workload-agent"}, 4, "not pinned", "agent.image"),
    ({**DIRECT, "agent_image": "quay.io/sysdig/workload-agent:5.0.1"}, 4, "tag is 5.0.1", "--agent-version 5.0.1"),
    ({**ORCHESTRATOR, "orchestrator_host": None}, 64, "orchestrator's host is missing", "--orchestrator-host"),
    ({**ORCHESTRATOR, "orchestrator_host": "http://h"}, 64, "not a host name", "--orchestrator-host"),
    (
        {**ORCHESTRATOR, "orchestrator_host": "h.internal:6667"},
        64,
        "not a host name: 'h.internal:6667'",
        "give the host h.internal alone, and the port with --orchestrator-port",
    ),
    (
        {**DIRECT, "collector_host": "c.internal:443"},
        64,
        "not a host name: 'c.internal:443'",
        "give the host c.internal alone, and the port with --collector HOST:PORT",
    ),
    ({**ORCHESTRATOR, "orchestrator_port": 0}, 64, "not a port", "--orchestrator-port"),
    ({**DIRECT, "collector_host": None}, 64, "collector's host is missing", "--collector"),
    ({**DIRECT, "collector_port": 65536}, 64, "not a port", "--collector"),
    ({**DIRECT, "access_key_arn": None}, 64, "access key is missing", "--access-key-arn"),
    ({**DIRECT, "access_key_arn": "0123-plain-key"}, 4, "must be the ARN", "sysdig.access_key.secret_arn"),
    ({**DIRECT, "topology": "mesh"}, 64, "not a topology: 'mesh'", "--topology"),
    ({**DIRECT, "priority": "high"}, 64, "not a priority: 'high'", "--priority"),
    ({**DIRECT, "logging": "loud"}, 64, "not a log level: 'loud'", "--log-level"),
    (
        {**ORCHESTRATOR, "agent_version": "4.3.2", "priority": "security"},
        4,
        "agent 4.3.2 has no priority `security`",
        "--agent-version",
    ),
    ({**DIRECT, "extra_conf": " "}, 64, "extra configuration is empty", "--extra-conf"),
    ({**DIRECT, "extra_conf": "customerid: 0123-plain-key"}, 4, "the access key (customerid)", "--extra-conf"),
    ({**DIRECT, "sidecar_cpu": -1}, 64, "not a whole number", "--sidecar-cpu"),
    ({**DIRECT, "repository_credentials_arn": "user:password"}, 64, "must be the ARN", "--image-pull-secret-arn"),
    ({**DIRECT, "ignore_containers": ("SysdigInstrumentation",)}, 64, "never instrumented", "--ignore-container"),
]


@pytest.mark.parametrize(("values", "exit_code", "message", "fix"), REFUSED, ids=[case[2] for case in REFUSED])
def test_what_does_not_fit_is_refused_with_the_flag_and_the_key(
    values: dict[str, Any], exit_code: int, message: str, fix: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**values)
    error = caught.value
    assert message in error.message
    assert fix in str(error.fix)
    assert error.exit_code == exit_code
    if "--" in str(error.fix):
        assert "fguard.yaml" in str(error.fix) or "ignore" in str(error.fix) or "FGUARD_" in str(error.fix)


@pytest.mark.parametrize(
    "wrong", [{"access_key_arn": "0123-plain-key"}, {"extra_conf": "customerid: 0123-plain-key"}], ids=str
)
def test_a_key_in_plain_text_is_never_repeated(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**{**DIRECT, **wrong})
    error = caught.value
    assert "0123-plain-key" not in f"{error.message} {error.where} {error.why} {error.fix}"


@pytest.mark.parametrize(
    "arn",
    [
        KEY_ARN,
        f"{KEY_ARN}:json-key:AWSCURRENT:version-id",
        f"{KEY_ARN}:json-key::",
        "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/sysdig/key",
        "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:key",
    ],
)
def test_secrets_and_parameters_of_every_partition(arn: str) -> None:
    assert Settings(**{**DIRECT, "access_key_arn": arn}).access_key_arn == arn


def test_an_unpinned_image_has_to_be_asked_for_by_name() -> None:
    image = "quay.io/sysdig/workload-agent:latest"
    assert Settings(**{**DIRECT, "agent_image": image, "allow_unpinned_image": True}).image == image


def test_release_candidates_are_versions() -> None:
    assert Settings(**{**DIRECT, "agent_version": "6.3.0-rc1"}).image == "quay.io/sysdig/workload-agent:6.3.0-rc1"


@pytest.mark.parametrize("missing", ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"])
def test_awslogs_needs_its_options_on_fargate(orchestrator: Settings, missing: str) -> None:
    options = {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "agent"}
    log = {"logDriver": "awslogs", "options": options}
    replace(orchestrator, log_configuration=log)
    for without in ({missing: ""}, {missing: None}):
        with pytest.raises(SettingsError) as caught:
            replace(orchestrator, log_configuration={**log, "options": {**options, **without}})
        assert caught.value.message == f"the sidecar's log configuration lacks {missing}"
    with pytest.raises(SettingsError, match="awslogs-group, awslogs-region, awslogs-stream-prefix"):
        replace(orchestrator, log_configuration={"logDriver": "awslogs"})

"""Task definitions and settings that the tests of the core share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-key-AbCdEf"


@pytest.fixture
def orchestrator() -> Settings:
    """Agent 5.0.1 behind an orchestrator."""
    return Settings("orchestrator", "5.0.1", orchestrator_host="orchestrator.internal")


@pytest.fixture
def direct() -> Settings:
    """Agent 6.2.1, which connects to the collector itself."""
    return Settings("direct", "6.2.1", collector_host="ingest.us4.sysdig.com", access_key_arn=KEY_ARN)


@pytest.fixture
def web() -> dict[str, Any]:
    """A small Fargate task definition with one container."""
    return {
        "family": "web",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
        "containerDefinitions": [
            {
                "name": "web",
                "image": "nginx:1.27",
                "entryPoint": ["/docker-entrypoint.sh"],
                "command": ["nginx", "-g", "daemon off;"],
                "essential": True,
            }
        ],
    }


@pytest.fixture
def web_with(web: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """The same with other fields in its container."""

    def build(**fields: Any) -> dict[str, Any]:
        web["containerDefinitions"][0].update(fields)
        return web

    return build


@pytest.fixture
def kilt_web() -> list[dict[str, Any]]:
    """What Sysdig's Terraform data source makes of a container: argv moved into command, the key in plain text."""
    variables = [
        {"Name": "SYSDIG_ACCESS_KEY", "Value": "0123-plain-key"},
        {"Name": "SYSDIG_COLLECTOR", "Value": "collector.sysdigcloud.com"},
        {"Name": "SYSDIG_COLLECTOR_PORT", "Value": "6443"},
        {"Name": "SYSDIG_LOGGING", "Value": "debug"},
        {"Name": "SYSDIG_ORCHESTRATOR", "Value": ""},
        {"Name": "SYSDIG_ORCHESTRATOR_PORT", "Value": ""},
        {"Name": "SYSDIG_PRIORITY", "Value": "availability"},
        {"Name": "SYSDIG_SIDECAR", "Value": "auto"},
        {"Name": "TMP", "Value": "/tmp"},
    ]
    return [
        {
            "Name": "web",
            "Image": "nginx:1.27",
            "EntryPoint": ["/opt/draios/bin/instrument"],
            "Command": ["/docker-entrypoint.sh", "nginx"],
            "Environment": [dict(variable) for variable in variables],
            "LinuxParameters": {"Capabilities": {"Add": ["SYS_PTRACE"]}},
            "VolumesFrom": [{"ReadOnly": True, "SourceContainer": "SysdigInstrumentation"}],
        },
        {
            "Name": "SysdigInstrumentation",
            "Image": "quay.io/sysdig/workload-agent:5.0.1",
            "EntryPoint": ["/opt/draios/bin/logwriter"],
            "Environment": [dict(variable) for variable in variables],
            "RepositoryCredentials": {"CredentialsParameter": KEY_ARN},
        },
    ]


@pytest.fixture
def manual_web(web: dict[str, Any]) -> dict[str, Any]:
    """What Sysdig's manual instructions for 5.x give."""
    container = web["containerDefinitions"][0]
    container["entryPoint"] = ["/opt/draios/bin/instrument", "/docker-entrypoint.sh"]
    container["environment"] = [{"name": "SYSDIG_SIDECAR", "value": "auto"}]
    container["volumesFrom"] = [{"sourceContainer": "sysdigInstrumentation", "readOnly": True}]
    container["linuxParameters"] = {"capabilities": {"add": ["SYS_PTRACE"]}}
    web["pidMode"] = "task"
    web["containerDefinitions"].append(
        {
            "name": "sysdigInstrumentation",
            "image": "quay.io/sysdig/workload-agent:latest",
            "environment": [
                {"name": "SYSDIG_ORCHESTRATOR", "value": "old.internal"},
                {"name": "SYSDIG_ORCHESTRATOR_PORT", "value": "6667"},
                {"name": "SYSDIG_PRIORITY", "value": "availability"},
                {"name": "SYSDIG_SIDECAR", "value": "auto"},
            ],
        }
    )
    return web

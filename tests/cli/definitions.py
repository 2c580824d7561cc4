"""A task definition, the flags to instrument it with, and what to look at in the result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    Run = Callable[..., Result]
    """Runs a command line in this process, with ``stdin`` and ``environ``."""

KEY_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-key-AbCdEf"
FLAGS = ("--orchestrator-host", "orchestrator.internal", "--agent-version", "5.0.1")
WEB: dict[str, Any] = {
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
            "command": ["nginx", "-g", "daemon off; # ü"],
        }
    ],
}


def instrumented(text: str) -> dict[str, Any]:
    """The definition, which must be instrumented."""
    definition: dict[str, Any] = json.loads(text)
    assert definition["containerDefinitions"][0]["entryPoint"][0] == "/opt/draios/bin/instrument"
    return definition


def variables(definition: dict[str, Any]) -> dict[str, str]:
    """The sidecar's environment."""
    sidecar = definition["containerDefinitions"][-1]
    return {entry["name"]: entry["value"] for entry in sidecar["environment"]}


TEMPLATE = """\
Resources:
  Shop:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      ContainerDefinitions:
        - {Name: shop, Image: "shop:1", EntryPoint: [/shop]}
"""
"""A template with one container, whose entry point is written out."""

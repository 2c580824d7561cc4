"""Calling the macro as CloudFormation does, and the templates that the tests call it with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fargate_guard.macro.handler import make_handler
from fargate_guard.macro.settings import MacroSettings
from fargate_guard.taskdef import Settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "macro"
REQUEST = "1a2b3c4d-0000-1111-2222-333344445555"
ORCHESTRATED = Settings(topology="orchestrator", agent_version="5.0.1", orchestrator_host="orchestrator.internal")
KEY_ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:sysdig-Ab12Cd"
INSTALLED = MacroSettings.of(ORCHESTRATED)


def container(name: str = "web", **properties: Any) -> dict[str, Any]:
    return {"Name": name, "Image": "nginx:1.27", "EntryPoint": ["/docker-entrypoint.sh"], **properties}


def task(*containers: Any, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "RequiresCompatibilities": ["FARGATE"],
            "NetworkMode": "awsvpc",
            "Cpu": "512",
            "Memory": "1024",
            "ContainerDefinitions": list(containers or [container()]),
            **properties,
        },
    }


def template(**resources: Any) -> dict[str, Any]:
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources or {"Web": task()}}


def event(fragment: Any, values: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    """As the page "Create a CloudFormation macro definition" shows it."""
    return {
        "region": "eu-west-1",
        "accountId": "111122223333",
        "fragment": fragment,
        "transformId": "111122223333::FargateGuard",
        "params": params,
        "requestId": REQUEST,
        "templateParameterValues": values or {},
    }


class Context:
    """What of Lambda's context the function uses."""

    log_group_name = "/aws/lambda/fguard-macro-FargateGuard"

    def __init__(self, seconds: float = 30.0) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


@dataclass
class Called:
    answer: dict[str, Any]
    log: str
    lines: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = [json.loads(line) for line in self.log.splitlines()]

    def of(self, event_name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event_name]

    @property
    def fragment(self) -> Any:
        assert self.answer["status"] == "success", self.answer
        return self.answer["fragment"]

    @property
    def error(self) -> str:
        assert self.answer["status"] == "failure", self.answer
        return str(self.answer["errorMessage"])


def call(event_: Any, installed: MacroSettings | str = INSTALLED, seconds: float = 30.0) -> Called:
    lines: list[str] = []
    text = installed if isinstance(installed, str) else installed.text()
    answer = make_handler(lambda: text, lines.append)(event_, Context(seconds))
    return Called(json.loads(json.dumps(answer)), "".join(lines))


def containers_of(resource: dict[str, Any]) -> dict[str, Any]:
    return {one["Name"]: one for one in resource["Properties"]["ContainerDefinitions"]}

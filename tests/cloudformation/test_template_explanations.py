"""What keeps an instrumented task of a template from starting is told with the template's own paths."""

from __future__ import annotations

from typing import Any

import pytest

from fargate_guard.cloudformation import explain_template, instrument_template
from fargate_guard.taskdef import Settings

TASK = "$.Resources.Web.Properties"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-key-AbCdEf"
SETTINGS = Settings("direct", "6.2.1", collector_host="c", access_key_arn=SECRET)


def instrumented() -> dict[str, Any]:
    container = {"Name": "web", "Image": "web:1", "EntryPoint": ["/web"]}
    properties = {
        "Family": "web",
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "Cpu": "256",
        "Memory": "512",
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/execution",
        "ContainerDefinitions": [container],
    }
    value = {
        "Parameters": {"Mode": {"Type": "String"}, "Role": {"Type": "String", "Default": ""}},
        "Resources": {"Web": {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}},
    }
    result: dict[str, Any] = instrument_template(value, SETTINGS).definition
    return result


def problems(value: dict[str, Any], **given: str) -> list[tuple[str, str, str]]:
    ((_, explanation),) = explain_template(value, given)
    return [(str(one.severity), one.where, one.message) for one in explanation.problems]


CHANGES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"NetworkMode": "bridge"}, "error", "NetworkMode", "networkMode bridge is not possible on Fargate"),
    ({"ExecutionRoleArn": {"Ref": "AWS::NoValue"}}, "error", "ExecutionRoleArn", "has no execution role"),
    ({"ExecutionRoleArn": {"Ref": "Role"}}, "error", "ExecutionRoleArn", "has no execution role"),
    (
        {"RuntimePlatform": {"OperatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
        "error",
        "RuntimePlatform.OperatingSystemFamily",
        "Windows tasks cannot be instrumented",
    ),
    ({"PidMode": {"Ref": "AWS::NoValue"}}, "error", "PidMode", "agent 6.2.1 needs pidMode task"),
    ({"PidMode": {"Ref": "Mode"}}, "info", "PidMode", "only known when it is deployed"),
    ({"NetworkMode": {"Ref": "Mode"}}, "info", "NetworkMode", "only known when it is deployed"),
]


@pytest.mark.parametrize(
    ("change", "severity", "where", "message"), CHANGES, ids=[str(case[0]) for case in CHANGES]
)
def test_what_cannot_start_is_told(change: dict[str, Any], severity: str, where: str, message: str) -> None:
    value = instrumented()
    assert problems(value) == []
    value["Resources"]["Web"]["Properties"] |= change
    ((found_severity, found_where, found_message),) = problems(value)
    assert (found_severity, found_where) == (severity, f"{TASK}.{where}")
    assert message in found_message


def test_a_parameter_s_value_is_looked_at() -> None:
    value = instrumented()
    value["Resources"]["Web"]["Properties"]["NetworkMode"] = {"Ref": "Mode"}
    assert problems(value, Mode="awsvpc") == []
    ((severity, _, message),) = problems(value, Mode="host")
    assert severity == "error"
    assert "networkMode host" in message

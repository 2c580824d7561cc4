"""The event stream: every kind of message, also those that Terraform has not invented yet."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fargate_guard.terraform.events import (
    ChangeSummary,
    DiagnosticReported,
    InitOutput,
    LogText,
    OutputsReported,
    PlannedChange,
    ProvisionOutput,
    RefreshCompleted,
    RefreshStarted,
    ResourceCompleted,
    ResourceDrift,
    ResourceErrored,
    ResourceProgress,
    ResourceStarted,
    UnsupportedEventStreamError,
    VersionReported,
    parse_line,
)

VPC = {
    "addr": "module.network.aws_vpc.this[0]",
    "module": "module.network",
    "resource": "aws_vpc.this[0]",
    "resource_type": "aws_vpc",
    "resource_name": "this",
    "resource_key": 0,
}


def message(kind: str, **body: Any) -> str:
    return json.dumps({"@level": "info", "@message": "as worded by Terraform", "type": kind, "unknown": 1, **body})


def hook(kind: str, **body: Any) -> str:
    return message(kind, hook={"resource": VPC, "action": "create", "new_property": [], **body})


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("apply_start", ResourceStarted),
        ("apply_progress", ResourceProgress),
        ("apply_complete", ResourceCompleted),
        ("apply_errored", ResourceErrored),
        ("ephemeral_op_start", ResourceStarted),
        ("ephemeral_op_complete", ResourceCompleted),
        ("refresh_start", RefreshStarted),
        ("refresh_complete", RefreshCompleted),
        ("provision_progress", ProvisionOutput),
    ],
)
def test_resource_message_names_the_resource(kind: str, expected: type) -> None:
    event = parse_line(hook(kind, elapsed_seconds=12, id_value="vpc-1", provisioner="local-exec", output="hi"))

    assert type(event) is expected
    assert event.message == "as worded by Terraform"
    assert getattr(event, "address", None) == "module.network.aws_vpc.this[0]"
    assert getattr(event, "resource_type", None) == "aws_vpc"
    assert getattr(event, "elapsed_seconds", 12) == 12
    assert getattr(event, "resource_id", "vpc-1") == "vpc-1"
    assert getattr(event, "output", "hi") == "hi"


def test_planned_change_and_drift() -> None:
    change = {
        "resource": VPC,
        "action": "replace",
        "reason": "cannot_update",
        "previous_resource": {"addr": "old"},
    }

    assert parse_line(message("planned_change", change=change)) == PlannedChange(
        message="as worded by Terraform",
        address="module.network.aws_vpc.this[0]",
        resource_type="aws_vpc",
        action="replace",
        reason="cannot_update",
        previous_address="old",
    )
    assert isinstance(
        parse_line(message("resource_drift", change={"resource": VPC, "action": "update"})), ResourceDrift
    )


def test_summary_outputs_init_and_version() -> None:
    summary = parse_line(
        message("change_summary", changes={"add": 3, "import": 1, "remove": 2, "operation": "plan"})
    )
    outputs = parse_line(
        message("outputs", outputs={"a": {"sensitive": False, "value": [1]}, "b": {"sensitive": True}})
    )
    init = parse_line(message("init_output", message_code="initializing_backend_message"))
    terraform = parse_line(message("version", terraform="1.11.4", ui="1.2"))
    tofu = parse_line(message("version", tofu="1.9.0", ui="1.2"))

    assert isinstance(summary, ChangeSummary)
    assert (summary.add, summary.change, summary.remove, summary.imported, summary.operation) == (
        3,
        0,
        2,
        1,
        "plan",
    )
    assert isinstance(outputs, OutputsReported)
    assert outputs.outputs["a"].value == [1]
    assert outputs.outputs["b"].sensitive
    assert isinstance(init, InitOutput)
    assert init.code == "initializing_backend_message"
    assert isinstance(terraform, VersionReported)
    assert isinstance(tofu, VersionReported)
    assert (terraform.engine_version, tofu.engine_version) == ("1.11.4", "1.9.0")


def test_diagnostic_keeps_summary_detail_address_and_source_line() -> None:
    event = parse_line(
        message(
            "diagnostic",
            diagnostic={
                "severity": "error",
                "summary": "creating VPC",
                "detail": "because",
                "address": "aws_vpc.this",
                "range": {"filename": "main.tf", "start": {"line": 7, "column": 3, "byte": 99}},
                "snippet": {"context": 'resource "aws_vpc" "this"', "code": "  cidr_block = x", "start_line": 7},
            },
        )
    )

    assert isinstance(event, DiagnosticReported)
    found = event.diagnostic
    assert (found.severity, found.summary, found.detail) == ("error", "creating VPC", "because")
    assert (found.address, found.source, found.code) == ("aws_vpc.this", "main.tf:7", "cidr_block = x")


@pytest.mark.parametrize("ui", ["1.0", "1.3", "1.99"])
def test_minor_versions_are_welcome(ui: str) -> None:
    assert isinstance(parse_line(message("version", terraform="9", ui=ui)), VersionReported)


def test_another_major_version_is_refused() -> None:
    with pytest.raises(UnsupportedEventStreamError, match=r"version 2\.0; fguard understands 1\.x"):
        parse_line(message("version", terraform="9", ui="2.0"))


@pytest.mark.parametrize(
    "line",
    [
        "panic: runtime error",
        "[1, 2]",
        '"text"',
        "null",
        "{",
        message("a_type_of_tomorrow", what="ever"),
        message("apply_start"),
        message("apply_start", hook={"resource": None}),
        message("change_summary", changes={"add": "many"}),
        message("diagnostic", diagnostic=None),
        message("outputs", outputs=[]),
        '{"@message": 7, "type": ["x"]}',
    ],
)
def test_whatever_is_not_understood_is_kept_as_text(line: str) -> None:
    assert isinstance(parse_line(line), LogText)

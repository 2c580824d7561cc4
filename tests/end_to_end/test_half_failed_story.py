"""A deploy that AWS refuses half way is told with cause and fix, and can be destroyed or completed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.sandbox import Sandbox
    from tests.fguard_process import Fguard


def test_what_was_made_before_the_failure_is_destroyed(
    quickstart: Fguard, sandbox: Sandbox, client: Callable[[str], Any]
) -> None:
    sandbox.faults.add(
        Fault(
            FaultKind.API_ERROR,
            aws_service="elasticloadbalancing",
            action="CreateLoadBalancer",
            code="AccessDenied",
            message="User: ci is not authorized to perform: elasticloadbalancing:CreateLoadBalancer",
            status=403,
        )
    )
    failed = quickstart("deploy", "--yes", "--json")
    assert failed.exit_code == 1, failed.stderr
    error = failed.document["error"]
    assert "elasticloadbalancing:CreateLoadBalancer" in error["message"] + error["why"] + error["fix"]
    assert len(
        client("ec2").describe_subnets(Filters=[{"Name": "tag-key", "Values": ["fguard:deployment"]}])["Subnets"]
    )

    status = quickstart("verify")
    assert status.exit_code == 1
    assert "not deployed, or not completely" in status.stderr

    removed = quickstart("destroy", "--yes", "--json")
    assert removed.document["leftovers"] == []
    assert removed.exit_code == 0, removed.stderr
    assert client("secretsmanager").list_secrets()["SecretList"] == []
    assert [vpc for vpc in client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []


def test_destroy_of_what_was_never_deployed_says_so(quickstart: Fguard) -> None:
    ran = quickstart("destroy", "--yes")
    assert ran.exit_code == 0, ran.stderr
    assert "nothing tagged by it is left" in ran.stdout

"""A deploy that AWS refuses half way is told with cause and fix; its state in S3 lets another machine clean up."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox import Fault, FaultKind
from tests.fguard_process import Fguard, Ran

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fargate_guard.sandbox import Sandbox

BUCKET = "training-terraform-state"
STATE = f"""
state:
  s3: {{bucket: {BUCKET}, key: fguard/quickstart.tfstate, create: true}}
"""


@pytest.fixture(scope="module")
def failed(quickstart: Fguard, sandbox: Sandbox) -> Ran:
    """A deploy with its state in S3, which may not create a load balancer."""
    config = quickstart.folder / "fguard.yaml"
    config.write_text(config.read_text(encoding="utf-8") + STATE, encoding="utf-8")
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
    return quickstart("deploy", "--yes", "--json")


def test_the_missing_permission_is_named_with_the_resource_that_needs_it(failed: Ran) -> None:
    assert failed.exit_code == 1, failed.stderr
    error = failed.document["error"]
    assert "elasticloadbalancing:CreateLoadBalancer" in error["message"]
    assert error["where"] == "module.orchestrator.aws_lb.this"
    assert "elasticloadbalancing:CreateLoadBalancer" in error["fix"]


@pytest.mark.usefixtures("failed")
def test_the_state_bucket_is_versioned_encrypted_and_private(client: Callable[[str], Any]) -> None:
    s3 = client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [
        "fguard/quickstart.tfstate"
    ]


@pytest.mark.usefixtures("failed")
def test_verify_says_that_it_is_not_completely_deployed(quickstart: Fguard) -> None:
    ran = quickstart("verify")
    assert ran.exit_code == 1
    assert "not deployed, or not completely" in ran.stderr


@pytest.mark.usefixtures("failed")
def test_another_machine_destroys_what_was_made(
    quickstart: Fguard, client: Callable[[str], Any], tmp_path: Path
) -> None:
    for name in ("fguard.yaml", "writer-to-bin.json"):
        shutil.copy(quickstart.folder / name, tmp_path / name)
    elsewhere = Fguard(tmp_path, {key: value for key, value in quickstart.environ.items() if key != "TMPDIR"})
    subnets = [{"Name": "tag:fguard:deployment", "Values": ["quickstart"]}]
    assert len(client("ec2").describe_subnets(Filters=subnets)["Subnets"]) == 4
    removed = elsewhere("destroy", "--yes", "--json")
    assert removed.document["leftovers"] == []
    assert removed.exit_code == 0, removed.stderr
    assert client("secretsmanager").list_secrets()["SecretList"] == []
    assert [vpc for vpc in client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []


def test_destroy_of_what_was_never_deployed_says_so(fguard: Fguard, quickstart: Fguard) -> None:
    shutil.copy(quickstart.folder / "writer-to-bin.json", fguard.folder)
    (fguard.folder / "fguard.yaml").write_text(
        (quickstart.folder / "fguard.yaml").read_text(encoding="utf-8").replace(STATE, ""), encoding="utf-8"
    )
    ran = Fguard(fguard.folder, quickstart.environ)("destroy", "--yes")
    assert ran.exit_code == 0, ran.stderr
    assert "nothing tagged by it is left" in ran.stdout

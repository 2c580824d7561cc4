"""What goes wrong between fguard and AWS is told with its cause and the next command."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from fargate_guard import __version__
from fargate_guard.aws.errors import (
    AccessDenied,
    AwsError,
    CredentialsError,
    NotFound,
    ProfileError,
    RegionError,
    Throttled,
    Unreachable,
)
from fargate_guard.aws.parallel import batches, each
from fargate_guard.aws.session import Aws
from fargate_guard.errors import ExitCode, FguardError
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.workflows.embedded_aws import local_endpoint

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.sandbox import Sandbox


@pytest.fixture
def no_aws_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which nobody ever configured AWS."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_the_caller_is_known(aws: Aws) -> None:
    identity = aws.identity()
    assert (identity.account_id, identity.partition) == ("123456789012", "aws")
    assert aws.region == "us-east-1"
    assert aws.in_region("us-east-1") is aws
    assert aws.in_region("eu-west-1").region == "eu-west-1"


@pytest.mark.usefixtures("no_aws_configuration")
def test_without_credentials() -> None:
    with pytest.raises(CredentialsError, match="no AWS credentials") as refused:
        Aws(region="us-east-1").identity()
    assert "fguard demo" in (refused.value.fix or "")
    assert refused.value.exit_code is ExitCode.PREFLIGHT_REFUSED


@pytest.mark.usefixtures("no_aws_configuration")
def test_without_region() -> None:
    with pytest.raises(RegionError, match="no AWS region") as refused:
        Aws().identity()
    assert "--region" in (refused.value.fix or "")


@pytest.mark.usefixtures("no_aws_configuration")
def test_with_a_profile_that_does_not_exist() -> None:
    with pytest.raises(ProfileError, match="'nobody' does not exist") as refused:
        Aws(profile="nobody", region="us-east-1")
    assert "aws configure list-profiles" in (refused.value.fix or "")


@pytest.mark.usefixtures("no_aws_configuration")
def test_a_profile_brings_its_region_and_beats_keys_in_the_environment(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "config").write_text(
        "[profile team]\nregion = eu-central-1\naws_access_key_id = OFTHEPROFILE\naws_secret_access_key = x\n"
    )
    aws = Aws(profile="team", environ={"AWS_ENDPOINT_URL": sandbox.endpoint, "AWS_ACCESS_KEY_ID": "ENVIRONMENT"})
    assert aws.region == "eu-central-1"
    assert aws.identity().account_id


def test_an_endpoint_that_does_not_answer() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    with pytest.raises(Unreachable, match=r"no answer from AWS for sts:GetCallerIdentity") as refused:
        Aws(region="us-east-1", environ=environ).identity()
    assert "AWS_ENDPOINT_URL" in (refused.value.fix or "")


@pytest.mark.parametrize("url", ["not a url", "http://[bad", "localhost:4566", "http://"])
def test_an_endpoint_that_is_no_url(url: str) -> None:
    aws = Aws(region="us-east-1", environ={"AWS_ENDPOINT_URL": url})
    with pytest.raises(FguardError) as refused:
        aws.identity()
    assert "AWS_ENDPOINT_URL" in f"{refused.value.where}{refused.value.fix}"
    assert local_endpoint({"AWS_ENDPOINT_URL": url}) is None


def test_an_endpoint_that_is_not_known_is_told_with_what_was_to_be_called_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULTS_MODE", "nonsense")
    with pytest.raises(AwsError, match="ssm:ResumeSession failed"):
        Aws(region="us-east-1").endpoint("ssm", "resume_session")


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        ("ExpiredToken", CredentialsError, "have expired"),
        ("InvalidClientTokenId", CredentialsError, "does not accept"),
        ("UnrecognizedClientException", CredentialsError, "does not accept"),
        ("AccessDeniedException", AccessDenied, "may not call ecs:ListClusters"),
        ("ClusterNotFoundException", NotFound, "training does not exist"),
        ("InvalidParameterException", AwsError, "AWS refused ecs:ListClusters"),
    ],
)
def test_each_refusal_has_its_own_error(
    aws: Aws, sandbox: Sandbox, code: str, error: type[Exception], text: str
) -> None:
    sandbox.faults.add(Fault(FaultKind.API_ERROR, aws_service="ecs", action="ListClusters", code=code))
    with pytest.raises(error, match=text) as refused:
        aws.call("ecs", "list_clusters", about="training")
    assert code in refused.value.why  # type: ignore[attr-defined]


def test_the_denied_action_is_the_one_that_iam_names(aws: Aws, sandbox: Sandbox) -> None:
    message = "User: arn:aws:iam::1:user/x is not authorized to perform: ecs:DescribeServices on resource: *"
    fault = Fault(FaultKind.API_ERROR, aws_service="ecs", code="AccessDeniedException", message=message)
    sandbox.faults.add(fault)
    with pytest.raises(AccessDenied) as refused:
        aws.call("ecs", "list_clusters")
    assert refused.value.action == "ecs:DescribeServices"
    assert "allow ecs:DescribeServices" in (refused.value.fix or "")


def test_a_short_outage_is_retried(aws: Aws, sandbox: Sandbox) -> None:
    error = Fault(FaultKind.API_ERROR, aws_service="ecs", code="ServerException", status=500, count=2)
    sandbox.faults.add(error)
    assert aws.call("ecs", "list_clusters")["clusterArns"] == []


def test_throttling_without_end_is_told(aws: Aws, sandbox: Sandbox) -> None:
    fault = Fault(FaultKind.API_ERROR, aws_service="sts", code="ThrottlingException")
    sandbox.faults.add(fault)
    with pytest.raises(Throttled, match="throttled sts:GetCallerIdentity") as refused:
        aws.identity()
    assert "in a minute" in (refused.value.fix or "")


def test_calls_say_who_they_are_and_try_ten_times(aws: Aws) -> None:
    config = aws._client("ecs").meta.config
    assert f"fargate-guard/{__version__}" in config.user_agent_extra
    assert config.retries == {"mode": "standard", "total_max_attempts": 10}
    assert aws._client("ecs") is aws._client("ecs")


def test_what_is_not_worth_a_wait_is_given_up_within_ten_seconds(aws: Aws) -> None:
    config = aws.briefly().in_region("eu-west-1")._client("ecs").meta.config
    attempts = config.retries["total_max_attempts"]
    longest_pauses = sum(2**number for number in range(attempts - 1))
    assert attempts * max(config.connect_timeout, config.read_timeout) + longest_pauses < 10
    assert aws.briefly().call("ecs", "list_clusters")["clusterArns"] == []


def test_clients_are_made_once_though_many_threads_ask(aws: Aws) -> None:
    clients = each(aws._client, ["sns", "sns", "sns", "sns"])
    assert len({id(client) for client in clients}) == 1


def test_every_page_of_a_listing_is_read(aws: Aws) -> None:
    for number in range(120):
        aws.call("ecs", "create_cluster", clusterName=f"page-{number}")
    assert len(list(aws.pages("ecs", "list_clusters", "clusterArns"))) == 120


def test_work_is_done_side_by_side_and_comes_back_in_order() -> None:
    meeting = threading.Barrier(4, timeout=10)

    def arrive(number: int) -> int:
        meeting.wait()
        return number * 10

    assert each(arrive, [1, 2, 3, 4]) == [10, 20, 30, 40]
    assert [len(batch) for batch in batches(range(25), 10)] == [10, 10, 5]

"""Calls that fail or take long, on request, and the HTTP interface for asking from elsewhere."""

from __future__ import annotations

import urllib.error
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from fargate_guard.errors import UsageError
from fargate_guard.sandbox import Fault, FaultKind
from tests.sandbox.sandbox_account import client, control

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

    from fargate_guard.sandbox import Sandbox
    from tests.sandbox.sandbox_account import Account, ManualClock


def test_ecs_throttles_at_its_published_token_buckets(account: Account) -> None:
    account.sandbox.faults.add(Fault(FaultKind.THROTTLING))
    assert successes(account, 30) == 20
    account.clock.advance(5)
    assert successes(account, 30) == 5
    with pytest.raises(ClientError) as refused:
        account.ecs.deregister_task_definition(taskDefinition=f"{account.name}:1")
    assert refused.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    account.ecs.describe_task_definition(taskDefinition=account.name)


def successes(account: Account, attempts: int) -> int:
    done = 0
    for _ in range(attempts):
        try:
            account.register()
        except ClientError:
            continue
        done += 1
    return done


def test_an_attempt_that_follows_a_lost_answer_gets_it_again(account: Account) -> None:
    ec2 = client(account.sandbox, "ec2")
    made = ec2.create_route_table(VpcId=account.vpc)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    route = {
        "RouteTableId": made["RouteTable"]["RouteTableId"],
        "DestinationCidrBlock": "0.0.0.0/0",
        "GatewayId": gateway,
    }
    ec2.meta.events.register("before-send.ec2.CreateRoute", as_attempts_of_one_call)
    try:
        assert [ec2.create_route(**route)["Return"] for _ in range(2)] == [True, True]
    finally:
        ec2.meta.events.unregister("before-send.ec2.CreateRoute", as_attempts_of_one_call)
    with pytest.raises(ClientError, match="RouteAlreadyExists"):
        ec2.create_route(**route)


def as_attempts_of_one_call(request: AWSPreparedRequest, **_: object) -> None:
    request.headers["amz-sdk-invocation-id"] = "d1f2a9c4-0000-4000-8000-6d3b1c2e5f60"


def test_latency_delays_the_calls_that_match(account: Account, clock: ManualClock) -> None:
    account.sandbox.faults.add(Fault(FaultKind.LATENCY, aws_service="ecs", action="Describe*", seconds=2.5))
    before = clock.now
    account.ecs.list_clusters()
    assert clock.now == before
    account.ecs.describe_clusters()
    assert clock.now == before + 2.5


@pytest.mark.parametrize(
    ("service", "action", "call"),
    [
        ("ecs", "ListClusters", "list_clusters"),
        ("ec2", "DescribeVpcs", "describe_vpcs"),
        ("elasticloadbalancing", "DescribeLoadBalancers", "describe_load_balancers"),
        ("iam", "ListRoles", "list_roles"),
        ("sts", "GetCallerIdentity", "get_caller_identity"),
        ("s3", "*", "list_buckets"),
        ("secretsmanager", "ListSecrets", "list_secrets"),
    ],
)
def test_an_api_error_arrives_in_the_service_s_own_protocol(
    sandbox: Sandbox, account: Account, service: str, action: str, call: str
) -> None:
    fault = Fault(
        FaultKind.API_ERROR,
        aws_service=service,
        action=action,
        code="ExpiredToken",
        message='The <security> token & "all"',
        status=403,
        count=1,
    )
    account.sandbox.faults.add(fault)
    aws = client(sandbox, "elbv2" if service == "elasticloadbalancing" else service)
    with pytest.raises(ClientError) as refused:
        getattr(aws, call)()
    assert refused.value.response["Error"]["Code"] == "ExpiredToken"
    assert refused.value.response["Error"]["Message"] == 'The <security> token & "all"'
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    getattr(aws, call)()


def test_faults_can_be_asked_for_from_another_process(sandbox: Sandbox, account: Account) -> None:
    answer = control(sandbox, "POST", "faults", {"kind": "image_pull", "service": "web", "count": 1})
    account.create_service(desiredCount=1)
    account.clock.advance(10)
    assert "CannotPullContainerError" in account.tasks("STOPPED")[0]["stoppedReason"]
    listed = control(sandbox, "GET", "faults")["faults"]
    assert [(fault["id"], fault["kind"], fault["hits"]) for fault in listed] == [(answer["id"], "image_pull", 1)]
    control(sandbox, "DELETE", f"faults/{answer['id']}")
    assert control(sandbox, "GET", "faults")["faults"] == []
    control(sandbox, "POST", "faults", {"kind": "no_addresses"})
    control(sandbox, "DELETE", "faults")
    assert control(sandbox, "GET", "faults")["faults"] == []


@pytest.mark.parametrize("document", [{}, [], {"kind": "no such fault"}, {"kind": "latency", "sevice": "web"}])
def test_a_fault_that_does_not_exist_is_refused(sandbox: Sandbox, document: object) -> None:
    with pytest.raises(UsageError):
        Fault.from_json(document)
    with pytest.raises(urllib.error.HTTPError) as refused:
        control(sandbox, "POST", "faults", document)
    assert refused.value.code == 400


def test_status_counts_services_and_tasks(sandbox: Sandbox, account: Account) -> None:
    account.stable_service()
    status = control(sandbox, "GET", "status")
    mine = [service for service in status["services"] if service["cluster"] == account.name]
    assert mine == [{"cluster": account.name, "name": "web", "desired": 2, "running": 2}]
    assert status["tasks"]["running"] >= 2


def test_a_call_that_the_sandbox_lacks_fails_at_once_and_says_so(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError) as refused:
        client(sandbox, "iam").simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::123456789012:role/x", ActionNames=["s3:GetObject"]
        )
    assert refused.value.response["Error"]["Code"] == "NotSupportedBySandbox"
    assert "iam:SimulatePrincipalPolicy" in refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501

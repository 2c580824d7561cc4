"""An organisation in the embedded AWS: a unit with two accounts, and a third account beside them."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from fargate_guard.sandbox import Sandbox
from tests.fguard_inside import FguardInside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fguard_process import Ran

CONFIG = """\
name: training
aws: {region: us-east-1}
network: {nat_gateway: none}
sysdig: {region: us1, access_key: {env: SYSDIG_ACCESS_KEY}}
"""
ACCESS_KEY = "the-agents-access-key"
SET = "fguard-training"


@dataclass
class Organization:
    """The management account's desk, and a look into the member accounts."""

    fguard: FguardInside
    sandbox: Sandbox
    unit: str = ""
    root: str = ""
    accounts: list[str] = field(default_factory=list)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    calls: dict[str, set[str]] = field(default_factory=dict)
    """What each command called."""

    def ran(self, command: str, *more: str) -> Ran:
        """Run a command on the stack set."""
        with self.noting(command):
            return self.fguard(command, "--stack-set", *more)

    @contextlib.contextmanager
    def noting(self, command: str) -> Iterator[None]:
        """Note what is called meanwhile as the command's."""
        self.sandbox.take_calls()
        yield
        self.calls.setdefault(command, set()).update(self.sandbox.take_calls())

    def clear_faults_once(self, call: str) -> threading.Thread:
        """Clear the faults as soon as a deploy has called this."""

        def wait() -> None:
            give_up, called = time.monotonic() + 30, self.calls.setdefault("deploy", set())
            seen = frozenset[str]()
            while call not in seen and time.monotonic() < give_up:
                time.sleep(0.02)
                seen = self.sandbox.take_calls()
                called.update(seen)
            self.sandbox.faults.clear()

        self.sandbox.take_calls()
        thread = threading.Thread(target=wait)
        thread.start()
        return thread

    def access_key(self, account: str, region: str) -> str:
        """What the secret in an account holds."""
        secrets = self.inside(account, "secretsmanager", region)
        (secret,) = secrets.list_secrets()["SecretList"]
        return str(secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"])

    def orchestrator_revision(self, account: str, region: str) -> str:
        """``family:revision`` of what the orchestrator's service in an account runs."""
        ecs = self.inside(account, "ecs", region)
        (service,) = ecs.list_services(cluster=SET)["serviceArns"]
        (found,) = ecs.describe_services(cluster=SET, services=[service])["services"]
        return str(found["taskDefinition"]).rpartition("/")[2]

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """Plain boto3 in the management account."""
        environ = self.sandbox.environment()
        if (service, region) not in self._clients:
            self._clients[service, region] = boto3.client(
                service,
                endpoint_url=self.sandbox.endpoint,
                region_name=region,
                aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            )
        return self._clients[service, region]

    def inside(self, account: str, service: str, region: str = "us-east-1") -> Any:
        """Plain boto3 in a member account, as its administrator."""
        role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
        given = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return boto3.client(
            service,
            endpoint_url=self.sandbox.endpoint,
            region_name=region,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    def move(self, account: str, source: str, destination: str) -> None:
        """Move an account to another unit."""
        self.client("organizations").move_account(
            AccountId=account, SourceParentId=source, DestinationParentId=destination
        )

    def instances(self) -> dict[tuple[str, str], str]:
        """Status by account and Region."""
        listed = self.client("cloudformation").list_stack_instances(StackSetName=SET)["Summaries"]
        return {(one["Account"], one["Region"]): one["Status"] for one in listed}

    def operations(self) -> list[tuple[str, str]]:
        """Action and status of each operation, newest first."""
        listed = self.client("cloudformation").list_stack_set_operations(StackSetName=SET)["Summaries"]
        return [(one["Action"], one["Status"]) for one in listed]


@pytest.fixture(scope="module")
def organization(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organization]:
    folder = tmp_path_factory.mktemp("organization")
    (folder / "fguard.yaml").write_text(CONFIG)
    with Sandbox.start(speed=60) as sandbox:
        environ = {**sandbox.environment(), "SYSDIG_ACCESS_KEY": ACCESS_KEY}
        made = Organization(FguardInside(folder, environ), sandbox)
        organizations = made.client("organizations")
        organizations.create_organization(FeatureSet="ALL")
        made.root = organizations.list_roots()["Roots"][0]["Id"]
        unit = organizations.create_organizational_unit(ParentId=made.root, Name="prod")
        made.unit = unit["OrganizationalUnit"]["Id"]
        for name in ("one", "two", "three"):
            status = organizations.create_account(AccountName=name, Email=f"{name}@example.com")
            made.accounts.append(status["CreateAccountStatus"]["AccountId"])
        for account in made.accounts[:2]:
            made.move(account, made.root, made.unit)
        yield made

"""A deployment that is one small stack: made within a second, and able to fail and to hang on request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox import Fault, FaultKind
from tests.fguard_inside import FguardInside
from tests.terraform_templates.account import Account
from tests.terraform_templates.rendered_modules import web

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.sandbox import Sandbox
    from tests.fguard_process import Ran

CONFIG = """\
name: {name}
aws: {{region: us-east-1}}
sysdig: {{region: us1, access_key: {{secret_arn: "{access_key}"}}}}
agent: {{topology: direct}}
network: {{vpc_id: {vpc}, subnet_ids: [{first}, {second}], assign_public_ip: true}}
workloads: [{{task_definition: web.json}}]
"""
LOG_GROUP, TASK_DEFINITION = "WorkloadWebAgentLogGroup", "WorkloadWebTaskDefinition"
"""What fails or hangs, in the order in which they are made; in the stack are also a cluster and two roles."""


class Place:
    """An account with a network and an access key."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Make the network."""
        self.sandbox, self.account = sandbox, Account(sandbox)
        vpc = self.account.vpc()
        subnets = [self.account.subnet(vpc, f"10.9.{index}.0/24", zone) for index, zone in enumerate("ab")]
        self.account.route_out(vpc)
        self._there = {"vpc": vpc, "first": subnets[0], "second": subnets[1]}

    def deployment(self, name: str, folder: Path) -> SmallStack:
        """A deployment that is configured, and not deployed yet."""
        folder.mkdir()
        config = CONFIG.format(name=name, access_key=self.account.access_key_arn, **self._there)
        (folder / "fguard.yaml").write_text(config)
        (folder / "web.json").write_text(json.dumps(web()))
        return SmallStack(name, FguardInside(folder, self.sandbox.environment()), self)


@dataclass(frozen=True)
class SmallStack:
    """A deployment, and what its user and others do with its stack."""

    name: str
    fguard: FguardInside
    place: Place

    @property
    def stack(self) -> str:
        """The stack's name."""
        return f"fguard-{self.name}"

    @property
    def status(self) -> str | None:
        """The stack's state; None where there is none."""
        listed = self.cloudformation.describe_stacks()["Stacks"]
        return next((one["StackStatus"] for one in listed if one["StackName"] == self.stack), None)

    @property
    def cloudformation(self) -> Any:
        """Plain boto3."""
        return self.place.account.client("cloudformation")

    @property
    def retention(self) -> int:
        """The property of the log group that updates change."""
        found = self.place.account.client("logs").describe_log_groups(
            logGroupNamePrefix=f"/fguard/{self.name}/web"
        )
        (group,) = found["logGroups"]
        return int(group["retentionInDays"])

    def deploy(self, *more: str) -> Ran:
        """``fguard deploy``, approved."""
        return self.fguard("deploy", "--method", "cloudformation", "--yes", *more)

    def deployed(self) -> SmallStack:
        """Deploy it, as a beginning."""
        ran = self.deploy()
        assert ran.exit_code == 0, ran.stderr
        return self

    def rendered_template(self) -> str:
        """What ``fguard render`` writes for other tools."""
        ran = self.fguard("render", "--method", "cloudformation", "-o", "rendered")
        assert ran.exit_code == 0, ran.stderr
        return (self.fguard.folder / "rendered" / "template.yaml").read_text()

    def retain_for(self, days: int) -> None:
        """Let the next deploy update the log group."""
        file = self.fguard.folder / "fguard.yaml"
        file.write_text(f"{file.read_text()}logs: {{retention_days: {days}}}\n")

    def fail(self, action: str, logical_id: str = LOG_GROUP, count: int | None = None) -> None:
        """Let a resource fail, from now on or so many times."""
        self._add(FaultKind.RESOURCE_FAILURE, action, logical_id, count)

    def hang(self, action: str) -> None:
        """Let the log group hang until it may go on."""
        self._add(FaultKind.RESOURCE_HANG, action, LOG_GROUP, None)

    def _add(self, kind: FaultKind, action: str, logical_id: str, count: int | None) -> None:
        self.place.sandbox.faults.add(
            Fault(kind, stack=self.stack, logical_id=logical_id, action=action, message="Asked for", count=count)
        )

    def go_on(self) -> None:
        """Let nothing fail or hang any more."""
        self.place.sandbox.faults.clear()

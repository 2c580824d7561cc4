"""Stacks of log groups in the embedded AWS: quick to make, and able to fail on request."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import boto3

from fargate_guard.aws.cloudformation import find_stack
from fargate_guard.aws.session import Aws
from fargate_guard.config.load import parse_config
from fargate_guard.deployment import DeploymentFolder
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.stacks.template import StackTemplate
from fargate_guard.workflows.context import Context, StackChoice
from fargate_guard.workflows.stack_operation import execute_stack, plan_stack
from fargate_guard.workflows.stack_owner import StackOwner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fargate_guard.sandbox import Sandbox
    from fargate_guard.stacks.events import StackEvent
    from fargate_guard.stacks.states import Stack
    from fargate_guard.terraform.events import Event

TAGS = {"fguard:managed-by": "fargate-guard", "fguard:deployment": "training"}
OWNER = StackOwner("the tests", TAGS, "give it another name")
CONFIG = "name: training\nsysdig: {region: us1, access_key: {env: SYSDIG_ACCESS_KEY}}\n"


@dataclass
class Heard:
    """An observer that remembers."""

    lines: list[str] = field(default_factory=list)

    def step(self, title: str) -> None:
        self.lines.append(title)

    def note(self, text: str) -> None:
        self.lines.append(text)

    def warning(self, text: str) -> None:
        self.lines.append(f"warning: {text}")

    def terraform(self, event: Event) -> None:
        self.lines.append(event.message)

    def stack(self, event: StackEvent) -> None:
        self.lines.append(f"{event.address} {event.status}")

    def rollout(self, text: str) -> None:
        self.lines.append(text)


def pause(_seconds: float) -> None:
    """Wait as long as the sandbox, which is quick, needs."""
    time.sleep(0.02)


class Account:
    """The embedded AWS and the clients for it, made once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.environ = sandbox.environment()
        self.aws = Aws(environ=self.environ)
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Plain boto3."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name=self.environ["AWS_REGION"],
                endpoint_url=self.environ["AWS_ENDPOINT_URL"],
                aws_access_key_id=self.environ["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.environ["AWS_SECRET_ACCESS_KEY"],
            )
        return self._clients[service]


class Stacks:
    """What a test does with stacks: fguard's workflows on one side, plain boto3 on the other."""

    def __init__(self, account: Account, folder: Path) -> None:
        self.sandbox, self.environ, self.client = account.sandbox, account.environ, account.client
        self.heard = Heard()
        self.context = Context(
            config=parse_config(CONFIG),
            config_file=folder / "fguard.yaml",
            folder=DeploymentFolder.of(folder / "fguard.yaml", "training"),
            aws=account.aws,
            environ=self.environ,
            observer=self.heard,
            stacks=StackChoice(sleep=pause),
        )

    def choosing(self, **choices: Any) -> Context:
        """The context with other choices about stacks."""
        return replace(self.context, stacks=replace(self.context.stacks, **choices))

    def repairing(self, confirm: Callable[[str], bool] = lambda _question: True) -> Context:
        """The context of a user who gave ``--repair`` and confirms."""
        return self.choosing(repair=True, confirm=confirm)

    def deploy(self, name: str, template: StackTemplate, context: Context | None = None) -> None:
        """Plan and execute."""
        context = context or self.context
        execute_stack(context, plan_stack(context, name, template, owner=OWNER), body=template.body)

    def find(self, name: str) -> Stack | None:
        return find_stack(self.context.aws, name)

    def names(self) -> list[str]:
        """Of all stacks, nested ones included."""
        return [one["StackName"] for one in self.client("cloudformation").describe_stacks()["Stacks"]]

    def status(self, name: str) -> str | None:
        """The stack's state; None where there is none."""
        stack = self.find(name)
        return stack.status if stack else None

    def groups(self, name: str) -> dict[str, int]:
        """Retention by log group of a stack."""
        found = self.client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}/")["logGroups"]
        return {one["logGroupName"].rpartition("/")[2]: one.get("retentionInDays", 0) for one in found}

    def fail(self, action: str, logical_id: str, message: str = "Asked for.", count: int | None = None) -> None:
        """Let a resource fail from now on."""
        self.sandbox.faults.add(
            Fault(FaultKind.RESOURCE_FAILURE, action=action, logical_id=logical_id, message=message, count=count)
        )

    def hang(self, action: str, logical_id: str) -> None:
        """Let a resource hang until the faults are cleared."""
        self.sandbox.faults.add(Fault(FaultKind.RESOURCE_HANG, action=action, logical_id=logical_id))

    def pending_change_sets(self, name: str) -> list[str]:
        """What was planned and neither executed nor deleted."""
        listed = self.client("cloudformation").list_change_sets(StackName=name)["Summaries"]
        return [one["ChangeSetName"] for one in listed if one["ExecutionStatus"] != "EXECUTE_COMPLETE"]


def log_groups(name: str, *logical_ids: str, retention: int = 1, names: str = "") -> StackTemplate:
    """A template of log groups, made one after the other.

    :param names: a suffix of their names; another one replaces them.
    """
    lines, before = ["Resources:"], ""
    for logical_id in logical_ids:
        lines += [f"  {logical_id}:", "    Type: AWS::Logs::LogGroup"]
        lines += [f"    DependsOn: {before}"] if before else []
        lines += [f"    Properties: {{LogGroupName: /{name}/{logical_id}{names}, RetentionInDays: {retention}}}"]
        before = logical_id
    return StackTemplate("\n".join([*lines, ""]), {}, (), TAGS)

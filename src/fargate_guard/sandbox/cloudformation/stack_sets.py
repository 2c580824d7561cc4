"""Stack sets: what they are, what their operations do, and how both are doing.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Place = tuple[str, str]
"""Account and Region."""

SERVICE_MANAGED = "SERVICE_MANAGED"
RUNNING_STATES = ("QUEUED", "RUNNING", "STOPPING")


@dataclass
class StackInstance:
    """A stack of a stack set in one account and Region."""

    account: str
    region: str
    unit: str | None = None
    """The organizational unit through which the account is a target."""
    stack_id: str | None = None
    status: str = "OUTDATED"
    """``CURRENT``, ``OUTDATED`` or ``INOPERABLE``."""
    detailed_status: str = "PENDING"
    reason: str | None = None
    overrides: list[Json] = field(default_factory=list)
    """``ParameterOverrides``."""
    last_operation_id: str | None = None
    drift: str = "NOT_CHECKED"
    drift_checked_at: float | None = None


@dataclass
class Outcome:
    """What an operation did in one account and Region."""

    account: str
    region: str
    unit: str | None
    status: str = "PENDING"
    """``PENDING``, ``RUNNING``, ``SUCCEEDED``, ``FAILED`` or ``CANCELLED``."""
    reason: str | None = None
    step: str = ""
    """What it is waited for: ``create``, ``update``, ``delete``, ``drift``; ``clear``: before a new try."""
    detection_id: str | None = None


@dataclass
class StackSetOperation:
    """One operation on a stack set."""

    id: str
    action: str
    """``CREATE``, ``UPDATE``, ``DELETE`` or ``DETECT_DRIFT``."""
    created_at: float
    preferences: Json
    regions: list[str]
    """In the order in which they are operated on."""
    outcomes: dict[Place, Outcome]
    overrides: list[Json] | None = None
    """``ParameterOverrides`` for the instances; None leaves them."""
    targets: Json | None = None
    """``DeploymentTargets`` as requested."""
    retain_stacks: bool = False
    status: str = "QUEUED"
    ended_at: float | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has an end ahead."""
        return self.status in RUNNING_STATES

    def of_region(self, region: str) -> list[Outcome]:
        """Return the outcomes in a Region."""
        return [outcome for outcome in self.outcomes.values() if outcome.region == region]


@dataclass
class StackSet:
    """A stack set."""

    name: str
    account: str
    region: str
    partition: str
    template: str
    parameters: list[Json]
    capabilities: list[str]
    tags: list[Json]
    permission_model: str
    settings: Json
    """What else CreateStackSet and UpdateStackSet were given, as they were given it."""
    id: str = ""
    status: str = "ACTIVE"
    instances: dict[Place, StackInstance] = field(default_factory=dict)
    operations: dict[str, StackSetOperation] = field(default_factory=dict)
    """By ID, oldest first."""
    units: dict[str, set[str]] = field(default_factory=dict)
    """Regions by organizational unit: where accounts that join are deployed to.

    Automatic deployments do not consider account filters:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-manage-auto-deployment.html
    """
    members: dict[str, set[str]] = field(default_factory=dict)
    """Accounts by organizational unit, as they were when last looked at: who joined and left since."""

    def __post_init__(self) -> None:
        self.id = self.id or f"{self.name}:{uuid.uuid4()}"

    @property
    def arn(self) -> str:
        """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html."""
        return f"arn:{self.partition}:cloudformation:{self.region}:{self.account}:stackset/{self.id}"

    @property
    def is_service_managed(self) -> bool:
        """Whether Organizations says which accounts there are."""
        return self.permission_model == SERVICE_MANAGED

    @property
    def deploys_automatically(self) -> bool:
        """Whether accounts that join an organizational unit get a stack."""
        return bool((self.settings.get("AutoDeployment") or {}).get("Enabled"))

    @property
    def is_managed(self) -> bool:
        """Whether operations wait for each other instead of being refused."""
        return bool((self.settings.get("ManagedExecution") or {}).get("Active"))

    @property
    def running(self) -> StackSetOperation | None:
        """The oldest operation that is not at its end."""
        return next((each for each in self.operations.values() if each.is_running), None)

    def instance_parameters(self, instance: StackInstance) -> list[Json]:
        """Return the set's parameters with the instance's overrides."""
        merged = {each["ParameterKey"]: each for each in (*self.parameters, *instance.overrides)}
        return [{"ParameterKey": key, "ParameterValue": each["ParameterValue"]} for key, each in merged.items()]

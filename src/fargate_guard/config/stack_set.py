"""Which accounts and Regions of an organisation get the orchestrator, with ``fguard deploy --stack-set``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from fargate_guard.config.types import Strict

OrganizationalUnit = Annotated[
    str, StringConstraints(pattern=r"^(ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32})$")
]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
RegionName = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]


MOST_UNITS = 50
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackInstances.html."""


def _once(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


Once = AfterValidator(_once)
"""What is named twice counts once."""


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Share = Annotated[str, BeforeValidator(_as_text), StringConstraints(pattern=r"^(\d{1,4}|(\d|[1-9]\d|100)%)$")]
"""A number of accounts, or a percentage."""
SomeShare = Annotated[
    str, BeforeValidator(_as_text), StringConstraints(pattern=r"^([1-9]\d{0,3}|([1-9]|[1-9]\d|100)%)$")
]
"""At least one of them."""


class StackSet(Strict):
    """A stack set with service-managed permissions.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackSetOperationPreferences.html
    """

    organizational_units: Annotated[list[OrganizationalUnit], Field(max_length=MOST_UNITS), Once] = []
    """`ou-…` or the root, `r-…`: all accounts in them and below, but the management account."""
    accounts: Annotated[list[AccountId], Once] = []
    """Only these of them. Without organizational units: these, wherever they are in the organisation."""
    regions: Annotated[list[RegionName], Once] = []
    """In the order in which they are deployed to."""
    failure_tolerance: Share = "0"
    """In how many accounts of a Region (or how many per cent) it may fail before the rest is given up."""
    max_concurrent: SomeShare = "1"
    """In how many accounts of a Region at once, or how many per cent; never more than the tolerance plus one."""
    region_concurrency: Literal["sequential", "parallel"] = "sequential"
    """One Region after the other, or all at once."""
    auto_deployment: bool | None = None
    """Accounts that join an organizational unit get the orchestrator, and those that leave lose it. Default: yes,
    but not where `accounts` are named: CloudFormation does not look at them when an account joins."""
    retain_on_leaving: bool = False
    """With `auto_deployment`: an account that leaves keeps its stacks."""
    delegated_administrator: bool = False
    """You are signed in to a member account that administers stack sets, not to the management account."""

    @property
    def deploys_automatically(self) -> bool:
        """Whether accounts that join and leave are followed.

        Automatic deployments do not consider which accounts were named:
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-manage-auto-deployment.html
        """
        return not self.accounts if self.auto_deployment is None else self.auto_deployment

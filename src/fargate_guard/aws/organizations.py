"""The organisation: which accounts are in which of its units, and whether they are active."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fargate_guard.aws.errors import AwsError
    from fargate_guard.aws.session import Aws

ACTIVE = "ACTIVE"


@dataclass(slots=True)
class Members:
    """The accounts in organizational units, and in those below them; never the management account.

    Stack sets do not deploy to it:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-associate-stackset-with-org.html
    """

    units: dict[str, str] = field(default_factory=dict)
    """Active accounts, each with the unit that was asked for."""
    inactive: dict[str, str] = field(default_factory=dict)
    """Accounts that are not active, each with its state: ``SUSPENDED``, ``PENDING_CLOSURE``…"""
    below: set[str] = field(default_factory=set)
    """The units below those that were asked for."""

    def of(self, unit: str) -> frozenset[str]:
        """Return the active accounts that are reached through a unit."""
        return frozenset(account for account, through in self.units.items() if through == unit)


def members_of(aws: Aws, units: Sequence[str]) -> Members:
    """Return the accounts of organizational units.

    A unit below another one that is asked for adds nothing: its accounts are reached through the upper one.
    """
    management = aws.call("organizations", "describe_organization")["Organization"]["MasterAccountId"]
    found = Members()
    by_unit = {unit: list(_below(aws, unit, found.below)) for unit in dict.fromkeys(units)}
    for unit, accounts in by_unit.items():
        if unit in found.below:
            continue
        for account in accounts:
            if account["Id"] == management:
                continue
            if _state(account) == ACTIVE:
                found.units[str(account["Id"])] = unit
            else:
                found.inactive[str(account["Id"])] = _state(account)
    return found


def root(aws: Aws) -> str:
    """Return the ID of the organisation's root."""
    return str(aws.call("organizations", "list_roots")["Roots"][0]["Id"])


def is_outside(error: AwsError) -> bool:
    """Whether a call was refused since the account is in no organisation."""
    return "AWSOrganizationsNotInUse" in error.code


def _below(aws: Aws, unit: str, units: set[str]) -> Iterator[dict[str, Any]]:
    yield from aws.pages("organizations", "list_accounts_for_parent", "Accounts", about=unit, ParentId=unit)
    listing = "list_organizational_units_for_parent"
    for child in aws.pages("organizations", listing, "OrganizationalUnits", about=unit, ParentId=unit):
        units.add(str(child["Id"]))
        yield from _below(aws, str(child["Id"]), units)


def _state(account: dict[str, Any]) -> str:
    """``State`` takes the place of ``Status``, which AWS retires.

    https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
    """
    return str(account.get("State") or account.get("Status"))

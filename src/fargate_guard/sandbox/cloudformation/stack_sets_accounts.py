"""The accounts that a stack set's operation is for.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeploymentTargets.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.in_process import in_process_client

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.stack_sets import StackSet

Json = dict[str, Any]
ACCESS_PRINCIPAL = "member.org.stacksets.cloudformation.amazonaws.com"
"""https://docs.aws.amazon.com/organizations/latest/userguide/services-that-can-integrate-cloudformation.html"""
NO_ACCESS = "You must enable organizations access to operate a service managed stack set"
EXECUTION_ROLE = "AWSCloudFormationStackSetExecutionRole"
ADMINISTRATION_ROLE = "AWSCloudFormationStackSetAdministrationRole"


def has_access(account: str) -> bool:
    """Whether stack sets may look into the organization."""
    from botocore.exceptions import ClientError

    try:
        answer = _organizations(account).list_aws_service_access_for_organization()
    except ClientError:
        return False
    return any(each["ServicePrincipal"] == ACCESS_PRINCIPAL for each in answer["EnabledServicePrincipals"])


def set_access(account: str, *, enabled: bool) -> None:
    """Let stack sets look into the organization, or no longer.

    :raises ValidationFailed: outside an organization.
    """
    from botocore.exceptions import ClientError

    organizations = _organizations(account)
    change = organizations.enable_aws_service_access if enabled else organizations.disable_aws_service_access
    try:
        change(ServicePrincipal=ACCESS_PRINCIPAL)
    except ClientError as error:
        raise ValidationFailed(error.response["Error"]["Message"]) from error


def target_accounts(stack_set: StackSet, request: Json) -> dict[str, str | None]:
    """Return accounts, each with its organizational unit, that a request is for.

    :raises ValidationFailed: when the request does not fit the stack set's permission model.
    """
    targets = request.get("DeploymentTargets") or {}
    if not stack_set.is_service_managed:
        accounts = request.get("Accounts") or targets.get("Accounts")
        if not accounts:
            message = "Accounts list cannot be empty"
            raise ValidationFailed(message)
        return dict.fromkeys(accounts)
    if request.get("Accounts") or not targets.get("OrganizationalUnitIds"):
        message = "StackSets with SERVICE_MANAGED permission model can only have OrganizationalUnit as target"
        raise ValidationFailed(message)
    members: dict[str, str | None] = {}
    for unit in targets["OrganizationalUnitIds"]:
        members |= dict.fromkeys(accounts_below(stack_set.account, unit), unit)
    return _filtered(members, targets)


def check_creation(request: Json) -> None:
    """Refuse what creations do not take.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeploymentTargets.html

    :raises ValidationFailed: for accounts without a filter type, or with UNION.
    """
    targets = request.get("DeploymentTargets") or {}
    if targets.get("Accounts") and targets.get("AccountFilterType", "UNION") == "UNION":
        message = "AccountFilterType should be specified when both OrganizationalUnitIds and Accounts are provided"
        if "AccountFilterType" in targets:
            message = "AccountFilterType UNION is not supported for CreateStackInstances operations"
        raise ValidationFailed(message)


def inactive_accounts(management_account: str) -> frozenset[str]:
    """Return the accounts of the organization that are suspended or being closed; none outside of one."""
    from botocore.exceptions import ClientError

    try:
        accounts = _organizations(management_account).list_accounts()["Accounts"]
    except ClientError:
        return frozenset()
    return frozenset(account["Id"] for account in accounts if account["Status"] != "ACTIVE")


def _filtered(members: dict[str, str | None], targets: Json) -> dict[str, str | None]:
    named = targets.get("Accounts") or []
    kind = targets.get("AccountFilterType", "UNION")
    if kind == "INTERSECTION":
        return {account: unit for account, unit in members.items() if account in named}
    if kind == "DIFFERENCE":
        return {account: unit for account, unit in members.items() if account not in named}
    if kind == "UNION":
        return {**dict.fromkeys(named), **members}
    return members


def accounts_below(management_account: str, unit: str) -> list[str]:
    """Return the accounts in a root or organizational unit and in those below it, active or not.

    Stack sets do not deploy to the management account.

    :raises ValidationFailed: for a unit that does not exist.
    """
    from botocore.exceptions import ClientError

    organizations = _organizations(management_account)
    try:
        accounts = [
            account["Id"]
            for account in organizations.list_accounts_for_parent(ParentId=unit)["Accounts"]
            if account["Id"] != management_account
        ]
        below = organizations.list_organizational_units_for_parent(ParentId=unit)["OrganizationalUnits"]
    except ClientError as error:
        message = f"Invalid OU: {unit}. {error.response['Error']['Message']}"
        raise ValidationFailed(message) from error
    for child in below:
        accounts += accounts_below(management_account, child["Id"])
    return accounts


def refusal(stack_set: StackSet, account: str) -> str | None:
    """Return why a stack set must not work in an account: the role to do it with is missing.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html
    """
    from botocore.exceptions import ClientError

    if stack_set.is_service_managed:
        return None
    role = stack_set.settings.get("ExecutionRoleName") or EXECUTION_ROLE
    try:
        in_process_client("iam", stack_set.region, account).get_role(RoleName=role)
    except ClientError:
        administrator = str(stack_set.settings.get("AdministrationRoleARN") or ADMINISTRATION_ROLE)
        name = administrator.rsplit("/", maxsplit=1)[-1]
        return f"Account {account} should have '{role}' role with trust relationship to Role '{name}'."
    return None


def _organizations(account: str) -> Any:
    return in_process_client("organizations", "us-east-1", account)

"""A role, its policies, and what IAM itself says that it may do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fargate_guard.aws.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.aws.session import Aws

Json = dict[str, Any]


def role_name(role_arn: str) -> str:
    """Return the name in a role's ARN; a path before it is left out."""
    return role_arn.rsplit("/", 1)[-1]


def trust_policy(aws: Aws, role_arn: str) -> Json | None:
    """Return who may assume the role, None when there is no such role."""
    try:
        role = aws.call("iam", "get_role", about=role_arn, RoleName=role_name(role_arn))["Role"]
    except NotFound:
        return None
    return _document(role["AssumeRolePolicyDocument"])


def policies(aws: Aws, role_arn: str) -> list[tuple[str, Json]]:
    """Return name and document of each of the role's inline and attached policies."""
    name = role_name(role_arn)
    found = []
    for policy in aws.pages("iam", "list_role_policies", "PolicyNames", about=role_arn, RoleName=name):
        inline = aws.call("iam", "get_role_policy", about=role_arn, RoleName=name, PolicyName=policy)
        found.append((str(policy), _document(inline["PolicyDocument"])))
    attached = aws.pages("iam", "list_attached_role_policies", "AttachedPolicies", about=role_arn, RoleName=name)
    for policy in attached:
        arn = policy["PolicyArn"]
        version = aws.call("iam", "get_policy", about=arn, PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = aws.call("iam", "get_policy_version", about=arn, PolicyArn=arn, VersionId=version)
        found.append((policy["PolicyName"], _document(document["PolicyVersion"]["Document"])))
    return found


def simulate(
    aws: Aws, role_arn: str, actions: Iterable[str], resource_arn: str, context: Iterable[tuple[str, str]] = ()
) -> dict[str, str]:
    """Ask IAM what the role may do with the resource: ``allowed``, ``explicitDeny``, ``implicitDeny`` by action.

    IAM counts the role's policies, its permissions boundary and service control policies, but not the resource's
    own policy. ``context`` has the condition keys of the request, which IAM takes for absent otherwise.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
    """
    results = aws.pages(
        "iam",
        "simulate_principal_policy",
        "EvaluationResults",
        about=role_arn,
        PolicySourceArn=role_arn,
        ActionNames=list(actions),
        ResourceArns=[resource_arn],
        ContextEntries=[
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in context
        ],
    )
    return {result["EvalActionName"]: result["EvalDecision"] for result in results}


def _document(document: Any) -> Json:
    """Return a policy as an object; boto3 decodes it already, other sources hand out URL-encoded JSON."""
    return dict(document) if isinstance(document, dict) else dict(json.loads(unquote(document)))

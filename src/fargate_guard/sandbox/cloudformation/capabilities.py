"""What has to be acknowledged: IAM resources, and templates that macros rewrite.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html (Capabilities)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.sandbox.cloudformation.errors import InsufficientCapabilities

if TYPE_CHECKING:
    from collections.abc import Collection

    from fargate_guard.sandbox.cloudformation.template import Template

IAM = "CAPABILITY_IAM"
NAMED_IAM = "CAPABILITY_NAMED_IAM"
AUTO_EXPAND = "CAPABILITY_AUTO_EXPAND"
IAM_TYPES = {
    "AWS::IAM::AccessKey": None,
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": None,
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserToGroupAddition": None,
}
"""Types that need a capability, with the property that makes the name the template's own."""


def needed_capabilities(template: Template) -> list[tuple[str, str]]:
    """Return capability and type for every IAM resource."""
    needed = []
    for resource in template.resources.values():
        kind = resource["Type"]
        if kind in IAM_TYPES:
            name = IAM_TYPES[kind]
            named = name is not None and name in (resource.get("Properties") or {})
            needed.append((NAMED_IAM if named else IAM, kind))
    return needed


def check_capabilities(template: Template, given: Collection[str]) -> None:
    """Refuse a template whose IAM resources are not acknowledged.

    :raises InsufficientCapabilities: "Requires capabilities : [CAPABILITY_IAM]".
    """
    needed = {capability for capability, _ in needed_capabilities(template)}
    if NAMED_IAM in needed and NAMED_IAM not in given:
        _refuse(NAMED_IAM)
    if IAM in needed and not {IAM, NAMED_IAM} & set(given):
        _refuse(IAM)


def check_transform_capability(given: Collection[str]) -> None:
    """Refuse to run macros whose result nobody has seen.

    :raises InsufficientCapabilities: "Requires capabilities : [CAPABILITY_AUTO_EXPAND]".
    """
    if AUTO_EXPAND not in given:
        _refuse(AUTO_EXPAND)


def _refuse(capability: str) -> None:
    message = f"Requires capabilities : [{capability}]"
    raise InsufficientCapabilities(message)

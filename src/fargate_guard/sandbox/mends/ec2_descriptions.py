"""EC2: descriptions of security groups and of their rules have only the characters that EC2 takes.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRuleDescription.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend

from fargate_guard.sandbox.mends.override import override

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VALID = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
_REFUSAL = (
    "Invalid {} description. Valid descriptions are strings less than 256 characters from the following set:"
    "  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
)


def mend() -> None:
    """Let EC2 refuse what moto takes."""
    override(EC2Backend, "create_security_group", _create_security_group)
    for side in ("ingress", "egress"):
        override(EC2Backend, f"authorize_security_group_{side}", _with_checked_rules)


def check_rule(rule: Mapping[str, Any]) -> None:
    """Refuse a rule, as moto's backend gets it, whose description EC2 would not take."""
    for kind in ("ip_ranges", "source_groups", "prefix_list_ids"):
        for each in rule.get(kind) or ():
            _check(each.get("Description") if isinstance(each, dict) else None, "rule")


def _check(text: str | None, what: str) -> None:
    if text and not _VALID.fullmatch(text):
        code = "InvalidParameterValue"
        raise EC2ClientError(code, _REFUSAL.format(what))


def _create_security_group(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_security_group(self: Any, name: str, description: str, *args: Any, **more: Any) -> Any:
        _check(description, "security group")
        return original(self, name, description, *args, **more)

    return create_security_group


def _with_checked_rules(original: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: Any, *args: Any, **rule: Any) -> Any:
        check_rule(rule)
        return original(self, *args, **rule)

    return checked

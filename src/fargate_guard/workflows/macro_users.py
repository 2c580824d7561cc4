"""The stacks that use the macro: without it they could be neither updated nor rolled back."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import cloudformation
from fargate_guard.aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.aws.session import Aws
    from fargate_guard.stacks.states import Stack

MACRO = "AWS::CloudFormation::Macro"
TO_BE_DELETED = frozenset(
    {
        *("REVIEW_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"),
        *("DELETE_IN_PROGRESS", "DELETE_COMPLETE", "DELETE_FAILED"),
    }
)
"""States in which a stack can only be deleted, for which no macro is run (a stack under review has no resources).

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-stack-status-codes
"""


def defines_macro(aws: Aws, stack: Stack) -> bool:
    """Return whether the macro's own stack has made its macro: what was never there has no users."""
    return any(
        one["ResourceType"] == MACRO and one["ResourceStatus"] not in ("CREATE_FAILED", "DELETE_COMPLETE")
        for one in cloudformation.resources(aws, stack.stack_id)
    )


def stacks_with(aws: Aws, macro: str) -> Iterator[str]:
    """Yield the names of this account's and Region's stacks whose template, as it was given, uses a macro.

    Stacks of other accounts that may use it are not seen.
    """
    for stack in aws.pages("cloudformation", "describe_stacks", "Stacks"):
        if stack["StackStatus"] not in TO_BE_DELETED and uses(_original(aws, stack["StackId"]), macro):
            yield str(stack["StackName"])


def _original(aws: Aws, stack: str) -> Any:
    """The template as it was given: JSON as data, YAML as text; None where the stack is gone by now."""
    try:
        found = aws.call("cloudformation", "get_template", about=stack, StackName=stack, TemplateStage="Original")
    except AwsError as error:
        if cloudformation.is_absent(error):
            return None
        raise
    return found.get("TemplateBody")


def uses(body: Any, macro: str) -> bool:
    """Return whether a template has the macro in its ``Transform`` section or in an ``Fn::Transform``.

    One that has its name in it and cannot be read counts, too: better once too often.

    :param body: as GetTemplate returns it.
    """
    from fargate_guard.formats import read_source  # its YAML takes its time to load
    from fargate_guard.taskdef import TaskDefinitionError

    if macro not in (body if isinstance(body, str) else json.dumps(body)):
        return False
    try:
        template = read_source(body).value if isinstance(body, str) else body
    except TaskDefinitionError:
        return True
    given = template.get("Transform") if isinstance(template, dict) else None
    return any(_is(one, macro) for one in (*_each(given), *_within(template)))


def _each(transforms: Any) -> list[Any]:
    return transforms if isinstance(transforms, list) else [transforms]


def _is(transform: Any, macro: str) -> bool:
    """``FargateGuard``, ``{"Name": "FargateGuard"}``, or with the account: ``123456789012::FargateGuard``."""
    name = transform.get("Name") if isinstance(transform, dict) else transform
    if isinstance(name, (dict, list)):  # whatever a function comes to
        return macro in json.dumps(name)
    return isinstance(name, str) and re.fullmatch(rf"(\d{{12}}::)?{re.escape(macro)}", name) is not None


def _within(value: Any) -> Iterator[Any]:
    """Yield the arguments of every ``Fn::Transform``."""
    if isinstance(value, dict):
        if "Fn::Transform" in value:
            yield from _each(value["Fn::Transform"])
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _within(item)

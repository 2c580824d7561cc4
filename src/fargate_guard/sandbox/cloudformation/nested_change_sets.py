"""Change sets of nested stacks, made along with their parent's (IncludeNestedStacks).

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/change-sets-for-nested-stacks.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.change_set import ChangeSet, change_set_id
from fargate_guard.sandbox.cloudformation.errors import ValidationFailed
from fargate_guard.sandbox.cloudformation.intrinsics import KNOWN_AFTER_APPLY
from fargate_guard.sandbox.cloudformation.preview import Preview
from fargate_guard.sandbox.cloudformation.stack import STACK_TYPE
from fargate_guard.sandbox.cloudformation.submission import submitted_target, text_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.backend import StackBackend

Json = Any


def make_children(backend: StackBackend, parent: ChangeSet, properties: Mapping[str, Mapping[str, Json]]) -> None:
    """Make a change set for every nested stack that the parent's changes concern.

    :param properties: of the nested stacks as they are to be, by logical ID.
    """
    for change in parent.changes:
        described = change["ResourceChange"]
        if described["ResourceType"] != STACK_TYPE or described["Action"] != "Modify":
            continue
        logical_id = described["LogicalResourceId"]
        child = _child(backend, parent, logical_id, properties[logical_id])
        if child is not None:
            described["ChangeSetId"] = child.id


def _child(
    backend: StackBackend, parent: ChangeSet, logical_id: str, properties: Mapping[str, Json]
) -> ChangeSet | None:
    stack = backend.find(parent.stack.resources[logical_id].physical_id)
    if stack is None or KNOWN_AFTER_APPLY in str(properties["TemplateURL"]):
        return None
    given = [
        {"ParameterKey": key, "ParameterValue": ",".join(value) if isinstance(value, list) else str(value)}
        for key, value in (properties.get("Parameters") or {}).items()
    ]
    request = {
        "Parameters": given,
        "Capabilities": parent.request.get("Capabilities"),
        "IncludeNestedStacks": True,
    }
    name = f"{parent.name}-{stack.name}"[:128]
    child = ChangeSet(name, change_set_id(stack, name), stack, parent.created_at, parent.due, request)
    child.parent = parent
    try:
        text = text_at(backend, str(properties["TemplateURL"]))
        child.target = submitted_target(backend, request, stack, text, in_change_set=True)
    except ValidationFailed as refusal:
        child.failure = refusal.message
    else:
        preview = Preview(stack, child.target, backend.type_of)
        child.changes = preview.changes()
        make_children(backend, child, preview.properties)
    parent.children[logical_id] = child
    stack.change_sets[name] = child
    return child

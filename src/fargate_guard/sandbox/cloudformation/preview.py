"""What an update would do to each resource, before it is done.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.dependencies import in_order
from fargate_guard.sandbox.cloudformation.engine import differences
from fargate_guard.sandbox.cloudformation.intrinsics import KNOWN_AFTER_APPLY, evaluate
from fargate_guard.sandbox.cloudformation.masking import masked
from fargate_guard.sandbox.cloudformation.references import references
from fargate_guard.sandbox.cloudformation.resource_work import RETAINED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fargate_guard.sandbox.cloudformation.intrinsics import Scope
    from fargate_guard.sandbox.cloudformation.references import Reference
    from fargate_guard.sandbox.cloudformation.resource_type import ResourceType
    from fargate_guard.sandbox.cloudformation.stack import Stack, StackResource
    from fargate_guard.sandbox.cloudformation.target import Target

Json = Any

OTHER_SCOPES = ("Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy")
NAMES = ("Attribute", "Name", "RequiresRecreation")
"""What a detail's target shows without values."""
NEW = frozenset({"add", "replace", "maybe"})
"""What happens to a resource whose physical ID is not known before."""


@dataclass
class Preview:
    """The changes of one update."""

    stack: Stack
    target: Target
    type_of: Callable[[str], ResourceType]
    fates: dict[str, str] = field(default_factory=dict)
    """By logical ID: ``add``, ``replace``, ``maybe`` (replaced), ``modify``."""

    properties: dict[str, Json] = field(default_factory=dict)
    """As they are to be, by logical ID."""

    def changes(self) -> list[Json]:
        """Return the changes, in the order of the template; removals last."""
        found = {name: self._change(name) for name in in_order(self.target.graph)}
        listed = [found[name] for name in self.target.resources if found[name] is not None]
        removed = [
            self._removal(resource)
            for name, resource in self.stack.resources.items()
            if name not in self.target.resources and resource.physical_id
        ]
        return [{"Type": "Resource", "ResourceChange": change} for change in (*listed, *removed)]

    def _scope(self) -> Scope:
        return self.target.scope(self._ref, self._get_att)

    def _ref(self, name: str) -> Json:
        return KNOWN_AFTER_APPLY if self.fates.get(name) in NEW else self.stack.resources[name].physical_id

    def _get_att(self, name: str, key: str) -> Json:
        if name in self.fates:
            return KNOWN_AFTER_APPLY
        return self.stack.resources[name].attributes.get(key, KNOWN_AFTER_APPLY)

    def _change(self, name: str) -> Json | None:
        definition = self.target.resources[name]
        resource = self.stack.resources.get(name)
        new = self.properties[name] = evaluate(definition.get("Properties") or {}, self._scope())
        if resource is None or not resource.physical_id or resource.status == "CREATE_FAILED":
            self.fates[name] = "add"
            added = {"Action": "Add", "LogicalResourceId": name, "ResourceType": definition["Type"]}
            return {**added, "Scope": [], "Details": [], **self._contexts(None, new)}
        details = list(self._details(resource, definition, new))
        if not details:
            return None
        scope = list(dict.fromkeys(detail["Target"]["Attribute"] for detail in details))
        replacement = _replacement(details)
        fate = {"True": "replace", "Conditional": "maybe"}.get(replacement, "modify")
        if fate != "modify" or "Properties" in scope:
            self.fates[name] = fate
        change = {
            "Action": "Modify",
            "LogicalResourceId": name,
            "PhysicalResourceId": resource.physical_id,
            "ResourceType": resource.type,
            "Replacement": replacement,
            "Scope": scope,
            "Details": details,
            **self._contexts(resource.properties, new),
        }
        if replacement != "False":
            kept = definition.get("UpdateReplacePolicy") == "Retain"
            change["PolicyAction"] = "ReplaceAndRetain" if kept else "ReplaceAndDelete"
        return change

    def _removal(self, resource: StackResource) -> Json:
        kept = resource.definition.get("DeletionPolicy") in RETAINED
        return {
            "Action": "Remove",
            "LogicalResourceId": resource.logical_id,
            "PhysicalResourceId": resource.physical_id,
            "ResourceType": resource.type,
            "Scope": [],
            "Details": [],
            "PolicyAction": "Retain" if kept else "Delete",
            **self._contexts(resource.properties, None),
        }

    def _contexts(self, before: Json, after: Json) -> dict[str, str]:
        both = {"BeforeContext": before, "AfterContext": after}
        return {
            key: json.dumps({"Properties": masked(value, self.target.parameters)}, separators=(",", ":"))
            for key, value in both.items()
            if value is not None
        }

    def _details(self, resource: StackResource, definition: Mapping[str, Json], new: Json) -> Iterator[Json]:
        replaced_by = self.type_of(resource.type).replaced_by
        raw_old = resource.definition.get("Properties") or {}
        raw_new = definition.get("Properties") or {}
        for key in sorted(differences(resource.properties, new)):
            recreation = "Always" if key in replaced_by else "Never"
            for source in self._sources(raw_old.get(key), raw_new.get(key)):
                target = {"Attribute": "Properties", "Name": key, "RequiresRecreation": recreation}
                if key == "Tags":
                    target = {"Attribute": "Tags", "RequiresRecreation": "Never"}
                yield {"Target": {**target, **self._values(key, resource.properties, new)}, **source}
        if dict(self.target.tags) != dict(resource.tags):
            yield _direct({"Attribute": "Tags", "RequiresRecreation": "Never"})
        for scope in OTHER_SCOPES:
            if resource.definition.get(scope) != definition.get(scope):
                yield _direct({"Attribute": scope, "RequiresRecreation": "Never"})

    def _values(self, key: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, str]:
        shown = {"Path": f"/Properties/{key}"}
        for name, values in (("BeforeValue", old), ("AfterValue", new)):
            if key in values:
                value = masked(values[key], self.target.parameters)
                shown[name] = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        kind = "Modify" if key in old and key in new else "Add" if key in new else "Remove"
        return {**shown, "AttributeChangeType": kind}

    def _sources(self, raw_old: Json, raw_new: Json) -> list[Json]:
        """Why a property changes: the template's text, a parameter, another resource."""
        sources: list[Json] = []
        if raw_old != raw_new:
            sources.append({"Evaluation": "Static", "ChangeSource": "DirectModification"})
        for reference in dict.fromkeys(references(raw_new, self.target.conditions)):
            source = self._source(reference)
            if source is not None and source not in sources:
                sources.append(source)
        return sources or [{"Evaluation": "Static", "ChangeSource": "DirectModification"}]

    def _source(self, reference: Reference) -> Json | None:
        name = reference.name
        if name in self.target.parameters:
            old = self.stack.parameters.get(name)
            if old is not None and old.resolved == self.target.parameters[name].resolved:
                return None
            return {"Evaluation": "Static", "ChangeSource": "ParameterReference", "CausingEntity": name}
        fate = self.fates.get(name)
        if fate is None or (fate == "modify" and reference.attribute is None):
            return None
        if reference.attribute is None:
            return {"Evaluation": "Dynamic", "ChangeSource": "ResourceReference", "CausingEntity": name}
        entity = f"{name}.{reference.attribute}"
        return {"Evaluation": "Dynamic", "ChangeSource": "ResourceAttribute", "CausingEntity": entity}


def without_values(change: Json) -> Json:
    """Leave the properties' values out, which DescribeChangeSet shows on request (IncludePropertyValues)."""
    shown = {key: value for key, value in change["ResourceChange"].items() if not key.endswith("Context")}
    shown["Details"] = [
        {**detail, "Target": {key: value for key, value in detail["Target"].items() if key in NAMES}}
        for detail in shown["Details"]
    ]
    return {**change, "ResourceChange": shown}


def _direct(target: Json) -> Json:
    return {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}


def _replacement(details: list[Json]) -> str:
    """``True`` for a static change of a property that needs it, ``Conditional`` for one that may not happen."""
    recreating = [each for each in details if each["Target"].get("RequiresRecreation") == "Always"]
    if any(each["Evaluation"] == "Static" for each in recreating):
        return "True"
    return "Conditional" if recreating else "False"

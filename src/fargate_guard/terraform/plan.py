"""What the driver's commands return: plans, outcomes and resources, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fargate_guard.terraform.events import (
    ChangeSummary,
    DiagnosticReported,
    OutputsReported,
    PlannedChange,
    ResourceCompleted,
    ResourceDrift,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fargate_guard.terraform.diagnostics import Diagnostic
    from fargate_guard.terraform.events import Event, OutputValue

NOTHING = frozenset({"noop", "no-op", "read"})
"""Actions that change nothing."""

CHANGING = frozenset({"update", "replace"})
"""Actions on a resource that is there already."""


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What the plan does to one resource."""

    address: str
    resource_type: str
    action: str
    """``create``, ``update``, ``delete``, ``replace``, ``import``, ``move``, ``forget``, ``read``."""
    reason: str | None = None
    """Why it is replaced or deleted, in Terraform's word, e.g. ``cannot_update``."""
    attributes: tuple[str, ...] = ()
    """Names of the attributes that an update or a replacement changes; no values, which may be secret."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A saved plan: exactly this is applied."""

    path: Path
    """The plan file, 0600: it contains the values of all variables."""
    changes: tuple[ResourceChange, ...]
    drift: tuple[ResourceChange, ...]
    """What was changed outside Terraform since the last run."""
    outputs: Mapping[str, OutputValue]
    summary: ChangeSummary
    has_changes: bool
    """Terraform's own verdict (``-detailed-exitcode``): resources or outputs would change."""
    destroy: bool
    warnings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class ApplyOutcome:
    """What an apply did."""

    summary: ChangeSummary
    completed: tuple[ResourceChange, ...]
    """Resources in the order in which they were finished."""
    outputs: Mapping[str, OutputValue]
    """Without the values of sensitive outputs; ``Driver.outputs()`` has all."""
    warnings: tuple[Diagnostic, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class StateResource:
    """One resource instance in the state."""

    address: str
    mode: str
    """``managed`` or ``data``."""
    resource_type: str
    name: str
    provider: str
    values: Mapping[str, Any] = field(repr=False)
    """All attributes, sensitive ones included: not for printing."""
    tainted: bool = False
    """Terraform will replace it: its creation did not end well."""


def plan_from(events: Iterable[Event], *, path: Path, has_changes: bool, destroy: bool) -> Plan:
    """Collect a plan from the events of ``plan -json``."""
    seen = tuple(events)
    return Plan(
        path=path,
        changes=tuple(
            ResourceChange(event.address, event.resource_type, event.action, event.reason)
            for event in seen
            if isinstance(event, PlannedChange)
        ),
        drift=tuple(
            ResourceChange(event.address, event.resource_type, event.action)
            for event in seen
            if isinstance(event, ResourceDrift)
        ),
        outputs=_outputs(seen),
        summary=_summary(seen),
        has_changes=has_changes,
        destroy=destroy,
        warnings=_warnings(seen),
    )


def with_attributes(plan: Plan, document: Mapping[str, Any]) -> Plan:
    """Add the names of the attributes that change, from the plan in Terraform's JSON format.

    https://developer.hashicorp.com/terraform/internals/json-format#change-representation
    """
    changed = {
        resource["address"]: _changed_attributes(resource["change"])
        for resource in document.get("resource_changes", ())
        if "create" not in resource["change"]["actions"] or "delete" in resource["change"]["actions"]
    }
    changes = tuple(replace(change, attributes=changed.get(change.address, ())) for change in plan.changes)
    return replace(plan, changes=changes)


def _changed_attributes(change: Mapping[str, Any]) -> tuple[str, ...]:
    before, after, unknown = (change.get(key) or {} for key in ("before", "after", "after_unknown"))
    if not isinstance(before, dict) or not isinstance(after, dict) or not after:
        return ()
    forcing = {str(path[0]) for path in change.get("replace_paths", ())}
    changed = {name for name in before if name in after and before[name] != after[name] and not unknown.get(name)}
    return tuple(sorted(forcing | changed))


def outcome_from(events: Iterable[Event], *, seconds: float) -> ApplyOutcome:
    """Collect what was done from the events of ``apply -json``."""
    seen = tuple(events)
    return ApplyOutcome(
        summary=_summary(seen),
        completed=completed_changes(seen),
        outputs=_outputs(seen),
        warnings=_warnings(seen),
        seconds=seconds,
    )


def completed_changes(events: Iterable[Event]) -> tuple[ResourceChange, ...]:
    """The resources that were finished."""
    return tuple(
        ResourceChange(event.address, event.resource_type, event.action)
        for event in events
        if isinstance(event, ResourceCompleted) and event.action not in NOTHING
    )


def resources_from(state: Mapping[str, Any]) -> tuple[StateResource, ...]:
    """Flatten what ``show -json`` says about a state, child modules included."""
    root = (state.get("values") or {}).get("root_module")
    return tuple(_module_resources(root)) if root else ()


def _module_resources(module: Mapping[str, Any]) -> Iterable[StateResource]:
    for resource in module.get("resources", ()):
        yield StateResource(
            address=resource["address"],
            mode=resource.get("mode", "managed"),
            resource_type=resource["type"],
            name=resource["name"],
            provider=resource.get("provider_name", ""),
            values=resource.get("values") or {},
            tainted=bool(resource.get("tainted", False)),
        )
    for child in module.get("child_modules", ()):
        yield from _module_resources(child)


def _summary(events: tuple[Event, ...]) -> ChangeSummary:
    summaries = [event for event in events if isinstance(event, ChangeSummary)]
    return summaries[-1] if summaries else ChangeSummary()


def _outputs(events: tuple[Event, ...]) -> Mapping[str, OutputValue]:
    reported = [event.outputs for event in events if isinstance(event, OutputsReported)]
    return reported[-1] if reported else {}


def _warnings(events: tuple[Event, ...]) -> tuple[Diagnostic, ...]:
    return tuple(
        event.diagnostic
        for event in events
        if isinstance(event, DiagnosticReported) and not event.diagnostic.is_error
    )

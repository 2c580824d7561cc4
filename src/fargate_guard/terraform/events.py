"""Terraform's machine-readable output, as typed values.

Every line of a ``-json`` run is one message; its ``type`` says what happened
(https://developer.hashicorp.com/terraform/internals/machine-readable-ui). Unknown types and lines that are no JSON
are kept as :class:`LogText`, unknown properties are ignored; a user-interface version other than 1.x is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fargate_guard.errors import FguardError
from fargate_guard.terraform.diagnostics import Diagnostic, diagnostic_from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]
UI_MAJOR = "1"
CUT_OFF = "(a message of Terraform that was cut off)"


class UnsupportedEventStreamError(FguardError):
    """This Terraform speaks another major version of the event stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that Terraform, or the driver around it, reported."""

    message: str = ""
    """The sentence for people, as Terraform words it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandStarted(Event):
    """The driver started Terraform."""

    command: str
    """The sub-command: ``plan``, ``apply``…"""
    pid: int
    log: str
    """Path of the run log that Terraform writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFinished(Event):
    """Terraform ended."""

    command: str
    exit_code: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """Something the driver did or saw that the user should know."""

    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogText(Event):
    """Output without a meaning of its own."""

    stream: Literal["stdout", "stderr"] = "stdout"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionReported(Event):
    """The first message of every run."""

    engine_version: str
    ui_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOutput(Event):
    """Progress of ``init``."""

    code: str
    """Stable identifier such as ``initializing_backend_message``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceEvent(Event):
    """Something about one resource instance."""

    address: str
    """``module.network.aws_vpc.this[0]``"""
    resource_type: str = ""
    action: str = ""
    """``create``, ``update``, ``delete``, ``replace``, ``read``, ``noop``, ``import``, ``move``, ``forget``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange(ResourceEvent):
    """The plan would do this; ``apply`` repeats the changes of its plan."""

    reason: str | None = None
    """Why a resource is replaced or deleted, e.g. ``tainted``, ``cannot_update``."""
    previous_address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDrift(ResourceEvent):
    """The resource was changed outside Terraform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceStarted(ResourceEvent):
    """An operation on a resource began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceProgress(ResourceEvent):
    """The operation still runs; sent every ten seconds."""

    elapsed_seconds: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceCompleted(ResourceEvent):
    """The operation succeeded."""

    resource_id: str | None = None
    elapsed_seconds: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceErrored(ResourceEvent):
    """The operation failed; a diagnostic says why."""

    elapsed_seconds: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshStarted(ResourceEvent):
    """Terraform began to read the real resource."""

    resource_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshCompleted(ResourceEvent):
    """Terraform read the real resource."""

    resource_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionOutput(ResourceEvent):
    """A provisioner began, wrote a line, ended or failed."""

    provisioner: str
    phase: Literal["start", "progress", "complete", "errored"]
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSummary(Event):
    """The counts at the end of ``plan``, ``apply`` and ``destroy``."""

    add: int = 0
    change: int = 0
    remove: int = 0
    imported: int = 0
    operation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticReported(Event):
    """A warning or an error."""

    diagnostic: Diagnostic


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputValue:
    """One root output; a sensitive one has no value here."""

    value: Any = None
    sensitive: bool = False
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsReported(Event):
    """The root outputs, planned or applied."""

    outputs: Mapping[str, OutputValue] = field(default_factory=dict)


def parse_line(line: str) -> Event:
    """One line of Terraform's standard output as an event.

    :raises UnsupportedEventStreamError: the line announces a user-interface version that is not 1.x.
    """
    try:
        message = json.loads(line)
    except ValueError:
        # A message cut off by a full disk may be the state itself, which Terraform dumps when all else fails.
        return LogText(message=CUT_OFF if line.startswith('{"@') else line)
    if not isinstance(message, dict):
        return LogText(message=line)
    text = message.get("@message")
    return _event(message, text if isinstance(text, str) else line)


def _event(message: Json, text: str) -> Event:
    kind = str(message.get("type", ""))
    read = _READERS.get(kind)
    if read is None:
        return LogText(message=text)
    try:
        return read(message, text)
    except (KeyError, TypeError, ValueError, AttributeError):
        return LogText(message=text)


def _version(message: Json, text: str) -> Event:
    ui = str(message["ui"])
    if ui.split(".", maxsplit=1)[0] != UI_MAJOR:
        raise UnsupportedEventStreamError(
            f"Terraform's event stream has version {ui}; fguard understands 1.x.",
            why=text,
            fix="upgrade fargate-guard, or name an older Terraform with --terraform",
        )
    engine = message.get("terraform") or message.get("tofu") or ""
    return VersionReported(message=text, engine_version=str(engine), ui_version=ui)


def _lock_wait(_message: Json, text: str) -> Event:
    """Sent only when the lock is not had at once."""
    return Notice(message=text)


def _init_output(message: Json, text: str) -> Event:
    return InitOutput(message=text, code=str(message.get("message_code", "")))


def _change(message: Json, text: str) -> Event:
    change = message["change"]
    resource = change["resource"]
    previous = change.get("previous_resource") or {}
    return PlannedChange(
        message=text,
        address=resource["addr"],
        resource_type=resource.get("resource_type", ""),
        action=change["action"],
        reason=change.get("reason"),
        previous_address=previous.get("addr"),
    )


def _drift(message: Json, text: str) -> Event:
    change = message["change"]
    resource = change["resource"]
    return ResourceDrift(
        message=text,
        address=resource["addr"],
        resource_type=resource.get("resource_type", ""),
        action=change["action"],
    )


def _resource(message: Json) -> dict[str, str]:
    hook = message["hook"]
    resource = hook["resource"]
    return {
        "address": resource["addr"],
        "resource_type": resource.get("resource_type", ""),
        "action": hook.get("action", ""),
    }


def _elapsed(message: Json) -> float:
    return float(message["hook"].get("elapsed_seconds", 0))


def _started(message: Json, text: str) -> Event:
    return ResourceStarted(message=text, **_resource(message))


def _progress(message: Json, text: str) -> Event:
    return ResourceProgress(message=text, elapsed_seconds=_elapsed(message), **_resource(message))


def _completed(message: Json, text: str) -> Event:
    return ResourceCompleted(
        message=text,
        resource_id=message["hook"].get("id_value"),
        elapsed_seconds=_elapsed(message),
        **_resource(message),
    )


def _errored(message: Json, text: str) -> Event:
    return ResourceErrored(message=text, elapsed_seconds=_elapsed(message), **_resource(message))


def _refresh_started(message: Json, text: str) -> Event:
    return RefreshStarted(message=text, resource_id=message["hook"].get("id_value"), **_resource(message))


def _refresh_completed(message: Json, text: str) -> Event:
    return RefreshCompleted(message=text, resource_id=message["hook"].get("id_value"), **_resource(message))


def _provision(message: Json, text: str) -> Event:
    phase: Literal["start", "progress", "complete", "errored"] = message["type"].removeprefix("provision_")
    return ProvisionOutput(
        message=text,
        phase=phase,
        provisioner=message["hook"].get("provisioner", ""),
        output=message["hook"].get("output", ""),
        **_resource(message),
    )


def _summary(message: Json, text: str) -> Event:
    counts = message["changes"]
    return ChangeSummary(
        message=text,
        add=int(counts.get("add", 0)),
        change=int(counts.get("change", 0)),
        remove=int(counts.get("remove", 0)),
        imported=int(counts.get("import", 0)),
        operation=str(counts.get("operation", "")),
    )


def _diagnostic(message: Json, text: str) -> Event:
    return DiagnosticReported(message=text, diagnostic=diagnostic_from_json(message["diagnostic"]))


def _outputs(message: Json, text: str) -> Event:
    outputs = {
        name: OutputValue(
            value=output.get("value"),
            sensitive=bool(output.get("sensitive", False)),
            action=str(output.get("action", "")),
        )
        for name, output in message["outputs"].items()
    }
    return OutputsReported(message=text, outputs=outputs)


_READERS: dict[str, Callable[[Json, str], Event]] = {
    "version": _version,
    "init_output": _init_output,
    "state_lock_acquire": _lock_wait,
    "planned_change": _change,
    "resource_drift": _drift,
    "change_summary": _summary,
    "diagnostic": _diagnostic,
    "outputs": _outputs,
    "refresh_start": _refresh_started,
    "refresh_complete": _refresh_completed,
    "apply_start": _started,
    "apply_progress": _progress,
    "apply_complete": _completed,
    "apply_errored": _errored,
    "ephemeral_op_start": _started,
    "ephemeral_op_progress": _progress,
    "ephemeral_op_complete": _completed,
    "ephemeral_op_errored": _errored,
    "provision_start": _provision,
    "provision_progress": _provision,
    "provision_complete": _provision,
    "provision_errored": _provision,
}

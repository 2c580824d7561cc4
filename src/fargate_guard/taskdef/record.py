"""What cannot be derived when instrumentation is undone, kept in a Docker label of the sidecar.

The label holds names and JSON paths only: which environment variables, secrets, capability and volume fguard
added to which container, and where it found an explicit ``null`` or an empty value that it filled. Everything
else follows from the instrumented definition itself, so edits made in between survive. A label travels with every
shape (a bare array has no tags), and ECS passes it to the agent's own container only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fargate_guard.taskdef.errors import TaskDefinitionError

if TYPE_CHECKING:
    from fargate_guard.taskdef.fields import Fields, Json

LABEL = "com.fargate-guard.original"
_FORMAT = 1

ABSENT, NULL, EMPTY = "absent", "null", "empty"


@dataclass(slots=True)
class Additions:
    """What fguard added to one container."""

    environment: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    capability: bool = False
    volume: bool = False
    nulls: list[str] = field(default_factory=list)
    """Fields (``linuxParameters.capabilities``) that were an explicit null before something was put there."""
    empties: list[str] = field(default_factory=list)
    """Fields that were ``[]`` or ``{}``."""

    def note(self, field_path: str, before: str) -> None:
        """Remember how a field looked before the first thing was put into it."""
        states = {NULL: self.nulls, EMPTY: self.empties}.get(before)
        if states is not None and field_path not in (*self.nulls, *self.empties):
            states.append(field_path)

    def recall(self, field_path: str) -> str:
        """How a field looked before (absent, null or empty), which it does again now, so the note goes."""
        for state, paths in ((NULL, self.nulls), (EMPTY, self.empties)):
            if field_path in paths:
                paths.remove(field_path)
                return state
        return ABSENT


@dataclass(slots=True)
class Record:
    """The label's content."""

    containers: dict[str, Additions] = field(default_factory=dict)
    """By container name; one that another tool instrumented is not in it."""
    pid_mode: str | None = None
    """How ``pidMode`` looked before fguard set it; None when fguard did not set it."""
    extra_conf: bool = False
    """fguard set ``SYSDIG_EXTRA_CONF`` on the sidecar, where users may also set it themselves."""
    adopted: bool = False
    """The sidecar was another tool's, so what it has beyond fguard's settings stays."""

    def label(self) -> str:
        """The label's value: compact JSON, ASCII only, empty parts left out."""
        containers = {name: _packed(additions) for name, additions in self.containers.items()}
        content: dict[str, Json] = {"format": _FORMAT, "containers": containers}
        if self.pid_mode is not None:
            content["pidMode"] = self.pid_mode
        if self.extra_conf:
            content["extraConf"] = True
        if self.adopted:
            content["adopted"] = True
        return json.dumps(content, separators=(",", ":"))


def read_record(sidecar: Fields) -> Record | None:
    """Read the sidecar's label; None when there is none, or when someone damaged it.

    :raises TaskDefinitionError: a newer fguard wrote it.
    """
    labels = sidecar.get("dockerLabels")
    text = labels.get(LABEL) if isinstance(labels, dict) else None
    if not isinstance(text, str):
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("containers"), dict):
        return None
    version = content.get("format")
    if isinstance(version, int) and version > _FORMAT:
        raise TaskDefinitionError(
            "a newer fguard instrumented this task definition",
            where=f"{sidecar.at('dockerLabels')}[{LABEL!r}]",
            why=f"its record has format {version}; this fguard knows {_FORMAT}",
            fix="update fguard: pip install --upgrade fargate-guard",
        )
    containers = {name: _unpacked(packed) for name, packed in content["containers"].items()}
    pid_mode = content.get("pidMode")
    known = {name: additions for name, additions in containers.items() if additions is not None}
    if version != _FORMAT or len(known) != len(containers) or pid_mode not in (None, ABSENT, NULL, EMPTY):
        return None
    return Record(known, pid_mode, content.get("extraConf") is True, content.get("adopted") is True)


def has_label(container: Fields) -> bool:
    """Whether a container carries fguard's label, damaged or not."""
    labels = container.get("dockerLabels")
    return isinstance(labels, dict) and LABEL in labels


def _packed(additions: Additions) -> dict[str, Json]:
    every = {
        "environment": additions.environment,
        "secrets": additions.secrets,
        "capability": additions.capability,
        "volume": additions.volume,
        "null": sorted(additions.nulls),
        "empty": sorted(additions.empties),
    }
    return {key: value for key, value in every.items() if value}


def _unpacked(packed: Json) -> Additions | None:
    if not isinstance(packed, dict):
        return None
    names = [packed.get(key, []) for key in ("environment", "secrets", "null", "empty")]
    if not all(isinstance(value, list) and all(isinstance(name, str) for name in value) for value in names):
        return None
    environment, secrets, nulls, empties = names
    return Additions(
        environment,
        secrets,
        packed.get("capability") is True,
        packed.get("volume") is True,
        nulls,
        empties,
    )

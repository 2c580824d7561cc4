"""What cannot be derived when instrumentation is undone, kept in a Docker label of the sidecar.

The label holds names, JSON paths and checksums only: which environment variables, secrets, capability and volume
fguard added to which container, where it found an explicit ``null`` or an empty value that it filled, and what of
the image it wrote out. Everything else follows from the instrumented definition itself, so edits made in between
survive. A label travels with every shape (a bare array has no tags), and ECS passes it to the agent's own
container only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.errors import TaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fargate_guard.taskdef.fields import Fields, Json

LABEL = "com.fargate-guard.original"
_FORMAT = 2
_FIRST_FORMAT = 1
"""Without what came later, so that an older fguard can undo it."""

_COMPACT = json.JSONEncoder(separators=(",", ":"))

ABSENT, NULL, EMPTY = "absent", "null", "empty"
_STATES = (ABSENT, NULL, EMPTY)


def checksum(value: Json) -> str:
    """Eight hexadecimal digits that tell whether someone edited what fguard wrote."""
    from binascii import crc32  # a library of its own, which only what an image fills needs

    text = value if isinstance(value, str) else json.dumps(value)
    return f"{crc32(text.encode('utf-8', 'surrogatepass')):08x}"


class Written(NamedTuple):
    """A field that fguard filled in."""

    before: str
    """How it looked: absent, null or empty."""
    checksum: str
    """Of what fguard wrote."""


class Filled(NamedTuple):
    """What fguard wrote out of the image into one container."""

    entry_point: Written
    command: Written | None
    """None when the container has a command of its own, or the image none."""
    image: str
    """Checksum of the image and its architecture, which are no longer the same when someone edited them."""


class Pinned(NamedTuple):
    """An image that fguard wrote by its digest."""

    tag: str
    """What stood behind the image's name, ``:1.27`` or nothing."""
    image: str
    """Checksum of what fguard wrote, and of the architecture."""


class Additions:
    """What fguard added to one container."""

    __slots__ = ("capability", "empties", "environment", "filled", "nulls", "pinned", "secrets", "volume")

    def __init__(
        self,
        environment: Sequence[str] = (),
        secrets: Sequence[str] = (),
        *,
        capability: bool = False,
        volume: bool = False,
    ) -> None:
        """Nothing but what is given."""
        self.environment = [*environment]
        self.secrets = [*secrets]
        self.capability = capability
        self.volume = volume
        self.nulls: list[str] = []
        """Fields (``linuxParameters.capabilities``) that were an explicit null before something was put there."""
        self.empties: list[str] = []
        """Fields that were ``[]`` or ``{}``."""
        self.filled: Filled | None = None
        self.pinned: Pinned | None = None

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


class Record:
    """The label's content."""

    __slots__ = ("adopted", "containers", "others", "pid_mode", "sidecar")

    def __init__(self, *, pid_mode: str | None = None, adopted: bool = False) -> None:
        """Nothing but what is given.

        :param pid_mode: how ``pidMode`` looked before fguard set it; None when fguard did not set it.
        :param adopted: the sidecar was another tool's, so what it has beyond fguard's settings stays.
        """
        self.pid_mode = pid_mode
        self.adopted = adopted
        self.containers: dict[str, Additions] = {}
        """By container name; one that another tool instrumented is not in it."""
        self.sidecar: list[str] = []
        """Variables that fguard set on the sidecar and that users may also set there themselves."""
        self.others: dict[str, Additions] = {}
        """What fguard added to containers that another tool instrumented, beyond what that tool knows."""

    def label(self) -> str:
        """The label's value: compact JSON, ASCII only, empty parts left out."""
        containers = {name: _packed(additions) for name, additions in self.containers.items()}
        content: dict[str, Json] = {"format": _FIRST_FORMAT, "containers": containers}
        if self.pid_mode is not None:
            content["pidMode"] = self.pid_mode
        if self.sidecar:
            content["sidecar"] = self.sidecar
        others = {name: packed for name, additions in self.others.items() if (packed := _packed(additions))}
        if others:
            content["others"] = others
        if self.adopted:
            content["adopted"] = True
        if self.sidecar or others or any(one.filled or one.pinned for one in self.containers.values()):
            content["format"] = _FORMAT
        return _COMPACT.encode(content)


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
    version = content.get("format") if isinstance(content, dict) else None
    if isinstance(version, int) and version > _FORMAT:
        raise TaskDefinitionError(
            "a newer fguard instrumented this task definition",
            where=f"{sidecar.at('dockerLabels')}[{LABEL!r}]",
            why=f"its record has format {version}; this fguard knows {_FORMAT}",
            fix="update fguard: pip install --upgrade fargate-guard",
        )
    if version not in (_FIRST_FORMAT, _FORMAT) or not isinstance(content.get("containers"), dict):
        return None
    return _record(content)


def has_label(container: Fields) -> bool:
    """Whether a container carries fguard's label, damaged or not."""
    labels = container.get("dockerLabels")
    return isinstance(labels, dict) and LABEL in labels


def _record(content: dict[str, Json]) -> Record | None:
    try:
        containers = {name: _unpacked(packed) for name, packed in content["containers"].items()}
        others = {name: _unpacked(packed) for name, packed in content.get("others", {}).items()}
        sidecar = _names(content.get("sidecar", []))
    except (ValueError, AttributeError):
        return None
    pid_mode = content.get("pidMode")
    if pid_mode not in (None, *_STATES):
        return None
    if content.get("extraConf") is True:  # until format 2, the only one of its kind
        sidecar.append("SYSDIG_EXTRA_CONF")
    record = Record(pid_mode=pid_mode, adopted=content.get("adopted") is True)
    record.containers, record.sidecar, record.others = containers, sidecar, others
    return record


def _packed(additions: Additions) -> dict[str, Json]:
    packed: dict[str, Json] = {}
    if additions.environment:
        packed["environment"] = additions.environment
    if additions.secrets:
        packed["secrets"] = additions.secrets
    if additions.capability:
        packed["capability"] = True
    if additions.volume:
        packed["volume"] = True
    if additions.nulls:
        packed["null"] = sorted(additions.nulls)
    if additions.empties:
        packed["empty"] = sorted(additions.empties)
    if additions.filled:
        packed["fromImage"] = _packed_fill(additions.filled)
    if additions.pinned:
        packed["pinned"] = [*additions.pinned]
    return packed


def _packed_fill(filled: Filled) -> dict[str, str]:
    every = {"entryPoint": filled.entry_point, "command": filled.command}
    fields = {key: f"{one.before}:{one.checksum}" for key, one in every.items() if one is not None}
    return {**fields, "image": filled.image}


def _unpacked(packed: Json) -> Additions:
    """:raises ValueError: not what fguard writes."""
    if not isinstance(packed, dict):
        raise ValueError(packed)
    environment, secrets, nulls, empties = (
        _names(packed.get(key, [])) for key in ("environment", "secrets", "null", "empty")
    )
    additions = Additions(
        environment,
        secrets,
        capability=packed.get("capability") is True,
        volume=packed.get("volume") is True,
    )
    additions.nulls, additions.empties = nulls, empties
    additions.filled = _unpacked_fill(packed["fromImage"]) if "fromImage" in packed else None
    additions.pinned = Pinned(*_pair(packed["pinned"])) if "pinned" in packed else None
    return additions


def _names(value: Json) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(value)
    return value


def _pair(value: Json) -> tuple[str, str]:
    first, second = _names(value)
    return first, second


def _unpacked_fill(packed: Json) -> Filled:
    if not isinstance(packed, dict) or not isinstance(packed.get("image"), str):
        raise ValueError(packed)
    command = packed.get("command")
    return Filled(
        _written(packed.get("entryPoint")), None if command is None else _written(command), packed["image"]
    )


def _written(packed: Json) -> Written:
    before, _, mark = packed.partition(":")
    if before not in _STATES:
        raise ValueError(packed)
    return Written(before, mark)

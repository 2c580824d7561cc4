"""Which containers are instrumented, and why the others are not.

What leaves a container out always wins: the settings (names, shell patterns, Docker labels), the tag
``kilt-ignore-containers``, and the Docker label ``com.fargate-guard.ignore``. In opt-in mode a container must ask
besides, by the tag ``kilt-include`` or ``kilt-include-containers`` or the label ``com.fargate-guard.include``.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple, Protocol

from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import name_of
from fargate_guard.taskdef.recipes import SIDECAR_NAME
from fargate_guard.taskdef.result import Notice
from fargate_guard.taskdef.tags import IGNORE, IGNORE_CONTAINERS, INCLUDE, INCLUDE_CONTAINERS

if TYPE_CHECKING:
    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.existing import Existing
    from fargate_guard.taskdef.fields import Fields
    from fargate_guard.taskdef.settings import Settings
    from fargate_guard.taskdef.tags import Ignored

IGNORE_FLAG = "--ignore-container"
IGNORE_LABEL = "com.fargate-guard.ignore"
"""Docker label that leaves its container out, unless its value is ``false``."""

INCLUDE_LABEL = "com.fargate-guard.include"
"""Docker label with which a container asks to be instrumented, unless its value is ``false``."""

_DID_NOT_ASK = f"left out, since it does not ask (tag {INCLUDE_CONTAINERS} or label {INCLUDE_LABEL})"


class Rules(Protocol):
    """The part of the settings that leaves containers out."""

    @property
    def ignore_containers(self) -> tuple[str, ...]:
        """Names and shell patterns."""

    @property
    def ignore_labels(self) -> tuple[str, ...]:
        """``KEY`` or ``KEY=VALUE``."""

    @property
    def opt_in(self) -> bool:
        """Whether only containers that ask for it are instrumented."""


class LeavingOut(NamedTuple):
    """Rules without the rest of the settings; by itself: only what a definition's own tags and labels say."""

    ignore_containers: tuple[str, ...] = ()
    ignore_labels: tuple[str, ...] = ()
    opt_in: bool = False


BY_ITSELF = LeavingOut()


class Selection:
    """What becomes of the containers, the sidecar aside."""

    def __init__(self) -> None:
        """Nothing is decided yet."""
        self.chosen: list[Fields] = []
        """To be instrumented, in their order."""
        self.left_out: dict[str, str] = {}
        """Why, by the names of the others."""
        self.notices: list[Notice] = []


def is_pattern(name: str) -> bool:
    """Whether a name is a shell pattern; container names have letters, digits, ``_`` and ``-`` only."""
    return any(character in name for character in "*?[")


def select(definition: Definition, found: Existing, settings: Settings, tags: Ignored) -> Selection:
    """Choose the containers to instrument.

    :raises TaskDefinitionError: a container that is named to be left out, or asked for, is not there, so perhaps
        another would be instrumented that must not be.
    """
    selection = Selection()
    patterns = _check_named(definition, settings, tags, selection)
    for container in definition.parsed:
        if container is found.sidecar:
            continue
        reason = _reason(container, settings, tags, patterns)
        if reason is None:
            selection.chosen.append(container)
        else:
            selection.left_out[name_of(container)] = reason
    return selection


def why_left_out(container: Fields, rules: Rules, tags: Ignored) -> str | None:
    """Why a container is left out; None when it is not."""
    return _reason(container, rules, tags, [name for name in rules.ignore_containers if is_pattern(name)])


def _reason(container: Fields, settings: Rules, tags: Ignored, patterns: list[str]) -> str | None:
    name = name_of(container)
    if tags.everything:
        return f"ignored by tag {IGNORE}"
    if name in settings.ignore_containers:
        return "left out as asked"
    pattern = next((one for one in patterns if fnmatchcase(name, one)), None)
    if pattern is not None:
        return f"left out as asked ({pattern})"
    if name in tags.containers:
        return f"ignored by tag {IGNORE_CONTAINERS}"
    labels = container.get("dockerLabels")
    reason = _reason_in_labels(labels, settings) if isinstance(labels, dict) else None
    if reason is not None or not settings.opt_in or tags.include_everything or name in tags.included:
        return reason
    return None if isinstance(labels, dict) and _says_yes(labels, INCLUDE_LABEL) else _DID_NOT_ASK


def _reason_in_labels(labels: dict[str, object], settings: Rules) -> str | None:
    if _says_yes(labels, IGNORE_LABEL):
        return f"ignored by label {IGNORE_LABEL}"
    for label in settings.ignore_labels:
        key, equals, value = label.partition("=")
        if key in labels and (not equals or labels[key] == value):
            return f"left out as asked (label {label})"
    return None


def _says_yes(labels: dict[str, object], key: str) -> bool:
    return key in labels and str(labels[key]).strip().lower() != "false"


def _check_named(definition: Definition, settings: Settings, tags: Ignored, selection: Selection) -> list[str]:
    """Check the names, and return the patterns."""
    named, included = settings.ignore_containers, tags.included if settings.opt_in else ()
    if not (named or tags.containers or included):
        return []
    names = [name_of(container) for container in definition.parsed]
    patterns = [name for name in named if is_pattern(name)]
    flag = f"{IGNORE_FLAG}, or ignore_containers of the workload in fguard.yaml"
    for name in named:
        if name not in patterns and name not in names:
            raise _not_there(name, "leave out", definition.path, names, flag)
    for name in tags.containers:
        if name not in names and name != SIDECAR_NAME:
            raise _not_there(name, "leave out", tags.path, names, f"tag {IGNORE_CONTAINERS}")
    for name in included:
        if name not in names:
            raise _not_there(name, "instrument", tags.included_path, names, f"tag {INCLUDE_CONTAINERS}")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            message = f"no container is called {pattern}, so {IGNORE_FLAG} {pattern} leaves out none"
            selection.notices.append(Notice(definition.path, message))
    return patterns


def _not_there(name: str, to: str, where: str, names: list[str], source: str) -> TaskDefinitionError:
    risk = (
        "one that is to stay as it is could be instrumented"
        if to == "leave out"
        else f"one that is to be instrumented could stay as it is (without names: tag {INCLUDE})"
    )
    return TaskDefinitionError(
        f"there is no container {name} to {to}",
        where=where,
        why=f"the containers are {', '.join(names)}; {risk}",
        fix=f"correct or remove the name: {source}",
    )

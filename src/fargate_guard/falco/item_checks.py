"""What every item must have, and of which type; priorities, tags, ``append`` and ``override``.

https://falco.org/docs/reference/rules/rule-fields/, https://falco.org/docs/concepts/rules/overriding/
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from fargate_guard.falco.lexer import BARE_TEXT, IDENTIFIER
from fargate_guard.falco.reading import SWITCHES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.falco.findings import Findings
    from fargate_guard.falco.reading import Item

REQUIRED = {
    "rule": ("condition", "desc", "output", "priority"),
    "macro": ("condition",),
    "list": ("items",),
}
_TYPES: dict[str, type] = {
    **dict.fromkeys(("condition", "desc", "output", "priority", "source"), str),
    **dict.fromkeys(SWITCHES, bool),
    **dict.fromkeys(("tags", "exceptions", "items"), list),
    "override": dict,
    "capture_duration": int,
}
_ONLY_FOR_RULES = ("source", "enabled", "tags", "exceptions", "warn_evttypes", "skip-if-unknown-filter")
KNOWN_KEYS = {
    "rule": (*REQUIRED["rule"], *_ONLY_FOR_RULES, "capture", "capture_duration", "append", "override"),
    "macro": ("condition", "append", "override"),
    "list": ("items", "append", "override"),
}
_IN_WORDS = {str: "a text", bool: "true or false", list: "a list", dict: "an object", int: "a number"}
PRIORITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")
_ALSO = {"info": "informational"}
APPENDABLE = {
    "rule": ("condition", "output", "desc", "tags", "exceptions"),
    "macro": ("condition",),
    "list": ("items",),
}
REPLACEABLE = {
    "rule": (*APPENDABLE["rule"], "priority", "enabled", "warn_evttypes", "skip-if-unknown-filter"),
    "macro": ("condition",),
    "list": ("items",),
}
_ENGINE, _PLUGINS = _OTHER_ITEMS = ("required_engine_version", "required_plugin_versions")
_VERSION = re.compile(r"\d+|\d+\.\d+\.\d+(?:[-+].*)?")
_NAMES = {
    "macro": (IDENTIFIER, "made of letters, digits and _"),
    "list": (BARE_TEXT, "a text without blanks, quotation marks, parentheses, = and ,"),
}
"""How Falco wants names: https://github.com/falcosecurity/falco/blob/master/userspace/engine/rule_loader_reader.cpp"""
SYSTEM_CALLS = "syscall"


def priority_of(text: str) -> str | None:
    """Return Falco's name of a priority; None where it is none."""
    name = text.strip().lower()
    name = _ALSO.get(name, name)
    return name if name in PRIORITIES else None


def check_item(item: Item, findings: Findings) -> bool:
    """Check an item's keys; tell whether the rest of it can be looked at."""
    if not item.kind:
        return _not_an_item(item, findings)
    if not item.name:
        findings.error(item.at(item.kind), "required", f"this {item.kind} has no name, which is a text")
        return False
    pattern, wanted = _NAMES.get(item.kind, (None, ""))
    if pattern and not pattern.fullmatch(item.name):
        message = f"nothing can refer to this {item.kind}, and Falco refuses it: its name is not {wanted}"
        findings.warning(item.at(item.kind), "name", message, item=item)
    for key in item.values:
        _check_key(item, key, findings)
    _check_required(item, findings)
    _check_values(item, findings)
    _check_amendment(item, findings)
    return True


def _not_an_item(item: Item, findings: Findings) -> bool:
    if not any(key in item.values for key in _OTHER_ITEMS):
        has = ", ".join(item.values) or "nothing"
        fix = _did_you_mean(item.values, ("rule", "macro", "list", *_OTHER_ITEMS))
        findings.error(item.place, "kind", f"an item is a rule, a macro or a list; this one has {has}", fix=fix)
    version = item.values.get(_ENGINE, "0")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        findings.error(item.at(_ENGINE), "version", f"{_ENGINE} is neither a number nor like 0.31.0")
    plugins = item.values.get(_PLUGINS, [])
    if not isinstance(plugins, list) or not all(map(_is_plugin, plugins)):
        findings.error(item.at(_PLUGINS), "version", f"{_PLUGINS} is not a list of objects with name and version")
    return False


def _is_plugin(one: Any) -> bool:
    return isinstance(one, dict) and all(isinstance(one.get(key), str) for key in ("name", "version"))


def _check_key(item: Item, key: str, findings: Findings) -> None:
    if key == item.kind:
        return
    if key not in KNOWN_KEYS[item.kind]:
        fix = _did_you_mean([key], KNOWN_KEYS[item.kind])
        findings.warning(
            item.at(key), "unknown-key", f"a {item.kind} has no {key}; Falco ignores it", item=item, fix=fix
        )
        return
    wanted, value = _TYPES[key], item.values[key]
    if key == "exceptions" and value is None:
        return
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        findings.error(item.at(key), "type", f"{key} is not {_IN_WORDS[wanted]}", item=item)


def _check_required(item: Item, findings: Findings) -> None:
    for key in () if item.amends else REQUIRED[item.kind]:
        value = item.values.get(key)
        if key not in item.values:
            findings.error(item.place, "required", f"the {item.kind} has no {key}", item=item, fix=f"add {key}:")
        elif isinstance(value, str) and not value.strip():
            findings.error(item.at(key), "required", f"{key} is empty", item=item)


def _check_values(item: Item, findings: Findings) -> None:
    priority = item.values.get("priority")
    if isinstance(priority, str) and priority_of(priority) is None:
        fix = _did_you_mean([priority], PRIORITIES) or f"use one of {', '.join(PRIORITIES)}"
        findings.error(item.at("priority"), "priority", f"{priority!r} is no priority", item=item, fix=fix)
    source = item.values.get("source")
    if isinstance(source, str) and source != SYSTEM_CALLS:
        message = f"agents on Fargate see system calls only, no events of {source}"
        findings.warning(item.at("source"), "source", message, item=item)
    for key in ("tags", "items"):
        listed = item.values.get(key)
        if isinstance(listed, list):
            _check_texts(item, key, listed, findings)
    if item.values.get("enabled") is False and item.kind == "rule":
        pushed = "a push refuses this item" if item.amends else "this rule would be pushed, and enabled is not"
        message = f"Sysdig switches rules on and off in policies: {pushed}"
        findings.warning(item.at("enabled"), "enabled", message, item=item)


def _check_texts(item: Item, key: str, listed: list[Any], findings: Findings) -> None:
    seen: set[str] = set()
    for one in listed:
        if isinstance(one, (dict, list)) or one is None:
            findings.error(item.at(key), "type", f"{key} has {one!r}, which is no text", item=item)
        elif str(one) in seen:
            findings.warning(item.at(key), "duplicate", f"{key} has {one!r} twice", item=item)
        seen.add(str(one))


def _check_amendment(item: Item, findings: Findings) -> None:
    override = item.values.get("override")
    if not isinstance(override, dict):
        return
    place = item.at("override")
    if item.values.get("append") is True:
        findings.error(place, "override", "append and override exclude each other", item=item, fix="keep override")
    for key, action in override.items():
        able = {"append": APPENDABLE, "replace": REPLACEABLE}.get(str(action))
        if able is None:
            findings.error(place, "override", f"{key} is overridden by {action!r}: append or replace", item=item)
        elif key not in able[item.kind]:
            fix = f"{action} is for {', '.join(able[item.kind])}"
            findings.error(place, "override", f"{key} of a {item.kind} has no {action}", item=item, fix=fix)
        elif key not in item.values:
            findings.error(
                place, "override", f"override names {key}, which this {item.kind} does not have", item=item
            )
    for key in item.values:
        if key not in (item.kind, "override") and key not in override:
            findings.error(item.at(key), "override", f"override does not say what becomes of {key}", item=item)


def _did_you_mean(words: Iterable[str], known: Iterable[str]) -> str | None:
    near = [match for word in words for match in difflib.get_close_matches(word.lower()[:40], list(known), n=1)]
    return f"did you mean {near[0]}?" if near else None

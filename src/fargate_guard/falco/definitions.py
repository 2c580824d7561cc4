"""Rules, macros and lists as plain definitions: from files, to files, and whether two say the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fargate_guard.falco.condition import parse_condition
from fargate_guard.falco.item_checks import SYSTEM_CALLS, priority_of
from fargate_guard.falco.lexer import ConditionError
from fargate_guard.falco.tree import condition_text

if TYPE_CHECKING:
    from fargate_guard.falco.findings import Place
    from fargate_guard.falco.reading import Item

PUSHED_KEYS = {
    "rule": ("desc", "condition", "output", "priority", "source", "tags", "exceptions"),
    "macro": ("condition",),
    "list": ("items",),
}
_WIDTH = 110
_LAST_OF_FOUR_DIGITS = 0xFFFF


@dataclass(frozen=True, slots=True)
class Definition:
    """What is defined, without where: one object of Sysdig's, one item of a file."""

    kind: str
    name: str
    body: dict[str, Any] = field(hash=False)
    """The keys of a rule file but the name, ``append`` and what Sysdig does not keep; defaults left out."""
    append: bool = False
    """It is added to the definition of the same name."""

    @property
    def key(self) -> str:
        """What it is called everywhere: ``rule Write below bin``, ``list shells (append)``."""
        return f"{self.kind} {self.name}{' (append)' if self.append else ''}"

    def meaning(self) -> str:
        """Return a text that is the same for definitions that say the same, however they are written."""
        body = {key: _meaning(key, value) for key, value in self.body.items()}
        return json.dumps([self.kind, self.name, self.append, body], sort_keys=True, ensure_ascii=False)

    def digest(self) -> str:
        """Return a short sum of the meaning."""
        return hashlib.sha256(self.meaning().encode(errors="surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class CannotPush:
    """Why an item of a file cannot become an object of Sysdig's."""

    item: Item
    place: Place
    why: str


def definition_of(item: Item) -> Definition | CannotPush:
    """Return what an item (that was checked) defines."""
    append = item.values.get("append") is True
    override = item.values.get("override")
    if isinstance(override, dict):
        able = {"rule": ("condition", "exceptions"), "macro": ("condition",), "list": ("items",)}[item.kind]
        unable = [key for key, action in override.items() if action != "append" or key not in able]
        if unable:
            why = f"Sysdig appends {' and '.join(able)}; it cannot {override[unable[0]]} {unable[0]}"
            return CannotPush(item, item.at("override"), why)
        append = True
    if item.amends and not append:
        return CannotPush(item, item.place, "Sysdig switches rules on and off in policies, not by enabled")
    body = {key: item.values[key] for key in PUSHED_KEYS[item.kind] if key in item.values}
    return Definition(item.kind, item.name, _tidy(body), append)


def tidied(definition: Definition) -> Definition:
    """Return the definition with its defaults left out and its texts without stray blanks."""
    return replace(definition, body=_tidy(definition.body))


def _tidy(body: dict[str, Any]) -> dict[str, Any]:
    tidy: dict[str, Any] = {}
    for key, value in body.items():
        if key == "priority":
            tidy[key] = priority_of(str(value)) or str(value)
        elif key == "items":
            tidy[key] = [str(one) for one in value]
        elif key in ("desc", "condition", "output"):
            tidy[key] = str(value).strip()
        else:
            tidy[key] = value
    if tidy.get("source") == SYSTEM_CALLS:
        del tidy["source"]
    return {key: value for key, value in tidy.items() if value not in ([], None) or key == "items"}


def _meaning(key: str, value: Any) -> Any:
    if key == "condition":
        return _condition_meaning(str(value))
    if key == "tags":
        return sorted(map(str, value))
    if key == "exceptions":
        return [_exception_meaning(one) for one in value]
    return " ".join(value.split()) if isinstance(value, str) else value


def same_meaning(key: str, one: Any, other: Any) -> bool:
    """Tell whether two values of a key (None: there is none) say the same."""
    if one is None or other is None:
        return one is other
    return bool(_meaning(key, one) == _meaning(key, other))


def _exception_meaning(exception: Any) -> Any:
    """Return an exception with Falco's defaults: ``=`` for each of several fields, ``in`` for a single one."""
    if not isinstance(exception, dict) or "fields" not in exception:
        return exception
    fields = exception["fields"]
    default = ["="] * len(fields) if isinstance(fields, list) else "in"
    comps, values = exception.get("comps") or default, exception.get("values") or []
    return {**exception, "comps": comps, "values": _with_texts(values)}


def _with_texts(values: Any) -> Any:
    """Return values with texts for numbers: Falco reads every value as the text that is written."""
    if isinstance(values, list):
        return [_with_texts(one) for one in values]
    return values if values is None or isinstance(values, dict) else str(values)


def _condition_meaning(text: str) -> str:
    """Return a condition as its tree is printed; with ``and``/``or`` before it where it is appended."""
    for begin in ("and", "or"):
        if text.startswith(begin) and text[len(begin) : len(begin) + 1] in (" ", "\n", "\t", "("):
            return f"{begin} {_condition_meaning(text[len(begin) :].strip())}"
    try:
        return condition_text(parse_condition(text))
    except ConditionError:
        return " ".join(text.split())


def yaml_text(definition: Definition) -> str:
    """Return the definition as an item of a rule file: without dash and indentation, with a line end."""
    lines = [f"{definition.kind}: {_scalar(definition.name)}"]
    order = [key for key in PUSHED_KEYS[definition.kind] if key in definition.body]
    for key in order:
        lines += _entry(key, definition.body[key])
    if definition.append:
        lines += ["override:", *(f"  {key}: append" for key in order)]
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any) -> list[str]:
    if isinstance(value, str):
        return _text_entry(key, value)
    if key == "exceptions":
        lines = [f"{key}:"]
        for one in value:
            first, *rest = [f"{name}: {_flow(part)}" for name, part in one.items() if part is not None]
            lines += [f"  - {first}", *(f"    {line}" for line in rest)]
        return lines
    flow = f"{key}: {_flow(value)}"
    return [flow] if len(flow) <= _WIDTH else [f"{key}:", *(f"  - {_flow(one)}" for one in value)]


def _text_entry(key: str, value: str) -> list[str]:
    shown = all(line.isprintable() and line == line.rstrip() for line in value.split("\n"))
    if "\n" in value and value == value.strip() and shown:
        return [f"{key}: |-", *(f"  {line}" if line else "" for line in value.split("\n"))]
    written = f"{key}: {_scalar(value)}"
    if len(written) <= _WIDTH or not _can_fold(value):
        return [written]
    return [f"{key}: >-", *(f"  {line}" for line in folded_lines(value))]


def folded_lines(value: str) -> list[str]:
    """Return the lines of a ``>`` block, not indented; a text with line ends or wide blanks stays one line."""
    if not _can_fold(value):
        return [value]
    lines, current = [], ""
    for word in value.split(" "):
        if current and len(current) + len(word) > _WIDTH:
            lines.append(current)
            current = ""
        current += f" {word}" if current else word
    return [*lines, current]


def _can_fold(value: str) -> bool:
    return value.isprintable() and " ".join(value.split()) == value


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_PLAIN_BEGIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ(/_")
_PLAIN_REST = _PLAIN_BEGIN | frozenset("0123456789 .)-+=<>|;@~$^%*")
_OTHER_TYPES = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def _scalar(text: str) -> str:
    """Return a text as YAML: plain where it stays a text whoever reads it, else in double quotes."""
    plain = text[:1] in _PLAIN_BEGIN and set(text) <= _PLAIN_REST and text == text.strip()
    return text if plain and text.lower() not in _OTHER_TYPES else _quoted(text)


def _quoted(text: str) -> str:
    """Return a text in double quotes, with escapes for what is not shown or turns the writing direction."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else _escaped(ord(one)) for one in written)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code <= _LAST_OF_FOUR_DIGITS else f"\\U{code:08x}"

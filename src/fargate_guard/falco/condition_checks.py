"""Conditions, outputs and exceptions: syntax, fields, and what they are compared with.

https://falco.org/docs/concepts/rules/conditions/, https://falco.org/docs/concepts/rules/exceptions/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fargate_guard.falco.condition import parse_condition
from fargate_guard.falco.item_checks import SYSTEM_CALLS
from fargate_guard.falco.known_fields import NOT_ON_FARGATE, is_known, nearest, takes_argument
from fargate_guard.falco.lexer import LIST_OPERATORS, OPERATORS, TRANSFORMERS, UNARY_OPERATORS, ConditionError
from fargate_guard.falco.tree import Comparison, fields_of, leaves

if TYPE_CHECKING:
    from fargate_guard.falco.findings import Findings, Place
    from fargate_guard.falco.reading import Item
    from fargate_guard.falco.tree import Expression, Field

_IN_OUTPUT = re.compile(rf"\*?%((?:(?:{'|'.join(TRANSFORMERS)})\()*)([a-zA-Z][a-zA-Z0-9_.]*)?(\[[^\]\s]*\])?")
_KEYS_OF_EXCEPTION = {"name", "fields", "comps", "values"}
_LEADING = re.compile(r"\s*(and|or)(?=[\s(])")


def read_condition(item: Item, findings: Findings) -> Expression | None:
    """Read the condition of a rule or macro; None where it has none that can be read."""
    text = item.values.get("condition")
    if not isinstance(text, str) or not text.strip():
        return None
    start = _skipped(item, text)
    try:
        tree = parse_condition(text[start:])
    except ConditionError as wrong:
        place = item.inside("condition", start + wrong.at)
        findings.error(place, "condition", wrong.message, item=item, fix=wrong.fix)
        return None
    for leaf in leaves(tree):
        for field in fields_of(leaf) if isinstance(leaf, Comparison) else ():
            _check_field(item, field, item.inside("condition", start + field.at), findings)
    return tree


def offset_in_condition(item: Item, at: int) -> Place:
    """Return where a node of the tree of :func:`read_condition` stands in the file."""
    return item.inside("condition", _skipped(item, str(item.values["condition"])) + at)


def _skipped(item: Item, text: str) -> int:
    """Return how much of a condition that is appended to another belongs to the other: ``and``, ``or``."""
    found = _LEADING.match(text) if item.amends else None
    return found.end() if found else 0


def _check_field(item: Item, field: Field, place: Place, findings: Findings) -> None:
    _check_name(item, field.name, place, findings)
    if field.argument and is_known(field.name) and not takes_argument(field.name) and _is_of_calls(item):
        findings.warning(place, "field-argument", f"{field.name} takes no argument in brackets", item=item)


def _check_name(item: Item, name: str, place: Place, findings: Findings) -> None:
    if not _is_of_calls(item):
        return
    if name.startswith(NOT_ON_FARGATE):
        findings.warning(place, "not-on-fargate", f"{name} is never set in a task of ECS on Fargate", item=item)
    elif not is_known(name):
        near = nearest(name)
        findings.warning(
            place,
            "unknown-field",
            f"{name} is no field of Falco's that is known here",
            item=item,
            fix=f"did you mean {near}?" if near else None,
        )


def _is_of_calls(item: Item) -> bool:
    return bool(item.values.get("source", SYSTEM_CALLS) == SYSTEM_CALLS)


def check_output(item: Item, findings: Findings) -> None:
    """Check the fields that an output names."""
    output = item.values.get("output")
    if item.kind != "rule" or not isinstance(output, str):
        return
    for found in _IN_OUTPUT.finditer(output):
        place = item.inside("output", found.start())
        name = (found[2] or "").rstrip(".")
        if not name:
            findings.warning(place, "output", "a % that no field follows", item=item, fix="write %field.name")
        elif "." not in name:
            fix = "write %container.id, %proc.cmdline…"
            findings.warning(place, "output", f"%{name} names no field", item=item, fix=fix)
        else:
            _check_name(item, name, place, findings)


def check_exceptions(item: Item, findings: Findings) -> None:
    """Check that fields, comparisons and values of each exception fit each other."""
    listed = item.values.get("exceptions")
    names: set[str] = set()
    for number, one in enumerate(listed if isinstance(listed, list) else ()):
        place = item.element("exceptions", number)
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            findings.error(place, "exception", "an exception is an object with a name", item=item)
            continue
        problem = _problem_of(one, amends=item.amends)
        if one["name"] in names:
            problem = "there are two of this name"
        names.add(one["name"])
        if problem:
            findings.error(place, "exception", f"exception {one['name']}: {problem}", item=item)
        for key in set(one) - _KEYS_OF_EXCEPTION:
            message = f"exception {one['name']} has {key}; Falco ignores it"
            findings.warning(place, "unknown-key", message, item=item)
        for name in _texts(one.get("fields")):
            _check_name(item, name.partition("[")[0], place, findings)


def _problem_of(exception: dict[str, Any], *, amends: bool) -> str | None:
    fields, comps, values = (exception.get(key) for key in ("fields", "comps", "values"))
    if values is not None and not isinstance(values, list):
        return "values is not a list"
    if fields is None:
        return None if amends else "it has no fields"
    unknown = [one for one in _texts(comps) if one not in OPERATORS or one in UNARY_OPERATORS]
    if unknown:
        return f"{unknown[0]} is no comparison"
    if isinstance(fields, str):
        fits = comps is None or (isinstance(comps, str) and comps in LIST_OPERATORS)
        return None if fits else f"with one field, comps is one of {', '.join(LIST_OPERATORS)}"
    return _problem_of_tuples(fields, comps, values or [])


def _problem_of_tuples(fields: Any, comps: Any, values: list[Any]) -> str | None:
    if not isinstance(fields, list) or not fields:
        return "fields is neither a name nor a list of names"
    count = len(fields)
    have = "there is 1 field" if count == 1 else f"there are {count} fields"
    if comps is not None and (not isinstance(comps, list) or len(comps) != count):
        return f"{have}, and comps is not a list of as many"
    for one in values:
        if not isinstance(one, list) or len(one) != count:
            return f"{have}, and {one!r} is not a list of as many values"
    return None


def _texts(value: Any) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]

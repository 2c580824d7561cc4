"""Check rule files as one rule set: every item, what they refer to, and what they do to each other."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fargate_guard.falco.circles import in_circles
from fargate_guard.falco.condition_checks import (
    check_exceptions,
    check_output,
    offset_in_condition,
    read_condition,
)
from fargate_guard.falco.findings import Finding, Findings, Severity
from fargate_guard.falco.item_checks import SYSTEM_CALLS, check_item
from fargate_guard.falco.reading import Item, read_items
from fargate_guard.falco.tree import Comparison, ListName, Macro, Values, fields_of, leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fargate_guard.falco.findings import Place
    from fargate_guard.falco.reading import RuleFile
    from fargate_guard.falco.tree import Expression

_LIKE_A_LIST = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_NAME_OF_A_LIST = re.compile(
    r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*_(?:binaries|commands|containers|directories|dirs|domains|files|hosts|images|ips|"
    r"list|names|ports|processes|procs|programs|shells|users)"
)
"""Within a list's items, where texts with underscores are common."""
_PLAIN_WORDS = ("evt.", "syscall.", "fd.type", "container.", "proc.env")
"""Beginnings of fields whose values have underscores of their own."""
_EVENT_TYPES = ("evt.type", "syscall.type", "evt.type.is", "evt.is_open_write", "evt.is_open_read", "evt.category")
UNDEFINED = ("undefined-macro", "undefined-list", "undefined-rule")


@dataclass(frozen=True, slots=True)
class Known:
    """What is defined elsewhere: in Falco's default rules, by Sysdig."""

    rules: frozenset[str] = frozenset()
    macros: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()

    def of(self, kind: str) -> frozenset[str]:
        """Return the names of one kind."""
        return {"rule": self.rules, "macro": self.macros, "list": self.lists}[kind]


@dataclass(slots=True)
class Checked:
    """The items of all files, and what is wrong with them."""

    items: list[Item] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """Those that Falco or Sysdig would refuse."""
        return [one for one in self.findings if one.severity is Severity.ERROR]


def check_files(files: Iterable[RuleFile], known: Known | None = None, *, strict: bool = False) -> Checked:
    """Check rule files, in the order in which they are loaded; never raises for what is in them.

    :param known: what is defined elsewhere; None where that is not known.
    :param strict: what is not defined is an error; so is every other warning.
    """
    findings = Findings()
    items = [item for file in files for item in read_items(file, findings)]
    items = [item for item in items if check_item(item, findings)]
    trees = {}
    for item in items:
        tree = read_condition(item, findings) if item.kind != "list" else None
        if tree is not None:
            trees[id(item)] = tree
        check_output(item, findings)
        check_exceptions(item, findings)
    _RuleSet(items, trees, known or Known(), findings).check()
    found = sorted(findings.found, key=lambda one: (one.place, one.check))
    if strict:
        found = [replace(one, severity=Severity.ERROR) for one in found]
    return Checked(items, found)


class _RuleSet:
    def __init__(
        self, items: list[Item], trees: Mapping[int, Expression], known: Known, findings: Findings
    ) -> None:
        self._items = items
        self._trees = trees
        self._known = known
        self._findings = findings
        self._order = {id(item): number for number, item in enumerate(items)}
        self._defined: dict[tuple[str, str], Item] = {}
        self._macro_leaves: dict[str, list[Comparison | Macro]] = {}
        for item in items:
            if item.kind == "macro" and id(item) in trees:
                self._macro_leaves.setdefault(item.name, []).extend(leaves(trees[id(item)]))
        self._with_events: set[str] = set()

    def check(self) -> None:
        for item in self._items:
            self._define(item)
        for item in self._items:
            self._check_amended(item)
            self._check_references(item)
        self._check_lists()
        self._check_circles()
        self._with_events = self._macros_with_events()
        for item in self._items:
            self._check_event_type(item)

    def _define(self, item: Item) -> None:
        key = (item.kind, item.name)
        if item.amends:
            return
        if key in self._defined:
            first = self._defined[key].place
            self._findings.error(
                item.place,
                "duplicate",
                f"the {item} is defined twice, first at {first}; this one would replace it",
                item=item,
                fix="rename it, or add override: {…: append} to change the first",
            )
            return
        self._defined[key] = item

    def _check_amended(self, item: Item) -> None:
        if not item.amends:
            return
        defined = self._defined.get((item.kind, item.name))
        if defined is None and item.name not in self._known.of(item.kind):
            self._undefined(item, item.kind, item.name, item.place, "it changes what is not defined here: ")
        elif defined is not None and self._order[id(defined)] > self._order[id(item)]:
            message = f"it changes the {item}, which is only defined later, at {defined.place}"
            self._findings.error(item.place, "order", message, item=item)

    def _check_references(self, item: Item) -> None:
        tree = self._trees.get(id(item))
        for leaf in leaves(tree) if tree else ():
            if isinstance(leaf, Macro):
                self._check_name(item, "macro", leaf.name, leaf.at)
            else:
                for name, at in _lists_of(leaf):
                    self._check_name(item, "list", name, at)
                for name, at in _perhaps_lists_of(leaf):
                    if ("list", name) not in self._defined and name not in self._known.lists:
                        place = offset_in_condition(item, at)
                        fix = "define it, quote it where a text is meant, or look with --remote"
                        self._undefined(item, "list", name, place, "it looks like ", fix=fix)

    def _check_lists(self) -> None:
        """Check the lists within lists: those that look like one and are none, and what leads back to itself."""
        names = {name for kind, name in self._defined if kind == "list"}
        uses: dict[str, list[str]] = {name: [] for name in names}
        for item in self._items:
            for name, place in item.bare_items():
                if name in names:
                    uses.setdefault(item.name, []).append(name)
                elif _NAME_OF_A_LIST.fullmatch(name) and name not in self._known.lists:
                    fix = "define it, quote it where a text is meant, or look with --remote"
                    self._undefined(item, "list", name, place, "it looks like ", fix=fix)
        for name in in_circles(uses) & names:
            item = self._defined["list", name]
            self._findings.error(item.place, "circle", f"the list {name} leads back to itself", item=item)

    def _check_name(self, item: Item, kind: str, name: str, at: int) -> None:
        place = offset_in_condition(item, at)
        defined = self._defined.get((kind, name))
        if defined is not None:
            if self._order[id(defined)] > self._order[id(item)]:
                message = f"the {kind} {name} is only defined later, at {defined.place}; Falco reads from above"
                self._findings.warning(place, "order", message, item=item)
        elif name not in self._known.of(kind):
            self._undefined(item, kind, name, place)

    def _undefined(
        self, item: Item, kind: str, name: str, place: Place, begin: str = "", fix: str | None = None
    ) -> None:
        which = ", which" if begin.endswith("like ") else ""
        self._findings.warning(
            place,
            f"undefined-{kind}",
            f"{begin}the {kind} {name}{which} is not defined in these files",
            item=item,
            fix=fix or "look at what Sysdig has with --remote, or define it",
        )

    def _check_circles(self) -> None:
        circles = in_circles({name: self._macros_in(name) for name in self._macro_leaves})
        for (kind, name), item in self._defined.items():
            if kind == "macro" and name in circles:
                self._findings.error(item.place, "circle", f"the macro {name} leads back to itself", item=item)

    def _macros_in(self, name: str) -> list[str]:
        return [leaf.name for leaf in self._macro_leaves[name] if isinstance(leaf, Macro)]

    def _check_event_type(self, item: Item) -> None:
        tree = self._trees.get(id(item))
        of_calls = item.values.get("source", SYSTEM_CALLS) == SYSTEM_CALLS
        wanted = item.values.get("warn_evttypes") is not False
        if item.kind != "rule" or item.amends or tree is None or not (of_calls and wanted):
            return
        if not any(self._names_events(leaf) for leaf in leaves(tree)):
            message = "the condition restricts no event type: every system call is tested, which is slow"
            fix = "add evt.type in (…) and …; or warn_evttypes: false"
            self._findings.warning(item.at("condition"), "event-type", message, item=item, fix=fix)

    def _names_events(self, leaf: Comparison | Macro) -> bool:
        if isinstance(leaf, Macro):
            return leaf.name in self._with_events or not self._is_readable(leaf.name)
        return _is_of_event_type(leaf)

    def _macros_with_events(self) -> set[str]:
        """Return the macros that restrict event types themselves or through another; an unknown one may."""
        users: dict[str, list[str]] = {}
        for name in self._macro_leaves:
            for used in self._macros_in(name):
                users.setdefault(used, []).append(name)
        waiting = [name for name, found in self._macro_leaves.items() if any(map(_is_of_event_type, found))]
        waiting += [used for used in users if not self._is_readable(used)]
        named: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in named:
                named.add(name)
                waiting += users.get(name, ())
        return named

    def _is_readable(self, macro: str) -> bool:
        defined = self._defined.get(("macro", macro))
        return defined is not None and id(defined) in self._trees


def _is_of_event_type(leaf: Comparison | Macro) -> bool:
    return isinstance(leaf, Comparison) and any(one.name in _EVENT_TYPES for one in fields_of(leaf))


def _lists_of(leaf: Comparison) -> Iterator[tuple[str, int]]:
    if isinstance(leaf.right, ListName):
        yield leaf.right.name, leaf.right.at


def _perhaps_lists_of(leaf: Comparison) -> Iterator[tuple[str, int]]:
    """Yield bare values that are spelt like the names of lists: nothing tells the two apart."""
    if not isinstance(leaf.right, Values) or any(one.name.startswith(_PLAIN_WORDS) for one in fields_of(leaf)):
        return
    for text in leaf.right.items:
        if not text.quote and _LIKE_A_LIST.fullmatch(text.raw):
            yield text.raw, text.at

"""Policies, Falco rules, macros and lists of Sysdig Secure.

Written from the fields and paths that Sysdig's Terraform provider and Python SDK document: ``/api/v2/policies`` is
a list; rules, macros and lists have ``summaries`` (name, ids, publishedBys), ``groups?name=`` and objects by id,
with a version, which a PUT has to name as it is, or is refused. Names may stand for several objects, one of which
is the definition; the others append to it. What Sysdig delivers cannot be changed.
"""

from __future__ import annotations

import copy
import itertools
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.sysdig_api.interferences import Answer
from tests.sysdig_api.server import Asked, Refused, Route, document_of

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = dict[str, Any]
READ, EDIT = "falco-rules.read", "falco-rules.edit"
EDITOR = "token-of-an-editor"
"""May read and change rules."""
PATHS = {"rule": "/api/secure/rules", "macro": "/api/secure/falco/macros", "list": "/api/secure/falco/lists"}
PRIORITIES = {"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"}
_KEYS = {
    "rule": {"name", "description", "tags", "details"},
    "macro": {"name", "condition", "append", "minimumEngineVersion"},
    "list": {"name", "items", "append"},
}
_KEPT_BY_SYSDIG = {"id", "version", "origin", "versionId", "filename", "createdOn", "modifiedOn"}


class RuleStore:
    """The policies and rules of one customer."""

    def __init__(self) -> None:
        self.policies: list[Json] = []
        self.objects: dict[str, dict[int, Json]] = {kind: {} for kind in PATHS}
        self._ids = itertools.count(100)
        self._lock = threading.Lock()

    def clear(self) -> None:
        self.policies.clear()
        for objects in self.objects.values():
            objects.clear()

    def add(self, kind: str, document: Json, origin: str = "Secure UI") -> Json:
        """Keep an object, as if somebody had made it in the interface."""
        with self._lock:
            made = {**copy.deepcopy(document), "id": next(self._ids), "version": 1, "origin": origin}
            self.objects[kind][made["id"]] = made
            return made

    def edit(self, kind: str, name: str, **changes: Any) -> None:
        """Change an object, as if somebody had done so in the interface."""
        found = self.named(kind, name)
        found.update(copy.deepcopy(changes), version=found["version"] + 1)

    def named(self, kind: str, name: str) -> Json:
        return next(one for one in self.objects[kind].values() if one["name"] == name)

    def names(self, kind: str) -> set[str]:
        return {one["name"] for one in self.objects[kind].values()}


def rules_routes(store: RuleStore) -> list[Route]:
    """Return the routes of policies and of all three kinds."""
    return [
        Route("GET", "/api/v2/policies", lambda _asked, _parts: store.policies, "policies.read"),
        *(route for kind in PATHS for route in _Kind(store, kind).routes()),
    ]


class _Kind:
    def __init__(self, store: RuleStore, kind: str) -> None:
        self._store = store
        self._kind = kind
        self._objects = store.objects[kind]

    def routes(self) -> list[Route]:
        path = PATHS[self._kind]
        names = frozenset({"name", "type"} if self._kind == "rule" else {"name"})
        silent = frozenset({"skipPolicyV2Msg"})
        return [
            Route("GET", f"{path}/summaries", self.summaries, READ),
            Route("GET", f"{path}/groups", self.group, READ, names),
            Route("GET", f"{path}/{{id}}", self.one, READ),
            Route("POST", path, self.make, EDIT, silent),
            Route("PUT", f"{path}/{{id}}", self.change, EDIT, silent),
            Route("DELETE", f"{path}/{{id}}", self.remove, EDIT, silent),
        ]

    def summaries(self, _asked: Asked, _parts: Mapping[str, str]) -> list[Json]:
        by_name: dict[str, list[Json]] = {}
        for one in self._objects.values():
            by_name.setdefault(one["name"], []).append(one)
        return [
            {
                "name": name,
                "ids": [one["id"] for one in objects],
                "publishedBys": [{"origin": one["origin"], "versionId": "1"} for one in objects],
            }
            for name, objects in by_name.items()
        ]

    def group(self, asked: Asked, _parts: Mapping[str, str]) -> list[Json]:
        name = asked.parameters().get("name")
        if not name:
            raise Refused(400, "bad_request", "name is required")
        return [one for one in self._objects.values() if one["name"] == name]

    def one(self, _asked: Asked, parts: Mapping[str, str]) -> Json:
        found = self._objects.get(int(parts["id"])) if parts["id"].isdigit() else None
        if found is None:
            raise Refused(404, "not_found", f"{self._kind} {parts['id']} does not exist")
        return found

    def make(self, asked: Asked, _parts: Mapping[str, str]) -> Json:
        document = self._checked(document_of(asked))
        if {"id", "version"} & document.keys():
            raise Refused(400, "bad_request", "a new object has neither id nor version")
        same = [one for one in self._objects.values() if one["name"] == document["name"]]
        if any(_appends(self._kind, one) == _appends(self._kind, document) for one in same):
            raise Refused(409, "conflict", f"a {self._kind} with the name {document['name']} exists")
        return self._store.add(self._kind, document)

    def change(self, asked: Asked, parts: Mapping[str, str]) -> Json:
        old, document = self._own(asked, parts), self._checked(document_of(asked))
        if document.get("id") != old["id"]:
            raise Refused(400, "bad_request", "the id is another one than in the path")
        if document.get("version") != old["version"]:
            raise Refused(409, "conflict", f"the version is {old['version']}, not {document.get('version')}")
        new = {**document, "version": old["version"] + 1, "origin": old["origin"]}
        self._objects[old["id"]] = new
        return new

    def remove(self, asked: Asked, parts: Mapping[str, str]) -> Answer:
        del self._objects[self._own(asked, parts)["id"]]
        return Answer(204, b"", {})

    def _own(self, asked: Asked, parts: Mapping[str, str]) -> Json:
        found = self.one(asked, parts)
        if found["origin"] == "Sysdig":
            raise Refused(403, "forbidden", "what Sysdig delivers cannot be changed")
        return found

    def _checked(self, document: Any) -> Json:
        if not isinstance(document, dict) or not isinstance(document.get("name"), str) or not document["name"]:
            raise Refused(400, "bad_request", "name is required")
        unknown = document.keys() - _KEYS[self._kind] - _KEPT_BY_SYSDIG
        if unknown:
            raise Refused(400, "bad_request", f"unknown field {min(unknown)}")
        {"rule": _check_rule, "macro": _check_macro, "list": _check_list}[self._kind](document)
        return document


def _appends(kind: str, document: Json) -> bool:
    return bool((document["details"] if kind == "rule" else document).get("append"))


def _check_rule(document: Json) -> None:
    details = document.get("details")
    if not isinstance(details, dict) or details.get("ruleType") != "FALCO":
        raise Refused(400, "bad_request", "details.ruleType must be FALCO")
    if not isinstance(document.get("tags"), list):
        raise Refused(400, "bad_request", "tags must be a list")
    if details.get("append"):
        return
    if details.get("priority") not in PRIORITIES:
        raise Refused(400, "bad_request", f"details.priority {details.get('priority')} is not supported")
    if not details.get("output") or not isinstance(details.get("condition"), dict):
        raise Refused(400, "bad_request", "details.output and details.condition are required")


def _check_macro(document: Json) -> None:
    condition = document.get("condition")
    if not isinstance(condition, dict) or not condition.get("condition"):
        raise Refused(400, "bad_request", "condition.condition is required")


def _check_list(document: Json) -> None:
    items = document.get("items")
    if not isinstance(items, dict) or not all(isinstance(one, str) for one in items.get("items", [None])):
        raise Refused(400, "bad_request", "items.items must be a list of texts")

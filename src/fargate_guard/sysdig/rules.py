"""Custom Falco rules, macros and lists in Sysdig Secure: names, objects, and changes to them.

``/api/secure/rules``, ``/api/secure/falco/macros`` and ``/api/secure/falco/lists``: ``summaries`` lists names with
the ids of their objects (several where one appends to another), ``/{id}`` is one object. Fields and versions are
those of Sysdig's Terraform provider, listings those of its Python SDK
(https://github.com/sysdiglabs/terraform-provider-sysdig, https://github.com/sysdiglabs/sysdig-sdk-python).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fargate_guard.sysdig.errors import BrokenAnswer, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.sysdig.client import SecureClient

PATHS = {"list": "/api/secure/falco/lists", "macro": "/api/secure/falco/macros", "rule": "/api/secure/rules"}
READ_RULES = "falco-rules.read"
EDIT_RULES = "falco-rules.edit"
FALCO = "FALCO"
_THEIRS = "sysdig"
"""Beginning of the origin of what Sysdig delivers; a customer's is ``Customer`` or ``Secure UI``."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as Sysdig keeps it."""

    kind: str
    """``rule``, ``macro`` or ``list``."""
    object_id: int
    name: str
    version: int
    """Raised by Sysdig with every change; a change names the version that it starts from."""
    raw: Mapping[str, Any] = field(default_factory=dict, hash=False)


def read_names(client: SecureClient) -> dict[str, frozenset[str]]:
    """Return all names that can be referred to, of each kind: Sysdig's own and custom ones."""
    return {kind: frozenset(str(one["name"]) for one in _summaries(client, kind)) for kind in PATHS}


def read_custom(client: SecureClient) -> tuple[Stored, ...]:
    """Return the Falco rules, macros and lists that are not Sysdig's own: lists first, rules last."""
    return tuple(stored for kind in PATHS for stored in _custom(client, kind))


def create(client: SecureClient, kind: str, document: Mapping[str, Any]) -> Stored:
    """Make an object and return it as Sysdig keeps it."""
    return _stored(kind, client.change("POST", PATHS[kind], dict(document), permission=EDIT_RULES))


def update(client: SecureClient, stored: Stored, document: Mapping[str, Any]) -> Stored:
    """Change an object; what is not in ``document`` stays. Sysdig compares the version."""
    body = {**_merged(stored.raw, document), "id": stored.object_id, "version": stored.version}
    return _stored(stored.kind, client.change("PUT", _path(stored), body, permission=EDIT_RULES))


def delete(client: SecureClient, stored: Stored) -> None:
    """Remove an object."""
    client.change("DELETE", _path(stored), permission=EDIT_RULES)


def _custom(client: SecureClient, kind: str) -> Iterator[Stored]:
    for summary in _summaries(client, kind):
        origins = [one.get("origin") for one in summary.get("publishedBys") or () if isinstance(one, dict)]
        if origins and all(_is_theirs(one) for one in origins):
            continue
        for object_id in summary.get("ids") or ():
            try:
                document = client.get(f"{PATHS[kind]}/{object_id}", permission=READ_RULES)
            except NotFound:  # deleted since the names were listed
                continue
            stored = _stored(kind, document)
            if not _is_theirs(stored.raw.get("origin")) and _is_falco(stored):
                yield stored


def _is_theirs(origin: Any) -> bool:
    return isinstance(origin, str) and origin.lower().startswith(_THEIRS)


def _is_falco(stored: Stored) -> bool:
    details = stored.raw.get("details")
    return stored.kind != "rule" or (isinstance(details, dict) and details.get("ruleType", FALCO) == FALCO)


def _summaries(client: SecureClient, kind: str) -> list[dict[str, Any]]:
    path = f"{PATHS[kind]}/summaries"
    document = client.get(path, permission=READ_RULES)
    if not isinstance(document, list) or not all(isinstance(one, dict) and one.get("name") for one in document):
        raise BrokenAnswer("Sysdig Secure's answer is no list of names", where=path)
    return document


def _stored(kind: str, document: Any) -> Stored:
    numbers = [document.get("id"), document.get("version", 0)] if isinstance(document, dict) else [None]
    if not all(isinstance(one, int) for one in numbers) or not isinstance(document.get("name"), str):
        raise BrokenAnswer(f"Sysdig Secure's answer has a {kind} without id, name or version", where=PATHS[kind])
    return Stored(kind, document["id"], document["name"], document.get("version", 0), dict(document))


def _path(stored: Stored) -> str:
    return f"{PATHS[stored.kind]}/{stored.object_id}"


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``new`` over ``old``, objects within objects too."""
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        merged[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged

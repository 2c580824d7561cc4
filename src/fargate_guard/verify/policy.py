"""What a set of identity policies allows: IAM's evaluation, as far as the documents alone decide it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fargate_guard.verify.facts.access import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Json = dict[str, Any]

_CAVEAT = "the role's own policies were read; boundaries and organization policies were not"


def evaluate(
    policies: Iterable[tuple[str, Json]], action: str, resource: str, context: Mapping[str, str] | None = None
) -> Decision:
    """Decide whether the policies allow ``action`` on ``resource``; the decision says what they leave open.

    :param context: condition keys of the request, as far as they are known.
    """
    allowed_by, conditions = None, False
    for name, statement in _statements(policies):
        if not (_covers_action(statement, action) and _covers_resource(statement, resource)):
            continue
        holds = _holds(statement.get("Condition") or {}, context or {})
        if statement.get("Effect") == "Deny" and holds:
            return Decision(False, f"denied by the policy {name} ({_CAVEAT})")
        if statement.get("Effect") == "Allow" and holds is not False and (allowed_by is None or conditions):
            allowed_by, conditions = name, holds is None
    if allowed_by is None:
        return Decision(False, f"no policy of the role allows it ({_CAVEAT})")
    under = " under conditions that were not evaluated" if conditions else ""
    return Decision(True, f"allowed by the policy {allowed_by}{under} ({_CAVEAT})")


def wider_than_needed(policies: Iterable[tuple[str, Json]], action: str) -> Iterator[tuple[str, str]]:
    """Yield policy name and resource of each unconditional permission for ``action`` on all of its resources."""
    for name, statement in _statements(policies):
        if (
            statement.get("Effect") != "Allow"
            or statement.get("Condition")
            or not _covers_action(statement, action)
        ):
            continue
        for resource in _listed(statement.get("Resource")):
            if resource == "*" or re.fullmatch(
                r"arn:[^:]*:[^:]*:[^:]*:[^:]*:(\*|secret:\*|parameter/\*)", resource
            ):
                yield name, resource


def trusted_services(trust_policy: Json) -> tuple[str, ...]:
    """Return the service principals that may assume a role."""
    services: list[str] = []
    for _, statement in _statements([("trust", trust_policy)]):
        principal = statement.get("Principal")
        if statement.get("Effect") == "Allow" and isinstance(principal, dict):
            services += _listed(principal.get("Service"))
    return tuple(services)


def _statements(policies: Iterable[tuple[str, Json]]) -> Iterator[tuple[str, Json]]:
    for name, document in policies:
        statements = document.get("Statement", ())
        for statement in [statements] if isinstance(statements, dict) else statements:
            yield name, statement


def _covers_action(statement: Json, action: str) -> bool:
    if "NotAction" in statement:
        return not _matches_any(_listed(statement["NotAction"]), action, ignore_case=True)
    return _matches_any(_listed(statement.get("Action")), action, ignore_case=True)


def _covers_resource(statement: Json, resource: str) -> bool:
    if "NotResource" in statement:
        return not _matches_any(_listed(statement["NotResource"]), resource)
    return _matches_any(_listed(statement.get("Resource")), resource)


def _holds(condition: Json, context: Mapping[str, str]) -> bool | None:
    """Whether a statement's conditions are met; None where that depends on what is not known here."""
    known = {key.lower(): value for key, value in context.items()}
    verdicts: list[bool | None] = []
    for operator, keys in condition.items():
        for key, values in keys.items():
            value = known.get(key.lower())
            if value is None or operator not in ("StringEquals", "StringLike"):
                verdicts.append(None)
            elif operator == "StringLike":
                verdicts.append(_matches_any(_listed(values), value))
            else:
                verdicts.append(value in _listed(values))
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _matches_any(patterns: Iterable[str], value: str, *, ignore_case: bool = False) -> bool:
    flags = re.IGNORECASE | re.DOTALL if ignore_case else re.DOTALL
    return any(re.fullmatch(_as_regex(pattern), value, flags) for pattern in patterns)


def _as_regex(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(item) for item in value]

"""Answers that are given again when a client asks again, since the first one never reached it.

Every attempt of a call carries the same ``amz-sdk-invocation-id`` and its number in ``amz-sdk-request``
(https://docs.rs/aws-runtime/latest/aws_runtime/invocation_id/): one that comes after an answer has lost it, as
happens about once in two thousand calls of a busy Terraform. Carried out twice, CreateRoute would fail.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT = 256
"""Answers that are remembered; a retry follows within seconds."""


class Answer(NamedTuple):
    """What was answered."""

    status: str
    headers: list[tuple[str, str]]
    body: list[bytes]


@dataclass(slots=True)
class Answers:
    """The latest successful answers, by the call's invocation ID."""

    _by_invocation: OrderedDict[str, Answer] = field(default_factory=OrderedDict)

    def again(self, environ: Mapping[str, Any]) -> Answer | None:
        """Return what an earlier attempt of this very call was answered; None where there was none."""
        return self._by_invocation.get(environ.get("HTTP_AMZ_SDK_INVOCATION_ID", ""))

    def remember(self, environ: Mapping[str, Any], answer: Answer) -> None:
        """Keep an answer, unless it asks for another attempt itself."""
        invocation = environ.get("HTTP_AMZ_SDK_INVOCATION_ID")
        if not invocation or not answer.status.startswith("2"):
            return
        self._by_invocation[invocation] = answer
        if len(self._by_invocation) > KEPT:
            self._by_invocation.popitem(last=False)

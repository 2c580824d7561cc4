"""What CloudFormation sends to a macro's function, and what it takes back.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros-author.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.taskdef import Json

LONGEST_MESSAGE = 1000
"""Characters of an ``errorMessage``: what CloudFormation shows of it stands in one line of a stack event."""
LARGEST_RESPONSE = 6_291_556
"""Bytes that a function may answer a synchronous call with.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
LARGEST_TEMPLATE = 1_000_000
"""Bytes of a template that CloudFormation takes.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""


class EventError(Exception):
    """Not an event as CloudFormation sends it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the macro."""

    request_id: str
    region: str
    account_id: str
    macro: str
    """``transformId``: account and name, ``123456789012::FargateGuard``."""
    parameters: Mapping[str, str]
    """Values of the template's parameters; those of lists with commas."""
    params: Mapping[str, Json]
    """What stands beside the transform's name; CloudFormation has not evaluated its functions."""
    fragment: Json
    """The template without its ``Transform``, or what stands beside ``Fn::Transform``."""

    @classmethod
    def of(cls, event: Json) -> Request:
        """Read an event.

        :raises EventError: with what is missing or has another type.
        """
        if not isinstance(event, dict):
            raise EventError("the event is not an object")
        missing = [key for key in ("requestId", "fragment") if key not in event]
        if missing:
            raise EventError(f"the event has no {' and no '.join(missing)}; only CloudFormation calls this")
        values, params = event.get("templateParameterValues") or {}, event.get("params") or {}
        for key, value in (("templateParameterValues", values), ("params", params)):
            if not isinstance(value, dict):
                raise EventError(f"the event's {key} is not an object")
        return cls(
            str(event["requestId"]),
            _text(event.get("region")),
            _text(event.get("accountId")),
            _text(event.get("transformId")),
            {str(name): _value(value) for name, value in values.items()},
            params,
            event["fragment"],
        )

    @property
    def pseudo_parameters(self) -> dict[str, str]:
        """Those whose values the event tells; partition and URL suffix follow from the Region."""
        known = {"AWS::Region": self.region, "AWS::AccountId": self.account_id}
        return {name: value for name, value in known.items() if value}


def success(request_id: str, fragment: Json) -> dict[str, Json]:
    """The answer with which CloudFormation goes on."""
    return {"requestId": request_id, "status": "success", "fragment": fragment}


def failure(request_id: str, message: str) -> dict[str, Json]:
    """The answer with which CloudFormation stops and shows the message."""
    return {"requestId": request_id, "status": "failure", "errorMessage": shortened(message, LONGEST_MESSAGE)}


def shortened(message: str, longest: int) -> str:
    """One line of printable text of at most so many characters."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in message).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def size_of(answer: Mapping[str, Json]) -> int:
    """Bytes of an answer as Lambda sends it, at most: some of its runtimes escape what is not ASCII.

    https://github.com/aws/aws-lambda-python-runtime-interface-client (lambda_runtime_marshaller.py)
    """
    return len(json.dumps(answer))


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _value(value: Json) -> str:
    if isinstance(value, list):
        return ",".join(map(_value, value))
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)

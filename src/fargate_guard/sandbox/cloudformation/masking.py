"""What a NoEcho parameter's value looks like wherever it is shown.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html (NoEcho)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.parameters import MASKED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.parameters import Parameter

Json = Any


def masked(value: Json, parameters: Mapping[str, Parameter]) -> Json:
    """Replace the values of NoEcho parameters in a document."""
    secrets = [each.resolved for each in parameters.values() if each.no_echo and each.resolved]
    return _masked(value, [str(secret) for secret in secrets]) if secrets else value


def _masked(value: Json, secrets: list[str]) -> Json:
    if isinstance(value, list):
        return [_masked(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: _masked(item, secrets) for key, item in value.items()}
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASKED)
    return value

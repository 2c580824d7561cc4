"""The parameters of a template for a secret: always references, never the value.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.stacks.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

ARN = r"arn:aws[a-z-]*"
"""Of any partition."""


def secret_parameters(
    prefix: str, label: str, what: str, value_from: str, setting: str, *, optional: bool = False
) -> Iterator[Parameter]:
    """Yield the parameters for an ECS ``valueFrom``: the ARN that a role may read, and which part of it."""
    parts = value_from.split(":")
    if parts[2:3] == ["ssm"]:
        yield Parameter(
            f"{prefix}ParameterArn",
            f"SSM parameter with the {label}",
            f"{what}: ARN of the SSM parameter (SecureString) that holds it, never the value itself.",
            value_from,
            setting,
            pattern=rf"{ARN}:ssm:[a-z0-9-]+:\d{{12}}:parameter/[^:]+",
            constraint="The ARN of an SSM parameter.",
        )
        return
    secret = rf"{ARN}:secretsmanager:[a-z0-9-]+:\d{{12}}:secret:[^:]+"
    yield Parameter(
        f"{prefix}SecretArn",
        f"Secret with the {label}",
        f"{what}: ARN of the secret in Secrets Manager that holds it, never the value itself."
        + (" Empty: the access key above is stored." if optional else ""),
        ":".join(parts[:7]),
        setting,
        pattern=f"({secret})?" if optional else secret,
        constraint="The ARN of a secret, without a JSON key behind it.",
    )
    yield Parameter(
        f"{prefix}SecretPart",
        f"Part of the secret with the {label}",
        "JSON key, version stage and version ID, as in :key::, where the secret holds more. Empty: all of it.",
        "".join(f":{part}" for part in parts[7:]),
        setting,
        pattern="(:[^:]*){0,3}",
        constraint="For example :key:: or nothing.",
    )

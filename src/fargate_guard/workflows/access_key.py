"""Where the agent access key comes from, as ECS's ``valueFrom``; its value goes to Secrets Manager only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.errors import PreflightError

if TYPE_CHECKING:
    from fargate_guard.workflows.context import Context

NOT_STORED_YET = "not-stored-yet"
"""Stands in a plan for the secret's random suffix and version, which exist once ``deploy`` has stored the key."""


@dataclass(frozen=True, slots=True)
class StoredAccessKey:
    """The reference, and whether this run made the secret (then it is removed again when nothing is applied)."""

    value_from: str
    """ARN with, for a key that fguard stored, the version: ``arn:…:secret:name-AbCdEf:::version-id``."""
    created: bool


def known_access_key(context: Context) -> str:
    """Return the reference as far as it is known without changing anything."""
    from fargate_guard.aws.secrets import access_key_secret_name, existing_access_key

    given = _given_reference(context)
    if given:
        return given
    existing = existing_access_key(context.aws, context.config.name)
    if existing:
        return existing
    identity = context.aws.identity()
    name = access_key_secret_name(context.config.name)
    context.observer.note(f"the access key is not stored yet: deploy stores it as the secret {name}")
    account = f"{context.region}:{identity.account_id}"
    return f"arn:{identity.partition}:secretsmanager:{account}:secret:{name}-{NOT_STORED_YET}"


def store_access_key(context: Context) -> StoredAccessKey:
    """Store the key where the configuration names a variable; else return the given reference.

    :raises PreflightError: when the variable is not set.
    """
    from fargate_guard.aws.secrets import ensure_access_key, existing_access_key

    given = _given_reference(context)
    if given:
        return StoredAccessKey(given, created=False)
    access_key = context.config.sysdig.access_key
    value = required_variable(context)
    existed = existing_access_key(context.aws, context.config.name)
    value_from = ensure_access_key(
        context.aws, context.config.name, value, kms_key_arn=access_key.kms_key_arn, tags=context.config.tags
    )
    if existed is None:
        context.observer.note(f"stored the access key in Secrets Manager: {value_from.rsplit(':::', 1)[0]}")
    elif existed != value_from:
        context.observer.note(
            "stored the changed access key as a new version; the agents that use it are replaced"
        )
    return StoredAccessKey(value_from, created=existed is None)


def withdraw_access_key(context: Context, key: StoredAccessKey) -> None:
    """Delete the secret again if this run made it and nothing refers to it."""
    from fargate_guard.aws.secrets import delete_access_key

    if key.created and delete_access_key(context.aws, context.config.name):
        context.observer.note("removed the stored access key again")


def required_variable(context: Context) -> str:
    """Return the value of the variable that holds the key.

    :raises PreflightError: when it is not set or is empty.
    """
    variable = context.config.sysdig.access_key.env
    value = context.environ.get(variable or "", "").strip()
    if not value:
        raise PreflightError(
            f"the agent access key is not in the environment variable {variable}",
            where=f"{context.config_file}: sysdig.access_key.env",
            fix=f"export {variable}=…   (in Sysdig Secure: Integrations > Agent Installation), or set secret_arn",
        )
    return value


def _given_reference(context: Context) -> str | None:
    access_key = context.config.sysdig.access_key
    return access_key.secret_arn or access_key.parameter_arn

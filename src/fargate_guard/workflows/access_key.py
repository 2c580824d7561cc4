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
    """The reference, and what there was before this run stored the key."""

    value_from: str
    """ARN with, for a key that fguard stored, the version: ``arn:…:secret:name-AbCdEf:::version-id``."""
    before: str | None
    """The reference that was current before; None where there was no secret."""


def known_access_key(context: Context) -> str:
    """Return the reference as far as it is known without changing anything.

    A key that is not stored yet, or that changed, has a stand-in for what AWS will choose.
    """
    from fargate_guard.aws.secrets import access_key_secret_name, existing_access_key

    given = _given_reference(context)
    if given:
        return given
    existing = existing_access_key(context.aws, context.config.name)
    if existing and not _differs(context):
        return existing
    if existing:
        context.observer.note("the access key changed: deploy stores it and replaces the agents that use it")
        return f"{existing.rsplit(':::', 1)[0]}:::{NOT_STORED_YET}"
    identity = context.aws.identity()
    name = access_key_secret_name(context.config.name)
    context.observer.note(f"the access key is not stored yet: deploy stores it as the secret {name}")
    account = f"{context.region}:{identity.account_id}"
    return f"arn:{identity.partition}:secretsmanager:{account}:secret:{name}-{NOT_STORED_YET}"


def store_access_key(context: Context) -> StoredAccessKey:
    """Store the key where the configuration names a variable; else return the given reference.

    Tasks refer to a version, so nothing that runs notices before the plan is applied.

    :raises PreflightError: when the variable is not set.
    """
    from fargate_guard.aws.secrets import ensure_access_key, existing_access_key

    given = _given_reference(context)
    if given:
        return StoredAccessKey(given, before=given)
    access_key = context.config.sysdig.access_key
    value = required_variable(context)
    before = existing_access_key(context.aws, context.config.name)
    value_from = ensure_access_key(
        context.aws, context.config.name, value, kms_key_arn=access_key.kms_key_arn, tags=context.config.tags
    )
    if before is None:
        context.observer.note(f"stored the access key in Secrets Manager: {value_from.rsplit(':::', 1)[0]}")
    elif before != value_from:
        context.observer.note("stored the changed access key as a new version of the secret")
    return StoredAccessKey(value_from, before)


def withdraw_access_key(context: Context, key: StoredAccessKey) -> None:
    """Put the secret back as it was before this run; nothing refers to what this run stored."""
    from fargate_guard.aws.secrets import delete_access_key, make_current

    if key.value_from == key.before:
        return
    if key.before is None:
        delete_access_key(context.aws, context.config.name)
        context.observer.note("removed the stored access key again")
    else:
        make_current(context.aws, key.before)
        context.observer.note("made the previous access key the current one again")


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


def _differs(context: Context) -> bool:
    """Whether the variable holds another key than the stored one; no when either cannot be read."""
    from fargate_guard.aws.errors import AccessDenied
    from fargate_guard.aws.secrets import stores_access_key

    value = context.environ.get(context.config.sysdig.access_key.env or "", "").strip()
    try:
        return bool(value) and not stores_access_key(context.aws, context.config.name, value)
    except AccessDenied as denied:
        context.observer.note(f"whether the access key changed is not known: {denied.message}")
        return False

"""The container ``SysdigInstrumentation``: the agent from 5.0 on, the log writer before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.fields import Fields, Json, copied, recased
from fargate_guard.taskdef.recipes import CONNECTION_VARIABLES, RECIPE_VARIABLES, SIDECAR_NAME
from fargate_guard.taskdef.record import LABEL, Additions
from fargate_guard.taskdef.workload import put_entries

if TYPE_CHECKING:
    from fargate_guard.taskdef.settings import Settings

_FIELDS = (
    "name",
    "image",
    "essential",
    "entryPoint",
    "cpu",
    "memory",
    "memoryReservation",
    "repositoryCredentials",
    "environment",
    "secrets",
    "logConfiguration",
    "dockerLabels",
)
"""Every field that fguard sets on the sidecar, in the order in which it writes them."""

_KEPT_OF_OTHERS = ("cpu", "memory", "memoryReservation", "repositoryCredentials", "logConfiguration")
"""Fields that another tool's sidecar keeps when the settings say nothing about them."""


def needs_execution_role(settings: Settings) -> bool:
    """Whether ECS must read a secret or write logs on the instrumentation's behalf before the task starts."""
    recipe, log = settings.recipe, settings.log_configuration or {}
    return bool(
        recipe.sidecar_secrets
        or recipe.workload_secrets
        or settings.repository_credentials_arn
        or log.get("logDriver") == "awslogs"
        or log.get("secretOptions")
    )


def new_sidecar(settings: Settings, label: str, *, pascal: bool) -> dict[str, Json]:
    """The sidecar's container definition."""
    recipe = settings.recipe
    sidecar = _plain_fields(settings)
    variables = settings.variables(recipe.sidecar_variables)
    if variables:
        sidecar["environment"] = [{"name": name, "value": value} for name, value in variables.items()]
    secrets = settings.secrets(recipe.sidecar_secrets)
    if secrets:
        sidecar["secrets"] = [{"name": name, "valueFrom": arn} for name, arn in secrets.items()]
    sidecar["dockerLabels"] = {LABEL: label}
    ordered = {field: sidecar[field] for field in _FIELDS if field in sidecar}
    result: dict[str, Json] = recased(ordered, pascal=pascal)
    return result


def update_sidecar(sidecar: Fields, settings: Settings, label: str, *, foreign: bool, ours: set[str]) -> None:
    """Bring an existing sidecar up to date in place; what fguard never sets (a health check) stays.

    :param foreign: another tool made it, so its limits, logs and registry credentials stay unless set.
    :param ours: variables that fguard set earlier, beside those that it always sets.
    """
    recipe, wanted = settings.recipe, _plain_fields(settings)
    for index, field in enumerate(_FIELDS):
        if field in ("name", "environment", "secrets", "dockerLabels"):
            continue
        if field in wanted:
            value = recased(wanted[field], pascal=sidecar.key(field)[:1].isupper())
            if _without_empties(sidecar.get(field)) != value:
                sidecar.set(field, value, after=_FIELDS[:index])
        elif sidecar.get(field) and not (foreign and field in _KEPT_OF_OTHERS):
            sidecar.drop(field)
    variables = settings.variables(recipe.sidecar_variables)
    ours = {*ours, *variables, *(CONNECTION_VARIABLES if foreign else RECIPE_VARIABLES)}
    _put(sidecar, "environment", "value", variables, ours)
    _put(sidecar, "secrets", "valueFrom", settings.secrets(recipe.sidecar_secrets), set(CONNECTION_VARIABLES))
    labels = sidecar.get("dockerLabels")
    if isinstance(labels, dict):
        labels[LABEL] = label
    else:
        sidecar.set("dockerLabels", {LABEL: label}, after=_FIELDS)


def _put(sidecar: Fields, field: str, value_key: str, wanted: dict[str, str], ours: set[str]) -> None:
    if wanted and field not in sidecar:
        sidecar.set(field, [], after=_FIELDS[: _FIELDS.index(field)])
    put_entries(sidecar, field, value_key, wanted, ours, Additions())


def _without_empties(value: Json) -> Json:
    """Describing a task definition adds empty fields (``secretOptions: []``) that mean nothing."""
    if not isinstance(value, dict):
        return value
    return {key: _without_empties(item) for key, item in value.items() if item not in (None, [], {})}


def _plain_fields(settings: Settings) -> dict[str, Json]:
    wanted: dict[str, Json] = {
        "name": SIDECAR_NAME,
        "image": settings.image,
        "essential": settings.essential,
        "entryPoint": list(settings.recipe.sidecar_entry_point),
        "cpu": settings.sidecar_cpu,
        "memory": settings.sidecar_memory,
        "memoryReservation": settings.sidecar_memory_reservation,
        "logConfiguration": copied(settings.log_configuration),
    }
    if settings.repository_credentials_arn:
        wanted["repositoryCredentials"] = {"credentialsParameter": settings.repository_credentials_arn}
    return {field: value for field, value in wanted.items() if value not in (None, [])}

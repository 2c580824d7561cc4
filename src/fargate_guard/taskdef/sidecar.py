"""The container ``SysdigInstrumentation``: the agent from 5.0 on, the log writer before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.extra_environment import warn_about_passwords
from fargate_guard.taskdef.fields import Fields, Json, cased, copied, recased
from fargate_guard.taskdef.recipes import CONNECTION_VARIABLES, EXTRA_CONF, RECIPE_VARIABLES, SIDECAR_NAME
from fargate_guard.taskdef.record import LABEL, Additions
from fargate_guard.taskdef.result import Notice
from fargate_guard.taskdef.selection import IGNORE_FLAG
from fargate_guard.taskdef.workload import SOURCE, names_in, put_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.record import Record
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

_FIRELENS = "awsfirelens"
_FARGATE_DRIVERS = ("awslogs", "splunk", _FIRELENS)
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html"""

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


def new_sidecar(
    settings: Settings, record: Record, kept: dict[tuple[bool, str], dict[str, Json]] | None, *, pascal: bool
) -> dict[str, Json]:
    """The sidecar's container definition.

    :param record: complete but for the sidecar's own variables, which are noted here.
    :param kept: sidecars that were made with these settings, of which one that is alike is taken; a new one is put
        there.
    """
    record.sidecar = [name for name in _all_variables(settings) if name not in RECIPE_VARIABLES]
    label = record.label()
    if kept is not None and (pascal, label) in kept:
        return kept[pascal, label]
    if pascal not in settings.sidecars:
        settings.sidecars[pascal] = recased(_all_fields(settings), pascal=pascal)
    sidecar: dict[str, Json] = copied(settings.sidecars[pascal])
    sidecar[cased("dockerLabels", pascal=pascal)] = {LABEL: label}
    if kept is not None:
        kept[pascal, label] = sidecar
    return sidecar


def _all_variables(settings: Settings) -> dict[str, str]:
    return {**settings.sidecar_variables, **settings.sidecar_environment}


def _all_fields(settings: Settings) -> dict[str, Json]:
    """What a new sidecar has, but for the record."""
    sidecar, variables = _plain_fields(settings), _all_variables(settings)
    if variables:
        sidecar["environment"] = [{"name": name, "value": value} for name, value in variables.items()]
    secrets = settings.secrets(settings.recipe.sidecar_secrets)
    if secrets:
        sidecar["secrets"] = [{"name": name, "valueFrom": arn} for name, arn in secrets.items()]
    return {field: sidecar[field] for field in _FIELDS if field in sidecar}


def update_sidecar(sidecar: Fields, settings: Settings, record: Record, set_earlier: list[str]) -> None:
    """Bring an existing sidecar up to date in place; what fguard never sets (a health check) stays.

    Where another tool made it (``record.adopted``), its limits, logs and registry credentials stay unless set.

    :param record: complete but for the sidecar's own variables, which are noted here.
    :param set_earlier: variables that fguard set earlier, beside those that it always sets.
    """
    recipe, wanted, foreign = settings.recipe, _plain_fields(settings), record.adopted
    for index, field in enumerate(_FIELDS):
        if field in ("name", "environment", "secrets", "dockerLabels"):
            continue
        if field in wanted:
            value = recased(wanted[field], pascal=sidecar.key(field)[:1].isupper())
            if _without_empties(sidecar.get(field)) != value:
                sidecar.set(field, value, after=_FIELDS[:index])
        elif sidecar.get(field) and not (foreign and field in _KEPT_OF_OTHERS):
            sidecar.drop(field)
    variables = dict(settings.sidecar_variables)
    ours = {*set_earlier, *variables, *(CONNECTION_VARIABLES if foreign else RECIPE_VARIABLES)}
    secret = names_in(sidecar, "secrets")
    extra = settings.sidecar_environment.items()
    variables.update({name: value for name, value in extra if name not in secret})
    written = _put(sidecar, "environment", "value", variables, ours)
    record.sidecar = [name for name in written if name not in RECIPE_VARIABLES]
    _put(sidecar, "secrets", "valueFrom", settings.secrets(recipe.sidecar_secrets), set(CONNECTION_VARIABLES))
    labels = sidecar.get("dockerLabels")
    if isinstance(labels, dict):
        labels[LABEL] = record.label()
    else:
        sidecar.set("dockerLabels", {LABEL: record.label()}, after=_FIELDS)


def check_log_routing(definition: Definition, sidecar: Fields) -> None:
    """Where the sidecar's lines go through FireLens, another container routes them and starts before the sidecar.

    ECS adds that order itself (and drops it when the task definition orders the two), so nothing is written:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_firelens.html

    :raises TaskDefinitionError: there is no router, or it waits for the sidecar, which waits for it.
    """
    if _log_driver(sidecar) != _FIRELENS:
        return
    routers = [one for one in definition.parsed if one is not sidecar and one.get("firelensConfiguration")]
    if not routers:
        raise TaskDefinitionError(
            "the sidecar is to log through FireLens, but no container of the task is a log router",
            where=f"{definition.path}[*].firelensConfiguration",
            why=f"the log driver {_FIRELENS} hands the lines to a container with firelensConfiguration",
            fix="add the log router to the task definition, or let the sidecar log elsewhere (--agent-log-group)",
        )
    for router in routers:
        name = router.get("name")
        waiting = _entries_for(router, "dependsOn", "containerName", sidecar)
        mounting = _entries_for(router, "volumesFrom", SOURCE, sidecar)
        if waiting or mounting:
            raise TaskDefinitionError(
                f"log router {name} would wait for the sidecar, and the sidecar for it",
                where=(waiting or mounting)[0].path,
                why=f"ECS starts the log router before every container that logs through {_FIRELENS}, and an "
                "instrumented container after the sidecar that it mounts",
                fix=f"leave the log router out: {IGNORE_FLAG} {name}; or let the sidecar log elsewhere"
                if mounting
                else "remove the entry, or let the sidecar log elsewhere",
            )


def warn_about_sidecar(sidecar: Fields, settings: Settings) -> Iterator[Notice]:
    """What cannot be checked from outside: the log driver, the CA certificate, passwords in URLs."""
    driver = _log_driver(sidecar)
    if driver is not None and driver not in _FARGATE_DRIVERS:
        where = sidecar.at("logConfiguration")
        yield Notice(where, f"log driver {driver}: Fargate is documented with {', '.join(_FARGATE_DRIVERS)} only")
    if settings.ca_certificate_path is not None:
        in_sidecar = EXTRA_CONF in settings.recipe.sidecar_variables
        which = "the sidecar's image" if in_sidecar else "the workload's images"
        message = f"the agent reads {settings.ca_certificate_path} from {which}; fguard does not put it there"
        yield Notice(sidecar.path, message)
    yield from warn_about_passwords(sidecar.path, settings.sidecar_environment)


def agent_version_in(image: Json) -> str | None:
    """The agent's version in an image's tag (``5.0.1``); None where the tag does not say it."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2] if isinstance(image, str) else ""
    match = re.fullmatch(r"v?([0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9})(?:[.-].*)?", tag)
    return match[1] if match else None


def older_agent(sidecar: Fields | None, settings: Settings) -> tuple[str, str] | None:
    """The version in a sidecar and the settings', where that is older; None also where one is unknown."""
    before = agent_version_in(sidecar.get("image")) if sidecar is not None else None
    after = agent_version_in(settings.image) if before else None
    return (before, after) if before and after and _parts(before) > _parts(after) else None


def warn_about_older_agent(sidecar: Fields, settings: Settings) -> Iterator[Notice]:
    """Point at an agent that is older than the one whose place it takes."""
    versions = older_agent(sidecar, settings)
    if versions is not None:
        before, after = versions
        image = " and --agent-image" if settings.agent_image else ""
        yield Notice(
            sidecar.at("image"),
            f"agent {before} is replaced by the older {after}; to keep it: --agent-version {before}{image}",
        )


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _log_driver(sidecar: Fields) -> str | None:
    if not isinstance(sidecar.get("logConfiguration"), dict):
        return None
    driver = sidecar.child("logConfiguration").get("logDriver")
    return driver if isinstance(driver, str) else None


def _entries_for(container: Fields, field: str, key: str, sidecar: Fields) -> list[Fields]:
    return [entry for entry in container.entries(field) if entry.get(key) == sidecar.get("name")]


def _put(sidecar: Fields, field: str, value_key: str, wanted: dict[str, str], ours: set[str]) -> list[str]:
    if wanted and field not in sidecar:
        sidecar.set(field, [], after=_FIELDS[: _FIELDS.index(field)])
    return put_entries(sidecar, field, value_key, wanted, ours, Additions())


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

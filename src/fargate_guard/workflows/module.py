"""From ``fguard.yaml`` to the Terraform root module: workloads read, instrumented, and handed to the templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.config.workload import workload_name
from fargate_guard.errors import PreflightError, UsageError
from fargate_guard.formats import read_source
from fargate_guard.taskdef import Shape, TaskDefinitionError, container_names, image_needs, instrument
from fargate_guard.taskdef.definition import locate
from fargate_guard.taskdef.known_fields import registrable
from fargate_guard.workflows.agent_settings import awslogs, fits_any, settings_from_config
from fargate_guard.workflows.image_lookup import DEFAULT_TIMEOUT, ImageLookup, LookupOptions, checked_timeout
from fargate_guard.workflows.user_folders import cache_folder, docker_folder
from fargate_guard.workload_input import ORCHESTRATOR_HOST_PLACEHOLDER, WorkloadInput, agent_log_group_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.config.orchestrator import CaCertificate
    from fargate_guard.config.workload import Workload
    from fargate_guard.taskdef import ImageNeed, Settings
    from fargate_guard.terraform.root_module import RootModule
    from fargate_guard.workflows.context import Context


def render_module(context: Context, *, access_key_value_from: str) -> RootModule:
    """Return the root module of the configured deployment; nothing is written and AWS is not asked.

    :param access_key_value_from: the access key's ECS ``valueFrom``; see :func:`unknown_access_key`.
    :raises PreflightError: when a workload cannot be instrumented correctly.
    """
    from fargate_guard.terraform.root_module import root_module

    return root_module(
        context.config,
        region=context.region,
        workloads=instrumented_workloads(context, access_key_value_from),
        access_key_value_from=access_key_value_from,
        certificates=certificates(context),
    )


def instrumented_workloads(context: Context, access_key_value_from: str) -> list[WorkloadInput]:
    """Read and instrument every workload of the configuration; images that must be known are asked together.

    :raises PreflightError: when one cannot be instrumented correctly.
    """
    readings = [_read(context, workload, access_key_value_from) for workload in context.config.workloads]
    lookup = _lookup(context)
    lookup.ask([need for reading in readings for need in reading.needs])
    return [_instrumented(context, reading, lookup) for reading in readings]


@dataclass(frozen=True, slots=True)
class _Reading:
    workload: Workload
    definition: dict[str, Any]
    """As RegisterTaskDefinition takes it."""
    settings: Settings
    needs: tuple[ImageNeed, ...]


def _read(context: Context, workload: Workload, access_key_value_from: str) -> _Reading:
    definition = _register_shape(context, workload)
    settings = _settings(context, workload, definition, access_key_value_from)
    try:
        needs = image_needs(definition, settings)
    except TaskDefinitionError as error:
        raise _in_file(context, workload, error) from error
    return _Reading(workload, definition, settings, needs)


def _instrumented(context: Context, reading: _Reading, lookup: ImageLookup) -> WorkloadInput:
    workload = reading.workload
    unknown = [need for need in reading.needs if not lookup.images.answers(need)]
    if unknown:
        raise _in_file(context, workload, lookup.refusal(unknown[0]))
    try:
        result = instrument(reading.definition, reading.settings, lookup.images)
    except TaskDefinitionError as error:
        raise _in_file(context, workload, error) from error
    name = workload_name(workload)
    for warning in result.warnings:
        context.observer.warning(f"{workload.task_definition}: {warning.where}: {warning.message}")
    for container in result.containers:
        if not container.instrumented:
            context.observer.note(f"{name}: container {container.name} is not instrumented: {container.reason}")
    return WorkloadInput(name=name, definition=result.definition, service=workload.service)


def _lookup(context: Context) -> ImageLookup:
    environ = context.environ
    options = LookupOptions(
        offline=environ.get("FGUARD_OFFLINE", "").lower() in ("1", "true", "yes", "on"),
        timeout=_timeout(environ.get("FGUARD_IMAGE_TIMEOUT")),
        cache=cache_folder(environ),
        docker_config=docker_folder(environ),
    )
    return ImageLookup(options, lambda: context.aws)


def _timeout(given: str | None) -> float:
    if not given:
        return DEFAULT_TIMEOUT
    try:
        return checked_timeout(float(given), "FGUARD_IMAGE_TIMEOUT")
    except ValueError:
        raise UsageError(
            f"FGUARD_IMAGE_TIMEOUT is {given!r}", fix="give a number of seconds, such as 30"
        ) from None


def _settings(
    context: Context, workload: Workload, definition: dict[str, Any], access_key_value_from: str
) -> Settings:
    if context.config.agent.sidecar.log_configuration is not None:
        raise PreflightError(
            "agent.sidecar.log_configuration is for `fguard instrument` only",
            where=str(context.config_file),
            why="what fguard deploys logs to a log group of its own, in which `fguard verify` looks for the agent",
            fix="remove the key; for fguard instrument, --sidecar-log-configuration takes the same",
        )
    group = agent_log_group_name(context.config, workload_name(workload))
    names = container_names(definition)
    everywhere = [name for name in context.config.agent.ignore_containers if fits_any(names, name)]
    return settings_from_config(
        context.config,
        orchestrator_host=ORCHESTRATOR_HOST_PLACEHOLDER,
        access_key_arn=access_key_value_from,
        ignore_containers=tuple(dict.fromkeys([*workload.ignore_containers, *everywhere])),
        agent_logs=awslogs(group, context.region),
        execution_role_supplied=True,
    )


def _register_shape(context: Context, workload: Workload) -> dict[str, Any]:
    """Read a workload's file as RegisterTaskDefinition takes it."""
    path = context.config_file.parent / workload.task_definition
    try:
        source = read_source(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            "there is no such task definition file",
            where=f"{context.config_file}: workloads, task_definition: {workload.task_definition}",
            fix=f"write {path}, for example: aws ecs describe-task-definition --task-definition FAMILY > {path}",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("the task definition file cannot be read", where=str(path), why=str(error)) from error
    except TaskDefinitionError as error:
        raise _in_file(context, workload, error) from error
    if source.is_template:
        raise UsageError(
            "this is a CloudFormation template; deploy needs a task definition",
            where=str(path),
            fix=f"instrument the template where it is: fguard instrument {path} --in-place",
        )
    shape = locate(source.value).shape
    if shape is Shape.CONTAINERS:
        raise UsageError(
            "this is an array of container definitions; deploy needs the whole task definition",
            where=str(path),
            fix='wrap it: {"family": "…", "cpu": "256", "memory": "512", "containerDefinitions": […]}',
        )
    definition: dict[str, Any] = source.value
    if shape is Shape.DESCRIBE:
        from fargate_guard.aws.ecs_fields import register_task_definition_fields

        definition = registrable(definition, register_task_definition_fields(cache_folder(context.environ)))
    return definition


def _in_file(context: Context, workload: Workload, error: TaskDefinitionError) -> PreflightError:
    path = context.config_file.parent / workload.task_definition
    where = f"{path}: {error.where}" if error.where else str(path)
    return PreflightError(error.message, where=where, why=error.why, fix=error.fix)


def unknown_access_key(region: str) -> str:
    """Return what stands for the access key's ARN in a module that is rendered without asking AWS.

    Terraform accepts it and ECS does not, so that a forgotten replacement is told by ECS, not by silence.
    """
    return f"arn:aws:secretsmanager:{region}:000000000000:secret:sysdig-access-key-not-stored-yet"


def certificates(context: Context) -> dict[str, str]:
    """Return the PEM text of each CA certificate file that the configuration names, by its name there."""
    return dict(_certificates(context))


def _certificates(context: Context) -> Iterator[tuple[str, str]]:
    """Yield each CA certificate file that the configuration names, and its PEM text."""
    orchestrator = context.config.orchestrator
    named: list[CaCertificate | None] = [orchestrator.collector_ca_certificate]
    named += [orchestrator.proxy.ca_certificate] if orchestrator.proxy else []
    for certificate in named:
        if certificate is None:
            continue
        path = context.config_file.parent / certificate.file
        try:
            yield certificate.file, path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("the CA certificate cannot be read", where=str(path), why=str(error)) from error

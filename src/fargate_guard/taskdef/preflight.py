"""What is refused before anything changes, and what is warned about.

Rules: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html and
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import Existing, is_wrapped, name_of
from fargate_guard.taskdef.recipes import (
    ACCESS_KEY,
    CAPABILITY,
    CONNECTION_VARIABLES,
    LOG_FORWARD_PORT,
    SIDECAR_NAME,
)
from fargate_guard.taskdef.result import Notice
from fargate_guard.taskdef.sidecar import needs_execution_role
from fargate_guard.taskdef.tags import IGNORE_CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.fields import Fields, Json
    from fargate_guard.taskdef.settings import Settings
    from fargate_guard.taskdef.tags import Ignored

MAX_CONTAINERS = 10
"""Containers per task definition: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""

MAX_BYTES = 64 * 1024
"""Size of a task definition; same page."""

IGNORE_FLAG = "--ignore-container"


def check_task(definition: Definition, settings: Settings) -> Iterator[Notice]:
    """Check the task-level fields.

    :raises TaskDefinitionError: the task cannot run on Fargate as an instrumented task must.
    """
    task = definition.task
    if task is None:
        if settings.recipe.pid_mode:
            yield Notice(
                "$",
                "an array of container definitions cannot carry the task's pidMode; set it where the task is made "
                f"(Terraform: pid_mode = {json.dumps(settings.recipe.pid_mode)}), or the agent sees nothing",
            )
        return
    yield from _check_fargate(task)
    yield from _check_platform(task, settings)
    _check_pid_mode(task)
    if (
        not task.text("executionRoleArn")
        and needs_execution_role(settings)
        and not settings.execution_role_supplied
    ):
        raise TaskDefinitionError(
            "the task definition has no execution role, but the instrumented one needs it",
            where=task.at("executionRoleArn"),
            why="ECS reads the sidecar's secrets and opens its log stream with this role before the task starts",
            fix="set executionRoleArn to a role that may read the secret and write the log group "
            "(`fguard deploy` makes one), or say that it is added later: --execution-role-supplied",
        )


def _check_fargate(task: Fields) -> Iterator[Notice]:
    required = task.texts("requiresCompatibilities")
    known = required or task.texts("compatibilities")
    if known and "FARGATE" not in known:
        raise TaskDefinitionError(
            f"this task definition is for {' and '.join(known)} only, not for Fargate",
            where=task.at("requiresCompatibilities" if required else "compatibilities"),
            why="the serverless agent is for Fargate; on EC2 the host agent does its work",
            fix='add "FARGATE" to requiresCompatibilities if the task is to run there',
        )
    network_mode = task.text("networkMode")
    if network_mode not in (None, "awsvpc"):
        raise TaskDefinitionError(
            f"networkMode {network_mode} is not possible on Fargate",
            where=task.at("networkMode"),
            why="Fargate runs tasks with networkMode awsvpc only",
            fix='"networkMode": "awsvpc"',
        )
    if not known:
        yield Notice(
            task.at("requiresCompatibilities"),
            "missing, so ECS will not check that the task can run on Fargate; "
            'recommended: "requiresCompatibilities": ["FARGATE"]',
        )
    elif network_mode is None:
        yield Notice(task.at("networkMode"), 'missing; Fargate needs "networkMode": "awsvpc"')


def _check_platform(task: Fields, settings: Settings) -> Iterator[Notice]:
    if not task.get("runtimePlatform"):
        return
    platform = task.child("runtimePlatform")
    family = platform.text("operatingSystemFamily")
    if family is not None and family.upper().startswith("WINDOWS"):
        raise TaskDefinitionError(
            f"Windows tasks cannot be instrumented: {family}",
            where=platform.at("operatingSystemFamily"),
            why="the serverless agent runs on Linux only",
        )
    architecture = platform.text("cpuArchitecture")
    if architecture is not None and architecture.upper() not in settings.recipe.architectures:
        supported = ", ".join(settings.recipe.architectures)
        yield Notice(
            platform.at("cpuArchitecture"),
            f"Sysdig documents agent {settings.agent_version} for {supported} only; "
            f"make sure that {settings.image} has an image for {architecture}",
        )


def _check_pid_mode(task: Fields) -> None:
    pid_mode = task.text("pidMode")
    if pid_mode not in (None, "task"):
        raise TaskDefinitionError(
            f"pidMode {pid_mode} is not possible on Fargate",
            where=task.at("pidMode"),
            why="Fargate allows pidMode task only, and the agent needs just that",
            fix='"pidMode": "task", or remove the field',
        )


def check_names(definition: Definition) -> None:
    """Every container has a name of its own and an image.

    :raises TaskDefinitionError: one has not.
    """
    seen: dict[str, str] = {}
    for container in definition.parsed:
        name = container.text("name")
        if name is None:
            raise TaskDefinitionError(
                "a container has no name", where=container.at("name"), why="ECS requires one"
            )
        if name in seen:
            raise TaskDefinitionError(
                f"two containers are called {name}",
                where=f"{seen[name]} and {container.path}",
                why="ECS refuses that",
            )
        seen[name] = container.path
        if container.text("image") is None:
            raise TaskDefinitionError(
                f"container {name} has no image", where=container.at("image"), why="ECS requires one"
            )


def check_sidecar(definition: Definition, existing: Existing) -> None:
    """The sidecar's name is free, or the container that has it is a Sysdig sidecar.

    :raises TaskDefinitionError: it is neither.
    """
    if existing.sidecar is not None:
        _check_entries(existing.sidecar)
        return
    for container in definition.parsed:
        if container.get("name") == SIDECAR_NAME:
            raise TaskDefinitionError(
                f"a container is called {SIDECAR_NAME}, but it is not Sysdig's sidecar",
                where=container.at("name"),
                why="the sidecar needs this name: Sysdig's own tools look for it",
                fix="rename the container",
            )


def check_left_out(definition: Definition, settings: Settings, tags: Ignored) -> None:
    """Every container that is to be left out is there.

    :raises TaskDefinitionError: one is not, so perhaps another would be instrumented that must not be.
    """
    names = [name_of(container) for container in definition.parsed]
    flag = f"{IGNORE_FLAG}, or ignore_containers of the workload in fguard.yaml"
    asked = [(name, definition.path, flag) for name in settings.ignore_containers]
    asked += [(name, tags.path, f"tag {IGNORE_CONTAINERS}") for name in tags.containers if name != SIDECAR_NAME]
    for name, where, source in asked:
        if name not in names:
            raise TaskDefinitionError(
                f"there is no container {name} to leave out",
                where=where,
                why=f"the containers are {', '.join(names)}; one that is to stay as it is could be instrumented",
                fix=f"correct or remove the name: {source}",
            )


def check_container(container: Fields, settings: Settings, existing: Existing) -> Iterator[Notice]:
    """Check one container that is to be instrumented.

    :raises TaskDefinitionError: it cannot be, with certainty.
    """
    _check_entries(container)
    _check_own_variables(container, settings, existing)
    if container.get("linuxParameters") is not None:
        parameters = container.child("linuxParameters")
        if parameters.get("capabilities") is not None:
            capabilities = parameters.child("capabilities")
            capabilities.texts("add")
            if CAPABILITY in capabilities.texts("drop"):
                yield Notice(
                    capabilities.at("drop"), f"{CAPABILITY} is dropped here, but the agent needs it; added"
                )
    if container.get("readonlyRootFilesystem") is True:
        yield Notice(
            container.at("readonlyRootFilesystem"),
            "the root file system is read-only; test that the instrumented container starts",
        )


def check_ports(definition: Definition, existing: Existing) -> None:
    """The port of the agent's log forwarding is free; all containers of a Fargate task share one interface.

    :raises TaskDefinitionError: a container maps it, one that is left out included.
    """
    for container in definition.parsed:
        if container is existing.sidecar:
            continue
        for mapping in container.entries("portMappings"):
            field = next((name for name in ("containerPort", "containerPortRange") if name in mapping), "")
            if _covers(mapping.get(field), LOG_FORWARD_PORT):
                raise TaskDefinitionError(
                    f"container {name_of(container)} uses port {LOG_FORWARD_PORT}",
                    where=mapping.at(field),
                    why="the agent's log forwarding listens there (SYSDIG_LOG_LISTEN_PORT), and all containers of "
                    "a task share one network interface; one of the two could not listen",
                    fix="let the program listen on another port, and map that",
                )


def _covers(ports: Json, port: int) -> bool:
    """Whether ``8080``, ``"8080"`` or a containerPortRange (``"8000-8100"``) covers a port."""
    if isinstance(ports, str):
        found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", ports)
        return found is not None and int(found[1]) <= port <= int(found[2] or found[1])
    return bool(ports == port)


def check_dependencies(definition: Definition, existing: Existing) -> None:
    """No container waits for something that the sidecar never does.

    :raises TaskDefinitionError: one does; ECS would never start it.
    """
    sidecar = existing.sidecar
    for container in definition.parsed:
        for entry in container.entries("dependsOn"):
            if entry.get("containerName") != existing.sidecar_name:
                continue
            condition = str(entry.get("condition")).upper()
            reasons = {"COMPLETE": "the sidecar never ends", "SUCCESS": "the sidecar never ends"}
            if sidecar is None or not sidecar.get("healthCheck"):
                reasons["HEALTHY"] = "the sidecar has no healthCheck"
            if condition in reasons:
                raise TaskDefinitionError(
                    f"container {name_of(container)} waits for {existing.sidecar_name} to be {condition}",
                    where=entry.at("condition"),
                    why=f"{reasons[condition]}, so the container would never start",
                    fix='"condition": "START", or remove the entry',
                )


def warn_about_plain_key(container: Fields) -> Iterator[Notice]:
    """Point at an access key in the clear in a container that is left as it is."""
    for entry in container.entries("environment"):
        if entry.get("name") == ACCESS_KEY and entry.get("value"):
            yield Notice(
                entry.path,
                f"{ACCESS_KEY} in plain text: everyone who may describe the task definition can read it; "
                "replace the key, and reference it in secrets",
            )


def check_argv(containers: list[Fields]) -> None:
    """What every container runs is in the task definition.

    Docker's rules: a set entryPoint drops the image's CMD, so entryPoint and command together are the whole argv;
    ``[]`` and null mean unset, and an unset entryPoint is the image's.

    :raises TaskDefinitionError: names every container of which it is not known, with the fields to set.
    """
    unknown = []
    for container in containers:
        entry_point, command = container.texts("entryPoint"), container.texts("command")
        if is_wrapped(container) and len(entry_point) + len(command) == 1:
            raise TaskDefinitionError(
                f"container {container.get('name')} starts the agent's wrapper with nothing to run",
                where=container.at("entryPoint"),
                why="the wrapper stops with `no command or entry point specified`",
                fix="write the program behind the wrapper, in entryPoint",
            )
        if not entry_point or not entry_point[0]:
            unknown.append(container)
    if not unknown:
        return
    names = [container.get("name") for container in unknown]
    images = sorted({container.get("image") for container in unknown})
    who = f"{'containers' if len(names) > 1 else 'container'} {', '.join(names)}"
    raise TaskDefinitionError(
        f"what {who} would run is not known for certain",
        where=", ".join(container.at("entryPoint") for container in unknown),
        why=f"entryPoint is unset, so it comes from the image ({', '.join(images)}) and would be lost",
        fix="write the image's own ENTRYPOINT and CMD into the task definition, as entryPoint and command "
        f"(docker image inspect {images[0]} shows them), or leave the container out: {IGNORE_FLAG} {names[0]}",
    )


def _check_entries(container: Fields) -> None:
    for field in ("environment", "secrets"):
        for entry in container.entries(field):
            if entry.text("name") is None:
                raise TaskDefinitionError("an entry has no name", where=entry.at("name"), why="ECS requires one")
    container.entries("volumesFrom")


def _check_own_variables(container: Fields, settings: Settings, existing: Existing) -> None:
    """Refuse agent variables that the user set to something else; ECS refuses a name that is set twice."""
    name, added = container.get("name"), existing.additions(container)
    if added is None and is_wrapped(container):
        return  # another tool set them; they are replaced
    recipe = settings.recipe
    variables = settings.variables((*recipe.workload_variables, *recipe.sidecar_variables))
    allowed: dict[str, dict[str, str]] = {"environment": variables, "secrets": settings.secrets((ACCESS_KEY,))}
    reserved = {*CONNECTION_VARIABLES, *settings.variables(recipe.workload_variables)}
    for field, value_key in (("environment", "value"), ("secrets", "valueFrom")):
        ours = [] if added is None else getattr(added, field)
        for entry in container.entries(field):
            variable = entry.get("name")
            if variable not in reserved or variable in ours:
                continue
            value: Json = entry.get(value_key)
            if value is not None and value == allowed[field].get(variable):
                continue
            raise TaskDefinitionError(
                f"container {name} sets {variable} itself",
                where=entry.path,
                why="the agent reads this variable; two values contradict each other",
                fix=f"remove the entry, or leave the container out: {IGNORE_FLAG} {name}",
            )


def check_limits(definition: Definition) -> None:
    """ECS's limits on the result.

    :raises TaskDefinitionError: more containers or bytes than ECS accepts.
    """
    count = len(definition.containers)
    if count > MAX_CONTAINERS:
        raise TaskDefinitionError(
            f"{count} containers with the sidecar; ECS accepts {MAX_CONTAINERS}",
            where=definition.path,
            fix="merge or remove a container",
        )
    value = definition.task.object if definition.task else definition.root
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise TaskDefinitionError(
            f"{size} bytes with the instrumentation; ECS accepts {MAX_BYTES}",
            where=definition.path,
            fix="shorten it, for example by moving variables into environmentFiles",
        )

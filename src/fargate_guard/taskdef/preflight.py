"""What is refused before anything changes, and what is warned about.

Rules: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html and
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from fargate_guard.taskdef.dependencies import warn_about_health
from fargate_guard.taskdef.errors import NotForFargateError, TaskDefinitionError
from fargate_guard.taskdef.existing import Existing, is_wrapped, name_of
from fargate_guard.taskdef.loose import inner, objects, truth
from fargate_guard.taskdef.recipes import (
    ACCESS_KEY,
    CAPABILITY,
    CONNECTION_VARIABLES,
    INSTRUMENT,
    LOG_FORWARD_PORT,
    SIDECAR_NAME,
)
from fargate_guard.taskdef.result import Notice
from fargate_guard.taskdef.selection import IGNORE_FLAG
from fargate_guard.taskdef.sidecar import needs_execution_role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.fields import Fields, Json
    from fargate_guard.taskdef.recipes import Recipe
    from fargate_guard.taskdef.settings import Settings


_ARCHITECTURES = ("X86_64", "ARM64")
_ECR_IMAGE = r"\.dkr[.-]ecr[.-]"
_NEED_PID_1 = ("/init", "/sbin/init", "/usr/sbin/init", "/lib/systemd/systemd", "/usr/lib/systemd/systemd")
"""s6-overlay ("can only run as pid 1") and systemd: https://github.com/just-containers/s6-overlay/issues/559"""


def check_task(definition: Definition, settings: Settings) -> Iterator[Notice]:
    """Check the task-level fields.

    :raises TaskDefinitionError: the task cannot run on Fargate as an instrumented task must.
    """
    yield from check_volume_sources(definition)
    yield from warn_about_health(definition)
    task = definition.task
    if task is None:
        if settings.recipe.pid_mode:
            yield Notice(
                "$",
                "an array of container definitions cannot carry the task's pidMode; set it where the task is made "
                f"(Terraform: pid_mode = {json.dumps(settings.recipe.pid_mode)}), or the agent sees nothing",
            )
        return
    yield from check_fargate(task)
    check_platform(task)
    yield from warn_about_architecture(task, settings.recipe, settings.agent_version, settings.image)
    check_pid_mode(task)
    if not task.text("executionRoleArn") and not settings.execution_role_supplied:
        sidecar = needs_execution_role(settings) or re.search(_ECR_IMAGE, settings.image)
        own = [one for one in definition.parsed if name_of(one) != SIDECAR_NAME]
        check_execution_role(task, own, ["the sidecar"] if sidecar else [])


def check_execution_role(task: Fields, containers: list[Fields], needs: list[str]) -> None:
    """ECS refuses secrets, the driver awslogs on Fargate, and images of ECR and private registries without it.

    :param needs: what else needs it, in words.
    :raises TaskDefinitionError: one needs the role, and there is none.
    """
    if task.text("executionRoleArn"):
        return
    for container in containers:
        log = inner(container, "logConfiguration")
        needing = (
            container.get("secrets"),
            container.get("repositoryCredentials"),
            log and (log.get("secretOptions") or log.get("logDriver") == "awslogs"),
            container.get("environmentFiles"),
            re.search(_ECR_IMAGE, str(container.get("image"))),
        )
        if any(needing):
            needs.append(f"container {name_of(container)}")
    if needs:
        raise TaskDefinitionError(
            "the task definition has no execution role, but the instrumented one needs it",
            where=task.at("executionRoleArn"),
            why="with this role ECS reads secrets and files of variables, opens log streams and pulls private "
            f"images for {', '.join(needs)} before the task starts",
            fix="set executionRoleArn to a role that may read the secret and write the log group "
            "(`fguard deploy` makes one), or say that it is added later: --execution-role-supplied",
        )


def check_volume_sources(definition: Definition) -> Iterator[Notice]:
    """Point at volumes of containers that are not there."""
    names = {name_of(container) for container in definition.parsed}
    for container in definition.parsed:
        for entry in objects(container, "volumesFrom"):
            source = entry.get("sourceContainer")
            missing = isinstance(source, str) and source not in names
            if missing and source.lower() != SIDECAR_NAME.lower():
                message = f"container {name_of(container)} takes volumes from {source}, which is not there"
                yield Notice(entry.at("sourceContainer"), message)


def check_fargate(task: Fields) -> Iterator[Notice]:
    """Check what Fargate needs of every task.

    :raises TaskDefinitionError: it cannot run the task.
    """
    required = task.texts("requiresCompatibilities")
    known = required or task.texts("compatibilities")
    if known and "FARGATE" not in known:
        raise NotForFargateError(
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
    if known and task.get("family"):  # else it is a part of one, and the rest is elsewhere
        for field, example in (("cpu", "256"), ("memory", "512")):
            if task.get(field) is None:
                yield Notice(
                    task.at(field), f'missing; Fargate needs the size of the task, for example "{example}"'
                )


def check_platform(task: Fields) -> None:
    """The agent runs on the task's platform, and Fargate has it.

    :raises TaskDefinitionError: it does not.
    """
    platform = _platform(task)
    family = platform.text("operatingSystemFamily") if platform else None
    if platform and family is not None and family.upper().startswith("WINDOWS"):
        raise TaskDefinitionError(
            f"Windows tasks cannot be instrumented: {family}",
            where=platform.at("operatingSystemFamily"),
            why="the serverless agent runs on Linux only",
        )
    architecture = platform.text("cpuArchitecture") if platform else None
    if platform and architecture is not None and architecture.upper() not in _ARCHITECTURES:
        raise TaskDefinitionError(
            f"Fargate has no cpuArchitecture {architecture}",
            where=platform.at("cpuArchitecture"),
            why=f"it has {' and '.join(_ARCHITECTURES)}",
            fix='"cpuArchitecture": "X86_64"',
        )


def warn_about_architecture(task: Fields, recipe: Recipe, version: str, image: str) -> Iterator[Notice]:
    """Point at an architecture that Fargate has, but Sysdig does not document for the agent."""
    platform = _platform(task)
    architecture = platform.text("cpuArchitecture") if platform else None
    if (
        platform
        and architecture is not None
        and architecture.upper() in _ARCHITECTURES
        and architecture.upper() not in recipe.architectures
    ):
        yield Notice(
            platform.at("cpuArchitecture"),
            f"Sysdig documents agent {version} for {', '.join(recipe.architectures)} only; "
            f"make sure that {image} has an image for {architecture}",
        )


def _platform(task: Fields) -> Fields | None:
    return task.child("runtimePlatform") if task.get("runtimePlatform") else None


def check_pid_mode(task: Fields) -> None:
    """Fargate has the task's pidMode.

    :raises TaskDefinitionError: it has not.
    """
    pid_mode = task.text("pidMode")
    if pid_mode not in (None, "task"):
        raise TaskDefinitionError(
            f"pidMode {pid_mode} is not possible on Fargate",
            where=task.at("pidMode"),
            why="Fargate allows pidMode task only, and the agent needs just that",
            fix='"pidMode": "task", or remove the field',
        )


def check_sidecar(definition: Definition, existing: Existing) -> None:
    """The sidecar's name is free, or the container that has it is a Sysdig sidecar.

    :raises TaskDefinitionError: it is neither.
    """
    if existing.sidecar is not None:
        _checked_variables(existing.sidecar)
        return
    for container in definition.parsed:
        if container.get("name") == SIDECAR_NAME:
            raise TaskDefinitionError(
                f"a container is called {SIDECAR_NAME}, but it is not Sysdig's sidecar",
                where=container.at("name"),
                why="the sidecar needs this name: Sysdig's own tools look for it",
                fix="rename the container",
            )


def check_container(container: Fields, settings: Settings, existing: Existing) -> Iterator[Notice]:
    """Check one container that is to be instrumented.

    :raises TaskDefinitionError: it cannot be, with certainty.
    """
    variables = _checked_variables(container)
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
    if truth(container, "readonlyRootFilesystem"):
        yield Notice(
            container.at("readonlyRootFilesystem"),
            "the root file system is read-only; test that the instrumented container starts",
        )
    seen = set()
    for entry in variables:
        name = entry.get("name")
        if name in seen:
            message = f"{name} stands more than once in environment; which value counts is not documented"
            yield Notice(entry.path, message)
        seen.add(name)


def warn_about_process_1(container: Fields) -> Iterator[Notice]:
    """Point at a program, perhaps of the image, that does not start under the wrapper."""
    argv = [*(container.get("entryPoint") or ()), *(container.get("command") or ())]
    program = next((word for word in argv if word != INSTRUMENT), None)
    if program in _NEED_PID_1:
        yield Notice(
            container.at("entryPoint"),
            f"{program} must be process 1 of its container, and is not when it is instrumented; the container may "
            f"not start: test it, or leave it out: {IGNORE_FLAG} {name_of(container)}",
        )


def check_ports(definition: Definition, existing: Existing) -> None:
    """The TCP port of the agent's log forwarding is free; all containers of a Fargate task share one interface.

    :raises TaskDefinitionError: a container maps it, one that is left out included.
    """
    for container in definition.parsed:
        if container is existing.sidecar:
            continue
        for mapping in container.entries("portMappings"):
            if str(mapping.get("protocol")).lower() == "udp":
                continue
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


def warn_about_plain_key(container: Fields) -> Iterator[Notice]:
    """Point at an access key in the clear in a container that is left as it is."""
    for entry in container.entries("environment"):
        if entry.get("name") == ACCESS_KEY and entry.get("value"):
            yield Notice(
                entry.path,
                f"{ACCESS_KEY} in plain text: everyone who may describe the task definition can read it; "
                "replace the key, and reference it in secrets",
            )


def _checked_variables(container: Fields) -> list[Fields]:
    """The entries of ``environment``, after a look at ``secrets`` and ``volumesFrom``, too."""
    variables = container.entries("environment")
    for entry in (*variables, *container.entries("secrets")):
        if entry.text("name") is None:
            raise TaskDefinitionError("an entry has no name", where=entry.at("name"), why="ECS requires one")
    container.entries("volumesFrom")
    return variables


def _check_own_variables(container: Fields, settings: Settings, existing: Existing) -> None:
    """Refuse agent variables that the user set to something else; ECS refuses a name that is set twice."""
    name, added = container.get("name"), existing.additions(container)
    if added is None and is_wrapped(container):
        return  # another tool set them; they are replaced
    for field, value_key in (("environment", "value"), ("secrets", "valueFrom")):
        entries = container.entries(field)
        if not entries:
            continue
        if field == "environment":
            allowed = {**settings.workload_variables, **settings.sidecar_variables}
        else:
            allowed = settings.secrets((ACCESS_KEY,))
        ours = [] if added is None else getattr(added, field)
        for entry in entries:
            variable = entry.get("name")
            ours_to_set = variable in CONNECTION_VARIABLES or variable in settings.workload_variables
            if not ours_to_set or variable in ours:
                continue
            value: Json = entry.get(value_key)
            if value is not None and value == allowed.get(variable):
                continue
            raise TaskDefinitionError(
                f"container {name} sets {variable} itself",
                where=entry.path,
                why="the agent reads this variable; two values contradict each other",
                fix=f"remove the entry, or leave the container out: {IGNORE_FLAG} {name}",
            )

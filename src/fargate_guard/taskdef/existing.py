"""What a definition already has of instrumentation, by fguard or by Sysdig's own tools.

Two other shapes exist. Sysdig's Terraform provider and CloudFormation macro (kilt) write
``entryPoint: [instrument]`` and move the whole argv into ``command``; Sysdig's manual instructions write
``entryPoint: [instrument, original entryPoint…]``, as fguard does, with a sidecar ``sysdigInstrumentation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.fields import Fields
from fargate_guard.taskdef.recipes import INSTRUMENT, SIDECAR_NAME
from fargate_guard.taskdef.record import Record, has_label, read_record

if TYPE_CHECKING:
    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.record import Additions

_AGENT_IMAGE = "workload-agent"
_SIDECAR_NAME = SIDECAR_NAME.lower()


class Existing(NamedTuple):
    """The instrumentation that is there."""

    sidecar: Fields | None
    record: Record | None
    """fguard's record; None when fguard did not instrument this definition, or its record is damaged."""
    wrapped: list[Fields]
    """Containers that start with the wrapper."""

    @property
    def any(self) -> bool:
        """Whether anything is instrumented."""
        return bool(self.wrapped) or self.sidecar is not None

    @property
    def foreign(self) -> bool:
        """Whether the sidecar is another tool's, though fguard may have updated it."""
        return self.any and (self.record is None or self.record.adopted)

    def additions(self, container: Fields) -> Additions | None:
        """What fguard added to a container; None when it did not instrument it."""
        return self.record.containers.get(name_of(container)) if self.record else None

    def recorded(self, container: Fields) -> Additions | None:
        """What fguard added to a container, also beyond what another tool did there."""
        return self.additions(container) or (self.record.others.get(name_of(container)) if self.record else None)

    def mounts_foreign(self, container: Fields) -> bool:
        """Whether a container takes the volumes of another tool's sidecar."""
        return self.foreign and self.sidecar is not None and self.sidecar_name in _sources(container)

    @property
    def sidecar_name(self) -> str:
        """The name that workloads mount volumes from."""
        return name_of(self.sidecar) if self.sidecar else SIDECAR_NAME


def name_of(container: Fields) -> str:
    """A container's name; empty where it has none."""
    name = container.get("name")
    return name if isinstance(name, str) else ""


def is_wrapped(container: Fields) -> bool:
    """Whether a container starts with the wrapper."""
    entry_point = container.get("entryPoint")
    return isinstance(entry_point, list) and bool(entry_point) and entry_point[0] == INSTRUMENT


def existing(definition: Definition) -> Existing:
    """Look for instrumentation.

    :raises TaskDefinitionError: there are two sidecars.
    """
    wrapped = [container for container in definition.parsed if is_wrapped(container)]
    sidecars = _sidecars(definition, wrapped)
    if len(sidecars) > 1:
        raise TaskDefinitionError(
            "there are two Sysdig sidecars",
            where=" and ".join(container.path for container in sidecars),
            why="Sysdig's own tools add a second one when they are run twice; which one is in use is not certain",
            fix="remove one of them, and its volumesFrom entries",
        )
    sidecar = sidecars[0] if sidecars else None
    wrapped = [container for container in wrapped if container is not sidecar]
    return Existing(sidecar, read_record(sidecar) if sidecar else None, wrapped)


def sidecars_of(definition: Definition) -> list[Fields]:
    """Every container that is an agent's sidecar; one, where everything is right."""
    return _sidecars(definition, [container for container in definition.parsed if is_wrapped(container)])


def _sidecars(definition: Definition, wrapped: list[Fields]) -> list[Fields]:
    mounted = {source for container in wrapped for source in _sources(container)}
    return [container for container in definition.parsed if _is_sidecar(container, mounted)]


def _is_sidecar(container: Fields, mounted: set[str]) -> bool:
    if has_label(container):
        return True
    name = name_of(container)
    named = name.lower() == _SIDECAR_NAME
    agent = _runs_agent(container)
    return (named and (agent or name in mounted)) or (agent and name in mounted)


def _runs_agent(container: Fields) -> bool:
    image = container.get("image")
    if not isinstance(image, str) or _AGENT_IMAGE not in image:
        return False
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0] == _AGENT_IMAGE


def _sources(container: Fields) -> list[str]:
    volumes = container.get("volumesFrom")
    entries = volumes if isinstance(volumes, list) else []
    found = [Fields(v, container.at("volumesFrom")).get("sourceContainer") for v in entries if isinstance(v, dict)]
    return [source for source in found if isinstance(source, str)]

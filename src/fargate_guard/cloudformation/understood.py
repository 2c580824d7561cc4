"""Which parts of a task definition must be understood to instrument it, and how.

Conditions count in these parts only; everything else travels through as it is.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from fargate_guard.cloudformation.template_notes import LABEL as NOTES
from fargate_guard.taskdef.record import LABEL
from fargate_guard.taskdef.selection import IGNORE_LABEL, INCLUDE_LABEL

if TYPE_CHECKING:
    from fargate_guard.taskdef import Settings


class Leaf(Enum):
    """How the value of a place is understood."""

    TEXT = "text"
    """Its text must be known where it decides something."""
    EXTENDED = "extended"
    """The same, in a list that gets more elements, so no function may give the list as a whole."""
    SCALAR = "scalar"
    """Its text is of use where the user gave it; a parameter's default says nothing about it."""
    CHECKED = "checked"
    """A number or a role: the default of a parameter is checked, too, where the conditions leave it possible."""
    ARGUMENTS = "arguments"
    """A list of texts that need not be known, or a function that gives one."""


Part = Leaf | dict[str, "Part"] | tuple["Part"]
"""A leaf, an object by its keys (others are not understood), or a list by its elements."""

_TEXT: Final = Leaf.TEXT
_CHECKED: Final = Leaf.CHECKED
_NAMED: Final[Part] = ({"Name": _TEXT},)

TASK: Final[dict[str, Part]] = {
    "RequiresCompatibilities": (_TEXT,),
    "NetworkMode": _TEXT,
    "PidMode": _TEXT,
    "Cpu": _CHECKED,
    "Memory": _CHECKED,
    "ExecutionRoleArn": _CHECKED,
    "RuntimePlatform": {"OperatingSystemFamily": _TEXT, "CpuArchitecture": _TEXT},
    "Tags": ({"Key": _TEXT, "Value": _TEXT},),
}
"""``Properties``, without ``ContainerDefinitions``."""

SIZES: Final = ("Cpu", "Memory", "MemoryReservation")
"""Only sums are checked in these; their conditions are given up next."""

ONLY_CHECKED: Final = ("Essential", "LogConfiguration", "Privileged", "ReadonlyRootFilesystem")
"""Nothing is changed in these; their conditions are given up first when there are too many."""

LOGS: Final[dict[str, Part]] = {"LogDriver": _CHECKED}
"""``LogConfiguration``, which a function may give as a whole."""

TASK_PROPERTIES: Final = frozenset(
    [
        "ContainerDefinitions",
        "Cpu",
        "EnableFaultInjection",
        "EphemeralStorage",
        "ExecutionRoleArn",
        "Family",
        "InferenceAccelerators",
        "IpcMode",
        "Memory",
        "NetworkMode",
        "PidMode",
        "PlacementConstraints",
        "ProxyConfiguration",
        "RequiresCompatibilities",
        "RuntimePlatform",
        "Tags",
        "TaskRoleArn",
        "Volumes",
    ]
)
"""Of the resource; in any other case CloudFormation does not take them."""

CONTAINER_PROPERTIES: Final = frozenset(
    [
        "Command",
        "Cpu",
        "CredentialSpecs",
        "DependsOn",
        "DisableNetworking",
        "DnsSearchDomains",
        "DnsServers",
        "DockerLabels",
        "DockerSecurityOptions",
        "EntryPoint",
        "Environment",
        "EnvironmentFiles",
        "Essential",
        "ExtraHosts",
        "FirelensConfiguration",
        "HealthCheck",
        "Hostname",
        "Image",
        "Interactive",
        "Links",
        "LinuxParameters",
        "LogConfiguration",
        "Memory",
        "MemoryReservation",
        "MountPoints",
        "Name",
        "PortMappings",
        "Privileged",
        "PseudoTerminal",
        "ReadonlyRootFilesystem",
        "RepositoryCredentials",
        "ResourceRequirements",
        "RestartPolicy",
        "Secrets",
        "StartTimeout",
        "StopTimeout",
        "SystemControls",
        "Ulimits",
        "User",
        "VersionConsistency",
        "VolumesFrom",
        "WorkingDirectory",
    ]
)
"""Of ``ContainerDefinition``; the same."""


def container_parts(settings: Settings | None) -> dict[str, Part]:
    """What must be understood of a container; some Docker labels only count for the settings."""
    labels = [LABEL, NOTES, IGNORE_LABEL, INCLUDE_LABEL]
    if settings is not None:
        labels += [label.partition("=")[0] for label in settings.ignore_labels]
    return {
        "Name": _TEXT,
        "Image": _TEXT,
        "EntryPoint": Leaf.ARGUMENTS,
        "Command": Leaf.ARGUMENTS,
        "Cpu": _CHECKED,
        "Memory": _CHECKED,
        "MemoryReservation": _CHECKED,
        "Environment": _NAMED,
        "Secrets": _NAMED,
        "VolumesFrom": ({"SourceContainer": _TEXT},),
        "LinuxParameters": {"Capabilities": {"Add": (Leaf.EXTENDED,), "Drop": (_TEXT,)}},
        "PortMappings": ({"ContainerPort": _CHECKED, "ContainerPortRange": _CHECKED},),
        "DependsOn": ({"ContainerName": _TEXT, "Condition": _TEXT},),
        "DockerLabels": dict.fromkeys(labels, _TEXT),
        "RepositoryCredentials": {"CredentialsParameter": _TEXT},
        "FirelensConfiguration": {},
        "LogConfiguration": LOGS,
        **dict.fromkeys(("Essential", "Privileged", "ReadonlyRootFilesystem"), _CHECKED),
    }

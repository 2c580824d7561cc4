"""The core: instrument ECS task definitions, and take it back exactly."""

from fargate_guard.taskdef.errors import NotATaskDefinitionError, SettingsError, TaskDefinitionError
from fargate_guard.taskdef.instrumentation import instrument
from fargate_guard.taskdef.restoring import is_instrumented, restore, uninstrument
from fargate_guard.taskdef.result import ContainerOutcome, Instrumented, Notice, Restored
from fargate_guard.taskdef.settings import Settings

__all__ = [
    "ContainerOutcome",
    "Instrumented",
    "NotATaskDefinitionError",
    "Notice",
    "Restored",
    "Settings",
    "SettingsError",
    "TaskDefinitionError",
    "instrument",
    "is_instrumented",
    "restore",
    "uninstrument",
]

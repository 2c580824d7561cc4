"""The core: instrument ECS task definitions, and take it back exactly.

Pure functions on plain data (what ``json.loads`` returns), standard library only.

>>> from fargate_guard.taskdef import ImageConfig, Images, Settings, image_needs, instrument, uninstrument
>>> definition = {
...     "family": "web",
...     "requiresCompatibilities": ["FARGATE"],
...     "networkMode": "awsvpc",
...     "cpu": "256",
...     "memory": "512",
...     "containerDefinitions": [
...         {"name": "web", "image": "nginx:1.27", "entryPoint": ["/docker-entrypoint.sh"], "command": ["nginx"]}
...     ],
... }
>>> settings = Settings(topology="orchestrator", agent_version="5.0.1", orchestrator_host="orchestrator.internal")
>>> result = instrument(definition, settings)
>>> [container["name"] for container in result.definition["containerDefinitions"]]
['web', 'SysdigInstrumentation']
>>> result.definition["containerDefinitions"][0]["entryPoint"]
['/opt/draios/bin/instrument', '/docker-entrypoint.sh']
>>> [(outcome.name, outcome.instrumented) for outcome in result.containers]
[('web', True)]
>>> instrument(result.definition, settings).changed
False
>>> uninstrument(result.definition) == definition
True

What cannot be instrumented correctly raises :class:`TaskDefinitionError`, with a JSON path and the fix:

>>> del definition["containerDefinitions"][0]["entryPoint"]
>>> instrument(definition, settings)
Traceback (most recent call last):
    ...
fargate_guard.taskdef.errors.TaskDefinitionError: what container web would run is not known for certain

What an image runs by itself is asked for with :func:`image_needs`, and given as :class:`Images`:

>>> [(need.container, need.image, need.architecture) for need in image_needs(definition, settings)]
[('web', 'nginx:1.27', 'X86_64')]
>>> nginx = ImageConfig(("/docker-entrypoint.sh",), ("nginx", "-g", "daemon off;"), source="by hand")
>>> instrumented = instrument(definition, settings, Images(by_container={"web": nginx})).definition
>>> uninstrument(instrumented) == definition
True

What is instrumented, by whom, with which version, and what is wrong, tells :func:`explain`:

>>> from fargate_guard.taskdef import explain
>>> explanation = explain(instrumented)
>>> explanation.instrumented_by.value, explanation.agent.version, explanation.problems
('fguard', '5.0.1', ())
>>> [(container.name, container.runs) for container in explanation.containers]
[('web', ('/docker-entrypoint.sh', 'nginx'))]

:func:`read` reads a JSON text, and its result writes definitions back in the text's own layout; :func:`diff` shows
what changed; :func:`restore` is :func:`uninstrument` with the outcome of every container.
"""

from typing import TYPE_CHECKING, Any

from fargate_guard.taskdef.definition import Shape, container_names
from fargate_guard.taskdef.difference import diff
from fargate_guard.taskdef.document import Document, read
from fargate_guard.taskdef.errors import NotATaskDefinitionError, SettingsError, TaskDefinitionError
from fargate_guard.taskdef.fields import Json
from fargate_guard.taskdef.image_config import ImageConfig, ImageNeed, Images
from fargate_guard.taskdef.instrumentation import image_needs, instrument
from fargate_guard.taskdef.restoring import is_instrumented, restore, uninstrument
from fargate_guard.taskdef.result import ContainerOutcome, Instrumented, Notice, Restored
from fargate_guard.taskdef.settings import Settings

if TYPE_CHECKING:
    from fargate_guard.taskdef.explaining import explain
    from fargate_guard.taskdef.explanation import Explanation

_WHEN_ASKED_FOR = {"Explanation": "explanation", "explain": "explaining"}
"""Names with their modules: what explains is not to cost those time who instrument."""

__all__ = [
    "ContainerOutcome",
    "Document",
    "Explanation",
    "ImageConfig",
    "ImageNeed",
    "Images",
    "Instrumented",
    "Json",
    "NotATaskDefinitionError",
    "Notice",
    "Restored",
    "Settings",
    "SettingsError",
    "Shape",
    "TaskDefinitionError",
    "container_names",
    "diff",
    "explain",
    "image_needs",
    "instrument",
    "is_instrumented",
    "read",
    "restore",
    "uninstrument",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHEN_ASKED_FOR[name]}"), name)

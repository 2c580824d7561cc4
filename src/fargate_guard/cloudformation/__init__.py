"""Instrument the ECS task definitions of CloudFormation and SAM templates, and take it back exactly.

Pure functions on plain data, with intrinsic functions in their long form; the standard library and
:mod:`fargate_guard.taskdef` only.

>>> from fargate_guard.cloudformation import instrument_template, restore_template
>>> from fargate_guard.taskdef import Settings
>>> template = {
...     "Resources": {
...         "Web": {
...             "Type": "AWS::ECS::TaskDefinition",
...             "Properties": {
...                 "RequiresCompatibilities": ["FARGATE"],
...                 "NetworkMode": "awsvpc",
...                 "ContainerDefinitions": [
...                     {"Name": {"Ref": "Name"}, "Image": "nginx:1.27", "EntryPoint": ["/docker-entrypoint.sh"]}
...                 ],
...             },
...         }
...     }
... }
>>> settings = Settings(topology="orchestrator", agent_version="5.0.1", orchestrator_host="orchestrator.internal")
>>> result = instrument_template(template, settings)
>>> result.definition["Resources"]["Web"]["Properties"]["ContainerDefinitions"][0]["EntryPoint"]
['/opt/draios/bin/instrument', '/docker-entrypoint.sh']
>>> [(outcome.resource, outcome.name, outcome.instrumented) for outcome in result.containers]
[('Web', '${Name}', True)]
>>> restore_template(result.definition).definition == template
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.cloudformation.reporting import TemplateRefusedError
from fargate_guard.cloudformation.template import instrument_template, restore_template, template_image_needs

if TYPE_CHECKING:
    from fargate_guard.cloudformation.container_images import ContainerInTemplate, template_containers
    from fargate_guard.cloudformation.explaining import explain_template

_WHEN_ASKED_FOR = {
    "ContainerInTemplate": "container_images",
    "explain_template": "explaining",
    "template_containers": "container_images",
}
"""Names with their modules: what explains is not to cost those time who instrument."""

__all__ = [
    "ContainerInTemplate",
    "TemplateRefusedError",
    "explain_template",
    "instrument_template",
    "restore_template",
    "template_containers",
    "template_image_needs",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHEN_ASKED_FOR[name]}"), name)

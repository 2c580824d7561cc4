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

from fargate_guard.cloudformation.container_images import ContainerInTemplate, template_containers
from fargate_guard.cloudformation.explaining import explain_template
from fargate_guard.cloudformation.reporting import TemplateRefusedError
from fargate_guard.cloudformation.template import instrument_template, restore_template, template_image_needs

__all__ = [
    "ContainerInTemplate",
    "TemplateRefusedError",
    "explain_template",
    "instrument_template",
    "restore_template",
    "template_containers",
    "template_image_needs",
]

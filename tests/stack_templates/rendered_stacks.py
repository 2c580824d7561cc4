"""Our own CloudFormation templates for the tests: rendered, and read as CloudFormation reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from fargate_guard.config.workload import workload_name
from fargate_guard.stacks.surroundings import Surroundings
from fargate_guard.stacks.template import StackTemplate, deployment_template
from fargate_guard.workload_input import WorkloadInput
from tests.terraform_templates.rendered_modules import CERTIFICATES, REGION, SECRET_ARN, instrumented, web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.config import Config

NOTHING_KNOWN = Surroundings()


def rendered(
    settings: Config,
    definitions: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    access_key_arn: str = SECRET_ARN,
    instrumenting: bool = True,
    surroundings: Surroundings = NOTHING_KNOWN,
) -> StackTemplate:
    """The template of ``settings``; workloads that ``definitions`` does not name get :func:`web`."""
    workloads = []
    for workload in settings.workloads:
        name = workload_name(workload)
        definition = dict((definitions or {}).get(name) or web())
        if instrumenting:
            definition = instrumented(definition, settings, name=name, access_key_arn=access_key_arn)
        workloads.append(WorkloadInput(name=name, definition=definition, service=workload.service))
    return deployment_template(
        settings,
        region=REGION,
        workloads=workloads,
        access_key_value_from=access_key_arn,
        certificates=CERTIFICATES,
        surroundings=surroundings,
    )


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """YAML with the short forms of functions."""


def _function(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
    value = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda found: loader.construct_sequence(found, deep=True),
    }[type(node)](node)
    if suffix == "Ref":
        return {"Ref": value}
    return {f"Fn::{suffix}": value.split(".", 1) if suffix == "GetAtt" else value}


_Loader.add_multi_constructor("!", _function)


def document(template: StackTemplate) -> dict[str, Any]:
    """The template as CloudFormation reads it, short forms written out."""
    parsed: dict[str, Any] = yaml.load(template.body, Loader=_Loader)
    return parsed


def resource(template: StackTemplate, logical_id: str) -> dict[str, Any]:
    """A resource's properties."""
    properties: dict[str, Any] = document(template)["Resources"][logical_id]["Properties"]
    return properties


def container(template: StackTemplate, name: str = "web", *, workload: str = "Web") -> dict[str, Any]:
    """A container of a workload's task definition."""
    containers = resource(template, f"Workload{workload}TaskDefinition")["ContainerDefinitions"]
    [found] = [one for one in containers if one["Name"] == name]
    return dict(found)

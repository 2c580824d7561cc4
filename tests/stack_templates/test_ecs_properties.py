"""The table of properties against those who know: botocore's model of ECS, and CloudFormation's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from fargate_guard.carried_fields import FREE
from fargate_guard.stacks.properties import TASK_DEFINITION, property_name
from tests.stack_templates.rendered_stacks import container, rendered, resource
from tests.terraform_templates.rendered_modules import config, web

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOT_IN_CLOUDFORMATION_OR_NOT_FOR_FARGATE = {
    "containerDefinitions.resourceRequirements.sharingStrategy",
    "volumes.s3filesVolumeConfiguration",
    "trustedExecutionConfiguration",
}
"""Refused by name: not on Fargate, or so new that CloudFormation's property is not settled."""


def fields_of_ecs(shape: Any, path: str = "") -> Iterator[tuple[str, bool]]:
    """Every field of RegisterTaskDefinition, and whether its keys are the user's."""
    if shape.type_name == "list":
        yield from fields_of_ecs(shape.member, path)
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            yield f"{path}{name}", member.type_name == "map"
            yield from fields_of_ecs(member, f"{path}{name}.")


def fields_of_table(shape: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, bool]]:
    for name, below in shape.items():
        yield f"{path}{name}", below == FREE
        if isinstance(below, dict):
            yield from fields_of_table(below, f"{path}{name}.")


def test_every_field_of_ecs_has_a_property_or_is_refused() -> None:
    model = botocore.session.Session().get_service_model("ecs").operation_model("RegisterTaskDefinition")
    known = dict(fields_of_ecs(model.input_shape))
    mine = dict(fields_of_table(TASK_DEFINITION))
    assert mine.items() <= known.items()
    missing = {
        field
        for field in known.keys() - mine.keys()
        if not any(field.startswith(f"{one}.") for one in NOT_IN_CLOUDFORMATION_OR_NOT_FOR_FARGATE)
    }
    assert missing == NOT_IN_CLOUDFORMATION_OR_NOT_FOR_FARGATE


def test_every_property_is_in_cloudformations_schema() -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::ECS::TaskDefinition").schema

    def resolved(found: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in found:
            return resolved(schema["definitions"][found["$ref"].rpartition("/")[2]])
        return resolved(found["items"]) if "items" in found else found

    def unknown(shape: Mapping[str, Any], there: dict[str, Any], path: str, owner: str) -> Iterator[str]:
        for field, below in shape.items():
            name = property_name(owner, field)
            if name not in there.get("properties", {}):
                yield f"{path}.{name}"
            elif isinstance(below, dict):
                yield from unknown(below, resolved(there["properties"][name]), f"{path}.{name}", field)

    assert list(unknown(TASK_DEFINITION, schema, "", "")) == []


EFS = {"fileSystemId": "fs-1", "authorizationConfig": {"iam": "ENABLED"}}


def test_the_exceptions_and_maps_with_the_users_keys() -> None:
    definition = web(
        dockerLabels={"myLabel": "x"},
        logConfiguration={"logDriver": "fluentd", "options": {"fluentd-async": "true"}},
        linuxParameters={"initProcessEnabled": True},
        extraHosts=None,
    ) | {
        "volumes": [{"name": "d", "efsVolumeConfiguration": EFS}],
        "proxyConfiguration": {"containerName": "web", "properties": [{"name": "a", "value": "b"}]},
        "placementConstraints": [],
        "revision": 7,
    }
    template = rendered(config(), {"web": definition})
    found, task = container(template), resource(template, "WorkloadWebTaskDefinition")
    assert found["LinuxParameters"]["InitProcessEnabled"] is True
    assert found["DockerLabels"]["myLabel"] == "x"
    assert found["LogConfiguration"] == {"LogDriver": "fluentd", "Options": {"fluentd-async": "true"}}
    assert "ExtraHosts" not in found
    [volume] = task["Volumes"]
    authorization = {"AuthorizationConfig": {"IAM": "ENABLED"}}
    assert volume["EFSVolumeConfiguration"] == {"FilesystemId": "fs-1", **authorization}
    assert task["ProxyConfiguration"]["ProxyConfigurationProperties"] == [{"Name": "a", "Value": "b"}]
    assert "Revision" not in task


def test_sizes_are_written_as_ecs_gives_them_back() -> None:
    """Else every drift detection would find them changed."""
    template = rendered(config(), {"web": web() | {"cpu": ".5 vCPU", "memory": "1 GB"}}, instrumenting=False)
    task = resource(template, "WorkloadWebTaskDefinition")
    assert (task["Cpu"], task["Memory"]) == ("512", "1024")

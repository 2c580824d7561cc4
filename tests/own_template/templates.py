"""Small templates."""

from __future__ import annotations

import json
from typing import Any

Json = Any
GROUP = {"Type": "AWS::Logs::LogGroup", "Properties": {}}
IMAGE = {"Image": {"Type": "String", "Default": "nginx:1.27"}}


def task(image: Json = "nginx:1.27", **more: Json) -> Json:
    """A task definition for Fargate that says all that it runs."""
    container = {"Name": "web", "Image": image, "EntryPoint": ["/web"], **more}
    properties = {
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "Cpu": "256",
        "Memory": "512",
        "ContainerDefinitions": [container],
    }
    return {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}


def text(resources: Json, **sections: Json) -> str:
    """A template as JSON."""
    return json.dumps({**sections, "Resources": resources}, indent=2)


def nested(place: str, **parameters: Json) -> Json:
    """A nested stack."""
    properties: Json = {"TemplateURL": place, **({"Parameters": parameters} if parameters else {})}
    return {"Type": "AWS::CloudFormation::Stack", "Properties": properties}


def cluster_and(subnet: str, **resources: Json) -> Json:
    """A cluster, the task definition ``Web``, a service of it, and more."""
    return {"Cluster": {"Type": "AWS::ECS::Cluster"}, "Web": task(), "Service": service(subnet), **resources}


def service(subnet: str, **more: Json) -> Json:
    """A service of ``Web`` in ``Cluster``."""
    properties = {
        "Cluster": {"Ref": "Cluster"},
        "TaskDefinition": {"Ref": "Web"},
        "LaunchType": "FARGATE",
        "DesiredCount": 1,
        "NetworkConfiguration": network(subnet),
        **more,
    }
    return {"Type": "AWS::ECS::Service", "Properties": properties}


def network(subnet: str) -> Json:
    """Where tasks run."""
    return {"AwsvpcConfiguration": {"Subnets": [subnet]}}

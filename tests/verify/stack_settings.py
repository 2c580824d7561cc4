"""The deployment that is verified: its configuration, its workload, and the parts of a policy or a group."""

from __future__ import annotations

from typing import Any

from fargate_guard.config.model import Config

Json = dict[str, Any]

NAME = "training"
PORT = 6667
AGENT = "5.0.1"

DIRECT_AGENT = "6.2.1"


def config_of(topology: str) -> Config:
    """The configuration of the deployment."""
    return Config.model_validate(
        {
            "name": NAME,
            "agent": {"topology": topology, "version": AGENT if topology == "orchestrator" else DIRECT_AGENT},
            "sysdig": {"region": "us1", "access_key": {"env": "SYSDIG_ACCESS_KEY"}},
            "network": {"endpoints": ["s3", "logs"]},
            "workloads": [{"task_definition": "web.json", "service": {"desired_count": 2}}],
        }
    )


CIRCUIT_BREAKER: Json = {
    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
    "minimumHealthyPercent": 100,
    "maximumPercent": 200,
}

WEB: Json = {
    "family": "fguard_training_web",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "512",
    "memory": "1024",
    "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"},
    "containerDefinitions": [
        {
            "name": "web",
            "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1.0",
            "essential": True,
            "entryPoint": ["/docker-entrypoint.sh"],
            "command": ["nginx", "-g", "daemon off;"],
            "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/fguard/training/web",
                    "awslogs-region": "us-east-1",
                    "awslogs-stream-prefix": "ecs",
                },
            },
        }
    ],
}


def tcp(port: int, peer: str) -> Json:
    """One permission of a security group: a CIDR block or a security group."""
    source: Json = (
        {"UserIdGroupPairs": [{"GroupId": peer}]} if peer.startswith("sg-") else {"IpRanges": [{"CidrIp": peer}]}
    )
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}


def allow(actions: list[str], resource: str | list[str]) -> Json:
    """One statement of a policy."""
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def trust(service: str) -> Json:
    """A role's trust policy."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }

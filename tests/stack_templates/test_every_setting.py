"""Every key of ``fguard.yaml`` changes the template, or it is said here why it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest
from pydantic import BaseModel

from fargate_guard.config.model import Config
from tests.stack_templates.rendered_stacks import rendered
from tests.terraform_templates.rendered_modules import SECRET_ARN, config, web
from tests.terraform_templates.test_module_combinations import KMS, LOAD_BALANCER, TARGET_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator

ELSEWHERE = {
    "aws": "the caller's session, not the template's",
    "agent": "what the agent's container is: in the instrumented task definitions that the template is given",
    "cloudformation": "how the stack is deployed, not what is in it",
    "state": "Terraform's",
    "sysdig.access_key": "looked up or stored by the caller, who gives the ARN",
    "sysdig.api": "how fguard asks Sysdig Secure",
    "sysdig.region": "a name for a collector",
    "workloads.task_definition": "read and instrumented by the caller",
    "workloads.ignore_containers": "in the instrumented task definition",
    "orchestrator.proxy.ca_certificate.file": "read by the caller",
    "orchestrator.collector_ca_certificate.file": "read by the caller",
}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0123"
PROXY = {"host": "proxy.example.com", "port": 3128, "ca_certificate": {"file": "proxy.pem"}}
SCALING = {"target_metric": "ECSServiceAverageCPUUtilization", "target_value": 50, "max_capacity": 4}
LISTENER = {"load_balancer_arn": LOAD_BALANCER, "port": 80}
GROUP = {"container_name": "web", "container_port": 80, "listener": LISTENER}
EXISTING = {
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0a", "subnet-0b"][:0] or ["subnet-0a0a", "subnet-0b0b"],
}
LOGGING = web(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "/mine"}})

BASES: dict[str, Any] = {
    "orchestrator.proxy": {"orchestrator": {"proxy": PROXY}},
    "orchestrator.autoscaling": {"orchestrator": {"autoscaling": SCALING}},
    "orchestrator.collector_ca_certificate": {
        "orchestrator": {"collector_ca_certificate": {"file": "collector.pem"}}
    },
    "network.vpc_id": {"network": EXISTING},
    "network.subnet_ids": {"network": EXISTING},
    "network.assign_public_ip": {"network": EXISTING},
    "workloads.service": {"workloads": [{"task_definition": "web.json", "service": {"target_group": GROUP}}]},
    "sysdig.collector": {"sysdig": {"collector": {"host": "a", "port": 1}, "access_key": {"env": "KEY"}}},
}
"""What is configured before the key is changed: the longest path that fits."""
OTHER: dict[str, Any] = {
    "name": "t2",
    "tags": {"cost-center": "42"},
    "network.vpc_id": "vpc-0fedcba9876543210",
    "network.subnet_ids": ["subnet-0a0a", "subnet-0c0c", "subnet-0d0d"],
    "network.assign_public_ip": True,
    "network.cidr": "10.0.0.0/20",
    "network.zones": 3,
    "network.nat_gateway": "per_zone",
    "network.endpoints": ["s3", "ecr"],
    "cluster.name": "mine",
    "cluster.container_insights": "enhanced",
    "sysdig.collector.host": "b",
    "sysdig.collector.port": 2,
    "orchestrator.version": "5.0.0",
    "orchestrator.image": "mirror/agent:1",
    "orchestrator.port": 7000,
    "orchestrator.cpu": 4096,
    "orchestrator.memory": 4096,
    "orchestrator.cpu_architecture": "ARM64",
    "orchestrator.desired_count": 2,
    "orchestrator.log_level": "debug",
    "orchestrator.tags": {"team": "pay"},
    "orchestrator.extra_conf": "a: b",
    "orchestrator.check_collector_certificate": False,
    "orchestrator.collector_ca_certificate.path": "/elsewhere",
    "orchestrator.proxy.host": "other",
    "orchestrator.proxy.port": 1,
    "orchestrator.proxy.user": "me",
    "orchestrator.proxy.password_arn": SECRET_ARN,
    "orchestrator.proxy.ssl": True,
    "orchestrator.proxy.ssl_verify_certificate": False,
    "orchestrator.proxy.ca_certificate.path": "/elsewhere",
    "orchestrator.autoscaling.target_metric": "ECSServiceAverageMemoryUtilization",
    "orchestrator.autoscaling.target_value": 51.5,
    "orchestrator.autoscaling.max_capacity": 5,
    "orchestrator.autoscaling.scale_in_cooldown": 1,
    "orchestrator.autoscaling.scale_out_cooldown": 1,
    "orchestrator.load_balancer_name": "mine",
    "orchestrator.client_cidr_blocks": ["10.99.0.0/16"],
    "orchestrator.client_security_group_ids": ["sg-0123"],
    "logs.retention_days": 7,
    "logs.kms_key_arn": KMS,
    "workloads.name": "api",
    "workloads.create_log_groups": True,
    "workloads.service.desired_count": 3,
    "workloads.service.security_group_ids": ["sg-0123"],
    "workloads.service.enable_execute_command": True,
    "workloads.service.health_check_grace_period_seconds": 33,
    "workloads.service.target_group.container_name": "other",
    "workloads.service.target_group.container_port": 81,
    "workloads.service.target_group.arn": TARGET_GROUP,
    "workloads.service.target_group.protocol": "HTTPS",
    "workloads.service.target_group.health_check_path": "/health",
    "workloads.service.target_group.listener.load_balancer_arn": LOAD_BALANCER.replace("mine", "other"),
    "workloads.service.target_group.listener.port": 8080,
    "workloads.service.target_group.listener.certificate_arn": CERTIFICATE,
}


def leaves(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Every key that holds a value and no further keys."""
    for name, field in model.model_fields.items():
        key = f"{path}{name}"
        candidates = [field.annotation, *get_args(field.annotation)]
        inner = next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)
        if key in ELSEWHERE:
            continue
        if inner is None:
            yield key
        else:
            yield from leaves(inner, f"{key}.")


def document(key: str) -> dict[str, Any]:
    base = max((one for one in BASES if f"{key}.".startswith(f"{one}.")), key=len, default=None)
    made: dict[str, Any] = config().model_dump(mode="json", exclude_unset=True)
    return made | (BASES[base] if base else {})


def changed(found: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    if isinstance(found, list):
        return [changed(found[0], path, value), *found[1:]]
    rest = dict(found or {})
    if path == ["arn"]:
        rest.pop("listener")
    return rest | {path[0]: changed(rest.get(path[0]), path[1:], value)}


@pytest.mark.parametrize("key", list(leaves(Config)))
def test_a_key_has_an_effect(key: str) -> None:
    before = document(key)
    after = changed(before, key.split("."), OTHER[key])
    both = [Config.model_validate(settings) for settings in (before, after)]
    one, other = (rendered(settings, {"web": LOGGING, "api": LOGGING}) for settings in both)
    assert (one.body, one.parameters, one.tags) != (other.body, other.parameters, other.tags)


def test_an_image_pull_secret_is_the_orchestrators_too() -> None:
    template = rendered(config(agent={"image_pull_secret_arn": SECRET_ARN}))
    assert template.parameters["ImagePullSecretArn"] == SECRET_ARN

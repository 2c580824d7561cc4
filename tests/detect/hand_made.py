"""A deployment as its outputs tell of it, in an account that has nothing else of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fargate_guard.config.model import Config
from fargate_guard.deployment import DeploymentFolder, DeploymentOutputs
from fargate_guard.workflows.context import Context
from tests.verify.test_verification_workflow import Heard

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws

KEY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-AbCdEf"
WORKLOAD = {
    "task_definition_arn": "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1",
    "family": "web",
    "execution_role_arn": "arn:aws:iam::123456789012:role/web",
    "agent_log_group_name": "/fguard/direct/web/agent",
    "security_group_id": "sg-0123456789abcdef0",
}
OUTPUTS = {
    "region": "us-east-1",
    "account_id": "123456789012",
    "partition": "aws",
    "network": {"vpc_id": "vpc-1", "created": True, "task_subnet_ids": ["subnet-1"], "assign_public_ip": True},
    "cluster": {"arn": "arn:aws:ecs:us-east-1:123456789012:cluster/direct", "name": "direct", "created": True},
    "workloads": {"job": {**WORKLOAD, "security_group_id": None}, "web": WORKLOAD},
}


def outputs_of(**change: Any) -> DeploymentOutputs:
    outputs = DeploymentOutputs.of({**OUTPUTS, **change})
    assert outputs is not None
    return outputs


def context_of(aws: Aws) -> Context:
    config = Config.model_validate(
        {
            "name": "direct",
            "agent": {"topology": "direct", "version": "6.2.1", "opt_in": True},
            "sysdig": {"region": "eu1", "access_key": {"env": "SYSDIG_ACCESS_KEY"}},
        }
    )
    file = Path("fguard.yaml")
    return Context(config, file, DeploymentFolder.of(file, "direct"), aws, {}, Heard())

"""Events of a Fargate task, with the fields and labels that the API's description names."""

from __future__ import annotations

import itertools
from typing import Any

_NUMBERS = itertools.count(1)
CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/training"
TASK = "arn:aws:ecs:us-east-1:123456789012:task/training/0123456789abcdef0123456789abcdef"


def fargate_event(
    timestamp: int,
    *,
    severity: int = 3,
    rule: str = "Write below binary dir",
    policy: str = "Sysdig Runtime Threat Detection",
    task_arn: str | None = TASK,
    cluster_arn: str = CLUSTER,
    container: str = "writer",
    output: str = "File below a known binary directory opened for writing (file=/bin/oops)",
    **more: Any,
) -> dict[str, Any]:
    """One event as the agent of a Fargate task raises it; ``timestamp`` in nanoseconds."""
    fargate = {"aws.fargate.task.arn": task_arn, "aws.fargate.cluster.arn": cluster_arn} if task_arn else {}
    return {
        "id": f"{next(_NUMBERS):032x}",
        "timestamp": timestamp,
        "originator": "policy",
        "category": "runtime",
        "source": "syscall",
        "rawEventOriginator": "serverlessAgent" if task_arn else "linuxAgent",
        "rawEventCategory": "runtime",
        "engine": "falco",
        "name": policy,
        "description": "Rules that find threats at runtime",
        "severity": severity,
        "actions": [],
        "content": {
            "type": "workloadRuntimeDetection",
            "ruleName": rule,
            "ruleType": 6,
            "ruleTags": ["container", "filesystem"],
            "output": output,
            "policyId": 10001,
            "policyVersion": 3,
            "policyOrigin": "Sysdig",
            "fields": {"proc.cmdline": "touch /bin/oops", "user.name": "root", "evt.type": "openat"},
        },
        "labels": {
            **fargate,
            "aws.accountId": "123456789012",
            "aws.region": "us-east-1",
            "container.name": container,
            "container.image.repo": "public.ecr.aws/example/writer",
            "container.image.tag": "1.0",
        },
        **more,
    }

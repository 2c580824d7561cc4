"""What Fargate needs before it starts containers: log groups and secrets, looked up in the account itself.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from moto.core.exceptions import JsonRESTError
from moto.logs.models import logs_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

from fargate_guard.sandbox.scheduler import wording
from fargate_guard.sandbox.scheduler.lifecycle import Stop
from fargate_guard.sandbox.scheduler.transition import awslogs, log_stream

if TYPE_CHECKING:
    from fargate_guard.sandbox.scheduler.model import Container, Task

CANNOT_START = "TaskFailedToStart"
_SECRET_ARN = re.compile(r"(?P<arn>arn:[^:]+:secretsmanager:[^:]+:[^:]+:secret:[^:]+)(?::(?P<rest>.*))?$")

NOT_FOUND = "ResourceNotFoundException"


class Requirements:
    """Finds out whether a task's containers could be initialised."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account_id = account_id
        self._region = region

    def missing(self, task: Task) -> Stop | None:
        """Return why the task cannot start, in ECS's order: secrets first, then log groups."""
        for container in task.containers:
            problem = self._missing_secret(container)
            if problem is not None:
                return Stop(CANNOT_START, problem)
        for container in task.containers:
            problem = self._missing_log_group(task, container)
            if problem is not None:
                return Stop(CANNOT_START, problem)
        return None

    def _missing_log_group(self, task: Task, container: Container) -> str | None:
        options = awslogs(container)
        if options is None:
            return None
        group = options.get("awslogs-group", "")
        logs = logs_backends[self._account_id][options.get("awslogs-region", self._region)]
        if group in logs.groups:
            return None
        if options.get("awslogs-create-group") == "true":
            logs.ensure_log_group(group)
            return None
        return wording.no_log_group(group, log_stream(task, container) or "")

    def _missing_secret(self, container: Container) -> str | None:
        for secret in container.definition.get("secrets") or []:
            reference = secret["valueFrom"]
            problem = (
                self._missing_value(reference)
                if ":secretsmanager:" in reference
                else self._missing_parameter(reference)
            )
            if problem is not None:
                return problem
        return None

    def _missing_value(self, reference: str) -> str | None:
        match = _SECRET_ARN.match(reference)
        if match is None:
            return wording.no_secret(reference, f"{NOT_FOUND}: Secrets Manager can't find the specified secret.")
        arn = match["arn"]
        key, stage, version = [*(match["rest"] or "").split(":"), "", "", ""][:3]
        backend = secretsmanager_backends[self._account_id][arn.split(":")[3]]
        try:
            value = backend.get_secret_value(arn, version or None, stage or None)  # type: ignore[arg-type]
        except JsonRESTError as error:
            return wording.no_secret(arn, f"{error.error_type}: {' '.join(str(error.message).split())}")
        if key and not _has_key(value.get("SecretString"), key):
            return wording.no_secret_key(key)
        return None

    def _missing_parameter(self, reference: str) -> str | None:
        region = reference.split(":")[3] if reference.startswith("arn:") else self._region
        found = ssm_backends[self._account_id][region].get_parameters([reference])
        return None if found else wording.no_parameter(reference.rsplit(":parameter/", maxsplit=1)[-1])


def _has_key(secret: str | None, key: str) -> bool:
    try:
        document = json.loads(secret or "")
    except ValueError:
        return False
    return isinstance(document, dict) and key in document

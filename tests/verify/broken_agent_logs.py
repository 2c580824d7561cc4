"""Agents that say that something is wrong: lines put into the embedded CloudWatch Logs, and taken out again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.verify.breakage import breaks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.verify.deployed_stack import Stack

WEB = "/fguard/training/web/agent"
ORCHESTRATOR = "/fguard/training/orchestrator"


def says(stack: Stack, group: str, *lines: str) -> Iterator[None]:
    """One running task's agent writes these lines, a second apart, the last one now."""
    service = "fguard_training_web" if group == WEB else "fguard_training_sysdig_orchestrator"
    task = stack.ecs.list_tasks(cluster=stack.cluster, serviceName=service)["taskArns"][0].rpartition("/")[2]
    streams = stack.logs.describe_log_streams(logGroupName=group)["logStreams"]
    stream = {
        "logGroupName": group,
        "logStreamName": next(one["logStreamName"] for one in streams if one["logStreamName"].endswith(task)),
    }
    before = stack.logs.get_log_events(**stream, startFromHead=True)["events"]
    now = int(time.time() * 1000)
    said = [{"timestamp": now - 1000 * age, "message": line} for age, line in enumerate(reversed(lines))]
    stack.logs.put_log_events(**stream, logEvents=said[::-1])
    yield
    stack.logs.delete_log_stream(**stream)
    stack.logs.create_log_stream(**stream)
    kept = [{"timestamp": one["timestamp"], "message": one["message"]} for one in before]
    stack.logs.put_log_events(**stream, logEvents=kept)


@breaks("agent-log.access-key")
def orchestrator_whose_key_is_refused_again_and_again(stack: Stack) -> Iterator[None]:
    yield from says(
        stack,
        ORCHESTRATOR,
        "2026-11-23 14:00:01.106, 1.24, Information, connection_manager:352: Connected to collector",
        "2026-11-23 14:00:01.558, 1.24, Error, error_message_handler:63: received ERR_INVALID_CUSTOMER_KEY "
        "(Unauthorized agent access key.), terminating the agent",
        "2026-11-23 14:00:02.106, 1.24, Information, connection_manager:352: Connected to collector",
    )


@breaks("agent-log.connection")
def sidecar_that_reaches_nobody(stack: Stack) -> Iterator[None]:
    yield from says(
        stack, WEB, "Error, connection_manager: connect():Timeout: ", "Connection attempt failed. Retrying..."
    )


@breaks("agent-log.certificate")
def orchestrator_that_does_not_trust_the_proxy(stack: Stack) -> Iterator[None]:
    yield from says(stack, ORCHESTRATOR, "connect():IOException: SSL Exception: certificate verify failed")


@breaks("agent-log.version")
def sidecar_of_another_protocol(stack: Stack) -> Iterator[None]:
    yield from says(stack, WEB, "Connected to collector", "received ERR_PROTO_MISMATCH, terminating the agent")

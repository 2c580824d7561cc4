"""Service events and stop reasons in ECS's own words.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTAINER_HEALTH_FAILED = "Task failed container health checks"
ESSENTIAL_CONTAINER_EXITED = "Essential container in task exited"
STOPPED_BY_USER = "Task stopped by user"


def target_health_failed(target_group_arn: str) -> str:
    """Stop reason of a task whose target never became, or no longer is, healthy."""
    return f"Task failed ELB health checks in (target-group {target_group_arn})"


def scaling_stop(deployment_id: str) -> str:
    """Stop reason of a task that the service no longer needs."""
    return f"Scaling activity initiated by (deployment {deployment_id})"


def _tasks(task_ids: Sequence[str]) -> str:
    return " ".join(f"(task {task_id})" for task_id in task_ids)


def started(service: str, task_ids: Sequence[str]) -> str:
    """Event: tasks were launched."""
    return f"(service {service}) has started {len(task_ids)} tasks: {_tasks(task_ids)}."


def stopped(service: str, task_ids: Sequence[str]) -> str:
    """Event: tasks were told to stop."""
    return f"(service {service}) has stopped {len(task_ids)} running tasks: {_tasks(task_ids)}."


def registered(service: str, count: int, target_group_arn: str) -> str:
    """Event: tasks were added to a target group."""
    return f"(service {service}) registered {count} targets in (target-group {target_group_arn})"


def deregistered(service: str, count: int, target_group_arn: str) -> str:
    """Event: tasks were taken out of a target group."""
    return f"(service {service}) deregistered {count} targets in (target-group {target_group_arn})"


def draining(service: str, count: int) -> str:
    """Event: connections of tasks are given time to end."""
    return f"(service {service}) has begun draining connections on {count} tasks."


def steady(service: str) -> str:
    """Event: running count equals desired count and all checks pass."""
    return f"(service {service}) has reached a steady state."


def completed(service: str, deployment_id: str) -> str:
    """Event: the deployment reached its steady state."""
    return f"(service {service}) (deployment {deployment_id}) deployment completed."


def failed(service: str, deployment_id: str) -> str:
    """Event: the circuit breaker gave the deployment up."""
    return f"(service {service}) (deployment {deployment_id}) deployment failed: tasks failed to start."


def rolling_back(service: str, deployment_id: str) -> str:
    """Event: the last completed deployment is put back."""
    return f"(service {service}) rolling back to deployment {deployment_id}."


def not_placed(service: str, reason: str) -> str:
    """Event: Fargate could not take the task."""
    return f"(service {service}) was unable to place a task. Reason: {reason}."


NO_INSTANCES = "No Container Instances were found in your cluster."


def not_placed_on_instances(service: str) -> str:
    """Event: the service asks for EC2 and the cluster has no container instances."""
    return (
        f"(service {service}) was unable to place a task because no container instance met all of its "
        f"requirements. Reason: {NO_INSTANCES}"
    )


def unhealthy_container(service: str, task_id: str) -> str:
    """Event: a task is replaced for its container health check."""
    return f"(service {service}) (task {task_id}) failed container health checks."


def unhealthy_target(service: str, port: int, target_group_arn: str) -> str:
    """Event: a task is replaced for its load balancer's health check."""
    return (
        f"(service {service}) (port {port}) is unhealthy in (target-group {target_group_arn}) "
        "due to (reason Health checks failed)."
    )


def crash_loop(service: str) -> str:
    """Event: ECS slows down the replacement of tasks that keep failing."""
    return (
        f"(service {service}) is unable to consistently start tasks successfully. "
        "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    )


def in_progress_reason(deployment_id: str) -> str:
    """``rolloutStateReason`` of a deployment that is under way."""
    return f"ECS deployment {deployment_id} in progress."


def completed_reason(deployment_id: str) -> str:
    """``rolloutStateReason`` of a completed deployment."""
    return f"ECS deployment {deployment_id} completed."


FAILED_REASON = "ECS deployment circuit breaker: tasks failed to start."
"""``rolloutStateReason`` of a deployment that the circuit breaker ended."""


def rolling_back_reason(deployment_id: str) -> str:
    """``rolloutStateReason`` of the deployment that is put back."""
    return f"ECS deployment circuit breaker: rolling back to deploymentId {deployment_id}."


NO_ROLLBACK_CANDIDATE = "No rollback candidate was found to run the rollback."
"""``statusReason`` of a first deployment that failed: nothing completed before it."""


def cannot_pull(image: str) -> str:
    """Stop reason of a task whose image is not there or not readable."""
    return (
        f"CannotPullContainerError: pull image manifest has been retried 1 time(s): "
        f"failed to resolve ref {image}: {image}: not found"
    )


def no_log_group(group: str, stream: str) -> str:
    """Stop reason of a task whose awslogs group does not exist."""
    return (
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
        f"failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not "
        f"exist. [log group: {group}, log stream: {stream}] : exit status 1"
    )


def no_secret(arn: str, detail: str) -> str:
    """Stop reason of a task whose Secrets Manager secret cannot be read."""
    return (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
        f"failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch "
        f"secret {arn} from secrets manager: {detail}"
    )


def no_secret_key(key: str) -> str:
    """Stop reason of a task that asks for a JSON key which its secret does not have."""
    return (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
        "failed: unable to retrieve secret from asm: service call has been retried 1 time(s): "
        f"retrieved secret from Secrets Manager did not contain json key {key}"
    )


def no_parameter(name: str) -> str:
    """Stop reason of a task whose SSM parameter cannot be read."""
    return (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
        "failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): "
        f"invalid parameters: {name}"
    )


def no_address(subnet_id: str, public_ip: bool) -> str:
    """Stop reason of a task for which its subnet has no address left."""
    return (
        "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment "
        f"{'enabled' if public_ip else 'disabled'} in subnet '{subnet_id}': InsufficientFreeAddressesInSubnet"
    )

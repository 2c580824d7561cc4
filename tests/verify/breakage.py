"""How breakages are written: change one thing, yield (what is expected then, if that changes), put it back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.verify.deployed_stack import Stack

Json = dict[str, Any]

BREAKAGES: dict[str, tuple[frozenset[str], Any]] = {}
"""By name: the checks that must complain, and the breakage as a context manager over the deployment."""


def breaks(*checks: str) -> Callable[[Callable[[Stack], Any]], Callable[[Stack], Any]]:
    """Register a way to break a deployment (and to mend it again), and the checks that must complain."""

    def register(function: Callable[[Stack], Any]) -> Callable[[Stack], Any]:
        BREAKAGES[function.__name__] = (frozenset(checks), contextmanager(function))
        return function

    return register


def update_web(stack: Stack, **change: Any) -> None:
    stack.ecs.update_service(cluster=stack.cluster, service="fguard_training_web", **change)
    stack.settle()


def restart(stack: Stack, service: str) -> None:
    stack.ecs.update_service(cluster=stack.cluster, service=service, forceNewDeployment=True)
    stack.settle()


def silence(stack: Stack, group: str) -> None:
    pages = stack.logs.get_paginator("describe_log_streams").paginate(logGroupName=group)
    for stream in [stream for page in pages for stream in page["logStreams"]]:
        stack.logs.delete_log_stream(logGroupName=group, logStreamName=stream["logStreamName"])


@contextmanager
def ingress(stack: Stack, group: str, rule: Json) -> Iterator[None]:
    stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    yield
    stack.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])


@contextmanager
def without_egress(stack: Stack, group: str, rule: Json) -> Iterator[None]:
    stack.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[rule])
    yield
    stack.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[rule])


@contextmanager
def policy(stack: Stack, role: str, statements: list[Json]) -> Iterator[None]:
    stack.put_policy(role, statements)
    yield
    stack.put_policy("orchestrator", stack.orchestrator_statements())
    stack.put_policy("web", stack.web_statements())

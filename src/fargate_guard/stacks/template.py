"""The CloudFormation template of a deployment: one that an engineer can keep, and the values that go with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fargate_guard.config import Config
    from fargate_guard.workload_input import WorkloadInput


@dataclass(frozen=True, slots=True)
class StackTemplate:
    """A rendered template, and what is given to CloudFormation with it."""

    body: str
    """YAML."""
    parameters: Mapping[str, str]
    """Value of every parameter that has no default, or another value than its default."""
    capabilities: tuple[str, ...]
    """``CAPABILITY_IAM`` or ``CAPABILITY_NAMED_IAM``, where the template needs it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Stack tags; CloudFormation puts them on every resource that can be tagged."""


def stack_name(config: Config) -> str:
    """Return the name of a deployment's stack."""
    return f"fguard-{config.name}"


def deployment_template(
    config: Config,
    *,
    region: str,
    workloads: Sequence[WorkloadInput],
    access_key_value_from: str,
    certificates: Mapping[str, str],
) -> StackTemplate:
    """Return the template of a whole deployment.

    :param region: AWS Region; flags and environment come before ``config.aws.region``, so the caller decides.
    :param access_key_value_from: ARN of the secret or parameter that holds the access key.
    :param certificates: PEM text of every ``CaCertificate.file`` in the configuration.
    """
    raise NotImplementedError


def orchestrator_template(config: Config, *, certificates: Mapping[str, str]) -> StackTemplate:
    """Return a template of network and orchestrator that stands on its own: for StackSets and for the console.

    The access key is a parameter of the template: the key itself (``NoEcho``), which becomes a secret, or the ARN
    of a secret or parameter that holds it.
    """
    raise NotImplementedError

"""The environment in which terraform, boto3 and the AWS CLI talk to the sandbox, and to nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.sandbox.loopback import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCESS_KEY_ID = "FGUARDSANDBOXNOTREAL"
"""Shaped like an access key and belonging to nobody: real ones begin with AKIA or ASIA
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)."""
SECRET_ACCESS_KEY = "only-for-the-fguard-sandbox-works-nowhere"  # noqa: S105 - says what it is

_SERVICES = (
    "APPLICATION_AUTO_SCALING",
    "CLOUDFORMATION",
    "CLOUDWATCH_LOGS",
    "DYNAMODB",
    "EC2",
    "ECR",
    "ECS",
    "ELASTIC_LOAD_BALANCING_V2",
    "IAM",
    "KMS",
    "LAMBDA",
    "ORGANIZATIONS",
    "RESOURCE_GROUPS_TAGGING_API",
    "S3",
    "SECRETS_MANAGER",
    "SERVICEDISCOVERY",
    "SERVICE_QUOTAS",
    "SNS",
    "SQS",
    "SSM",
    "STS",
)
UNSET = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    *(f"AWS_ENDPOINT_URL_{service}" for service in _SERVICES),
)
"""Variables that must not be there at all: they would lead past the sandbox, and boto3 takes an empty AWS_PROFILE
for a profile without a name."""


def sandbox_environment(endpoint: str, region: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables to set.

    Profiles, shared configuration and the instance metadata service are switched off, so that no real
    credentials can be found by accident.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html

    :param environ: whose exceptions from the proxy are kept; boto3 would send even 127.0.0.1 to a proxy.
    """
    existing = environ or {}
    direct = existing.get("no_proxy") or existing.get("NO_PROXY")
    no_proxy = f"{direct},{LOOPBACK}" if direct else LOOPBACK
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }

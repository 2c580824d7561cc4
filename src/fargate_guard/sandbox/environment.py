"""The environment in which terraform, boto3 and the AWS CLI talk to the sandbox, and to nothing else."""

from __future__ import annotations

ACCESS_KEY_ID = "FGUARDSANDBOXNOTREAL"
"""Shaped like an access key and belonging to nobody: real ones begin with AKIA or ASIA
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)."""
SECRET_ACCESS_KEY = "only-for-the-fguard-sandbox-works-nowhere"  # noqa: S105 - says what it is


UNSET = ("AWS_PROFILE", "AWS_SESSION_TOKEN")
"""Variables that must not be there at all: boto3 takes an empty AWS_PROFILE for a profile without a name."""


def sandbox_environment(endpoint: str, region: str) -> dict[str, str]:
    """Return the variables to set.

    Profiles, shared configuration and the instance metadata service are switched off, so that no real
    credentials can be found by accident.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

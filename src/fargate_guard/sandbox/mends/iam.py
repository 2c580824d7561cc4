"""IAM: AWS's managed policies exist."""

from __future__ import annotations

from moto.core.config import default_user_config


def mend() -> None:
    """Load AWS's managed policies, which moto leaves out unless asked.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
    """
    default_user_config["iam"] = {"load_aws_managed_policies": True}

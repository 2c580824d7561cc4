"""IAM: AWS's managed policies exist."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from moto.core.config import default_user_config

from fargate_guard.sandbox.mends.override import override

if TYPE_CHECKING:
    from collections.abc import Callable


def mend() -> None:
    """Load AWS's managed policies, which moto leaves out unless asked.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
    """
    from moto.iam.models import IAMBackend

    default_user_config["iam"] = {"load_aws_managed_policies": True}
    override(IAMBackend, "_init_aws_policies", _from_documents_read_once)


@functools.cache
def _documents() -> dict[str, Any]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    documents: dict[str, Any] = json.loads(aws_managed_policies_data)
    return documents


def _from_documents_read_once(_: Callable[..., Any]) -> Callable[..., Any]:
    def _init_aws_policies(backend: Any) -> list[Any]:
        """moto reads a file of megabytes for every account and partition, anew at every start."""
        from moto.iam.models import AWSManagedPolicy

        return [
            AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, document)
            for name, document in _documents().items()
        ]

    return _init_aws_policies

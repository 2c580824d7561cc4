"""IAM: AWS's managed policies exist, and an account without IAM stays cheap.

That they exist is AWS's behaviour; how they are made, and where keys are looked for, is about speed only.
"""

from __future__ import annotations

import copy
import functools
import json
from typing import TYPE_CHECKING, Any

from moto.core.config import default_user_config

from fargate_guard.sandbox.mends.override import override
from fargate_guard.sandbox.mends.thrown_away import not_made_anew

if TYPE_CHECKING:
    from collections.abc import Callable


def mend() -> None:
    """Load AWS's managed policies, which moto leaves out unless asked.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
    """
    from moto.iam import models

    default_user_config["iam"] = {"load_aws_managed_policies": True}
    override(models.IAMBackend, "_init_aws_policies", _copies_of_policies_made_once)
    override(models.IAMBackend, "reset", not_made_anew)
    override(models, "get_account_id_from", _looking_where_keys_can_be)


@functools.cache
def _policies(region: str) -> list[Any]:
    """AWS's managed policies in a Region's partition."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data
    from moto.iam.models import AWSManagedPolicy

    documents: dict[str, Any] = json.loads(aws_managed_policies_data)
    return [AWSManagedPolicy.from_data(name, "aws", region, document) for name, document in documents.items()]


def _copies_of_policies_made_once(_: Callable[..., Any]) -> Callable[..., Any]:
    def _init_aws_policies(backend: Any) -> list[Any]:
        """Speed only: moto reads a file of megabytes for every account and partition, anew at every start.

        What is in it: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
        """
        return [_copy(policy, backend.account_id) for policy in _policies(backend.region_name)]

    return _init_aws_policies


def _copy(policy: Any, account_id: str) -> Any:
    mine = copy.copy(policy)
    mine.account_id = account_id
    mine.tags = {}
    mine.versions = [copy.copy(version) for version in policy.versions]
    return mine


def _looking_where_keys_can_be(_: Callable[..., Any]) -> Callable[..., Any]:
    def get_account_id_from(access_key: str) -> str:
        """Speed only: moto makes IAM's policies for every partition there is, to look for a key where none can be.

        A key belongs to one account, as on AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html
        """
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.iam.models import iam_backends

        for account_id, partitions in list(iam_backends.items()):
            if any(access_key in backend.access_keys for backend in list(partitions.values())):
                return account_id
        return DEFAULT_ACCOUNT_ID

    return get_account_id_from

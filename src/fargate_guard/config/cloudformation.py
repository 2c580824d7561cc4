"""How CloudFormation is driven, with ``--method cloudformation``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from fargate_guard.config.stack_set import StackSet
from fargate_guard.config.types import Strict

RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")]
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class CloudFormation(Strict):
    """What the stack is made with, where CloudFormation deploys."""

    role_arn: RoleArn | None = None
    """The role with which CloudFormation makes the resources. Default: your own permissions."""
    termination_protection: bool = True
    """Protect the stack from deletion by others; `fguard destroy` asks, then turns it off."""
    template_bucket: BucketName | None = None
    """Where a template of more than 51,200 bytes goes. Default: a bucket that fguard makes, and removes again."""
    drift_timeout: Annotated[float, Field(gt=0, le=3600)] = 120.0
    """Seconds that ``fguard status`` gives CloudFormation to look for drift."""
    stack_set: StackSet = StackSet()
    """The accounts and Regions of `fguard deploy --stack-set`."""

"""The stack that installs the macro."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard import __version__
from fargate_guard.deployment import MANAGED_BY, MANAGED_BY_TAG
from fargate_guard.errors import UsageError
from fargate_guard.macro.package import digest
from fargate_guard.package_files import package_folder
from fargate_guard.stacks.template import StackTemplate
from fargate_guard.workflows.stack_owner import StackOwner

if TYPE_CHECKING:
    from collections.abc import Mapping

MACRO_NAME = "FargateGuard"
MACRO_TAG = "fguard:macro"
"""The macro's stack carries it, with the macro's name: a deployment may be called ``macro-…``."""
MEMORY, TIMEOUT = 1024, 60
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,49}")
_FOR_EVER = 0
_LONGEST_RETENTION = 3653


@dataclass(frozen=True, slots=True)
class MacroStack:
    """What the macro's stack is made with."""

    name: str = MACRO_NAME
    """What templates write into their ``Transform``; one per account and Region."""
    memory: int = MEMORY
    """MiB."""
    timeout: int = TIMEOUT
    """Seconds."""
    ecr_repositories: tuple[str, ...] = ()
    """ARNs of the private repositories in which images may be looked up."""
    registry_secrets: tuple[str, ...] = ()
    """ARNs of the secrets with other registries' credentials."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(f"--name is {self.name!r}", fix="use up to 50 letters and digits, a letter first")
        for arns, service, flag in (
            (self.ecr_repositories, "ecr", "--ecr-repository"),
            (self.registry_secrets, "secretsmanager", "--registry-secret"),
        ):
            for arn in arns:
                if not re.fullmatch(rf"arn:aws[a-z-]*:{service}:[a-z0-9-]+:\d{{12}}:\S+", arn) or "," in arn:
                    raise UsageError(f"{flag} is {arn!r}", fix=f"give an ARN: {flag} arn:aws:{service}:…")

    @property
    def stack_name(self) -> str:
        """Name of the stack."""
        return f"fguard-macro-{self.name}"

    @property
    def owner(self) -> StackOwner:
        """Whose the stack of that name has to be."""
        return StackOwner(
            of=f"the macro {self.name}",
            tags={MANAGED_BY_TAG: MANAGED_BY, MACRO_TAG: self.name},
            rename="give the macro another name: --name NAME",
        )

    def key(self, package: bytes) -> str:
        """Where a package is in the bucket: by its contents, so that other code is another key."""
        return f"{self.stack_name}/{digest(package)}.zip"


def macro_template(
    asked: MacroStack,
    package: bytes,
    bucket: str,
    *,
    retention_days: int,
    log_key_arn: str | None,
    tags: Mapping[str, str],
) -> StackTemplate:
    """Return the template of the macro's stack, and the values that go with it."""
    days = _LONGEST_RETENTION if retention_days == _FOR_EVER else retention_days
    return StackTemplate(
        body=(package_folder("templates") / "cloudformation" / "macro.yaml").read_text(encoding="utf-8"),
        parameters={
            "MacroName": asked.name,
            "CodeBucket": bucket,
            "CodeKey": asked.key(package),
            "CodeSha256": digest(package),
            "PackageVersion": __version__,
            "MemorySize": str(asked.memory),
            "Timeout": str(asked.timeout),
            "LogRetentionDays": str(days),
            "LogKmsKeyArn": log_key_arn or "",
            "EcrRepositoryArns": ",".join(asked.ecr_repositories),
            "RegistrySecretArns": ",".join(asked.registry_secrets),
        },
        capabilities=("CAPABILITY_IAM",),
        tags={**tags, **asked.owner.tags},
    )

"""What every workflow on a deployment starts from."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fargate_guard.config import Config, load_config
from fargate_guard.deployment import DeploymentFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fargate_guard.aws.session import Aws
    from fargate_guard.workflows.observer import Observer

OnInterrupt = Literal["leave", "cancel"]
"""What a request to stop does to CloudFormation's work: go on alone, or be taken back."""
STATIC_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True, slots=True)
class TerraformChoice:
    """Which Terraform, and how long it waits for the state's lock."""

    requested: str | None = None
    """``--terraform`` or FGUARD_TERRAFORM: a path, a name, or ``embedded``."""
    lock_timeout: float = 120.0
    """Seconds; Terraform's ``-lock-timeout``."""


def _nobody_confirms(_question: str) -> bool:
    return False


def _leave(_operation: str) -> OnInterrupt:
    return "leave"


@dataclass(frozen=True, slots=True)
class StackChoice:
    """How CloudFormation is driven, and who is asked."""

    command: str = "fguard deploy"
    """The command line that is being run, for the texts that say how to go on."""
    chosen: tuple[str, ...] = ()
    """The words that choose configuration, Region and profile, for texts that name another command."""
    repair: bool = False
    """Whether a stack that is stuck may be got out of its state."""
    confirm: Callable[[str], bool] = _nobody_confirms
    """Asks whether to do what a repair takes away or leaves."""
    on_interrupt: Callable[[str], OnInterrupt] = _leave
    """Asks what becomes of an operation (``create``, ``update``…) when fguard is told to stop."""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Context:
    """One deployment as its configuration describes it, and the way to AWS."""

    config: Config
    config_file: Path
    folder: DeploymentFolder
    aws: Aws
    environ: Mapping[str, str]
    observer: Observer
    terraform: TerraformChoice = field(default_factory=TerraformChoice)
    stacks: StackChoice = field(default_factory=StackChoice)

    @property
    def region(self) -> str:
        """AWS Region of the deployment."""
        return self.aws.region

    def child_environ(self) -> dict[str, str]:
        """Return the environment for a program that asks AWS: the same account and region that boto3 uses."""
        environ = dict(self.environ) | {"AWS_REGION": self.region}
        if self.aws.profile:
            environ = {key: value for key, value in environ.items() if key not in STATIC_CREDENTIALS}
            environ["AWS_PROFILE"] = self.aws.profile
        return environ


def connect(config: Config | None, region: str | None, profile: str | None, environ: Mapping[str, str]) -> Aws:
    """Choose region and profile: flag, environment, ``fguard.yaml``, boto3's default; nothing is sent yet."""
    from fargate_guard.aws.session import Aws

    region = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if config is not None:
        region = region or config.aws.region
        if not profile and not ({"AWS_PROFILE", "AWS_ACCESS_KEY_ID"} & environ.keys()):
            profile = config.aws.profile
    return Aws(region=region, profile=profile)


def open_context(
    config_file: Path,
    *,
    region: str | None,
    profile: str | None,
    environ: Mapping[str, str],
    observer: Observer,
    terraform: TerraformChoice | None = None,
    stacks: StackChoice | None = None,
) -> Context:
    """Read the configuration and find the way to AWS.

    :raises ConfigError: when the file is missing or wrong.
    :raises RegionError: when no region is known.
    """
    config = load_config(config_file)
    aws = connect(config, region, profile, environ)
    _ = aws.region
    return Context(
        config=config,
        config_file=config_file,
        folder=DeploymentFolder.of(config_file, config.name),
        aws=aws,
        environ=environ,
        observer=observer,
        terraform=terraform or TerraformChoice(),
        stacks=stacks or StackChoice(),
    )

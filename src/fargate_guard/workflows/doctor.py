"""What this machine and account lack before a deployment can work, each with its fix."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard import __version__
from fargate_guard.config import load_config
from fargate_guard.errors import FguardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from fargate_guard.config import Config


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that a deployment needs."""

    need: str
    ok: bool
    found: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined."""

    config_file: Path
    environ: Mapping[str, str]
    region: str | None
    profile: str | None
    terraform: str | None
    """The Terraform that was asked for."""
    with_terraform: bool = True
    """Whether Terraform is to make the deployment; CloudFormation needs nothing on this machine."""


NEEDS_TERRAFORM = Diagnosis("AWS provider", ok=False, found="it is Terraform that fetches it", fix="see Terraform")


def examine(patient: Patient) -> Iterator[Diagnosis]:
    """Yield what is there and what is missing; nothing is changed."""
    yield Diagnosis("fguard", ok=True, found=f"{__version__} on Python {platform.python_version()}")
    if patient.with_terraform:
        terraform = _ask("Terraform", lambda: _terraform(patient))
        yield terraform
        yield _ask("AWS provider", lambda: _provider(patient)) if terraform.ok else NEEDS_TERRAFORM
    try:
        config = load_config(patient.config_file)
    except FguardError as error:
        yield _failed("configuration", error)
        yield _ask("AWS credentials", lambda: _credentials(patient, None))
        return
    yield Diagnosis("configuration", ok=True, found=f"{patient.config_file}: {config.name}")
    yield _ask("AWS credentials", lambda: _credentials(patient, config))
    yield _access_key(patient, config)


def _ask(need: str, question: Callable[[], str]) -> Diagnosis:
    try:
        return Diagnosis(need, ok=True, found=question())
    except FguardError as error:
        return _failed(need, error)


def _failed(need: str, error: FguardError) -> Diagnosis:
    found = "; ".join(part for part in (error.message, error.where, error.why) if part)
    return Diagnosis(need, ok=False, found=found, fix=error.fix)


def _terraform(patient: Patient) -> str:
    from fargate_guard.terraform.engine import find_engine

    engine = find_engine(patient.terraform, patient.environ)
    return f"{engine.product} {engine.version} ({engine.source}: {' '.join(engine.command)})"


def _provider(patient: Patient) -> str:
    from fargate_guard.terraform.engine import find_engine
    from fargate_guard.terraform.providers import describe_provider_source, find_provider_source

    engine = find_engine(patient.terraform, patient.environ)
    source = find_provider_source(engine, patient.environ, working_dir=patient.config_file.resolve().parent)
    if source.kind == "unavailable":
        raise FguardError(
            describe_provider_source(source),
            fix="reach the registry (HTTPS_PROXY?), or keep a mirror: "
            "terraform providers mirror ~/.terraform.d/plugins   (on a machine with network)",
        )
    return describe_provider_source(source)


def _credentials(patient: Patient, config: Config | None) -> str:
    from fargate_guard.workflows.context import connect

    identity = (aws := connect(config, patient.region, patient.profile, patient.environ)).identity()
    return f"account {identity.account_id}, region {aws.region}, as {identity.arn}"


def _access_key(patient: Patient, config: Config) -> Diagnosis:
    access_key = config.sysdig.access_key
    reference = access_key.secret_arn or access_key.parameter_arn
    if reference:
        return Diagnosis("access key", ok=True, found=f"{reference} (fguard verify looks whether it can be read)")
    if patient.environ.get(access_key.env or ""):
        return Diagnosis("access key", ok=True, found=f"in the variable {access_key.env}")
    return Diagnosis(
        "access key",
        ok=False,
        found=f"the variable {access_key.env} is not set",
        fix=f"export {access_key.env}=…   (in Sysdig Secure: Integrations > Agent Installation)",
    )

"""The Terraform root module of a deployment on disk, ready to run, and what its state says was built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.deployment import DeploymentOutputs
from fargate_guard.errors import FguardError, PreflightError
from fargate_guard.terraform.driver import Driver
from fargate_guard.terraform.engine import find_engine
from fargate_guard.terraform.providers import describe_provider_source, find_provider_source
from fargate_guard.terraform.root_module import BACKEND_FILE
from fargate_guard.workflows.access_key import known_access_key
from fargate_guard.workflows.module import render_module

if TYPE_CHECKING:
    from fargate_guard.workflows.context import Context

S3_LOCK_FILE = (1, 10, 0)
"""First Terraform that locks a state in S3 with a lock file
(https://developer.hashicorp.com/terraform/language/backend/s3#state-locking)."""


class NotDeployed(FguardError):  # noqa: N818 - what it is, not an error of anything
    """There is nothing to look at."""


def open_driver(context: Context) -> Driver:
    """Find Terraform and return a driver in the folder of the rendered module.

    :raises PreflightError: when there is none that fits.
    """
    engine = find_engine(context.terraform.requested, context.environ)
    if context.config.state and engine.release < S3_LOCK_FILE:
        raise PreflightError(
            f"{engine.product} {engine.version} cannot lock a state in S3",
            where=" ".join(engine.command),
            why="the lock file came with 1.10",
            fix="install a newer one, name it with --terraform, or remove `state` from the configuration",
        )
    return Driver(
        context.folder.module,
        engine=engine,
        environ=context.child_environ(),
        run_log_dir=context.folder.logs,
        observer=context.observer.terraform,
        lock_timeout=context.terraform.lock_timeout,
        withhold=secret_variables(context),
    )


def secret_variables(context: Context) -> list[str]:
    """Return the variables that are no other program's business: the access key, and Sysdig's API tokens."""
    from fargate_guard.sysdig.token import VARIABLES

    sysdig = context.config.sysdig
    configured = sysdig.api.token.env if sysdig.api.token is not None else None
    return [name for name in (sysdig.access_key.env, configured, *VARIABLES) if name]


def initialise(context: Context, driver: Driver) -> None:
    """Run ``terraform init`` on the module in the deployment's folder, with its state's backend."""
    source = find_provider_source(driver.engine, context.environ, working_dir=context.folder.module)
    provider = describe_provider_source(source)
    engine = f"{driver.engine.product} {driver.engine.version} ({driver.engine.source})"
    context.observer.note(f"{engine}; AWS provider {provider}")
    backend = (context.folder.module / BACKEND_FILE,) if context.config.state else ()
    driver.init(backend_config=backend, plugin_dir=source.plugin_dir)


def open_deployed_module(context: Context) -> Driver:
    """Use the module as it was last deployed; render it where there is none (another machine, state in S3).

    :raises NotDeployed: when there is neither a module nor a state elsewhere.
    """
    rendered = any(context.folder.module.glob("*.tf"))
    if not rendered and context.config.state is None:
        raise not_deployed(context)
    driver = open_driver(context)
    if not rendered:
        context.folder.create()
        render_module(context, access_key_value_from=known_access_key(context)).write(context.folder.module)
    initialise(context, driver)
    return driver


def outputs_of(context: Context, driver: Driver) -> DeploymentOutputs:
    """Return the outputs of an initialised module.

    :raises NotDeployed: when nothing, or not everything, is deployed.
    """
    outputs = complete_outputs(driver)
    if outputs is None:
        raise not_deployed(context)
    return outputs


def complete_outputs(driver: Driver) -> DeploymentOutputs | None:
    """Return the outputs of an initialised module; None where nothing, or not everything, is deployed."""
    return DeploymentOutputs.of(driver.outputs())


def not_deployed(context: Context) -> NotDeployed:
    """Return the error for a deployment that is not there."""
    return NotDeployed(
        f"{context.config.name} is not deployed, or not completely",
        where=str(context.folder.path),
        fix="run `fguard deploy`; a state in S3 is found with the same `state` in fguard.yaml",
    )

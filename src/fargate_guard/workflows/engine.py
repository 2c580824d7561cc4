"""Terraform, ready to run on one deployment's root module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.errors import PreflightError
from fargate_guard.terraform.driver import Driver
from fargate_guard.terraform.engine import find_engine

if TYPE_CHECKING:
    from fargate_guard.workflows.context import Context

S3_LOCK_FILE = (1, 10, 0)
"""First Terraform that locks a state in S3 with a lock file
(https://developer.hashicorp.com/terraform/language/backend/s3#state-locking)."""


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
        environ=context.terraform_environ(),
        run_log_dir=context.folder.logs,
        observer=context.observer.terraform,
        lock_timeout=context.terraform.lock_timeout,
        withhold=[variable for variable in (context.config.sysdig.access_key.env,) if variable],
    )

"""The ways in which a run of Terraform fails, one class for each that a caller may want to tell apart."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.errors import FguardError

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.terraform.diagnostics import Diagnostic
    from fargate_guard.terraform.engine import Engine
    from fargate_guard.terraform.lock import StateLock


class TerraformError(FguardError):
    """Terraform failed; ``diagnostics`` holds all it said."""

    def __init__(
        self,
        message: str,
        *,
        failed: FailedRun,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
    ) -> None:
        """Describe the failure; see :class:`fargate_guard.errors.FguardError`."""
        super().__init__(message, where=where, why=why, fix=fix)
        self.diagnostics = failed.diagnostics
        self.log = failed.log
        self.returncode = failed.returncode
        self.completed = failed.completed


class StateLockedError(TerraformError):
    """Somebody else holds the state's lock."""

    lock: StateLock | None = None


class StalePlanError(TerraformError):
    """The state changed after the plan was made; Terraform refuses to apply it."""


class ProviderUnavailableError(TerraformError):
    """The provider could be had neither from the registry nor from a mirror."""


class DiskFullError(TerraformError):
    """No space, or a file size limit."""


class StateTooNewError(TerraformError):
    """A newer Terraform wrote the state."""


class StateDamagedError(TerraformError):
    """The state file is not readable: cut off, or edited by hand."""


class StateNotSavedError(TerraformError):
    """The run changed something but could not save the state; it lies in ``errored.tfstate``."""


class BackendChangedError(TerraformError):
    """The state would have to move, or be left behind; fguard does neither unasked."""


class NotInitializedError(TerraformError):
    """``init`` has not been run, or not since the configuration changed."""


class CredentialsMissingError(TerraformError):
    """No AWS credentials were found."""


class CredentialsExpiredError(TerraformError):
    """The AWS credentials are no longer, or not at all, valid."""


class AccessDeniedError(TerraformError):
    """The credentials may not do this."""


class QuotaExceededError(TerraformError):
    """A service quota of the account is used up."""


class ThrottledError(TerraformError):
    """AWS slowed the calls down for longer than the provider's retries last."""


class TerraformCrashedError(TerraformError):
    """Terraform itself panicked."""


class TerraformKilledError(TerraformError):
    """Something ended Terraform by force, e.g. the kernel for want of memory."""


@dataclass(frozen=True, slots=True)
class FailedRun:
    """All that is known about a run that failed."""

    engine: Engine
    working_dir: Path
    command: str
    returncode: int
    diagnostics: tuple[Diagnostic, ...]
    last_lines: tuple[str, ...]
    """The end of what it wrote besides diagnostics, oldest first."""
    log: Path | None
    completed: tuple[str, ...] = ()
    """Addresses of the resources that were finished before the failure."""

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that are no warnings."""
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.is_error)

    @property
    def text(self) -> str:
        """Everything to look for a cause in."""
        return "\n\n".join([*(diagnostic.text for diagnostic in self.errors), "\n".join(self.last_lines)])

    def shell(self, *arguments: str) -> str:
        """The command for a user's shell that runs this engine on this deployment."""
        return shlex.join([*self.engine.command, f"-chdir={self.working_dir}", *arguments])

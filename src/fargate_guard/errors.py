"""What fguard says when it cannot go on: one block with what, where, why and the fix."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command; listed in ``--help`` and in the JSON output."""

    DONE = 0
    FAILED = 1
    CHANGES_PENDING = 2
    VERIFICATION_FAILED = 3
    PREFLIGHT_REFUSED = 4
    ROLLED_BACK = 5
    WRONG_USAGE = 64
    INTERRUPTED = 130
    NOBODY_READS = 141
    """As a shell tells of a program that SIGPIPE ended: the other end of the pipe was closed."""
    TERMINATED = 143


class FguardError(Exception):
    """Something went wrong that a user can act on.

    Raised where the fact is known and formatted once, by the command line.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
        exit_code: ExitCode | None = None,
    ) -> None:
        """Describe the failure.

        :param message: what happened, one sentence.
        :param where: to what: a file and JSON path, a Terraform address, an ARN.
        :param why: the cause, in the words of whoever knows it (AWS, Terraform, the file).
        :param fix: the next command to run or the line to change.
        :param exit_code: overrides the class's own.
        """
        super().__init__(message)
        self.message = message
        self.where = where
        self.why = why
        self.fix = fix
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(FguardError):
    """The command line or the configuration cannot be understood; nothing was done."""

    exit_code = ExitCode.WRONG_USAGE


class PreflightError(FguardError):
    """What was asked would not work or would harm; refused before anything changed."""

    exit_code = ExitCode.PREFLIGHT_REFUSED


class Interrupted(FguardError):  # noqa: N818 - the field's word for it
    """The user (or the CI system) asked fguard to stop, and it stopped cleanly."""

    exit_code = ExitCode.INTERRUPTED

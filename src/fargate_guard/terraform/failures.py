"""Why a run failed, in terms a user can act on: each known cause is an error class with its fix."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

from fargate_guard.terraform import aws_failures
from fargate_guard.terraform.errors import (
    AccessDeniedError,
    BackendChangedError,
    CredentialsExpiredError,
    CredentialsMissingError,
    DiskFullError,
    FailedRun,
    NotInitializedError,
    ProviderUnavailableError,
    QuotaExceededError,
    StalePlanError,
    StateDamagedError,
    StateLockedError,
    StateNotSavedError,
    StateTooNewError,
    TerraformCrashedError,
    TerraformError,
    TerraformKilledError,
    ThrottledError,
)
from fargate_guard.terraform.lock import parse_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fargate_guard.terraform.diagnostics import Diagnostic

PANIC_EXIT_CODES = {2, 11}
"""A Go program that panics exits with 2; Terraform's own crash handler with 11."""

ERRORED_STATE = "errored.tfstate"
"""Where Terraform rescues the state when it could not be saved."""


SHOWN_ERRORS = 4
"""Errors shown in full beside the first."""

_ALREADY_EXISTS = (
    "if it is yours, give the deployment another `name`; if an interrupted run left it (its tag fguard:deployment "
    "says so), delete it or run `fguard destroy`, which names what is left and how to remove it, and run it again"
)


def explain(run: FailedRun) -> TerraformError:
    """The most specific error for a failed run."""
    if run.returncode < 0:
        return _killed(run)
    if (run.working_dir / ERRORED_STATE).exists():
        return state_not_saved(run)
    for pattern, describe in _CAUSES:
        if (match := pattern.search(run.text)) is not None:
            return describe(run, match)
    if run.returncode in PANIC_EXIT_CODES and not run.errors:
        return _crashed(run)
    return _unknown(run)


def _culprit(run: FailedRun, pattern: re.Pattern[str]) -> Diagnostic | None:
    return next((diagnostic for diagnostic in run.errors if pattern.search(diagnostic.text)), None)


def _where(run: FailedRun, match: re.Match[str]) -> str:
    diagnostic = _culprit(run, match.re)
    place = (diagnostic.address or diagnostic.source) if diagnostic is not None else None
    return place or str(run.working_dir)


def _sentence(run: FailedRun, match: re.Match[str]) -> str:
    """The paragraph in which the cause was found, on one line."""
    text = run.text
    start = max(text.rfind("\n\n", 0, match.start()), 0)
    end = text.find("\n\n", match.end())
    return " ".join(text[start : end if end >= 0 else None].split())


def _locked(run: FailedRun, match: re.Match[str]) -> TerraformError:
    lock = parse_lock(run.text)
    if lock is None:
        return StateLockedError(
            "The state's lock could not be had.",
            failed=run,
            where=_where(run, match),
            why=run.errors[0].detail.split("\n\n", maxsplit=1)[0] if run.errors else _sentence(run, match),
            fix="run the same command again when the other run has ended",
        )
    error = StateLockedError(
        f"The state is locked by {lock.who} since {lock.created}.",
        failed=run,
        where=lock.path or str(run.working_dir),
        why=f"{lock.operation} is running there (Terraform {lock.version}, lock ID {lock.id})",
        fix=f"wait for it to end (--lock-timeout waits longer); only if that run is certainly dead: "
        f"{run.shell('force-unlock', lock.id)}",
    )
    error.lock = lock
    return error


def _stale(run: FailedRun, _match: re.Match[str]) -> TerraformError:
    return StalePlanError(
        "The plan is out of date and was not applied.",
        failed=run,
        where=str(run.working_dir),
        why="the state was changed by another run after this plan was made",
        fix="plan again, look at the new plan and apply that one",
    )


def _no_provider(run: FailedRun, match: re.Match[str]) -> TerraformError:
    return ProviderUnavailableError(
        "A Terraform provider could not be obtained.",
        failed=run,
        where=_where(run, match),
        why=run.errors[0].detail.split("\n\n", maxsplit=1)[0] if run.errors else _sentence(run, match),
        fix="allow HTTPS to registry.terraform.io (or set HTTPS_PROXY); without network, put the provider into a "
        "mirror: `terraform providers mirror ~/.terraform.d/plugins` where there is one, and copy that folder",
    )


def disk_full(run: FailedRun, why: str) -> TerraformError:
    """The error about a lack of space."""
    return DiskFullError(
        "There is no space left to write to.",
        failed=run,
        where=str(run.working_dir),
        why=why,
        fix=f"free space in {run.working_dir} and in the temporary folder, then run the same command again",
    )


def _too_new(run: FailedRun, match: re.Match[str]) -> TerraformError:
    return StateTooNewError(
        "The state was written by a newer Terraform.",
        failed=run,
        where=str(run.working_dir),
        why=_sentence(run, match),
        fix=f"use that version or a later one (--terraform PATH); this is {run.engine.name}",
    )


def _damaged(run: FailedRun, match: re.Match[str]) -> TerraformError:
    backup = run.working_dir / "terraform.tfstate.backup"
    return StateDamagedError(
        "The state file is damaged.",
        failed=run,
        where=str(run.working_dir / "terraform.tfstate"),
        why=_sentence(run, match),
        fix=f"restore it from a backup ({backup} is from before the last run); what was created since is "
        f"listed with its IDs in the run logs, for `{run.shell('import', 'ADDRESS', 'ID')}`",
    )


def state_not_saved(run: FailedRun) -> TerraformError:
    """The error about an ``errored.tfstate``."""
    file = run.working_dir / ERRORED_STATE
    if not _is_json(file):
        return StateNotSavedError(
            "What was done could not be saved in the state, and the rescued state is incomplete.",
            failed=run,
            where=str(file),
            why=_why_not_saved(run),
            fix=f"free space; what was created is listed with its IDs in {run.log}, for "
            f"`{run.shell('import', 'ADDRESS', 'ID')}`. Do not deploy before.",
        )
    return StateNotSavedError(
        "What was done could not be saved in the state.",
        failed=run,
        where=str(file),
        why=f"{_why_not_saved(run)}; Terraform rescued the state into that file, and without it the next run "
        "creates everything again",
        fix=f"mend what kept it from being saved, then: {run.shell('state', 'push', str(file))} "
        f"and delete {file} when that succeeded. Do not deploy before.",
    )


def _why_not_saved(run: FailedRun) -> str:
    failed = (error for error in run.errors if "state" in error.summary.lower() and error.detail)
    return next((error.detail.splitlines()[0].rstrip(".") for error in failed), "the state could not be written")


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _backend_changed(run: FailedRun, match: re.Match[str]) -> TerraformError:
    return BackendChangedError(
        "The place of the state was changed in the configuration.",
        failed=run,
        where=str(run.working_dir),
        why=_sentence(run, match),
        fix=f"put the former `state:` back, or move the state once: {run.shell('init', '-migrate-state')}",
    )


def _not_initialized(run: FailedRun, match: re.Match[str]) -> TerraformError:
    return NotInitializedError(
        "Terraform has to be initialised here first.",
        failed=run,
        where=str(run.working_dir),
        why=_sentence(run, match),
        fix=f"run fguard plan or deploy, or by hand: {run.shell('init')}",
    )


def _credentials_missing(run: FailedRun, match: re.Match[str]) -> TerraformError:
    return CredentialsMissingError(
        "No AWS credentials were found.",
        failed=run,
        where=_where(run, match),
        why=_sentence(run, match),
        fix="sign in (`aws sso login`, `aws configure`) or set AWS_PROFILE; `aws sts get-caller-identity`",
    )


def _credentials_expired(run: FailedRun, match: re.Match[str]) -> TerraformError:
    return CredentialsExpiredError(
        "AWS does not accept the credentials.",
        failed=run,
        where=_where(run, match),
        why=_sentence(run, match),
        fix="sign in again (`aws sso login`, or new session keys); check with `aws sts get-caller-identity`",
    )


def _access_denied(run: FailedRun, match: re.Match[str]) -> TerraformError:
    sentence = _sentence(run, match)
    action = aws_failures.denied_action(sentence)
    return AccessDeniedError(
        f"AWS denied {action}." if action else "AWS denied a call.",
        failed=run,
        where=_where(run, match),
        why=sentence,
        fix=f"allow {action or 'that action'} to the role or user that deploys, then run the same command again",
    )


def _quota(run: FailedRun, match: re.Match[str]) -> TerraformError:
    sentence = _sentence(run, match)
    quota = aws_failures.quota_for(match[1], sentence)
    return QuotaExceededError(
        f"An AWS quota is used up: {quota.name}.",
        failed=run,
        where=_where(run, match),
        why=sentence,
        fix=f"remove what is not needed, or raise the quota: {quota.request_command}",
    )


def _throttled(run: FailedRun, match: re.Match[str]) -> TerraformError:
    return ThrottledError(
        "AWS throttled the calls for too long.",
        failed=run,
        where=_where(run, match),
        why=_sentence(run, match),
        fix="run the same command again; what is done is not repeated. If it stays so, set "
        "TF_CLI_ARGS_apply=-parallelism=2",
    )


def _crashed(run: FailedRun, _match: re.Match[str] | None = None) -> TerraformError:
    return TerraformCrashedError(
        "Terraform crashed.",
        failed=run,
        where=str(run.log or run.working_dir),
        why="\n".join(run.last_lines[-8:]) or f"exit code {run.returncode} without a message",
        fix="run the same command again; if it crashes again, try another version with --terraform PATH and "
        "report the crash to Terraform or to the provider it names",
    )


def _killed(run: FailedRun) -> TerraformError:
    number = -run.returncode
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    memory = " (often the kernel, for want of memory)" if number == signal.SIGKILL else ""
    rescued = (run.working_dir / ERRORED_STATE).exists()
    push = f" First save the rescued state: {run.shell('state', 'push', ERRORED_STATE)}." if rescued else ""
    return TerraformKilledError(
        f"Terraform was ended by {name}{memory}.",
        failed=run,
        where=str(run.log or run.working_dir),
        why="\n".join(run.last_lines[-5:]) or "it left no last words",
        fix="the state may still be locked and may lack the resources in flight: run the same command again; it "
        f"tells how to unlock when that is needed.{push}",
    )


def _unknown(run: FailedRun) -> TerraformError:
    if not run.errors:
        return TerraformError(
            f"terraform {run.command} failed with exit code {run.returncode}.",
            failed=run,
            where=str(run.log or run.working_dir),
            why="\n".join(run.last_lines[-8:]) or None,
        )
    first, *others = run.errors
    more = f" (and {len(others)} more)" if others else ""
    told = [first.detail, _source_line(first)]
    told += [line for one in others[:SHOWN_ERRORS] for line in (f"{one.address or ''} {one.summary}", one.detail)]
    return TerraformError(
        f"{first.summary}{more}",
        failed=run,
        where=first.address or first.source or str(run.working_dir),
        why="\n".join(line.strip() for line in told if line) or None,
        fix=_ALREADY_EXISTS if "already exists" in first.text else f"mend it and run it again; the log: {run.log}",
    )


def _source_line(diagnostic: Diagnostic) -> str:
    return f"in {diagnostic.source}: {diagnostic.code or ''}" if diagnostic.source else ""


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_CAUSES: tuple[tuple[re.Pattern[str], Callable[[FailedRun, re.Match[str]], TerraformError]], ...] = (
    (
        _pattern(r"no space left on device|disk quota exceeded|file too large"),
        lambda run, match: disk_full(run, _sentence(run, match)),
    ),
    (_pattern(r"state file could not be parsed|does not have a \"version\" attribute"), _damaged),
    (
        _pattern(
            r"state file uses format version|"
            r"state snapshot was created by .{1,80} newer|created by a newer version"
        ),
        _too_new,
    ),
    (
        _pattern(
            r"ExpiredToken\w*|token .{0,40}expired|InvalidClientTokenId|SSO session .{0,40}expired|"
            r"InvalidGrantException|SignatureDoesNotMatch|AuthFailure\b|UnrecognizedClient\w*"
        ),
        _credentials_expired,
    ),
    (
        _pattern(
            r"no valid credential sources?( for .{0,60})? found|NoCredentialProviders|"
            r"failed to refresh cached credentials|no EC2 IMDS role found|failed to get shared config profile"
        ),
        _credentials_missing,
    ),
    (aws_failures.QUOTA, _quota),
    (aws_failures.DENIED, _access_denied),
    (_pattern(r"error acquiring the state lock|state lock"), _locked),
    (_pattern(r"saved plan is stale"), _stale),
    (
        _pattern(
            r"failed to query available provider packages|failed to install provider|"
            r"could not connect to registry|"
            r"no available releases match|provider registry .{1,80} does not have a provider"
        ),
        _no_provider,
    ),
    (
        _pattern(
            r"backend initialization required|module not installed|inconsistent dependency lock file|"
            r"required plugins are not installed|please run \"(terraform|tofu) init\""
        ),
        _not_initialized,
    ),
    (
        _pattern(r"backend configuration (block )?(has )?changed|state migration|backend type changed"),
        _backend_changed,
    ),
    (aws_failures.THROTTLED, _throttled),
    (_pattern(r"^panic: |TERRAFORM CRASH|^goroutine \d+ |plugin did not respond|runtime error: "), _crashed),
)

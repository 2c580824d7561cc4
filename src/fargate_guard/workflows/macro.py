"""The CloudFormation macro in an account: installed, looked at, removed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fargate_guard import __version__
from fargate_guard.errors import ExitCode, FguardError, PreflightError, UsageError
from fargate_guard.macro.package import InstalledPackage, build, describe, digest
from fargate_guard.macro.settings import MacroSettings
from fargate_guard.taskdef import TaskDefinitionError
from fargate_guard.workflows.macro_stack import MacroStack, macro_template
from fargate_guard.workflows.macro_users import defines_macro, stacks_with
from fargate_guard.workflows.stack_owner import refuse_foreign, refuse_foreign_removal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.stacks.change_set import StackPlan
    from fargate_guard.stacks.states import Stack
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.instrumentation import FileSettings
    from fargate_guard.workflows.observer import Approver


@dataclass(frozen=True, slots=True)
class Installed:
    """The macro after ``fguard macro deploy``."""

    changed: bool
    outputs: Mapping[str, str]
    """Of the stack."""


@dataclass(frozen=True, slots=True)
class MacroStatus:
    """What is installed, and how it compares with what would be."""

    stack: Stack
    package: InstalledPackage | None
    """As the package in the bucket says; None where it is gone."""
    installed_sha256: str | None
    """Of the function's code; None where there is no function."""
    wanted_sha256: str | None
    """Of the package that would be installed now; None where the settings for it are not known."""
    differences: tuple[str, ...]
    """Why the two are not the same, in words."""

    @property
    def tampered(self) -> bool:
        """Whether the function runs other code than the stack installed."""
        return self.installed_sha256 != self.stack.outputs.get("CodeSha256")

    @property
    def current(self) -> bool | None:
        """Whether the function runs what would be installed now; None where that is not known."""
        return None if self.wanted_sha256 is None else self.installed_sha256 == self.wanted_sha256


def build_package(settings: FileSettings | None, *, image_lookup: bool, strict: bool) -> bytes:
    """Return the Lambda package for these settings.

    :param settings: None: every template gives its own, in the transform's parameters.
    :raises UsageError: digests are to be pinned, and nothing may look them up.
    """
    common = settings.common if settings else None
    if common is not None and common.pin_digests and not image_lookup:
        raise UsageError(
            "pinning digests needs the images to be looked up",
            fix="add --image-lookup, or leave out --pin-digests",
        )
    present = settings.where_present if settings else ()
    return build(MacroSettings.of(common, present, image_lookup=image_lookup, strict=strict))


def install(context: Context, asked: MacroStack, package: bytes, approve: Approver) -> Installed:
    """Plan, ask, and install or update the macro; before the answer nothing is made but a change set.

    :raises PreflightError: when the stack is stuck and no repair was asked for, or is another's.
    :raises FguardError: as the stack operations do.
    """
    from fargate_guard.aws import cloudformation
    from fargate_guard.workflows.stack_operation import plan_stack, withdraw_unexecuted

    config, bucket = context.config, _bucket_name(context)
    template = macro_template(
        asked,
        package,
        bucket,
        retention_days=config.logs.retention_days,
        log_key_arn=config.logs.kms_key_arn,
        tags=config.tags,
    )
    plan = plan_stack(context, asked.stack_name, template, owner=asked.owner)
    before: Stack | None = None
    try:
        before = cloudformation.find_stack(context.aws, asked.stack_name)
        if plan.has_changes and not approve(plan):
            raise FguardError("the macro was not installed", why="the plan was not approved")
        _carry_out(context, asked, package, bucket, plan, template.body)
    except BaseException:
        if plan.has_changes:
            withdraw_unexecuted(context, plan)
        _take_package_back(context, asked, package, bucket, before)
        raise
    stack = cloudformation.find_stack(context.aws, asked.stack_name)
    outputs = stack.outputs if stack else {}
    _verify(context, asked, outputs, package)
    return Installed(plan.has_changes, outputs)


def _carry_out(
    context: Context, asked: MacroStack, package: bytes, bucket: str, plan: StackPlan, body: str
) -> None:
    """Upload the package (also where nothing else changes: it may be gone), and execute the plan."""
    from fargate_guard.aws import lambda_package
    from fargate_guard.workflows.stack_operation import execute_stack

    _make_bucket(context, bucket)
    lambda_package.upload_package(context.aws, bucket, asked.key(package), package)
    execute_stack(context, plan, body=body)


def _take_package_back(
    context: Context, asked: MacroStack, package: bytes, bucket: str, before: Stack | None
) -> None:
    """Remove the package where nothing can refer to it: neither the stack as it is nor what it may go back to."""
    from fargate_guard.aws import cloudformation
    from fargate_guard.workflows.stack_uploads import remove_uploads, take_upload_back

    try:
        stack = cloudformation.find_stack(context.aws, asked.stack_name)
        if stack is None or stack.is_gone:
            remove_uploads(context, asked.stack_name)
        elif (
            before is not None
            and (stack.updated, stack.status) == (before.updated, before.status)
            and before.outputs.get("CodeKey") != asked.key(package)
        ):
            take_upload_back(context, bucket, asked.key(package))
    except FguardError as error:
        place = f"s3://{bucket}/{asked.key(package)}"
        context.observer.warning(f"{error.message}\nthe package may be left: aws s3 rm {place}")


def _verify(context: Context, asked: MacroStack, outputs: Mapping[str, str], package: bytes) -> None:
    """The function runs the package: CloudFormation sees no change in code that was changed outside it."""
    from fargate_guard.aws import lambda_package

    function = outputs.get("FunctionName", "")
    removal = ("fguard", "macro", "destroy", *context.stacks.chosen, "--name", asked.name, "--even-if-used")
    if lambda_package.installed_sha256(context.aws, function) != digest(package):
        raise FguardError(
            "the macro's function does not run the package that was installed",
            where=function,
            why="its code was changed outside its stack, or it was deleted; CloudFormation does not see that",
            fix=f"install it anew: {shlex.join(removal)}\nthen: {context.stacks.command}",
            exit_code=ExitCode.VERIFICATION_FAILED,
        )


def uninstall(context: Context, asked: MacroStack, approve: Approver, *, even_if_used: bool) -> tuple[str, ...]:
    """Remove the macro and its packages; returns the logical IDs of what is gone, none where it is not installed.

    What CloudFormation is doing with its stack is followed first, be it a deletion that an earlier run began.

    :raises PreflightError: when stacks use it: they could not be updated any more.
    """
    from fargate_guard.aws import cloudformation
    from fargate_guard.workflows.stack_operation import removal_plan, remove_stack
    from fargate_guard.workflows.stack_repair import followed
    from fargate_guard.workflows.stack_uploads import remove_uploads

    there = cloudformation.find_stack(context.aws, asked.stack_name)
    refuse_foreign_removal(context, there, asked.owner)
    stack = followed(context, there)
    if stack is None or stack.is_gone:
        if there is not None and not there.is_gone:
            remove_uploads(context, asked.stack_name)
        return ()
    if not even_if_used:
        _refuse_while_used(context, asked, stack)
    plan: StackPlan = removal_plan(context, stack)
    if not approve(plan):
        raise FguardError("the macro was not removed", why="it was not approved")
    return remove_stack(context, stack)


def _refuse_while_used(context: Context, asked: MacroStack, stack: Stack) -> None:
    users = list(stacks_with(context.aws, asked.name)) if defines_macro(context.aws, stack) else []
    if users:
        raise PreflightError(
            f"{_count(len(users), 'stack uses', 'stacks use')} the macro {asked.name}: {', '.join(users[:10])}",
            where=f"stack {asked.stack_name}",
            why="without it CloudFormation can neither update them nor roll them back to these templates",
            fix="take the transform out of their templates first; or remove it all the same:"
            f" {context.stacks.command} --even-if-used",
        )


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def look(context: Context, asked: MacroStack, package: Callable[[], bytes]) -> MacroStatus | None:
    """Tell what is installed; None where nothing is.

    :param package: builds what would be installed now.
    """
    from fargate_guard.aws import lambda_package

    stack = _found(context, asked)
    if stack is None or stack.is_in_review:
        return None
    outputs = stack.outputs
    content = None
    if {"CodeBucket", "CodeKey"} <= outputs.keys():
        content = lambda_package.download_package(context.aws, outputs["CodeBucket"], outputs["CodeKey"])
    there = describe(content) if content is not None else None
    function = outputs.get("FunctionName", asked.stack_name)
    installed = lambda_package.installed_sha256(context.aws, function)
    try:
        wanted = package()
    except (FguardError, TaskDefinitionError) as error:
        return MacroStatus(stack, there, installed, None, (f"the settings are not complete: {error.message}",))
    status = MacroStatus(stack, there, installed, digest(wanted), ())
    return replace(status, differences=tuple(_differences(status, describe(wanted))))


def _found(context: Context, asked: MacroStack) -> Stack | None:
    from fargate_guard.aws import cloudformation

    stack = cloudformation.find_stack(context.aws, asked.stack_name)
    refuse_foreign(stack, asked.owner)
    return None if stack is None or stack.is_gone else stack


def _differences(status: MacroStatus, wanted: InstalledPackage) -> list[str]:
    if status.installed_sha256 is None:
        return ["there is no function"]
    told = ["the function's code was changed outside its stack"] if status.tampered else []
    if status.current or status.package is None:
        return told
    if status.package.version != wanted.version:
        told.append(f"version {status.package.version} is installed, and this is {wanted.version}")
    before, after = _flat(status.package.settings), _flat(wanted.settings)
    told += [
        f"{name}: {before.get(name, 'not set')} is installed, {after.get(name, 'not set')} is wanted"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    return told or [f"its code is another build of {__version__}"]


def _flat(settings: MacroSettings) -> dict[str, Any]:
    document = settings.document()
    return {**document.pop("agent"), **document}


def _bucket_name(context: Context) -> str:
    """The bucket for the package: the one for templates.

    :raises PreflightError: when the configured one is not there.
    """
    from fargate_guard.aws import template_bucket

    bucket = context.config.cloudformation.template_bucket
    if bucket is None:
        return template_bucket.own_bucket_name(context.aws)
    template_bucket.require_bucket(context.aws, bucket)
    return bucket


def _make_bucket(context: Context, bucket: str) -> None:
    """Make fguard's own bucket; one that is configured is there."""
    from fargate_guard.aws import template_bucket

    if context.config.cloudformation.template_bucket is not None:
        return
    if not template_bucket.own_bucket_exists(context.aws):
        context.observer.note(f"making the bucket {bucket} for the package (private, encrypted; removed with it)")
    template_bucket.make_own_bucket(context.aws, context.config.tags)

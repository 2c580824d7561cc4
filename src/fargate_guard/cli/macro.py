"""``fguard macro build | deploy | status | destroy``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fargate_guard.cli.agent_options import AgentOptions
from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.command_line import command_line as line_for
from fargate_guard.cli.macro_options import (
    DEFAULT_NAME,
    FunctionOptions,
    NameOption,
    PackageOptions,
    command_line,
    open_context,
)
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.cli.plan_view import PlanApproval
from fargate_guard.cli.terraform_options import OnInterruptOption, RepairOption, YesOption, stack_choice
from fargate_guard.errors import ExitCode

if TYPE_CHECKING:
    from fargate_guard.workflows.macro import MacroStatus

macro = typer.Typer(
    name="macro",
    help="The CloudFormation macro, for pipelines that must not run fguard: Transform: FargateGuard.",
    rich_markup_mode=None,
)


@command("build", example="fguard macro build --without-settings -o fguard-macro.zip", group=macro, schema="macro")
@with_option_groups
def build(
    run: Invocation,
    package: PackageOptions,
    agent: AgentOptions,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The Lambda package to write.")
    ] = Path("fguard-macro.zip"),
) -> Result:
    """Make the Lambda package: the same bytes for the same version and settings, without third-party code."""
    from fargate_guard.macro.package import HANDLER, digest

    content = package.package(run, agent)
    output.write_bytes(content)
    sha256 = digest(content)
    text = f"Wrote {output}: {len(content):,} bytes, handler {HANDLER}, SHA-256 {sha256}"
    return Result({"package": str(output), "bytes": len(content), "sha256": sha256, "handler": HANDLER}, text)


@command("deploy", example="fguard macro deploy -c examples/macro/fguard.yaml --yes", group=macro, schema="macro")
@with_option_groups
def deploy(
    run: Invocation,
    given: typer.Context,
    package: PackageOptions,
    function: FunctionOptions,
    agent: AgentOptions,
    name: NameOption = DEFAULT_NAME,
    yes: YesOption = False,
    repair: RepairOption = False,
    on_interrupt: OnInterruptOption = None,
) -> Result:
    """Install or update the macro: function, role, log group; in a stack of its own.

    What CloudFormation is still doing with that stack is followed first.
    """
    from fargate_guard.workflows.macro import install

    stacks = stack_choice(run, repair=repair, yes=yes, on_interrupt=on_interrupt)
    stacks = replace(stacks, command=command_line(given, "macro deploy"))
    context, asked = open_context(run, stacks), function.stack(name)
    content = package.package(run, agent)
    approval = PlanApproval(run.screen, f"Install the macro {name}?", assume_yes=yes)
    done = install(context, asked, content, approval)
    what = "is installed" if done.changed else "was installed like this already"
    text = f"The macro {name} {what}. Templates use it with\n\n  Transform: {name}"
    document = {"name": name, "stack": asked.stack_name, "changed": done.changed, "outputs": dict(done.outputs)}
    return Result(document, text)


@command("status", example="fguard macro status -c examples/macro/fguard.yaml", group=macro, schema="macro")
@with_option_groups
def status(
    run: Invocation,
    given: typer.Context,
    package: PackageOptions,
    agent: AgentOptions,
    name: NameOption = DEFAULT_NAME,
) -> Result:
    """Tell which version and settings are installed, and whether that is what would be installed now.

    Exit 1 when the macro is not installed, 2 when it is not current.
    """
    from fargate_guard.stacks.states import Repair
    from fargate_guard.workflows.macro import look

    seen = look(open_context(run), FunctionOptions().stack(name), lambda: package.package(run, agent))
    if seen is None:
        return Result({"name": name, "installed": False}, f"The macro {name} is not installed.", ExitCode.FAILED)
    current = seen.current and not seen.tampered
    code = ExitCode.CHANGES_PENDING if seen.tampered or seen.current is False else ExitCode.DONE
    document = {
        "name": name,
        "installed": True,
        "stack": seen.stack.name,
        "stack_status": seen.stack.status,
        "stuck": seen.stack.stuck.meaning if seen.stack.stuck else None,
        "version": seen.package.version if seen.package else seen.stack.outputs.get("PackageVersion"),
        "settings": seen.package.settings.document() if seen.package else None,
        "sha256": seen.installed_sha256,
        "current": None if seen.current is None and not seen.tampered else current,
        "differences": list(seen.differences),
    }
    repair = f"{command_line(given, 'macro deploy')} --repair"
    if seen.stack.stuck and seen.stack.stuck.repair is Repair.RETAIN:
        removal = line_for(run, "macro destroy", "--name", name, "--repair")
        repair = f"go on with its removal: {removal}; or install it again: {repair}"
    return Result(document, _status_text(name, seen, repair), code)


@command(
    "destroy", example="fguard macro destroy -c examples/macro/fguard.yaml --yes", group=macro, schema="macro"
)
def destroy(
    run: Invocation,
    given: typer.Context,
    name: NameOption = DEFAULT_NAME,
    yes: YesOption = False,
    even_if_used: Annotated[
        bool, typer.Option("--even-if-used", help="Also when stacks of this account use the macro.")
    ] = False,
    repair: RepairOption = False,
    on_interrupt: OnInterruptOption = None,
) -> Result:
    """Remove the macro, its function, role, log and packages.

    The stack's termination protection is turned off for it. With --repair, what CloudFormation cannot delete is
    left in the account, and named.
    """
    from fargate_guard.workflows.macro import uninstall

    stacks = stack_choice(run, repair=repair, yes=yes, on_interrupt=on_interrupt)
    stacks = replace(stacks, command=command_line(given, "macro destroy"))
    context, asked = open_context(run, stacks), FunctionOptions().stack(name)
    approval = PlanApproval(run.screen, f"Remove the macro {name}?", expected=name, assume_yes=yes)
    removed = uninstall(context, asked, approval, even_if_used=even_if_used)
    text = f"Removed the macro {name}." if removed else f"There was nothing to remove: no macro {name}."
    return Result({"name": name, "removed": list(removed)}, text)


def _status_text(name: str, seen: MacroStatus, repair: str) -> str:
    package = seen.package
    stuck = [f"stuck     {seen.stack.stuck.meaning}: {repair}"] if seen.stack.stuck else []
    lines = [
        f"macro     {name} ({seen.stack.status})",
        *stuck,
        f"version   {package.version if package else seen.stack.outputs.get('PackageVersion', 'unknown')}",
        f"function  {seen.stack.outputs.get('FunctionArn', 'none')}",
        f"log       {seen.stack.outputs.get('LogGroupName', 'none')}",
    ]
    if package is not None:
        settings = package.settings.document()
        agent = settings.pop("agent")
        lines += [f"settings  {key}: {value}" for key, value in {**agent, **settings}.items()]
    elif seen.package is None:
        lines.append("settings  unknown: the package is not in its bucket any more")
    current = "yes" if seen.current and not seen.tampered else "no" if seen.current is False else "unknown"
    lines.append(f"current   {current}")
    return "\n".join([*lines, *(f"          {one}" for one in seen.differences)])

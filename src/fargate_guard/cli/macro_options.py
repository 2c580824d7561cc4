"""What the ``fguard macro`` commands share."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fargate_guard.cli.command_line import withheld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.cli.agent_options import AgentOptions
    from fargate_guard.cli.command import Invocation
    from fargate_guard.workflows.context import Context, StackChoice
    from fargate_guard.workflows.macro_stack import MacroStack

MACRO = "Macro"
FUNCTION = "Function"
FOR_ONE_RUN = frozenset({"yes", "repair", "on_interrupt", "json_", "quiet", "verbose"})
"""Options that are not part of what is asked for."""
PAIRS = frozenset({"workload_env", "sidecar_env"})
"""Options ``NAME=VALUE``: the value may be secret."""
WITHHELD = frozenset({"extra_conf", "sidecar_log_configuration"})
"""Options in whose value there may be something secret."""

NameOption = Annotated[
    str, typer.Option("--name", help="What templates write into their Transform.", rich_help_panel=MACRO)
]
DEFAULT_NAME = "FargateGuard"


@dataclass(frozen=True, slots=True)
class PackageOptions:
    """What goes into the package beside the agent's settings."""

    image_lookup: Annotated[
        bool,
        typer.Option(
            "--image-lookup",
            help="Let the function ask registries what images run: public ones, and ECR where it may.",
            rich_help_panel=MACRO,
        ),
    ] = False
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Fail on warnings, and when nothing is instrumented.", rich_help_panel=MACRO
        ),
    ] = False
    pin_digests: Annotated[
        bool | None,
        typer.Option(
            "--pin-digests/--no-pin-digests",
            envvar="FGUARD_PIN_DIGESTS",
            show_envvar=False,
            help="Write images by digest; needs --image-lookup.",
            rich_help_panel=MACRO,
        ),
    ] = None
    without_settings: Annotated[
        bool,
        typer.Option(
            "--without-settings",
            help="No settings: every template gives its own, as parameters of the transform.",
            rich_help_panel=MACRO,
        ),
    ] = False

    def package(self, run: Invocation, agent: AgentOptions) -> bytes:
        """Return the package for these options, the configuration and its deployment."""
        from fargate_guard.workflows.instrumentation import gather_settings
        from fargate_guard.workflows.macro import build_package

        settings = None
        if not self.without_settings:
            settings = gather_settings(
                agent.asked(run, pin_digests=self.pin_digests),
                run.config_file,
                config_needed=run.config_given,
                open_deployment=lambda: open_context(run),
            )
        return build_package(settings, image_lookup=self.image_lookup, strict=self.strict)


@dataclass(frozen=True, slots=True)
class FunctionOptions:
    """The function and its role."""

    memory: Annotated[
        int, typer.Option(min=512, max=10240, metavar="MIB", help="Memory.", rich_help_panel=FUNCTION)
    ] = 1024
    timeout: Annotated[
        int, typer.Option(min=10, max=900, metavar="SECONDS", help="Time-out.", rich_help_panel=FUNCTION)
    ] = 60
    ecr_repository: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARN",
            help="Let the function look images up in this private repository; repeat it [none].",
            rich_help_panel=FUNCTION,
        ),
    ] = None
    registry_secret: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARN",
            help="Let it read this secret of repositoryCredentials; repeat it [none].",
            rich_help_panel=FUNCTION,
        ),
    ] = None

    def stack(self, name: str) -> MacroStack:
        """Return what the stack is made with."""
        from fargate_guard.workflows.macro_stack import MacroStack

        return MacroStack(
            name,
            self.memory,
            self.timeout,
            tuple(self.ecr_repository or ()),
            tuple(self.registry_secret or ()),
        )


def open_context(run: Invocation, stacks: StackChoice | None = None) -> Context:
    """Return the context of the configuration, with progress on the screen."""
    from fargate_guard.cli.terraform_options import DEFAULT_LOCK_TIMEOUT, open_deployment

    return open_deployment(run, run.environ.get("FGUARD_TERRAFORM"), DEFAULT_LOCK_TIMEOUT, stacks)


def command_line(given: typer.Context, command: str) -> str:
    """Return the command line as it was given, without the options that are for one run only.

    Advice repeats it whole: without ``--image-lookup``, say, another macro would be installed. For values that may
    be secret there is ``<value>``, which a shell refuses.
    """
    return " ".join(["fguard", command, *_given(given)])


def _given(context: typer.Context) -> Iterator[str]:
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if parameter.name in FOR_ONE_RUN or source is None or source.name != "COMMANDLINE":
            continue
        value, flag = context.params[str(parameter.name)], max(parameter.opts, key=len)
        if isinstance(value, bool):
            yield flag if value else parameter.secondary_opts[0]
            continue
        if parameter.name in WITHHELD:
            yield f"{flag} <value>"
        elif parameter.name in PAIRS:
            yield from withheld(flag, value)
        else:
            for one in value if isinstance(value, (list, tuple)) else (value,):
                yield shlex.join([flag, str(one)])

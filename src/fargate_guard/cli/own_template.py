"""Options and views of ``--template``: a CloudFormation template of the user's own."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fargate_guard.cli.command import Invocation, Result
from fargate_guard.cli.command_line import command_line, option_words, withheld
from fargate_guard.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.cli.definition_options import ImageOptions
    from fargate_guard.taskdef.selection import Rules
    from fargate_guard.verify.report import Report
    from fargate_guard.workflows.context import Context, StackChoice
    from fargate_guard.workflows.definition_files import Change
    from fargate_guard.workflows.own_template import OwnStack, Prepared
    from fargate_guard.workflows.own_template_change import ChangedTemplate

PANEL = "A CloudFormation template of your own (with --method cloudformation)"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OwnTemplateOptions:
    """Which template, as which stack, with which values."""

    template: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Instrument this template, show what changes, and deploy it as a stack of yours.",
            rich_help_panel=PANEL,
        ),
    ] = None
    stack_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The stack's name [the file's].", rich_help_panel=PANEL),
    ] = None
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A parameter of the template; repeat it [what the stack has, else the default].",
            rich_help_panel=PANEL,
        ),
    ] = None
    parameter_env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VARIABLE",
            help="One whose value is in an environment variable; for secrets (NoEcho); repeat it.",
            rich_help_panel=PANEL,
        ),
    ] = None
    parameters_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Parameters in a file, as the AWS CLI takes them.", rich_help_panel=PANEL
        ),
    ] = None
    capability: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CAPABILITY",
            help="One that fguard cannot see to be needed, as for templates that are nested by URL; repeat it.",
            rich_help_panel=PANEL,
        ),
    ] = None
    orchestrator_host: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            envvar="FGUARD_ORCHESTRATOR_HOST",
            show_envvar=False,
            help="The orchestrator's load balancer [the deployment's].",
            rich_help_panel=PANEL,
        ),
    ] = None
    uninstrumented: Annotated[
        bool,
        typer.Option("--uninstrumented", help="Deploy it without the agent: undo.", rich_help_panel=PANEL),
    ] = False

    def check(self, method: str | None) -> None:
        """Refuse options that do not fit together.

        :raises UsageError: with the one to add or to leave out.
        """
        if self.template is None:
            for name in ("stack_name", "parameter", "parameter_env", "parameters_file", "capability"):
                if getattr(self, name):
                    raise UsageError(f"--{name.replace('_', '-')} goes with --template", fix="add --template FILE")
            if self.uninstrumented:
                raise UsageError("--uninstrumented goes with --template", fix="add --template FILE")
        elif method not in (None, "cloudformation"):
            raise UsageError(
                f"--template goes with --method cloudformation, not {method}", fix="leave out --method"
            )

    def asked(self, environ: "Mapping[str, str]") -> "OwnStack":
        """Return what the workflow takes.

        :raises UsageError: when the template is not there, or a parameter cannot be read.
        """
        from fargate_guard.workflows.own_template import OwnStack, stack_name_for
        from fargate_guard.workflows.own_template_parameters import gather

        assert self.template is not None  # noqa: S101 - held by the caller
        if not self.template.exists():
            raise UsageError("there is no such template", where=str(self.template))
        return OwnStack(
            self.template,
            stack_name_for(self.template, self.stack_name),
            gather(self.parameter or (), self.parameter_env or (), self.parameters_file, environ),
            tuple(self.capability or ()),
        )

    def command(self, run: Invocation, asked: "OwnStack", images: "ImageOptions") -> str:
        """Return the command line that goes on with this stack; that has the values of ``--parameter`` already."""
        from fargate_guard.cli.definition_options import ImageOptions

        usual = ImageOptions().image_timeout
        given = option_words(
            template=asked.file,
            stack_name=asked.name,
            parameter_env=self.parameter_env,
            parameters_file=self.parameters_file,
            capability=self.capability,
            orchestrator_host=self.orchestrator_host,
            uninstrumented=self.uninstrumented,
            offline=images.offline,
            image_timeout=None if images.image_timeout == usual else images.image_timeout,
            entrypoint=images.entrypoint,
            command=images.command,
        )
        return command_line(run, "deploy", *given)


def plan_own_template(run: Invocation, own: OwnTemplateOptions, images: "ImageOptions") -> Result:
    """Show what deploying a template would change; exit 2 when something would."""
    from fargate_guard.cli.plan_view import plan_document, plan_text
    from fargate_guard.cli.terraform_options import stack_choice
    from fargate_guard.workflows.own_template import withdraw

    context, asked, change, _ = _opened(run, own, images, stack_choice(run))
    prepared = _prepared(run, context, asked, change)
    withdraw(context, prepared)
    plan = prepared.plan
    document = {"method": "cloudformation", **_document(prepared), "plan": plan_document(plan)}
    return Result(document, plan_text(plan), ExitCode.CHANGES_PENDING if plan.has_changes else ExitCode.DONE)


def deploy_own_template(
    run: Invocation,
    own: OwnTemplateOptions,
    images: "ImageOptions",
    stacks: "StackChoice",
    *,
    yes: bool,
    timeout: float,
) -> Result:
    """Instrument, show, ask, deploy, and verify what runs."""
    from fargate_guard.cli.plan_view import PlanApproval, plan_document
    from fargate_guard.workflows.own_template import execute
    from fargate_guard.workflows.own_template_verify import verify_own_stack

    context, asked, change, rules = _opened(run, own, images, stacks)
    approval = PlanApproval(run.screen, f"Deploy the stack {asked.name!r} like this?", assume_yes=yes)
    prepared = _prepared(run, context, asked, change)
    left = execute(context, prepared, approval)
    context.observer.step("Verify what CloudFormation made, and what ECS runs")
    report = verify_own_stack(context, asked.name, rules, timeout=timeout, instrumented=not own.uninstrumented)
    document = {
        "method": "cloudformation",
        "changed": prepared.plan.has_changes,
        **_document(prepared),
        "plan": plan_document(prepared.plan),
        "left_behind": list(left),
        "verification": report.document(),
    }
    code = ExitCode.VERIFICATION_FAILED if left and report.exit_code is ExitCode.DONE else report.exit_code
    return Result(document, _text(own.command(run, asked, images), prepared, report), code)


def refuse_to_destroy(run: Invocation, template: Path | None) -> None:
    """Say that a stack of the user's own is not fguard's to delete.

    :raises UsageError: when it was asked for.
    """
    if template is None:
        return
    undo = command_line(run, "deploy", "--template", str(template), "--stack-name", "NAME", "--uninstrumented")
    raise UsageError(
        "fguard does not delete a stack of your own",
        where=str(template),
        why="what is in it is yours; fguard only put the agent into its task definitions",
        fix=f"take the agent out of it: {undo}"
        "\nor delete all of it: aws cloudformation delete-stack --stack-name NAME",
    )


def _opened(
    run: Invocation, own: OwnTemplateOptions, images: "ImageOptions", stacks: "StackChoice"
) -> "tuple[Context, OwnStack, Callable[[Mapping[str, str]], Change], Rules]":
    """The context, what is asked for, what is done to each template, and which containers are left out."""
    from fargate_guard.cli.terraform_options import DEFAULT_LOCK_TIMEOUT, open_deployment
    from fargate_guard.taskdef.selection import BY_ITSELF
    from fargate_guard.workflows.instrumenting import Handling, Instrumenting, Undoing

    asked = own.asked(run.environ)
    line = " ".join([own.command(run, asked, images), *withheld("--parameter", own.parameter)])
    stacks = replace(stacks, command=line)
    context = open_deployment(run, run.environ.get("FGUARD_TERRAFORM"), DEFAULT_LOCK_TIMEOUT, stacks)
    if own.uninstrumented:
        return context, asked, lambda given: Undoing(Handling(given)), BY_ITSELF
    lookup = images.lookup(run)
    settings, rules = _settings(run, own, context)

    def change(given: "Mapping[str, str]") -> "Change":
        return Instrumenting(settings, lookup, Handling(given, cache=lookup.options.cache), alone=False)

    return context, asked, change, rules


def _settings(run: Invocation, own: OwnTemplateOptions, context: "Context") -> "tuple[Any, Rules]":
    """The settings of ``fguard.yaml``, with the orchestrator of what is deployed."""
    from fargate_guard.taskdef.selection import LeavingOut
    from fargate_guard.workflows.by_method import outputs_of_deployment
    from fargate_guard.workflows.instrumentation import Asked, gather_settings
    from fargate_guard.workflows.methods import live_method

    host = own.orchestrator_host
    if host is None and context.config.agent.topology == "orchestrator" and live_method(context) is not None:
        orchestrator = outputs_of_deployment(context).orchestrator
        host = orchestrator.host if orchestrator else None
    settings = gather_settings(
        Asked(orchestrator_host=host, region=context.region),
        run.config_file,
        config_needed=True,
        open_deployment=lambda: context,
    )
    common = settings.common
    ignored = (*common.ignore_containers, *settings.where_present)
    return settings, LeavingOut(ignored, common.ignore_labels, common.opt_in)


def _prepared(
    run: Invocation, context: "Context", asked: "OwnStack", change: "Callable[[Mapping[str, str]], Change]"
) -> "Prepared":
    from fargate_guard.workflows.own_template import prepare

    return prepare(context, asked, change, lambda changed: _show(run, changed))


def _show(run: Invocation, changed: "ChangedTemplate") -> None:
    """Tell what becomes of each container, then the diff of each template."""
    for one in changed.everything():
        name = str(one.template.path)
        if one.nothing_for_fargate is not None:
            run.screen.message(f"{name}: as it is: {one.nothing_for_fargate}")
        for container in one.containers:
            state = "instrumented" if container.instrumented else "not instrumented"
            more = "" if container.reason == state else (container.reason or "").removeprefix(f"{state}; ")
            reason = f" ({more})" if more else ""
            run.screen.message(f"{name}: {container.resource}: container {container.name}: {state}{reason}")
        for warning in one.warnings:
            run.screen.warning(f"{name}: {warning.where}: {warning.message}")
    for difference in dict.fromkeys(one.difference for one in changed.everything()):
        if difference:
            run.screen.message(difference.rstrip("\n"))


def _document(prepared: "Prepared") -> dict[str, Any]:
    return {
        "stack": prepared.asked.name,
        "templates": [
            {
                "file": str(one.template.path),
                "nested_as": one.address or None,
                "diff": one.difference,
                "nothing_for_fargate": one.nothing_for_fargate,
                "containers": [
                    {
                        "resource": container.resource or None,
                        "name": container.name,
                        "instrumented": container.instrumented,
                        "reason": container.reason,
                    }
                    for container in one.containers
                ],
            }
            for one in prepared.templates.everything()
        ],
        "not_changed": [{"nested_as": one.address, "url": one.url or None} for one in prepared.elsewhere],
        "kept_parameters": [
            {"name": one.name, "value": one.value, "default": one.default} for one in prepared.kept
        ],
    }


def _text(command: str, prepared: "Prepared", report: "Report") -> str:
    from fargate_guard.cli.report_view import report_text

    name, summary = prepared.asked.name, prepared.plan.summary
    head = f"Nothing to change: the stack {name} is as its template says, with the values of its parameters."
    if prepared.plan.has_changes:
        made = f"{summary.add} added, {summary.change} changed, {summary.remove} removed"
        head = f"Deployed the stack {name}: {made}."
    if report.exit_code is not ExitCode.DONE:
        did = "was deployed" if prepared.plan.has_changes else "is as its template says"
        head = f"The stack {name} {did}, but not everything in it runs as it should."
        again = ["", f"Next: mend what is named above, then: {command}"]
        return "\n".join([head, *_kept(prepared), report_text(report), *_not_proven(report), *again])
    undo = command if "--uninstrumented" in command else f"{command} --uninstrumented"
    steps = [] if "--uninstrumented" in command else ["", f"Next: to take the agent out again: {undo}"]
    return "\n".join([head, *_kept(prepared), report_text(report), *_not_proven(report), *steps])


def _kept(prepared: "Prepared") -> list[str]:
    """Parameters whose value is the stack's, and not the template's default."""
    return [
        f"  parameter {one.name}: {one.value}, as the stack has it; the template's default is {one.default}"
        for one in prepared.kept
    ]


def _not_proven(report: "Report") -> list[str]:
    """What was not looked at, or proves nothing, with the reason."""
    from fargate_guard.verify.registry import Outcome

    skipped = [one for one in report.findings if one.outcome is Outcome.SKIP]
    return [f"Not proven: {one.resource}: {one.found}" for one in skipped]

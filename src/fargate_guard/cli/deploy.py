"""``fguard deploy``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.command_line import command_line
from fargate_guard.cli.definition_options import ImageOptions
from fargate_guard.cli.event_options import a_number
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.cli.own_template import OwnTemplateOptions, deploy_own_template
from fargate_guard.cli.plan_view import PlanApproval, plan_document
from fargate_guard.cli.report_view import report_text
from fargate_guard.cli.stack_set import StackSetOptions, deploy_stack_set
from fargate_guard.cli.terraform_options import (
    DEFAULT_LOCK_TIMEOUT,
    DemoImageOption,
    DemoWorkloadOption,
    LockTimeoutOption,
    MethodOption,
    OnInterruptOption,
    RepairOption,
    TerraformOption,
    YesOption,
    open_deployment,
    refuse_demo_workload,
    stack_choice,
)
from fargate_guard.errors import ExitCode

if TYPE_CHECKING:
    from fargate_guard.verify.report import Report
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.deploy import Deployed
    from fargate_guard.workflows.methods import Method


@command("deploy", example="fguard deploy -c examples/quickstart/fguard.yaml --method terraform --yes")
@with_option_groups
def deploy(
    run: Invocation,
    own: OwnTemplateOptions,
    stack_set: StackSetOptions,
    images: ImageOptions,
    method: MethodOption = None,
    yes: YesOption = False,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", min=0.0, callback=a_number, help="How long ECS may take to roll out."
        ),
    ] = 900.0,
    with_demo_workload: DemoWorkloadOption = False,
    demo_image: DemoImageOption = None,
    repair: RepairOption = False,
    on_interrupt: OnInterruptOption = None,
    terraform: TerraformOption = None,
    lock_timeout: LockTimeoutOption = DEFAULT_LOCK_TIMEOUT,
) -> Result:
    """Plan, ask, apply exactly that plan, and verify what ECS runs.

    With CloudFormation the plan is a change set. What CloudFormation is still doing for an earlier run, or for
    somebody else, is followed first. With --template a template of your own is instrumented and deployed; what
    CloudFormation made of it and what runs is verified. With --stack-set the orchestrator goes to accounts and
    Regions of an organisation.
    """
    from fargate_guard.workflows import demo_workload
    from fargate_guard.workflows.by_method import bring_up
    from fargate_guard.workflows.verification import verify_deployment

    own.check(method)
    stack_set.check(method, own.template)
    if stack_set.stack_set or own.template is not None:
        refuse_demo_workload(with_demo_workload or demo_image)
    stacks = stack_choice(run, repair=repair, yes=yes, on_interrupt=on_interrupt)
    if stack_set.stack_set:
        return deploy_stack_set(run, stack_set, stacks, yes=yes)
    if own.template is not None:
        return deploy_own_template(run, own, images, stacks, yes=yes, timeout=timeout)
    context = open_deployment(run, terraform, lock_timeout, stacks)
    approval = PlanApproval(run.screen, f"Deploy {context.config.name!r} like this?", assume_yes=yes)
    context = demo_workload.with_demo_workload(context, wanted=with_demo_workload, image=demo_image)
    chosen, done = bring_up(context, method, approval)
    demo_workload.demo_deployed(context, wanted=with_demo_workload)
    context.observer.step("Verify what ECS runs")
    report = verify_deployment(context, done.outputs, timeout=timeout)
    document = {"method": chosen.value, **_document(context, done, report)}
    code = report.exit_code
    if code is ExitCode.DONE and done.left_behind:
        code = ExitCode.VERIFICATION_FAILED
    return Result(document, _text(run, context, chosen, done, report), code)


def _document(context: Context, done: Deployed, report: Report) -> dict[str, Any]:
    orchestrator = done.outputs.orchestrator
    return {
        "name": context.config.name,
        "changed": done.changed,
        "plan": plan_document(done.plan),
        "region": done.outputs.region,
        "account_id": done.outputs.account_id,
        "vpc_id": done.outputs.network.vpc_id,
        "subnet_ids": list(done.outputs.network.task_subnet_ids),
        "cluster_arn": done.outputs.cluster.arn,
        "orchestrator": {"host": orchestrator.host, "port": orchestrator.port} if orchestrator else None,
        "workloads": {
            name: {"task_definition_arn": built.task_definition_arn, "service_arn": built.service_arn}
            for name, built in done.outputs.workloads.items()
        },
        "left_behind": list(done.left_behind),
        "verification": report.document(),
    }


def _text(run: Invocation, context: Context, method: Method, done: Deployed, report: Report) -> str:
    if report.exit_code is not ExitCode.DONE:
        rolled_back = report.exit_code is ExitCode.ROLLED_BACK
        verdict = "ECS did not keep it" if rolled_back else "it does not run as it should"
        head = f"{method.product} applied {context.config.name} in {done.outputs.region}, but {verdict}."
        again = f"Next: mend what is named above, then run it again: {command_line(run, 'deploy')}"
        return "\n".join([head, report_text(report), "", again])
    summary = done.plan.summary
    made = f"{summary.add} added, {summary.change} changed, {summary.remove} destroyed"
    head = f"Deployed {context.config.name} in {done.outputs.region}: {made}."
    if not done.changed:
        head = f"Nothing to change: {context.config.name} in {done.outputs.region} is as configured."
    if done.left_behind:
        head += f" {len(done.left_behind)} of what was to go could not be deleted and is left: see the warning."
    return "\n".join([head, *_facts(done), report_text(report), "", "Next:", *_next_steps(run, done)])


def _facts(done: Deployed) -> list[str]:
    outputs = done.outputs
    lines = [f"  cluster       {outputs.cluster.name}"]
    if outputs.orchestrator:
        lines += [f"  orchestrator  {outputs.orchestrator.host}:{outputs.orchestrator.port}"]
    for name, workload in outputs.workloads.items():
        runs_as = f", service {workload.service_name}" if workload.service_name else ", no service"
        lines += [f"  workload      {name}: {workload.task_definition_arn.rsplit('/', 1)[-1]}{runs_as}"]
    return lines


def _next_steps(run: Invocation, done: Deployed) -> list[str]:
    steps = {
        "what runs now": command_line(run, "status"),
        "check it again": command_line(run, "verify"),
        "instrument another task": command_line(run, "instrument", "task-definition.json"),
        "prove a detection": command_line(run, "detect"),
        "see the events": command_line(run, "events", "--cluster", done.outputs.cluster.name, "--follow"),
        "remove it all": command_line(run, "destroy"),
    }
    return [f"  {what:<24} {how}" for what, how in steps.items()]

"""``fguard plan``."""

from __future__ import annotations

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.definition_options import ImageOptions
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.cli.own_template import OwnTemplateOptions, plan_own_template
from fargate_guard.cli.plan_view import plan_document, plan_text
from fargate_guard.cli.stack_set import StackSetOptions, plan_stack_set
from fargate_guard.cli.terraform_options import (
    DEFAULT_LOCK_TIMEOUT,
    DemoImageOption,
    DemoWorkloadOption,
    LockTimeoutOption,
    MethodOption,
    TerraformOption,
    open_deployment,
    refuse_demo_workload,
)
from fargate_guard.errors import ExitCode


@command("plan", example="fguard plan -c examples/quickstart/fguard.yaml")
@with_option_groups
def plan(
    run: Invocation,
    own: OwnTemplateOptions,
    stack_set: StackSetOptions,
    images: ImageOptions,
    method: MethodOption = None,
    with_demo_workload: DemoWorkloadOption = False,
    demo_image: DemoImageOption = None,
    terraform: TerraformOption = None,
    lock_timeout: LockTimeoutOption = DEFAULT_LOCK_TIMEOUT,
) -> Result:
    """Show what deploy would change; exit 2 when something would.

    With CloudFormation a change set is made for it, and deleted again. With --template it is one for a stack of
    your own; with --stack-set, what would change in which account and Region.
    """
    from fargate_guard.workflows.by_method import plan_deployment
    from fargate_guard.workflows.demo_workload import with_demo_workload as with_demo

    own.check(method)
    stack_set.check(method, own.template)
    if stack_set.stack_set or own.template is not None:
        refuse_demo_workload(with_demo_workload or demo_image)
    if stack_set.stack_set:
        return plan_stack_set(run, stack_set)
    if own.template is not None:
        return plan_own_template(run, own, images)
    context = open_deployment(run, terraform, lock_timeout)
    context = with_demo(context, wanted=with_demo_workload, image=demo_image)
    chosen, made = plan_deployment(context, method)
    pending = ExitCode.CHANGES_PENDING if made.has_changes else ExitCode.DONE
    return Result({"method": chosen.value, "plan": plan_document(made)}, plan_text(made), pending)

"""A template of the user's own: instrumented here, deployed as a change set, and verified where it runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.aws.cloudformation import find_stack
from fargate_guard.deployment import MANAGED_BY, MANAGED_BY_TAG
from fargate_guard.errors import PreflightError, UsageError
from fargate_guard.stacks.change_set import MODIFY
from fargate_guard.stacks.states import Repair
from fargate_guard.workflows.deploy import Declined
from fargate_guard.workflows.own_template_change import Uploads, capabilities, change_templates, has_transform
from fargate_guard.workflows.own_template_files import read_template, resources
from fargate_guard.workflows.own_template_parameters import check, declared, kept_values
from fargate_guard.workflows.own_template_runners import not_watchable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from fargate_guard.stacks.change_set import StackPlan
    from fargate_guard.stacks.states import Stack
    from fargate_guard.stacks.template import StackTemplate
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.definition_files import Change
    from fargate_guard.workflows.observer import Approver
    from fargate_guard.workflows.own_template_change import ChangedTemplate
    from fargate_guard.workflows.own_template_files import Nested, Template
    from fargate_guard.workflows.own_template_parameters import Given, Kept

    ChangeWith = Callable[[Mapping[str, str]], Change]

_STACK_NAME = re.compile(r"[A-Za-z][-A-Za-z0-9]{0,127}")
MADE_AGAIN = (Repair.DELETE, Repair.RETAIN)
"""What is repaired like this is deleted: the values of its parameters are gone with it."""
_SHOWN_VALUES = "****"
"""What CloudFormation shows for NoEcho."""


@dataclass(frozen=True, slots=True)
class OwnStack:
    """What is asked for."""

    file: Path
    name: str
    """Of the stack."""
    given: Given
    capabilities: tuple[str, ...] = ()
    """Beyond those that the templates show to be needed."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and what it was made of."""

    asked: OwnStack
    templates: ChangedTemplate
    plan: StackPlan
    uploads: Uploads
    elsewhere: tuple[Nested, ...]
    """Nested stacks whose templates are no files here: nothing is changed in them."""
    protected: bool
    """Whether the stack is protected from termination already; that stays as it is."""
    kept: tuple[Kept, ...] = ()
    """Parameters that keep the stack's value, and not the template's default."""


def stack_name_for(file: Path, given: str | None) -> str:
    """Return the name of the stack: as given, else the file's.

    :raises UsageError: when CloudFormation takes no such name.
    """
    name = given or file.stem.replace("_", "-").replace(".", "-")
    if not _STACK_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a stack", fix="--stack-name: letters, digits and hyphens, a letter first"
        )
    return name


def prepare(
    context: Context, asked: OwnStack, change_with: ChangeWith, show: Callable[[ChangedTemplate], None]
) -> Prepared:
    """Read, change and plan; nothing is deployed.

    :param show: is told what the templates become, before the change set is made.
    :raises PreflightError: when it would not work, or would overwrite a stack that fguard made.
    :raises TaskDefinitionError: when something cannot be instrumented correctly.
    """
    from fargate_guard.workflows.stack_operation import plan_stack

    context.observer.step("Read and change the templates")
    template = read_template(asked.file)
    stack = _at_rest(context, _users_stack(context, asked.name))
    existing = stack.parameters if stack is not None and _has_values(stack) else ()
    check(template, asked.given, existing)
    elsewhere = tuple(template.elsewhere())
    there = _values_of_stack(context, template, stack)
    kept = kept_values(template.value, asked.given, there)
    _tell(context, template, kept)
    uploads = Uploads(context, asked.name)
    try:
        values = {**there, **asked.given.values}
        changed = change_templates(template, values, _pseudo(context), change_with, uploads)
        _refuse_nothing_to_do(changed, elsewhere)
        show(changed)
        context.observer.step("Make a change set")
        plan = plan_stack(
            context,
            asked.name,
            _stack_template(asked, changed, stack),
            keep_parameters=[name for name in declared(template.value) if name in existing],
        )
    except BaseException:
        uploads.withdraw()
        raise
    prepared = Prepared(asked, changed, plan, uploads, elsewhere, stack is not None and stack.protected, kept)
    services = list(_left_to_code_deploy(changed, plan))
    if services:
        withdraw(context, prepared)
        raise PreflightError(
            "CloudFormation cannot change what services run that CodeDeploy deploys",
            where=", ".join(f"{asked.file}: {one}.Properties.DeploymentController" for one in services),
            why="ECS refuses it, and all of the update would be rolled back",
            fix="let such a service name the family of its task definition, without a revision; deploy that, start"
            " a deployment of the new revision with CodeDeploy, and run this again to see that it runs",
        )
    return prepared


def _left_to_code_deploy(changed: ChangedTemplate, plan: StackPlan) -> Iterator[str]:
    """Yield the addresses of services whose task definition would change, and may not.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
    """
    updated = {one.address for one in plan.changes if one.action == MODIFY and "TaskDefinition" in one.attributes}
    for one in changed.everything():
        for logical_id, kind, properties in resources(one.template.value):
            address, controller = f"{one.address}.{logical_id}".lstrip("."), properties.get("DeploymentController")
            if kind == "AWS::ECS::Service" and address in updated and controller == {"Type": "CODE_DEPLOY"}:
                yield address


def _tell(context: Context, template: Template, kept: tuple[Kept, ...]) -> None:
    """Say what is not changed, and why, and which values are used instead of the template's defaults."""
    for one in template.elsewhere():
        context.observer.warning(
            f"{one.address}: its template is not a file here ({one.url or 'known only when it is deployed'}), so"
            " nothing is changed in it; it is looked at after the deployment"
        )
    for file in template.everything():
        for logical_id, why in not_watchable(file.value):
            context.observer.warning(f"{file.path}: {logical_id}: {why}: nobody watches it")
    for parameter in kept:
        context.observer.note(
            f"{parameter.name} keeps the stack's value {parameter.value!r}, not the template's default"
            f" {parameter.default!r}; for another: --parameter {parameter.name}=VALUE"
        )


def withdraw(context: Context, prepared: Prepared) -> None:
    """Take the change set back, and the uploads, unless somebody else's plan may refer to them."""
    from fargate_guard.workflows.stack_withdrawal import SHARED, withdraw_plan

    if not withdraw_plan(context, prepared.plan):
        context.observer.note(SHARED)
    elif prepared.plan.has_changes:
        prepared.uploads.withdraw()


def execute(context: Context, prepared: Prepared, approve: Approver) -> tuple[str, ...]:
    """Ask, and carry the plan out; returns what CloudFormation should have deleted and could not.

    :raises Declined: when it is not approved.
    :raises StackFailed: when CloudFormation fails.
    """
    from fargate_guard.workflows.stack_operation import execute_stack, withdraw_unexecuted

    plan = prepared.plan
    if not plan.has_changes:
        return ()
    try:
        approved = approve(plan)
    except BaseException:
        withdraw(context, prepared)
        raise
    if not approved:
        withdraw(context, prepared)
        raise Declined("nothing was changed: the plan was not approved", fix="approve it, or run with --yes")
    context.observer.step("Execute the change set")
    try:
        file = prepared.templates.template
        protect = prepared.protected
        return execute_stack(context, plan, body=file.source.text, file=str(file.path), protect=protect)
    except BaseException:
        if withdraw_unexecuted(context, plan):
            prepared.uploads.withdraw()
        raise


def _users_stack(context: Context, name: str) -> Stack | None:
    stack = find_stack(context.aws, name)
    if stack is None or stack.is_gone:
        return None
    if stack.tags.get(MANAGED_BY_TAG) == MANAGED_BY:
        raise PreflightError(
            f"the stack {name} was made by fguard itself, not from a template of yours",
            where=stack.stack_id,
            why="deploying this template to it would remove what is in it",
            fix="name another stack: --stack-name NAME",
        )
    return stack


def _at_rest(context: Context, stack: Stack | None) -> Stack | None:
    """Return the stack as its next change finds it: what is under way may change its parameters' values, too.

    One that can only be deleted, and made again, is left as it is until the templates are known to be right.

    :raises PreflightError: when it is stuck, and no repair was asked for.
    """
    from fargate_guard.workflows.stack_repair import followed, settled_stack, stuck_refusal

    stack = followed(context, stack)
    if stack is None or stack.is_gone:
        return None
    if stack.stuck is None:
        return stack
    if stack.stuck.repair is None or not context.stacks.repair:
        raise stuck_refusal(context, stack, stack.stuck)
    return stack if stack.stuck.repair in MADE_AGAIN else settled_stack(context, stack.name, None)


def _has_values(stack: Stack) -> bool:
    """Whether it has values that its next change can keep."""
    made_again = stack.stuck is not None and stack.stuck.repair in MADE_AGAIN
    return not stack.is_in_review and not made_again


def _values_of_stack(context: Context, template: Template, stack: Stack | None) -> dict[str, str | None]:
    """What the stack has for the template's parameters; None for secrets.

    :raises PreflightError: when it is nested in another stack.
    """
    if stack is None or not _has_values(stack):
        return {}
    (found,) = context.aws.call("cloudformation", "describe_stacks", about=stack.name, StackName=stack.stack_id)[
        "Stacks"
    ]
    if found.get("ParentId"):
        raise PreflightError(
            f"the stack {stack.name} is nested in another one",
            where=str(found["ParentId"]),
            why="what is deployed to it alone is lost with the next update of that one",
            fix="deploy the outermost template, whose TemplateURL names this file",
        )
    values = {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", ())}
    names = declared(template.value)
    return {name: None if value == _SHOWN_VALUES else value for name, value in values.items() if name in names}


def _pseudo(context: Context) -> dict[str, str]:
    identity = context.aws.identity()
    return {
        "AWS::Region": context.region,
        "AWS::AccountId": identity.account_id,
        "AWS::Partition": identity.partition,
        "AWS::URLSuffix": "amazonaws.com.cn" if identity.partition == "aws-cn" else "amazonaws.com",
    }


def _stack_template(asked: OwnStack, changed: ChangedTemplate, stack: Stack | None) -> StackTemplate:
    """What is given to CloudFormation; the stack keeps the tags that it has."""
    from fargate_guard.stacks.template import StackTemplate

    tags = stack.tags if stack is not None else {}
    needed = capabilities(changed.template)
    return StackTemplate(
        body=changed.body,
        parameters=dict(asked.given.values),
        capabilities=tuple(sorted({*needed, *asked.capabilities})),
        tags={key: value for key, value in tags.items() if not key.startswith("aws:")},
    )


def _refuse_nothing_to_do(changed: ChangedTemplate, elsewhere: tuple[Nested, ...]) -> None:
    """A template in which nothing could be changed, and nothing can come from elsewhere, is a mistake."""
    found = list(changed.everything())
    transforms = any(has_transform(one.template.value) for one in found)
    modules = any(kind.endswith("::MODULE") for one in found for _, kind, _ in resources(one.template.value))
    if elsewhere or transforms or modules or any(one.nothing_for_fargate is None for one in found):
        return
    raise PreflightError(
        "there is no task definition for Fargate in the template",
        where=", ".join(str(one.template.path) for one in found),
        why="; ".join(dict.fromkeys(str(one.nothing_for_fargate) for one in found)),
        fix="deploy it with aws cloudformation deploy; fguard has nothing to do in it",
    )

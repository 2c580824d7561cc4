"""Options and views of ``--stack-set``: the orchestrator in an organisation's accounts and Regions."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fargate_guard.cli.command import Invocation, Result
from fargate_guard.cli.command_line import command_line, option_words
from fargate_guard.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from fargate_guard.aws.stack_sets import Outcome
    from fargate_guard.workflows.context import Context, StackChoice
    from fargate_guard.workflows.stack_sets_plan import StackSetPlan

PANEL = "An organisation's accounts and Regions (with --method cloudformation)"
TAKES = {
    "organizational-units": "it takes up to 50 units, ou-ab12-11111111, and the root, r-ab12",
    "accounts": "it takes account IDs of twelve digits",
    "regions": "it takes Regions, us-east-1",
    "failure-tolerance": "it takes a number of accounts, 0 or more, or a percentage, 25%",
    "max-concurrent": "it takes a number of accounts, 1 or more, or a percentage, 25%",
    "region-concurrency": "it takes sequential or parallel",
}


def _option(help_text: str, metavar: str | None = None, *flags: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(*flags, help=help_text, metavar=metavar, rich_help_panel=PANEL)
    return info


StackSetFlag = Annotated[
    bool, _option("The orchestrator as a stack set, in many accounts and Regions.", None, "--stack-set")
]
AccountRoleOption = Annotated[
    str | None,
    _option("Role in the accounts that may read their stacks: tells host and port.", "ROLE", "--account-role"),
]
DelegatedOption = Annotated[
    bool | None,
    _option(
        "You administer stack sets from a member account [management account].",
        None,
        "--delegated-administrator/--management-account",
    ),
]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StackSetOptions:
    """Which accounts and Regions, and how fast."""

    stack_set: StackSetFlag = False
    organizational_units: Annotated[
        list[str] | None, _option("Units of the organisation, or its root; by comma, or repeat it.", "OU")
    ] = None
    accounts: Annotated[list[str] | None, _option("Only these accounts; by comma, or repeat it.", "ACCOUNT")] = (
        None
    )
    regions: Annotated[
        list[str] | None, _option("AWS Regions, in their order; by comma, or repeat it.", "REGION")
    ] = None
    failure_tolerance: Annotated[
        str | None, _option("Accounts of a Region in which it may fail, or per cent [0].", "N|P%")
    ] = None
    max_concurrent: Annotated[str | None, _option("Accounts of a Region at once, or per cent [1].", "N|P%")] = None
    region_concurrency: Annotated[
        str | None, _option("One Region after the other, or all at once.", "sequential|parallel")
    ] = None
    auto_deployment: Annotated[
        bool | None,
        _option(
            "Accounts that join a unit get it, and those that leave lose it [yes; no where accounts are named].",
            None,
            "--auto-deployment/--no-auto-deployment",
        ),
    ] = None
    delegated_administrator: DelegatedOption = None
    remove_absent: Annotated[
        bool, _option("Remove stacks that are not asked for any more.", None, "--remove-absent")
    ] = False
    renew_access_key: Annotated[
        bool, _option("Send the access key that you have now.", None, "--renew-access-key")
    ] = False

    def check(self, method: str | None, template: Path | None) -> None:
        """Refuse options that do not fit together.

        :raises UsageError: with the one to add or to leave out.
        """
        given = [*self.given, *(name for name in ("remove_absent", "renew_access_key") if getattr(self, name))]
        if not self.stack_set and given:
            raise UsageError(f"--{given[0].replace('_', '-')} goes with --stack-set", fix="add --stack-set")
        if self.stack_set and template is not None:
            raise UsageError("--stack-set is for the orchestrator, --template for a stack", fix="give only one")
        if self.stack_set and method not in (None, "cloudformation"):
            raise UsageError(
                f"--stack-set goes with --method cloudformation, not {method}", fix="leave out --method"
            )

    @property
    def given(self) -> dict[str, Any]:
        """What the flags say about ``cloudformation.stack_set``."""
        names = ("failure_tolerance", "max_concurrent", "region_concurrency", "auto_deployment")
        values: dict[str, Any] = {name: getattr(self, name) for name in (*names, "delegated_administrator")}
        for name in ("organizational_units", "accounts", "regions"):
            listed = getattr(self, name)
            values[name] = [one for text in listed for one in text.split(",") if one] if listed else None
        return {name: value for name, value in values.items() if value is not None}

    @property
    def words(self) -> list[str]:
        """The flags that were given, as they are typed."""
        found = ["--stack-set"]
        for name, value in self.given.items():
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                found.append(_switch(flag, on=value))
            else:
                found += [f"--{flag}", ",".join(value) if isinstance(value, list) else value]
        more = option_words(remove_absent=self.remove_absent, renew_access_key=self.renew_access_key)
        return [*found, *more]


def _switch(flag: str, *, on: bool) -> str:
    off = {"delegated-administrator": "--management-account"}
    return f"--{flag}" if on else off.get(flag, f"--no-{flag}")


def open_with(
    run: Invocation, options: StackSetOptions, stacks: "StackChoice | None" = None, command: str = "deploy"
) -> "Context":
    """Return the context with what the flags say instead of ``fguard.yaml``.

    :raises UsageError: when a flag's value is none.
    """
    from pydantic import ValidationError

    from fargate_guard.cli.terraform_options import DEFAULT_LOCK_TIMEOUT, open_deployment, stack_choice
    from fargate_guard.config.stack_set import StackSet

    stacks = stacks or stack_choice(run)
    stacks = replace(stacks, command=command_line(run, command, *options.words))
    context = open_deployment(run, None, DEFAULT_LOCK_TIMEOUT, stacks)
    cloudformation = context.config.cloudformation
    try:
        wanted = StackSet.model_validate({**cloudformation.stack_set.model_dump(), **options.given})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", "-") if first["loc"] else "stack-set"
        why = TAKES.get(name, first["msg"])
        raise UsageError(f"--{name} is {first.get('input')!r}", why=why, fix="fguard deploy --help") from None
    changed = cloudformation.model_copy(update={"stack_set": wanted})
    return replace(context, config=context.config.model_copy(update={"cloudformation": changed}))


def plan_stack_set(run: Invocation, options: StackSetOptions) -> Result:
    """Show what would change in which account and Region; exit 2 when something would."""
    from fargate_guard.cli.stack_set_view import plan_document, plan_text
    from fargate_guard.workflows.stack_sets import plan_rollout

    context = open_with(run, options)
    plan = plan_rollout(context, remove_absent=options.remove_absent, renews_key=options.renew_access_key).plan
    code = ExitCode.CHANGES_PENDING if plan.has_changes else ExitCode.DONE
    return Result({"method": "cloudformation", "plan": plan_document(plan)}, plan_text(plan), code)


def deploy_stack_set(run: Invocation, options: StackSetOptions, stacks: "StackChoice", *, yes: bool) -> Result:
    """Plan, ask, roll out, and look whether every account and Region has it."""
    from fargate_guard.cli.plan_view import PlanApproval
    from fargate_guard.cli.stack_set_view import count, outcome_document, plan_document, plan_text
    from fargate_guard.workflows.stack_sets import carry_out, plan_rollout, unfinished

    context = open_with(run, options, stacks)
    approval = PlanApproval(run.screen, f"Roll {context.config.name!r} out like this?", assume_yes=yes)
    renews = options.renew_access_key
    rollout = plan_rollout(context, remove_absent=options.remove_absent, renews_key=renews)
    plan = rollout.plan
    outcomes: tuple[Outcome, ...] = ()
    if plan.has_changes or plan.places:
        run.screen.message(plan_text(plan))
    if plan.has_changes:
        outcomes = carry_out(context, rollout, lambda: approval(None))
    desired, missing = rollout.desired.places, unfinished(rollout)
    document = {
        "method": "cloudformation",
        "changed": plan.has_changes,
        "plan": plan_document(plan),
        "results": [outcome_document(one) for one in outcomes],
        "not_current": list(missing),
    }
    if missing:
        told = "\n".join(["These are not current:", *(f"  {one}" for one in missing)])
        return Result(document, told, ExitCode.VERIFICATION_FAILED)
    head = f"Rolled out the stack set {plan.name}" if plan.has_changes else f"Nothing to change: {plan.name}"
    accounts, regions = {place[0] for place in desired}, {place[1] for place in desired}
    where = f"{count(len(accounts), 'account')} and {count(len(regions), 'Region')}"
    text = f"{head}: current in {where} ({count(len(desired), 'stack')})."
    same = StackSetOptions(stack_set=True, delegated_administrator=options.delegated_administrator)
    return Result(document, f"{text}\nNext: {command_line(run, 'status', *same.words)}")


def status_stack_set(
    run: Invocation, delegated: bool | None, *, with_drift: bool, account_role: str | None
) -> Result:
    """Show every account and Region; exit 3 when one is not as it should be."""
    from fargate_guard.cli.stack_set_view import status_document, status_lines
    from fargate_guard.workflows.stack_sets_status import read_status

    options = StackSetOptions(stack_set=True, delegated_administrator=delegated)
    context = open_with(run, options, command="status")
    seen = read_status(context, with_drift=with_drift, account_role=account_role)
    document = {"method": "cloudformation", "stack_set": status_document(seen)}
    code = ExitCode.VERIFICATION_FAILED if seen.problems else ExitCode.DONE
    told = status_lines(seen, lambda command: command_line(run, command, *options.words))
    return Result(document, "\n".join(told), code)


def destroy_stack_set(run: Invocation, delegated: bool | None, stacks: "StackChoice", *, yes: bool) -> Result:
    """Remove the stacks of all accounts and Regions, and the set; exit 3 when a stack stays in its account."""
    from fargate_guard.cli.plan_view import PlanApproval
    from fargate_guard.cli.stack_set_view import plan_text, removed_document, removed_text
    from fargate_guard.workflows.stack_sets_removal import remove_all

    options = StackSetOptions(stack_set=True, delegated_administrator=delegated)
    context = open_with(run, options, stacks, "destroy")
    name = context.config.name
    question = f"Remove the stack set of {name!r} from all of them?"
    approval = PlanApproval(run.screen, question, expected=name, assume_yes=yes)

    def approve(plan: "StackSetPlan") -> bool:
        run.screen.message(plan_text(plan))
        return approval(None)

    removed = remove_all(context, approve)
    document = removed_document(name, removed)
    if removed is None:
        return Result(document, f"There was nothing to remove: no stack set of {name}.")
    code = ExitCode.VERIFICATION_FAILED if removed.stays else ExitCode.DONE
    return Result(document, removed_text(name, removed), code)

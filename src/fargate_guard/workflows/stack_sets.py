"""The orchestrator in an organisation's accounts and Regions: planned, deployed, removed as a stack set."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import AccessDenied, AwsError
from fargate_guard.aws.organizations import Members, is_outside, members_of, root
from fargate_guard.aws.stack_sets import StackSets
from fargate_guard.errors import PreflightError, UsageError
from fargate_guard.stacks.template import orchestrator_template, stack_name
from fargate_guard.workflows.access_key import required_variable
from fargate_guard.workflows.deploy import Declined
from fargate_guard.workflows.module import certificates
from fargate_guard.workflows.stack_owner import deployment_owner, refuse_foreign_set
from fargate_guard.workflows.stack_sets_following import follow_running
from fargate_guard.workflows.stack_sets_plan import (
    ACCESS_KEY,
    CREATE,
    LEFT,
    REMOVE,
    RENEWAL,
    REPAIR,
    RETRY,
    StackSetPlan,
    Wanted,
    auto_deployment,
    automatic_words,
    differences,
    holds_key,
    make_plan,
    preferences,
    targets,
)
from fargate_guard.workflows.stack_sets_work import Work, newest_operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.aws.stack_sets import Outcome
    from fargate_guard.config.stack_set import StackSet
    from fargate_guard.stacks.template import StackTemplate
    from fargate_guard.workflows.context import Context

Json = dict[str, Any]
NO_SUCH_UNIT = ("ParentNotFoundException", "OrganizationalUnitNotFoundException")
ACTIVATE = "aws cloudformation activate-organizations-access"


@dataclass(frozen=True, slots=True)
class Rollout:
    """A plan, and what it needs to be carried out."""

    plan: StackSetPlan
    sets: StackSets
    template: StackTemplate
    members: Members
    desired: Wanted
    sends_key: bool
    """Whether the access key goes to CloudFormation."""
    renewal: str
    """When the access key was sent last: another value replaces the tasks that read the former one."""
    planned_after: str | None
    """The set's newest operation when the plan was made."""


def plan_rollout(context: Context, *, remove_absent: bool, renews_key: bool) -> Rollout:
    """Look at the organisation and the set, and return what is to be done; nothing is changed.

    An operation that is under way is followed first.

    :raises PreflightError: when it would not work, with what to do.
    """
    wanted = context.config.cloudformation.stack_set
    context.observer.step("Look at the organisation and the stack set")
    sets = open_sets(context)
    template = _template(context)
    _refuse_no_targets(wanted)
    _refuse_no_key(context, renews_key=renews_key)
    require_access(sets)
    members = _members(context, wanted)
    desired = _desired(wanted, members)
    there = sets.describe()
    refuse_foreign_set(sets.name, there, deployment_owner(context.config))
    newest = None
    if there is not None:
        if follow_running(context, sets):
            members = _members(context, wanted)
            desired = _desired(wanted, members)
        newest = newest_operation(sets)  # before what the plan is made of: nothing that comes later is missed
        there = sets.describe()
    sends_key = bool(context.config.sysdig.access_key.env) and (renews_key or not holds_key(there))
    settings = differences(there, template, wanted, sends_key=sends_key) if there else ()
    if context.config.sysdig.access_key.env and not sends_key:
        context.observer.note("the access key stays as it is; --renew-access-key sends the one you have now")
    _tell_no_targets(context, desired, {*members.below, *(there.units if there else ())})
    _tell_foreign_secret(context, {account for account, _ in desired.places})
    plan = make_plan(
        sets.name,
        there,
        sets.instances() if there else [],
        desired,
        settings,
        remove_absent=remove_absent,
        repair=context.stacks.repair,
        automatic=automatic_words(wanted),
    )
    former = there.parameters.get(RENEWAL, "") if there else ""
    renewal = datetime.now(UTC).isoformat() if sends_key else former
    return Rollout(plan, sets, template, members, desired, sends_key, renewal, newest)


def open_sets(context: Context) -> StackSets:
    """Return the calls on the deployment's stack set."""
    wanted = context.config.cloudformation.stack_set
    return StackSets(context.aws, stack_name(context.config), wanted.delegated_administrator)


def carry_out(context: Context, rollout: Rollout, approve: Callable[[], bool]) -> tuple[Outcome, ...]:
    """Ask, do it, and return what became of every account and Region that something was done in.

    What is to go goes first: a set that is updated is updated in all of its stacks.

    :raises Declined: when it is not approved.
    :raises PreflightError: when something else was done on the set meanwhile; nothing was changed.
    :raises StackSetFailed: when it failed somewhere, be it tolerated or not.
    :raises Interrupted: when told to stop; CloudFormation goes on, and so does a second run.
    """
    plan, sets, wanted = rollout.plan, rollout.sets, context.config.cloudformation.stack_set
    settings: Json = {
        "Parameters": _parameters(context, rollout),
        "Capabilities": list(rollout.template.capabilities),
        "Tags": [{"Key": key, "Value": value} for key, value in rollout.template.tags.items()],
        "AutoDeployment": auto_deployment(wanted),
    }
    if not approve():
        raise Declined("nothing was changed: the plan was not approved", fix="approve it, or run with --yes")
    work = Work(context, sets, rollout.planned_after)
    if plan.creates:
        context.observer.step(f"Make the stack set {sets.name}")
        with _template_argument(context, sets.name, rollout.template.body) as template:
            sets.create(**template, **settings)
    else:
        work.refuse_stale()
    work.leave(plan.of(LEFT))
    work.remove(plan.of(REMOVE, REPAIR), rollout.members.below)
    if plan.settings:
        staying = {one.region for one in plan.places if one.action not in (CREATE, REMOVE, REPAIR, LEFT)}
        more = {"OperationPreferences": preferences(wanted, staying)} if staying else {}
        with _template_argument(context, sets.name, rollout.template.body) as template:
            work.run("Update the stack set", sets.update, **template, **settings, **more)
    whole = _whole(wanted, rollout.members)
    for targeted in targets(plan.of(CREATE, RETRY, REPAIR), whole):
        work.start("Make stacks, and bring up to date what is not", sets.create_instances, targeted)
    return work.finished()


def unfinished(rollout: Rollout) -> tuple[str, ...]:
    """Return the accounts and Regions that are not current after all, in words."""
    found = {one.place: one for one in rollout.sets.instances()}
    result = []
    for account, region in rollout.desired.places:
        one = found.get((account, region))
        if one is None or one.status != "CURRENT":
            state = f"{one.status} ({one.reason or one.detailed_status})" if one else "missing"
            result.append(f"{account} {region}: {state}")
    return tuple(result)


def require_access(sets: StackSets) -> None:
    """Make sure that stack sets may look into the organisation.

    :raises PreflightError: with the command that allows it.
    """
    try:
        if sets.has_access():
            return
        why = "trusted access for CloudFormation StackSets is not activated in the organisation"
    except AccessDenied:
        raise
    except AwsError as error:
        why = error.why or error.message
    raise PreflightError(
        "stack sets may not look into the organisation",
        where="account " + sets.aws.identity().account_id,
        why=why,
        fix=f"with the management account: {ACTIVATE}"
        "\nor, from an account that administers stack sets for it: --delegated-administrator",
    )


def _members(context: Context, wanted: StackSet) -> Members:
    try:
        return members_of(context.aws, wanted.organizational_units or [root(context.aws)])
    except AwsError as error:
        if error.code in NO_SUCH_UNIT:
            raise PreflightError(
                "the organisation has no such organizational unit",
                where=error.where,
                why=error.why,
                fix="aws organizations list-roots, and list-organizational-units-for-parent, show what there is",
            ) from error
        if not is_outside(error):
            raise
        raise PreflightError(
            "this account is in no organisation",
            where=context.aws.identity().account_id,
            why=error.why,
            fix="use the management account, or a delegated administrator: --delegated-administrator",
        ) from error


def _desired(wanted: StackSet, members: Members) -> Wanted:
    """The accounts and Regions that are asked for.

    :raises PreflightError: when there is no account, or one that is named cannot get it.
    """
    unknown = [account for account in wanted.accounts if account not in members.units]
    if unknown:
        told = [f"{one} is {members.inactive[one]}" for one in unknown if one in members.inactive]
        raise PreflightError(
            f"not in the organizational units: {', '.join(unknown)}",
            where="cloudformation.stack_set.accounts, or --accounts",
            why="; ".join(told)
            or "not there, or the management account, or not active: stack sets do not deploy there",
            fix="correct the accounts, or name the organizational units that they are in",
        )
    if not members.units:
        inactive = ", ".join(f"{account} is {state}" for account, state in members.inactive.items())
        raise PreflightError(
            "there is no account to deploy to in the organizational units",
            where=", ".join(wanted.organizational_units),
            why=inactive
            or "they have no account but, maybe, the management account: stack sets do not deploy there",
            fix="name units that have accounts; the root (aws organizations list-roots) has them all",
        )
    chosen = {account: members.units[account] for account in wanted.accounts or members.units}
    places = {(account, region): unit for region in wanted.regions for account, unit in chosen.items()}
    return Wanted(places, members.inactive, members.units)


def _whole(wanted: StackSet, members: Members) -> dict[tuple[str, str], frozenset[str]]:
    """The accounts with which a unit is a target as a whole; none where accounts are named."""
    if wanted.accounts:
        return {}
    units = {unit: members.of(unit) for unit in wanted.organizational_units}
    return {(unit, region): some for unit, some in units.items() if some for region in wanted.regions}


def _refuse_no_targets(wanted: StackSet) -> None:
    if not wanted.regions:
        raise UsageError(
            "no Region is named", fix="--regions us-east-1,eu-west-1 (cloudformation.stack_set.regions)"
        )
    if not wanted.organizational_units and not wanted.accounts:
        raise UsageError(
            "neither organizational units nor accounts are named",
            fix="--organizational-units ou-… (the root, r-…, is the whole organisation), or --accounts",
        )


def _refuse_no_key(context: Context, *, renews_key: bool) -> None:
    if renews_key and not context.config.sysdig.access_key.env:
        raise UsageError(
            "there is no access key to send",
            why="fguard.yaml names where it is stored, and not a variable that holds it",
            fix="leave out --renew-access-key: agents that start read what is stored there",
        )


def _tell_no_targets(context: Context, desired: Wanted, reached: set[str]) -> None:
    """A unit in which there is nobody to deploy to is made no target, so that nobody who joins it follows.

    :param reached: units that are targets already, or below one that is asked for.
    """
    wanted = context.config.cloudformation.stack_set
    if not wanted.deploys_automatically:
        return
    for unit in wanted.organizational_units:
        if unit not in {*desired.places.values(), *reached}:
            context.observer.warning(
                f"{unit} has no account to deploy to, so that it is no target yet: accounts that join it get"
                f" nothing until this is run again: {context.stacks.command}"
            )


def _tell_foreign_secret(context: Context, accounts: set[str]) -> None:
    """A secret of one account is not readable in the others by itself.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html
    https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-shared-parameters.html
    """
    access_key = context.config.sysdig.access_key
    arn = access_key.secret_arn or access_key.parameter_arn
    others = sorted(accounts - {arn.split(":")[4]}) if arn else []
    if not others:
        return
    way = (
        "share it with them (AWS Resource Access Manager)"
        if access_key.parameter_arn
        else "its resource policy, and the policy of its own KMS key, have to allow their execution roles"
    )
    context.observer.warning(
        f"the access key is stored in another account than {len(others)} of those that get the orchestrator:"
        f" {way}, else its tasks do not start there ({arn})"
    )


def _template(context: Context) -> StackTemplate:
    """The template; what would be another thing in each account is refused."""
    network = context.config.network
    template = orchestrator_template(context.config, certificates=certificates(context))
    if network.vpc_id is not None:
        raise PreflightError(
            "a stack set cannot use one VPC in every account",
            where=f"{context.config_file}: network.vpc_id",
            fix="leave network.vpc_id and subnet_ids out: each account and Region gets a VPC of its own",
        )
    missing = [one for one in template.required_parameters if one != ACCESS_KEY]
    if missing:
        raise PreflightError(f"a stack set has no value for {', '.join(missing)}", where=str(context.config_file))
    return template


def _parameters(context: Context, rollout: Rollout) -> list[Json]:
    """The parameters' values; the access key goes from the variable to CloudFormation, and nowhere else."""
    values = dict(rollout.template.parameters)
    if RENEWAL in values:
        values[RENEWAL] = rollout.renewal
    given: list[Json] = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    if ACCESS_KEY not in rollout.template.required_parameters:
        return given
    if rollout.sends_key:
        return [*given, {"ParameterKey": ACCESS_KEY, "ParameterValue": required_variable(context)}]
    if context.config.sysdig.access_key.env:
        return [*given, {"ParameterKey": ACCESS_KEY, "UsePreviousValue": True}]
    return [*given, {"ParameterKey": ACCESS_KEY, "ParameterValue": ""}]


@contextmanager
def _template_argument(context: Context, name: str, body: str) -> Iterator[Json]:
    """What names the template; one that is too large for a request is in the bucket until it has been read."""
    from fargate_guard.aws.cloudformation import LARGEST_BODY
    from fargate_guard.workflows.own_template_change import Uploads

    if len(body.encode()) <= LARGEST_BODY:
        yield {"TemplateBody": body}
        return
    uploads = Uploads(context, name)
    try:
        yield {"TemplateURL": uploads.put(body)}
    finally:
        uploads.withdraw()

"""The orchestrator in an organisation's accounts and Regions: planned, deployed, shown, removed as a stack set."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import AccessDenied, AwsError
from fargate_guard.aws.stack_sets import StackSets, accounts_by_unit, is_outside, root
from fargate_guard.errors import ExitCode, FguardError, PreflightError, UsageError
from fargate_guard.stacks.template import orchestrator_template, stack_name
from fargate_guard.workflows.access_key import required_variable
from fargate_guard.workflows.deploy import Declined
from fargate_guard.workflows.module import certificates
from fargate_guard.workflows.stack_owner import deployment_owner, refuse_foreign_set
from fargate_guard.workflows.stack_sets_following import follow_operation, follow_running
from fargate_guard.workflows.stack_sets_plan import (
    ACCESS_KEY,
    CREATE,
    REMOVE,
    RETRY,
    StackSetPlan,
    auto_deployment,
    differences,
    make_plan,
    preferences,
    removal,
    targets,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fargate_guard.aws.stack_sets import Description, Instance, Operation, Outcome, Place
    from fargate_guard.config.stack_set import StackSet
    from fargate_guard.stacks.template import StackTemplate
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.stack_sets_plan import PlaceChange

Json = dict[str, Any]
NO_SUCH_UNIT = ("ParentNotFoundException", "OrganizationalUnitNotFoundException")
ACTIVATE = "aws cloudformation activate-organizations-access"


class StackSetFailed(FguardError):  # noqa: N818 - what it is
    """Some accounts and Regions are not as they should be."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A plan, and what it needs to be carried out."""

    plan: StackSetPlan
    sets: StackSets
    template: StackTemplate
    whole: Mapping[str, frozenset[str]]
    """The accounts of each organizational unit that is a target as a whole."""


@dataclass(frozen=True, slots=True)
class StackSetStatus:
    """A stack set in all accounts and Regions."""

    name: str
    set: Description
    instances: tuple[Instance, ...]
    last_operation: Operation | None
    outcomes: tuple[Outcome, ...]
    """Of the last operation."""


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
    require_access(sets)
    desired, whole = _desired(context, wanted)
    there = sets.describe()
    refuse_foreign_set(sets.name, there, deployment_owner(context.config))
    if there is not None:
        follow_running(context, sets)
        there = sets.describe()
    settings = differences(there, template, wanted, renews_key=renews_key) if there else ()
    instances = sets.instances() if there else []
    if there and not renews_key and context.config.sysdig.access_key.env:
        context.observer.note("the access key stays as it is; --renew-access-key sends the one you have now")
    plan = make_plan(sets.name, there, instances, desired, settings, remove_absent=remove_absent)
    return Rollout(plan, sets, template, whole)


def open_sets(context: Context) -> StackSets:
    """Return the calls on the deployment's stack set."""
    wanted = context.config.cloudformation.stack_set
    return StackSets(context.aws, stack_name(context.config), wanted.delegated_administrator)


def carry_out(
    context: Context, rollout: Rollout, approve: Callable[[], bool], *, renews_key: bool
) -> tuple[Outcome, ...]:
    """Ask, do it, and return what became of every account and Region that something was done in.

    :raises Declined: when it is not approved.
    :raises StackSetFailed: when it failed somewhere, be it tolerated or not.
    :raises Interrupted: when told to stop; CloudFormation goes on, and so does a second run.
    """
    plan, sets, wanted = rollout.plan, rollout.sets, context.config.cloudformation.stack_set
    parameters = _parameters(context, rollout, renews_key=renews_key)
    if not approve():
        raise Declined("nothing was changed: the plan was not approved", fix="approve it, or run with --yes")
    work = _Work(context, sets, wanted)
    settings: Json = {
        "Parameters": parameters,
        "Capabilities": list(rollout.template.capabilities),
        "Tags": [{"Key": key, "Value": value} for key, value in rollout.template.tags.items()],
        "AutoDeployment": auto_deployment(wanted),
    }
    if plan.creates:
        context.observer.step(f"Make the stack set {sets.name}")
        with _template_argument(context, sets.name, rollout.template.body) as template:
            sets.create(**template, **settings)
    elif plan.settings:
        regions = {one.region for one in plan.of("update")}
        more = {"OperationPreferences": preferences(wanted, regions)} if regions else {}
        with _template_argument(context, sets.name, rollout.template.body) as template:
            operation_id = sets.update(**template, **settings, **more)
        work.run("Update the stack set", operation_id)
    for targeted in targets(plan.of(RETRY), rollout.whole):
        work.start("Bring up to date what is not", sets.update_instances, targeted)
    for targeted in targets(plan.of(CREATE), rollout.whole):
        work.start("Make stacks", sets.create_instances, targeted)
    for targeted in _removals(sets, plan.of(REMOVE), rollout.whole):
        work.start("Remove stacks", sets.delete_instances, targeted)
    return work.finished()


class _Work:
    """Operations, one after the other; what failed is kept."""

    def __init__(self, context: Context, sets: StackSets, wanted: StackSet) -> None:
        self._context, self._sets, self._wanted = context, sets, wanted
        self._outcomes: dict[Place, Outcome] = {}

    def start(self, title: str, begin: Callable[..., str], targeted: Json) -> None:
        """Begin an operation on targets, and follow it."""
        chosen = preferences(self._wanted, targeted["Regions"])
        self.run(title, begin(**targeted, OperationPreferences=chosen))

    def run(self, title: str, operation_id: str) -> None:
        """Follow an operation; one that failed ends the work."""
        self._context.observer.step(title)
        operation, outcomes = follow_operation(self._context, self._sets, operation_id)
        self._outcomes.update({one.place: one for one in outcomes})
        if operation.status != "SUCCEEDED":
            raise failed(self._sets.name, operation, tuple(self._outcomes.values()), self._wanted)

    def finished(self) -> tuple[Outcome, ...]:
        """Return all outcomes; failures that were tolerated are failures."""
        outcomes = tuple(self._outcomes.values())
        if any(one.status == "FAILED" for one in outcomes):
            raise failed(self._sets.name, None, outcomes, self._wanted)
        return outcomes


def failed(
    name: str, operation: Operation | None, outcomes: tuple[Outcome, ...], wanted: StackSet
) -> StackSetFailed:
    """Return the error with every failure's reason, and what was given up."""
    bad = [one for one in outcomes if one.status == "FAILED"]
    cancelled = sum(one.status == "CANCELLED" for one in outcomes)
    lines = [f"{one.account} {one.region}: {one.reason or 'no reason given'}" for one in bad]
    tolerance = f"failure tolerance {wanted.failure_tolerance} per Region"
    if operation is None:
        lines.append(f"the others were finished: it is within the {tolerance}")
    elif cancelled:
        lines.append(f"{cancelled} were not begun any more, or cancelled: {tolerance}")
    state = f"; the operation is {operation.status}" if operation and operation.status != "FAILED" else ""
    return StackSetFailed(
        f"{len(bad)} of {len(outcomes)} stacks failed{state}",
        where=f"stack set {name}",
        why="\n".join(lines),
        fix="mend what is named; the same command again takes up what is not there, and nothing else",
    )


def remove_all(context: Context, approve: Callable[[StackSetPlan], bool]) -> tuple[PlaceChange, ...] | None:
    """Delete the stacks in all accounts and Regions, then the set; None where there is no set.

    :raises Declined: when it is not approved.
    :raises StackSetFailed: when a stack could not be deleted.
    """
    sets = open_sets(context)
    there = sets.describe()
    if there is None:
        return None
    refuse_foreign_set(sets.name, there, deployment_owner(context.config))
    follow_running(context, sets)
    instances = sets.instances()
    plan = removal(sets.name, instances)
    if not approve(plan):
        raise Declined("nothing was removed: it was not approved", fix="approve it, or run with --yes")
    work = _Work(context, sets, context.config.cloudformation.stack_set)
    regions = sorted({one.region for one in instances})
    units = sorted({*there.units, *(one.unit for one in instances if one.unit)})
    if instances and units:
        everything = {"DeploymentTargets": {"OrganizationalUnitIds": units}, "Regions": regions}
        work.start("Remove the stacks", sets.delete_instances, everything)
        left = list(removal(sets.name, sets.instances()).places)
        for targeted in _removals(sets, left, {}):
            work.start("Remove the rest", sets.delete_instances, targeted)
    work.finished()
    sets.delete()
    return plan.places


def read_status(context: Context) -> StackSetStatus:
    """Gather all accounts and Regions.

    :raises FguardError: when there is no stack set.
    """
    sets = open_sets(context)
    there = sets.describe()
    if there is None:
        raise FguardError(
            f"there is no stack set {sets.name}",
            where=f"{context.region}; stack sets are seen in the account and Region where they are administered",
            fix="make it: fguard deploy --method cloudformation --stack-set",
        )
    last = next(sets.operations(), None)
    outcomes = tuple(sets.outcomes(last.operation_id)) if last else ()
    return StackSetStatus(sets.name, there, tuple(sets.instances()), last, outcomes)


def unfinished(sets: StackSets, desired: Iterable[Place]) -> tuple[str, ...]:
    """Return the accounts and Regions that are not current after all, in words."""
    found = {one.place: one for one in sets.instances()}
    result = []
    for account, region in desired:
        one = found.get((account, region))
        if one is None or one.status != "CURRENT":
            state = f"{one.status} ({one.reason or one.detailed_status})" if one else "missing"
            result.append(f"{account} {region}: {state}")
    return tuple(result)


def desired_places(context: Context) -> dict[Place, str]:
    """Return the accounts and Regions that are asked for, each with its organizational unit."""
    return _desired(context, context.config.cloudformation.stack_set)[0]


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


def _desired(context: Context, wanted: StackSet) -> tuple[dict[Place, str], dict[str, frozenset[str]]]:
    """The accounts and Regions, and the accounts of each unit that is a target as a whole."""
    try:
        units = wanted.organizational_units or [root(context.aws)]
        members = accounts_by_unit(context.aws, units)
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
    unknown = sorted(set(wanted.accounts) - members.keys())
    if unknown:
        raise PreflightError(
            f"not in the organizational units: {', '.join(unknown)}",
            where="cloudformation.stack_set.accounts, or --accounts",
            why="or the management account, or not active: stack sets do not deploy there",
            fix="correct the accounts, or name the organizational units that they are in",
        )
    chosen = {account: unit for account, unit in members.items() if account in (wanted.accounts or members)}
    places = {(account, region): unit for region in wanted.regions for account, unit in chosen.items()}
    whole: dict[str, frozenset[str]] = {}
    if not wanted.accounts:
        whole = {unit: frozenset(a for a, own in members.items() if own == unit) for unit in units}
    return places, {unit: accounts for unit, accounts in whole.items() if accounts}


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


def _parameters(context: Context, rollout: Rollout, *, renews_key: bool) -> list[Json]:
    """The parameters' values; the access key goes from the variable to CloudFormation, and nowhere else."""
    given: list[Json] = [
        {"ParameterKey": key, "ParameterValue": value} for key, value in rollout.template.parameters.items()
    ]
    if not context.config.sysdig.access_key.env or ACCESS_KEY not in rollout.template.required_parameters:
        return given
    if rollout.plan.creates or renews_key:
        return [*given, {"ParameterKey": ACCESS_KEY, "ParameterValue": required_variable(context)}]
    return [*given, {"ParameterKey": ACCESS_KEY, "UsePreviousValue": True}]


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


def _removals(sets: StackSets, places: Iterable[PlaceChange], whole: Mapping[str, frozenset[str]]) -> list[Json]:
    """Targets to delete; an instance without a unit is one of an account that left the organisation."""
    known = [one for one in places if one.unit]
    unknown = [one for one in places if not one.unit]
    if unknown:
        told = ", ".join(f"{one.account} {one.region}" for one in unknown)
        raise StackSetFailed(
            f"these stacks belong to no organizational unit any more: {told}",
            where=f"stack set {sets.name}",
            fix="delete the stacks in those accounts, or move the accounts back",
            exit_code=ExitCode.FAILED,
        )
    return targets(known, whole)

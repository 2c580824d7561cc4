"""A stack set in all accounts and Regions: what is current, drifted or failed; where orchestrators listen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fargate_guard.errors import FguardError
from fargate_guard.workflows.stack_owner import deployment_owner, refuse_foreign_set
from fargate_guard.workflows.stack_sets import open_sets
from fargate_guard.workflows.stack_sets_following import follow_operation, follow_running
from fargate_guard.workflows.stack_sets_plan import preferences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.aws.stack_sets import Description, Instance, Operation, Outcome, Place, StackSets
    from fargate_guard.workflows.context import Context

DRIFT = "DETECT_DRIFT"
"""An operation that changes nothing: what it found stands at each stack."""
UNSUCCESSFUL = ("FAILED", "STOPPED")


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the orchestrator of an account and Region listens."""

    host: str | None = None
    port: int | None = None
    unknown: str | None = None
    """Why it is not known."""


@dataclass(frozen=True, slots=True)
class StackSetStatus:
    """A stack set in all accounts and Regions."""

    name: str
    set: Description
    instances: tuple[Instance, ...]
    last_operation: Operation | None
    """That changed something."""
    outcomes: tuple[Outcome, ...]
    """Of the last operation."""
    listening: Mapping[Place, Listening] = field(default_factory=dict)
    """Empty where it was not asked for."""
    looked_for_drift: bool = False
    not_looked: tuple[Outcome, ...] = ()
    """Where the look for drift failed, or was given up: what stands there is of an earlier one."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not as it should be, one line each; none when all is well."""
        return (*self.unfinished, *self._drifted())

    @property
    def unfinished(self) -> tuple[str, ...]:
        """What another deploy, or a removal, takes up."""
        found = [] if self.instances else ["the set has no stacks"]
        for one in self.instances:
            if one.status != "CURRENT":
                reason = one.reason or one.detailed_status
                found.append(f"{one.account} {one.region} is {one.status} ({reason})")
        last = self.last_operation
        all_done = bool(self.outcomes) and all(one.status == "SUCCEEDED" for one in self.outcomes)
        if last and last.status in UNSUCCESSFUL and not all_done:  # it may be stopped when nothing is left to do
            reason = f": {last.reason}" if last.reason else ""
            found.append(f"the last operation, {last.action}, is {last.status}{reason}")
        return tuple(found)

    def _drifted(self) -> Iterator[str]:
        if self.looked_for_drift:
            for one in self.instances:
                if one.drift != "IN_SYNC":
                    yield f"{one.account} {one.region}: drift {one.drift}"
        for look in self.not_looked:
            yield f"{look.account} {look.region}: drift could not be looked for: {look.reason or look.status}"


def read_status(context: Context, *, with_drift: bool = False, account_role: str | None = None) -> StackSetStatus:
    """Gather all accounts and Regions.

    An operation that is under way is shown, and followed only before drift is looked for.

    :param with_drift: let CloudFormation look for drift in all of them first, which takes minutes.
    :param account_role: name of a role in the accounts that may read their stacks, to tell host and port.
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
    refuse_foreign_set(sets.name, there, deployment_owner(context.config))
    not_looked = _look_for_drift(context, sets) if with_drift else ()
    instances = tuple(sets.instances())
    last = next((one for one in sets.operations() if one.action != DRIFT), None)
    return StackSetStatus(
        sets.name,
        there,
        instances,
        last,
        tuple(sets.outcomes(last.operation_id)) if last else (),
        _listening(context, instances, account_role) if account_role else {},
        looked_for_drift=with_drift,
        not_looked=not_looked,
    )


def _look_for_drift(context: Context, sets: StackSets) -> tuple[Outcome, ...]:
    """Let CloudFormation look in as many at once as configured, and return where it did not.

    Nothing is changed by that: one stack that cannot be looked at is no reason to pass over the others.
    """
    follow_running(context, sets)
    regions = {one.region for one in sets.instances()}
    if not regions:
        return ()
    context.observer.step("Look for drift in all accounts and Regions")
    wanted = context.config.cloudformation.stack_set.model_copy(update={"failure_tolerance": "100%"})
    operation_id = sets.detect_drift(OperationPreferences=preferences(wanted, regions))
    _, outcomes = follow_operation(context, sets, operation_id)
    return tuple(one for one in outcomes if one.status != "SUCCEEDED")


def _listening(context: Context, instances: tuple[Instance, ...], role: str) -> dict[Place, Listening]:
    """Read the stacks in their own accounts; what cannot be read says why."""
    from fargate_guard.aws.parallel import each
    from fargate_guard.aws.stack_sets import outputs_in_account

    def read(one: Instance) -> Listening:
        if one.stack_id is None:
            return Listening(unknown="there is no stack")
        try:
            outputs = outputs_in_account(context.aws, one.stack_id, role)
        except FguardError as error:
            return Listening(unknown=f"{error.message} [{error.why}]" if error.why else error.message)
        port = outputs.get("OrchestratorPort", "")
        if "OrchestratorHost" not in outputs or not port.isdigit():
            return Listening(unknown="the stack has no outputs (yet)")
        return Listening(outputs["OrchestratorHost"], int(port))

    return {one.place: found for one, found in zip(instances, each(read, instances), strict=True)}

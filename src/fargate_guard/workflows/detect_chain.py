"""Where the chain from a trigger to its event broke: link by link, each with its evidence and its fix."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

from fargate_guard.aws import ecs, logs
from fargate_guard.aws.errors import AwsError
from fargate_guard.errors import FguardError, Interrupted
from fargate_guard.sysdig.errors import BrokenAnswer, Overloaded, Unreachable
from fargate_guard.verify.agent_signs import FIXES, AgentState, agent_state, tells_something
from fargate_guard.verify.facts.task_definition import TaskDefinition
from fargate_guard.verify.log_text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fargate_guard.aws.session import Aws
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.workflows.context import Context

Json = dict[str, Any]
LAST_LINES = 3
ACCOUNT_LABEL = "aws.accountId"
SECOND = 10**9
HOUR = 3600 * SECOND
LINKS_SECONDS = 15
"""How long Sysdig may let the look at the links wait, when it answers no more."""
MOST_READ = 2000
"""Events that are looked through for one of this AWS account."""


class LinkState(StrEnum):
    """What is known of a link."""

    WHOLE = "ok"
    BROKEN = "broken"
    UNCLEAR = "unclear"
    """There is no proof either way."""
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain."""

    name: str
    state: LinkState
    evidence: str
    fix: str | None = None
    """Only where something is to be done."""

    def document(self) -> dict[str, str | None]:
        """Return the JSON form."""
        return {**asdict(self), "state": self.state.value}


@dataclass(frozen=True, slots=True)
class Running:
    """The task whose event is waited for."""

    arn: str
    definition: TaskDefinition | None


def weakest(links: Sequence[Link]) -> Link | None:
    """Return the first that is broken, else the first that is unclear."""
    for state in (LinkState.BROKEN, LinkState.UNCLEAR):
        for link in links:
            if link.state is state:
                return link
    return None


def task_link(described: Mapping[str, Any] | None) -> Link:
    """Whether the trigger's task ran."""
    name = "task"
    if described is None:
        return Link(name, LinkState.BROKEN, "ECS does not know the task", "run fguard detect again")
    status = f"{described['lastStatus']}"
    if described.get("desiredStatus") == "STOPPED":
        fix = "mend what the stop reason names; `fguard verify` looks at roles, secrets, log groups and routes"
        reason = f"{status}: {described.get('stoppedReason') or 'no stop reason'}{_containers(described)}"
        return Link(name, LinkState.BROKEN, reason, fix)
    if described["lastStatus"] != "RUNNING":
        return Link(
            name, LinkState.BROKEN, f"{status} still, after five minutes", "look at its events in the ECS console"
        )
    return Link(name, LinkState.WHOLE, f"{status} since {described.get('startedAt')}")


def agent_link(
    aws: Aws, definition: TaskDefinition | None, task_arn: str, *, name: str, log_level: str, waited: bool
) -> Link:
    """Whether an agent says that it is connected.

    :param definition: of the task that the agent is in.
    :param name: ``agent`` (the sidecar of the trigger's task) or ``orchestrator``.
    :param waited: whether it had time to say something.
    """
    container = definition and (definition.sidecar or next(iter(definition.containers), None))
    group = container.log_group if container else None
    stream = container.log_stream(task_arn.rpartition("/")[2]) if container else None
    if not group or not stream:
        return Link(name, LinkState.UNCLEAR, "it does not log to CloudWatch Logs")
    try:
        lines = logs.newest_lines(aws, group, stream, enough=tells_something)
    except AwsError as error:
        return Link(name, LinkState.UNCLEAR, f"its log cannot be read: {error.message}", error.fix)
    where = f"{group} {stream}"
    if not lines:
        why = "agent.log_level: silent writes none" if log_level == "silent" else "has it started? fguard verify"
        state = LinkState.BROKEN if waited and log_level != "silent" else LinkState.UNCLEAR
        return Link(name, state, f"no line in {where}", why)
    return _told(name, lines, where)


def _told(name: str, lines: Sequence[logs.LogLine], where: str) -> Link:
    told = agent_state(lines, int(time.time() * 1000))
    if told is None:
        last = " | ".join(shown(line.text) for line in lines[:LAST_LINES][::-1])
        return Link(name, LinkState.UNCLEAR, f"no line of {where} tells; the last: {last}", "read that log")
    evidence = f"{told.state.value}: {shown(told.line)}"
    if told.state is AgentState.CONNECTED:
        return Link(name, LinkState.WHOLE, evidence)
    if told.source is None:
        return Link(name, LinkState.UNCLEAR, f"{evidence} (this wording is an assumption)", FIXES[told.state])
    return Link(name, LinkState.BROKEN, evidence, FIXES[told.state])


def links_beyond(
    context: Context,
    client: SecureClient | None,
    outputs: DeploymentOutputs,
    running: Running,
    rules: Sequence[str],
    *,
    waited: bool,
    outage: FguardError | None = None,
) -> Iterator[Link]:
    """From the agent in a task that runs to Sysdig Secure.

    :param outage: why Sysdig could not be asked for the event.
    """
    aws = context.aws.in_region(outputs.region)
    level = context.config.agent.log_level
    yield agent_link(aws, running.definition, running.arn, name="agent", log_level=level, waited=waited)
    yield orchestrator_link(context, aws, outputs, waited=waited)
    if not waited:
        return
    if outage is not None:
        yield unanswered_link(outage)
        return
    with client.quietly(client.now() + LINKS_SECONDS * SECOND) if client else nullcontext():
        yield policy_link(client, rules, outputs.cluster.arn)
        yield account_link(context, client, outputs)


def orchestrator_link(context: Context, aws: Aws, outputs: DeploymentOutputs, *, waited: bool) -> Link:
    """Whether the orchestrator runs, and says that it is connected; direct agents need none."""
    name = "orchestrator"
    built = outputs.orchestrator
    if built is None:
        return Link(name, LinkState.WHOLE, "none: the agent connects to the collector itself")
    try:
        tasks = ecs.tasks(aws, outputs.cluster.arn, service=built.service_name)
        running = [task for task in tasks if task["lastStatus"] == "RUNNING"]
        found = ecs.task_definition(aws, running[0]["taskDefinitionArn"]) if running else None
    except AwsError as error:
        return Link(name, LinkState.UNCLEAR, f"it cannot be looked up: {error.message}", error.fix)
    if not running:
        return Link(name, LinkState.BROKEN, f"no task of {built.service_name} runs", "fguard verify")
    definition = TaskDefinition.of(found) if found else None
    level = context.config.agent.log_level
    return agent_link(aws, definition, running[0]["taskArn"], name=name, log_level=level, waited=waited)


def policy_link(client: SecureClient | None, rules: Sequence[str], cluster_arn: str) -> Link:
    """Whether an enabled policy has one of the rules, and applies to the cluster."""
    from fargate_guard.sysdig.policies import read_policies, rule_coverage
    from fargate_guard.sysdig.scope import Place as Where

    name, wanted = "policy", " or ".join(repr(rule) for rule in rules)
    if client is None:
        return _not_asked(name)
    try:
        policies = read_policies(client)
    except Interrupted:
        raise
    except FguardError as error:
        return Link(name, LinkState.UNCLEAR, f"the policies cannot be read: {error.message}", error.fix)
    found = [rule_coverage(policies, rule, Where(cluster_arn)) for rule in rules]
    seen = next((one for one in found if one.seen_by), None)
    if seen is not None:
        return Link(name, LinkState.WHOLE, f"{seen.seen_by[0].name!r} is enabled and has the rule {seen.rule!r}")
    perhaps = next((one for one in found if one.perhaps_by), None)
    if perhaps is not None:
        depends = (
            f"{perhaps.perhaps_by[0].name!r} has the rule {perhaps.rule!r}; whether its scope applies depends"
        )
        return Link(name, LinkState.UNCLEAR, depends, "look at the policy's scope")
    why = "; ".join(dict.fromkeys(text for one in found for text in one.obstacles))
    fix = f"Sysdig Secure > Policies > Runtime: enable a workload policy with the rule {wanted} for this cluster"
    return Link(name, LinkState.BROKEN, why, fix)


def account_link(context: Context, client: SecureClient | None, outputs: DeploymentOutputs) -> Link:
    """Whether the token is of the account and region that the agents send to."""
    from fargate_guard.sysdig.events import Window, read_events

    name = "region and token"
    if client is None:
        return _not_asked(name)
    agents, asked = context.config.sysdig.region, client.address.region
    if agents and asked and agents != asked:
        return Link(
            name,
            LinkState.BROKEN,
            f"the agents send to {agents}, and {asked} was asked for events",
            "use one: sysdig.region in fguard.yaml, --sysdig-region, FGUARD_SYSDIG_URL",
        )
    now = client.now()
    try:
        narrowed = _of_account(client, outputs.account_id)
        events = islice(read_events(client, Window(now - 24 * HOUR, now), narrowed), MOST_READ)
        newest = next((one for one in events if _is_of(one.raw, outputs)), None)
    except Interrupted:
        raise
    except FguardError as error:
        return unanswered_link(error)
    if newest is not None:
        return Link(name, LinkState.WHOLE, f"{client.address.host} has events of this AWS account: {newest.time}")
    return Link(
        name,
        LinkState.UNCLEAR,
        f"{client.address.host} shows this token no event of account {outputs.account_id} of the last day"
        + ("" if narrowed else f" (of the newest {MOST_READ} events)"),
        "the token's team must see the account; the agents' access key must be of the same Sysdig account",
    )


def unanswered_link(error: FguardError) -> Link:
    """What is known of region and token where Sysdig refuses; while it does not answer as it should: nothing."""
    passes = isinstance(error, Unreachable | Overloaded | BrokenAnswer)
    state = LinkState.UNCLEAR if passes else LinkState.BROKEN
    return Link("region and token", state, f"{error.message} ({error.why})", error.fix)


def _of_account(client: SecureClient, account_id: str) -> str | None:
    """Return Sysdig's filter for an AWS account; None where it has none, or refuses it."""
    from fargate_guard.sysdig.events import accepted, supported_filters
    from fargate_guard.sysdig.filters import can_filter, quoted

    can = can_filter(supported_filters(client), ACCOUNT_LABEL, "=")
    return accepted(client, f"{ACCOUNT_LABEL} = {quoted(account_id)}" if can else None)


def _not_asked(name: str) -> Link:
    return Link(name, LinkState.NOT_ASKED, "there is no Sysdig API token", "set FGUARD_SYSDIG_TOKEN")


def _is_of(event: Mapping[str, Any], outputs: DeploymentOutputs) -> bool:
    labels = event.get("labels")
    return isinstance(labels, dict) and labels.get(ACCOUNT_LABEL) == outputs.account_id


def _containers(described: Mapping[str, Any]) -> str:
    told = [
        f"; {container['name']}: "
        + ", ".join(
            str(part)
            for part in (
                f"exit code {container['exitCode']}" if container.get("exitCode") is not None else None,
                container.get("reason"),
            )
            if part
        )
        for container in described.get("containers") or ()
        if container.get("reason") or container.get("exitCode")
    ]
    return "".join(told)

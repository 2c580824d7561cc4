"""Where the trigger runs and as what, in the direct topology; and links that need no running task."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_guard.aws import lone_tasks
from fargate_guard.aws.errors import AwsError
from fargate_guard.aws.lone_tasks import register
from fargate_guard.aws.session import Aws
from fargate_guard.cli.detect_view import detection_text
from fargate_guard.config.model import Config
from fargate_guard.deployment import OrchestratorOutputs
from fargate_guard.errors import Interrupted, PreflightError
from fargate_guard.sandbox import Fault, FaultKind, Sandbox
from fargate_guard.sysdig.address import Address
from fargate_guard.sysdig.client import Clock, SecureClient
from fargate_guard.sysdig.errors import Overloaded, SysdigError
from fargate_guard.sysdig.token import Token
from fargate_guard.sysdig.transport import Transport
from fargate_guard.workflows.detect import (
    MISSED,
    UNKNOWN,
    Detection,
    ThroughExec,
    Wish,
    ask_once,
    detect,
    wait_for_event,
)
from fargate_guard.workflows.detect_chain import (
    Link,
    LinkState,
    account_link,
    orchestrator_link,
    policy_link,
    task_link,
    weakest,
)
from fargate_guard.workflows.detect_leftovers import DETECT_TAG, mark_of
from fargate_guard.workflows.detect_place import find_place, task_definition
from fargate_guard.workflows.detect_task import Waiting, trigger_task
from fargate_guard.workflows.detect_triggers import TRIGGERS
from fargate_guard.workflows.embedded_aws import is_embedded_aws
from tests.detect.conftest import TRIGGER
from tests.detect.hand_made import KEY, WORKLOAD, context_of, outputs_of
from tests.detect.policies_route import WRITES, Policies, policy
from tests.sysdig_api.interferences import failing
from tests.sysdig_api.made_events import fargate_event
from tests.verify.test_verification_workflow import heard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.sandbox.faults import Faults
    from tests.detect.conftest import Secure


ORCHESTRATOR = {one.name: "the-orchestrator" for one in fields(OrchestratorOutputs)} | {"port": 6667}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """An account with nothing in it."""
    with Sandbox.start() as started:
        yield started


@pytest.fixture(scope="module")
def aws(sandbox: Sandbox) -> Aws:
    return Aws(environ=sandbox.environment())


@pytest.fixture
def faults(sandbox: Sandbox) -> Iterator[Faults]:
    yield sandbox.faults
    sandbox.faults.clear()


def test_the_first_workload_with_a_security_group_lends_its_place() -> None:
    context = context_of(Aws(region="us-east-1"))
    place = find_place(context, outputs_of(), None)
    assert place.workload == "web"
    assert place.network() == {
        "subnets": ["subnet-1"],
        "securityGroups": ["sg-0123456789abcdef0"],
        "assignPublicIp": "ENABLED",
    }
    with pytest.raises(PreflightError, match="no workload whose place"):
        find_place(context, outputs_of(), "job")


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_direct_agent_gets_the_key_that_the_deployed_one_has(name: str, aws: Aws) -> None:
    sidecar = {
        "name": "SysdigInstrumentation",
        "image": "quay.io/sysdig/workload-agent:6.2.1",
        "memory": 256,
        "secrets": [{"name": "SYSDIG_ACCESS_KEY", "valueFrom": KEY}],
    }
    definition = {"family": "direct-web", "executionRoleArn": "arn:aws:iam::123456789012:role/web"}
    arn = register(aws, {**definition, "containerDefinitions": [sidecar]}, {})
    context = context_of(aws)
    outputs = outputs_of(workloads={"web": {**WORKLOAD, "task_definition_arn": arn}})
    where = find_place(context, outputs, "web")
    made = task_definition(context, where, TRIGGERS[name], family="f", image="repo/x:1", seconds=60)
    containers = {one["name"]: one for one in made["containerDefinitions"]}
    assert containers["trigger"]["image"] == "repo/x:1"
    assert containers["trigger"]["entryPoint"][0] == "/opt/draios/bin/instrument"
    assert {"name": "SYSDIG_ACCESS_KEY", "valueFrom": KEY} in containers["SysdigInstrumentation"]["secrets"]
    assert made["pidMode"] == "task"
    ends = containers["stopwatch"]["command"] if "stopwatch" in containers else containers["trigger"]["command"]
    assert "90" in ends[0] or "-lt 18" in ends[0]
    groups = {one["logConfiguration"]["options"]["awslogs-group"] for one in made["containerDefinitions"]}
    assert groups == {"/fguard/direct/web/agent"}


@pytest.mark.parametrize(
    ("sidecar", "size"),
    [
        ({}, ("512", "1024")),
        ({"cpu": 256, "memory": 512}, ("512", "1024")),
        ({"memory": 2048, "memory_reservation": 256}, ("512", "3072")),
        ({"memory_reservation": 3000}, ("512", "4096")),
        ({"cpu": 1024}, ("2048", "4096")),
    ],
)
def test_a_sidecar_that_takes_much_has_room_beside_the_trigger(
    sidecar: dict[str, int], size: tuple[str, str], aws: Aws
) -> None:
    context = context_of(aws)
    document = context.config.model_dump() | {"agent": {"version": "5.0.1", "sidecar": sidecar}}
    context = replace(context, config=Config.model_validate(document))
    where = find_place(context, outputs_of(orchestrator=ORCHESTRATOR), "web")
    trigger = TRIGGERS["event-generator"]
    made = task_definition(context, where, trigger, family="f", image=None, seconds=60)
    assert (made["cpu"], made["memory"]) == size


def test_a_deployed_workload_without_a_key_is_refused(aws: Aws) -> None:
    context = context_of(aws)
    where = find_place(context, outputs_of(), "web")
    with pytest.raises(PreflightError, match="no access key"):
        task_definition(context, where, TRIGGERS["read-sensitive-file"], family="f", image=None, seconds=60)


def test_why_no_task_was_started_is_told_also_where_ecs_lists_none(faults: Faults, aws: Aws) -> None:
    for action, code in (("RunTask", "BlockedException"), ("ListTasks", "AccessDeniedException")):
        faults.add(Fault(FaultKind.API_ERROR, aws_service="ecs", action=action, code=code))
    context = context_of(aws)
    where = find_place(context, outputs_of(), "web")
    with (
        pytest.raises(AwsError, match="refused ecs:RunTask"),
        trigger_task(context, where, TRIGGER, seconds=60, waiting=Waiting()),
    ):
        pytest.fail("it does not run")
    assert any("whether the task was started is not known" in line for line in heard(context))


def test_what_a_killed_run_left_goes_also_where_no_workload_lends_its_place(aws: Aws) -> None:
    revision = register(aws, TRIGGER | {"family": "fguard_direct_detect"}, {DETECT_TAG: mark_of(1)})
    with pytest.raises(PreflightError, match="no workload whose place"):
        detect(context_of(aws), outputs_of(workloads={}), None, Wish(TRIGGERS["read-sensitive-file"]))
    assert revision not in lone_tasks.revisions(aws, "fguard_direct_detect")


def test_agents_of_one_region_and_events_of_another_is_the_wrong_region() -> None:
    context = context_of(Aws(region="us-east-1"))
    address = Address("https://secure.sysdig.com", "--sysdig-region")
    client = SecureClient(address, Token("t", "x"), Transport())
    outputs = outputs_of()
    link = account_link(context, client, outputs)
    assert link.state is LinkState.BROKEN
    assert "the agents send to eu1, and us1 was asked" in link.evidence


def test_an_orchestrator_that_ecs_does_not_tell_of_is_no_error(faults: Faults, aws: Aws) -> None:
    outputs = outputs_of(orchestrator=ORCHESTRATOR)
    context = context_of(aws)
    assert orchestrator_link(context, aws, outputs, waited=True).state is LinkState.BROKEN
    faults.add(Fault(FaultKind.API_ERROR, aws_service="ecs", action="ListTasks", code="AccessDeniedException"))
    link = orchestrator_link(context, aws, outputs, waited=True)
    assert link.state is LinkState.UNCLEAR
    assert "ecs:ListTasks" in link.evidence


def account_link_of(client: SecureClient) -> Link:
    context = context_of(Aws(region="us-east-1"))
    outputs = outputs_of()
    return account_link(context, client, outputs)


def test_a_foreign_account_s_events_are_not_all_read(secure: Secure) -> None:
    api, store, client, clock = secure.api, secure.store, secure.client, secure.clock
    store.publish(
        fargate_event(clock.nanoseconds - number * 10**9, labels={"aws.accountId": "1"}) for number in range(1000)
    )
    assert account_link_of(client).state is LinkState.UNCLEAR
    assert len(api.asked) <= 3


def test_an_outage_proves_nothing_about_region_and_token(secure: Secure) -> None:
    api, client = secure.api, secure.client
    api.interfere(failing(503), times=99)
    link = account_link_of(client)
    assert link.state is LinkState.UNCLEAR
    assert "503" in link.evidence


@pytest.mark.parametrize("look", [account_link_of, lambda client: policy_link(client, (WRITES,), "a cluster")])
def test_who_is_told_to_stop_while_the_links_are_looked_at_stops(
    look: Callable[[SecureClient], Link], secure: Secure
) -> None:
    def stop(_seconds: float) -> None:
        raise Interrupted("stopped by SIGTERM")

    secure.api.interfere(failing(503), times=9)
    secure.client.clock = Clock(secure.clock.wall, stop)
    with pytest.raises(Interrupted):
        look(secure.client)


def test_waiting_ends_at_its_time_also_while_sysdig_is_down(secure: Secure) -> None:
    api, client, clock = secure.api, secure.client, secure.clock
    task = f"arn:aws:ecs:us-east-1:123456789012:task/direct/{'0' * 32}"
    wish = Wish(TRIGGERS["write-below-binary-dir"], timeout=60)
    supported = ask_once(client, task)
    api.interfere(failing(503), times=9999)
    told: list[SysdigError | None] = []
    begin = clock.now
    with pytest.raises(Overloaded):
        wait_for_event(client, task, wish, clock.nanoseconds, supported, troubled=told.append)
    assert 60 <= clock.now - begin < 66
    assert len(told) == 1
    with pytest.raises(Overloaded):
        wait_for_event(client, task, wish, clock.nanoseconds, supported, lambda: False)
    api.forget()
    assert wait_for_event(client, task, wish, clock.nanoseconds, supported, lambda: False) == (None, None)


@pytest.mark.parametrize(
    ("has", "state", "because"),
    [
        ([], "broken", "no workload policy has the rule"),
        ([policy(WRITES)], "ok", "is enabled and has the rule"),
        (
            [policy(WRITES, scope='aws.fargate.cluster.arn = "arn:aws:ecs:us-east-1:1:cluster/x"')],
            "broken",
            "cover",
        ),
        ([policy(WRITES, scope='container.image.repo = "web"')], "unclear", "whether its scope applies depends"),
    ],
)
def test_a_policy_counts_where_it_applies(
    has: list[dict[str, Any]], state: str, because: str, secure: Secure
) -> None:
    policies = Policies()
    policies.all = has
    secure.api.add(policies.routes())
    link = policy_link(secure.client, (WRITES,), "arn:aws:ecs:us-east-1:123456789012:cluster/training")
    assert (link.state.value, because in link.evidence) == (state, True)
    assert bool(link.fix) == (state != "ok")


def test_a_task_that_ended_is_told_with_its_containers() -> None:
    ended = {
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": "trigger", "exitCode": 127, "reason": "not found"}, {"name": "x", "exitCode": 0}],
    }
    link = task_link(ended)
    assert link.state is LinkState.BROKEN
    assert link.evidence == "STOPPED: Essential container in task exited; trigger: exit code 127, not found"
    assert task_link(None).state is LinkState.BROKEN


def test_only_the_sandbox_counts_as_the_embedded_aws(sandbox: Sandbox, secure: Secure) -> None:
    assert is_embedded_aws(sandbox.environment())
    assert not is_embedded_aws({})
    assert not is_embedded_aws({"AWS_ENDPOINT_URL": secure.api.url})
    assert not is_embedded_aws({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert not is_embedded_aws({"AWS_ENDPOINT_URL": "https://ecs.us-east-1.amazonaws.com"})


@given(st.lists(st.sampled_from(LinkState)))
def test_the_first_broken_link_is_the_verdict(states: list[LinkState]) -> None:
    links = [Link(str(number), state, "") for number, state in enumerate(states)]
    found = weakest(links)
    if LinkState.BROKEN in states:
        assert found is links[states.index(LinkState.BROKEN)]
    else:
        assert (found is None) == (LinkState.UNCLEAR not in states)


def test_only_a_broken_link_is_called_where_the_chain_breaks() -> None:
    links = [Link("task", LinkState.WHOLE, "runs"), Link("agent", LinkState.UNCLEAR, "says nothing")]
    found = Detection("read-sensitive-file", ("a rule",), MISSED, task_arn="that task", links=links)
    assert "nothing proves that these are whole: agent." in detection_text(found, embedded=False)
    links.append(Link("policy", LinkState.BROKEN, "none has the rule"))
    assert "that task came; the chain breaks at: policy." in detection_text(found, embedded=False)
    found.links = links[:1]
    assert "every link looks whole" in detection_text(found, embedded=False)


def test_while_sysdig_does_not_tell_nothing_is_claimed() -> None:
    links = [Link("agent", LinkState.WHOLE, "connected"), Link("region and token", LinkState.UNCLEAR, "HTTP 503")]
    found = Detection("read-sensitive-file", ("a rule",), UNKNOWN, task_arn="that task", links=links)
    for through_exec in (None, ThroughExec("web", "a command", by_hand=False)):
        found.through_exec = through_exec
        told = detection_text(found, embedded=False)
        assert told.startswith("Not known: Sysdig Secure did not tell whether an event of that task came;")
        assert found.exit_code == 1
    links[0] = Link("agent", LinkState.BROKEN, "its key is refused")
    assert "the chain breaks at: agent." in detection_text(found, embedded=False)
    assert found.exit_code == 3


def test_a_trigger_that_did_not_run_is_not_said_to_have_run() -> None:
    links = [Link("task", LinkState.BROKEN, "STOPPED: CannotPullContainerError")]
    found = Detection("read-sensitive-file", ("a rule",), wanted=False, task_arn="that task", links=links)
    found.why_not_waited = "--no-wait"
    told = detection_text(found, embedded=False)
    assert "the chain breaks at: task." in told
    assert "ran in" not in told
    assert found.exit_code == 3

"""Events joined with what ECS knows, on the embedded AWS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.aws.secret_value import secret_value
from fargate_guard.aws.session import Aws
from fargate_guard.errors import FguardError, Interrupted, PreflightError
from fargate_guard.sandbox import Fault, FaultKind, Sandbox
from fargate_guard.sysdig.events import SECOND, Window
from fargate_guard.sysdig.filters import Wanted
from fargate_guard.workflows.event_tasks import FORGOTTEN, NO_TASK, KnownTasks
from fargate_guard.workflows.events import Found, Query, find_events
from tests.sandbox.sandbox_account import Account, ManualClock
from tests.sandbox.sandbox_account import client as boto3_client
from tests.sysdig_api.made_events import fargate_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.sysdig.client import SecureClient
    from tests.sysdig_api.events_routes import EventStore

NOW = time.time_ns()
WINDOW = Window(NOW - 3600 * SECOND, NOW)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    clock = ManualClock(time.time())
    with Sandbox.start(clock=clock, sleep=clock.advance) as sandbox:
        account = Account(sandbox, clock)
        account.stable_service()
        yield account


class Asked:
    """Access to the embedded AWS, and what was said to be wrong."""

    def __init__(self, account: Account) -> None:
        self.aws = Aws(environ=account.sandbox.environment())
        self.told: list[str] = []
        self.now = 0.0
        self.calls = 0

    def connect(self) -> Aws:
        self.calls += 1
        return self.aws

    def tasks(self) -> KnownTasks:
        return KnownTasks(
            self.connect, problem=lambda error: self.told.append(error.message), clock=lambda: self.now
        )


@pytest.fixture
def asked(account: Account) -> Asked:
    return Asked(account)


def arns(account: Account) -> list[str]:
    return sorted(task["taskArn"] for task in account.tasks())


def found(client: SecureClient, asked: Asked, **query: Any) -> Found:
    return find_events(client, asked.tasks(), Query(WINDOW, Wanted(), **query))


def test_a_running_task_has_its_service_and_revision(account: Account, asked: Asked) -> None:
    first, second = arns(account)
    facts = asked.tasks().facts([first, second, first, None])
    assert facts[first].service == "web"
    assert facts[first].revision == f"{account.name}:1"
    assert (facts[second].status, facts[second].stopped_reason) == ("RUNNING", None)
    assert facts[None].unknown == NO_TASK
    assert asked.calls == 1


def test_a_task_that_stopped_has_its_reason_and_is_remembered_when_ecs_forgets(
    account: Account, asked: Asked
) -> None:
    tasks = asked.tasks()
    victim = arns(account)[0]
    assert tasks.facts([victim])[victim].status == "RUNNING"
    account.ecs.stop_task(cluster=account.name, task=victim, reason="looked suspicious")
    account.clock.advance(60)
    assert tasks.facts([victim])[victim].status == "RUNNING"
    asked.now += 60
    stopped = tasks.facts([victim])[victim]
    assert (stopped.status, stopped.stopped_reason) == ("STOPPED", "looked suspicious")
    account.clock.advance(3 * 3600)
    account.ecs.stop_task(cluster=account.name, task=arns(account)[0])
    account.clock.advance(60)
    asked.now += 3 * 3600
    assert tasks.facts([victim])[victim] == stopped
    assert asked.tasks().facts([victim])[victim].unknown == FORGOTTEN


def test_more_tasks_than_one_call_takes_are_asked_in_batches(account: Account, asked: Asked) -> None:
    running = arns(account)[0]
    gone = [f"{running.rpartition('/')[0]}/{number:032x}" for number in range(250)]
    facts = asked.tasks().facts([*gone, running])
    assert facts[running].service == "web"
    assert all(facts[arn].unknown == FORGOTTEN for arn in gone)
    assert asked.told == []


def test_what_ecs_refuses_is_told_once_and_stays_unknown(account: Account, asked: Asked) -> None:
    running = arns(account)[0]
    elsewhere = [running.replace(f"/{account.name}/", f"/gone-{number}/") for number in range(2)]
    tasks = asked.tasks()
    facts = tasks.facts([*elsewhere, "arn:nonsense", running])
    assert "could not be asked" in (facts[elsewhere[0]].unknown or "")
    assert facts["arn:nonsense"].unknown
    assert facts[running].service == "web"
    assert asked.told


def test_without_credentials_it_says_so_and_goes_on(account: Account) -> None:
    told: list[str] = []

    def connect() -> Aws:
        raise PreflightError("there are no AWS credentials")

    tasks = KnownTasks(connect, problem=lambda error: told.append(error.message))
    running = arns(account)[0]
    for _ in range(2):
        assert "no AWS credentials" in (tasks.facts([running])[running].unknown or "")
    assert told == ["there are no AWS credentials"]


def test_who_is_told_to_stop_while_aws_is_asked_stops(account: Account) -> None:
    def connect() -> Aws:
        raise Interrupted("stopped by SIGTERM")

    with pytest.raises(Interrupted):
        KnownTasks(connect, problem=lambda _: None).facts(arns(account)[:1])


def test_aws_that_could_not_be_asked_is_asked_again_after_a_minute(account: Account, asked: Asked) -> None:
    log_in: list[Aws] = []

    def connect() -> Aws:
        if not log_in:
            raise PreflightError("the session has expired")
        return log_in[0]

    tasks = KnownTasks(connect, problem=lambda error: asked.told.append(error.message), clock=lambda: asked.now)
    running = arns(account)[0]
    assert tasks.facts([running])[running].service is None
    log_in.append(asked.aws)
    asked.now = 59
    assert "expired" in (tasks.facts([running])[running].unknown or "")
    asked.now = 60
    assert tasks.facts([running])[running].service == "web"
    assert asked.told == ["the session has expired"]


def test_a_permission_that_is_missing_is_named(account: Account, asked: Asked) -> None:
    denied = Fault(
        FaultKind.API_ERROR, aws_service="ecs", action="DescribeTasks", code="AccessDeniedException", count=1
    )
    account.sandbox.faults.add(denied)
    running = account.ecs.list_tasks(cluster=account.name)["taskArns"]
    facts = asked.tasks().facts(running)
    assert running
    assert all("ecs:DescribeTasks" in (facts[arn].unknown or "") for arn in running)
    assert len(asked.told) == 1


def test_events_of_a_service_are_those_whose_task_ecs_knows_to_be_its(
    account: Account, asked: Asked, client: SecureClient, store: EventStore
) -> None:
    mine = arns(account)[0]
    lone = account.ecs.run_task(
        cluster=account.name,
        taskDefinition=account.register(),
        launchType="FARGATE",
        networkConfiguration=account.network(),
    )["tasks"][0]["taskArn"]
    gone = f"{mine.rpartition('/')[0]}/{0:032x}"
    store.publish(
        fargate_event(NOW - number * SECOND, task_arn=arn, severity=severity)
        for number, (arn, severity) in enumerate([(mine, 6), (lone, 3), (gone, 3), (mine, 7)])
    )
    web = found(client, asked, services=("w*",))
    assert [one.event.task_arn for one in web.sightings] == [mine, mine]
    assert web.unmatched == 1
    everything = found(client, asked).sightings
    assert [one.task.service for one in everything] == ["web", None, None, "web"]
    assert found(client, asked, services=("web",), fail_on="low").fails
    assert found(client, asked, services=("web",), fail_on="high").fails, (
        "what cannot be told apart is not passed over"
    )


def test_the_newest_are_shown_and_the_worst_counts_wherever_it_is(
    asked: Asked, client: SecureClient, store: EventStore
) -> None:
    store.publish(fargate_event(NOW - number * SECOND, severity=7 if number else 4) for number in range(30))
    store.publish([fargate_event(NOW - 1000 * SECOND, severity=0)])
    some = found(client, asked, limit=10, fail_on="high")
    assert [one.event.timestamp for one in some.sightings] == [NOW - n * SECOND for n in range(9, -1, -1)]
    assert some.more
    assert some.fails
    assert found(client, asked, limit=10).fails is False
    assert len(found(client, asked, limit=0).sightings) == 31
    assert found(client, asked, limit=31).more is False
    assert found(client, asked, limit=10).summary() == "10 events: 1 medium, 9 info"


@pytest.mark.parametrize(
    ("suffix", "value"), [("", '{"token": "abc", "n": 1}'), (":token::", "abc"), (":token:AWSCURRENT:", "abc")]
)
def test_a_secret_s_value_or_one_key_of_it_is_read(
    account: Account, asked: Asked, suffix: str, value: str
) -> None:
    secrets = boto3_client(account.sandbox, "secretsmanager")
    name = f"sysdig/{len(suffix)}"
    arn = secrets.create_secret(Name=name, SecretString='{"token": "abc", "n": 1}')["ARN"]
    assert secret_value(asked.aws, f"{arn}{suffix}") == value
    with pytest.raises(FguardError, match="no text under the key 'n'"):
        secret_value(asked.aws, f"{arn}:n::")


def test_a_parameter_s_value_is_read_and_a_missing_secret_told(account: Account, asked: Asked) -> None:
    boto3_client(account.sandbox, "ssm").put_parameter(Name="/sysdig/token", Value="abc", Type="SecureString")
    arn = "arn:aws:ssm:us-east-1:123456789012:parameter/sysdig/token"
    assert secret_value(asked.aws, arn) == "abc"
    for missing in (f"{arn}-2", "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-AbCdEf"):
        with pytest.raises(PreflightError, match="no such secret"):
            secret_value(asked.aws, missing)

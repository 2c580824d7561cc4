"""A deployment on the embedded AWS, with the demo workload, and a stand-in for Sysdig Secure beside it."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from typer.testing import CliRunner

from fargate_guard.aws.lone_tasks import register, run_task
from fargate_guard.aws.session import Aws
from fargate_guard.cli.main import app
from fargate_guard.sandbox import Sandbox
from tests.detect.hand_made import context_of
from tests.detect.policies_route import WRITES, Policies, policy
from tests.detect.stand_in_plugin import StandInPlugin
from tests.fguard_process import PERSONAL, Fguard, Ran
from tests.sysdig.conftest import PatientClock, client_of
from tests.sysdig_api.events_routes import EventStore, events_routes
from tests.sysdig_api.made_events import fargate_event
from tests.sysdig_api.server import READER, SecureApi
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from fargate_guard.sysdig.client import SecureClient
    from fargate_guard.workflows.context import Context
    from tests.sysdig_api.server import Asked, Handler

CONFIG = """\
name: training
aws: {region: us-east-1}
agent: {topology: orchestrator, version: 5.0.1}
sysdig:
  region: us1
  access_key: {env: SYSDIG_ACCESS_KEY}
"""
FAMILY = "fguard_training_detect"
AGENTS = "/fguard/training/demo-writer-to-bin/agent"
ORCHESTRATORS = "/fguard/training/orchestrator"
KEY = "01234567-89ab-cdef-0123-456789abcdef"
WAIT = ("detect", "--wait", "--timeout", "1", "--interval", "0.2")
CONNECTED = "Information, connection_manager:352: Connected to collector"
TAGS = {"fguard:deployment": "training"}
SECRETS = {"SYSDIG_ACCESS_KEY": "an-access-key-of-sysdig", "FGUARD_SYSDIG_TOKEN": "a-token-of-sysdig"}
TRIGGER = {
    "family": FAMILY,
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [{"name": "trigger", "image": "public.ecr.aws/docker/library/alpine:3.20.3"}],
}
"""As much of it as matters."""
TASK = re.compile(r"arn:aws:ecs:[^\"]*:task/[^\"]*")
Json = dict[str, Any]


class Listing:
    """The route of the events, which lets a test act before it answers."""

    def __init__(self, handler: Handler) -> None:
        self.act: Callable[[str], object] | None = None
        self._handler = handler

    def __call__(self, asked: Asked, parts: Mapping[str, str]) -> Any:
        task, act = TASK.search(asked.parameters().get("filter", "")), self.act
        if task and act and not task[0].endswith("0" * 32):
            self.act = None
            act(task[0])
        return self._handler(asked, parts)


class Gate:
    """Holds the calls that a fault delays until a test lets them go on."""

    def __init__(self) -> None:
        self.held: list[threading.Thread] = []
        self._open = threading.Event()

    def __call__(self, _seconds: float) -> None:
        self.held.append(threading.current_thread())
        self._open.wait(PATIENCE)

    def release(self) -> None:
        """Let them go on, also when nobody waits for their answers any more, and wait until they are over."""
        self._open.set()
        for call in self.held:
            wait_until(lambda call=call: not call.is_alive(), "a held call is over")  # type: ignore[misc]
        self.held.clear()
        self._open.clear()


@dataclass
class Place:
    """The deployment as a test sees it."""

    sandbox: Sandbox
    fguard: Fguard
    api: SecureApi
    store: EventStore
    policies: Policies
    deployed: Ran
    listing: Listing
    gate: Gate
    cluster: str = "fguard-training"
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        environ = self.sandbox.environment()
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.sandbox.endpoint,
                region_name="us-east-1",
                aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            )
        return self.clients[service]

    def triggers(self) -> list[str]:
        """ARNs of the triggers' tasks that are to run."""
        return list(self.client("ecs").list_tasks(cluster=self.cluster, family=FAMILY)["taskArns"])

    def revisions(self) -> list[str]:
        """The triggers' task definitions, of any state."""
        ecs = self.client("ecs")
        return [
            arn
            for status in ("ACTIVE", "INACTIVE")
            for arn in ecs.list_task_definitions(familyPrefix=FAMILY, status=status)["taskDefinitionArns"]
        ]

    def leave_a_trigger(self, service: str, mark: str) -> str:
        """Start a trigger's task in the place of a service, as a run of that mark would; return its ARN."""
        (found,) = self.client("ecs").describe_services(cluster=self.cluster, services=[service])["services"]
        aws, tags = Aws(environ=self.sandbox.environment()), {**TAGS, "fguard:detect": mark}
        left = register(aws, TRIGGER, tags)
        network = found["networkConfiguration"]["awsvpcConfiguration"]
        return run_task(aws, self.cluster, left, network, tags, "fguard-detect")

    def say(self, group: str, stream_end: str, *lines: str, ago: float = 0.0) -> int:
        """Put lines into the stream whose name ends so, as its container would; return when, in milliseconds."""
        logs = self.client("logs")
        streams = [one["logStreamName"] for one in logs.describe_log_streams(logGroupName=group)["logStreams"]]
        stream = next(name for name in streams if name.endswith(stream_end))
        at = int((time.time() - ago) * 1000)
        said = [{"timestamp": at + number, "message": line} for number, line in enumerate(lines)]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=said)
        return at

    def when_asked(self, act: Callable[[str], object]) -> None:
        """Do something while Sysdig is first asked for the events of a task; it gets the task's ARN.

        By then the task runs; the answer waits until it is done.
        """
        self.listing.act = act


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Deployed with CloudFormation and the demo workload, by the command itself."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "fguard.yaml").write_text(CONFIG)
    store, policies, gate = EventStore(), Policies(), Gate()
    with Sandbox.start(speed=20, sleep=gate) as sandbox, SecureApi() as api:
        events, *others = events_routes(store)
        listing = Listing(events.handler)
        api.add([replace(events, handler=listing), *others, *policies.routes()])
        environ = {
            **sandbox.environment(),
            "SYSDIG_ACCESS_KEY": "an-access-key-that-must-not-leak",
            "FGUARD_SYSDIG_URL": api.url,
            "FGUARD_SYSDIG_TOKEN": READER,
        }
        fguard = Fguard(folder, environ)
        deployed = fguard("deploy", "--method", "cloudformation", "--with-demo-workload", "--yes", "--json")
        assert deployed.exit_code == 0, deployed.stderr
        yield Place(sandbox, fguard, api, store, policies, deployed, listing, gate)


@dataclass(frozen=True)
class Secure:
    """A stand-in for Sysdig Secure, and a client with a clock that only moves when somebody waits."""

    api: SecureApi
    store: EventStore
    client: SecureClient
    clock: PatientClock


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secure]:
    for name in ("HTTP_PROXY", "http_proxy", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    store, clock = EventStore(), PatientClock()
    with SecureApi() as api:
        api.wall = clock.wall
        api.add(events_routes(store))
        yield Secure(api, store, client_of(api.url, clock), clock)


@pytest.fixture(scope="module")
def through_exec(place: Place) -> tuple[str, ...]:
    """The demo workload's service allows ECS Exec, and a task of it was started since."""
    ecs, service = place.client("ecs"), "fguard_training_demo-writer-to-bin"
    ecs.update_service(cluster=place.cluster, service=service, enableExecuteCommand=True, forceNewDeployment=True)

    def allowing() -> list[Any]:
        arns = ecs.list_tasks(cluster=place.cluster, serviceName=service)["taskArns"]
        tasks = ecs.describe_tasks(cluster=place.cluster, tasks=arns)["tasks"] if arns else []
        return [task for task in tasks if task["enableExecuteCommand"] and task["lastStatus"] == "RUNNING"]

    wait_until(lambda: bool(allowing()), "a task allows ECS Exec")
    return ("detect", "--exec", "--service", "demo-writer-to-bin")


@dataclass(frozen=True)
class Service:
    """A service with an instrumented container and the sidecar, which allows ECS Exec."""

    sandbox: Sandbox
    ecs: Any

    def running(self) -> int:
        """How many of its tasks run."""
        return int(self.ecs.describe_services(cluster="direct", services=["web"])["services"][0]["runningCount"])

    def task(self) -> str:
        """Its running task."""
        return str(self.ecs.list_tasks(cluster="direct", serviceName="web")["taskArns"][0])


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """In an account that has nothing else."""
    with Sandbox.start(speed=20) as sandbox:
        session = boto3.Session("key", "secret", region_name="us-east-1")
        ecs: Any = session.client("ecs", endpoint_url=sandbox.endpoint)
        ec2: Any = session.client("ec2", endpoint_url=sandbox.endpoint)
        ecs.create_cluster(clusterName="direct")
        wrapped = {"entryPoint": ["/opt/draios/bin/instrument", "/bin/web"], "essential": True}
        definition = {
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "512",
            "memory": "1024",
            "containerDefinitions": [
                {"name": "proxy", "image": "example/proxy:1"},
                {"name": "web", "image": "example/web:1", **wrapped},
                {"name": "SysdigInstrumentation", "image": "quay.io/sysdig/workload-agent:6.2.1"},
            ],
        }
        ecs.register_task_definition(family="web", **definition)
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        ecs.create_service(
            cluster="direct",
            serviceName="web",
            taskDefinition="web",
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
            enableExecuteCommand=True,
        )
        made = Service(sandbox, ecs)
        wait_until(lambda: made.running() == 1, "its task runs")
        yield made


@pytest.fixture
def plugin(tmp_path: Path) -> StandInPlugin:
    """A folder for it."""
    return StandInPlugin(tmp_path)


@pytest.fixture
def context(service: Service, plugin: StandInPlugin) -> Iterator[Context]:
    """With the plugin's folder in PATH."""
    environ = {**service.sandbox.environment(), **SECRETS, "PATH": plugin.path}
    yield replace(context_of(Aws(environ=service.sandbox.environment())), environ=environ)
    service.sandbox.faults.clear()


@pytest.fixture
def as_it_was(place: Place) -> Iterator[None]:
    """No event, no fault; the policy with the rule."""
    yield
    place.store.clear()
    place.listing.act = None
    place.api.forget()
    place.sandbox.faults.clear()
    place.policies.all = [policy(WRITES)]


@pytest.fixture
def run(place: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run fguard in this process, which is faster, in the deployment's folder."""
    import os

    monkeypatch.chdir(place.fguard.folder)
    for name in list(os.environ):
        if name.startswith(PERSONAL):
            monkeypatch.delenv(name)
    for name, value in place.fguard.environ.items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments: str) -> Ran:
        result = CliRunner().invoke(app, list(arguments))
        return Ran(result.exit_code, result.stdout, result.stderr)

    return invoke


def event_of(task_arn: str, **more: Any) -> Json:
    """An event of a task, now."""
    return fargate_event(time.time_ns(), task_arn=task_arn, **more)


def chain_of(ran: Ran) -> dict[str, tuple[str, str]]:
    """State and evidence of each link."""
    return {link["name"]: (link["state"], link["evidence"]) for link in json.loads(ran.stdout)["chain"]}


def missed(place: Place, run: Callable[..., Ran], agent: str, *, says: tuple[str, ...] = ()) -> Ran:
    """A run without an event, whose sidecar writes a line, and whose orchestrator does."""
    if says:
        place.say(ORCHESTRATORS, orchestrator_task(place), *says)
    stream = "sysdig/SysdigInstrumentation/"
    place.when_asked(lambda task: place.say(AGENTS, f"{stream}{task[-32:]}", f"access_key={KEY}", agent))
    ran = run(*WAIT, "--json")
    assert ran.exit_code == 3, ran.stderr
    assert ran.document["outcome"] == "not detected"
    assert place.triggers() == place.revisions() == []
    assert KEY not in ran.stdout + ran.stderr
    return ran


def orchestrator_task(place: Place) -> str:
    """The end of its ARN."""
    arns = place.client("ecs").list_tasks(
        cluster=place.cluster, serviceName="fguard_training_sysdig_orchestrator"
    )["taskArns"]
    return str(arns[0]).rpartition("/")[2]


def silence_orchestrator(place: Place) -> None:
    """What it said is forgotten, so that the deployment is well again."""
    logs, group = place.client("logs"), {"logGroupName": ORCHESTRATORS}
    for stream in logs.describe_log_streams(**group)["logStreams"]:
        logs.delete_log_stream(**group, logStreamName=stream["logStreamName"])
        logs.create_log_stream(**group, logStreamName=stream["logStreamName"])
        place.say(ORCHESTRATORS, stream["logStreamName"], "it runs")

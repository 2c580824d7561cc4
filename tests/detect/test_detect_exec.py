"""The trigger in a running service, through ECS Exec and a stand-in for AWS's Session Manager plugin."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.aws.errors import AccessDenied, AwsError, NotFound
from fargate_guard.aws.exec_session import open_session
from fargate_guard.aws.session_manager_plugin import run_session
from fargate_guard.errors import FguardError, PreflightError, UsageError
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.sysdig.errors import TokenError
from fargate_guard.workflows.detect import Detection, Wish
from fargate_guard.workflows.detect_exec import Spot, find_spot
from fargate_guard.workflows.detect_session import Instead, detect_in_service, plugin_to_use
from fargate_guard.workflows.detect_triggers import TRIGGERS
from tests.detect.conftest import SECRETS
from tests.detect.hand_made import outputs_of
from tests.detect.stand_in_plugin import ACTS, HANGS, StandInPlugin, is_alive
from tests.sysdig.conftest import client_of
from tests.sysdig_api.interferences import failing
from tests.sysdig_api.made_events import fargate_event
from tests.verify.test_verification_workflow import heard
from tests.waiting import wait_until

if TYPE_CHECKING:
    from fargate_guard.workflows.context import Context
    from tests.detect.conftest import Secure, Service

WRITES = TRIGGERS["write-below-binary-dir"]
NOT_ASKED = Wish(WRITES, timeout=60, wait=False, why_not="nobody asked")


def spot_of(context: Context) -> Spot:
    return find_spot(context, outputs_of(), "web", WRITES)


def run(context: Context, plugin: StandInPlugin, body: str, wish: Wish = NOT_ASKED) -> Detection:
    spot = spot_of(context)
    plugin.install(body, mark=spot.mark)
    return detect_in_service(context, None, spot, wish, plugin_to_use(context, spot))


# How the plugin is started


def test_the_plugin_gets_the_session_as_the_aws_cli_gives_it_but_for_the_token(
    context: Context, plugin: StandInPlugin, service: Service
) -> None:
    found = run(context, plugin, ACTS)
    variable, region, operation, profile, target, endpoint = plugin.arguments()
    assert (variable, region, operation, profile) == (
        "AWS_SSM_START_SESSION_RESPONSE",
        "us-east-1",
        "StartSession",
        "",
    )
    task = service.task()
    described = service.ecs.describe_tasks(cluster="direct", tasks=[task])["tasks"][0]
    (web,) = (one for one in described["containers"] if one["name"] == "web")
    assert json.loads(target) == {"Target": f"ecs:direct_{task[-32:]}_{web['runtimeId']}"}
    assert endpoint == service.sandbox.endpoint
    session = json.loads(plugin.environment()[variable])
    assert found.through_exec is not None
    assert session["SessionId"] == found.through_exec.session_id
    assert session["StreamUrl"].startswith("wss://sandbox.invalid/")
    secrets = {session["TokenValue"], *SECRETS.values()}
    assert not [secret for secret in secrets if secret in "\n".join(plugin.arguments())]
    told = json.dumps(found.document()) + "\n".join(heard(context))
    assert not [secret for secret in secrets if secret in told]
    assert not SECRETS.keys() & plugin.environment().keys()
    assert (plugin.folder / "terminal").read_text().startswith("/dev/")


def test_its_output_is_kept_without_the_token(context: Context, plugin: StandInPlugin) -> None:
    found = run(context, plugin, 'printenv AWS_SSM_START_SESSION_RESPONSE\nprintf "\\033[31mred\\n"\n' + ACTS)
    assert found.through_exec is not None
    token = json.loads(plugin.environment()["AWS_SSM_START_SESSION_RESPONSE"])["TokenValue"]
    assert token not in json.dumps(found.document())
    assert "\\x1b[31mred" in found.through_exec.output
    assert "fguard-detect ended with 0" in found.through_exec.output
    assert [link.name for link in found.links] == ["task", "session", "agent", "orchestrator"]


def test_without_a_plugin_it_says_what_is_missing_and_what_to_type(context: Context) -> None:
    spot = spot_of(context)
    with pytest.raises(PreflightError, match="session-manager-plugin is missing") as refused:
        plugin_to_use(context, spot)
    assert "session-manager-working-with-install-plugin.html" in str(refused.value.fix)
    typed = f"aws ecs execute-command --region us-east-1 --cluster direct --task {spot.task_arn} --container web"
    assert typed in str(refused.value.fix)
    assert "--by-hand" in str(refused.value.fix)


@pytest.mark.parametrize(
    ("version", "told"), [("1.2.497.0", "1.2.497.0 is too old"), ("no number", "does not say which version it is")]
)
def test_a_plugin_that_would_show_the_token_to_everybody_gets_none(
    version: str, told: str, context: Context, plugin: StandInPlugin, service: Service
) -> None:
    plugin.install(ACTS, version=version)
    service.sandbox.take_calls()
    with pytest.raises(PreflightError, match=re.escape(f"session-manager-plugin {told}")) as refused:
        plugin_to_use(context, spot_of(context))
    assert "as an argument" in str(refused.value.why)
    assert not plugin.was_started()
    assert "ecs:ExecuteCommand" not in service.sandbox.take_calls()


# What becomes of the session


@pytest.mark.parametrize(
    ("body", "message", "why", "fix"),
    [
        (
            "echo 'Cannot perform start session: EOF'\n",
            "before the trigger had acted",
            "start session: EOF",
            "/bin/sh",
        ),
        (
            "echo 'Unable to start command: Failed to start pty: fork/exec /bin/sh: no such file or directory'\n",
            "before the trigger had acted",
            "fork/exec /bin/sh",
            "the container needs /bin/sh",
        ),
        ("exit 3\n", "before the trigger had acted", "Starting session", "ssmmessages"),
        (
            'echo "fguard-detect: writes"; echo "sh: Read-only file system"; echo "fguard-detect ended with 2"\n',
            "could not act in the container",
            "Read-only file system",
            "the other --trigger",
        ),
    ],
)
def test_a_session_in_which_the_trigger_did_not_run_is_an_error_with_what_it_wrote(
    body: str, message: str, why: str, fix: str, context: Context, plugin: StandInPlugin
) -> None:
    with pytest.raises(FguardError, match=message) as failed:
        run(context, plugin, body)
    assert why in str(failed.value.why)
    assert fix in str(failed.value.fix)
    assert "container web of arn:aws:ecs:" in str(failed.value.where)


def test_a_session_that_hangs_is_cut_in_time(context: Context, plugin: StandInPlugin) -> None:
    with pytest.raises(FguardError, match="did not end in time; AWS's plugin was killed"):
        run(context, plugin, HANGS, replace(NOT_ASKED, timeout=0.3))


def test_a_plugin_that_does_not_end_is_killed_with_all_it_started(context: Context, plugin: StandInPlugin) -> None:
    spot = spot_of(context)
    plugin.install(HANGS)
    ended = run_session(
        plugin_to_use(context, spot),
        open_session(context.aws, "direct", spot.task, spot.container, spot.command),
        region="us-east-1",
        profile=None,
        endpoint="http://127.0.0.1:1",
        environ=context.environ,
        seconds=120,
        enough=lambda written: "hangs now" in written,
        closing=0.0,
    )
    assert ended.exit_code is None
    assert "hangs now" in ended.output
    assert len(plugin.processes()) == 2
    wait_until(lambda: not any(map(is_alive, plugin.processes())), "nothing of it runs")


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [
        ("TargetNotConnectedException", FguardError, "ssmmessages:CreateControlChannel"),
        ("AccessDeniedException", AccessDenied, "allow ecs:ExecuteCommand"),
        ("ClusterNotFoundException", NotFound, "None"),
        ("InvalidParameterException", FguardError, "run fguard detect again"),
    ],
)
def test_what_aws_refuses_is_told_with_its_fix(
    code: str, kind: type[FguardError], told: str, context: Context, plugin: StandInPlugin, service: Service
) -> None:
    fault = Fault(FaultKind.API_ERROR, aws_service="ecs", action="ExecuteCommand", code=code, message="No.")
    service.sandbox.faults.add(fault)
    with pytest.raises(kind) as refused:
        run(context, plugin, ACTS)
    assert told in str(refused.value.fix)
    assert f"No. [{code}]" in str(refused.value.why)
    assert not plugin.was_started()


# Where it may run


def test_a_container_whose_agent_of_ecs_exec_does_not_run_is_told(context: Context, service: Service) -> None:
    service.sandbox.faults.add(Fault(FaultKind.EXEC_AGENT_STOPPED, service="web", container="web"))
    with pytest.raises(PreflightError, match="AWS's agent does not run there") as refused:
        spot_of(context)
    assert "container web of arn:aws:ecs:" in str(refused.value.why)
    assert "its ExecuteCommandAgent is STOPPED" in str(refused.value.why)
    assert "pidMode: task" in str(refused.value.why)


def test_the_sidecar_s_agent_is_none_of_the_workload_s(context: Context, service: Service) -> None:
    service.sandbox.faults.add(Fault(FaultKind.EXEC_AGENT_STOPPED, service="web", container="Sysdig*"))
    assert spot_of(context).container["name"] == "web"


def test_a_cluster_that_is_gone_is_told(context: Context) -> None:
    cluster = {"arn": "arn:aws:ecs:us-east-1:123456789012:cluster/gone", "name": "gone", "created": True}
    with pytest.raises(PreflightError, match="the deployment's cluster is gone"):
        find_spot(context, outputs_of(cluster=cluster), "web", WRITES)
    with pytest.raises(UsageError, match="there is no service job"):
        find_spot(context, outputs_of(), "job", WRITES)


# Waiting for the trigger's own event


def test_only_the_trigger_s_own_event_counts(context: Context, plugin: StandInPlugin, secure: Secure) -> None:
    spot = spot_of(context)
    later = secure.clock.nanoseconds + 10**9
    others = [fargate_event(later, task_arn=spot.task_arn), fargate_event(later, task_arn=f"{spot.task_arn}0")]
    secure.store.publish(others)
    plugin.install(ACTS, mark=spot.mark)
    how = plugin_to_use(context, spot)
    found = detect_in_service(context, secure.client, spot, Wish(WRITES, timeout=5), how)
    assert found.outcome == "not detected"
    assert found.exit_code == 3
    links = {link.name: link for link in found.links}
    assert list(links) == [
        "task",
        "session",
        "other events",
        "agent",
        "orchestrator",
        "policy",
        "region and token",
    ]
    assert "fguard-detect ended with 0" in links["session"].evidence
    assert links["other events"].evidence.endswith("Write below binary dir (1)")
    output = f"File below a known binary directory opened for writing (file=/bin/{spot.mark})"
    secure.store.publish([fargate_event(secure.clock.nanoseconds + 10**9, task_arn=spot.task_arn, output=output)])
    found = detect_in_service(context, secure.client, spot, Wish(WRITES, timeout=60), how)
    assert found.outcome == "detected"
    assert found.event is not None
    assert found.event.output == output
    assert found.triggered_by == "the session's first line"
    assert found.latency()["to_event_seconds"] == pytest.approx(1.0)
    assert found.links == []


def test_where_the_session_s_line_comes_after_the_event_its_opening_tells_the_latency(
    context: Context, plugin: StandInPlugin, secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    spot, opened = spot_of(context), secure.clock.now

    def late_line() -> float:
        return opened + (5 if plugin.was_started() else 0)

    secure.api.wall = late_line
    monkeypatch.setattr(secure.clock, "wall", late_line)
    client = client_of(secure.api.url, secure.clock)
    plugin.install(ACTS, mark=spot.mark)
    at = int((opened + 1) * 1e9)
    secure.store.publish([fargate_event(at, task_arn=spot.task_arn, output=f"file=/bin/{spot.mark}")])
    found = detect_in_service(context, client, spot, Wish(WRITES, timeout=60), plugin_to_use(context, spot))
    assert found.triggered_by == "the opening of the session"
    assert found.latency() == pytest.approx({"to_event_seconds": 1.0, "to_arrival_seconds": 5.0})


def test_typed_by_hand_no_plugin_is_needed_and_no_time_is_claimed(context: Context, secure: Secure) -> None:
    spot = spot_of(context)
    event = fargate_event(
        secure.clock.nanoseconds + 10**9, task_arn=spot.task_arn, output=f"file=/bin/{spot.mark}"
    )
    secure.store.publish([event])
    secure.api.interfere(failing(401))
    with pytest.raises(TokenError):
        detect_in_service(context, secure.client, spot, Wish(WRITES, timeout=60), Instead.BY_HAND)
    assert heard(context) == []
    found = detect_in_service(context, secure.client, spot, Wish(WRITES, timeout=60), Instead.BY_HAND)
    assert spot.to_type(None) in heard(context)
    assert found.outcome == "detected"
    assert found.latency() == {"to_event_seconds": None, "to_arrival_seconds": None}


def test_where_no_container_runs_ecs_opens_a_session_and_nothing_connects(
    context: Context, plugin: StandInPlugin, service: Service
) -> None:
    plugin.install(ACTS)
    service.sandbox.take_calls()
    found = detect_in_service(context, None, spot_of(context), NOT_ASKED, Instead.OPENED_ONLY)
    assert "ecs:ExecuteCommand" in service.sandbox.take_calls()
    assert not plugin.was_started()
    assert "nothing connected to it" in found.links[1].evidence
    assert found.exit_code == 3


# What the embedded AWS refuses


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"interactive": False}, "InvalidParameterException"),
        ({"container": "nobody"}, "InvalidParameterException"),
        ({"task": "0" * 32}, "InvalidParameterException"),
        ({"cluster": "nowhere"}, "ClusterNotFoundException"),
        ({"container": "proxy"}, "TargetNotConnectedException"),
    ],
)
def test_ecs_opens_no_session_there(asked: dict[str, Any], code: str, context: Context, service: Service) -> None:
    service.sandbox.faults.add(Fault(FaultKind.EXEC_AGENT_STOPPED, service="web", container="proxy"))
    well: dict[str, Any] = {"cluster": "direct", "task": service.task(), "container": "web", "interactive": True}
    with pytest.raises(AwsError) as refused:
        context.aws.call("ecs", "execute_command", command="ls", **(well | asked))
    assert refused.value.code == code
    assert context.aws.call("ecs", "execute_command", command="ls", **well)["session"]["sessionId"]


def test_ecs_opens_no_session_in_a_task_that_was_started_without_it(context: Context, service: Service) -> None:
    ecs, cluster = service.ecs, {"cluster": "direct"}
    (found,) = ecs.describe_services(**cluster, services=["web"])["services"]
    network = {"networkConfiguration": found["networkConfiguration"], "launchType": "FARGATE"}
    task = ecs.run_task(**cluster, taskDefinition="web", **network)["tasks"][0]["taskArn"]
    asked: dict[str, Any] = {**cluster, "task": task, "container": "web", "interactive": True}
    with pytest.raises(AwsError) as refused:
        context.aws.call("ecs", "execute_command", command="ls", **asked)
    assert "was not enabled when the task was run" in str(refused.value.why)

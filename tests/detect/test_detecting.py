"""``fguard detect`` on a deployment: the event of that very task, its latency, what is taken away, what broke."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.workflows.detect_leftovers import mark_of
from tests.detect.conftest import AGENTS, CONNECTED, WAIT, chain_of, event_of, missed, silence_orchestrator
from tests.detect.policies_route import WRITES, policy
from tests.detect.stand_in_plugin import ACTS, HANGS, StandInPlugin, is_alive
from tests.end_to_end.test_quickstart_story import permissions
from tests.sysdig_api.interferences import too_many_requests
from tests.sysdig_api.server import STRANGER
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.detect.conftest import Place
    from tests.fguard_process import Ran

    Run = Callable[..., Ran]

pytestmark = pytest.mark.usefixtures("as_it_was")
REFUSED = "Error, error_message_handler:63: received ERR_INVALID_CUSTOMER_KEY (Unauthorized agent access key.)"


def test_the_event_of_that_very_task_is_detected_with_its_latency(place: Place, run: Run) -> None:
    seen: dict[str, Any] = {}

    def notice(task: str) -> None:
        ecs = place.client("ecs")
        seen["task"] = ecs.describe_tasks(cluster=place.cluster, tasks=[task], include=["TAGS"])["tasks"][0]
        seen["definition"] = ecs.describe_task_definition(taskDefinition=seen["task"]["taskDefinitionArn"])
        line = "fguard-detect: writes /bin/fguard-detect (1)"
        said = place.say(AGENTS, f"fguard-detect/trigger/{task[-32:]}", line)
        event = event_of(task, severity=4) | {"timestamp": (said + 300) * 10**6}
        place.store.publish([event_of(task[:-32] + "f" * 32), event])

    place.sandbox.take_calls()
    place.when_asked(notice)
    ran = run("detect", "--wait", "--timeout", "60", "--interval", "0.1", "--json")
    calls = {call for call in place.sandbox.take_calls() if not call.endswith(":")}
    calls -= {"logs:DescribeLogStreams", "logs:PutLogEvents"}  # made by the test itself
    assert ran.exit_code == 0, ran.stderr
    told = ran.document
    assert told["outcome"] == "detected"
    assert told["task_arn"] == seen["task"]["taskArn"]
    assert told["event"]["rule"] == "Write below binary dir"
    assert told["triggered_by"] == "the trigger's own log line"
    assert told["latency"]["to_event_seconds"] == 0.3
    assert told["latency"]["to_arrival_seconds"] is not None
    definition = seen["definition"]["taskDefinition"]
    trigger, sidecar = definition["containerDefinitions"]
    assert trigger["entryPoint"] == ["/opt/draios/bin/instrument", "/bin/sh", "-c"]
    assert "/bin/fguard-detect" in trigger["command"][0]
    assert sidecar["name"] == "SysdigInstrumentation"
    assert "WorkloadDemoWriterToBin" in definition["executionRoleArn"]
    assert {tag["key"] for tag in seen["task"]["tags"]} >= {"fguard:deployment", "fguard:detect"}
    assert place.triggers() == place.revisions() == []
    assert "must-not-leak" not in ran.stdout + ran.stderr + json.dumps(definition, default=str)
    assert calls == permissions("detect")


def test_without_a_token_it_goes_as_far_as_the_task_too(
    place: Place, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FGUARD_SYSDIG_TOKEN")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for service in (
        "CLOUDFORMATION",
        "CLOUDWATCH_LOGS",
        "ECS",
        "STS",
    ):  # so that it is not known to be the embedded one
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", place.sandbox.endpoint)
    ran = run("detect", "--json")
    assert ran.exit_code == 3
    assert ran.document["simulated"] is False
    assert "there is no Sysdig API token" in ran.document["not_waited_because"]
    assert "FGUARD_SYSDIG_TOKEN" in ran.stderr
    assert [link["name"] for link in ran.document["chain"]] == ["task", "agent", "orchestrator"]
    assert run("detect", "--wait").exit_code == 4
    assert place.triggers() == place.revisions() == []


def test_for_people_it_is_a_few_lines(place: Place, run: Run) -> None:
    place.when_asked(lambda task: place.store.publish([event_of(task, rule="Drift \x1b[31mdetected")]))
    ran = run("detect", "--wait", "--timeout", "60", "--interval", "0.1", "--trigger", "event-generator")
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.startswith("Detected: Drift \\x1b[31mdetected in arn:aws:ecs:")
    assert "s after the trigger" in ran.stdout
    assert "another rule than the trigger is meant for" in ran.stdout
    assert "Taken away again: task/fguard-training/" in ran.stdout


def test_on_the_embedded_aws_it_goes_as_far_as_the_running_task_and_proves_nothing(place: Place, run: Run) -> None:
    ran = run("detect", "--json")
    assert ran.exit_code == 3
    assert ran.document["simulated"] is True
    assert ran.document["outcome"] == "not waited for"
    assert ran.document["chain"][0]["state"] == "ok"
    assert "no agent runs in it" in ran.stderr
    assert place.api.asked == []
    assert place.triggers() == place.revisions() == []


def test_who_does_not_want_to_wait_gets_what_was_asked_for(run: Run) -> None:
    ran = run("detect", "--no-wait", "--trigger", "read-sensitive-file", "--image", "registry.example/alpine:3")
    assert ran.exit_code == 0
    assert "its event was not waited for" in ran.stdout


@pytest.mark.parametrize("action", ["RunTask", "DescribeTasks", None])
def test_ctrl_c_takes_everything_away(action: str | None, place: Place) -> None:
    if action:
        place.sandbox.faults.add(Fault(FaultKind.LATENCY, aws_service="ecs", action=action, seconds=1.0))
    with place.fguard.start("detect", "--wait", "--timeout", "600", "--json") as process:
        wait_until(lambda: bool(place.gate.held if action else place.triggers()), "it is under way")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    assert json.loads(stdout)["exit_code"] == process.returncode == 130, stderr
    place.gate.release()
    assert place.triggers() == place.revisions() == []


def test_what_a_killed_run_left_is_taken_away_by_the_next_and_what_another_needs_is_not(
    place: Place, run: Run
) -> None:
    with place.fguard.start("detect", "--wait", "--timeout", "60") as killed:
        wait_until(lambda: bool(place.triggers()), "the trigger's task is there")
        meanwhile = run("detect", "--no-wait", "--json")
        assert meanwhile.document["left_earlier"] == []
        killed.kill()
    assert len(place.triggers()) == len(place.revisions()) == 1
    ran = run("detect", "--no-wait", "--json")
    assert len(ran.document["left_earlier"]) == 2
    assert place.triggers() == place.revisions() == []


def test_what_cannot_be_taken_away_is_named_(place: Place, run: Run) -> None:
    fault = Fault(
        FaultKind.API_ERROR, aws_service="ecs", action="DeregisterTaskDefinition", code="AccessDeniedException"
    )
    place.sandbox.faults.add(fault)
    ran = run("detect", "--no-wait", "--json")
    place.sandbox.faults.clear()
    assert ran.exit_code == 1
    assert ran.document["not_removed"] == place.revisions()
    assert "not taken away" in ran.stderr
    assert place.triggers() == []
    place.client("ecs").deregister_task_definition(taskDefinition=ran.document["not_removed"][0])
    place.client("ecs").delete_task_definitions(taskDefinitions=ran.document["not_removed"])


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (("--exec",), 64, "--exec and --service belong together"),
        (("--service", "web"), 64, "--exec and --service belong together"),
        (("--workload", "nobody"), 64, "use one of: demo-writer-to-bin"),
        (("--trigger", "fork-bomb"), 64, "write-below-binary-dir"),
        (("--exec", "--service", "nobody"), 64, "there is no service nobody"),
        (("--exec", "--service", "demo-writer-to-bin"), 4, "service.enable_execute_command: true"),
        (("--exec", "--service", "demo-writer-to-bin", "--trigger", "event-generator"), 64, "no other container"),
        (("--exec", "--service", "web", "--image", "x"), 64, "not for --exec"),
        (("--by-hand",), 64, "--exec and --service belong together"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    arguments: tuple[str, ...], exit_code: int, says: str, place: Place, run: Run
) -> None:
    ran = place.fguard("detect", *arguments) if "fork-bomb" in arguments else run("detect", *arguments)
    assert ran.exit_code == exit_code, ran.stderr
    assert says in ran.stderr
    assert place.revisions() == []


# In a running service, through ECS Exec


def test_through_ecs_exec_the_plugin_runs_the_trigger_and_its_own_event_is_waited_for(
    place: Place, through_exec: tuple[str, ...], tmp_path: Path
) -> None:
    plugin = StandInPlugin(tmp_path)
    plugin.install(ACTS)
    fguard = replace(place.fguard, environ={**place.fguard.environ, "PATH": plugin.path})
    place.sandbox.take_calls()
    with fguard.start(*through_exec, "--wait", "--timeout", "100", "--interval", "0.1", "--json") as process:
        said = next(line for line in process.stderr or () if "Through ECS Exec in" in line)
        task, mark = re.findall(r"arn:aws:ecs:[^,]*|fguard-detect-[0-9a-f]{8}", said)[:2]
        place.store.publish([event_of(task), event_of(task, output=f"file=/bin/{mark}")])
        stdout, stderr = process.communicate(timeout=200)
    assert process.returncode == 0, stderr
    told = json.loads(stdout)
    assert told["outcome"] == "detected"
    assert told["event"]["output"] == f"file=/bin/{mark}"
    assert told["exec"]["container"] == "writer-to-bin"
    assert "fguard-detect ended with 0" in told["exec"]["output"]
    needed = permissions("detect --exec") - {"logs:GetLogEvents"}  # where no event came
    assert {call for call in place.sandbox.take_calls() if not call.endswith(":")} == needed


def test_ctrl_c_in_a_session_ends_the_plugin_and_what_it_started(
    place: Place, through_exec: tuple[str, ...], tmp_path: Path
) -> None:
    plugin = StandInPlugin(tmp_path)
    plugin.install(HANGS)
    fguard = replace(place.fguard, environ={**place.fguard.environ, "PATH": plugin.path})
    with fguard.start(*through_exec, "--wait", "--json") as process:
        wait_until(lambda: bool(plugin.processes()), "the plugin hangs")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    assert json.loads(stdout)["exit_code"] == process.returncode == 130
    assert "was cut" in stderr
    wait_until(lambda: not any(map(is_alive, plugin.processes())), "nothing of it runs")


def test_without_the_plugin_and_without_a_terminal_it_says_what_to_type_and_by_hand_waits(
    through_exec: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    refused = run(*through_exec, "--wait")
    assert refused.exit_code == 4
    assert "session-manager-plugin is missing" in refused.stderr
    assert "aws ecs execute-command --region us-east-1 --cluster fguard-training --task" in refused.stderr
    waited = run(*through_exec, "--by-hand", "--wait", "--timeout", "1", "--interval", "0.2")
    assert waited.exit_code == 3
    assert "may not see it" in waited.stderr
    assert "It may not be seen through ECS Exec." in waited.stdout
    assert "whether it was typed is not known" in waited.stdout


def test_on_the_embedded_aws_a_session_leads_nowhere(run: Run, through_exec: tuple[str, ...]) -> None:
    ran = run(*through_exec)
    assert ran.exit_code == 3
    assert "ECS opened a session into container writer-to-bin" in ran.stdout
    assert "nothing was run" in ran.stdout


# Where the chain breaks


def test_a_task_that_does_not_start_is_told_with_its_stop_reason(place: Place, run: Run) -> None:
    place.sandbox.faults.add(Fault(FaultKind.IMAGE_PULL, family="fguard_training_detect"))
    ran = run(*WAIT)
    assert ran.exit_code == 3
    assert "the chain breaks at: task" in ran.stdout
    assert "CannotPullContainerError" in ran.stdout
    assert "fix: mend what the stop reason names" in ran.stdout
    assert place.triggers() == place.revisions() == []


def test_a_task_that_is_stopped_meanwhile_ends_the_wait(place: Place, run: Run) -> None:
    ecs = place.client("ecs")
    place.when_asked(lambda task: ecs.stop_task(cluster=place.cluster, task=task, reason="by somebody"))
    ran = run("detect", "--wait", "--timeout", "3600", "--interval", "0.1", "--json")
    assert ran.exit_code == 3
    assert chain_of(ran)["task"][0] == "broken"
    assert "by somebody" in chain_of(ran)["task"][1]


def test_while_ecs_does_not_answer_the_event_is_waited_for_all_the_same(place: Place, run: Run) -> None:
    def act(task: str) -> None:
        place.sandbox.faults.add(Fault(FaultKind.API_ERROR, action="DescribeTasks", code="ServerException"))
        place.store.publish([event_of(task)])

    place.when_asked(act)
    ran = run("detect", "--wait", "--timeout", "60", "--interval", "0.1")
    assert ran.exit_code == 0, ran.stderr
    assert "whether the task still runs is not known" in ran.stderr


def test_sysdig_that_stops_answering_proves_nothing(place: Place, run: Run) -> None:
    place.when_asked(lambda _: place.api.interfere(too_many_requests(60), times=9999))
    ran = run(*WAIT, "--json")
    assert (ran.exit_code, ran.document["outcome"]) == (1, "not known")
    assert chain_of(ran)["region and token"][0] == "unclear"
    assert "429" in chain_of(ran)["region and token"][1]
    assert place.triggers() == place.revisions() == []


def test_an_agent_whose_key_is_refused(place: Place, run: Run) -> None:
    chain = chain_of(missed(place, run, REFUSED))
    assert list(chain) == ["task", "agent", "orchestrator", "policy", "region and token"]
    assert chain["task"][0] == "ok"
    assert chain["agent"][0] == "broken"
    assert "ERR_INVALID_CUSTOMER_KEY" in chain["agent"][1]


def test_an_agent_that_says_nothing_we_know_leaves_it_open(place: Place, run: Run) -> None:
    chain = chain_of(missed(place, run, "connect():Timeout: "))
    assert chain["agent"][0] == "unclear"
    assert "assumption" in chain["agent"][1]


def test_then_the_orchestrator(place: Place, run: Run) -> None:
    ran = missed(place, run, CONNECTED, says=(REFUSED,))
    chain = chain_of(ran)
    assert chain["agent"][0] == "ok"
    assert chain["orchestrator"][0] == "broken"
    silence_orchestrator(place)
    fixes = {link["name"]: link["fix"] for link in ran.document["chain"]}
    assert "sysdig.region" in fixes["orchestrator"]


def test_then_the_policy(place: Place, run: Run) -> None:
    place.policies.all = [policy(WRITES, enabled=False)]
    chain = chain_of(missed(place, run, CONNECTED))
    assert chain["agent"][0] == "ok"
    assert chain["policy"][0] == "broken"
    assert "is not enabled" in chain["policy"][1]


def test_then_region_and_token(place: Place, run: Run) -> None:
    place.store.publish([event_of(f"arn:aws:ecs:us-east-1:1:task/x/{'1' * 32}", labels={"aws.accountId": "1"})])
    chain = chain_of(missed(place, run, CONNECTED))
    assert chain["policy"][0] == "ok"
    assert chain["region and token"][0] == "unclear"
    assert "no event of account 123456789012" in chain["region and token"][1]


@pytest.mark.parametrize(("token", "exit_code"), [("nobody", 4), (STRANGER, 1)])
def test_a_wrong_token_is_told_before_anything_is_started(
    token: str, exit_code: int, place: Place, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FGUARD_SYSDIG_TOKEN", token)
    place.sandbox.take_calls()
    ran = run(*WAIT)
    assert ran.exit_code == exit_code
    assert "ecs:RunTask" not in place.sandbox.take_calls()
    assert token not in ran.stderr


# The demo workload, and the event of a deployed task


def test_the_plan_shows_the_demo_workload_and_the_configuration_stays(place: Place) -> None:
    document = place.deployed.document
    made = {change["address"] for change in document["plan"]["changes"]}
    assert {"WorkloadDemoWriterToBinService", "WorkloadDemoWriterToBinTaskDefinition"} <= made
    assert set(document["workloads"]) == {"demo-writer-to-bin"}
    assert "demo" not in (place.fguard.folder / "fguard.yaml").read_text()


def verified(run: Run, *arguments: str) -> tuple[int, dict[str, Any] | None]:
    ran = run("verify", "--json", "--timeout", "0", *arguments)
    findings = [one for one in json.loads(ran.stdout)["findings"] if one["check"] == "events.arrived"]
    return ran.exit_code, findings[0] if findings else None


def test_verify_includes_the_event_of_a_deployed_task_when_asked(place: Place, run: Run) -> None:
    code, finding = verified(run, "--events", "10")
    assert code == 3
    assert finding is not None
    assert finding["outcome"] == "NG"
    assert "fguard detect" in finding["fix"]
    tasks = place.client("ecs").list_tasks(
        cluster=place.cluster, serviceName="fguard_training_demo-writer-to-bin"
    )["taskArns"]
    cluster = f"arn:aws:ecs:us-east-1:123456789012:cluster/{place.cluster}"
    place.store.publish([event_of(task, cluster_arn=cluster) for task in tasks])
    code, finding = verified(run, "--events", "10")
    assert (code, finding and finding["outcome"]) == (0, "OK")


def test_a_deploy_without_it_shows_that_it_goes_and_takes_it_away(place: Place, run: Run) -> None:
    planned = run("plan", "--with-demo-workload")
    assert (planned.exit_code, planned.stdout.strip()) == (0, "No changes.")
    left = place.leave_a_trigger("fguard_training_demo-writer-to-bin", mark_of(time.time() - 60))
    ran = run("deploy", "--yes", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert f"stop the task of fguard detect: {left}" in ran.stderr  # or its security group could not go
    assert "the demo workload goes with this deploy; to keep it: --with-demo-workload" in ran.stderr
    gone = {change["address"] for change in ran.document["plan"]["changes"] if change["action"] == "delete"}
    assert "WorkloadDemoWriterToBinService" in gone
    assert ran.document["workloads"] == {}
    refused = run("detect")
    assert refused.exit_code == 4
    assert "--with-demo-workload" in refused.stderr
    assert "goes with this deploy" not in run("plan").stderr


def test_destroy_first_stops_what_a_killed_run_left(place: Place, run: Run) -> None:
    task = place.leave_a_trigger("fguard_training_sysdig_orchestrator", mark_of(time.time() + 600))
    ran = run("destroy", "--yes", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert f"stop the task of fguard detect: {task}" in ran.stderr
    assert ran.document["leftovers"] == []
    assert place.revisions() == []

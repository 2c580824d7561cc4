"""What is instrumented, by whom, with which agent, is told for every shape that there is."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import ImageConfig, Images, Settings, explain, instrument, uninstrument
from fargate_guard.taskdef.explaining import words
from fargate_guard.taskdef.explanation import Certainty, Instrumenter

if TYPE_CHECKING:
    from collections.abc import Callable

ARGV = ("/docker-entrypoint.sh", "nginx", "-g", "daemon off;")


def pascal(value: Any) -> Any:
    if isinstance(value, list):
        return [pascal(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key[:1].upper() + key[1:]: item if "abel" in key else pascal(item) for key, item in value.items()}


SHAPES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "register": lambda task: task,
    "describe": lambda task: {"taskDefinition": task, "tags": []},
    "array": lambda task: task["containerDefinitions"],
    "PascalCase": pascal,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_fguard_instrumented(web: dict[str, Any], direct: Settings, shape: str) -> None:
    definition = SHAPES[shape](web)
    before = explain(definition)
    assert before.instrumented_by is Instrumenter.NOBODY
    assert before.agent is None
    assert not before.problems
    assert [(one.name, one.instrumented, one.reason) for one in before.containers] == [
        ("web", False, "not instrumented")
    ]
    instrumented = instrument(definition, direct).definition
    kept = copy.deepcopy(instrumented)
    told = explain(instrumented)
    assert instrumented == kept
    assert told.instrumented_by is Instrumenter.FGUARD
    assert told.agent is not None
    assert told.agent.container == "SysdigInstrumentation"
    assert told.agent.image == "quay.io/sysdig/workload-agent:6.2.1"
    assert told.agent.version == "6.2.1"
    assert told.agent.topology == "direct"
    assert told.agent.endpoint == "ingest.us4.sysdig.com:6443"
    assert told.agent.access_key == direct.access_key_arn
    assert not told.agent.access_key_in_plain_text
    assert told.pid_mode == (None if shape == "array" else "task")
    (container,) = told.containers
    assert container.instrumented
    assert container.by is Instrumenter.FGUARD
    assert (*container.entry_point, *container.command) == ARGV
    assert container.entry_point == ARGV[:1]
    assert container.certainty is Certainty.EXACT
    assert container.missing == ()
    assert [problem.severity for problem in told.problems] == (["info"] if shape == "array" else [])
    assert bool(told.uncertain) == (shape == "array")


@pytest.mark.parametrize("version", ["4.3.2", "5.0.1"])
def test_an_orchestrator_and_older_agents(web: dict[str, Any], orchestrator: Settings, version: str) -> None:
    told = explain(instrument(web, replace(orchestrator, agent_version=version)).definition)
    assert told.agent is not None
    assert (told.agent.version, told.agent.topology) == (version, "orchestrator")
    assert told.agent.endpoint == "orchestrator.internal:6667"
    assert told.agent.access_key is None
    assert not told.problems
    assert "not needed: the orchestrator has it" in words(told)


def test_what_sysdigs_terraform_provider_made(kilt_web: list[Any]) -> None:
    told = explain(kilt_web)
    assert told.instrumented_by is Instrumenter.SYSDIG
    assert told.agent is not None
    assert (told.agent.version, told.agent.topology) == ("5.0.1", "direct")
    assert told.agent.endpoint == "collector.sysdigcloud.com:6443"
    assert told.agent.access_key is None
    assert told.agent.access_key_in_plain_text
    (container,) = told.containers
    assert container.by is Instrumenter.SYSDIG
    assert container.entry_point == ("/docker-entrypoint.sh", "nginx")
    assert container.certainty is Certainty.ARGV
    assert container.missing == ()
    in_plain_text = [problem.where for problem in told.problems if "PLAIN TEXT" in problem.message]
    assert in_plain_text == ["$[0].Environment[0]", "$[1].Environment[0]"]
    assert told.uncertain
    assert "0123-plain-key" not in f"{told}{words(told)}", "a key in plain text is never shown"


def test_what_was_made_by_hand(manual_web: dict[str, Any]) -> None:
    told = explain(manual_web)
    assert told.instrumented_by is Instrumenter.BY_HAND
    assert told.agent is not None
    assert told.agent.container == "sysdigInstrumentation"
    assert told.agent.version is None
    assert told.agent.endpoint == "old.internal:6667"
    (container,) = told.containers
    assert container.by is Instrumenter.BY_HAND
    assert (*container.entry_point, *container.command) == ARGV
    assert container.certainty is Certainty.EXACT
    (problem,) = told.problems
    assert problem.where == "$.containerDefinitions[1].image"
    assert "does not say the agent's version" in problem.message


def test_a_mix_of_tools(kilt_web: list[Any], orchestrator: Settings) -> None:
    kilt_web.append({"name": "api", "image": "api:1", "entryPoint": ["/api"]})
    told = explain(instrument(kilt_web, orchestrator).definition)
    assert told.instrumented_by is Instrumenter.MIX
    assert [container.by for container in told.containers] == [Instrumenter.SYSDIG, Instrumenter.FGUARD]


def test_why_a_container_is_not_instrumented(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"] += [
        {"name": "log", "image": "log:1", "command": ["-v"]},
        {"name": "api", "image": "api:1", "entryPoint": ["/api"]},
    ]
    web["tags"] = [{"key": "kilt-ignore-containers", "value": "log"}]
    definition = instrument(web, orchestrator).definition
    definition["containerDefinitions"][2]["entryPoint"] = ["/other"]
    web_, log, api = explain(definition).containers
    assert web_.instrumented
    assert (log.instrumented, log.reason) == (False, "ignored by tag kilt-ignore-containers")
    assert (log.entry_point, log.command, log.certainty) == ((), ("-v",), Certainty.IMAGE)
    assert not api.instrumented
    assert api.reason == "fguard instrumented it, but its entryPoint was changed since"
    assert api.entry_point == ("/other",)
    web["tags"] = [{"key": "kilt-ignore", "value": ""}]
    assert {one.reason for one in explain(web).containers} == {"ignored by tag kilt-ignore"}


def test_a_container_takes_the_rest_from_its_image(web: dict[str, Any]) -> None:
    del web["containerDefinitions"][0]["entryPoint"]
    told = explain(web)
    assert told.containers[0].certainty is Certainty.IMAGE
    assert "runs the image's own program with nginx -g 'daemon off;'" in words(told)
    del web["containerDefinitions"][0]["command"]
    assert words(explain(web)).endswith("runs the image's own program")


def test_what_was_written_out_of_an_image_is_shown(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"][0] = {"name": "web", "image": "nginx:1.27"}
    images = Images(by_container={"web": ImageConfig(("/entry.sh",), ("nginx", "-g x"), "a registry")})
    told = explain(instrument(web, orchestrator, images).definition)
    (container,) = told.containers
    assert (container.entry_point, container.command, container.certainty) == ((), (), Certainty.IMAGE)
    assert container.runs == ("/entry.sh", "nginx", "-g x")
    assert "runs /entry.sh nginx '-g x' (as its image does by itself)" in words(told)
    assert not told.problems


def test_a_damaged_record_is_told(web: dict[str, Any], orchestrator: Settings) -> None:
    definition = instrument(web, orchestrator).definition
    definition["containerDefinitions"][1]["dockerLabels"] = {"com.fargate-guard.original": "{"}
    told = explain(definition)
    assert told.instrumented_by is Instrumenter.FGUARD
    (problem,) = told.problems
    assert "fguard's record is damaged" in problem.message
    assert told.uncertain


def test_the_record_of_a_newer_fguard_is_a_problem_not_an_end(web: dict[str, Any], orchestrator: Settings) -> None:
    definition = instrument(web, orchestrator).definition
    definition["containerDefinitions"][1]["dockerLabels"] = {
        "com.fargate-guard.original": '{"format":99,"containers":{}}'
    }
    told = explain(definition)
    assert told.instrumented_by is Instrumenter.FGUARD
    assert told.agent is not None
    assert any("a newer fguard instrumented" in problem.message for problem in told.problems)


def test_the_words(web: dict[str, Any], direct: Settings) -> None:
    web["containerDefinitions"].append({"name": "log", "image": "log:1"})
    definition = instrument(web, replace(direct, ignore_containers=("log",))).definition
    assert (
        words(explain(definition))
        == f"""\
Instrumented: fguard
Agent:        6.2.1, quay.io/sysdig/workload-agent:6.2.1, in container SysdigInstrumentation
Connects to:  direct, ingest.us4.sysdig.com:6443
Access key:   {direct.access_key_arn}
pidMode:      task

Containers:
  web: instrumented by fguard
    runs /docker-entrypoint.sh nginx -g 'daemon off;'
  log: not instrumented
    runs the image's own program

uninstrument gives the exact original back."""
    )
    assert uninstrument(definition) == web


def test_the_words_of_what_is_wrong_and_uncertain(kilt_web: list[Any]) -> None:
    del kilt_web[0]["LinuxParameters"]
    text = words(explain(kilt_web))
    assert text.startswith("Instrumented: Sysdig's Terraform provider or CloudFormation macro\n")
    assert "Access key:   in PLAIN TEXT\n" in text
    assert "    lacks the capability SYS_PTRACE\n" in text
    assert "  error: $[0]: web starts with the agent's wrapper but lacks the capability SYS_PTRACE: " in text
    assert "uninstrument gives the original back, but this is not certain:\n  $[0].EntryPoint: " in text

"""`uninstrument` gives the exact original back, whatever it looked like and whoever instrumented it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import (
    Settings,
    TaskDefinitionError,
    instrument,
    is_instrumented,
    restore,
    uninstrument,
)
from fargate_guard.taskdef.recipes import INSTRUMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    WebWith = Callable[..., dict[str, Any]]

LABEL = "com.fargate-guard.original"

ODDITIES: list[dict[str, Any]] = [
    {"environment": None, "volumesFrom": None, "linuxParameters": None, "secrets": None},
    {"environment": [], "volumesFrom": [], "linuxParameters": {}, "secrets": []},
    {"linuxParameters": {"capabilities": None, "tmpfs": []}},
    {"linuxParameters": {"capabilities": {"add": None, "drop": ["ALL"]}}},
    {"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}}},
    {"environment": [{"name": "SYSDIG_SIDECAR", "value": "auto"}]},
    {"command": None},
    {"command": []},
    {"newFieldOfNextYear": {"nested": [None, {}, []]}},
]


@pytest.mark.parametrize("fields", ODDITIES, ids=str)
@pytest.mark.parametrize("pid_mode", [{}, {"pidMode": None}, {"pidMode": ""}, {"pidMode": "task"}], ids=str)
def test_odd_originals_come_back_exactly(
    web_with: WebWith, direct: Settings, fields: dict[str, Any], pid_mode: dict[str, Any]
) -> None:
    web = {**pid_mode, **web_with(**fields)}
    instrumented = instrument(web, direct).definition
    assert json.dumps(uninstrument(instrumented)) == json.dumps(web)


def test_the_record_stands_in_the_sidecars_docker_labels_and_holds_no_values(
    web_with: WebWith, direct: Settings
) -> None:
    web = web_with(environment=[{"name": "PASSWORD", "value": "hunter2"}])
    sidecar = instrument(web, direct).definition["containerDefinitions"][1]
    assert json.loads(sidecar["dockerLabels"][LABEL]) == {
        "format": 1,
        "containers": {"web": {"environment": ["SYSDIG_SIDECAR"], "capability": True, "volume": True}},
        "pidMode": "absent",
    }
    assert "hunter2" not in json.dumps(sidecar)


def test_a_pid_mode_that_someone_changed_since_stays(web: dict[str, Any], orchestrator: Settings) -> None:
    edited = instrument(web, orchestrator).definition
    edited["pidMode"] = "host"
    assert uninstrument(edited)["pidMode"] == "host"


def test_edits_made_in_between_survive(web_with: WebWith, orchestrator: Settings) -> None:
    web = web_with(environment=[{"name": "A", "value": "1"}])
    edited = instrument(web, orchestrator).definition
    container = edited["containerDefinitions"][0]
    container["image"] = "nginx:1.28"
    container["environment"][0]["value"] = "2"
    container["environment"].append({"name": "B", "value": "3"})
    container["entryPoint"].append("--verbose")
    edited["cpu"] = "512"
    edited["containerDefinitions"].reverse()
    restored = uninstrument(edited)
    assert restored["cpu"] == "512"
    assert "pidMode" not in restored
    assert restored["containerDefinitions"] == [
        {
            "name": "web",
            "image": "nginx:1.28",
            "entryPoint": ["/docker-entrypoint.sh", "--verbose"],
            "command": ["nginx", "-g", "daemon off;"],
            "essential": True,
            "environment": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}],
        }
    ]


def test_the_report_of_an_exact_undo_has_no_warning(web: dict[str, Any], orchestrator: Settings) -> None:
    web["containerDefinitions"].append({"name": "router", "image": "r:1"})
    instrumented = instrument(web, replace(orchestrator, ignore_containers=("router",))).definition
    report = restore(instrumented)
    assert report.changed
    assert report.warnings == ()
    assert [(o.name, o.instrumented, o.reason) for o in report.containers] == [
        ("web", False, "restored"),
        ("router", False, "was not instrumented"),
    ]


def test_nothing_to_undo(web: dict[str, Any]) -> None:
    report = restore(web)
    assert report.definition == web
    assert not report.changed


def test_a_record_that_someone_damaged_is_replaced_by_what_can_be_derived(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    instrumented = instrument(web, orchestrator).definition
    instrumented["containerDefinitions"][1]["dockerLabels"][LABEL] = "{broken"
    report = restore(instrumented)
    assert report.definition["containerDefinitions"] == web["containerDefinitions"]
    assert [warning.where for warning in report.warnings] == ["$.containerDefinitions[0].entryPoint", "$.pidMode"]
    assert "fguard's record is damaged" in report.warnings[0].message


def test_a_record_of_a_newer_fguard_is_not_guessed_at(web: dict[str, Any], orchestrator: Settings) -> None:
    instrumented = instrument(web, orchestrator).definition
    instrumented["containerDefinitions"][1]["dockerLabels"][LABEL] = '{"format":3}'
    with pytest.raises(TaskDefinitionError, match="a newer fguard"):
        uninstrument(instrumented)


def test_an_array_comes_back_with_a_hint_at_the_pid_mode(web: dict[str, Any], orchestrator: Settings) -> None:
    containers = web["containerDefinitions"]
    report = restore(instrument(containers, orchestrator).definition)
    assert report.definition == containers
    assert "pidMode" in report.warnings[0].message


# What Sysdig's own tools made.


def test_both_shapes_of_sysdigs_tools_are_recognised(kilt_web: list[Any], manual_web: dict[str, Any]) -> None:
    assert is_instrumented(kilt_web)
    assert is_instrumented(manual_web)


def test_kilt_output_is_updated_in_place_and_never_wrapped_twice(kilt_web: list[Any], direct: Settings) -> None:
    result = instrument(kilt_web, direct)
    web, sidecar = result.definition
    assert web["EntryPoint"] == ["/opt/draios/bin/instrument"]
    assert web["Command"] == ["/docker-entrypoint.sh", "nginx"]
    assert [volume["SourceContainer"] for volume in web["VolumesFrom"]] == ["SysdigInstrumentation"]
    assert web["LinuxParameters"] == {"Capabilities": {"Add": ["SYS_PTRACE"]}}
    assert "EntryPoint" not in sidecar
    assert sidecar["Image"] == "quay.io/sysdig/workload-agent:6.2.1"
    assert sidecar["Secrets"] == [{"Name": "SYSDIG_ACCESS_KEY", "ValueFrom": direct.access_key_arn}]
    assert sidecar["RepositoryCredentials"], "the image could not be pulled without them"
    assert "0123-plain-key" not in json.dumps(result.definition)
    assert result.containers[0].reason == "instrumented by another tool before; brought up to date"
    assert not instrument(result.definition, direct).changed


def test_kilt_output_is_undone_to_the_same_argv_with_a_warning(kilt_web: list[Any], direct: Settings) -> None:
    for definition in (kilt_web, instrument(kilt_web, direct).definition):
        report = restore(definition)
        assert report.definition == [
            {
                "Name": "web",
                "Image": "nginx:1.27",
                "EntryPoint": ["/docker-entrypoint.sh", "nginx"],
                "Environment": [{"Name": "TMP", "Value": "/tmp"}],
            }
        ]
        assert "no division between entryPoint and command" in report.warnings[0].message


def test_manual_instrumentation_is_updated_with_its_own_sidecar(
    manual_web: dict[str, Any], orchestrator: Settings
) -> None:
    definition = instrument(manual_web, orchestrator).definition
    web, sidecar = definition["containerDefinitions"]
    assert web["entryPoint"] == ["/opt/draios/bin/instrument", "/docker-entrypoint.sh"]
    assert len(web["volumesFrom"]) == 1
    assert sidecar["name"] == "sysdigInstrumentation"
    assert sidecar["image"] == "quay.io/sysdig/workload-agent:5.0.1"
    assert {"name": "SYSDIG_ORCHESTRATOR", "value": "orchestrator.internal"} in sidecar["environment"]


def test_manual_instrumentation_is_undone_and_says_what_is_not_recorded(manual_web: dict[str, Any]) -> None:
    report = restore(manual_web)
    assert report.definition["containerDefinitions"] == [
        {
            "name": "web",
            "image": "nginx:1.27",
            "entryPoint": ["/docker-entrypoint.sh"],
            "command": ["nginx", "-g", "daemon off;"],
            "essential": True,
        }
    ]
    assert report.definition["pidMode"] == "task"
    assert [warning.where for warning in report.warnings] == ["$.containerDefinitions[0].entryPoint", "$.pidMode"]


def test_a_doubly_wrapped_argv_is_unwrapped(kilt_web: list[Any]) -> None:
    kilt_web[0]["Command"].insert(0, "/opt/draios/bin/instrument")
    assert uninstrument(kilt_web)[0]["EntryPoint"] == ["/docker-entrypoint.sh", "nginx"]


def test_a_sidecar_that_went_missing_is_added_again(web: dict[str, Any], orchestrator: Settings) -> None:
    broken = instrument(web, orchestrator).definition
    del broken["containerDefinitions"][1]
    result = instrument(broken, orchestrator)
    assert [one["name"] for one in result.definition["containerDefinitions"]] == ["web", "SysdigInstrumentation"]
    assert "its sidecar was missing" in result.warnings[0].message


def test_what_another_tool_instrumented_can_be_left_alone(kilt_web: list[Any], orchestrator: Settings) -> None:
    kilt_web.append({"Name": "api", "Image": "api:1", "EntryPoint": ["/api"]})
    result = instrument(kilt_web, replace(orchestrator, ignore_containers=("web",)))
    assert result.definition[0] == kilt_web[0]
    assert [(o.name, o.instrumented) for o in result.containers] == [("web", True), ("api", True)]
    assert result.containers[0].reason == "left out as asked; another tool instrumented it"


def test_a_plain_key_in_a_container_that_is_left_out_is_pointed_at(
    kilt_web: list[Any], orchestrator: Settings
) -> None:
    result = instrument(kilt_web, replace(orchestrator, ignore_containers=("web",)))
    assert [warning.where for warning in result.warnings if "plain text" in warning.message] == [
        "$[0].Environment[0]"
    ]
    assert "0123-plain-key" not in str(result.warnings)


def test_a_container_that_waits_for_the_sidecar_is_named_when_it_goes(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    edited = instrument(web, orchestrator).definition
    edited["containerDefinitions"][0]["dependsOn"] = [
        {"containerName": "SysdigInstrumentation", "condition": "START"}
    ]
    (warning,) = restore(edited).warnings
    assert warning.where == "$.containerDefinitions[0].dependsOn[0]"


def test_what_a_second_run_of_sysdigs_tool_wrapped_twice_is_wrapped_once(
    kilt_web: list[dict[str, Any]], direct: Settings
) -> None:
    once = instrument(kilt_web, direct).definition
    kilt_web[0]["Command"].insert(0, INSTRUMENT)
    assert instrument(kilt_web, direct).definition == once


def test_a_mount_of_another_tools_sidecar_goes_with_it_where_that_tool_did_not_wrap(kilt_web: list[Any]) -> None:
    kilt_web[0]["EntryPoint"], kilt_web[0]["Command"] = ["/docker-entrypoint.sh"], ["nginx"]
    result = restore(kilt_web)
    assert result.definition == [
        {
            "Name": "web",
            "Image": "nginx:1.27",
            "EntryPoint": ["/docker-entrypoint.sh"],
            "Command": ["nginx"],
            "Environment": [{"Name": "TMP", "Value": "/tmp"}],
        }
    ]
    assert [one.reason for one in result.containers] == ["restored"]
    assert "the mount is gone with the sidecar" in result.warnings[0].message

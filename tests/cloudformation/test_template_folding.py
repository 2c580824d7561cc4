"""What differs between outcomes of conditions is written with an Fn::If, which goes again when it is undone."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

from fargate_guard.cloudformation import explain_template, instrument_template, restore_template
from fargate_guard.taskdef import ImageConfig, Images, Settings, instrument
from tests.cloudformation.deployed import deployed

NO_VALUE = {"Ref": "AWS::NoValue"}
SETTINGS = Settings("orchestrator", "5.0.1", orchestrator_host="orchestrator.internal")
NGINX = ImageConfig(("/entry.sh",), ("nginx",), "test", "sha256:" + "a" * 64)
IMAGES = Images({("nginx:1.27", "X86_64"): NGINX})
IGNORED = [{"Fn::If": ["A", {"Key": "kilt-ignore", "Value": "true"}, NO_VALUE]}]


def template(**properties: Any) -> dict[str, Any]:
    task = {
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "ContainerDefinitions": [{"Name": "web", "Image": "nginx:1.27", "EntryPoint": ["/app"]}],
        **properties,
    }
    return {
        "Parameters": {"Env": {"Type": "String"}},
        "Conditions": {"A": {"Fn::Equals": [{"Ref": "Env"}, "a"]}},
        "Resources": {"Web": {"Type": "AWS::ECS::TaskDefinition", "Properties": task}},
    }


def in_case(value: Any, env: str) -> Any:
    return deployed(value, {"Env": env}, "Web")


def test_a_pinned_image_of_one_case_is_one_text_again_when_it_is_undone() -> None:
    value = template(Tags=IGNORED)
    result = instrument_template(value, replace(SETTINGS, pin_digests=True), IMAGES).definition
    image = result["Resources"]["Web"]["Properties"]["ContainerDefinitions"][0]["Image"]
    assert image == {"Fn::If": ["A", "nginx:1.27", f"nginx@{NGINX.digest}"]}
    assert json.dumps(restore_template(result).definition) == json.dumps(value)


def test_leaving_out_under_a_condition_later_takes_everything_back_in_that_case() -> None:
    instrumented = instrument_template(template(), SETTINGS).definition
    changed = copy.deepcopy(instrumented)
    changed["Resources"]["Web"]["Properties"]["Tags"] = IGNORED
    result = instrument_template(changed, SETTINGS).definition
    value = template(Tags=IGNORED)
    assert in_case(result, "a") == in_case(value, "a")
    assert in_case(result, "b") == instrument(in_case(changed, "b"), SETTINGS).definition
    assert in_case(restore_template(result).definition, "a") == in_case(value, "a")
    assert in_case(restore_template(result).definition, "b") == in_case(value, "b")


def test_what_is_taken_back_in_one_case_only_stays_in_the_other() -> None:
    wrapped = {
        "Name": "web",
        "Image": "nginx:1.27",
        "EntryPoint": {"Fn::If": ["A", ["/opt/draios/bin/instrument", "/app"], ["/app"]]},
        "LinuxParameters": {"Capabilities": {"Add": ["SYS_PTRACE"]}},
    }
    sidecar = {"Name": "SysdigInstrumentation", "Image": "quay.io/sysdig/workload-agent:5.0.1"}
    restored = restore_template(template(ContainerDefinitions=[wrapped, sidecar])).definition
    (web,) = restored["Resources"]["Web"]["Properties"]["ContainerDefinitions"]
    assert web["LinuxParameters"] == {"Fn::If": ["A", NO_VALUE, wrapped["LinuxParameters"]]}
    assert "LinuxParameters" not in in_case(restored, "a")["ContainerDefinitions"][0]
    assert in_case(restored, "b")["ContainerDefinitions"][0]["LinuxParameters"] == wrapped["LinuxParameters"]


def test_no_case_keeps_the_volumes_of_a_sidecar_that_is_gone() -> None:
    wrapped = {
        "Name": "web",
        "Image": "nginx:1.27",
        "EntryPoint": {"Fn::If": ["A", ["/opt/draios/bin/instrument", "/app"], ["/app"]]},
        "Environment": [{"Name": "SYSDIG_SIDECAR", "Value": "auto"}, {"Name": "TEAM", "Value": "a"}],
        "VolumesFrom": [{"SourceContainer": "SysdigInstrumentation", "ReadOnly": True}],
    }
    sidecar = {"Name": "SysdigInstrumentation", "Image": "quay.io/sysdig/workload-agent:5.0.1"}
    value = template(ContainerDefinitions=[wrapped, sidecar])
    for instrumented in (value, instrument_template(value, SETTINGS).definition):
        restored = restore_template(instrumented)
        (web,) = restored.definition["Resources"]["Web"]["Properties"]["ContainerDefinitions"]
        assert "VolumesFrom" not in web
        assert web["Environment"] == [{"Name": "TEAM", "Value": "a"}]
        assert all(
            in_case(restored.definition, case)["ContainerDefinitions"][0]["EntryPoint"] == ["/app"]
            for case in "ab"
        )
        assert any("the mount is gone with the sidecar" in one.message for one in restored.warnings)


def test_what_only_mentions_the_wrapper_and_cannot_be_read_is_no_concern_of_undoing() -> None:
    probe = {
        "Name": "probe",
        "Image": "nginx:1.27",
        "DependsOn": {"Ref": "Others"},
        "HealthCheck": {"Command": ["CMD", "test", "-x", "/opt/draios/bin/instrument"]},
    }
    value = template(ContainerDefinitions=[probe])
    assert not restore_template(value).changed
    ((_, explanation),) = explain_template(value)
    assert [one.instrumented for one in explanation.containers] == [False]

"""Settings that a template gives to the transform."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fargate_guard.macro.parameters import PARAMETERS
from fargate_guard.macro.settings import MacroSettings
from fargate_guard.taskdef import Settings
from tests.macro.calling import KEY_ARN, ORCHESTRATED, call, container, containers_of, event, task, template

NO_SETTINGS = MacroSettings()
ROLE = {"ExecutionRoleArn": "arn:aws:iam::111122223333:role/execution"}
DOCUMENTED = Path(__file__).parents[2] / "docs" / "macro.md"


def web(given: dict[str, Any], **params: Any) -> dict[str, Any]:
    return containers_of(call(event(given, **params)).fragment["Resources"]["Web"])


def test_a_template_goes_over_to_the_direct_topology() -> None:
    given = template(Web=task(**ROLE))
    params = {"Topology": "direct", "CollectorHost": "ingest.us4.sysdig.com", "AccessKeyArn": KEY_ARN}
    sidecar = web(given, **params)["SysdigInstrumentation"]
    assert sidecar["Image"] == "quay.io/sysdig/workload-agent:6.2.1"
    assert sidecar["Secrets"] == [{"Name": "SYSDIG_ACCESS_KEY", "ValueFrom": KEY_ARN}]


def test_a_template_asks_for_another_agent_and_sidecar() -> None:
    params = {"AgentVersion": "5.0.2", "SidecarCpu": "128", "SidecarMemory": 256, "SidecarEssential": "true"}
    more: dict[str, Any] = {"AgentLogGroup": "/agents", "SidecarEnvironment": ["A=1", "B=x=y"]}
    sidecar = web(template(Web=task(**ROLE)), **params, **more)["SysdigInstrumentation"]
    assert sidecar["Image"].endswith(":5.0.2")
    assert (sidecar["Cpu"], sidecar["Memory"], sidecar["Essential"]) == (128, 256, True)
    assert sidecar["LogConfiguration"]["Options"]["awslogs-region"] == "eu-west-1"
    assert {"Name": "B", "Value": "x=y"} in sidecar["Environment"]


def test_without_installed_settings_a_template_gives_its_own() -> None:
    given = event(template(), OrchestratorHost="nlb.internal", AgentVersion="5.0.1")
    assert call(given, NO_SETTINGS).answer["status"] == "success"
    error = call(event(template()), NO_SETTINGS).error
    assert "the orchestrator's host is missing" in error
    assert "OrchestratorHost" in error


def test_what_images_run_may_be_answered() -> None:
    given = template(Web=task({"Name": "web", "Image": "team/web:1"}))
    answer = {"EntryPoint": ["/run"], "Command": ["serve"]}
    done = web(given, Images={"web": answer})
    assert done["web"]["EntryPoint"] == ["/opt/draios/bin/instrument", "/run"]
    assert done["web"]["Command"] == ["serve"]
    assert web(given, Images={"Web/web": answer}) == done
    assert "there is no container api to answer for" in call(event(given, Images={"api": answer})).error
    assert web(given, Images=json.dumps({"web": answer})) == done
    assert "always with both" in call(event(given, Images={"web": {"EntryPoint": ["/run"]}})).error


def test_a_log_configuration_is_given_as_json_text() -> None:
    splunk = {"logDriver": "splunk", "options": {"splunk-url": "https://splunk.internal"}}
    sidecar = web(template(Web=task(**ROLE)), SidecarLogConfiguration=json.dumps(splunk))["SysdigInstrumentation"]
    assert sidecar["LogConfiguration"] == {
        "LogDriver": "splunk",
        "Options": {"splunk-url": "https://splunk.internal"},
    }


def test_a_parameter_may_refer_to_the_templates_own() -> None:
    given = {**template(), "Parameters": {"Agent": {"Type": "String"}, "Left": {"Type": "CommaDelimitedList"}}}
    values: dict[str, Any] = {"Agent": "5.0.2", "Left": ["log*", "prox*"]}
    params = {"AgentVersion": {"Ref": "Agent"}, "IgnoreContainers": {"Ref": "Left"}}
    called = call(event(given, values, **params))
    sidecar = containers_of(called.fragment["Resources"]["Web"])["SysdigInstrumentation"]
    assert sidecar["Image"].endswith(":5.0.2")
    assert len(called.of("warning")) == 2


def test_what_only_the_stack_will_know_is_refused() -> None:
    error = call(event(template(), OrchestratorHost={"Fn::ImportValue": "orchestrator"})).error
    assert "is not known before the stack exists" in error
    assert "Ref to a parameter of the template" in error


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"AgentVersoin": "5.0.1"}, "did you mean AgentVersion?"),
        ({"sidecarcpu": 1}, "did you mean SidecarCpu?"),
        ({"Whatever": 1}, "it has Topology, AgentVersion"),
        ({"SidecarCpu": "much"}, "SidecarCpu is not a whole number"),
        ({"SidecarCpu": True}, "SidecarCpu is not a whole number"),
        ({"OptIn": "yes"}, "OptIn is not true or false"),
        ({"IgnoreContainers": {"web": 1}}, "IgnoreContainers is not a list"),
        ({"WorkloadEnvironment": {"A": ["b"]}}, "WorkloadEnvironment is not a list of NAME=VALUE"),
        ({"WorkloadEnvironment": ["A"]}, "WorkloadEnvironment is not a list of NAME=VALUE"),
        ({"WorkloadEnvironment": ["A=1", "A=2"]}, "each name once"),
        ({"SidecarLogConfiguration": "awslogs"}, "SidecarLogConfiguration is not the JSON text of an object"),
        ({"AgentLogGroup": "/a", "SidecarLogConfiguration": {"logDriver": "awslogs"}}, "give one"),
        ({"AgentVersion": "6.2.1"}, "does not work with an orchestrator"),
        ({"AgentVersion": "latest"}, "not an agent version"),
        ({"Priority": "high"}, "not a priority"),
        ({"IgnoreContainers": "api"}, "there is no container api to leave out"),
        ({"PinDigests": True}, "ImageLookup"),
    ],
)
def test_a_wrong_parameter_is_refused_in_the_transforms_words(params: dict[str, Any], says: str) -> None:
    error = call(event(template(), **params)).error
    assert says in error
    assert "--" not in error


@pytest.mark.parametrize("name", ["AccessKeyArn", "AccessKey", "ExtraConf", "OrchestratorPort"])
def test_a_key_in_the_wrong_place_is_refused_and_never_shown(name: str) -> None:
    key = "5up3r-s3cr3t-0000-1111"
    value = f"customerid: {key}" if name == "ExtraConf" else key
    params: dict[str, Any] = {"Topology": "direct", "CollectorHost": "ingest.us4.sysdig.com", name: value}
    called = call(event(template(Web=task(**ROLE)), **params))
    assert called.error
    assert key not in called.error + called.log


def test_every_setting_of_the_core_has_its_parameter() -> None:
    from dataclasses import fields

    assert {one.name for one in fields(Settings)} <= {one.field for one in PARAMETERS}


def test_every_parameter_is_documented() -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == [one.name for one in PARAMETERS]


def test_a_template_may_ask_for_opt_in() -> None:
    called = call(event(template(Web=task(container())), OptIn="true"))
    assert [line["instrumented"] for line in called.of("container")] == [False]
    assert ORCHESTRATED.opt_in is False

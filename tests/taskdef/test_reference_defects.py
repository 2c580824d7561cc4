"""The 22 faults that were found in Sysdig's own patcher, each with what fguard does instead.

Those that only a CloudFormation template can have (6 to 11) are shown here in their ECS JSON form: an object where
ECS wants a list is refused with its path, never half-patched. How templates are instrumented is shown in
``tests/cloudformation/test_template_defects.py``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import Settings, TaskDefinitionError, instrument, uninstrument

if TYPE_CHECKING:
    from collections.abc import Callable

    WebWith = Callable[..., dict[str, Any]]

INSTRUMENT = "/opt/draios/bin/instrument"
INTRINSIC: dict[str, Any] = {"Fn::If": ["Debug", ["sh"], {"Ref": "AWS::NoValue"}]}


def first(definition: Any) -> dict[str, Any]:
    """The first container definition."""
    found: dict[str, Any] = definition["containerDefinitions"][0]
    return found


def where_refused(definition: Any, settings: Settings) -> str | None:
    """The JSON path of the refusal."""
    with pytest.raises(TaskDefinitionError) as caught:
        instrument(definition, settings)
    return caught.value.where


@pytest.mark.parametrize(
    "argument",
    [
        pytest.param("a && b > c < d \u2028 \x01", id="1: html escapes"),
        pytest.param("  lead and trail \n", id="2: trimmed"),
        pytest.param("null", id="3: the word null"),
    ],
)
def test_defects_1_to_3_arguments_and_values_stay_as_they_are(
    web_with: WebWith, orchestrator: Settings, argument: str
) -> None:
    web = web_with(entryPoint=["sh", argument], command=[argument], environment=[{"name": "A", "value": argument}])
    container = first(json.loads(json.dumps(instrument(web, orchestrator).definition)))
    assert container["entryPoint"] == [INSTRUMENT, "sh", argument]
    assert container["command"] == [argument]
    assert container["environment"][0] == {"name": "A", "value": argument}


@pytest.mark.parametrize("value", [True, 8080, 1.5, None, "", {"Ref": "Port"}], ids=str)
def test_defect_4_values_of_any_type_are_carried_through(
    web_with: WebWith, orchestrator: Settings, value: Any
) -> None:
    result = instrument(web_with(environment=[{"name": "A", "value": value}]), orchestrator)
    assert first(result.definition)["environment"][0] == {"name": "A", "value": value}
    assert "'A'" not in str(result.definition["containerDefinitions"][1]), (
        "the workload's own variables stay there"
    )


@pytest.mark.parametrize("field", ["command", "entryPoint"])
@pytest.mark.parametrize("value", ["a b c", INTRINSIC, {"Ref": "List"}], ids=str)
def test_defects_5_and_6_an_argv_that_is_no_list_is_never_dropped(
    web_with: WebWith, orchestrator: Settings, field: str, value: Any
) -> None:
    assert where_refused(web_with(**{field: value}), orchestrator) == f"$.containerDefinitions[0].{field}"


@pytest.mark.parametrize("entry", [INTRINSIC, {"name": {"Ref": "Name"}, "value": "x"}], ids=str)
def test_defect_7_an_intrinsic_in_the_environment_is_refused_without_a_crash(
    web_with: WebWith, orchestrator: Settings, entry: Any
) -> None:
    where = where_refused(web_with(environment=[entry]), orchestrator)
    assert str(where).startswith("$.containerDefinitions[0].environment[0]")


def test_defect_8_an_intrinsic_in_place_of_a_container_is_not_mangled(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    web["containerDefinitions"].append(INTRINSIC)
    assert where_refused(web, orchestrator) == "$.containerDefinitions[1].Name"


def test_defect_9_an_intrinsic_in_place_of_all_containers_is_an_error_not_a_success(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    web["containerDefinitions"] = INTRINSIC
    assert where_refused(web, orchestrator) == "$.containerDefinitions"


def test_defect_10_an_image_that_is_no_text_is_refused(web_with: WebWith, orchestrator: Settings) -> None:
    assert where_refused(web_with(image={"Ref": "Image"}), orchestrator) == "$.containerDefinitions[0].image"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"linuxParameters": {"capabilities": {"add": INTRINSIC}}}, "linuxParameters.capabilities.add"),
        ({"volumesFrom": INTRINSIC}, "volumesFrom"),
    ],
    ids=["capabilities", "volumesFrom"],
)
def test_defect_11_nothing_is_mixed_into_an_intrinsic(
    web_with: WebWith, orchestrator: Settings, fields: dict[str, Any], path: str
) -> None:
    assert where_refused(web_with(**fields), orchestrator) == f"$.containerDefinitions[0].{path}"


def test_defect_12_instrumenting_twice_wraps_once(web: dict[str, Any], orchestrator: Settings) -> None:
    once = instrument(web, orchestrator).definition
    twice = instrument(once, orchestrator).definition
    assert twice == once
    assert json.dumps(twice).count('"SYS_PTRACE"') == 1
    assert json.dumps(twice).count(INSTRUMENT) == 1
    assert [one["name"] for one in twice["containerDefinitions"]] == ["web", "SysdigInstrumentation"]


def test_defect_13_a_secret_of_the_same_name_is_not_doubled(web_with: WebWith, direct: Settings) -> None:
    secret = {"name": "SYSDIG_ACCESS_KEY", "valueFrom": direct.access_key_arn}
    container = first(instrument(web_with(secrets=[secret]), direct).definition)
    assert container["secrets"] == [secret]
    assert "SYSDIG_ACCESS_KEY" not in json.dumps(container["environment"])
    on_workload = replace(direct, agent_version="4.3.2")
    assert first(instrument(web_with(secrets=[secret]), on_workload).definition)["secrets"] == [secret]
    other = {"name": "SYSDIG_ACCESS_KEY", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/other"}
    assert where_refused(web_with(secrets=[other]), on_workload) == "$.containerDefinitions[0].secrets[0]"


def test_defect_14_pid_mode_host_is_not_overwritten(web: dict[str, Any], orchestrator: Settings) -> None:
    assert where_refused({**web, "pidMode": "host"}, orchestrator) == "$.pidMode"


def test_defect_15_a_missing_image_is_not_made_up(web: dict[str, Any], orchestrator: Settings) -> None:
    del first(web)["image"]
    assert where_refused(web, orchestrator) == "$.containerDefinitions[0].image"


def test_defect_16_the_capability_is_not_doubled(web_with: WebWith, orchestrator: Settings) -> None:
    web = web_with(linuxParameters={"capabilities": {"add": ["SYS_PTRACE"]}})
    assert first(instrument(web, orchestrator).definition)["linuxParameters"] == {
        "capabilities": {"add": ["SYS_PTRACE"]}
    }


MIXED = [
    {
        "Name": "web",
        "image": "nginx:1.27",
        "entryPoint": ["/docker-entrypoint.sh"],
        "volumesFrom": [{"SourceContainer": "data", "ReadOnly": True}],
        "linuxParameters": {"InitProcessEnabled": True, "Capabilities": {"Drop": ["NET_RAW"]}},
        "Environment": [{"name": "A", "value": "1"}],
        "essential": True,
    },
    {"name": "other", "image": "o:1", "entrypoint": ["/o"], "environment": [{"Name": "B", "Value": "2"}]},
]


def test_defects_17_and_18_mixed_case_loses_nothing_and_is_no_error(orchestrator: Settings) -> None:
    web, other, _ = instrument(MIXED, orchestrator).definition
    assert web["volumesFrom"] == [
        {"SourceContainer": "data", "ReadOnly": True},
        {"SourceContainer": "SysdigInstrumentation", "ReadOnly": True},
    ]
    assert web["linuxParameters"] == {
        "InitProcessEnabled": True,
        "Capabilities": {"Drop": ["NET_RAW"], "Add": ["SYS_PTRACE"]},
    }
    assert web["Environment"] == [{"name": "A", "value": "1"}, {"name": "SYSDIG_SIDECAR", "value": "auto"}]
    assert other["entrypoint"] == [INSTRUMENT, "/o"]
    assert other["environment"][1] == {"Name": "SYSDIG_SIDECAR", "Value": "auto"}
    assert json.dumps(uninstrument(instrument(MIXED, orchestrator).definition)) == json.dumps(MIXED)


def test_defect_19_two_spellings_of_one_field_are_refused(web_with: WebWith, orchestrator: Settings) -> None:
    assert where_refused(web_with(EntryPoint=["/other"]), orchestrator) == "$.containerDefinitions[0]"


def test_defect_20_the_output_has_the_case_of_the_input(web: dict[str, Any], orchestrator: Settings) -> None:
    def keys(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(keys, value))
        if not isinstance(value, dict):
            return set()
        inner = (keys(item) for key, item in value.items() if key.lower() not in ("dockerlabels", "options"))
        return set(value).union(*inner)

    settings = replace(
        orchestrator,
        log_configuration={
            "logDriver": "awslogs",
            "options": {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"},
        },
    )
    assert all(key[0].islower() for key in keys(instrument(web, settings).definition))

    def pascal(value: Any) -> Any:
        if isinstance(value, list):
            return [pascal(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {key[0].upper() + key[1:]: pascal(item) for key, item in value.items()}

    upper = instrument(pascal(web), settings).definition
    assert all(key[0].isupper() for key in keys(upper))
    sidecar = upper["ContainerDefinitions"][1]
    assert sidecar["LogConfiguration"]["LogDriver"] == "awslogs"
    assert sidecar["LogConfiguration"]["Options"]["awslogs-group"] == "g"
    assert list(sidecar["DockerLabels"]) == ["com.fargate-guard.original"]
    assert uninstrument(upper) == pascal(web)


def test_defect_21_a_container_without_a_name_is_not_instrumented(
    web: dict[str, Any], orchestrator: Settings
) -> None:
    del first(web)["name"]
    assert where_refused(web, orchestrator) == "$.containerDefinitions[0].name"


def test_defect_22_nothing_is_taken_from_the_process_environment(
    web_with: WebWith, orchestrator: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME_OF_NOBODY", "leaked")
    web = web_with(command=["${HOME_OF_NOBODY}", "$HOME_OF_NOBODY"])
    assert first(instrument(web, orchestrator).definition)["command"] == ["${HOME_OF_NOBODY}", "$HOME_OF_NOBODY"]

"""The faults of Sysdig's own patcher that only templates show (6 to 11), each with what fguard does instead.

What counts is what CloudFormation would deploy, so results are compared as they reach ECS, in every way in which
their condition can come out.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fargate_guard.cloudformation import instrument_template, restore_template, template_image_needs
from fargate_guard.taskdef import ImageConfig, Images, Settings, TaskDefinitionError
from tests.cloudformation.deployed import deployed

INSTRUMENT = "/opt/draios/bin/instrument"
SETTINGS = Settings("orchestrator", "5.0.1", orchestrator_host="orchestrator.internal")
NO_VALUE = {"Ref": "AWS::NoValue"}
PLACE = "$.Resources.Web.Properties.ContainerDefinitions"
NOTHING: dict[str, Any] = {}
PARAMETERS = {"Image": "nginx:1.27", "List": "a,b c", "Name": "LOG_LEVEL", "Stage": "prod"}


def either(then: Any, otherwise: Any) -> dict[str, Any]:
    """An intrinsic that depends on the stage."""
    return {"Fn::If": ["Debug", then, otherwise]}


def template(container: dict[str, Any] = NOTHING, **properties: Any) -> dict[str, Any]:
    web = {"Name": "web", "Image": "nginx:1.27", "EntryPoint": ["/start"], **container}
    types = {"List": "CommaDelimitedList"}
    return {
        "Parameters": {
            name: {"Type": types.get(name, "String"), "Default": value} for name, value in PARAMETERS.items()
        },
        "Conditions": {"Debug": {"Fn::Equals": [{"Ref": "Stage"}, "debug"]}},
        "Resources": {
            "Web": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {
                    "RequiresCompatibilities": ["FARGATE"],
                    "NetworkMode": "awsvpc",
                    "ContainerDefinitions": [{key: value for key, value in web.items() if value is not None}],
                    **properties,
                },
            }
        },
    }


def containers(value: Any, *, debug: bool) -> list[dict[str, Any]]:
    """The containers as they reach ECS."""
    found: list[dict[str, Any]] = deployed(value, {"Stage": "debug" if debug else "prod"}, "Web")[
        "ContainerDefinitions"
    ]
    return found


def argv(container: dict[str, Any]) -> list[str]:
    return [*container.get("EntryPoint", []), *container.get("Command", [])]


def instrumented(value: dict[str, Any], images: Images | None = None) -> dict[str, Any]:
    """The instrumented template; what is deployed of it runs what was deployed before, under the wrapper."""
    before = copy.deepcopy(value)
    result: dict[str, Any] = instrument_template(value, SETTINGS, images or Images()).definition
    assert value == before, "the input was changed"
    assert restore_template(result).definition == before
    for debug in (True, False):
        own, (*workloads, sidecar) = containers(before, debug=debug), containers(result, debug=debug)
        assert sidecar["Name"] == "SysdigInstrumentation"
        assert [one["Name"] for one in workloads] == [one["Name"] for one in own]
        for original, container in zip(own, workloads, strict=True):
            if argv(original):
                assert argv(container) == [INSTRUMENT, *argv(original)]
            assert container["Image"] == original["Image"]
            assert container["LinuxParameters"]["Capabilities"]["Add"] == ["SYS_PTRACE"]
            mounted = {"SourceContainer": "SysdigInstrumentation", "ReadOnly": True}
            assert container["VolumesFrom"] == [*original.get("VolumesFrom", []), mounted]
            variables = [{"Name": "SYSDIG_SIDECAR", "Value": "auto"}]
            assert container["Environment"] == [*original.get("Environment", []), *variables]
    return result


def where_refused(value: Any) -> str | None:
    """The JSON path of the refusal; nothing is half done."""
    before = copy.deepcopy(value)
    with pytest.raises(TaskDefinitionError) as caught:
        instrument_template(value, SETTINGS)
    assert value == before
    assert caught.value.exit_code == 4
    return caught.value.where


LISTS: list[dict[str, Any]] = [
    {"Ref": "List"},
    {"Fn::Split": [" ", "sh -c run"]},
    {"Fn::Split": [",", {"Fn::Join": [",", ["sh", {"Ref": "Image"}]]}]},
    either(["sh"], ["x", "y z"]),
    either({"Ref": "List"}, ["x"]),
]


@pytest.mark.parametrize("value", LISTS, ids=str)
@pytest.mark.parametrize("field", ["Command", "EntryPoint"])
def test_defect_6_an_argv_that_an_intrinsic_gives_is_kept_and_wrapped(field: str, value: dict[str, Any]) -> None:
    instrumented(template({field: value}))


def test_defect_6_a_command_that_is_there_in_one_case_only_is_kept() -> None:
    instrumented(template({"Command": either(["--verbose"], NO_VALUE)}))


@pytest.mark.parametrize(
    "element", [{"Ref": "Image"}, NO_VALUE, either("-v", NO_VALUE), either("-v", "-q")], ids=str
)
def test_defect_6_intrinsics_within_an_argv_stay_as_they_are(element: dict[str, Any]) -> None:
    value = instrumented(
        template({"EntryPoint": ["/start", element], "Command": [element, "a && b > c", " x ", "null"]})
    )
    (container, _) = value["Resources"]["Web"]["Properties"]["ContainerDefinitions"]
    assert container["EntryPoint"] == [INSTRUMENT, "/start", element]
    assert container["Command"] == [element, "a && b > c", " x ", "null"]


@pytest.mark.parametrize("field", ["Command", "EntryPoint"])
@pytest.mark.parametrize("value", ["a b c", {"Name": "x"}, 3], ids=str)
def test_defects_5_and_6_an_argv_that_is_no_list_is_refused_with_its_path(field: str, value: Any) -> None:
    assert where_refused(template({field: value})) == f"{PLACE}[0].{field}"


def test_defect_6_an_argv_that_only_the_deployment_knows_is_refused_not_dropped() -> None:
    attribute = {"Fn::GetAtt": ["Custom", "Argv"]}
    assert str(where_refused(template({"EntryPoint": attribute}))).startswith("$.Resources.Web.Properties")


ENVIRONMENTS: list[list[Any]] = [
    [either({"Name": "A", "Value": "1"}, NO_VALUE)],
    [either({"Name": "A", "Value": "1"}, {"Name": "B", "Value": {"Ref": "Image"}}), {"Name": "C", "Value": "3"}],
    [{"Name": {"Ref": "Name"}, "Value": "1"}],
    [{"Name": either("A", "B"), "Value": either("1", {"Ref": "Image"})}],
]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_defect_7_intrinsics_in_the_environment_are_kept_and_no_crash(environment: list[Any]) -> None:
    instrumented(template({"Environment": environment}))


def test_defect_7_a_variable_of_the_agent_that_is_there_in_one_case_is_refused_there() -> None:
    environment = [either({"Name": "SYSDIG_SIDECAR", "Value": "force"}, NO_VALUE)]
    with pytest.raises(TaskDefinitionError, match="web sets SYSDIG_SIDECAR itself") as caught:
        instrument_template(template({"Environment": environment}), SETTINGS)
    assert "when Debug is true" in str(caught.value.why)
    assert str(caught.value.where).startswith(f"{PLACE}[0].Environment[0]")


def test_defect_8_a_container_that_an_intrinsic_gives_is_instrumented_where_it_stands() -> None:
    debugger = {"Name": "debugger", "Image": "debugger:1", "EntryPoint": ["/debug"]}
    value = template()
    definitions = value["Resources"]["Web"]["Properties"]["ContainerDefinitions"]
    definitions.insert(0, either(debugger, NO_VALUE))
    result = instrumented(value)
    first = result["Resources"]["Web"]["Properties"]["ContainerDefinitions"][0]
    assert list(first) == ["Fn::If"], "nothing stands beside the intrinsic"
    assert first["Fn::If"][1]["EntryPoint"] == [INSTRUMENT, "/debug"]
    assert first["Fn::If"][2] == NO_VALUE
    assert len(containers(result, debug=True)) == 3
    assert len(containers(result, debug=False)) == 2


def test_defect_8_a_container_that_only_the_deployment_knows_is_refused() -> None:
    value = template()
    value["Resources"]["Web"]["Properties"]["ContainerDefinitions"].append({"Fn::GetAtt": ["Custom", "Container"]})
    assert where_refused(value) == f"{PLACE}[1]"


def test_defect_9_all_containers_given_by_an_intrinsic_are_instrumented() -> None:
    web = {"Name": "web", "Image": "nginx:1.27", "EntryPoint": ["/start"]}
    debugger = {"Name": "debugger", "Image": "debugger:1", "EntryPoint": ["/debug"]}
    instrumented(template(ContainerDefinitions=either([web, debugger], [web])))


def test_defect_9_containers_that_only_the_deployment_knows_are_an_error_not_a_success() -> None:
    value = template(ContainerDefinitions={"Fn::GetAtt": ["Custom", "Containers"]})
    assert where_refused(value) == PLACE


def test_defect_10_an_image_that_is_a_parameter_is_looked_up() -> None:
    value = template({"Image": {"Ref": "Image"}, "EntryPoint": None})
    (need,) = template_image_needs(value, SETTINGS)
    assert (need.image, need.path, need.resource) == ("nginx:1.27", f"{PLACE}[0].Image", "Web")
    (need,) = template_image_needs(value, SETTINGS, {"Image": "nginx:2"})
    assert need.image == "nginx:2"
    found = Images(by_image={("nginx:1.27", "X86_64"): ImageConfig(("/entry.sh",), ("nginx", "-g"), "a registry")})
    result = instrumented(value, found)
    assert argv(containers(result, debug=True)[0]) == [INSTRUMENT, "/entry.sh", "nginx", "-g"]
    (container, _) = result["Resources"]["Web"]["Properties"]["ContainerDefinitions"]
    assert container["Image"] == {"Ref": "Image"}


def test_defect_10_an_image_that_is_joined_of_parameters_is_looked_up() -> None:
    value = template({"Image": {"Fn::Sub": "registry.example/${Name}:1"}, "EntryPoint": None})
    (need,) = template_image_needs(value, SETTINGS)
    assert need.image == "registry.example/LOG_LEVEL:1"


STRUCTURES: list[dict[str, Any]] = [
    {"LinuxParameters": {"Capabilities": {"Add": either(["SYS_PTRACE"], NO_VALUE)}}},
    {"LinuxParameters": {"Capabilities": either({"Drop": ["NET_RAW"]}, NO_VALUE)}},
    {"LinuxParameters": either({"InitProcessEnabled": True}, NO_VALUE)},
    {"LinuxParameters": either({"InitProcessEnabled": True}, {"InitProcessEnabled": False})},
    {"VolumesFrom": either([{"SourceContainer": "data"}], NO_VALUE)},
    {"VolumesFrom": [either({"SourceContainer": "data"}, NO_VALUE)]},
]


@pytest.mark.parametrize("fields", STRUCTURES, ids=str)
def test_defect_11_nothing_is_mixed_into_an_intrinsic(fields: dict[str, Any]) -> None:
    result = instrumented(template(fields))

    def check(value: Any) -> None:
        if isinstance(value, dict):
            assert len(value) == 1 or not any(key == "Ref" or key.startswith("Fn::") for key in value)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(item)

    check(result["Resources"])
    for debug in (True, False):
        own = containers(template(fields), debug=debug)[0].get("LinuxParameters", {})
        new = containers(result, debug=debug)[0]["LinuxParameters"]
        assert new.get("InitProcessEnabled") == own.get("InitProcessEnabled")
        assert new["Capabilities"].get("Drop") == own.get("Capabilities", {}).get("Drop")


def test_defect_11_a_structure_that_only_the_deployment_knows_is_refused() -> None:
    for field in ("LinuxParameters", "VolumesFrom"):
        value = template({field: {"Fn::GetAtt": ["Custom", "Value"]}})
        assert where_refused(value) == f"{PLACE}[0].{field}"


@pytest.mark.parametrize("value", [{"Ref": "List"}, {"Fn::Split": [",", "SYS_PTRACE"]}], ids=str)
def test_defect_11_capabilities_that_a_function_gives_as_a_whole_are_refused_with_the_reason(
    value: dict[str, Any],
) -> None:
    with pytest.raises(TaskDefinitionError, match="a function gives this list, which must get one more") as caught:
        instrument_template(template({"LinuxParameters": {"Capabilities": {"Add": value}}}), SETTINGS)
    assert caught.value.where == f"{PLACE}[0].LinuxParameters.Capabilities.Add"

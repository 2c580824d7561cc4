"""What decides about a task definition in a template: conditions, parameters, and what nobody knows yet."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fargate_guard.cloudformation import (
    TemplateRefusedError,
    explain_template,
    instrument_template,
    restore_template,
    template_image_needs,
)
from fargate_guard.taskdef import ImageConfig, Images, NotATaskDefinitionError, Settings, TaskDefinitionError
from fargate_guard.taskdef.explanation import Instrumenter
from tests.cloudformation.deployed import deployed

INSTRUMENT = "/opt/draios/bin/instrument"
ROLE = "arn:aws-cn:iam::123456789012:role/execution"
NO_VALUE = {"Ref": "AWS::NoValue"}
SETTINGS = Settings("orchestrator", "5.0.1", orchestrator_host="orchestrator.internal")
NGINX = ImageConfig(("/docker-entrypoint.sh",), ("nginx",), "test", "sha256:" + "a" * 64)


def container(**fields: Any) -> dict[str, Any]:
    return {"Name": "web", "Image": "nginx:1.27", "EntryPoint": ["/app"], **fields}


def template(*containers: Any, sections: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    task = {
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "ContainerDefinitions": list(containers),
        **properties,
    }
    return {**(sections or {}), "Resources": {"Web": {"Type": "AWS::ECS::TaskDefinition", "Properties": task}}}


def parameter(name: str, **fields: Any) -> dict[str, Any]:
    return {"Parameters": {name: {"Type": "String", **fields}}}


def refusal(value: Any, settings: Settings = SETTINGS, **given: str) -> TaskDefinitionError:
    with pytest.raises(TaskDefinitionError) as caught:
        instrument_template(value, settings, parameters=given)
    assert caught.value.exit_code == 4
    return caught.value


def first(value: dict[str, Any]) -> Any:
    return value["Resources"]["Web"]["Properties"]["ContainerDefinitions"][0]


def test_a_condition_that_a_default_decides_still_counts_both_ways() -> None:
    sections = {
        **parameter("Env", Default="dev"),
        "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Env"}, "prod"]}},
    }
    entry_point = {"Fn::If": ["IsProd", ["/prod"], ["/dev", "--debug"]]}
    result = instrument_template(
        template(container(EntryPoint=entry_point), sections=sections), SETTINGS
    ).definition
    assert first(result)["EntryPoint"] == {
        "Fn::If": ["IsProd", [INSTRUMENT, "/prod"], [INSTRUMENT, "/dev", "--debug"]]
    }
    assert json.dumps(result).count("Fn::If") == 1


def test_conditions_that_exclude_each_other_are_not_refused_for_what_cannot_be() -> None:
    conditions = {
        "IsProd": {"Fn::Equals": [{"Ref": "Env"}, "prod"]},
        "IsDev": {"Fn::Not": [{"Condition": "IsProd"}]},
    }
    one, other = (container(Name="web", Command=[name]) for name in ("a", "b"))
    both = [{"Fn::If": ["IsProd", one, NO_VALUE]}, {"Fn::If": ["IsDev", other, NO_VALUE]}]
    value = template(*both, sections={**parameter("Env"), "Conditions": conditions})
    result = instrument_template(value, SETTINGS).definition
    for env in ("prod", "dev"):
        names = [one["Name"] for one in deployed(result, {"Env": env}, "Web")["ContainerDefinitions"]]
        assert names == ["web", "SysdigInstrumentation"]
    assert restore_template(result).definition == value


def test_what_is_for_ec2_under_a_condition_is_left_alone_under_it() -> None:
    sections = {**parameter("Env"), "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Env"}, "prod"]}}}
    value = template(
        container(), sections=sections, RequiresCompatibilities=[{"Fn::If": ["IsProd", "FARGATE", "EC2"]}]
    )
    result = instrument_template(value, SETTINGS)
    assert deployed(result.definition, {"Env": "dev"}, "Web") == deployed(value, {"Env": "dev"}, "Web")
    assert first(deployed_as_template(result.definition, "prod"))["EntryPoint"] == [INSTRUMENT, "/app"]
    (outcome,) = result.containers
    assert "not for Fargate: RequiresCompatibilities is EC2 when IsProd is false" in outcome.reason


def deployed_as_template(value: dict[str, Any], env: str) -> dict[str, Any]:
    return {"Resources": {"Web": {"Properties": deployed(value, {"Env": env}, "Web")}}}


def test_a_template_for_ec2_only_is_wrong_usage_and_says_why() -> None:
    with pytest.raises(NotATaskDefinitionError, match="no task definition for Fargate") as caught:
        instrument_template(template(container(), RequiresCompatibilities=["EC2"]), SETTINGS)
    assert caught.value.exit_code == 64
    assert "RequiresCompatibilities is EC2" in str(caught.value.why)
    with pytest.raises(NotATaskDefinitionError, match="it has 1 AWS::S3::Bucket"):
        instrument_template({"Resources": {"B": {"Type": "AWS::S3::Bucket"}}}, SETTINGS)


def test_too_many_conditions_are_refused_by_name() -> None:
    names = [f"C{n}" for n in range(7)]
    conditions = {name: {"Fn::Equals": [{"Ref": name}, "yes"]} for name in names}
    containers = [container(Name=name, EntryPoint={"Fn::If": [name, ["/a"], ["/b"]]}) for name in names]
    error = refusal(template(*containers, sections={"Conditions": conditions}))
    assert error.message.endswith("C0, C1, C2, C3, C4, C5, C6")
    sizes = [container(Name=name, Cpu={"Fn::If": [name, 64, 128]}) for name in names]
    assert instrument_template(template(*sizes, sections={"Conditions": conditions}), SETTINGS).changed


@pytest.mark.parametrize(
    ("entry_point", "wrapped"),
    [
        (
            {"Ref": "Args"},
            {"Fn::Split": [",", {"Fn::Join": [",", [INSTRUMENT, {"Fn::Join": [",", {"Ref": "Args"}]}]]}]},
        ),
        (
            {"Fn::Split": ["|", {"Ref": "Line"}]},
            {"Fn::Split": ["|", {"Fn::Join": ["", [f"{INSTRUMENT}|", {"Ref": "Line"}]]}]},
        ),
    ],
)
def test_an_entry_point_that_a_function_gives_is_wrapped_exactly(entry_point: Any, wrapped: Any) -> None:
    sections = {"Parameters": {"Args": {"Type": "CommaDelimitedList"}, "Line": {"Type": "String"}}}
    value = template(container(EntryPoint=entry_point), sections=sections)
    result = instrument_template(value, SETTINGS).definition
    assert first(result)["EntryPoint"] == wrapped
    state = {"Args": "/run, --fast", "Line": "/run|--fast"}
    assert deployed(result, state, "Web")["ContainerDefinitions"][0]["EntryPoint"] == [
        INSTRUMENT,
        "/run",
        "--fast",
    ]
    assert not instrument_template(result, SETTINGS).changed
    assert restore_template(result).definition == value


@pytest.mark.parametrize(
    "entry_point",
    [{"Ref": "Text"}, {"Fn::Split": ["/", {"Ref": "Text"}]}, {"Fn::FindInMap": ["A", "B", {"Ref": "Text"}]}],
)
def test_an_entry_point_that_cannot_be_wrapped_exactly_is_refused(entry_point: Any) -> None:
    value = template(container(EntryPoint=entry_point), sections=parameter("Text"))
    assert str(refusal(value).where).startswith("$.Resources.Web.Properties")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"Environment": {"Ref": "P"}}, "[0].Environment"),
        ({"Environment": [{"Name": {"Ref": "P"}, "Value": "x"}]}, "[0].Environment[0].Name"),
        ({"Environment": [{"Name": {"Fn::Sub": "SYSDIG_${P}"}, "Value": "x"}]}, "[0].Environment[0].Name"),
        ({"VolumesFrom": {"Fn::Transform": {"Name": "AWS::Include"}}}, "[0].VolumesFrom"),
        ({"Fn::Transform": {"Name": "AWS::Include"}}, "[0]"),
        ({"LinuxParameters": {"Capabilities": {"Add": {"Ref": "P"}}}}, "[0].LinuxParameters.Capabilities.Add"),
        ({"image": "x"}, "[0].image"),
    ],
)
def test_what_must_be_known_is_refused_with_its_path(fields: dict[str, Any], path: str) -> None:
    value = template(container(**fields), container(Name="other"), sections=parameter("P"))
    assert refusal(value).where == f"$.Resources.Web.Properties.ContainerDefinitions{path}"


def test_a_container_that_is_left_out_need_not_be_understood() -> None:
    odd = container(Name="odd", Environment={"Ref": "P"}, Secrets=[{"Name": {"Ref": "P"}, "ValueFrom": "x"}])
    value = template(odd, container(), sections=parameter("P"))
    result = instrument_template(value, replace(SETTINGS, ignore_containers=("odd",)))
    assert first(result.definition) == odd
    assert [(one.name, one.instrumented) for one in result.containers] == [("odd", False), ("web", True)]
    assert restore_template(result.definition).definition == value


def test_a_name_that_nothing_can_confuse_need_not_be_known() -> None:
    entry = {"Name": {"Fn::Sub": "APP_${P}"}, "Value": "x"}
    assert instrument_template(template(container(Environment=[entry]), sections=parameter("P")), SETTINGS).changed


def test_all_refusals_are_told_at_once() -> None:
    value = template(container(Environment={"Ref": "P"}))
    value["Resources"]["Api"] = template(container(Secrets={"Ref": "P"}))["Resources"]["Web"]
    error = refusal(value)
    assert isinstance(error, TemplateRefusedError)
    assert [one.where for one in error.refusals] == [
        "$.Resources.Web.Properties.ContainerDefinitions[0].Environment",
        "$.Resources.Api.Properties.ContainerDefinitions[0].Secrets",
    ]


def test_a_container_to_leave_out_need_only_be_in_one_task_definition() -> None:
    value = template(container())
    value["Resources"]["Api"] = template(container(Name="api"))["Resources"]["Web"]
    result = instrument_template(value, replace(SETTINGS, ignore_containers=("api", "web-*")))
    assert [(one.resource, one.instrumented) for one in result.containers] == [("Web", True), ("Api", False)]
    assert ["web-*" in one.message for one in result.warnings] == [True]
    assert "there is no container ap" in refusal(value, replace(SETTINGS, ignore_containers=("ap",))).message


def test_an_unknown_name_that_may_be_one_to_leave_out_is_refused_until_it_is_given() -> None:
    value = template(container(Name={"Fn::Sub": "${P}-side"}), container(), sections=parameter("P"))
    leaving_out = replace(SETTINGS, ignore_containers=("log-side",))
    error = refusal(value, leaving_out)
    assert error.where == "$.Resources.Web.Properties.ContainerDefinitions[0].Name"
    assert "--parameter" in str(error.fix)
    result = instrument_template(value, leaving_out, parameters={"P": "log"})
    assert [one.instrumented for one in result.containers] == [False, True]


def test_names_that_are_functions_reach_the_record_of_the_deployed_task() -> None:
    value = template(container(Name={"Ref": "P"}), sections=parameter("P"))
    result = instrument_template(value, SETTINGS).definition
    labels = deployed(result, {"P": "checkout"}, "Web")["ContainerDefinitions"][1]["DockerLabels"]
    assert list(json.loads(labels["com.fargate-guard.original"])["containers"]) == ["checkout"]
    assert not instrument_template(result, SETTINGS, parameters={"P": "other"}).changed
    assert restore_template(result, {"P": "third"}).definition == value


def test_images_are_resolved_through_parameters_and_defaults_are_told() -> None:
    image = {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/web:${Tag}"}
    value = template(
        {"Name": "web", "Image": image}, sections=parameter("Tag", Default="1.27"), ExecutionRoleArn=ROLE
    )
    given = {"AWS::AccountId": "123456789012", "AWS::Region": "cn-north-1"}
    (need,) = template_image_needs(value, SETTINGS, given)
    assert need.image == "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/web:1.27"
    assert (need.resource, need.container) == ("Web", "web")
    assert need.path == "$.Resources.Web.Properties.ContainerDefinitions[0].Image"
    images = Images({(need.image, need.architecture): NGINX})
    result = instrument_template(value, SETTINGS, images, given)
    assert first(result.definition)["EntryPoint"] == [INSTRUMENT, "/docker-entrypoint.sh"]
    assert (first(result.definition)["Image"], first(result.definition)["Command"]) == (image, ["nginx"])
    assert any("--parameter Tag=VALUE" in notice.message for notice in result.warnings)
    told = instrument_template(value, SETTINGS, Images({(need.image, "X86_64"): NGINX}), {**given, "Tag": "1.27"})
    assert not told.warnings
    assert restore_template(result.definition).definition == value


def test_an_image_that_nobody_knows_is_refused_unless_it_is_answered_for() -> None:
    value = template({"Name": "web", "Image": {"Ref": "P"}}, sections=parameter("P"))
    assert template_image_needs(value, SETTINGS) == ()
    error = refusal(value)
    assert error.where == "$.Resources.Web.Properties.ContainerDefinitions[0].Image"
    assert "--entrypoint web=" in str(error.fix)
    for name in ("web", "Web/web"):
        result = instrument_template(value, SETTINGS, Images(by_container={name: NGINX}))
        assert first(result.definition)["Command"] == ["nginx"]
        assert restore_template(result.definition).definition == value


@pytest.mark.parametrize(
    ("properties", "path"),
    [
        ({"PidMode": {"Ref": "P"}}, "PidMode"),
        ({"RequiresCompatibilities": [{"Ref": "P"}]}, "RequiresCompatibilities[0]"),
        ({"RuntimePlatform": {"OperatingSystemFamily": {"Ref": "P"}}}, "RuntimePlatform.OperatingSystemFamily"),
        ({"Tags": [{"Key": {"Ref": "P"}, "Value": "x"}]}, "Tags[0].Key"),
        ({"Tags": [{"Key": "kilt-ignore-containers", "Value": {"Ref": "P"}}]}, "Tags[0].Value"),
        ({"ContainerDefinitions": {"Ref": "P"}}, "ContainerDefinitions"),
    ],
)
def test_what_decides_about_the_task_must_be_known(properties: dict[str, Any], path: str) -> None:
    value = template(container(), sections=parameter("P"), **properties)
    assert refusal(value).where == f"$.Resources.Web.Properties.{path}"


def test_a_loop_that_makes_task_definitions_is_refused() -> None:
    value = template(container())
    value["Resources"]["Fn::ForEach::Tasks"] = ["Name", ["A"], {"Task${Name}": value["Resources"]["Web"]}]
    assert refusal(value).where == "$.Resources['Fn::ForEach::Tasks']"


def test_explaining_tells_each_outcome_of_the_conditions() -> None:
    sections = {**parameter("Env"), "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Env"}, "prod"]}}}
    value = template(
        container(), sections=sections, RequiresCompatibilities=[{"Fn::If": ["IsProd", "FARGATE", "EC2"]}]
    )
    found = dict(explain_template(instrument_template(value, SETTINGS).definition))
    assert found["Web (when IsProd is true)"].instrumented_by is Instrumenter.FGUARD
    assert found["Web (when IsProd is false)"].instrumented_by is Instrumenter.NOBODY


def test_an_image_that_a_function_gives_is_not_pinned_but_refused() -> None:
    sections = {
        **parameter("Tag", Default="1.27"),
        "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Tag"}, "1"]}},
    }
    images = Images({("nginx:1.27", "X86_64"): NGINX, ("nginx:2", "X86_64"): NGINX})
    pinning = replace(SETTINGS, pin_digests=True)
    of_function = template(container(Image={"Fn::Sub": "nginx:${Tag}"}), sections=sections)
    with pytest.raises(TaskDefinitionError, match="cannot be pinned here") as caught:
        instrument_template(of_function, pinning, images)
    assert caught.value.where == "$.Resources.Web.Properties.ContainerDefinitions[0].Image"
    value = template(container(Image={"Fn::If": ["IsProd", "nginx:1.27", "nginx:2"]}), sections=sections)
    result = instrument_template(value, pinning, images).definition
    pinned = f"nginx@{NGINX.digest}"
    assert first(result)["Image"] == {"Fn::If": ["IsProd", pinned, pinned]}
    assert not instrument_template(result, pinning, images).changed
    assert restore_template(result).definition == value


def test_parameters_that_no_condition_looks_at_do_not_count() -> None:
    allowed = [str(n) for n in range(20)]
    names = [f"P{n}" for n in range(8)]
    parameters = {name: {"Type": "String", "AllowedValues": allowed} for name in names}
    conditions = {f"Is{n}": {"Fn::Equals": [{"Ref": "P0"}, n]} for n in allowed}
    environment = [{"Fn::If": [name, {"Name": "WHO", "Value": name}, NO_VALUE]} for name in conditions]
    value = template(
        container(Environment=environment), sections={"Parameters": parameters, "Conditions": conditions}
    )
    result = instrument_template(value, SETTINGS).definition
    variables = deployed(result, {"P0": "7"}, "Web")["ContainerDefinitions"][0]["Environment"]
    assert variables == [{"Name": "WHO", "Value": "Is7"}, {"Name": "SYSDIG_SIDECAR", "Value": "auto"}]


@pytest.mark.parametrize("logical_id", ["Fn::Transform", "More"])
def test_what_an_include_brings_among_the_resources_is_warned_about(logical_id: str) -> None:
    include = {"Name": "AWS::Include", "Parameters": {"Location": "s3://bucket/more.yaml"}}
    value = template(container())
    value["Resources"][logical_id] = include if logical_id == "Fn::Transform" else {"Fn::Transform": include}
    (warning,) = (one for one in instrument_template(value, SETTINGS).warnings if "not seen here" in one.message)
    assert warning.where == ("$.Resources.More" if logical_id == "More" else "$.Resources['Fn::Transform']")

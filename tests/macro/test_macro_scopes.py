"""``Transform`` and ``Fn::Transform``: where it may stand, and what it does there."""

from __future__ import annotations

from typing import Any

import pytest

from fargate_guard.cloudformation import instrument_template
from tests.macro.calling import ORCHESTRATED, call, container, event, task, template


def instrumented(**resources: Any) -> Any:
    return instrument_template(template(**resources), ORCHESTRATED).definition["Resources"]


def test_at_the_top_the_whole_template_is_instrumented() -> None:
    two = {"Web": task(), "Api": task(container("api"))}
    assert call(event(template(**two))).fragment["Resources"] == instrumented(**two)


def test_beside_the_resources_all_of_them_are() -> None:
    two = {"Web": task(), "Api": task(container("api")), "Bucket": {"Type": "AWS::S3::Bucket"}}
    called = call(event(two))
    assert called.fragment == instrumented(**two)
    assert [line["path"] for line in called.of("container")] == [
        "$.Web.Properties.ContainerDefinitions[0]",
        "$.Api.Properties.ContainerDefinitions[0]",
    ]


def test_in_a_task_definition_that_one_is() -> None:
    assert call(event(task())).fragment == instrumented(Web=task())["Web"]


def test_in_its_properties_they_are() -> None:
    called = call(event(task()["Properties"]))
    assert called.fragment == instrumented(Web=task())["Web"]["Properties"]
    assert [line["path"] for line in called.of("container")] == ["$.ContainerDefinitions[0]"]


def test_a_snippet_may_use_conditions_and_parameters_that_it_does_not_hold() -> None:
    given = task(
        container(Command={"Fn::If": ["Verbose", ["-v"], {"Ref": "AWS::NoValue"}]}, Image={"Ref": "Image"})
    )
    done = call(event(given, {"Image": "nginx:1.27"})).fragment
    assert done == instrumented(Web=given)["Web"]


def test_a_snippet_is_refused_with_its_own_paths_and_without_values_of_parameters() -> None:
    given = task({"Name": "web", "Image": {"Ref": "Image"}}, ExecutionRoleArn="arn:aws:iam::111122223333:role/x")
    called = call(event(given, {"Image": "registry.internal/hidden:1"}))
    assert "container web: what container web would run is not known" in called.error
    assert "at $.Properties.ContainerDefinitions[0].EntryPoint" in called.error
    assert "registry.internal/hidden:1" not in called.log + called.error
    assert "${Image}" in called.error


@pytest.mark.parametrize(
    ("fragment", "says"),
    [
        (container(), "stands beside Name, Image, EntryPoint"),
        ({"Value": 1}, "stands beside Value"),
        ({}, "nothing beside Fn::Transform"),
        ({"Type": "AWS::ECS::Service", "Properties": {}}, "a resource of type AWS::ECS::Service"),
    ],
)
def test_elsewhere_it_is_refused_with_where_it_works(fragment: Any, says: str) -> None:
    error = call(event(fragment)).error
    assert says in error
    assert "pidMode" in error
    assert "put the macro into the Transform section" in error


@pytest.mark.parametrize(
    "fragment",
    [{"Bucket": {"Type": "AWS::S3::Bucket"}}, task(RequiresCompatibilities=["EC2"])],
)
def test_a_snippet_in_which_there_is_nothing_to_do_is_a_mistake(fragment: Any) -> None:
    assert "nothing in this template is instrumented" in call(event(fragment)).error


def test_a_loop_that_makes_task_definitions_is_refused() -> None:
    loop = ["Name", ["A", "B"], {"Task${Name}": task()}]
    assert "a loop makes this task definition" in call(event(template(**{"Fn::ForEach::Tasks": loop}))).error

"""Nothing secret leaves a template: not to the log, and not to an error message."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.macro.calling import call, container, event, task, template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "hunter2-7f3a9c"


def places() -> list[Any]:
    """Task definitions with a secret where people put one."""
    variable = [{"Name": "PASSWORD", "Value": SECRET}]
    return [
        task(container(Environment=variable)),
        task(container(Environment=[{"Name": "SYSDIG_ACCESS_KEY", "Value": SECRET}])),
        task(container(Environment=[*variable, *variable])),
        task({"Name": "web", "Image": "team/web:1", "Environment": variable}),
        task(container(Environment={"PASSWORD": SECRET})),
        task(container(Environment=[{"Name": "PASSWORD", "Value": {"Fn::Join": ["", [SECRET, 3]]}}])),
        task(container(Command={"Fn::Nowhere": 3}, Environment=variable)),
        task(container(DockerLabels={"key": SECRET}, EntryPoint=None)),
        task(container(LogConfiguration={"LogDriver": "splunk", "Options": {"splunk-token": SECRET}})),
        task(container(Environment=variable), Cpu="128"),
    ]


@pytest.mark.parametrize("resource", places())
@pytest.mark.parametrize("scope", ["template", "resources", "resource", "properties"])
def test_a_secret_of_a_task_definition_is_neither_logged_nor_told(resource: Any, scope: str) -> None:
    fragment = {
        "template": template(Web=resource),
        "resources": {"Web": resource},
        "resource": resource,
        "properties": resource["Properties"],
    }[scope]
    called = call(event(fragment))
    assert SECRET not in called.log
    assert SECRET not in called.answer.get("errorMessage", "")


def test_the_value_of_a_parameter_with_no_echo_is_not_told() -> None:
    given_ = {**template(Web=task({"Name": "web", "Image": {"Ref": "Key"}}))}
    given_["Parameters"] = {"Key": {"Type": "String", "NoEcho": True}}
    called = call(event(given_, {"Key": SECRET}, OrchestratorHost={"Ref": "Key"}))
    assert called.error
    assert SECRET not in called.log + called.error


@pytest.mark.parametrize("scope", ["template", "resources", "resource"])
def test_an_element_of_a_parameter_that_is_a_list_is_not_told_either(scope: str) -> None:
    argv = task({"Name": {"Fn::Select": [0, {"Ref": "Keys"}]}, "Image": {"Fn::Select": [1, {"Ref": "Keys"}]}})
    whole = {**template(Web=argv), "Parameters": {"Keys": {"Type": "CommaDelimitedList", "NoEcho": True}}}
    fragment = {"template": whole, "resources": {"Web": argv}, "resource": argv}[scope]
    called = call(event(fragment, {"Keys": [SECRET, f"other-{SECRET}"]}))
    assert called.error
    assert SECRET not in called.log + called.error


RICH = task(
    container(
        Command=["-c"],
        Environment=[{"Name": "PASSWORD", "Value": SECRET}],
        Secrets=[{"Name": "KEY", "ValueFrom": "arn:aws:ssm:eu-west-1:111122223333:parameter/x"}],
        DependsOn=[{"ContainerName": "db", "Condition": "START"}],
        LinuxParameters={"Capabilities": {"Add": ["SYS_PTRACE"]}},
        VolumesFrom=[{"SourceContainer": "db"}],
        DockerLabels={"key": SECRET},
        LogConfiguration={"LogDriver": "splunk", "Options": {"splunk-token": SECRET}},
        HealthCheck={"Command": ["CMD", SECRET]},
        PortMappings=[{"ContainerPort": "80"}],
    ),
    container("db", Environment=[{"Name": "PASSWORD", "Value": SECRET}]),
    ExecutionRoleArn="arn:aws:iam::111122223333:role/execution",
    PidMode="task",
    Tags=[{"Key": "key", "Value": SECRET}],
)
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Fn::If": lambda value: {"Fn::If": ["Nowhere", value, {"Ref": "AWS::NoValue"}]},
    "half an Fn::If": lambda value: {"Fn::If": ["Nowhere", value]},
    "Fn::ForEach": lambda value: {"Fn::ForEach::Each": ["Name", ["a"], value]},
    "Fn::Transform": lambda value: {**(value if isinstance(value, dict) else {}), "Fn::Transform": {"Name": "X"}},
    "Fn::ToJsonString": lambda value: {"Fn::ToJsonString": value},
    "Fn::Unheard": lambda value: {"Fn::Unheard": value},
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_cannot_be_read_is_not_told_with_what_stands_in_it(name: str) -> None:
    for path in all_places(RICH["Properties"]):
        damaged = copy.deepcopy(RICH)
        place: Any = damaged["Properties"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = FUNCTIONS[name](place[path[-1]])
        called = call(event(template(Web=damaged)))
        assert SECRET not in called.log + called.answer.get("errorMessage", ""), path
        assert called.of("unexpected") == [], path


def all_places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The steps to everything in a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        yield (*path, step)
        yield from all_places(item, (*path, step))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just({"Ref": "Key"}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def answers_and_keeps_secrets(data: st.DataObject) -> None:
    damaged = copy.deepcopy(template(Web=data.draw(st.sampled_from(places())), Api=task(container("api"))))
    damaged["Parameters"] = {"Key": {"Type": "String", "NoEcho": "true"}}
    _damage(damaged, data)
    called = call(event(damaged, {"Key": "another-" + SECRET}))
    assert called.answer["status"] in ("success", "failure")
    assert SECRET not in called.log
    assert SECRET not in called.answer.get("errorMessage", "")
    assert not called.of("unexpected"), called.log


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_damaged_the_macro_answers_and_keeps_secrets(data: st.DataObject) -> None:
    answers_and_keeps_secrets(data)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_many_damaged_templates_are_answered_and_keep_secrets(data: st.DataObject) -> None:
    answers_and_keeps_secrets(data)


def _damage(value: Any, data: st.DataObject) -> None:
    """Put something else into one place."""
    place = value
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if isinstance(inner, (dict, list)) and inner and data.draw(st.integers(0, 4)):
            place = inner
            continue
        place[key] = data.draw(json_values)
        json.dumps(value)
        return

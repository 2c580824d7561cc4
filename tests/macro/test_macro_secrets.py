"""Nothing secret leaves a template: not to the log, and not to an error message."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.macro.calling import call, container, event, task, template

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

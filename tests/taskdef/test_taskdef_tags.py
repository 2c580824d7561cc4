"""Tags on the task definition leave it or containers out, as Sysdig's own tools read them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import Settings, instrument, uninstrument

if TYPE_CHECKING:
    from collections.abc import Callable

    Shape = Callable[[dict[str, Any], list[Any]], dict[str, Any]]

SIDECARS = [{"name": "envoy", "image": "envoy:1"}, {"name": "log_router", "image": "fluent-bit:3"}]


@pytest.fixture(params=["register", "describe"])
def tagged(request: pytest.FixtureRequest) -> Shape:
    """A definition with tags, in both shapes that have them."""

    def build(definition: dict[str, Any], tags: list[Any]) -> dict[str, Any]:
        if request.param == "register":
            return {**definition, "tags": tags}
        return {"taskDefinition": definition, "tags": tags}

    return build


def test_containers_that_a_tag_names_are_left_out(
    web: dict[str, Any], orchestrator: Settings, tagged: Shape
) -> None:
    web["containerDefinitions"] += SIDECARS
    tags = [{"key": "team", "value": "web"}, {"key": "kilt-ignore-containers", "value": " envoy : log_router "}]
    definition = tagged(web, tags)
    result = instrument(definition, orchestrator)
    assert [(one.name, one.instrumented, one.reason) for one in result.containers] == [
        ("web", True, "instrumented"),
        ("envoy", False, "ignored by tag kilt-ignore-containers"),
        ("log_router", False, "ignored by tag kilt-ignore-containers"),
    ]
    assert uninstrument(result.definition) == definition
    assert not instrument(result.definition, orchestrator).changed


def test_a_tag_and_a_flag_leave_out_together(web: dict[str, Any], orchestrator: Settings, tagged: Shape) -> None:
    web["containerDefinitions"] += SIDECARS
    definition = tagged(web, [{"Key": "kilt-ignore-containers", "Value": "envoy"}])
    result = instrument(definition, replace(orchestrator, ignore_containers=("log_router",)))
    assert [one.reason for one in result.containers] == [
        "instrumented",
        "ignored by tag kilt-ignore-containers",
        "left out as asked",
    ]


@pytest.mark.parametrize("value", ["", "true", "false"])
def test_a_definition_that_a_tag_ignores_is_left_as_it_is_whatever_it_holds(
    web: dict[str, Any], orchestrator: Settings, tagged: Shape, value: str
) -> None:
    web["containerDefinitions"][0].pop("entryPoint")
    definition = tagged({**web, "requiresCompatibilities": ["EC2"]}, [{"key": "kilt-ignore", "value": value}])
    result = instrument(definition, orchestrator)
    assert not result.changed
    assert result.definition == definition
    assert [(one.instrumented, one.reason) for one in result.containers] == [(False, "ignored by tag kilt-ignore")]


def test_the_tag_takes_earlier_instrumentation_back(
    web: dict[str, Any], orchestrator: Settings, tagged: Shape
) -> None:
    tags = [{"key": "kilt-ignore", "value": "true"}]
    instrumented = instrument(web, orchestrator).definition
    assert instrument(tagged(instrumented, tags), orchestrator).definition == tagged(web, tags)


def test_the_tag_leaves_another_tools_instrumentation(
    manual_web: dict[str, Any], orchestrator: Settings, tagged: Shape
) -> None:
    result = instrument(tagged(manual_web, [{"key": "kilt-ignore"}]), orchestrator)
    assert not result.changed
    assert result.containers[0].reason == "ignored by tag kilt-ignore; another tool instrumented it"

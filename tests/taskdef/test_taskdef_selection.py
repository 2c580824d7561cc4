"""Which containers are instrumented: names, patterns, Docker labels, tags, and opt-in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fargate_guard.taskdef import Settings, SettingsError, TaskDefinitionError, instrument, uninstrument


@pytest.fixture
def mesh(web: dict[str, Any]) -> dict[str, Any]:
    """A workload with two sidecars of its own."""
    web["containerDefinitions"] += [
        {"name": "sidecar-envoy", "image": "envoy:1", "entryPoint": ["/envoy"], "dockerLabels": {"team": "mesh"}},
        {"name": "sidecar-logs", "image": "logs:1", "entryPoint": ["/logs"], "DockerLabels": {"team": "ops"}},
    ]
    return web


def reasons(definition: Any, settings: Settings) -> list[str]:
    result = instrument(definition, settings)
    assert uninstrument(result.definition) == definition
    names = [one["name"] for one in definition["containerDefinitions"]]
    assert [outcome.name for outcome in result.containers] == names, "every container is named"
    return [outcome.reason for outcome in result.containers]


def test_a_pattern_leaves_out_all_that_match(mesh: dict[str, Any], direct: Settings) -> None:
    assert reasons(mesh, replace(direct, ignore_containers=("sidecar-*",))) == [
        "instrumented",
        "left out as asked (sidecar-*)",
        "left out as asked (sidecar-*)",
    ]


def test_a_pattern_that_matches_nothing_is_warned_about_and_a_name_refused(
    mesh: dict[str, Any], direct: Settings
) -> None:
    result = instrument(mesh, replace(direct, ignore_containers=("proxy-?",)))
    assert any("no container is called proxy-?" in warning.message for warning in result.warnings)
    with pytest.raises(TaskDefinitionError, match="no container proxy-1 to leave out"):
        instrument(mesh, replace(direct, ignore_containers=("proxy-1",)))


@pytest.mark.parametrize(
    ("labels", "left_out"),
    [
        (("team",), [False, True, True]),
        (("team=mesh",), [False, True, False]),
        (("team=mesh", "team=ops"), [False, True, True]),
        (("team=",), [False, False, False]),
    ],
)
def test_docker_labels_leave_out(
    mesh: dict[str, Any], direct: Settings, labels: tuple[str, ...], left_out: list[bool]
) -> None:
    found = reasons(mesh, replace(direct, ignore_labels=labels))
    assert [reason.startswith("left out as asked (label team") for reason in found] == left_out


@pytest.mark.parametrize(("value", "left_out"), [("true", True), ("", True), ("False", False)])
def test_the_label_of_fguard_leaves_out_whatever_else_is_asked(
    mesh: dict[str, Any], direct: Settings, value: str, left_out: bool
) -> None:
    mesh["tags"] = [{"key": "kilt-include"}]
    mesh["containerDefinitions"][0]["dockerLabels"] = {
        "com.fargate-guard.ignore": value,
        "com.fargate-guard.include": "true",
    }
    for opt_in in (False, True):
        found = reasons(mesh, replace(direct, opt_in=opt_in))
        assert (found[0] == "ignored by label com.fargate-guard.ignore") is left_out


def test_with_opt_in_only_containers_that_ask_are_instrumented(mesh: dict[str, Any], direct: Settings) -> None:
    opt_in = replace(direct, opt_in=True)
    did_not_ask = (
        "left out, since it does not ask (tag kilt-include-containers or label com.fargate-guard.include)"
    )
    assert reasons(mesh, opt_in) == [did_not_ask] * 3
    mesh["tags"] = [{"key": "kilt-include-containers", "value": "web : sidecar-logs"}]
    assert reasons(mesh, opt_in) == ["instrumented", did_not_ask, "instrumented"]
    mesh["tags"] = [{"key": "kilt-include-containers", "value": "web"}]
    mesh["containerDefinitions"][1]["dockerLabels"]["com.fargate-guard.include"] = "true"
    mesh["containerDefinitions"][2]["DockerLabels"]["com.fargate-guard.include"] = "false"
    assert reasons(mesh, opt_in) == ["instrumented", "instrumented", did_not_ask]
    mesh["tags"] = [{"Key": "kilt-include", "Value": "false"}]
    assert reasons(mesh, opt_in) == ["instrumented"] * 3


def test_without_opt_in_asking_changes_nothing(mesh: dict[str, Any], direct: Settings) -> None:
    mesh["tags"] = [{"key": "kilt-include-containers", "value": "nobody"}]
    assert reasons(mesh, direct) == ["instrumented"] * 3


def test_a_container_that_is_asked_for_but_missing_is_refused(mesh: dict[str, Any], direct: Settings) -> None:
    mesh["tags"] = [{"key": "kilt-include-containers", "value": "wbe"}]
    with pytest.raises(TaskDefinitionError, match="no container wbe to instrument") as refused:
        instrument(mesh, replace(direct, opt_in=True))
    assert refused.value.where == "$.tags[0].value"


def test_a_container_that_is_left_out_from_now_on_is_restored(mesh: dict[str, Any], direct: Settings) -> None:
    everything = instrument(mesh, direct).definition
    for how in (replace(direct, ignore_containers=("sidecar-*",)), replace(direct, ignore_labels=("team",))):
        assert instrument(everything, how).definition == instrument(mesh, how).definition
    nothing = instrument(everything, replace(direct, opt_in=True))
    assert nothing.definition == mesh
    assert nothing.changed


def test_an_ignore_label_has_a_key(direct: Settings) -> None:
    with pytest.raises(SettingsError, match="not a Docker label"):
        replace(direct, ignore_labels=("=mesh",))

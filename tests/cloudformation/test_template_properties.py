"""The promises of instrumentation, for whatever a template may hold.

The quick profile runs with ``make test``; ``make test-long`` runs 10,000 templates.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fargate_guard.cloudformation import (
    explain_template,
    instrument_template,
    restore_template,
    template_image_needs,
)
from fargate_guard.cloudformation.template_notes import LABEL as NOTES
from fargate_guard.taskdef import ImageConfig, Images, Settings, TaskDefinitionError, instrument, uninstrument
from fargate_guard.taskdef.record import LABEL as RECORD
from tests.cloudformation.deployed import deployed, exists
from tests.cloudformation.generated_templates import STATES, templates
from tests.mutated import mutated

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key"
SETTINGS = [
    Settings("orchestrator", "5.0.1", orchestrator_host="h"),
    Settings("direct", "6.2.1", collector_host="c", access_key_arn=ARN, sidecar_cpu=64, priority="security"),
    Settings("orchestrator", "4.3.2", orchestrator_host="h", workload_environment={"NO_PROXY": "*"}),
    Settings("direct", "5.0.2", collector_host="c", access_key_arn=ARN, ignore_containers=("web",)),
]
GIVEN = {"Tag": "2", "AWS::Region": "us-east-1"}
"""What is known of the parameters; the rest is only known when the template is deployed."""
IMAGES = Images(
    {
        (image, "X86_64"): ImageConfig(("/docker-entrypoint.sh",), command, "test")
        for image, command in (("nginx:1.27", ("nginx", "-g")), ("nginx:2", ()))
    }
)
some_settings = st.sampled_from(SETTINGS)

quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
PARTS = 4
"""The long profile comes in parts, so that several workers share it."""
long = settings(max_examples=10_000 // PARTS, deadline=None, suppress_health_check=list(HealthCheck))


def exactly(value: Any) -> str:
    """Everything that a template says, key order included."""
    return json.dumps(value)


def accepted(template: Any, how: Settings) -> Any:
    """The instrumented template, where fguard takes it."""
    try:
        return instrument_template(template, how, IMAGES, GIVEN).definition
    except TaskDefinitionError:
        assume(False)


def is_right_whatever_is_deployed(before: Any, after: Any, how: Settings) -> None:
    """What is deployed is what the core makes of what would have been deployed."""
    for state in STATES:
        if not exists(before, state):
            continue
        original, result = deployed(before, state), deployed(after, state)
        if "FARGATE" not in original["RequiresCompatibilities"]:
            assert result == original
            continue
        names = {container["Name"] for container in original["ContainerDefinitions"]}
        wanted = replace(how, ignore_containers=tuple(name for name in how.ignore_containers if name in names))
        for container in result["ContainerDefinitions"]:
            container.get("DockerLabels", {}).pop(NOTES, None)
        expected = instrument(original, wanted, IMAGES).definition
        assert uninstrument(result) == uninstrument(expected)
        assert as_recorded(result, names) == as_recorded(expected, names)


def as_recorded(definition: Any, names: set[str]) -> Any:
    """The definition with what its record says of containers that are there; others may be in it, too."""
    for container in definition["ContainerDefinitions"]:
        labels = container.get("DockerLabels", {})
        if RECORD in labels:
            content = json.loads(labels.pop(RECORD))
            del content["format"]
            for key in ("containers", "others"):
                content[key] = {name: one for name, one in content.get(key, {}).items() if name in names}
            labels["record"] = content
    return definition


def keeps_its_promises(template: Any, how: Settings, then: Settings) -> None:
    before = exactly(template)
    instrumented = accepted(template, how)
    assert exactly(template) == before, "the input was changed"
    is_right_whatever_is_deployed(template, instrumented, how)
    assert exactly(restore_template(instrumented).definition) == before

    again = instrument_template(instrumented, how, IMAGES, GIVEN)
    assert not again.changed
    assert exactly(again.definition) == exactly(instrumented)

    changed = accepted(instrumented, then)
    assert exactly(restore_template(changed).definition) == before
    is_right_whatever_is_deployed(template, changed, then)


def with_a_mistake(data: st.DataObject, value: Any) -> Any:
    return mutated(data, value, some_json)


FUNCTIONS = ["Ref", "Fn::If", "Fn::Sub", "Fn::Split", "Name", "x"]
some_json = st.recursive(
    st.sampled_from([None, True, 7, "x", "/opt/draios/bin/instrument", "SysdigInstrumentation"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FUNCTIONS), inner, max_size=2),
    max_leaves=6,
)


def survives(value: Any, how: Settings) -> None:
    for work in (
        lambda: instrument_template(value, how),
        lambda: restore_template(value),
        lambda: template_image_needs(value, how),
        lambda: explain_template(value),
    ):
        try:
            work()
        except TaskDefinitionError as error:
            assert error.message  # noqa: PT017
            assert error.exit_code in (4, 64)  # noqa: PT017


@quick
@given(templates, some_settings, some_settings)
def test_instrumenting_a_template_is_right_whatever_is_deployed_and_can_be_undone(
    template: Any, how: Settings, then: Settings
) -> None:
    keeps_its_promises(template, how, then)


@quick
@given(st.data(), templates, some_settings)
def test_templates_with_a_mistake_never_crash(data: st.DataObject, template: Any, how: Settings) -> None:
    survives(with_a_mistake(data, template), how)
    survives(with_a_mistake(data, accepted(template, how)), how)


@quick
@given(some_json, some_settings)
def test_arbitrary_json_is_refused_with_a_reason(value: Any, how: Settings) -> None:
    survives(value, how)
    survives({"Resources": {"A": {"Type": "AWS::ECS::TaskDefinition", "Properties": value}}}, how)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("_part", range(PARTS))
@long
@given(st.data(), templates, some_settings, some_settings)
def test_every_promise_for_many_more_templates(
    _part: int, data: st.DataObject, template: Any, how: Settings, then: Settings
) -> None:
    keeps_its_promises(template, how, then)
    survives(with_a_mistake(data, template), how)
    survives(with_a_mistake(data, accepted(template, how)), how)

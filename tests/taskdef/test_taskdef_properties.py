"""The promises of instrumentation, for whatever a task definition may hold.

The quick profile runs with ``make test``; ``make test-long`` runs more than 10,000 cases.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fargate_guard.taskdef import (
    Images,
    Settings,
    TaskDefinitionError,
    image_needs,
    instrument,
    is_instrumented,
    read,
    restore,
    uninstrument,
)
from fargate_guard.taskdef.layout import learn
from tests.mutated import mutated
from tests.taskdef.generated import ARN, all_images, definitions, json_values

if TYPE_CHECKING:
    from collections.abc import Callable

INSTRUMENT = "/opt/draios/bin/instrument"

SETTINGS = [
    Settings("orchestrator", "4.3.2", orchestrator_host="h"),
    Settings("direct", "4.3.2", collector_host="c", access_key_arn=ARN, execution_role_supplied=True),
    Settings("orchestrator", "5.0.1", orchestrator_host="h", logging="debug", priority="security"),
    Settings("direct", "5.0.1", collector_host="c", access_key_arn=ARN, execution_role_supplied=True),
    Settings(
        "direct", "6.2.1", collector_host="c", access_key_arn=ARN, execution_role_supplied=True, sidecar_cpu=64
    ),
    Settings("orchestrator", "5.0.2", orchestrator_host="other", ignore_containers=("a",)),
    Settings("orchestrator", "5.0.1", orchestrator_host="h", extra_conf="tags: team:payments"),
    Settings("orchestrator", "4.3.2", orchestrator_host="h", extra_conf="tags: team:payments"),
    Settings("orchestrator", "5.0.1", orchestrator_host="h", pin_digests=True, opt_in=True),
    Settings("orchestrator", "5.0.1", orchestrator_host="h", pin_digests=True, ignore_labels=("team=payments",)),
    Settings(
        "orchestrator",
        "5.0.1",
        orchestrator_host="h",
        workload_environment={"A": "/bin", "HTTPS_PROXY": "http://squid:3128"},
        sidecar_environment={"NO_PROXY": "169.254.170.2"},
        ignore_containers=("b*",),
    ),
]
some_settings = st.sampled_from(SETTINGS)

quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))


def exactly(value: Any) -> str:
    """Everything that a definition says, key order included."""
    return json.dumps(value)


def accepted(definition: Any, how: Settings, images: Images) -> Any:
    """The result of instrumenting, where fguard takes the definition."""
    try:
        return instrument(definition, how, images)
    except TaskDefinitionError:
        assume(False)


def fields_of(value: dict[str, Any]) -> dict[str, Any]:
    """The fields in lower case."""
    return {key.lower(): item for key, item in value.items()}


def containers_of(definition: Any) -> list[dict[str, Any]]:
    """The container definitions, with lower-case fields."""
    if isinstance(definition, dict):
        fields = fields_of(definition)
        if "taskdefinition" in fields:
            return containers_of(fields["taskdefinition"])
        definition = fields["containerdefinitions"]
    return [fields_of(container) for container in definition]


def docker_argv(container: dict[str, Any], images: Images) -> list[str]:
    """What Docker runs: the image's ENTRYPOINT and CMD, unless the container sets them."""
    entry_point, command = container.get("entrypoint") or [], container.get("command") or []
    config = images.by_image[container["image"], "X86_64"]
    if entry_point:
        return [*entry_point, *command]
    return [*config.entry_point, *(command or config.command)]


def argv(container: dict[str, Any]) -> list[str]:
    """What an instrumented container says itself."""
    return [*(container.get("entrypoint") or []), *(container.get("command") or [])]


def keeps_its_promises(definition: Any, how: Settings, then: Settings, images: Images) -> None:
    before = exactly(definition)
    result = accepted(definition, how, images)
    instrumented = result.definition
    assert exactly(definition) == before, "the input was changed"
    assert exactly(uninstrument(instrumented)) == before

    assert not image_needs(instrumented, how)
    for known in (images, Images()):
        again = instrument(instrumented, how, known)
        assert not again.changed
        assert exactly(again.definition) == exactly(instrumented)

    originals = {container["name"]: container for container in containers_of(definition)}
    containers = {container["name"]: container for container in containers_of(instrumented)}
    for outcome in result.containers:
        original, container = originals[outcome.name], containers[outcome.name]
        if outcome.instrumented:
            assert argv(container) == [INSTRUMENT, *docker_argv(original, images)]
            assert how.pin_digests <= ("@" in container["image"])
        else:
            assert container == original

    try:
        changed = instrument(instrumented, then, images).definition
    except TaskDefinitionError:
        return
    assert exactly(uninstrument(changed)) == before
    assert exactly(instrument(changed, then).definition) == exactly(changed)
    if then.pin_digests or not how.pin_digests:
        assert instrument(definition, then, images).definition == changed, "the way there must not matter"


def refusal(work: Callable[[], object]) -> TaskDefinitionError | None:
    try:
        work()
    except TaskDefinitionError as error:
        return error
    return None


def survives(value: Any, how: Settings) -> None:
    for work in (
        lambda: image_needs(value, how),
        lambda: instrument(value, how),
        lambda: restore(value),
        lambda: is_instrumented(value),
    ):
        error = refusal(work)
        assert error is None or (error.message and error.exit_code in (4, 64))


def text_survives(value: Any, images: Images, indent: int | None, *, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    document = read(text)
    assert document.text(document.definition) == text
    layout = learn(text)
    assert json.loads(layout.write(document.definition)) == json.loads(text)
    instrumented = document.text(instrument(document.definition, SETTINGS[0], images).definition)
    again = read(instrumented)
    assert json.loads(again.text(uninstrument(again.definition))) == json.loads(text)
    if indent is not None:
        assert layout.write(document.definition) == text


def with_a_mistake(data: st.DataObject, value: Any) -> Any:
    return mutated(data, value, json_values | st.just([INSTRUMENT]) | st.just("SysdigInstrumentation"))


@quick
@given(definitions, some_settings, some_settings, all_images)
def test_instrumenting_is_lossless_idempotent_and_keeps_the_argv(
    definition: Any, how: Settings, then: Settings, images: Images
) -> None:
    keeps_its_promises(definition, how, then, images)


@quick
@given(json_values, some_settings)
def test_arbitrary_json_is_refused_with_a_reason_and_never_crashes(value: Any, how: Settings) -> None:
    survives(value, how)


@quick
@given(st.data(), definitions, some_settings, all_images)
def test_definitions_with_a_mistake_never_crash(
    data: st.DataObject, definition: Any, how: Settings, images: Images
) -> None:
    broken = with_a_mistake(data, definition)
    survives(broken, how)
    survives(with_a_mistake(data, accepted(definition, how, images).definition), how)


@quick
@given(definitions, all_images, st.sampled_from([None, 1, 2, 4]), st.booleans())
def test_texts_come_back_as_they_were(
    definition: Any, images: Images, indent: int | None, ascii_only: bool
) -> None:
    accepted(definition, SETTINGS[0], images)
    text_survives(definition, images, indent, ascii_only=ascii_only)


@quick
@given(st.text(max_size=40))
def test_arbitrary_text_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(TaskDefinitionError):
        read(text)


@pytest.mark.long
@pytest.mark.timeout(7200)
@long
@given(st.data(), definitions, some_settings, some_settings, all_images, json_values)
def test_every_promise_for_many_more_cases(
    data: st.DataObject, definition: Any, how: Settings, then: Settings, images: Images, value: Any
) -> None:
    keeps_its_promises(definition, how, then, images)
    survives(value, how)
    survives(with_a_mistake(data, definition), how)
    survives(with_a_mistake(data, accepted(definition, how, images).definition), how)

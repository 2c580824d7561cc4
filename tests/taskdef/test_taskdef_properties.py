"""The promises of instrumentation, for whatever a task definition may hold.

The quick profile runs with ``make test``; ``make test-long`` runs more than 10,000 cases.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fargate_guard.taskdef import (
    Settings,
    TaskDefinitionError,
    instrument,
    is_instrumented,
    read,
    restore,
    uninstrument,
)

if TYPE_CHECKING:
    from collections.abc import Callable

INSTRUMENT = "/opt/draios/bin/instrument"
ARN = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:key"

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
]
some_settings = st.sampled_from(SETTINGS)

texts = st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | texts
json_values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
argvs = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=3)
variables = st.sampled_from(["PATH", "SYSDIG_CUSTOM", "A", "SYSDIG_SIDECAR", "é"])
capability_names = st.lists(st.sampled_from(["SYS_PTRACE", "NET_RAW"]), max_size=2)


def nothing_or(values: st.SearchStrategy[Any], empty: Any) -> st.SearchStrategy[Any]:
    """A value, an explicit null, or an empty one."""
    return values | st.none() | st.just(copy.deepcopy(empty))


def spelled(key: str) -> st.SearchStrategy[str]:
    """A field name in the cases that occur."""
    return st.sampled_from([key, key, key, key[0].upper() + key[1:], key.lower()])


@st.composite
def objects(draw: st.DrawFn, /, optional: dict[str, st.SearchStrategy[Any]], **required: Any) -> dict[str, Any]:
    """An object with some of the fields, in any order and case, with unknown ones in between."""
    fields = {**required, **{key: value for key, value in optional.items() if draw(st.booleans())}}
    unknown = draw(st.dictionaries(st.sampled_from(["x-note", "newFeature", "ulimits"]), json_values, max_size=1))
    fields |= {key: st.just(value) for key, value in unknown.items()}
    keys = draw(st.permutations(list(fields)))
    return {draw(spelled(key)): draw(fields[key]) for key in keys}


environments = st.lists(
    objects({"value": st.sampled_from(["auto", "/bin", ""])}, name=variables),
    max_size=3,
    unique_by=str,
)
linux_parameters = objects(
    {
        "capabilities": nothing_or(
            objects({"add": nothing_or(capability_names, []), "drop": nothing_or(capability_names, [])}), {}
        ),
        "initProcessEnabled": st.booleans(),
    }
)
volumes_from = st.lists(
    objects({"readOnly": st.booleans()}, sourceContainer=st.sampled_from(["a", "data", "SysdigInstrumentation"])),
    max_size=2,
)
container_fields: dict[str, st.SearchStrategy[Any]] = {
    "command": nothing_or(argvs, []),
    "environment": nothing_or(environments, []),
    "secrets": nothing_or(st.lists(objects({"valueFrom": st.just(ARN)}, name=variables), max_size=2), []),
    "linuxParameters": nothing_or(linux_parameters, {}),
    "volumesFrom": nothing_or(volumes_from, []),
    "dockerLabels": nothing_or(st.dictionaries(texts, texts, max_size=2), {}),
    "dependsOn": st.lists(
        objects(
            {"condition": st.sampled_from(["START", "HEALTHY"])},
            containerName=st.sampled_from(["a", "SysdigInstrumentation"]),
        ),
        max_size=1,
    ),
    "essential": st.booleans(),
    "readonlyRootFilesystem": st.booleans(),
    "cpu": st.sampled_from([0, 64, None]),
    "memory": st.sampled_from([128, 512, None]),
    "portMappings": st.lists(objects({"containerPort": st.sampled_from([80, 443, 8080, 32000])}), max_size=1),
}


def containers(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """A container definition that says what it runs."""
    return objects(container_fields, name=st.just(name), image=st.just("i:1"), entryPoint=argvs)


container_lists = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True).flatmap(
    lambda names: st.tuples(*[containers(name) for name in names]).map(list)
)
register_inputs = objects(
    {
        "family": texts,
        "cpu": st.sampled_from(["256", ".25 vCPU", "1 vCPU", None]),
        "memory": st.sampled_from(["512", "1GB", 2048]),
        "tags": st.lists(
            objects({"value": st.sampled_from(["a", "b"])}, key=st.sampled_from(["kilt-ignore-containers", "t"])),
            max_size=1,
        ),
        "pidMode": st.sampled_from([None, "", "task"]),
        "requiresCompatibilities": nothing_or(st.just(["FARGATE"]), []),
        "networkMode": nothing_or(st.just("awsvpc"), None),
        "runtimePlatform": nothing_or(objects({"cpuArchitecture": st.sampled_from(["ARM64", "X86_64"])}), {}),
    },
    containerDefinitions=container_lists,
)
describe_outputs = register_inputs.map(lambda task: {"taskDefinition": task, "tags": []})
definitions = st.one_of(register_inputs, register_inputs, describe_outputs, container_lists)

quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))


def exactly(value: Any) -> str:
    """Everything that a definition says, key order included."""
    return json.dumps(value)


def accepted(definition: Any, how: Settings) -> Any:
    """The instrumented definition, where fguard takes it."""
    try:
        return instrument(definition, how).definition
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


def argv(container: dict[str, Any]) -> list[str]:
    """What Docker runs."""
    return [*(container.get("entrypoint") or []), *(container.get("command") or [])]


def left_out_by_tag(definition: Any) -> set[Any]:
    """The containers that a tag names."""
    fields = fields_of(definition) if isinstance(definition, dict) else {}
    tags = [fields_of(tag) for tag in fields.get("tags", [])]
    return {tag.get("value") for tag in tags if tag["key"] == "kilt-ignore-containers"}


def keeps_its_promises(definition: Any, how: Settings, then: Settings) -> None:
    before = exactly(definition)
    instrumented = accepted(definition, how)
    assert exactly(definition) == before, "the input was changed"
    assert exactly(uninstrument(instrumented)) == before

    again = instrument(instrumented, how)
    assert not again.changed
    assert exactly(again.definition) == exactly(instrumented)

    originals = {container["name"]: container for container in containers_of(definition)}
    for container in containers_of(instrumented):
        original = originals.get(container["name"])
        if original and original["name"] not in {*how.ignore_containers, *left_out_by_tag(definition)}:
            assert argv(container) == [INSTRUMENT, *argv(original)]
            assert (container.get("command"), "command" in container) == (
                original.get("command"),
                "command" in original,
            )

    try:
        changed = instrument(instrumented, then).definition
    except TaskDefinitionError:
        return
    assert exactly(uninstrument(changed)) == before
    assert exactly(instrument(changed, then).definition) == exactly(changed)
    assert instrument(definition, then).definition == changed, "the way there must not matter"


def refusal(work: Callable[[], object]) -> TaskDefinitionError | None:
    try:
        work()
    except TaskDefinitionError as error:
        return error
    return None


def survives(value: Any, how: Settings) -> None:
    for work in (lambda: instrument(value, how), lambda: restore(value), lambda: is_instrumented(value)):
        error = refusal(work)
        assert error is None or (error.message and error.exit_code in (4, 64))


def text_survives(value: Any, indent: int | None, *, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    document = read(text)
    assert document.text(document.definition) == text
    assert json.loads(document.layout.write(document.definition)) == json.loads(text)
    instrumented = document.text(instrument(document.definition, SETTINGS[0]).definition)
    again = read(instrumented)
    assert json.loads(again.text(uninstrument(again.definition))) == json.loads(text)
    if indent is not None:
        assert document.layout.write(document.definition) == text


def mutated(data: st.DataObject, value: Any) -> Any:
    """The value with something else in one place."""
    places: list[tuple[Any, Any]] = []

    def collect(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            collect(node[key])

    value = copy.deepcopy(value)
    collect(value)
    node, key = data.draw(st.sampled_from(places))
    if isinstance(node, dict) and data.draw(st.booleans()):
        del node[key]
    else:
        node[key] = data.draw(json_values | st.just([INSTRUMENT]) | st.just("SysdigInstrumentation"))
    return value


@quick
@given(definitions, some_settings, some_settings)
def test_instrumenting_is_lossless_idempotent_and_keeps_the_argv(
    definition: Any, how: Settings, then: Settings
) -> None:
    keeps_its_promises(definition, how, then)


@quick
@given(json_values, some_settings)
def test_arbitrary_json_is_refused_with_a_reason_and_never_crashes(value: Any, how: Settings) -> None:
    survives(value, how)


@quick
@given(st.data(), definitions, some_settings)
def test_definitions_with_a_mistake_never_crash(data: st.DataObject, definition: Any, how: Settings) -> None:
    broken = mutated(data, definition)
    survives(broken, how)
    survives(mutated(data, accepted(definition, how)), how)


@quick
@given(definitions, st.sampled_from([None, 1, 2, 4]), st.booleans())
def test_texts_come_back_as_they_were(definition: Any, indent: int | None, ascii_only: bool) -> None:
    accepted(definition, SETTINGS[0])
    text_survives(definition, indent, ascii_only=ascii_only)


@quick
@given(st.text(max_size=40))
def test_arbitrary_text_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(TaskDefinitionError):
        read(text)


@pytest.mark.long
@pytest.mark.timeout(1800)
@long
@given(st.data(), definitions, some_settings, some_settings, json_values)
def test_every_promise_for_many_more_cases(
    data: st.DataObject, definition: Any, how: Settings, then: Settings, value: Any
) -> None:
    keeps_its_promises(definition, how, then)
    survives(value, how)
    survives(mutated(data, definition), how)
    survives(mutated(data, accepted(definition, how)), how)

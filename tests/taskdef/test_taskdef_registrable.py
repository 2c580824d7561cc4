"""Whatever RegisterTaskDefinition's model allows stays valid for it when it is instrumented.

The definitions are generated from botocore's model itself, so every field that AWS has is among them. The quick
profile runs with ``make test``; ``make test-long`` runs more than 10,000 cases.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import botocore.loaders
import botocore.model
import botocore.validate
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fargate_guard.aws.ecs_fields import register_task_definition_fields
from fargate_guard.taskdef import Settings, TaskDefinitionError, explain, instrument, uninstrument
from fargate_guard.taskdef.explaining import words
from fargate_guard.taskdef.explanation import Instrumenter
from fargate_guard.taskdef.known_fields import registrable, unknown_fields

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key"
INSTRUMENT = "/opt/draios/bin/instrument"
KNOWN = register_task_definition_fields()

SETTINGS = [
    Settings("orchestrator", "4.3.2", orchestrator_host="h", execution_role_supplied=True),
    Settings("orchestrator", "5.0.1", orchestrator_host="h", priority="security", execution_role_supplied=True),
    Settings(
        "direct",
        "6.2.1",
        collector_host="c",
        access_key_arn=ARN,
        repository_credentials_arn=ARN,
        log_configuration={
            "logDriver": "awslogs",
            "options": {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"},
        },
        sidecar_memory_reservation=64,
        extra_conf="tags: team:payments",
        execution_role_supplied=True,
    ),
]

quick = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def request_shape() -> Any:
    model = botocore.loaders.Loader().load_service_model("ecs", "service-2")
    return botocore.model.ServiceModel(model, "ecs").operation_model("RegisterTaskDefinition").input_shape


texts = st.text(alphabet="aZ0/:-é ", min_size=1, max_size=6)
names = st.sampled_from(["A", "B", "PATH", "TOKEN"])
SIZES = st.sampled_from([("256", "512"), ("512", "1024"), ("1 vCPU", "2 GB"), (None, None)])
SPECIAL: dict[tuple[str, str], st.SearchStrategy[Any] | None] = {
    ("ContainerDefinition", "entryPoint"): st.lists(texts, min_size=1, max_size=2),
    ("ContainerDefinition", "image"): texts,
    ("ContainerDefinition", "dependsOn"): None,
    ("ContainerDefinition", "firelensConfiguration"): None,
    ("ContainerDefinition", "environment"): st.lists(
        st.fixed_dictionaries({"name": names, "value": texts}), max_size=2
    ),
    ("ContainerDefinition", "secrets"): st.lists(
        st.fixed_dictionaries({"name": st.sampled_from(["S", "T"]), "valueFrom": st.just(ARN)}),
        max_size=2,
        unique_by=lambda entry: entry["name"],
    ),
    ("RegisterTaskDefinitionRequest", "containerDefinitions"): st.builds(list),
    ("RegisterTaskDefinitionRequest", "requiresCompatibilities"): st.just(["FARGATE"]),
    ("RegisterTaskDefinitionRequest", "networkMode"): st.just("awsvpc"),
    ("RegisterTaskDefinitionRequest", "pidMode"): st.just("task"),
    ("RegisterTaskDefinitionRequest", "cpu"): None,
    ("RegisterTaskDefinitionRequest", "memory"): None,
    ("RuntimePlatform", "operatingSystemFamily"): st.just("LINUX"),
    ("ContainerDefinition", "privileged"): st.just(False),
    ("ContainerDefinition", "essential"): st.just(True),
    ("ContainerDefinition", "memory"): st.integers(6, 16),
    ("ContainerDefinition", "memoryReservation"): st.integers(6, 16),
    ("KernelCapabilities", "add"): st.sampled_from([[], ["SYS_PTRACE"]]),
}
"""Fields of which the model says less than ECS does; None: left out."""


one_in_four = st.sampled_from([False, False, False, True])


@st.composite
def structures(draw: st.DrawFn, shape: Any) -> dict[str, Any]:
    members = dict(shape.members)
    if shape.is_tagged_union:
        chosen = [draw(st.sampled_from(sorted(members)))]
    else:
        chosen = [name for name in members if name in shape.required_members or draw(one_in_four)]
    result = {}
    for name in chosen:
        strategy = SPECIAL.get((shape.name, name), values(members[name]))
        if strategy is not None:
            result[name] = draw(strategy)
    return result


@cache
def values(shape: Any) -> st.SearchStrategy[Any]:
    """What botocore takes for a shape; made once, since hypothesis takes its time to check a new strategy."""
    if shape.type_name == "structure":
        return structures(shape)
    if shape.type_name == "list":
        return st.deferred(lambda: st.lists(values(shape.member), max_size=2))
    if shape.type_name == "map":
        return st.dictionaries(texts, texts, max_size=2)
    if shape.type_name == "string":
        return st.sampled_from(shape.enum) if getattr(shape, "enum", None) else texts
    if shape.type_name == "boolean":
        return st.booleans()
    least = shape.metadata.get("min", 0)
    return st.integers(least, least + 8)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """An input of RegisterTaskDefinition that its model allows and Fargate could run."""
    request = draw(structures(request_shape()))
    container = request_shape().members["containerDefinitions"].member
    count = draw(st.integers(1, 3))
    request["containerDefinitions"] = [
        {
            **draw(structures(container)),
            "name": name,
            "image": "i:1",
            "entryPoint": draw(st.lists(texts, min_size=1)),
        }
        for name in "abc"[:count]
    ]
    for field, size in zip(("cpu", "memory"), draw(SIZES), strict=True):
        if size is not None:
            request[field] = size
    return request


def described(request: dict[str, Any]) -> dict[str, Any]:
    """As DescribeTaskDefinition gives it: read-only fields, and tags beside."""
    task = {name: value for name, value in request.items() if name != "tags"}
    task |= {"taskDefinitionArn": ARN, "revision": 7, "status": "ACTIVE", "requiresAttributes": [{"name": "a"}]}
    return {"taskDefinition": task, "tags": request.get("tags", [])}


def pascal(value: Any, known: Any) -> Any:
    """Known field names in PascalCase."""
    if isinstance(value, list):
        return [pascal(item, known) for item in value]
    if not isinstance(value, dict) or known is None:
        return value
    return {key[0].upper() + key[1:]: pascal(item, known[key]) for key, item in value.items()}


def in_shape(request: dict[str, Any], shape: str) -> Any:
    if shape == "PascalCase":
        return pascal(request, KNOWN)
    return described(request) if shape == "describe" else request


def errors(request: Any) -> str:
    report: str = botocore.validate.ParamValidator().validate(request, request_shape()).generate_report()
    return report


def stays_valid(request: dict[str, Any], shape: str, how: Settings) -> bool:
    assert not errors(request), "the generator makes what the model allows"
    definition = in_shape(request, shape)
    assert unknown_fields(definition, KNOWN) == ()
    same = {name: value for name, value in request.items() if name != "tags" or value or shape != "describe"}
    assert registrable(definition, KNOWN) == same
    assert explain(definition).instrumented_by is Instrumenter.NOBODY
    try:
        instrumented = instrument(definition, how).definition
    except TaskDefinitionError:
        return False
    assert unknown_fields(instrumented, KNOWN) == ()
    assert not errors(registrable(instrumented, KNOWN))
    assert json.dumps(uninstrument(instrumented)) == json.dumps(definition)
    told = explain(instrumented)
    own = [(*one["entryPoint"], *one.get("command", ())) for one in request["containerDefinitions"]]
    assert [(*one.entry_point, *one.command) for one in told.containers] == own
    if any(one.instrumented for one in told.containers):
        assert told.instrumented_by is Instrumenter.FGUARD
        assert not [one for one in told.problems if "lacks" in one.message]
        words(told)
    return True


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
json_values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
replacements = json_values | st.sampled_from(["SysdigInstrumentation", [INSTRUMENT], [INSTRUMENT, INSTRUMENT]])


def mutated(data: st.DataObject, value: Any) -> Any:
    """The same with one node replaced, removed, or written in another case besides."""
    value = json.loads(json.dumps(value))
    node = value
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return value
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], (dict, list)) or not node[key] or data.draw(st.integers(0, 3)) == 0:
            break
        node = node[key]
    way = data.draw(st.sampled_from(["replace", "replace", "remove", "twice"]))
    if way == "replace":
        node[key] = data.draw(replacements)
    elif way == "remove" or isinstance(node, list):
        del node[key]
    else:
        node[key.upper()] = data.draw(replacements)
    return value


def survives(value: Any) -> None:
    """Either an answer or a refusal with a place."""
    before = json.dumps(value)
    for ask in (
        lambda: words(explain(value)),
        lambda: unknown_fields(value, KNOWN),
        lambda: registrable(value, KNOWN),
    ):
        try:
            ask()
        except TaskDefinitionError:
            continue
    assert json.dumps(value) == before


@quick
@given(requests(), st.sampled_from(["register", "describe", "PascalCase"]), st.sampled_from(SETTINGS))
def test_what_the_model_allows_stays_valid_when_it_is_instrumented(
    request: dict[str, Any], shape: str, how: Settings
) -> None:
    stays_valid(request, shape, how)


@quick
@given(st.data(), requests(), st.sampled_from(SETTINGS))
def test_no_mistake_is_the_end(data: st.DataObject, request: dict[str, Any], how: Settings) -> None:
    survives(mutated(data, request))
    try:
        instrumented = instrument(request, how).definition
    except TaskDefinitionError:
        return
    survives(mutated(data, instrumented))
    survives(mutated(data, mutated(data, instrumented["containerDefinitions"])))


@quick
@given(st.data(), json_values)
def test_arbitrary_json_is_no_end_either(
    kilt_web: list[Any], manual_web: dict[str, Any], data: st.DataObject, value: Any
) -> None:
    survives(value)
    survives({"containerDefinitions": value})
    survives([value])
    survives(mutated(data, mutated(data, kilt_web)))
    survives(mutated(data, mutated(data, manual_web)))


def test_most_of_what_is_generated_can_be_instrumented() -> None:
    taken = []

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(requests())
    def count(request: dict[str, Any]) -> None:
        taken.append(stays_valid(request, "register", SETTINGS[2]))

    count()
    assert sum(taken) > len(taken) // 2, "otherwise the tests above show little"


@pytest.mark.long
@pytest.mark.timeout(7200)
@long
@given(
    st.data(),
    requests(),
    st.sampled_from(["register", "describe", "PascalCase"]),
    st.sampled_from(SETTINGS),
    json_values,
)
def test_the_same_for_many_more_cases(
    data: st.DataObject, request: dict[str, Any], shape: str, how: Settings, value: Any
) -> None:
    stays_valid(request, shape, how)
    survives(mutated(data, in_shape(request, shape)))
    survives({"containerDefinitions": value})

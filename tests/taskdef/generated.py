"""Task definitions as they may occur, for tests of the promises: any field, any case, nulls and empty values."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from hypothesis import strategies as st

from fargate_guard.taskdef import ImageConfig, Images

ARN = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:key"
DIGEST = "sha256:" + "0123456789abcdef" * 4

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


# Each strategy is made once: hypothesis checks every new one, which takes longer than to draw from it.
unknown_fields = st.dictionaries(st.sampled_from(["x-note", "newFeature", "ulimits"]), json_values, max_size=1)
whether = st.booleans()


@cache
def spelled(key: str) -> st.SearchStrategy[str]:
    """A field name in the cases that occur."""
    return st.sampled_from([key, key, key, key[0].upper() + key[1:], key.lower()])


@st.composite
def objects(draw: st.DrawFn, /, optional: dict[str, st.SearchStrategy[Any]], **required: Any) -> dict[str, Any]:
    """An object with some of the fields, in any order and case, with unknown ones in between."""
    fields = {**required, **{key: value for key, value in optional.items() if draw(whether)}}
    unknown = draw(unknown_fields)
    keys = draw(st.permutations(list(fields | unknown)))
    return {draw(spelled(key)): unknown[key] if key in unknown else draw(fields[key]) for key in keys}


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
labels = st.dictionaries(
    texts | st.sampled_from(["team", "com.fargate-guard.ignore", "com.fargate-guard.include"]),
    texts | st.sampled_from(["payments", "true", "False"]),
    max_size=2,
)
IMAGES = ["i:1", "i", "registry.example.com:5000/team/i:1.2", f"team/i:2@{DIGEST}"]
references = st.sampled_from(IMAGES)
container_fields: dict[str, st.SearchStrategy[Any]] = {
    "command": nothing_or(argvs, []),
    "entryPoint": nothing_or(argvs, []),
    "environment": nothing_or(environments, []),
    "secrets": nothing_or(st.lists(objects({"valueFrom": st.just(ARN)}, name=variables), max_size=2), []),
    "linuxParameters": nothing_or(linux_parameters, {}),
    "volumesFrom": nothing_or(volumes_from, []),
    "dockerLabels": nothing_or(labels, {}),
    "dependsOn": st.lists(
        objects(
            {"condition": st.sampled_from(["START", "HEALTHY"])},
            containerName=st.sampled_from(["a", "SysdigInstrumentation"]),
        ),
        max_size=1,
    ),
    "essential": st.sampled_from([True, True, False, None]),
    "readonlyRootFilesystem": st.booleans(),
    "cpu": st.sampled_from([0, 64, None]),
    "memory": st.sampled_from([128, 512, None]),
    "portMappings": st.lists(objects({"containerPort": st.sampled_from([80, 443, 8080, 32000])}), max_size=1),
}


@cache
def containers(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """A container definition that may leave to its image what it runs."""
    return objects(container_fields, name=st.just(name), image=references)


container_lists = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True).flatmap(
    lambda names: st.tuples(*[containers(name) for name in names]).map(list)
)
TAGS = ["kilt-ignore-containers", "kilt-include", "kilt-include-containers", "t"]
register_inputs = objects(
    {
        "family": texts,
        "cpu": st.sampled_from(["256", ".25 vCPU", "1 vCPU", None]),
        "memory": st.sampled_from(["512", "1GB", 2048]),
        "tags": st.lists(
            objects({"value": st.sampled_from(["a", "b"])}, key=st.sampled_from(TAGS)),
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
words = st.lists(st.sampled_from(["/docker-entrypoint.sh", "sh", "-c", "a && b"]), max_size=3).map(tuple)
image_configs = st.builds(ImageConfig, words, words, st.just("registry"), st.just(f"sha256:{'f' * 64}"))


def _known(configs: tuple[ImageConfig, ...]) -> Images:
    found = {
        (image, cpu): config for image, config in zip(IMAGES, configs, strict=True) for cpu in ("X86_64", "ARM64")
    }
    return Images(by_image=found)


all_images = st.tuples(*[image_configs for _ in IMAGES]).map(_known)
"""What every image of these definitions runs."""

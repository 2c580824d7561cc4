"""Templates of every kind, for property tests: conditions, functions, parameters, things that are not there."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

NO_VALUE = {"Ref": "AWS::NoValue"}
PARAMETERS: dict[str, Any] = {
    "Environment": {"Type": "String", "Default": "dev", "AllowedValues": ["dev", "test", "prod"]},
    "Colour": {"Type": "String", "Default": "green"},
    "Service": {"Type": "String"},
    "Tag": {"Type": "String", "Default": "1.27"},
    "Arguments": {"Type": "CommaDelimitedList", "Default": "serve,--fast"},
}
CONDITIONS: dict[str, Any] = {
    "IsProd": {"Fn::Equals": [{"Ref": "Environment"}, "prod"]},
    "IsTest": {"Fn::Equals": ["test", {"Ref": "Environment"}]},
    "IsNotProd": {"Fn::Not": [{"Condition": "IsProd"}]},
    "IsBlue": {"Fn::Equals": [{"Ref": "Colour"}, "blue"]},
    "IsBlueProd": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsBlue"}]},
}
MAPPINGS = {"Images": {"us-east-1": {"web": "nginx:1.27"}}}
STATES: list[dict[str, Any]] = [
    {"Environment": environment, "Colour": colour, "Service": "svc", "Tag": "2", "Arguments": "run, -v"}
    for environment in ("dev", "test", "prod")
    for colour in ("blue", "green")
]
"""Parameter values with which every condition comes out in every way that it can."""

conditions = st.sampled_from(list(CONDITIONS))


LOGS = {
    "LogDriver": "awslogs",
    "Options": {
        "awslogs-group": {"Ref": "Service"},
        "awslogs-region": {"Ref": "AWS::Region"},
        "awslogs-stream-prefix": "ecs",
    },
}


def if_of(yes: Any, no: Any) -> st.SearchStrategy[Any]:
    return st.builds(lambda name, a, b: {"Fn::If": [name, a, b]}, conditions, yes, no)


def maybe_if(values: st.SearchStrategy[Any], *, optional: bool = False) -> st.SearchStrategy[Any]:
    """A value; rarely a condition over such values, or over nothing."""
    nothing = st.just(NO_VALUE).map(copy.deepcopy)
    other = values | nothing if optional else values
    nested = if_of(values, if_of(values, other))
    plain = [values] * 5
    return st.one_of(*plain, if_of(values, other), if_of(other, values), nested, *([nothing] if optional else []))


words = st.sampled_from(["serve", "--fast", "a b", "", "${x}"])
some_texts = st.one_of(
    words,
    words,
    st.sampled_from(
        [
            {"Ref": "Service"},
            {"Fn::Sub": "${Service}-x"},
            {"Fn::Join": ["-", ["a", {"Ref": "Tag"}]]},
            {"Fn::GetAtt": ["Role", "Arn"]},
            {"Fn::Select": ["0", {"Ref": "Arguments"}]},
        ]
    ).map(copy.deepcopy),
)
programs = st.sampled_from(["/bin/app", {"Fn::Sub": "/bin/${Service}"}, {"Ref": "Service"}]).map(copy.deepcopy)
entry_points = st.one_of(
    st.builds(
        lambda first, rest: [first, *rest], programs, st.lists(maybe_if(some_texts, optional=True), max_size=2)
    ),
    st.sampled_from(
        [
            {"Ref": "Arguments"},
            {"Fn::Split": [" ", {"Fn::Sub": "/bin/sh ${Service}"}]},
            {"Fn::Split": [",", {"Fn::Join": [",", {"Ref": "Arguments"}]}]},
        ]
    ).map(copy.deepcopy),
)
commands = st.lists(maybe_if(some_texts, optional=True), max_size=2) | st.sampled_from(
    [{"Ref": "Arguments"}, {"Fn::Split": ["|", {"Ref": "Service"}]}]
).map(copy.deepcopy)
values = st.one_of(some_texts, st.integers(0, 9), st.booleans())


def named(names: list[Any], key: str, strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Entries with a name each, some of them conditional."""
    some_names = st.sampled_from(names).map(copy.deepcopy)
    entry = st.builds(lambda name, value: {"Name": name, key: value}, some_names, maybe_if(strategy))
    return st.lists(maybe_if(entry, optional=True), max_size=3)


environments = named(["PATH", "A", {"Fn::Sub": "APP_${Tag}"}], "Value", values)
secrets = named(
    ["KEY", "TOKEN"], "ValueFrom", st.just("arn:aws:ssm:us-east-1:123456789012:parameter/x") | some_texts
)
capabilities = st.lists(maybe_if(st.just("SYS_PTRACE"), optional=True), max_size=1)
linux_parameters = st.fixed_dictionaries(
    {},
    optional={
        "Capabilities": maybe_if(
            st.fixed_dictionaries(
                {},
                optional={
                    "Add": maybe_if(capabilities, optional=True),
                    "Drop": st.lists(maybe_if(st.just("NET_RAW"), optional=True), max_size=1),
                },
            ),
            optional=True,
        ),
        "InitProcessEnabled": maybe_if(st.sampled_from([True, "true"])),
    },
)
volumes_from = st.lists(
    maybe_if(st.just({"SourceContainer": "data", "ReadOnly": True}).map(copy.deepcopy), optional=True), max_size=1
)
labels = st.dictionaries(st.sampled_from(["team", "version"]), maybe_if(some_texts), max_size=2)


some_tags = st.lists(
    maybe_if(st.just({"Key": "team", "Value": {"Ref": "Service"}}).map(copy.deepcopy)), max_size=1
)
images = st.sampled_from(
    ["nginx:1.27", {"Fn::Sub": "nginx:${Tag}"}, {"Fn::FindInMap": ["Images", {"Ref": "AWS::Region"}, "web"]}]
).map(copy.deepcopy)

# Each strategy is made once: hypothesis checks every new one, which takes longer than to draw from it.
CONTAINER_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "Image": maybe_if(images),
    "EntryPoint": maybe_if(entry_points, optional=True),
    "Command": maybe_if(commands, optional=True),
    "Environment": maybe_if(environments, optional=True),
    "Secrets": maybe_if(secrets, optional=True),
    "LinuxParameters": maybe_if(linux_parameters, optional=True),
    "VolumesFrom": maybe_if(volumes_from, optional=True),
    "DockerLabels": maybe_if(labels, optional=True),
    "Essential": maybe_if(st.sampled_from([True, "false"]), optional=True),
    "Cpu": maybe_if(st.sampled_from([16, "32", {"Ref": "Tag"}]).map(copy.deepcopy), optional=True),
    "HealthCheck": maybe_if(st.just({"Command": ["CMD", "true"]}).map(copy.deepcopy), optional=True),
    "LogConfiguration": st.just(LOGS).map(copy.deepcopy),
}
TASK_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "Family": some_texts,
    "RequiresCompatibilities": maybe_if(
        st.sampled_from([["FARGATE"], ["FARGATE", "EC2"], [{"Fn::If": ["IsBlue", "EC2", "FARGATE"]}]]).map(
            copy.deepcopy
        )
    ),
    "NetworkMode": maybe_if(st.just("awsvpc")),
    "PidMode": maybe_if(st.just("task"), optional=True),
    "Cpu": maybe_if(st.sampled_from(["4096", 4096])),
    "Memory": maybe_if(st.sampled_from(["8192", 8192])),
    "ExecutionRoleArn": st.just({"Fn::GetAtt": ["Role", "Arn"]}).map(copy.deepcopy),
    "RuntimePlatform": maybe_if(st.just({"OperatingSystemFamily": "LINUX"}).map(copy.deepcopy), optional=True),
    "Tags": maybe_if(some_tags, optional=True),
}
OPTIONAL_TASK_FIELDS = ("PidMode", "RuntimePlatform", "Tags", "Family")
whether = st.booleans()
one_in_three = st.sampled_from([True, False, False])


@st.composite
def containers(draw: st.DrawFn, name: Any) -> dict[str, Any]:
    required = ("Image", "EntryPoint") if draw(whether) else ("Image",)
    keys = ["Name", *(key for key in CONTAINER_FIELDS if key in required or draw(one_in_three))]
    return {
        key: copy.deepcopy(name) if key == "Name" else draw(CONTAINER_FIELDS[key])
        for key in draw(st.permutations(keys))
    }


web, service, side, other = map(containers, ["web", {"Ref": "Service"}, "side", "other"])
one_or_two = st.sampled_from([[web], [web, service]])
how_it_stands = st.sampled_from(["plain", "plain", "conditional"])


@st.composite
def container_lists(draw: st.DrawFn) -> Any:
    items: list[Any] = [draw(container) for container in draw(one_or_two)]
    for index, member in enumerate(items):
        if draw(how_it_stands) == "conditional":
            items[index] = {"Fn::If": [draw(conditions), member, draw(other)]}
    if draw(whether):
        items.append({"Fn::If": [draw(conditions), draw(side), copy.deepcopy(NO_VALUE)]})
    if draw(whether):
        return {"Fn::If": [draw(conditions), items, copy.deepcopy(items[:1])]}
    return items


some_containers = container_lists()


@st.composite
def task_properties(draw: st.DrawFn) -> dict[str, Any]:
    keys = [key for key in TASK_FIELDS if key not in OPTIONAL_TASK_FIELDS or draw(whether)]
    return {
        key: draw(some_containers if key == "ContainerDefinitions" else TASK_FIELDS[key])
        for key in draw(st.permutations([*keys, "ContainerDefinitions"]))
    }


def template_of(properties: dict[str, Any], condition: str | None = None) -> dict[str, Any]:
    """A template around the properties, which shares no part with another."""
    template: dict[str, Any] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": PARAMETERS,
        "Conditions": CONDITIONS,
        "Mappings": MAPPINGS,
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}},
            "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": properties},
        },
    }
    if condition is not None:
        template["Resources"]["Task"]["Condition"] = condition
    copied: dict[str, Any] = copy.deepcopy(template)
    return copied


templates = st.tuples(task_properties(), st.sampled_from([None, "IsBlue"])).map(lambda both: template_of(*both))

"""Unknown fields are told with the nearest known one, and what is registered is just what ECS takes."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import TaskDefinitionError
from fargate_guard.taskdef.known_fields import registrable, unknown_fields

if TYPE_CHECKING:
    from fargate_guard.taskdef.known_fields import FieldTree

LEAF = None
KNOWN: FieldTree = {
    "family": LEAF,
    "cpu": LEAF,
    "containerDefinitions": {
        "name": LEAF,
        "image": LEAF,
        "environment": {"name": LEAF, "value": LEAF},
        "environmentFiles": {"value": LEAF, "type": LEAF},
        "dockerLabels": LEAF,
        "logConfiguration": {"logDriver": LEAF, "options": LEAF},
    },
    "tags": {"key": LEAF, "value": LEAF},
    "taskDefinition": {"family": LEAF, "cpu": LEAF, "revision": LEAF, "status": LEAF, "requiresAttributes": LEAF},
}


def told(definition: Any) -> list[tuple[str, str]]:
    before = copy.deepcopy(definition)
    notices = unknown_fields(definition, KNOWN)
    assert definition == before
    return [(notice.where, notice.message) for notice in notices]


def web(**fields: Any) -> dict[str, Any]:
    return {"family": "web", "containerDefinitions": [{"name": "web", "image": "nginx", **fields}]}


MISSPELLED = [
    ("enviroment", "environment"),
    ("Enviroment", "Environment"),
    ("environmentfile", "environmentFiles"),
    ("dockerLabel", "dockerLabels"),
    ("IMAGES", "Image"),
]


@pytest.mark.parametrize(("field", "meant"), MISSPELLED, ids=[case[0] for case in MISSPELLED])
def test_the_nearest_known_field_is_named_in_the_case_of_the_unknown_one(field: str, meant: str) -> None:
    message = f"unknown field `{field}`; did you mean `{meant}`? Carried through as it is"
    assert told(web(**{field: []})) == [(f"$.containerDefinitions[0].{field}", message)]


def test_a_field_like_no_other_is_only_named() -> None:
    assert told({**web(), "xyz": 1}) == [("$.xyz", "unknown field `xyz`; carried through")]
    assert told({**web(), "q" * 100: 1})[0][1] == f"unknown field `{'q' * 64}…`; carried through"


@pytest.mark.parametrize(
    "fields",
    [
        {"dockerLabels": {"com.example": "1"}},
        {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}},
        {"ENVIRONMENT": [{"NAME": "A", "Value": "b"}]},
        {"environment": None, "logConfiguration": []},
        {"environment": {"A": "b"}.get("B"), "image": {"not": "a string"}},
        {"environment": [[{"deeper": 1}], "text", None]},
    ],
    ids=str,
)
def test_what_is_known_in_any_case_or_of_the_wrong_type_is_not_reported(fields: dict[str, Any]) -> None:
    assert told(web(**fields)) == []


def test_every_unknown_field_is_told_with_its_path() -> None:
    definition = web(environment=[{"name": "A", "value": "b"}, {"nam": "C"}], logConfiguration={"driver": "x"})
    definition["a b"] = 1
    assert [where for where, _ in told(definition)] == [
        "$.containerDefinitions[0].environment[1].nam",
        "$.containerDefinitions[0].logConfiguration.driver",
        '$["a b"]',
    ]


def test_read_only_fields_of_a_description_are_not_unknown() -> None:
    described = {**web(), "revision": 3, "Status": "ACTIVE", "requiresAttributes": [{"name": "x"}]}
    assert told(described) == []
    answer: Any = {"taskDefinition": described, "tags": [{"key": "a", "value": "b"}], "ResponseMetadata": {}}
    assert told(answer) == []
    answer["taskDefinition"]["revison"] = 3
    answer["tag"] = []
    assert told(answer) == [
        (
            "$.taskDefinition.revison",
            "unknown field `revison`; did you mean `revision`? Carried through as it is",
        ),
        ("$.tag", "unknown field `tag`; did you mean `tags`? Carried through as it is"),
    ]
    assert [where for where, _ in told(web()["containerDefinitions"] + [{"nam": "x"}])] == ["$[1].nam"]
    assert [where for where, _ in told({**web(), "taskDefinition": {}})] == ["$.taskDefinition"]


def test_what_is_registered_is_what_ecs_takes() -> None:
    described = {
        **web(environment=[{"name": "A", "value": None}], dockerLabels={"A": None}),
        "cpu": None,
        "revision": 3,
        "status": "ACTIVE",
    }
    definition = {"taskDefinition": described, "tags": [{"key": "a", "value": "b"}], "ResponseMetadata": {}}
    before = copy.deepcopy(definition)
    result = registrable(definition, KNOWN)
    assert definition == before
    assert result == {
        "family": "web",
        "containerDefinitions": [
            {"name": "web", "image": "nginx", "environment": [{"name": "A"}], "dockerLabels": {"A": None}}
        ],
        "tags": [{"key": "a", "value": "b"}],
    }
    assert registrable({"taskDefinition": described, "tags": []}, KNOWN).get("tags") is None
    assert registrable(result, KNOWN) == result


def test_every_known_field_is_spelled_as_the_api_does() -> None:
    pascal = {
        "Family": "web",
        "ContainerDefinitions": [
            {
                "Name": "web",
                "Environment": [{"Name": "A", "Value": "b"}],
                "DockerLabels": {"Name": "kept"},
                "logconfiguration": {"LogDriver": "x", "Options": {"Name": "kept"}},
                "NewFeature": {"Kept": True},
            }
        ],
        "Tags": [{"Key": "k", "Value": "v"}],
    }
    assert json.dumps(registrable(pascal, KNOWN)) == json.dumps(
        {
            "family": "web",
            "containerDefinitions": [
                {
                    "name": "web",
                    "environment": [{"name": "A", "value": "b"}],
                    "dockerLabels": {"Name": "kept"},
                    "logConfiguration": {"logDriver": "x", "options": {"Name": "kept"}},
                    "NewFeature": {"Kept": True},
                }
            ],
            "tags": [{"key": "k", "value": "v"}],
        }
    )


def test_unknown_fields_stay_since_dropping_them_would_lose_what_was_asked_for() -> None:
    assert registrable({**web(), "volumez": [1]}, KNOWN)["volumez"] == [1]


def test_an_array_of_containers_is_put_where_it_belongs() -> None:
    assert registrable([{"Name": "web"}], KNOWN) == {"containerDefinitions": [{"name": "web"}]}


def test_two_spellings_of_one_field_are_refused_not_chosen_from() -> None:
    with pytest.raises(TaskDefinitionError, match="differ only in case") as caught:
        registrable(web(environment=[{"name": "A", "Name": "B"}]), KNOWN)
    assert caught.value.where == "$.containerDefinitions[0].environment[0]"

"""Where a JSON path is in a text, for code scanning."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_guard.formats import Source, Syntax, read_source
from fargate_guard.workflows.json_places import holder_of, line_and_column, steps_of

WEB = """\
{ "family": "we\\"b,[",
  "containerDefinitions": [
    {"name": "a", "x.y": {"z": [1, 2.5, true, null]}},

    {"name": "b"}
  ]
}
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("$", (1, 1)),
        ("$.family", (1, 13)),
        ("$.containerDefinitions", (2, 27)),
        ("$.containerDefinitions[0]", (3, 5)),
        ("$.containerDefinitions[0].x.y.z[3]", (3, 47)),
        ("$.containerDefinitions[1].name", (5, 14)),
        ("$.containerDefinitions[1].image", (5, 5)),
        ("$.containerDefinitions[7]", (2, 27)),
        ("$.nothing.at[3].all", (1, 1)),
    ],
)
def test_a_path_leads_to_its_line_and_column_or_to_the_nearest_there_is(path: str, place: tuple[int, int]) -> None:
    assert line_and_column(read_source(WEB), path) == place
    moved = (place[0], place[1] + 1) if place == (1, 1) else place
    assert line_and_column(read_source("\ufeff" + WEB), path) in (place, moved, (1, place[1] + 1))


def test_quoted_keys_and_keys_with_dots_are_followed() -> None:
    value = {"a": {"Fn::If": ["x", {"b.c": {"d": 1}}]}}
    assert steps_of(value, "$.a['Fn::If'][1].b.c.d") == (["a", "Fn::If", 1, "b.c", "d"], 1)
    assert steps_of(value, '$.a["Fn::If"][0]')[1] == "x"
    assert holder_of(value, "$.a['Fn::If'][1].b.c.d", "d") == {"d": 1}


def test_the_holder_of_a_field_is_found_from_inside_of_its_functions() -> None:
    web = {"Name": "web", "Image": {"Fn::If": ["x", {"Fn::If": ["y", "a", "b"]}, "c"]}}
    for path in ("$.All[0].Image", "$.All[0].Image['Fn::If'][2]", "$.All[0].Image['Fn::If'][1]['Fn::If'][2]"):
        assert holder_of({"All": [web]}, path, "image") is web


keys = st.text('abc[].,: "', max_size=5)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(keys, below, max_size=4),
    max_leaves=20,
)


@given(value=documents, indent=st.sampled_from([None, 0, 2]), data=st.data())
def test_what_stands_at_the_place_is_the_value(value: object, indent: int | None, data: st.DataObject) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    path, wanted = "$", value
    while isinstance(wanted, list | dict) and wanted and data.draw(st.booleans()):
        if isinstance(wanted, list):
            index = data.draw(st.integers(0, len(wanted) - 1))
            path, wanted = f"{path}[{index}]", wanted[index]
        else:
            key = data.draw(st.sampled_from(sorted(wanted)))
            if steps_of(wanted, f".{key}") != ([key], wanted[key]):
                break  # another key of this object can be read into the path as well
            path, wanted = f"{path}.{key}", wanted[key]
    steps, found = steps_of(value, path)
    if found is not wanted:
        return
    place = line_and_column(Source(text, Syntax.JSON, value, False), path)
    assert place is not None
    line, column = place
    rest = "\n".join(text.split("\n")[line - 1 :])[column - 1 :]
    assert json.JSONDecoder().raw_decode(rest)[0] == wanted
    assert len(steps) <= path.count(".") + path.count("[")


def test_yaml_is_followed_through_its_short_tags() -> None:
    text = "Resources:\n  A:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      Family: !If [x, a, b]\n"
    source = read_source(text)
    assert line_and_column(source, "$.Resources.A.Properties") == (5, 7)
    assert line_and_column(source, "$.Resources.A.Properties.Family['Fn::If'][2]") == (5, 26)

"""What would not work is refused before anything is made; nobody has to be asked for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.cli.own_template import OwnTemplateOptions
from fargate_guard.errors import FguardError, UsageError
from fargate_guard.taskdef import TaskDefinitionError
from fargate_guard.workflows.own_template_change import capabilities
from fargate_guard.workflows.own_template_files import read_template
from fargate_guard.workflows.own_template_parameters import (
    Given,
    Kept,
    check,
    gather,
    kept_values,
    known,
    nested_values,
)
from tests.own_template.templates import GROUP, IMAGE, nested, task, text

if TYPE_CHECKING:
    from pathlib import Path

CODE = {"Type": "AWS::Lambda::Function", "Properties": {"Code": "src/", "Handler": "a.b", "Role": "r"}}
SAM = "AWS::Serverless-2016-10-31"
GLOBALS = {"Function": {"CodeUri": "src/"}}
INLINE = {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ZipFile": "pass"}}}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (text({"Web": task(), "Code": CODE}), "aws cloudformation package --template-file"),
        (text({"Web": task()}, Transform=SAM, Globals=GLOBALS), "$.Globals.Function.CodeUri"),
        (text({"Web": task(), "Self": nested("app.json")}), "nest each other without end"),
        (text({"Web": task(), "Lost": nested("lost.yaml")}), "lost.yaml"),
        (text({"Web": task(), "Lost": nested("a\0b.yaml")}), "the file cannot be read"),
        ('{"family": "web", "containerDefinitions": [{"name": "web", "image": "nginx"}]}', "workloads"),
        ('{"Parameters": {}}', "give JSON or YAML with Resources"),
        ('{"apiVersion": "apps/v1", "kind": "Deployment"}', "give JSON or YAML with Resources"),
        ('{"Resources": ', "app.json: line 1, column 15"),
    ],
    ids=[
        "local code",
        "code for all of SAM's functions",
        "cycle",
        "no such child",
        "no name for a file",
        "no template",
        "no resources",
        "for Kubernetes",
        "syntax",
    ],
)
def test_a_file_that_cannot_be_deployed_is_refused(tmp_path: Path, template: str, words: str) -> None:
    (tmp_path / "app.json").write_text(template)
    with pytest.raises((FguardError, TaskDefinitionError)) as refused:
        read_template(tmp_path / "app.json")
    error = refused.value
    assert isinstance(error, FguardError | TaskDefinitionError)
    assert words in f"{error.message} {error.where} {error.fix}"


@pytest.mark.parametrize(
    "given",
    [
        {"Parameters": 3},
        {"Parameters": [3]},
        {"Parameters": {"Stage": None}},
        {"Globals": {"Function": 3}},
        {"Transform": {"Name": "AWS::Include", "Parameters": 3}},
        {"Transform": [{"Name": "AWS::Include", "Parameters": ["Location"]}]},
    ],
    ids=str,
)
def test_what_is_malformed_is_left_to_cloudformation_to_refuse(tmp_path: Path, given: dict[str, Any]) -> None:
    (tmp_path / "app.json").write_text(text({"Web": task()}, **given))
    template = read_template(tmp_path / "app.json")
    check(template, gather((), (), None, {}), ())
    assert kept_values(template.value, gather((), (), None, {}), {"Stage": "prod"}) == ()


def test_what_a_path_names_is_read_and_what_a_url_names_is_told(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "one.json").write_text(text({"Two": nested("two.json"), "Code": INLINE}))
    (tmp_path / "inner" / "two.json").write_text(text({"Far": nested("https://example.com/far.json")}))
    (tmp_path / "app.json").write_text(text({"One": nested("inner/one.json"), "Web": task()}))
    found = read_template(tmp_path / "app.json")
    assert [one.path.name for one in found.everything()] == ["app.json", "one.json", "two.json"]
    assert [(one.address, one.url) for one in found.elsewhere()] == [
        ("One.Two.Far", "https://example.com/far.json")
    ]


PARAMETERS: Any = {
    "Stage": {"Type": "String"},
    "Token": {"Type": "String", "NoEcho": True, "Default": ""},
    **IMAGE,
}


@pytest.mark.parametrize(
    ("given", "existing", "words"),
    [
        (Given({"Imgae": "nginx"}), (), "did you mean Image?"),
        (Given({"Stage": "prod", "Token": "x"}, flagged=frozenset({"Token"})), (), "--parameter-env"),
        (Given({}), (), "--parameter Stage=VALUE"),
        (Given({}, kept=frozenset({"Image"})), ("Stage",), "give a value in the parameters file"),
    ],
    ids=["misspelt", "secret in a flag", "no value", "nothing to keep"],
)
def test_parameters_that_do_not_fit_are_refused(
    tmp_path: Path, given: Given, existing: tuple[str, ...], words: str
) -> None:
    (tmp_path / "app.json").write_text(text({"Web": task()}, Parameters=PARAMETERS))
    template = read_template(tmp_path / "app.json")
    with pytest.raises(UsageError) as refused:
        check(template, given, existing)
    assert words in str(refused.value.fix)
    check(template, Given({}), ("Stage",))


def test_parameters_come_from_flags_variables_and_each_of_the_clis_files(tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    for written in (
        [{"ParameterKey": "A", "ParameterValue": "1"}, {"ParameterKey": "B", "UsePreviousValue": True}],
        ["A=1"],
        {"Parameters": {"A": 1}},
    ):
        file.write_text(json.dumps(written))
        given = gather(["C=3"], ["D=VARIABLE"], file, {"VARIABLE": "4"})
        assert given.values == {"A": "1", "C": "3", "D": "4"}
        assert given.flagged == {"C"}
    with pytest.raises(UsageError, match="which is not set"):
        gather([], ["D=VARIABLE"], None, {})


def test_a_value_that_differs_from_the_default_is_told_unless_it_was_given_or_is_a_secret() -> None:
    template = {"Parameters": {**PARAMETERS, "Count": {"Type": "Number", "Default": 2}}}
    there = {"Stage": "prod", "Token": "was-not-secret-before", "Image": "nginx:1", "Count": "2"}
    told = [Kept("Image", "nginx:1", "nginx:1.27")]
    assert list(kept_values(template, Given(), there)) == told
    assert list(kept_values(template, Given({"Image": "nginx:2"}), there)) == []
    assert list(kept_values(template, Given(kept=frozenset({"Image"})), there)) == []  # asked for by name
    assert list(kept_values(template, Given(), {"Image": None})) == []


def test_a_childs_parameter_is_what_its_parent_passes_never_its_default() -> None:
    child = {"Parameters": {"Image": {"Default": "wrong:1"}, "Other": {"Default": "right:1"}}}
    passed = {"Image": {"Fn::ImportValue": "Elsewhere"}}
    values = nested_values(child, passed, {}, {})
    assert known(child, values) == {"Image": None, "Other": "right:1"}
    by_reference = nested_values(child, {"Image": {"Ref": "Mine"}}, {"Mine": "nginx:1"}, {})
    assert known(child, by_reference)["Image"] == "nginx:1"


def test_capabilities_are_those_that_the_templates_need(tmp_path: Path) -> None:
    def needed(resources: Any, **sections: Any) -> tuple[str, ...]:
        (tmp_path / "app.json").write_text(text(resources, **sections))
        return capabilities(read_template(tmp_path / "app.json"))

    role = {"Type": "AWS::IAM::Role", "Properties": {}}
    named = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "web"}}
    assert needed({"Logs": GROUP}) == ()
    assert needed({"Role": role}) == ("CAPABILITY_IAM",)
    assert needed({"Role": role, "Named": named}) == ("CAPABILITY_NAMED_IAM",)
    assert needed({"Logs": GROUP}, Transform="Mine") == ()  # the change set shows what it makes
    (tmp_path / "inner.json").write_text(text({"Logs": GROUP}, Transform="Mine"))
    assert needed({"Inner": nested("inner.json")}) == ("CAPABILITY_AUTO_EXPAND",)
    application = {"Type": "AWS::Serverless::Application", "Properties": {"Location": {"ApplicationId": "a"}}}
    assert needed({"Theirs": application}, Transform=SAM) == ("CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM")
    function = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://code/a.zip"}}
    assert needed({"Function": function}, Transform=SAM) == ("CAPABILITY_IAM",)
    table = {"Type": "AWS::Serverless::SimpleTable", "Properties": {}}
    assert needed({"Table": table, "Web": task()}, Transform=SAM) == ()


def test_options_of_a_template_need_one(tmp_path: Path) -> None:
    for options, method in (
        (OwnTemplateOptions(parameter=["A=b"]), None),
        (OwnTemplateOptions(uninstrumented=True), None),
        (OwnTemplateOptions(template=tmp_path), "terraform"),
    ):
        with pytest.raises(UsageError, match="--template"):
            options.check(method)
    with pytest.raises(UsageError, match="no such template"):
        OwnTemplateOptions(template=tmp_path / "lost.yaml").asked({})

"""The template that installs the macro: lint, policies, least privilege."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import pytest

from fargate_guard.cli.macro_options import DEFAULT_NAME, FunctionOptions
from fargate_guard.config.fargate import LOG_RETENTION_DAYS
from fargate_guard.errors import UsageError
from fargate_guard.formats.yaml_source import read_yaml
from fargate_guard.macro.package import HANDLER, build, digest
from fargate_guard.package_files import package_folder
from fargate_guard.workflows.macro_stack import MacroStack, macro_template
from tests.macro.test_macro_package import ROOT

FILE = package_folder("templates") / "cloudformation" / "macro.yaml"
EXAMPLE = package_folder("examples") / "macro" / "app.yaml"
REPOSITORY = "arn:aws:ecr:eu-west-1:111122223333:repository/team/web"
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:registry-Ab12Cd"


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(FILE.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("file", [FILE, EXAMPLE], ids=["installer", "example"])
def test_cfn_lint_has_nothing_to_say(file: Any) -> None:
    from cfnlint.api import ManualArgs, lint

    found = lint(file.read_text(encoding="utf-8"), config=ManualArgs(regions=["us-east-1", "eu-west-1"]))
    assert [str(match) for match in found] == []


@pytest.mark.long
def test_checkov_has_nothing_to_say_and_no_exception_is_idle(template: dict[str, Any]) -> None:
    program = os.environ.get("FGUARD_CHECKOV", str(ROOT / ".venv-checkov" / "bin" / "checkov"))
    command = [program, "--file", str(FILE), "--framework", "cloudformation", "--output", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    results = json.loads(ran.stdout)["results"]
    assert results["passed_checks"]
    assert [check["check_id"] for check in results["failed_checks"]] == []
    excepted = {
        (name, skip["id"])
        for name, resource in template["Resources"].items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", ())
    }
    skipped = {(check["resource"].rpartition(".")[2], check["check_id"]) for check in results["skipped_checks"]}
    assert skipped == excepted


def test_every_exception_has_its_reason(template: dict[str, Any]) -> None:
    for resource in template["Resources"].values():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", ()):
            assert len(skip["comment"].split()) > 4


def test_the_console_shows_every_parameter_once_in_a_group_and_with_a_label(template: dict[str, Any]) -> None:
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert list(interface["ParameterLabels"]) == grouped
    labels = [label["default"] for label in interface["ParameterLabels"].values()]
    assert len(set(labels)) == len(labels)
    assert all(group["Label"]["default"] for group in interface["ParameterGroups"])


def test_the_role_may_write_its_own_log_and_nothing_else(template: dict[str, Any]) -> None:
    (policy,) = template["Resources"]["Role"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert set(statement["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert statement["Resource"]["Fn::Sub"].endswith("log-group:${LogGroup}:log-stream:*")


def test_what_is_read_of_ecr_and_secrets_must_be_asked_for(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    assert resources["EcrPolicy"]["Condition"] == "ReadsEcr"
    assert resources["SecretsPolicy"]["Condition"] == "ReadsSecrets"
    statements = [
        statement
        for name in ("EcrPolicy", "SecretsPolicy")
        for statement in resources[name]["Properties"]["PolicyDocument"]["Statement"]
    ]
    everywhere = [statement["Action"] for statement in statements if statement["Resource"] == "*"]
    assert everywhere == ["ecr:GetAuthorizationToken"]


def test_the_function_is_small_and_enters_the_package_where_it_was_tested(template: dict[str, Any]) -> None:
    function = template["Resources"]["Function"]["Properties"]
    assert function["Architectures"] == ["arm64"]
    assert function["Handler"] == HANDLER
    assert "Environment" not in function


def test_every_parameter_fits_its_own_pattern(template: dict[str, Any]) -> None:
    package = build()
    asked = MacroStack(ecr_repositories=(REPOSITORY, REPOSITORY + "2"), registry_secrets=(SECRET,))
    made = macro_template(asked, package, "fguard-templates", retention_days=0, log_key_arn=None, tags={"a": "b"})
    assert made.parameters.keys() <= template["Parameters"].keys()
    assert made.parameters["LogRetentionDays"] == "3653"
    assert made.parameters["EcrRepositoryArns"] == f"{REPOSITORY},{REPOSITORY}2"
    for name, value in made.parameters.items():
        assert re.search(template["Parameters"][name].get("AllowedPattern", ""), value), name
    assert made.capabilities == ("CAPABILITY_IAM",)
    assert made.tags == {"a": "b", "fguard:managed-by": "fargate-guard", "fguard:macro": asked.name}
    assert digest(package) in made.parameters["CodeKey"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": "Fargate-Guard"}, "--name"),
        ({"name": ""}, "--name"),
        ({"ecr_repositories": ("team/web",)}, "--ecr-repository"),
        ({"registry_secrets": (REPOSITORY,)}, "--registry-secret"),
        ({"registry_secrets": (f"{SECRET},{SECRET}",)}, "--registry-secret"),
    ],
)
def test_wrong_names_and_arns_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        MacroStack(**wrong)


def test_the_templates_defaults_and_choices_are_the_commands(template: dict[str, Any]) -> None:
    parameters = template["Parameters"]
    asked, options = MacroStack(), FunctionOptions()
    assert (parameters["MemorySize"]["Default"], parameters["Timeout"]["Default"]) == (asked.memory, asked.timeout)
    assert options.stack(DEFAULT_NAME) == asked
    assert parameters["MacroName"]["Default"] == asked.name
    assert parameters["LogRetentionDays"]["AllowedValues"] == [days for days in LOG_RETENTION_DAYS if days]

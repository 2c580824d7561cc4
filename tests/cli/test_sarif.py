"""``fguard instrument --check --format sarif``: what code scanning is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.cli.definitions import FLAGS, WEB

if TYPE_CHECKING:
    from tests.cli.definitions import Run

SCHEMA = json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text())
"""OASIS's schema of SARIF 2.1.0 without its descriptions.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json
"""
TEMPLATE = """\
Resources:
  # The shop.
  Shop:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      ContainerDefinitions: !If
        - Big
        - - {Name: shop, Image: "shop:1", EntryPoint: [/shop]}
        - - Name: shop
            Image: "shop:1"
            EntryPoint: [/small]
Conditions:
  Big: !Equals [!Ref AWS::Region, us-east-1]
"""
BOTH = [{"name": "web", "image": "web:1", "entryPoint": ["/web"]}, {"name": "log", "image": "log:1"}]


def check(run: Run, *arguments: str, exit_code: int) -> list[dict[str, Any]]:
    """The results, of a document that is valid SARIF."""
    ran = run("instrument", *arguments, *FLAGS, "--check", "--format", "sarif")
    assert ran.exit_code == exit_code, ran.stderr
    document = json.loads(ran.stdout)
    jsonschema.validate(document, SCHEMA)
    (only,) = document["runs"]
    results: list[dict[str, Any]] = only["results"]
    rules = only["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)
    assert all(rule["help"]["text"] for rule in rules)
    return results


def place(result: dict[str, Any]) -> tuple[str, int, int]:
    physical = result["locations"][0]["physicalLocation"]
    region = physical["region"]
    return physical["artifactLocation"]["uri"], region["startLine"], region["startColumn"]


def test_a_container_that_is_not_instrumented_is_an_error_at_its_line(run: Run, folder: Path) -> None:
    (folder / "ecs tasks").mkdir()
    (folder / "web.json").rename(folder / "ecs tasks/web.json")
    (result,) = check(run, "ecs tasks", exit_code=2)
    assert (result["ruleId"], result["level"]) == ("FG001", "error")
    assert result["message"]["text"] == "Container web is not instrumented."
    line = next(
        number
        for number, text in enumerate((folder / "ecs tasks/web.json").read_text().splitlines(), 1)
        if text.strip() == "{" and number > 1
    )
    assert place(result) == ("ecs%20tasks/web.json", line, 5)


def test_what_is_up_to_date_is_no_result(run: Run) -> None:
    run("instrument", "web.json", *FLAGS, "--in-place")
    assert check(run, "web.json", exit_code=0) == []


def test_other_settings_are_out_of_date(run: Run) -> None:
    run("instrument", "web.json", *FLAGS, "--in-place")
    (result,) = check(
        run, "web.json", "--orchestrator-host", "other.internal", "--log-level", "debug", exit_code=2
    )
    assert (result["ruleId"], result["level"]) == ("FG002", "warning")


def test_what_is_left_out_is_suppressed_with_the_reason(run: Run, folder: Path) -> None:
    (folder / "web.json").write_text(json.dumps({**WEB, "containerDefinitions": BOTH}))
    results = check(run, "web.json", "--ignore-container", "log", exit_code=2)
    by_name = {result["message"]["text"].split()[1]: result for result in results if result["ruleId"] == "FG001"}
    assert "suppressions" not in by_name["web"]
    assert by_name["log"]["suppressions"][0]["justification"] == "left out as asked"


def test_a_refusal_is_an_error_and_a_warning_a_warning(run: Run, folder: Path) -> None:
    (folder / "web.json").write_text(json.dumps(BOTH, indent=2))
    (folder / "other.json").write_text(json.dumps(BOTH[:1], indent=2))
    results = check(run, "web.json", "other.json", exit_code=4)
    refused = next(result for result in results if result["ruleId"] == "FG003")
    assert place(refused) == ("web.json", 11, 14)
    assert "fix: " in refused["message"]["text"]
    warning = next(result for result in results if result["ruleId"] == "FG004")
    assert (warning["level"], place(warning)) == ("warning", ("other.json", 1, 1))


def test_a_syntax_error_is_at_its_line_and_column(run: Run, folder: Path) -> None:
    (folder / "web.json").write_text('[{"name": "web",\n "image" "x"}]')
    (result,) = check(run, "web.json", exit_code=64)
    assert place(result) == ("web.json", 2, 10)


def test_a_broken_file_in_a_folder_is_a_warning(run: Run, folder: Path) -> None:
    (folder / "broken.json").write_text('{"family": "web",\n "cpu" "256"}')
    results = check(run, ".", exit_code=2)
    assert [(result["ruleId"], place(result)[:2]) for result in results if result["level"] == "warning"] == [
        ("FG004", ("broken.json", 2))
    ]


def test_containers_of_a_yaml_template_are_found_behind_short_tags(run: Run, folder: Path) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE)
    results = check(run, "stack.yaml", exit_code=2)
    assert sorted({place(result) for result in results}) == [("stack.yaml", 10, 13), ("stack.yaml", 11, 13)]


def test_a_name_that_no_file_has_is_a_notification(run: Run, folder: Path) -> None:
    (folder / "other.json").write_text(json.dumps(WEB))
    flags = ("--check", "--format", "sarif", "--ignore-container", "nobody")
    ran = run("instrument", "web.json", "other.json", *FLAGS, *flags)
    assert ran.exit_code == 4
    (invocation,) = json.loads(ran.stdout)["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "nobody" in invocation["toolExecutionNotifications"][0]["message"]["text"]


@pytest.mark.parametrize("flags", [(), ("--check", "--diff"), ("--check", "--json")])
def test_sarif_goes_with_check_alone(run: Run, flags: tuple[str, ...]) -> None:
    ran = run("instrument", "web.json", *FLAGS, "--format", "sarif", *flags)
    assert ran.exit_code == 64
    assert "--check" in ran.stderr

"""What cfn-lint accepts, it still accepts when it is instrumented.

The quick profile runs with ``make test``; ``make test-long`` has 10,000 task definitions linted, many in one
template, since cfn-lint takes its time for each template.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from fargate_guard.cloudformation import instrument_template
from fargate_guard.taskdef import Settings, TaskDefinitionError
from tests.cloudformation.deployed import without_unreachable
from tests.cloudformation.generated_templates import STATES, task_properties, template_of
from tests.cloudformation.test_template_properties import GIVEN, IMAGES

KEY_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-key-AbCdEf"
SETTINGS = [
    Settings("orchestrator", "5.0.1", orchestrator_host="orchestrator.internal"),
    Settings("direct", "6.2.1", collector_host="ingest.us4.sysdig.com", access_key_arn=KEY_ARN, sidecar_cpu=64),
]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
PARTS = 4
"""The long profile comes in parts, so that several workers share it."""
AT_ONCE = 100
"""Task definitions in one template."""
Tasks = list[dict[str, Any]]


def template_with(tasks: Tasks) -> dict[str, Any]:
    """One template with several task definitions."""
    template = template_of(tasks[0])
    resources = template["Resources"]
    task = resources.pop("Task")
    resources["Role"]["Properties"] = {"AssumeRolePolicyDocument": TRUST}
    for index, properties in enumerate(tasks):
        resources[f"Task{index}"] = {**task, "Properties": properties}
    return template


def findings(template: dict[str, Any]) -> dict[str, set[str]]:
    """What cfn-lint has to say, by resource."""
    from cfnlint.api import ManualArgs, lint

    found: dict[str, set[str]] = {}
    for match in lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"])):
        section, *rest = match.path or ["template"]
        place = str(rest[0]) if section == "Resources" and rest else "template"
        found.setdefault(place, set()).add(f"{match.rule.id}: {match.message}")
    return found


def instrumentable(count: int, how: Settings) -> Tasks:
    """Generated task definitions that fguard takes."""
    kept = []

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(task_properties())
    def keep(properties: dict[str, Any]) -> None:
        template = template_of(properties)
        reachable = without_unreachable(template, STATES, template["Resources"]["Task"]["Properties"])
        try:
            instrument_template(template_of(reachable), how, IMAGES, GIVEN)
        except TaskDefinitionError:
            assume(False)
        kept.append(reachable)

    keep()
    return kept


def stays_clean(tasks: Tasks, how: Settings) -> None:
    """What cfn-lint has to say of a result, it had to say of the input."""
    instrumented = instrument_template(template_with(tasks), how, IMAGES, GIVEN).definition
    after = findings(instrumented)
    told_of = [index for index in range(len(tasks)) if f"Task{index}" in after]
    before = findings(template_with([tasks[index] for index in told_of])) if told_of else {}
    clean_before = [index for place, index in enumerate(told_of) if f"Task{place}" not in before]
    assert [(tasks[index], after[f"Task{index}"]) for index in clean_before] == []
    if "template" in after:
        assert after["template"] <= findings(template_with(tasks)).get("template", set())


def test_cfn_lint_accepts_the_result_when_it_accepted_the_input() -> None:
    for how in SETTINGS:
        stays_clean(instrumentable(4, how), how)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_cfn_lint_accepts_thousands_of_results(part: int) -> None:
    how = SETTINGS[part % len(SETTINGS)]
    tasks = instrumentable(10_000 // PARTS, how)
    for first in range(0, len(tasks), AT_ONCE):
        stays_clean(tasks[first : first + AT_ONCE], how)

"""What cfn-lint accepts, it still accepts when it is instrumented."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fargate_guard.cloudformation import instrument_template
from fargate_guard.taskdef import Settings, TaskDefinitionError
from tests.cloudformation.deployed import without_unreachable
from tests.cloudformation.generated_templates import STATES, task_properties, template_of

KEY_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-key-AbCdEf"
SETTINGS = [
    Settings("orchestrator", "5.0.1", orchestrator_host="orchestrator.internal"),
    Settings("direct", "6.2.1", collector_host="ingest.us4.sysdig.com", access_key_arn=KEY_ARN, sidecar_cpu=64),
]
many = st.lists(task_properties(), min_size=8, max_size=8)


def template_with(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """One template with several task definitions, since cfn-lint takes its time for each."""
    template = template_of(tasks[0])
    del template["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]
    template["Resources"]["Role"]["Properties"] = {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    }
    task = template["Resources"].pop("Task")
    for index, properties in enumerate(tasks):
        template["Resources"][f"Task{index}"] = {**task, "Properties": copy.deepcopy(properties)}
    return template


def findings(template: dict[str, Any]) -> dict[str, list[str]]:
    """What cfn-lint has to say, by resource."""
    from cfnlint.api import ManualArgs, lint

    found: dict[str, list[str]] = {}
    for match in lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"])):
        section, *rest = match.path or ["template"]
        place = str(rest[0]) if section == "Resources" and rest else "template"
        found.setdefault(place, []).append(f"{match.rule.id}: {match.message}")
    return found


def instrumentable(tasks: list[dict[str, Any]], how: Settings) -> list[dict[str, Any]]:
    kept = []
    for properties in tasks:
        try:
            instrument_template(template_of(properties), how)
        except TaskDefinitionError:
            continue
        kept.append(properties)
    return kept


def stays_clean(tasks: list[dict[str, Any]], how: Settings) -> None:
    kept = instrumentable(tasks, how)
    if not kept:
        return
    template = template_with(kept)
    for resource in template["Resources"].values():
        resource["Properties"] = without_unreachable(template, STATES, resource["Properties"])
    before = findings(template)
    after = findings(instrument_template(template, how).definition)
    assert {place: new for place, new in after.items() if place not in before} == {}
    assert set(after.get("template", ())) <= set(before.get("template", ()))


def profile(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )


@profile(1)
@given(many, st.sampled_from(SETTINGS))
def test_cfn_lint_accepts_the_result_when_it_accepted_the_input(
    tasks: list[dict[str, Any]], how: Settings
) -> None:
    stays_clean(tasks, how)


@pytest.mark.long
@pytest.mark.timeout(3600)
@profile(60)
@given(many, st.sampled_from(SETTINGS))
def test_cfn_lint_accepts_hundreds_of_results(tasks: list[dict[str, Any]], how: Settings) -> None:
    stays_clean(tasks, how)

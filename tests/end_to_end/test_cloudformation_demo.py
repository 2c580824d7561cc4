"""``fguard demo --method cloudformation``: what a newcomer runs first, without an account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fguard_process import Fguard


def test_the_demo_tells_the_whole_story_and_says_what_is_simulated(fguard: Fguard) -> None:
    ran = fguard("demo", "--method", "cloudformation", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert "emulation of AWS on this machine" in ran.stderr
    assert "there are no detections" in ran.stderr
    assert "[2/8] The CloudFormation template that is applied, to read and keep" in ran.stderr
    assert "stack fguard-quickstart: CREATE_COMPLETE" in ran.stderr
    assert "stack fguard-quickstart: DELETE_COMPLETE" in ran.stderr
    steps = {step["command"][0]: step for step in ran.document["steps"]}
    assert [(name, step["exit_code"]) for name, step in steps.items()] == [
        ("doctor", 0),
        ("render", 0),
        ("plan", 2),
        ("deploy", 0),
        ("verify", 0),
        ("status", 0),
        ("instrument", 0),
        ("destroy", 0),
    ]
    told = {name: step["document"] for name, step in steps.items()}
    assert told["plan"]["method"] == told["deploy"]["method"] == told["status"]["method"] == "cloudformation"
    assert told["deploy"]["plan"]["summary"] == told["plan"]["plan"]["summary"]
    assert not [one for one in told["verify"]["findings"] if one["outcome"] == "NG"]
    assert told["status"]["drift"] == []
    assert "SYSDIG_ORCHESTRATOR" in json.dumps(told["instrument"])
    assert len(told["destroy"]["removed"]) == told["deploy"]["plan"]["summary"]["add"]
    assert told["destroy"]["leftovers"] == []
    assert not list(fguard.folder.iterdir())

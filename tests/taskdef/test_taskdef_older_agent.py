"""An agent is never replaced by an older one in silence."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from fargate_guard.taskdef import Settings, instrument

NEWER = "quay.io/sysdig/workload-agent:5.10.0"


def test_a_newer_agent_is_never_replaced_by_an_older_one_in_silence(
    web: dict[str, Any], manual_web: dict[str, Any], orchestrator: Settings
) -> None:
    newer = instrument(copy.deepcopy(web), replace(orchestrator, agent_version="5.10.0")).definition
    manual_web["containerDefinitions"][1]["image"] = NEWER
    for definition in (newer, manual_web):
        result = instrument(definition, orchestrator)
        notice = next(one for one in result.warnings if "older" in one.message)
        assert notice.where == "$.containerDefinitions[1].image"
        assert notice.message.startswith(
            "agent 5.10.0 is replaced by the older 5.0.1; to keep it: --agent-version 5.10.0"
        )
        assert "up to date" not in result.containers[0].reason
    assert result.containers[0].reason == "instrumented by another tool before; now with the older agent 5.0.1"


@pytest.mark.parametrize(
    "image",
    [
        NEWER,
        "quay.io/sysdig/workload-agent:4.3.2",
        "sysdig/workload-agent:latest",
        "a/workload-agent@sha256:0",
        f"a/workload-agent:{'9' * 5000}.0.0",
    ],
)
def test_only_versions_that_go_down_are_told(
    manual_web: dict[str, Any], orchestrator: Settings, image: str
) -> None:
    manual_web["containerDefinitions"][1]["image"] = image
    result = instrument(manual_web, replace(orchestrator, agent_version="5.10.0"))
    assert not [one for one in result.warnings if "older" in one.message]
    assert result.containers[0].reason == "instrumented by another tool before; brought up to date"

"""Settings that the tests of the formats share."""

from __future__ import annotations

import pytest

from fargate_guard.taskdef import Settings


@pytest.fixture
def orchestrator() -> Settings:
    """Agent 5.0.1 behind an orchestrator."""
    return Settings("orchestrator", "5.0.1", orchestrator_host="orchestrator.internal")

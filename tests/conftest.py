"""What every room's tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.loaders
import hypothesis
import pytest

from tests.fguard_process import Fguard
from tests.shared_models import shared_loader

if TYPE_CHECKING:
    from pathlib import Path


unhurried = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("default", unhurried)
"""A machine that is busy is no failure."""
hypothesis.settings.load_profile("default")
hypothesis.settings.register_profile("repeatable", unhurried, derandomize=True)
"""For `make test`: the same cases in every run, so a failure is the change's; `make test-long` searches anew."""

botocore.loaders.create_loader = shared_loader

LONGEST_FIRST = (
    "test_quickstart_story",
    "test_existing_network",
    "test_wheel",
    "test_template_texts",
    "test_yaml_text",
    "test_half_failed_story",
    "test_direct_deployment",
    "test_cloudformation_story",
    "test_stack_interrupts",
    "test_stuck_stacks",
    "test_cloudformation_demo",
    "test_verify_breakages",
    "test_sandbox_terraform",
    "test_driver_interrupts",
    "test_terraform_s3_state",
    "test_module_combinations",
    "test_terraform_failures",
    "test_aws_failures",
    "test_conventions",
    "test_taskdef_properties",
)
"""Files that take ten seconds or more: begun last, one of them would leave the other workers idle.

A worker with two tests left, or with a file of two tests, is given its next file already: short ones come
after ``test_wheel``, so that nothing long waits behind it.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: _rank(item.path.stem))


def _rank(file: str) -> int:
    return LONGEST_FIRST.index(file) if file in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture
def fguard(tmp_path: Path) -> Fguard:
    """``fguard`` in an empty folder, without any AWS account."""
    return Fguard(tmp_path, {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null"})

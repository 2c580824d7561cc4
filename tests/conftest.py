"""What every room's tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.fguard_process import Fguard

if TYPE_CHECKING:
    from pathlib import Path


hypothesis.settings.register_profile("repeatable", derandomize=True)
"""For `make test`: the same cases in every run, so a failure is the change's; `make test-long` searches anew."""

LONGEST_FIRST = ("packaging", "end_to_end", "terraform_templates", "terraform_driver", "verify")
"""Folders whose files take a minute or more: begun last, one of them would leave the other workers idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: _rank(item.path.parent.name))


def _rank(folder: str) -> int:
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture
def fguard(tmp_path: Path) -> Fguard:
    """``fguard`` in an empty folder, without any AWS account."""
    return Fguard(tmp_path, {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null"})

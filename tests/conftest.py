"""What every room's tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fguard_process import Fguard

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fguard(tmp_path: Path) -> Fguard:
    """``fguard`` in an empty folder, without any AWS account."""
    return Fguard(tmp_path, {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null"})

"""A plan names the attributes that change, and never their values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fargate_guard.terraform.driver import Driver
from fargate_guard.terraform.engine import find_engine

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
variable "name" { type = string }

resource "terraform_data" "updated" {
  input = var.name
}

resource "terraform_data" "replaced" {
  triggers_replace = var.name
}

resource "terraform_data" "kept" {
  input = "same"
}
"""


def test_updates_and_replacements_name_their_attributes(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(MODULE, encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    driver = Driver(tmp_path, engine=find_engine(None, environ), environ=environ, run_log_dir=tmp_path / "logs")
    driver.init()
    first = driver.plan(tmp_path / "first.tfplan", variables={"name": "secret-1"})
    assert {change.attributes for change in first.changes} == {()}
    driver.apply(first.path)
    second = driver.plan(tmp_path / "second.tfplan", variables={"name": "secret-2"})
    attributes = {change.address: change.attributes for change in second.changes}
    assert attributes == {
        "terraform_data.updated": ("input",),
        "terraform_data.replaced": ("triggers_replace",),
    }
    assert "secret" not in repr(second.changes)

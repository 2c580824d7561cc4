"""checkov's AWS policies on our CloudFormation templates; ``make checkov`` brings it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.package_files import package_folder
from tests.stack_templates.variants import variants
from tests.terraform_templates.test_module_policies import CHECKOV

if TYPE_CHECKING:
    from pathlib import Path

SKIP = re.compile(r"# checkov:skip=(\w+):(.+)")

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def exceptions() -> list[tuple[str, str]]:
    """Every exception that is written down in a template, with its reason."""
    templates = (package_folder("templates") / "cloudformation").rglob("*.yaml.j2")
    return [found for template in templates for found in SKIP.findall(template.read_text())]


def checked(folder: Path) -> dict[str, Any]:
    """checkov's verdict on the templates in a folder."""
    command = [os.environ.get("FGUARD_CHECKOV", str(CHECKOV)), "--directory", str(folder)]
    command += ["--framework", "cloudformation", "--output", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(ran.stdout)
    results: dict[str, Any] = report["results"]
    return results


def test_templates_pass_and_no_exception_is_idle(tmp_path: Path) -> None:
    for number, template in enumerate(variants(2)):
        (tmp_path / f"{number}.yaml").write_text(template.body)
    results = checked(tmp_path)
    assert results["passed_checks"], "checkov looked at nothing"
    assert {f"{check['check_id']} {check['resource']}" for check in results["failed_checks"]} == set()
    assert {check for check, _reason in exceptions()} == {check["check_id"] for check in results["skipped_checks"]}


def test_every_exception_has_its_reason() -> None:
    for check, reason in exceptions():
        assert len(reason.split()) > 4, f"{check} is skipped without a reason: {reason}"

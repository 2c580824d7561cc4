"""checkov's AWS policies. It pins old versions of what fguard uses, so it lives in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.package_files import package_folder
from tests.terraform_templates.rendered_modules import config, rendered
from tests.terraform_templates.test_module_combinations import covering, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.config import Config

CHECKOV = Path(__file__).parents[2] / ".venv-checkov" / "bin" / "checkov"
"""Made by ``make checkov``."""
SKIP = re.compile(r"#checkov:skip=(\w+):(.+)")

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def checked(settings: Config, folder: Path) -> dict[str, Any]:
    """checkov's verdict on a rendered module and its variables."""
    rendered(settings).write(folder)
    command = [
        os.environ.get("FGUARD_CHECKOV", str(CHECKOV)),
        "--directory",
        str(folder),
        "--framework",
        "terraform",
    ]
    command += ["--download-external-modules", "false", "--var-file", str(folder / "terraform.tfvars.json")]
    ran = subprocess.run([*command, "--output", "json"], capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(ran.stdout)
    results: dict[str, Any] = report["results"]
    return results


def every_module() -> Iterator[Config]:
    """The default in both topologies, and six that differ as much as can be."""
    yield config()
    yield config(agent={"topology": "direct"}, network={"nat_gateway": "none"})
    yield from (settings_of(choice) for choice in covering(2)[:6])


def test_modules_pass_and_no_exception_is_idle(tmp_path: Path) -> None:
    failed: set[str] = set()
    excepted: set[str] = set()
    for number, settings in enumerate(every_module()):
        results = checked(settings, tmp_path / str(number))
        assert results["passed_checks"], "checkov looked at nothing"
        failed |= {f"{check['check_id']} {check['resource']}" for check in results["failed_checks"]}
        excepted |= {check["check_id"] for check in results["skipped_checks"]}
    assert failed == set()
    assert {check for check, _reason in exceptions()} == excepted


def test_every_exception_has_its_reason() -> None:
    for check, reason in exceptions():
        assert len(reason.split()) > 4, f"{check} is skipped without a reason: {reason}"


def exceptions() -> list[tuple[str, str]]:
    """Every exception that is written down in a template, with its reason."""
    templates = (package_folder("templates") / "terraform").rglob("*.tf.j2")
    return [found for template in templates for found in SKIP.findall(template.read_text())]

"""A built wheel, installed into an empty environment, works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)],
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_templates_examples_and_the_typed_marker(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for file in (CHECKOUT / "templates").rglob("*.j2"):
        assert f"fargate_guard/templates/{file.relative_to(CHECKOUT / 'templates').as_posix()}" in names
    assert "fargate_guard/examples/quickstart/fguard.yaml" in names
    assert "fargate_guard/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


@pytest.mark.timeout(600)
def test_the_demo_runs_from_an_installed_wheel_without_a_terraform_binary(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(environment), "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet", "--no-deps", "--no-compile"]
    requirements = without_source_packages(tmp_path / "wheels.txt")
    subprocess.run([*install, "--require-hashes", "--requirement", str(requirements)], check=True)
    constraints = str(CHECKOUT / "constraints.txt")
    subprocess.run(
        [*install, "--no-build-isolation", "--require-hashes", "--requirement", constraints], check=True
    )
    subprocess.run([*install, str(wheel)], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FGUARD_", "PYTHON"))
    }
    ran = subprocess.run(
        [str(environment / "bin" / "fguard"), "demo", "--terraform", "embedded"],
        cwd=empty,
        env={**clean, "HOME": str(empty)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "nothing tagged by it is left" in ran.stdout
    assert "simulated" in ran.stderr
    assert "fguard deploy" in ran.stdout
    assert list(empty.iterdir()) == []


def without_source_packages(path: Path) -> Path:
    """Write the packages that are published as wheels: python-terraform needs setuptools to be there first."""
    kept, wheel_follows = [], True
    for line in (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            wheel_follows = not line.startswith("python-terraform==")
        if wheel_follows:
            kept.append(line)
    path.write_text("\n".join(kept), encoding="utf-8")
    return path

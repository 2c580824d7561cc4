"""The Lambda package: small, without third-party code, the same bytes everywhere, and it runs by itself."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard import __version__
from fargate_guard.errors import FguardError
from fargate_guard.macro.package import HANDLER, LARGEST, build, describe, digest
from tests.macro.calling import INSTALLED, event, task, template
from tests.macro.pythons import LAMBDA_PYTHON, PIPES, REMOVED, RUNNING, Python, in_each_python

if TYPE_CHECKING:
    from tests.fguard_process import Fguard

ROOT = Path(__file__).parents[2]
OF_THE_RUNTIME = {"boto3", "botocore"}
"""What Lambda's own Python has, and the package does not."""
BUILD = "import sys; from fargate_guard.macro.package import build; sys.stdout.buffer.write(build())"
CALL = """
import io, json, sys
sys.path[:0] = [sys.argv[1]]
module, function = sys.argv[2].split(".")
event = json.load(sys.stdin)
output, sys.stdout = sys.stdout, io.StringIO()
answer = getattr(__import__(module), function)(event, None)
log, sys.stdout = sys.stdout.getvalue(), output
third = sorted({name.split(".")[0] for name in sys.modules} & {"requests", "oras", "pydantic", "boto3", "yaml"})
places = sorted({str(getattr(one, "__file__", "")) for one in sys.modules.values() if "fargate" in one.__name__})
json.dump({"answer": answer, "log": log, "third": third, "places": places, "python": sys.version_info[:2]}, output)
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("package") / "fguard-macro.zip"
    file.write_bytes(build(INSTALLED))
    return file


def run_alone(python: Python, package: Path, what: Any) -> dict[str, Any]:
    """Call the package's handler where only it and the standard library are."""
    command = [python.program, "-I", "-S", "-B", "-c", CALL, str(package), HANDLER]
    ran = subprocess.run(command, input=json.dumps(what), check=False, **PIPES, cwd=package.parent, env={})
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    assert tuple(found["python"]) == python.version, "it ran with the Python that the test's name says"
    assert found["third"] == []
    return found


@in_each_python
def test_it_instruments_in_a_clean_python(package: Path, python: Python) -> None:
    ran = run_alone(python, package, event(template()))
    assert ran["answer"]["status"] == "success"
    names = [
        one["Name"] for one in ran["answer"]["fragment"]["Resources"]["Web"]["Properties"]["ContainerDefinitions"]
    ]
    assert names == ["web", "SysdigInstrumentation"]
    assert all(place.startswith(str(package)) for place in ran["places"])
    assert [json.loads(line)["event"] for line in ran["log"].splitlines()] == ["container", "resource", "answer"]


@in_each_python
def test_it_refuses_and_looks_images_up_in_a_clean_python_too(package: Path, python: Python) -> None:
    broken = template(Web=task({"Name": "web", "Image": "127.0.0.1:9/team/web:1"}))
    refused = run_alone(python, package, event(broken))["answer"]["errorMessage"]
    assert "what container web would run is not known" in refused
    asked = run_alone(python, package, event(broken, ImageLookup=True))["answer"]["errorMessage"]
    assert "the registry cannot be reached" in asked


def test_its_source_suits_lambdas_python_whatever_runs_the_tests(package: Path) -> None:
    """What an older grammar takes, a newer one takes, too; a newer Python is held to the runtime's grammar."""
    with zipfile.ZipFile(package) as archive:
        for name in archive.namelist():
            if name.endswith(".py"):
                text = archive.read(name).decode()
                ast.parse(text, name, feature_version=min(RUNNING, LAMBDA_PYTHON))
                assert not roots(text) & REMOVED, name


def test_lambdas_python_is_one_that_this_project_supports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest, newest = re.findall(r"3\.(\d+)", project["requires-python"])
    assert int(oldest) <= LAMBDA_PYTHON[1] < int(newest)


def test_it_is_under_a_megabyte_and_has_licence_version_and_settings(package: Path) -> None:
    assert package.stat().st_size < LARGEST
    with zipfile.ZipFile(package) as archive:
        assert archive.read("LICENSE").decode().strip().startswith("Apache License")
        about = json.loads(archive.read("package.json"))
    assert (about["version"], about["license"]) == (__version__, "Apache-2.0")
    assert describe(package.read_bytes()).settings == INSTALLED


def test_another_zip_file_is_not_taken_for_a_package() -> None:
    other = io.BytesIO()
    zipfile.ZipFile(other, "w").close()
    for content in (b"text", other.getvalue()):
        with pytest.raises(FguardError, match="not one that fguard built"):
            describe(content)


def test_it_holds_nothing_but_text_of_ours(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {name.split("/")[0] for name in names} == {
            "fargate_guard",
            "handler.py",
            "settings.json",
            "package.json",
            "LICENSE",
        }
        for name in names:
            if name.endswith(".py"):
                imported = roots(archive.read(name).decode())
                own = {"__future__", "fargate_guard"}
                in_lambda = OF_THE_RUNTIME if name == "fargate_guard/macro/images.py" else set()
                assert imported - sys.stdlib_module_names - own <= in_lambda, name
            assert b"\r" not in archive.read(name)


def roots(text: str) -> set[str]:
    """Names of the packages that a module imports, wherever in it; not what only a type checker reads."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
        waiting += ast.iter_child_nodes(node)
    return found


@in_each_python
def test_every_module_of_it_can_be_imported(package: Path, python: Python) -> None:
    script = (
        "import sys, zipfile, importlib; sys.path[:0] = [sys.argv[1]]\n"
        "for name in zipfile.ZipFile(sys.argv[1]).namelist():\n"
        "    if name.endswith('.py'):\n"
        "        importlib.import_module(name[:-3].removesuffix('/__init__').replace('/', '.'))"
    )
    ran = subprocess.run([python.program, "-I", "-S", "-B", "-c", script, str(package)], check=False, **PIPES)
    assert ran.returncode == 0, ran.stderr


@in_each_python
def test_it_is_the_same_wherever_and_by_whomever_it_is_built(tmp_path: Path, python: Python) -> None:
    """Another folder, umask, locale, time zone, order of files, file times and permissions, line ends, Python."""
    copied = tmp_path / "elsewhere" / "checkout"
    shutil.copytree(
        ROOT / "src", copied / "src", ignore=shutil.ignore_patterns("__pycache__"), copy_function=_rewrite
    )
    shutil.copy(ROOT / "LICENSE", copied)
    shutil.copy(ROOT / "pyproject.toml", copied)
    strange = {"LC_ALL": "C", "TZ": "Pacific/Chatham", "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
    ran = subprocess.run(
        [
            python.program,
            "-I",
            "-S",
            "-B",
            "-c",
            f"import sys; sys.path[:0] = [{str(copied / 'src')!r}]; {BUILD}",
        ],
        capture_output=True,
        check=True,
        env=strange,
        cwd=tmp_path,
        umask=0o077,
    )
    assert digest(ran.stdout) == digest(build())


def _rewrite(source: str, target: str) -> None:
    """Copy a file with Windows' line ends, another time and other permissions."""
    content = Path(source).read_bytes()
    if source.endswith(".py"):
        content = content.replace(b"\n", b"\r\n")
    Path(target).write_bytes(content)
    os.utime(target, (1, 1))
    Path(target).chmod(0o600)


def test_other_settings_are_another_package() -> None:
    assert digest(build()) != digest(build(INSTALLED))


def test_the_command_writes_it_and_tells_its_digest(fguard: Fguard) -> None:
    ran = fguard("macro", "build", "--without-settings", "-o", "macro.zip", "--json")
    assert ran.exit_code == 0
    content = (fguard.folder / "macro.zip").read_bytes()
    assert content == build()
    assert ran.document == {
        "schema": "fguard.macro/v1",
        "exit_code": 0,
        "package": "macro.zip",
        "bytes": len(content),
        "sha256": digest(content),
        "handler": "handler.handler",
    }


def test_the_command_puts_the_asked_settings_in(fguard: Fguard) -> None:
    asked = ("--orchestrator-host", "nlb.internal", "--ignore-container", "log*", "--image-lookup", "--strict")
    assert fguard("macro", "build", *asked).exit_code == 0
    found = describe((fguard.folder / "fguard-macro.zip").read_bytes()).settings
    assert found.agent["orchestrator_host"] == "nlb.internal"
    assert found.ignore_where_present == ("log*",)
    assert (found.image_lookup, found.strict) == (True, True)


def test_settings_that_are_not_complete_build_nothing(fguard: Fguard) -> None:
    ran = fguard("macro", "build")
    assert ran.exit_code == 64
    assert "the orchestrator's host is missing" in ran.stderr
    assert not (fguard.folder / "fguard-macro.zip").exists()
    assert "--image-lookup" in fguard("macro", "build", "--orchestrator-host", "x", "--pin-digests").stderr

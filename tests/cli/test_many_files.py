"""Many files at once: several processes share them, and nobody can tell from the outcome."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fguard_process import Fguard

ON_ONE_PROCESSOR = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from fargate_guard.cli.process import main
main()
"""
HOST = ("--orchestrator-host", "orchestrator.internal")
FILES = 120


def definition(name: str) -> dict[str, Any]:
    container = {"name": name, "image": "nginx:1.27", "entryPoint": ["nginx"]}
    return {"family": name, "networkMode": "awsvpc", "containerDefinitions": [container], "newField": 1.50}


@pytest.fixture
def folder(fguard: Fguard) -> Path:
    """Many task definitions, in an otherwise empty folder."""
    folder = fguard.folder / "definitions"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:03}.json").write_text(json.dumps(definition(f"web-{number}"), indent=number % 5))
    return folder


def on_one_processor(fguard: Fguard, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ON_ONE_PROCESSOR, *arguments],
        cwd=fguard.folder,
        env=fguard.full_environ(),
        capture_output=True,
        text=True,
        check=False,
    )


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()} if folder.exists() else {}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "options",
    [
        ("--output-dir", "out"),
        ("--output-dir", "out", "--json"),
        ("--diff",),
        ("--check", "--format", "sarif"),
        ("--output-dir", "out", "--strict"),
        ("--output-dir", "out", "--ignore-container", "web-110"),
    ],
    ids=" ".join,
)
def test_the_outcome_is_that_of_one_process(fguard: Fguard, options: tuple[str, ...]) -> None:
    arguments = ("instrument", "definitions", *HOST, *options)
    alone = on_one_processor(fguard, *arguments)
    written_alone = written(fguard.folder / "out")
    shutil.rmtree(fguard.folder / "out", ignore_errors=True)
    ran = fguard(*arguments)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (alone.returncode, alone.stdout, alone.stderr)
    assert written(fguard.folder / "out") == written_alone


def test_refused_and_passed_over_files_are_told_in_their_order(fguard: Fguard, folder: Path) -> None:
    for number in (5, 100):
        container = {"name": "web", "image": "nginx:1.27", "portMappings": [{"containerPort": 32000}]}
        (folder / f"{number:03}.json").write_text(json.dumps({"containerDefinitions": [container]}))
        (folder / f"{number + 1:03}.json").write_text('{"kind": "Deployment"')
    arguments = ("instrument", "definitions", *HOST, "--offline", "--output-dir", "out")
    alone, ran = on_one_processor(fguard, *arguments), fguard(*arguments)
    assert ran.exit_code == alone.returncode == 4
    assert (ran.stdout, ran.stderr) == (alone.stdout, alone.stderr)
    assert ran.stderr.index("005.json") < ran.stderr.index("100.json")
    assert not written(fguard.folder / "out")


def test_undoing_gives_every_file_back(fguard: Fguard, folder: Path) -> None:
    before = written(folder)
    assert fguard("instrument", "definitions", *HOST, "--in-place").exit_code == 0
    assert written(folder) != before
    assert fguard("uninstrument", "definitions", "--in-place").exit_code == 0
    assert written(folder) == before


def template(*, refused: tuple[int, ...] = ()) -> dict[str, Any]:
    resources = {}
    for number in range(60):
        container: dict[str, Any] = {
            "Name": f"web-{number}",
            "Image": {"Fn::Sub": "nginx:${Tag}"},
            "EntryPoint": ["nginx"],
        }
        if number in refused:
            container["PortMappings"] = [{"ContainerPort": 32000}]
        properties = {"RequiresCompatibilities": ["FARGATE"], "ContainerDefinitions": [container]}
        resources[f"Task{number}"] = {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}
    return {"Parameters": {"Tag": {"Type": "String"}}, "Resources": resources}


@pytest.mark.parametrize("refused", [(), (59,), (3, 40)])
@pytest.mark.parametrize("options", [(), ("--json",), ("--ignore-container", "web-50")], ids=" ".join)
def test_a_large_template_is_that_of_one_process(
    fguard: Fguard, refused: tuple[int, ...], options: tuple[str, ...]
) -> None:
    (fguard.folder / "app.json").write_text(json.dumps(template(refused=refused), indent=2))
    arguments = ("instrument", "app.json", *HOST, *options)
    alone, ran = on_one_processor(fguard, *arguments), fguard(*arguments)
    assert ran.exit_code == alone.returncode == (4 if refused else 0)
    assert (ran.stdout, ran.stderr) == (alone.stdout, alone.stderr)


@pytest.mark.usefixtures("folder")
def test_ctrl_c_ends_all_processes_and_leaves_nothing_behind(fguard: Fguard) -> None:
    names = [f"definitions/{number:03}.json" for number in range(FILES)]
    os.mkfifo(fguard.folder / "slow.json")
    running = fguard.start("instrument", *names, "slow.json", *HOST, "--output-dir", "out")
    wait_until(lambda: len(written(fguard.folder / "out")) == FILES, "all new files beside their targets")
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    assert not written(fguard.folder / "out")
    with pytest.raises(OSError, match=r"slow\.json") as nobody_reads:
        os.open(fguard.folder / "slow.json", os.O_WRONLY | os.O_NONBLOCK)
    assert nobody_reads.value.errno == errno.ENXIO

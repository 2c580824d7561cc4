"""``fguard explain``: what is instrumented, in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cli.definitions import FLAGS, TEMPLATE, WEB

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.definitions import Run

BY_THE_REFERENCE = {
    **WEB,
    "pidMode": "task",
    "containerDefinitions": [
        {
            "name": "web",
            "image": "nginx:1.27",
            "entryPoint": ["/opt/draios/bin/instrument"],
            "command": ["/docker-entrypoint.sh", "nginx"],
            "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}},
            "volumesFrom": [{"sourceContainer": "SysdigInstrumentation", "readOnly": True}],
        },
        {
            "name": "SysdigInstrumentation",
            "image": "quay.io/sysdig/workload-agent:5.0.0",
            "entryPoint": ["/opt/draios/bin/logwriter"],
            "environment": [
                {"name": "SYSDIG_ORCHESTRATOR", "value": "agent.internal"},
                {"name": "SYSDIG_ORCHESTRATOR_PORT", "value": "6667"},
            ],
        },
    ],
}


def test_before_and_after(run: Run) -> None:
    before = run("explain", "web.json")
    assert before.exit_code == 0
    assert before.stdout.startswith("web.json (task definition)\n  Instrumented: nobody\n")
    assert "web: not instrumented" in before.stdout
    assert "      runs /docker-entrypoint.sh nginx -g 'daemon off; # ü'\n" in before.stdout
    run("instrument", "web.json", *FLAGS, "--in-place")
    after = run("explain", "web.json").stdout
    assert "  Instrumented: fguard\n" in after
    assert "Agent:        5.0.1, quay.io/sysdig/workload-agent:5.0.1, in container SysdigInstrumentation" in after
    assert "Connects to:  orchestrator, orchestrator.internal:6667\n" in after
    assert "      runs /docker-entrypoint.sh nginx -g 'daemon off; # ü'\n" in after
    assert "uninstrument gives the exact original back." in after


def test_what_sysdigs_own_tools_made_is_told_with_what_undo_does_not_know(run: Run, folder: Path) -> None:
    (folder / "web.json").write_text(json.dumps(BY_THE_REFERENCE))
    told = run("explain", "web.json").stdout
    assert "Instrumented: Sysdig's Terraform provider or CloudFormation macro\n" in told
    assert "Agent:        5.0.0" in told
    assert "this is not certain:\n    $.containerDefinitions[0].entryPoint" in told
    (definition,) = json.loads(run("explain", "web.json", "--json").stdout)["definitions"]
    (task,) = definition["task_definitions"]
    assert task["agent"]["endpoint"] == "agent.internal:6667"
    assert task["containers"][0]["command"] == ["/docker-entrypoint.sh", "nginx"] or task["uncertain"]


def test_what_is_wrong_is_told(run: Run, folder: Path) -> None:
    broken = json.loads(json.dumps(BY_THE_REFERENCE))
    del broken["containerDefinitions"][0]["linuxParameters"]
    del broken["pidMode"]
    (folder / "web.json").write_text(json.dumps(broken))
    told = run("explain", "web.json").stdout
    assert "    lacks " in told
    assert "SYS_PTRACE" in told
    assert "error: " in told
    assert "pidMode" in told


def test_an_unknown_field_is_told(run: Run, folder: Path) -> None:
    (folder / "web.json").write_text(json.dumps({**WEB, "cpuu": "256"}))
    assert "  warning: $.cpuu: unknown field `cpuu`; did you mean `cpu`?" in run("explain", "web.json").stdout


def test_templates_are_told_by_logical_id_and_folders_file_by_file(run: Run, folder: Path) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE)
    (folder / "package.json").write_text("{}")
    ran = run("explain", ".")
    assert "./stack.yaml (CloudFormation template)\n  Shop\n    Instrumented: nobody\n" in ran.stdout
    assert "./web.json (task definition)" in ran.stdout
    assert "package.json: skipped" in ran.stderr


def test_what_is_no_task_definition_is_exit_64(run: Run, folder: Path) -> None:
    (folder / "package.json").write_text("{}")
    ran = run("explain", "package.json")
    assert ran.exit_code == 64
    assert "package.json: $" in ran.stderr

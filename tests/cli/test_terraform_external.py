"""``fguard instrument --format terraform-external``: Terraform's protocol, and Terraform itself with the answer.

The ``external`` provider is in no package index that the tests use: :func:`external_provider` stands in for it, as
strict as its page says: https://registry.terraform.io/providers/hashicorp/external/latest/docs/data-sources/external
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.terraform.engine import find_engine
from fargate_guard.terraform.providers import find_provider_source

if TYPE_CHECKING:
    from fargate_guard.sandbox import Sandbox
    from tests.fguard_process import Fguard

EXAMPLE = Path(__file__).parents[2] / "examples" / "terraform-external" / "main.tf"
CONTAINERS = [{"name": "web", "image": "nginx:1.27", "entryPoint": ["/docker-entrypoint.sh"], "command": ["ü"]}]
FLAGS = ("--agent-version", "5.0.1", "--orchestrator-host", "orchestrator.internal")


def ask(fguard: Fguard, query: object, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the program as the provider does: without a shell, the query on standard input."""
    text = query if isinstance(query, str) else json.dumps(query)
    return run_program(fguard, ["fguard", "instrument", "--format", "terraform-external", *FLAGS, *flags], text)


def run_program(fguard: Fguard, program: list[str], text: str) -> subprocess.CompletedProcess[str]:
    assert program[0] == "fguard"
    return subprocess.run(
        [*fguard.command, *program[1:]],
        cwd=fguard.folder,
        env=fguard.full_environ(),
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def answer(fguard: Fguard, query: object, *flags: str) -> dict[str, str]:
    return strings_of(ask(fguard, query, *flags))


def strings_of(ran: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What the provider takes for an answer: exit status zero, and an object of strings as all of the output."""
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    assert all(isinstance(value, str) for value in found.values()), "Terraform takes strings only"
    return found


def external_provider(fguard: Fguard, program: Any, query: Any) -> dict[str, str]:
    """What the data source gives for its two arguments, as Terraform evaluated them."""
    assert all(isinstance(word, str) for word in program), "a list of strings"
    assert all(isinstance(value, str) for value in query.values()), "a map of strings"
    return strings_of(run_program(fguard, program, json.dumps(query)))


def test_containers_go_in_and_instrumented_ones_come_out(fguard: Fguard) -> None:
    query = {"container_definitions": json.dumps(CONTAINERS)}
    found = answer(fguard, query)
    web, sidecar = json.loads(found["container_definitions"])
    assert web["entryPoint"] == ["/opt/draios/bin/instrument", "/docker-entrypoint.sh"]
    assert web["command"] == ["ü"]
    assert sidecar["name"] == "SysdigInstrumentation"
    assert (found["pid_mode"], found["changed"], found["warnings"]) == ("task", "true", "")
    assert ask(fguard, query).stdout == ask(fguard, query).stdout, "the same answer in every plan"


def test_what_is_instrumented_is_not_changed(fguard: Fguard) -> None:
    first = answer(fguard, {"container_definitions": json.dumps(CONTAINERS)})
    again = answer(fguard, {"container_definitions": first["container_definitions"], "pid_mode": "task"})
    assert again["changed"] == "false"
    assert json.loads(again["container_definitions"]) == json.loads(first["container_definitions"])


def test_the_task_around_the_containers_is_checked(fguard: Fguard) -> None:
    windows = {"operating_system_family": "WINDOWS_SERVER_2022_CORE"}
    ran = ask(fguard, {"container_definitions": json.dumps(CONTAINERS), **windows})
    assert (ran.returncode, ran.stdout) == (4, "")
    assert "Windows tasks cannot be instrumented" in ran.stderr


def test_a_refusal_is_on_standard_error_and_the_program_fails(fguard: Fguard) -> None:
    query = {"container_definitions": '[{"name": "web", "image": "nginx"}]', "cpu_architecture": "ARM64"}
    ran = ask(fguard, query, "--offline")
    assert (ran.returncode, ran.stdout) == (4, "")
    assert "$.containerDefinitions[0].image (nginx)" in ran.stderr


def test_warnings_are_an_answer_too_since_terraform_hides_messages(fguard: Fguard) -> None:
    containers = [{**CONTAINERS[0], "readonlyRootFilesystem": True}]
    found = answer(fguard, {"container_definitions": json.dumps(containers)})
    assert "readonlyRootFilesystem" in found["warnings"]
    assert ask(fguard, {"container_definitions": json.dumps(containers)}, "--strict").returncode == 4


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "not what Terraform's external data source writes"),
        ("[]", "not an object of strings"),
        ({"container_definitions": 1}, "not an object of strings"),
        ({}, "container_definitions is missing"),
        ({"container_definitions": "{}"}, "not a JSON array"),
        ({"container_definitions": "[1 2]"}, "line 1, column 4"),
        ({"container_definition": "[]"}, "did you mean 'container_definitions'?"),
    ],
)
def test_another_query_is_wrong_usage(fguard: Fguard, query: object, message: str) -> None:
    ran = ask(fguard, query)
    assert (ran.returncode, ran.stdout) == (64, "")
    assert message in ran.stderr


def test_files_and_outputs_do_not_go_with_it(fguard: Fguard) -> None:
    for flags in (("web.json",), ("--output", "x"), ("--json",)):
        assert ask(fguard, {"container_definitions": "[]"}, *flags).returncode == 64


@pytest.mark.long
def test_terraform_plans_and_applies_the_example_with_the_answer(fguard: Fguard, sandbox: Sandbox) -> None:
    """Terraform makes program and query, and takes the answer, with the example's own expressions."""
    text = EXAMPLE.read_text(encoding="utf-8")
    block = re.search(r'data "external" "instrumented" \{.*?\n\}\n', text, re.DOTALL)
    provider = re.search(r"    external = \{.*?\n    \}\n", text, re.DOTALL)
    assert block
    assert provider
    program = re.search(r"  program = (\[.*?\n  \])\n", block[0], re.DOTALL)
    query = re.search(r"  query = (\{.*?\n  \})\n", block[0], re.DOTALL)
    assert program
    assert query
    text = text.replace(provider[0], "").replace("data.external.instrumented.result", "var.answer")
    stand_in = 'variable "answer" { type = map(string) }\n' + "\n".join(
        f'output "{name}" {{ value = {value[1]} }}' for name, value in (("program", program), ("query", query))
    )
    text = text.replace(block[0], stand_in)
    terraform = Terraform(fguard, sandbox, text)
    no_answer = {
        "container_definitions": '[{"name": "none", "image": "none"}]',
        "pid_mode": "task",
        "warnings": "",
    }
    asked = terraform.planned_outputs(no_answer)
    found = external_provider(fguard, asked["program"], asked["query"])
    assert terraform.planned_outputs(found)["warnings"] == found["warnings"]
    terraform.run("apply", "-auto-approve", "-input=false")
    assert "No changes." in terraform.run("plan", "-input=false")
    (family,) = terraform.ecs(sandbox)
    assert family["pidMode"] == "task"
    assert family["containerDefinitions"][0]["entryPoint"][0] == "/opt/draios/bin/instrument"


class Terraform:
    """The real Terraform and the real AWS provider on one file."""

    def __init__(self, fguard: Fguard, sandbox: Sandbox, text: str) -> None:
        self.folder = fguard.folder
        (self.folder / "main.tf").write_text(text)
        engine = find_engine(None, os.environ)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
        self.environ = {**inherited, **sandbox.environment(), "TF_VAR_orchestrator_host": "orchestrator.internal"}
        self.command = engine.command
        source = find_provider_source(engine, os.environ, working_dir=self.folder)
        self.run("init", "-input=false", *([f"-plugin-dir={source.plugin_dir}"] if source.plugin_dir else []))

    def run(self, *arguments: str) -> str:
        ran = subprocess.run(
            [*self.command, *arguments, *(["-no-color"] if arguments[0] != "show" else [])],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{arguments}:\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def planned_outputs(self, answered: dict[str, str]) -> dict[str, Any]:
        (self.folder / "terraform.tfvars.json").write_text(json.dumps({"answer": answered}))
        self.run("plan", "-input=false", "-out", "plan")
        planned = json.loads(self.run("show", "-json", "plan"))["planned_values"]["outputs"]
        return {name: output.get("value") for name, output in planned.items()}

    @staticmethod
    def ecs(sandbox: Sandbox) -> list[dict[str, Any]]:
        from fargate_guard.aws.session import Aws
        from fargate_guard.aws.task_definitions import described

        found = described(Aws(environ=sandbox.environment()), "web")
        assert found
        return [found["taskDefinition"]]

"""What ``fguard instrument`` reads: folders, patterns, YAML, templates, and what ECS has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.cli.definitions import FLAGS, WEB, instrumented, variables

if TYPE_CHECKING:
    from fargate_guard.sandbox import Sandbox
    from tests.cli.definitions import Run

YAML = """\
# The shop's front.
family: shop
requiresCompatibilities: [FARGATE]   # and nothing else
networkMode: awsvpc
containerDefinitions:
  - name: shop
    image: "shop:1.2"
    entryPoint: ['/shop']
"""
TEMPLATE = """\
Parameters:
  Version: {Type: String}
Resources:
  Shop:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      ContainerDefinitions:
        - Name: shop # the front
          Image: !Sub "shop:${Version}"
          EntryPoint: [/shop]
"""


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def services(folder: Path) -> Path:
    """``services/`` with three task definitions, and files that are something else."""
    files = {
        "services/a/task.json": json.dumps(WEB),
        "services/a/package.json": '{"name": "a", "version": "1.0.0"}',
        "services/b/task.yaml": YAML,
        "services/b/deployment.yml": "apiVersion: apps/v1\nkind: Deployment\n",
        "services/b/notes.md": "no JSON",
        "services/node_modules/task.json": json.dumps(WEB),
        "services/c/template.yaml": TEMPLATE,
        "services/.cache/task.json": json.dumps(WEB),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "services/b/utf16.json").write_bytes('{"a": 1}'.encode("utf-16"))
    return folder


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_goes_to_the_same_places_and_what_is_none_is_named(run: Run, services: Path) -> None:
    ran = run("instrument", "services", *FLAGS, "--output-dir", "out")
    assert ran.exit_code == 0, ran.stderr
    assert files_below(services / "out") == ["a/task.json", "b/task.yaml", "c/template.yaml"]
    assert "services/a/package.json: skipped: valid JSON but no container definitions" in ran.stderr
    assert "services/b/deployment.yml: skipped: this is a Kubernetes Deployment" in ran.stderr
    assert "services/b/utf16.json: skipped: the file is not UTF-8 text" in ran.stderr
    assert ".cache" not in ran.stderr
    instrumented((services / "out/a/task.json").read_text())
    assert "/opt/draios/bin/instrument" in (services / "out/b/task.yaml").read_text()


def test_results_in_the_folder_itself_are_not_taken_for_inputs(run: Run, services: Path) -> None:
    for _ in range(2):
        assert run("instrument", "services", *FLAGS, "--output-dir", "services/out").exit_code == 0
    assert files_below(services / "services/out") == ["a/task.json", "b/task.yaml", "c/template.yaml"]


def test_a_pattern_that_the_shell_left_alone(run: Run, services: Path) -> None:
    ran = run("instrument", "services/[ab]/task.*", *FLAGS, "--output-dir", "out")
    assert ran.exit_code == 0, ran.stderr
    assert files_below(services / "out") == ["a/task.json", "b/task.yaml"]
    for pattern in ("services/**/*.json", "services/a**/**/*.json", "serv**/**"):
        assert run("instrument", pattern, *FLAGS, "--check").exit_code == 2


@pytest.mark.timeout(60)
def test_links_that_lead_round_show_no_file_twice_to_a_pattern(run: Run, services: Path) -> None:
    (services / "services/b/up").symlink_to("..")
    (services / "services/again").symlink_to("b")
    ran = run("instrument", "services/**/task.*", *FLAGS, "--output-dir", "out")
    assert ran.exit_code == 0, ran.stderr
    assert files_below(services / "out") == ["a/task.json", "b/task.yaml", "node_modules/task.json"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_what_powershell_wrote_is_told_how_to_save(run: Run, folder: Path, encoding: str) -> None:
    (folder / "web.json").write_bytes(("\ufeff" + json.dumps(WEB)).encode(encoding))
    ran = run("instrument", "web.json", *FLAGS)
    assert ran.exit_code == 64
    assert "UTF-16" in ran.stderr
    assert "| Out-File -Encoding utf8" in ran.stderr


@pytest.mark.parametrize(
    ("arn", "what", "fix"),
    [
        ("ecs:us-east-1:123456789012:service/prod/web", "ecs (service)", "describe-services"),
        ("ecs:us-east-1:123456789012:task/prod/0123", "ecs (task)", "describe-tasks"),
        ("ecs:us-east-1:123456789012:cluster/prod", "ecs (cluster)", "family:revision"),
        ("s3:::templates/web.json", "s3 (templates)", "family:revision"),
    ],
)
def test_an_arn_of_something_else_is_named(run: Run, arn: str, what: str, fix: str) -> None:
    ran = run("instrument", f"arn:aws:{arn}", *FLAGS)
    assert ran.exit_code == 64
    assert f"an ARN of {what}" in ran.stderr
    assert fix in ran.stderr


def test_what_is_no_task_definition_is_an_error_where_it_is_named_or_alone(run: Run, services: Path) -> None:
    named = run("instrument", "services/a/task.json", "services/a/package.json", *FLAGS, "--check")
    assert named.exit_code == 64
    assert "services/a/package.json" in named.stderr
    (services / "services/a/task.json").unlink()
    alone = run("instrument", "services/a", *FLAGS, "--check")
    assert alone.exit_code == 64
    assert "none of these files holds a task definition" in alone.stderr


def test_a_folder_is_changed_in_place_and_comes_back_byte_for_byte(run: Run, services: Path) -> None:
    before = {name: (services / name).read_bytes() for name in files_below(services)}
    assert run("instrument", "services", *FLAGS, "--in-place").exit_code == 0
    assert (services / "services/b/task.yaml").read_bytes() != before["services/b/task.yaml"]
    assert run("uninstrument", "services", "--in-place").exit_code == 0
    assert {name: (services / name).read_bytes() for name in files_below(services)} == before


def test_yaml_stays_yaml_with_its_comments(run: Run, folder: Path) -> None:
    (folder / "shop.yaml").write_text(YAML)
    out = run("instrument", "shop.yaml", *FLAGS).stdout
    assert "# The shop's front.\n" in out
    assert "requiresCompatibilities: [FARGATE]   # and nothing else\n" in out
    assert "entryPoint: ['/opt/draios/bin/instrument', '/shop']\n" in out
    assert run("uninstrument", "-", stdin=out).stdout == YAML


def test_a_template_is_instrumented_and_its_containers_have_a_resource(run: Run, folder: Path) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE)
    ran = run("instrument", "stack.yaml", *FLAGS)
    assert "stack.yaml: Shop: container shop: instrumented" in ran.stderr
    assert 'Image: !Sub "shop:${Version}"\n' in ran.stdout
    document = json.loads(run("instrument", "stack.yaml", *FLAGS, "--json").stdout)
    (definition,) = document["definitions"]
    assert (definition["shape"], definition["syntax"]) == ("CloudFormation template", "yaml")
    assert definition["containers"][0]["resource"] == "Shop"
    assert run("uninstrument", "-", stdin=ran.stdout).stdout == TEMPLATE


def test_the_parameter_of_a_template_says_which_image_it_is(run: Run, folder: Path) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE.replace("          EntryPoint: [/shop]\n", ""))
    unknown = run("instrument", "stack.yaml", *FLAGS)
    assert unknown.exit_code == 4
    assert "--parameter" in unknown.stderr
    offline = run("instrument", "stack.yaml", *FLAGS, "--parameter", "Version=1.2")
    assert offline.exit_code == 4
    assert "(shop:1.2)" in offline.stderr


def test_every_refusal_of_a_template_is_told_by_itself(run: Run, folder: Path) -> None:
    refused = TEMPLATE.replace("          EntryPoint: [/shop]\n", "")
    (folder / "stack.yaml").write_text(refused + refused.partition("Resources:\n")[2].replace("Shop:", "Till:"))
    ran = run("instrument", "stack.yaml", *FLAGS)
    assert ran.exit_code == 4
    assert "where  stack.yaml: $.Resources.Shop.Properties.ContainerDefinitions[0]" in ran.stderr
    assert "where  stack.yaml: $.Resources.Till.Properties.ContainerDefinitions[0]" in ran.stderr


def test_a_container_to_leave_out_may_be_in_any_of_the_files(run: Run, folder: Path) -> None:
    write(folder, **{"stack.yaml": TEMPLATE, "shop.yaml": YAML})
    files = ("web.json", "stack.yaml", "shop.yaml", *FLAGS, "--check")
    ran = run("instrument", *files, "--ignore-container", "shop", "--ignore-container", "none*")
    assert ran.exit_code == 2
    assert "Shop: container shop: not instrumented (left out" in ran.stderr
    assert "no container fits the pattern none*" in ran.stderr
    assert run("instrument", *files, "--ignore-container", "shp").exit_code == 4


def test_an_unknown_field_is_a_warning_with_the_nearest_one_and_strict_refuses_it(run: Run, folder: Path) -> None:
    definition = {**WEB, "containerDefinitions": [{**WEB["containerDefinitions"][0], "enviroment": []}]}
    (folder / "web.json").write_text(json.dumps(definition))
    ran = run("instrument", "web.json", *FLAGS)
    assert ran.exit_code == 0
    assert "web.json: $.containerDefinitions[0].enviroment: unknown field" in ran.stderr
    assert "`environment`" in ran.stderr
    assert instrumented(ran.stdout)["containerDefinitions"][0]["enviroment"] == []
    strict = run("instrument", "web.json", *FLAGS, "--strict", "--in-place")
    assert strict.exit_code == 4
    assert json.loads((folder / "web.json").read_text()) == definition


# What ECS has.


@pytest.fixture(scope="module")
def registered(sandbox: Sandbox) -> str:
    """``web:2``, with a tag; its ARN."""
    ecs = client(sandbox)
    ecs.register_task_definition(**WEB)
    tags = [{"key": "team", "value": "shop"}]
    found = ecs.register_task_definition(**{**WEB, "cpu": "512", "memory": "1024", "tags": tags})
    return str(found["taskDefinition"]["taskDefinitionArn"])


def online(sandbox: Sandbox) -> dict[str, str]:
    return {**sandbox.environment(), "FGUARD_OFFLINE": "0"}


def client(sandbox: Sandbox) -> Any:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    return boto3.client("ecs", endpoint_url=sandbox.endpoint, region_name="us-east-1", **keys)


@pytest.mark.parametrize("name", ["live", "live:2", "the ARN"])
def test_a_task_definition_is_read_from_ecs_with_its_tags(
    run: Run, folder: Path, sandbox: Sandbox, registered: str, name: str
) -> None:
    (folder / "web.json").unlink()  # a name that is a file is a file
    name = registered if name == "the ARN" else name.replace("live", "web")
    ran = run("instrument", name, *FLAGS, environ=online(sandbox))
    assert ran.exit_code == 0, ran.stderr
    assert "reading the task definition from ECS" in ran.stderr
    document = json.loads(ran.stdout)
    assert document["taskDefinition"]["revision"] == 2
    assert document["tags"] == [{"key": "team", "value": "shop"}]
    assert variables(document["taskDefinition"])["SYSDIG_ORCHESTRATOR"] == "orchestrator.internal"


def test_what_is_read_from_ecs_can_be_registered_again(
    run: Run, folder: Path, sandbox: Sandbox, registered: str
) -> None:
    flags = ("--for-registration", "-o", "new.json")
    ran = run("instrument", registered, *FLAGS, *flags, environ=online(sandbox))
    assert ran.exit_code == 0, ran.stderr
    definition = instrumented((folder / "new.json").read_text(encoding="utf-8"))
    assert not {"taskDefinitionArn", "revision", "status", "registeredAt"} & definition.keys()
    made = client(sandbox).register_task_definition(**{**definition, "family": "again"})
    assert made["taskDefinition"]["pidMode"] == "task"
    assert made["tags"] == [{"key": "team", "value": "shop"}]


def test_several_of_ecs_go_to_a_folder_by_their_names(run: Run, folder: Path, sandbox: Sandbox) -> None:
    for family in ("front", "back"):
        client(sandbox).register_task_definition(**{**WEB, "family": family})
    ran = run("instrument", "front:1", "back", *FLAGS, "--output-dir", "out", environ=online(sandbox))
    assert ran.exit_code == 0, ran.stderr
    assert files_below(folder / "out") == ["back.json", "front-1.json"]


def test_nothing_but_the_task_definition_is_asked_of_aws(run: Run, sandbox: Sandbox, registered: str) -> None:
    sandbox.take_calls()
    for command in (("instrument", *FLAGS), ("uninstrument",), ("explain",), ("images",)):
        assert run(*command[:1], registered, *command[1:], environ=online(sandbox)).exit_code == 0
    text = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text(encoding="utf-8")
    assert sandbox.take_calls() == set(text.split("\n## instrument\n", 1)[1].split("```")[1].split())


def test_what_is_neither_a_file_nor_in_ecs_is_told_as_both(run: Run, sandbox: Sandbox) -> None:
    ran = run("instrument", "nowhere", *FLAGS, environ=online(sandbox))
    assert ran.exit_code == 64
    assert "no such file, and no such task definition in ECS" in ran.stderr
    assert "us-east-1" in ran.stderr


def test_uninstrument_and_explain_read_from_ecs_too(run: Run, sandbox: Sandbox) -> None:
    definition = {**instrumented(run("instrument", "web.json", *FLAGS).stdout), "family": "watched"}
    client(sandbox).register_task_definition(**definition)
    told = run("explain", "watched", environ=online(sandbox))
    assert "instrumented by fguard" in told.stdout
    undone = json.loads(run("uninstrument", "watched:1", environ=online(sandbox)).stdout)
    assert [one["name"] for one in undone["taskDefinition"]["containerDefinitions"]] == ["web"]


@pytest.mark.parametrize("command", [("instrument", *FLAGS), ("images",)])
def test_offline_asks_ecs_for_nothing(
    run: Run, sandbox: Sandbox, registered: str, command: tuple[str, ...]
) -> None:
    sandbox.take_calls()
    ran = run(command[0], registered, *command[1:], "--offline", environ=sandbox.environment())
    assert ran.exit_code == 64
    assert "there is no such file, and with --offline ECS is not asked" in ran.stderr
    assert f"--task-definition {registered}" in ran.stderr
    assert not sandbox.take_calls()

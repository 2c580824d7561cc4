"""``--entrypoint`` and ``--command``: for whom they are, and how much they must tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.definitions import FLAGS, TEMPLATE, WEB
from tests.images.front import Front, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.sandbox import Sandbox
    from tests.cli.definitions import Run


def both(container: str) -> tuple[str, ...]:
    return ("--entrypoint", f'{container}=["/a"]', "--command", f"{container}=[]")


@pytest.mark.parametrize("command", [("instrument", *FLAGS), ("images",)])
def test_an_answer_for_a_container_that_is_not_there_is_refused_with_the_nearest(
    run: Run, command: tuple[str, ...]
) -> None:
    ran = run(command[0], "web.json", *command[1:], *both("wbe"))
    assert ran.exit_code == 4
    assert "there is no container wbe to answer for: --entrypoint and --command" in ran.stderr
    assert "did you mean web?" in ran.stderr
    half = run(command[0], "web.json", *command[1:], *both("nobody")[:2])
    assert half.exit_code == 4
    assert "there is no container nobody to answer for: --entrypoint\n" in half.stderr


@pytest.mark.parametrize("flag", ["--entrypoint", "--command"])
def test_two_answers_for_one_container_are_wrong_usage(run: Run, flag: str) -> None:
    ran = run("instrument", "web.json", *FLAGS, *both("web"), flag, 'web=["/b"]')
    assert ran.exit_code == 64
    assert f"{flag} is given twice for web" in ran.stderr


@pytest.mark.parametrize(("container", "exit_code"), [("shop", 0), ("Shop/shop", 0), ("Till/shop", 4), ("web", 4)])
def test_in_a_template_a_container_may_have_its_resource_before_it(
    run: Run, folder: Path, container: str, exit_code: int
) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE)
    for command in (("instrument", *FLAGS), ("images",)):
        assert run(command[0], "stack.yaml", *command[1:], *both(container)).exit_code == exit_code


@pytest.mark.parametrize(("first", "second"), [("shop", "Shop/shop"), ("Shop/shop", "shop")])
def test_the_two_halves_of_an_answer_may_name_the_container_each_its_own_way(
    run: Run, folder: Path, first: str, second: str
) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE.replace(", EntryPoint: [/shop]", ""))
    answers = ("--entrypoint", f'{first}=["/a"]', "--command", f'{second}=["-x"]')
    assert run("instrument", "stack.yaml", *FLAGS, *answers).exit_code == 0
    ran = run("images", "stack.yaml", *answers)
    assert ran.exit_code == 0, ran.stderr
    assert 'ENTRYPOINT ["/a"]' in ran.stdout
    assert 'CMD        ["-x"]' in ran.stdout


def test_a_container_whose_name_only_the_deployed_template_has_may_be_meant(run: Run, folder: Path) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE.replace("Name: shop", "Name: !Ref AWS::StackName"))
    assert run("instrument", "stack.yaml", *FLAGS, *both("shop")).exit_code == 0


def test_one_of_several_files_is_enough(run: Run, folder: Path) -> None:
    (folder / "stack.yaml").write_text(TEMPLATE)
    assert run("instrument", "stack.yaml", "web.json", *FLAGS, "--check", *both("web")).exit_code == 2
    assert run("instrument", "stack.yaml", "web.json", *FLAGS, "--check", *both("none")).exit_code == 4


@pytest.mark.parametrize("answer", [("--entrypoint", 'web=["/a"]'), ("--command", 'web=["/a"]')])
def test_half_an_answer_is_enough_where_nothing_has_to_be_known(run: Run, answer: tuple[str, str]) -> None:
    ran = run("instrument", "web.json", *FLAGS, *answer)
    assert ran.exit_code == 0, ran.stderr
    assert "/docker-entrypoint.sh" in ran.stdout


def test_what_comes_from_an_answer_is_told_once(run: Run, folder: Path) -> None:
    container = {"name": "web", "image": "web:1"}
    (folder / "web.json").write_text(json.dumps({**WEB, "containerDefinitions": [container]}))
    told = run("instrument", "web.json", *FLAGS, *both("web")).stderr
    assert "web.json: container web: instrumented (runs what the image says" in told


def test_half_an_answer_names_the_file_of_several_that_needs_the_other_half(run: Run, folder: Path) -> None:
    for name, more in {"whole.json": {"command": ["serve"]}, "half.json": {}}.items():
        container = {"name": "web", "image": "web:1", **more}
        (folder / name).write_text(json.dumps({**WEB, "containerDefinitions": [container]}))
    before = (folder / "whole.json").read_bytes()
    answer = ("--entrypoint", 'web=["/a"]')

    ran = run("instrument", "whole.json", "web.json", "half.json", *FLAGS, *answer, "--in-place")

    assert ran.exit_code == 4
    assert "half.json: $.containerDefinitions[0].image" in ran.stderr
    assert "add --command web='[…]'" in ran.stderr
    assert (folder / "whole.json").read_bytes() == before
    assert run("instrument", "whole.json", "web.json", *FLAGS, *answer, "--in-place").exit_code == 0
    assert '"/opt/draios/bin/instrument"' in (folder / "whole.json").read_text()


def test_containers_of_one_image_with_different_credentials_have_their_own_reasons(
    run: Run, folder: Path, sandbox: Sandbox
) -> None:
    with Front() as registry:
        registry.rule = lambda _: Reply(401, headers={"WWW-Authenticate": 'Basic realm="the tests"'})
        image = f"{registry.host}/team/web:1"
        secret = {"credentialsParameter": "arn:aws:secretsmanager:us-east-1:123456789012:secret:gone-AbCdEf"}
        containers = [
            {"name": "open", "image": image},
            {"name": "locked", "image": image, "repositoryCredentials": secret},
        ]
        (folder / "web.json").write_text(json.dumps({**WEB, "containerDefinitions": containers}))
        environ = {**sandbox.environment(), "FGUARD_OFFLINE": "0", "DOCKER_CONFIG": str(folder)}
        ran = run("instrument", "web.json", *FLAGS, environ=environ)
    assert ran.exit_code == 4
    assert "container open: the registry wants credentials" in ran.stderr
    assert "container locked: the registry credentials of the task definition cannot be read" in ran.stderr


@pytest.mark.parametrize("command", [["serve"], None], ids=["the command is set", "it is not"])
def test_half_an_answer_for_an_image_under_a_condition(run: Run, folder: Path, command: list[str] | None) -> None:
    container = {"Name": "web", "Image": {"Fn::If": ["Blue", "web:1", "web:2"]}}
    properties = {
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "ContainerDefinitions": [{**container, "Command": command} if command else container],
    }
    template = {
        "Conditions": {"Blue": {"Fn::Equals": [{"Ref": "AWS::StackName"}, "blue"]}},
        "Resources": {"Web": {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}},
    }
    (folder / "template.json").write_text(json.dumps(template))
    ran = run("instrument", "template.json", *FLAGS, "--offline", "--entrypoint", 'web=["/mine"]')
    assert ran.exit_code == (0 if command else 4)
    assert ("add --command web=" in ran.stderr) is (command is None)

"""Containers whose image says what they run: asked of a real registry, of the cache, or answered by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.definitions import FLAGS, WEB, instrumented
from tests.images.registry import HTPASSWD, PASSWORD, USER, DockerRegistry, Pusher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.definitions import Run

ENTRY, COMMAND = ["/docker-entrypoint.sh"], ["nginx", "-g", "daemon off;"]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """A registry with ``team/nginx:1``, and an image that runs nothing by itself."""
    folder = tmp_path_factory.mktemp("registry")
    with DockerRegistry(folder / "registry", folder / "storage") as running:
        push = Pusher(running.host)
        push.image("team/nginx", {"Entrypoint": ENTRY, "Cmd": COMMAND})
        push.image("team/bare", {})
        yield running


@pytest.fixture(autouse=True)
def _online(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FGUARD_OFFLINE", "0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder / "docker"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def needing(image: str, **fields: Any) -> dict[str, Any]:
    """A task definition whose only container leaves to its image what it runs."""
    return {**WEB, "containerDefinitions": [{"name": "web", "image": image, **fields}]}


@pytest.fixture
def nginx(folder: Path, registry: DockerRegistry) -> str:
    """``web.json`` runs the image; its reference."""
    image = f"{registry.host}/team/nginx:1"
    (folder / "web.json").write_text(json.dumps(needing(image), indent=2))
    return image


@pytest.mark.usefixtures("nginx")
def test_the_registry_says_what_the_container_runs_and_undo_forgets_it(run: Run, folder: Path) -> None:
    ran = run("instrument", "web.json", *FLAGS)
    web = instrumented(ran.stdout)["containerDefinitions"][0]
    assert web["entryPoint"] == ["/opt/draios/bin/instrument", *ENTRY]
    assert web["command"] == COMMAND
    assert run("uninstrument", "-", stdin=ran.stdout).stdout == (folder / "web.json").read_text()


def test_a_command_of_its_own_keeps_the_images_entry_point(run: Run, folder: Path, nginx: str) -> None:
    (folder / "web.json").write_text(json.dumps(needing(nginx, entryPoint=[], command=["nginx", "-t"])))
    web = instrumented(run("instrument", "web.json", *FLAGS).stdout)["containerDefinitions"][0]
    assert web["entryPoint"] == ["/opt/draios/bin/instrument", *ENTRY]
    assert web["command"] == ["nginx", "-t"]


def test_images_of_all_files_are_asked_together_and_the_results_keep_their_order(
    run: Run, folder: Path, nginx: str
) -> None:
    (folder / "a.json").write_text(json.dumps(needing(nginx)))
    (folder / "b.json").write_text(json.dumps(WEB))
    (folder / "c.json").write_text(json.dumps(needing(nginx)))
    ran = run("instrument", "a.json", "b.json", "c.json", *FLAGS, "--json")
    definitions = json.loads(ran.stdout)["definitions"]
    assert [one["source"] for one in definitions] == ["a.json", "b.json", "c.json"]
    for one in definitions:
        instrumented(json.dumps(one["definition"]))


def test_one_unknown_image_leaves_every_file_as_it_is(run: Run, folder: Path, nginx: str) -> None:
    (folder / "missing.json").write_text(json.dumps(needing(nginx.replace("nginx", "missing"))))
    ran = run("instrument", "web.json", "missing.json", *FLAGS, "--in-place")
    assert ran.exit_code == 4
    assert "missing.json: $.containerDefinitions[0].image" in ran.stderr
    assert json.loads((folder / "web.json").read_text()) == needing(nginx)


def test_pinned_digests_are_written_and_undone(run: Run, folder: Path, nginx: str) -> None:
    ran = run("instrument", "web.json", *FLAGS, "--pin-digests")
    web = instrumented(ran.stdout)["containerDefinitions"][0]
    repository, _, digest = web["image"].partition("@")
    assert repository == nginx.removesuffix(":1")
    assert digest.startswith("sha256:")
    assert run("uninstrument", "-", stdin=ran.stdout).stdout == (folder / "web.json").read_text()
    offline = run("images", "-", "--offline", stdin=json.dumps(needing(web["image"])))
    assert offline.exit_code == 0, "what was inspected by digest is known for ever"


@pytest.mark.usefixtures("nginx")
def test_offline_a_tag_is_not_known(run: Run) -> None:
    ran = run("instrument", "web.json", *FLAGS, "--offline")
    assert ran.exit_code == 4
    assert "--offline opens no connection" in ran.stderr
    assert "--entrypoint web=" in ran.stderr


@pytest.mark.parametrize("option", ["--json", "--pin-digests"])
@pytest.mark.parametrize(
    "fields",
    [
        {"requiresCompatibilities": ["EC2"]},
        {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
        {"pidMode": "host"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_no_registry_is_asked_where_no_image_helps(
    run: Run, folder: Path, fields: dict[str, Any], option: str
) -> None:
    (folder / "web.json").write_text(json.dumps({**needing("web:1"), **fields}))
    ran = run("instrument", "web.json", *FLAGS, "--offline", option)
    assert ran.exit_code == 4
    assert f"web.json: $.{next(iter(fields))}" in ran.output
    assert "--offline" not in ran.output


@pytest.mark.usefixtures("nginx")
def test_answers_by_hand_ask_nobody(run: Run) -> None:
    answers = ("--entrypoint", 'web=["/mine"]', "--command", "web=[]")
    web = instrumented(run("instrument", "web.json", *FLAGS, "--offline", *answers).stdout)
    assert web["containerDefinitions"][0]["entryPoint"] == ["/opt/draios/bin/instrument", "/mine"]
    half = run("instrument", "web.json", *FLAGS, "--offline", *answers[:2])
    assert half.exit_code == 4
    assert "add --command web='[…]'" in half.stderr


def test_half_an_answer_is_enough_where_the_other_half_is_set(run: Run, folder: Path, nginx: str) -> None:
    (folder / "web.json").write_text(json.dumps(needing(nginx, command=["nginx"])))
    ran = run("instrument", "web.json", *FLAGS, "--offline", "--entrypoint", 'web=["/mine"]')
    assert instrumented(ran.stdout)["containerDefinitions"][0]["command"] == ["nginx"]


@pytest.mark.parametrize("answer", ["web", 'web=["/mine"', 'web="/mine"', "web=[1]", "=[]"])
def test_an_answer_that_is_no_array_of_strings_is_wrong_usage(run: Run, answer: str) -> None:
    ran = run("instrument", "web.json", *FLAGS, "--entrypoint", answer)
    assert ran.exit_code == 64
    assert "--entrypoint" in ran.stderr


def test_an_image_that_runs_nothing_is_refused(run: Run, folder: Path, registry: DockerRegistry) -> None:
    (folder / "web.json").write_text(json.dumps(needing(f"{registry.host}/team/bare:1")))
    ran = run("instrument", "web.json", *FLAGS)
    assert ran.exit_code == 4
    assert "web" in ran.stderr


def test_images_shows_what_runs_and_from_where(run: Run, folder: Path, nginx: str) -> None:
    (folder / "two.json").write_text(json.dumps(WEB))
    ran = run("images", "web.json", "two.json")
    assert ran.exit_code == 0
    assert f"web: {nginx} (X86_64)\n" in ran.stdout
    assert f"    ENTRYPOINT {json.dumps(ENTRY)}\n    CMD        {json.dumps(COMMAND)}\n" in ran.stdout
    assert "    from       registry\n" in ran.stdout
    assert ran.stdout.endswith("    from       task definition\n")
    again = run("images", "web.json")
    assert "    from       cache\n" in again.stdout
    document = json.loads(run("images", "web.json", "--json").stdout)
    (container,) = document["containers"]
    assert document["schema"] == "fguard.images/v1"
    assert (container["container"], container["known_from"]) == ("web", "cache")
    assert container["digest"].startswith("sha256:")


def test_images_shows_what_an_instrumented_container_runs_wherever_its_tag_leads_by_now(
    run: Run, folder: Path, registry: DockerRegistry
) -> None:
    push = Pusher(registry.host)
    push.image("team/moving", {"Entrypoint": ENTRY, "Cmd": COMMAND})
    (folder / "web.json").write_text(json.dumps(needing(f"{registry.host}/team/moving:1")))
    assert run("instrument", "web.json", *FLAGS, "--in-place").exit_code == 0
    now = push.image("team/moving", {"Entrypoint": ["/new"]})
    shown = f"    ENTRYPOINT {json.dumps(ENTRY)}\n    CMD        {json.dumps(COMMAND)}\n"
    ran = run("images", "web.json", "--offline")
    assert ran.exit_code == 0
    assert ran.stdout.endswith(f"{shown}    from       task definition\n")
    with_digest = run("images", "web.json", "--digests").stdout
    assert with_digest.endswith(f"{shown}    digest     {now}\n    from       task definition\n")


def test_images_asks_for_those_outcomes_of_a_template_only_that_leave_it_to_the_image(
    run: Run, folder: Path
) -> None:
    (folder / "stack.yaml").write_text(
        """\
Conditions: {Own: !Equals [!Ref "AWS::Region", eu-west-1]}
Resources:
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      ContainerDefinitions:
        - {Name: web, Image: "nginx:1", EntryPoint: !If [Own, [/own], !Ref "AWS::NoValue"]}
"""
    )
    own, of_image = json.loads(run("images", "stack.yaml", "--offline", "--json").stdout)["containers"]
    assert (own["when"], own["entry_point"], own["error"]) == ("Own is true", ["/own"], None)
    assert (of_image["when"], of_image["known_from"]) == ("Own is false", None)
    assert of_image["error"]["message"] == "it is not known what the image runs"


def test_images_names_the_file_that_no_image_helps(run: Run, folder: Path) -> None:
    (folder / "web.json").write_text(json.dumps(needing("")))
    ran = run("images", "web.json")
    assert ran.exit_code == 4
    assert "web.json: $.containerDefinitions[0].image" in ran.stderr


def test_images_is_exit_4_when_one_is_not_known(run: Run, folder: Path, nginx: str) -> None:
    (folder / "web.json").write_text(json.dumps(needing(nginx.replace(":1", ":2"))))
    ran = run("images", "web.json", "--json")
    assert ran.exit_code == 4
    (container,) = json.loads(ran.stdout)["containers"]
    assert container["entry_point"] is None
    assert container["error"]["fix"]


def test_a_registry_that_wants_a_password_gets_it_from_dockers_configuration(
    run: Run, folder: Path, registry: DockerRegistry, tmp_path_factory: pytest.TempPathFactory
) -> None:
    locked = tmp_path_factory.mktemp("locked")
    (locked / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "the tests", "path": str(locked / "htpasswd")}}
    with DockerRegistry(locked / "registry", registry.storage, auth) as running:
        (folder / "web.json").write_text(json.dumps(needing(f"{running.host}/team/nginx:1")))
        refused = run("instrument", "web.json", *FLAGS)
        assert refused.exit_code == 4
        (folder / "docker").mkdir()
        login = {"username": USER, "password": PASSWORD}
        (folder / "docker/config.json").write_text(json.dumps({"auths": {running.host: login}}))
        instrumented(run("instrument", "web.json", *FLAGS).stdout)


def test_a_registry_that_is_gone_is_told(run: Run, folder: Path) -> None:
    (folder / "web.json").write_text(json.dumps(needing("127.0.0.1:9/team/nginx:1")))
    ran = run("instrument", "web.json", *FLAGS, "--image-timeout", "5")
    assert ran.exit_code == 4
    assert "127.0.0.1:9" in ran.stderr


def test_a_workload_of_fguard_yaml_may_leave_to_its_image_what_it_runs(run: Run, folder: Path, nginx: str) -> None:
    (folder / "fguard.yaml").write_text(
        "name: training\nsysdig: {region: us1, access_key: {env: KEY}}\nworkloads: [{task_definition: web.json}]\n"
    )
    ran = run("render", "-o", "module", "--region", "us-east-1")
    assert ran.exit_code == 0, ran.stderr
    values = json.loads((folder / "module/terraform.tfvars.json").read_text())
    text = values["workloads"]["web"]["task_definition"]["container_definitions"]
    (web, _) = json.loads(text)
    assert (web["image"], web["entryPoint"]) == (nginx, ["/opt/draios/bin/instrument", *ENTRY])

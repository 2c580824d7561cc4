"""What comes from the image, by Docker's rules, and how it goes away again."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import (
    ImageConfig,
    ImageNeed,
    Images,
    Settings,
    TaskDefinitionError,
    image_needs,
    instrument,
    restore,
    uninstrument,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    WebWith = Callable[..., dict[str, Any]]

WRAPPER = "/opt/draios/bin/instrument"
LABEL = "com.fargate-guard.original"
DIGEST = "sha256:" + "ab" * 32
SOURCE = f"nginx@{DIGEST} (registry)"
NGINX = ImageConfig(("/docker-entrypoint.sh",), ("nginx", "-g", "daemon off;"), SOURCE, DIGEST)
KNOWN = Images(by_image={("nginx:1.27", "X86_64"): NGINX})


@pytest.fixture
def bare(web: dict[str, Any]) -> dict[str, Any]:
    """A container that leaves everything to its image."""
    container = web["containerDefinitions"][0]
    del container["entryPoint"], container["command"]
    return web


def first(definition: Any) -> dict[str, Any]:
    found: dict[str, Any] = definition["containerDefinitions"][0]
    return found


def argv(definition: Any) -> tuple[Any, Any]:
    return first(definition).get("entryPoint"), first(definition).get("command")


@pytest.mark.parametrize(
    "unset", [{}, {"entryPoint": None, "command": []}, {"command": None, "entryPoint": []}], ids=str
)
@pytest.mark.parametrize(
    ("own_command", "image", "entry_point", "command"),
    [
        (None, NGINX, [WRAPPER, "/docker-entrypoint.sh"], ["nginx", "-g", "daemon off;"]),
        (["nginx-debug"], NGINX, [WRAPPER, "/docker-entrypoint.sh"], ["nginx-debug"]),
        (["sleep", "1"], ImageConfig((), ("bash",), "r"), [WRAPPER], ["sleep", "1"]),
        (None, ImageConfig((), ("bash",), "r"), [WRAPPER], ["bash"]),
        (None, ImageConfig(("/app",), (), "r"), [WRAPPER, "/app"], None),
        (["--port", "80"], ImageConfig(("/app",), (), "r"), [WRAPPER, "/app"], ["--port", "80"]),
    ],
)
def test_what_is_unset_comes_from_the_image_and_goes_again(
    bare: dict[str, Any],
    direct: Settings,
    unset: dict[str, Any],
    own_command: Any,
    image: ImageConfig,
    entry_point: Any,
    command: Any,
) -> None:
    first(bare).update(unset)
    if own_command:
        first(bare)["command"] = own_command
    known = Images(by_image={("nginx:1.27", "X86_64"): image})
    result = instrument(bare, direct, known)
    assert argv(result.definition)[0] == entry_point
    assert (argv(result.definition)[1] or None) == command
    assert json.dumps(uninstrument(result.definition)) == json.dumps(bare)
    for images in (known, Images()):
        assert not instrument(result.definition, direct, images).changed
    newer = instrument(result.definition, replace(direct, agent_version="6.3.0")).definition
    assert json.dumps(uninstrument(newer)) == json.dumps(bare)


def test_an_entry_point_that_is_set_drops_the_images_cmd(web_with: WebWith, direct: Settings) -> None:
    web = web_with(command=[])
    assert image_needs(web, direct) == ()
    result = instrument(web, direct, KNOWN).definition
    assert argv(result) == ([WRAPPER, "/docker-entrypoint.sh"], [])


def test_the_outcome_says_what_the_image_runs_and_who_says_so(bare: dict[str, Any], direct: Settings) -> None:
    (outcome,) = instrument(bare, direct, KNOWN).containers
    assert outcome.reason == (
        'instrumented; runs what the image says: ["/docker-entrypoint.sh"] ["nginx", "-g", "daemon off;"] '
        f"({SOURCE})"
    )


def test_only_what_will_be_instrumented_needs_its_image(bare: dict[str, Any], direct: Settings) -> None:
    credentials = "arn:aws:secretsmanager:us-east-1:123456789012:secret:registry"
    bare["containerDefinitions"] += [
        {"name": "envoy", "image": "envoy:1", "dockerLabels": {"com.fargate-guard.ignore": ""}},
        {"name": "api", "image": "api:2", "RepositoryCredentials": {"CredentialsParameter": credentials}},
        {"name": "job", "image": "job:3", "entryPoint": ["/job"]},
    ]
    bare["runtimePlatform"] = {"cpuArchitecture": "arm64"}
    assert image_needs(bare, direct) == (
        ImageNeed("web", "$.containerDefinitions[0].image", "nginx:1.27", "ARM64", None),
        ImageNeed("api", "$.containerDefinitions[2].image", "api:2", "ARM64", credentials),
    )


def test_everything_that_is_not_known_is_refused_at_once_with_the_ways_out(
    bare: dict[str, Any], direct: Settings
) -> None:
    bare["containerDefinitions"].append({"name": "api", "image": "api:2"})
    with pytest.raises(TaskDefinitionError) as refused:
        instrument(bare, direct, Images())
    error = refused.value
    assert error.exit_code == 4
    assert "web, api" in error.message
    assert error.where == "$.containerDefinitions[0].entryPoint, $.containerDefinitions[1].entryPoint"
    for way in ("entryPoint and command", "--entrypoint web=", "--command web=", "--ignore-container web"):
        assert way in str(error.fix)


def test_an_answer_by_hand_wins(bare: dict[str, Any], direct: Settings) -> None:
    by_hand = ImageConfig(("/mine",), (), "--entrypoint")
    for name in ("web", "Task/web"):
        images = Images(by_image=KNOWN.by_image, by_container={name: by_hand})
        need = image_needs(bare, direct)[0]._replace(resource="Task")
        assert images.find(need) is by_hand
        assert images.answers(need)
    result = instrument(bare, direct, Images(KNOWN.by_image, {"web": by_hand}))
    assert argv(result.definition)[0] == [WRAPPER, "/mine"]


def test_an_image_with_nothing_to_run_is_refused(bare: dict[str, Any], direct: Settings) -> None:
    with pytest.raises(TaskDefinitionError, match="neither container web nor its image says what to run"):
        instrument(bare, direct, Images({("nginx:1.27", "X86_64"): ImageConfig((), (), "scratch")}))


def test_what_someone_edits_afterwards_stays_when_it_is_undone(bare: dict[str, Any], direct: Settings) -> None:
    instrumented = instrument(bare, direct, KNOWN).definition
    edited = copy.deepcopy(instrumented)
    first(edited)["command"] = ["nginx-debug"]
    assert argv(uninstrument(edited)) == (None, ["nginx-debug"])
    assert not instrument(edited, direct).containers[0].reason.startswith("instrumented;")
    assert argv(uninstrument(instrument(edited, direct).definition)) == (None, ["nginx-debug"])

    edited = copy.deepcopy(instrumented)
    first(edited)["entryPoint"] = [WRAPPER, "/other.sh"]
    assert argv(uninstrument(edited)) == (["/other.sh"], ["nginx", "-g", "daemon off;"])
    assert argv(uninstrument(instrument(edited, direct).definition)) == argv(uninstrument(edited))


def test_another_image_is_asked_again_for_what_it_runs(bare: dict[str, Any], direct: Settings) -> None:
    edited = instrument(bare, direct, KNOWN).definition
    first(edited)["image"] = "nginx:1.28"
    (need,) = image_needs(edited, direct)
    assert need.image == "nginx:1.28"
    with pytest.raises(TaskDefinitionError, match="not known for certain"):
        instrument(edited, direct)
    newer = ImageConfig(("/new-entrypoint.sh",), ("nginx",), "r")
    result = instrument(edited, direct, Images({("nginx:1.28", "X86_64"): newer})).definition
    assert argv(result) == ([WRAPPER, "/new-entrypoint.sh"], ["nginx"])
    first(bare)["image"] = "nginx:1.28"
    assert uninstrument(result) == bare


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("nginx:1.27", "nginx"),
        ("nginx", "nginx"),
        ("registry.example.com:5000/team/web:1.2", "registry.example.com:5000/team/web"),
        ("registry.example.com:5000/team/web", "registry.example.com:5000/team/web"),
    ],
)
def test_an_image_is_pinned_to_the_digest_that_was_inspected(
    web_with: WebWith, orchestrator: Settings, image: str, name: str
) -> None:
    web, pinning = web_with(image=image), replace(orchestrator, pin_digests=True)
    (need,) = image_needs(web, pinning)
    assert (need.argv, need.digest) == (False, True)
    known = Images({(image, "X86_64"): NGINX})
    pinned = instrument(web, pinning, known).definition
    assert first(pinned)["image"] == f"{name}@{DIGEST}"
    assert json.dumps(uninstrument(pinned)) == json.dumps(web)
    for how in (pinning, orchestrator):
        assert not image_needs(pinned, how)
        assert not instrument(pinned, how).changed, "a pinned image stays until someone edits it"
    first(pinned)["image"] = f"{name}:2"
    assert first(uninstrument(pinned))["image"] == f"{name}:2"


def test_an_image_with_a_digest_stays(web_with: WebWith, orchestrator: Settings) -> None:
    web = web_with(image=f"nginx:1.27@{DIGEST}")
    assert image_needs(web, replace(orchestrator, pin_digests=True)) == ()
    assert (
        first(instrument(web, replace(orchestrator, pin_digests=True)).definition)["image"] == first(web)["image"]
    )


def test_a_digest_that_is_not_known_is_refused(web: dict[str, Any], orchestrator: Settings) -> None:
    by_hand = Images(by_container={"web": ImageConfig(("/x",), (), "--entrypoint")})
    with pytest.raises(TaskDefinitionError, match="the image of container web cannot be pinned") as refused:
        instrument(web, replace(orchestrator, pin_digests=True), by_hand)
    assert refused.value.where == "$.containerDefinitions[0].image"


def test_what_was_checked_is_what_runs_when_pinning_comes_later(bare: dict[str, Any], direct: Settings) -> None:
    filled = instrument(bare, direct, KNOWN).definition
    moved = ImageConfig(("/moved.sh",), (), "r", DIGEST)
    pinned = instrument(
        filled, replace(direct, pin_digests=True), Images({("nginx:1.27", "X86_64"): moved})
    ).definition
    assert first(pinned)["image"] == f"nginx@{DIGEST}"
    assert argv(pinned) == ([WRAPPER, "/moved.sh"], None)
    assert json.dumps(uninstrument(pinned)) == json.dumps(bare)


def test_another_architecture_is_asked_and_pinned_again(bare: dict[str, Any], direct: Settings) -> None:
    pinning = replace(direct, pin_digests=True)
    pinned = instrument(bare, pinning, KNOWN).definition
    pinned["runtimePlatform"] = {"cpuArchitecture": "ARM64"}
    (need,) = image_needs(pinned, pinning)
    assert (need.image, need.architecture, need.argv, need.digest) == ("nginx:1.27", "ARM64", True, True)


def test_the_record_of_many_containers_with_long_names_stays_small(web: dict[str, Any], direct: Settings) -> None:
    image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/" + "team/" * 20 + "web:2024-11-23"
    web["containerDefinitions"] = [{"name": f"{n}" * 255, "image": image} for n in range(9)]
    how = replace(
        direct, pin_digests=True, workload_environment={"HTTPS_PROXY": "http://squid:3128", "NO_PROXY": "a"}
    )
    secret = ImageConfig(("/run", "--password=hunter2"), ("x" * 2000,), "r", DIGEST)
    instrumented = instrument(web, how, Images({(image, "X86_64"): secret})).definition
    label = instrumented["containerDefinitions"][-1]["dockerLabels"][LABEL]
    assert len(label) < 5_000
    assert "hunter2" not in label
    assert "squid" not in label
    assert json.dumps(uninstrument(instrumented)) == json.dumps(web)


def test_a_damaged_record_loses_the_division_and_says_so(bare: dict[str, Any], direct: Settings) -> None:
    damaged = instrument(bare, direct, KNOWN).definition
    label = damaged["containerDefinitions"][1]["dockerLabels"]
    label[LABEL] = label[LABEL].replace('"absent:', '"gone:')
    report = restore(damaged)
    assert argv(report.definition) == (["/docker-entrypoint.sh"], ["nginx", "-g", "daemon off;"])
    assert report.warnings


def test_definitions_of_other_tools_are_pinned_and_that_is_undone(kilt_web: list[Any], direct: Settings) -> None:
    pinned = instrument(kilt_web, replace(direct, pin_digests=True), KNOWN).definition
    assert pinned[0]["Image"] == f"nginx@{DIGEST}"
    assert uninstrument(pinned)[0]["Image"] == "nginx:1.27"

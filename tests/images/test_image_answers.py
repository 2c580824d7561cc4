"""What a real registry says about images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.errors import ExitCode
from tests.images.looking_up import COMMAND, ENTRY, error_text, find, known

if TYPE_CHECKING:
    from fargate_guard.images import Options
    from tests.images.registry import DockerRegistry, Pusher

SHELL = ["/bin/sh", "-c", "exec node server.js"]


@pytest.mark.parametrize("kind", ["docker", "oci"])
@pytest.mark.parametrize(
    ("config", "entry_point", "command"),
    [
        ({"Entrypoint": ENTRY, "Cmd": COMMAND}, ENTRY, COMMAND),
        ({"Cmd": COMMAND}, [], COMMAND),
        ({"Entrypoint": None, "Cmd": COMMAND}, [], COMMAND),
        ({"Entrypoint": [], "Cmd": COMMAND}, [], COMMAND),
        ({"Entrypoint": ENTRY}, ENTRY, []),
        ({"Entrypoint": SHELL, "Cmd": None}, SHELL, []),
        ({"Cmd": SHELL}, [], SHELL),
        ({"Entrypoint": None, "Cmd": []}, [], []),
        ({}, [], []),
        (None, [], []),
    ],
)
def test_entrypoint_and_cmd_are_those_of_the_image(
    push: Pusher,
    options: Options,
    kind: str,
    config: dict[str, Any] | None,
    entry_point: list[str],
    command: list[str],
) -> None:
    digest = push.image("team/argv", config, kind=kind)
    found = known(find(f"{push.host}/team/argv:1", options))
    assert (list(found.entry_point), list(found.command)) == (entry_point, command)
    assert found.digest == digest
    assert found.source == f"{push.host}/team/argv@{digest} (registry)"


def test_an_image_is_found_by_tag_by_digest_by_both_and_by_latest(push: Pusher, options: Options) -> None:
    first = push.image("team/named", {"Cmd": ["first"]}, tag="1")
    push.image("team/named", {"Cmd": ["latest"]}, tag="latest")
    name = f"{push.host}/team/named"
    commands = [
        known(find(f"{name}{end}", options)).command for end in (":1", f"@{first}", f":latest@{first}", "")
    ]
    assert commands == [("first",), ("first",), ("first",), ("latest",)]


@pytest.mark.parametrize("kind", ["docker", "oci"])
def test_the_architecture_of_the_task_chooses_from_a_list(push: Pusher, options: Options, kind: str) -> None:
    platforms = ["linux/amd64", "linux/arm64/v8", "linux/arm/v7"]
    digests = {
        platform: push.image("team/multi", {"Cmd": [platform]}, tag=None, kind=kind, platform=platform)
        for platform in platforms
    }
    attestation = push.image("team/multi", None, tag=None, kind=kind, platform="unknown/unknown")
    index = push.index("team/multi", [("unknown/unknown", attestation), *digests.items()], kind=kind)
    image = f"{push.host}/team/multi:1"
    assert known(find(image, options, architecture="X86_64")).command == ("linux/amd64",)
    assert known(find(image, options, architecture="ARM64")).command == ("linux/arm64/v8",)
    assert known(find(image, options, architecture="ARM64")).digest == index


def test_a_list_without_the_architecture_says_what_it_has(push: Pusher, options: Options) -> None:
    windows = push.image("team/arm", {}, tag=None, platform="windows/amd64")
    arm = push.image("team/arm", {}, tag=None, platform="linux/arm64")
    attestation = push.image("team/arm", None, tag=None, platform="unknown/unknown")
    push.index("team/arm", [("windows/amd64", windows), ("linux/arm64", arm), ("unknown/unknown", attestation)])
    text = error_text(find(f"{push.host}/team/arm:1", options))
    assert "not for linux/amd64" in text
    assert "it is for windows/amd64, linux/arm64\n" in text
    assert "set runtimePlatform.cpuArchitecture to ARM64, or build it with" in text
    assert known(find(f"{push.host}/team/arm:1", options, architecture="ARM64"))


def test_a_single_image_for_another_architecture_is_refused(push: Pusher, options: Options) -> None:
    push.image("team/single-arm", {"Cmd": ["x"]}, platform="linux/arm64/v8")
    text = error_text(find(f"{push.host}/team/single-arm:1", options))
    assert "it is for linux/arm64/v8" in text
    assert "cpuArchitecture to ARM64" in text


def test_a_list_that_tells_no_platforms_is_decided_by_the_configuration(push: Pusher, options: Options) -> None:
    digest = push.image("team/untold", {"Cmd": ["x"]}, tag=None, kind="oci")
    push.index("team/untold", [(None, digest)])
    assert known(find(f"{push.host}/team/untold:1", options)).command == ("x",)


@pytest.mark.parametrize("image", ["team/nginx:2", "team/no-such-image:1"])
@pytest.mark.usefixtures("nginx")
def test_a_missing_tag_or_repository_is_said_with_the_registrys_own_code(
    registry: DockerRegistry, options: Options, image: str
) -> None:
    found = find(f"{registry.host}/{image}", options)
    text = error_text(found)
    assert "the registry has no such image" in text
    assert f"{registry.host}/{image} at $.containerDefinitions[0].image (registry {registry.host})" in text
    assert "HTTP 404 MANIFEST_UNKNOWN" in text
    assert """--entrypoint web='["…"]' and --command web='["…"]'""" in text
    assert found.error
    assert found.error.exit_code == ExitCode.PREFLIGHT_REFUSED


def test_what_is_no_container_image_is_refused(push: Pusher, options: Options) -> None:
    push.image("team/chart", {}, kind="oci", config_type="application/vnd.cncf.helm.config.v1+json")
    text = error_text(find(f"{push.host}/team/chart:1", options))
    assert "not a container image" in text
    assert "application/vnd.cncf.helm.config.v1+json" in text


@pytest.mark.parametrize("image", ["Nginx", "", "nginx:", "a//b", "nginx@sha256:12", "bad host/x:1", "x" * 256])
def test_what_is_no_reference_is_said_before_anybody_is_asked(options: Options, image: str) -> None:
    assert "this is no reference to an image" in error_text(find(image, options))


def test_an_architecture_that_fargate_does_not_have_is_refused(options: Options) -> None:
    assert "X86_64 or ARM64" in error_text(find("nginx", options, architecture="RISCV"))

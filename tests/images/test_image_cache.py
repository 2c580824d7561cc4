"""Looked up once, known for ever; and without a network."""

from __future__ import annotations

import dataclasses
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from fargate_guard.images import resolve
from tests.images.looking_up import COMMAND, error_text, find, known, need

if TYPE_CHECKING:
    from fargate_guard.images import Options
    from tests.images.front import Front
    from tests.images.registry import DockerRegistry, Pusher


def offline(options: Options) -> Options:
    return dataclasses.replace(options, offline=True)


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)


def test_a_known_tag_costs_one_head(front: Front, nginx: str, options: Options) -> None:
    image = f"{front.host}/team/nginx:1"
    first = find(image, options)
    assert not first.from_cache
    front.asked.clear()
    second = find(image, options)
    assert second.from_cache
    assert front.lines[-1] == "HEAD /v2/team/nginx/manifests/1"
    assert [line for line in front.lines if line != "GET /v2/"] == [front.lines[-1]]
    assert known(second).command == tuple(COMMAND)
    assert known(second).source == f"{front.host}/team/nginx@{nginx} (cache)"
    assert known(second).digest == known(first).digest


def test_a_tag_that_moved_is_noticed(push: Pusher, options: Options) -> None:
    image = f"{push.host}/team/moving:1"
    for command in ("old", "new"):
        push.image("team/moving", {"Cmd": [command]})
        assert known(find(image, options)).command == (command,)


def test_a_known_digest_costs_nothing(front: Front, nginx: str, options: Options) -> None:
    image = f"{front.host}/team/nginx@{nginx}"
    assert known(find(image, options))
    front.asked.clear()
    assert find(image, options).from_cache
    assert front.asked == []


@pytest.mark.usefixtures("no_sockets")
def test_offline_opens_no_socket_for_what_is_not_known(options: Options) -> None:
    tag, digest = resolve([need("nginx:1.27"), need(f"nginx@sha256:{'0' * 64}")], options=offline(options))
    assert "a tag may name another image by now, and --offline opens no connection" in error_text(tag)
    assert "it was not looked up before, and --offline opens no connection" in error_text(digest)
    for found in (tag, digest):
        assert """--entrypoint web='["…"]' and --command web='["…"]'""" in error_text(found)


def test_offline_knows_digests_that_were_looked_up(
    front: Front, nginx: str, options: Options, request: pytest.FixtureRequest
) -> None:
    assert known(find(f"{front.host}/team/nginx:1", options))
    request.getfixturevalue("no_sockets")
    found = find(f"{front.host}/team/nginx@{nginx}", offline(options))
    assert known(found).command == tuple(COMMAND)
    assert found.from_cache
    assert "--offline" in error_text(find(f"{front.host}/team/nginx:1", offline(options)))


def test_offline_in_a_template_names_the_resource_too(options: Options) -> None:
    asked = need("nginx:1")._replace(resource="Web")
    (found,) = resolve([asked], options=offline(options))
    assert "--entrypoint Web/web='" in error_text(found)
    assert "nginx:1 at Web: $.containerDefinitions[0].image" in error_text(found)


def test_an_image_that_is_only_to_be_pinned_needs_no_answer_by_hand(options: Options) -> None:
    asked = need("nginx:1")._replace(argv=False, digest=True)
    (found,) = resolve([asked], options=offline(options))
    assert "--entrypoint" not in error_text(found)
    assert "leave out --pin-digests" in error_text(found)


def test_architectures_are_kept_apart(push: Pusher, options: Options) -> None:
    entries = [
        (platform, push.image("team/apart", {"Cmd": [platform]}, tag=None, platform=platform))
        for platform in ("linux/amd64", "linux/arm64")
    ]
    index = push.index("team/apart", entries)
    image = f"{push.host}/team/apart@{index}"
    assert known(find(image, options)).command == ("linux/amd64",)
    assert known(find(image, options, architecture="ARM64")).command == ("linux/arm64",)
    assert known(find(image, offline(options), architecture="ARM64")).command == ("linux/arm64",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"format": 1, "entryPoint": [], "command": ["rm"]}',
        b'{"format": 2, "digest": "DIGEST", "architecture": "amd64", "entryPoint": [], "command": ["rm"]}',
        b'{"format": 1, "digest": "DIGEST", "architecture": "amd64", "entryPoint": [], "command": "rm"}',
        b'{"format": 1, "digest": "DIGEST", "architecture": "amd64", "entryPoint": [1], "command": ["rm"]}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_entry_is_looked_up_again(front: Front, nginx: str, options: Options, content: bytes) -> None:
    image = f"{front.host}/team/nginx@{nginx}"
    assert known(find(image, options))
    assert options.cache_folder
    (entry,) = options.cache_folder.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(content.replace(b"DIGEST", nginx.encode()))
    assert "--offline" in error_text(find(image, offline(options)))
    assert known(find(image, options)).command == tuple(COMMAND)
    assert entry.read_bytes() == whole


def test_the_cache_is_the_users_own(front: Front, nginx: str, options: Options) -> None:
    assert known(find(f"{front.host}/team/nginx@{nginx}", options))
    assert options.cache_folder
    assert stat.S_IMODE(options.cache_folder.stat().st_mode) == 0o700
    (entry,) = options.cache_folder.iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600


def test_a_cache_that_cannot_be_written_to_costs_speed_only(front: Front, nginx: str, options: Options) -> None:
    assert options.cache_folder
    options.cache_folder.write_text("a file where the folder should be")
    for _ in range(2):
        found = find(f"{front.host}/team/nginx@{nginx}", options)
        assert known(found).command == tuple(COMMAND)
        assert not found.from_cache


def test_without_a_cache_folder_nothing_is_kept(registry: DockerRegistry, nginx: str, options: Options) -> None:
    image = f"{registry.host}/team/nginx@{nginx}"
    options = dataclasses.replace(options, cache_folder=None)
    assert known(find(image, options))
    assert not find(image, options).from_cache


def test_failures_are_not_kept(push: Pusher, options: Options) -> None:
    image = f"{push.host}/team/late:1"
    assert "no such image" in error_text(find(image, options))
    push.image("team/late", {"Cmd": ["x"]})
    assert known(find(image, options)).command == ("x",)


def test_nothing_of_the_network_is_loaded_before_an_image_is_looked_up() -> None:
    program = """
import sys
from fargate_guard.images import Options, resolve
from fargate_guard.taskdef.image_config import ImageNeed
resolve([], options=Options())
resolve([ImageNeed("web", "$", "nginx", "X86_64", None)], options=Options(offline=True))
print(sorted({"oras", "requests", "urllib3", "boto3", "ssl"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"

"""Registries that fail, lie, or make one wait."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NameResolutionError

from fargate_guard.images.refusals import unreachable
from fargate_guard.retry_delay import delay
from tests.images.front import Asked, Breaking, Dripping, Front, Reply
from tests.images.looking_up import COMMAND, NoWaiting, error_text, find, known
from tests.images.registry import DockerRegistry, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fargate_guard.images import Options
    from tests.images.registry import Pusher

pytestmark = pytest.mark.usefixtures("nginx")


@pytest.fixture
def patient(options: Options, no_waiting: NoWaiting) -> Options:
    """Waiting takes no time."""
    return dataclasses.replace(options, timeout=60, clock=no_waiting.clock)


def fail(front: Front, times: int, reply: Reply, where: str = "/manifests/") -> None:
    """Answer the first ``times`` requests with ``reply``."""
    left = [reply] * times
    front.rule = lambda asked: left.pop() if left and where in asked.path else None


def test_a_registry_that_is_gone_is_said_at_once(tmp_path: Path, storage: Path, options: Options) -> None:
    with DockerRegistry(tmp_path / "gone", storage) as registry:
        host = registry.host
    started = time.monotonic()
    text = error_text(find(f"{host}/team/nginx:1", options))
    assert "the registry cannot be reached" in text
    assert "127.0.0.1: connection refused" in text
    assert time.monotonic() - started < 5


def test_a_name_that_does_not_resolve_is_said() -> None:
    """Labelled: the exception is made here, since asking a name server would leave this machine."""
    cause = NameResolutionError("ghcr.example", None, socket.gaierror(-2, "Name or service not known"))  # type: ignore[arg-type]
    cause.__cause__ = socket.gaierror(-2, "Name or service not known")
    request = requests.Request("GET", "https://ghcr.example/v2/?token=s3cret").prepare()
    error = requests.ConnectionError(MaxRetryError(None, "/", cause), request=request)  # type: ignore[arg-type]
    problem = unreachable(error, "ghcr.example", 30)
    assert problem.why == "the name ghcr.example cannot be resolved (DNS: Name or service not known)"
    assert "HTTPS_PROXY" in str(problem.fix)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("where", ["/manifests/", "/blobs/"])
def test_what_passes_is_asked_again(
    front: Front, patient: Options, no_waiting: NoWaiting, status: int, where: str
) -> None:
    fail(front, 3, Reply(status), where)
    assert known(find(f"{front.host}/team/nginx:1", patient)).command == tuple(COMMAND)
    assert no_waiting.slept == [0.5, 1, 2]


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [("7", 7), (formatdate(1_800_000_009, usegmt=True), 9), ("soon", 0.5)]
)
def test_the_servers_own_delay_counts(
    front: Front, patient: Options, no_waiting: NoWaiting, retry_after: str, seconds: float
) -> None:
    fail(front, 1, Reply(429, b"", {"Retry-After": retry_after}))
    assert known(find(f"{front.host}/team/nginx:1", patient))
    assert no_waiting.slept == [seconds]


def test_a_token_server_is_asked_again_too(front: Front, patient: Options, no_waiting: NoWaiting) -> None:
    refused = [Reply(503)]

    def rule(asked: Asked) -> Reply | None:
        if asked.path.startswith("/token"):
            return refused.pop() if refused else Reply(200, b'{"token": "good"}')
        if asked.headers.get("Authorization") != "Bearer good":
            return Reply(401, b"", {"WWW-Authenticate": f'Bearer realm="http://{front.host}/token"'})
        return None

    front.rule = rule
    assert known(find(f"{front.host}/team/nginx:1", patient))
    assert no_waiting.slept == [0.5]


def test_a_delay_beyond_the_time_out_is_not_waited_for(
    front: Front, patient: Options, no_waiting: NoWaiting
) -> None:
    body = json.dumps(
        {"errors": [{"code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit."}]}
    )
    front.rule = lambda asked: (
        Reply(429, body.encode(), {"Retry-After": "3600"}) if "/manifests/" in asked.path else None
    )
    text = error_text(find(f"{front.host}/team/nginx:1", patient))
    assert "the registry answers no more requests for now" in text
    assert "HTTP 429" in text
    assert "in 3600 s, would be after the 60 s allowed" in text
    assert f"docker login {front.host}" in text
    assert no_waiting.slept == []


def test_asking_again_has_an_end(front: Front, patient: Options, no_waiting: NoWaiting) -> None:
    front.rule = lambda _: Reply(503, b"", {"Retry-After": "0"})
    assert "the registry fails" in error_text(find(f"{front.host}/team/nginx:1", patient))
    assert len(no_waiting.slept) < 10


def test_what_does_not_pass_is_asked_once(front: Front, patient: Options, no_waiting: NoWaiting) -> None:
    front.rule = lambda _: Reply(400, b'{"errors": [{"code": "NAME_INVALID", "message": "bad\\u001b[31m name"}]}')
    assert "HTTP 400 NAME_INVALID: bad [31m name" in error_text(find(f"{front.host}/team/nginx:1", patient))
    assert no_waiting.slept == []


def test_a_denied_image_has_the_registrys_code(front: Front, options: Options) -> None:
    body = b'{"errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]}'
    front.rule = lambda _: Reply(403, body)
    found = find(f"{front.host}/team/nginx:1", options)
    assert "HTTP 403 DENIED: requested access to the resource is denied" in error_text(found)
    assert getattr(found.error, "code", None) == "DENIED"


def test_a_broken_connection_is_opened_again(registry: DockerRegistry, patient: Options) -> None:
    with Breaking(registry.host, times=3) as broken:
        assert known(find(f"{broken.host}/team/nginx:1", patient)).command == tuple(COMMAND)
    assert broken.left == 0


@pytest.mark.parametrize("slow", ["/manifests/", "/blobs/"])
def test_a_slow_answer_ends_with_the_time_out(front: Front, options: Options, slow: str) -> None:
    released = threading.Event()

    def rule(asked: Asked) -> Reply | None:
        if slow in asked.path:
            released.wait(30)
        return None

    front.rule = rule
    started = time.monotonic()
    text = error_text(find(f"{front.host}/team/nginx:1", dataclasses.replace(options, timeout=0.4)))
    assert time.monotonic() - started < 10
    released.set()
    assert "the registry did not answer in time" in text
    assert f"{front.host} took longer than 0.4 s" in text


def test_drops_of_an_answer_do_not_outlast_the_time_out(options: Options) -> None:
    with Dripping() as dripping:
        started = time.monotonic()
        text = error_text(find(f"{dripping.host}/x:1", dataclasses.replace(options, timeout=0.4)))
    assert "did not answer in time" in text
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>log in</html>", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b"{}", "it names no image configuration"),
        (b'{"config": {"digest": "../../etc/passwd"}}', "it names no image configuration"),
        (b'{"manifests": [{"digest": 5}]}', "an entry names no digest"),
        (b'{"schemaVersion": 1, "history": []}', "ENTRYPOINT nor CMD"),
        (b"{" + b" " * 5_000_000 + b"}", "more than 4 MiB"),
    ],
)
def test_a_garbage_manifest_is_an_error(front: Front, options: Options, body: bytes, why: str) -> None:
    headers = {"Docker-Content-Digest": digest_of(body)}
    front.rule = lambda asked: Reply(200, body, headers) if "/manifests/" in asked.path else None
    assert why in error_text(find(f"{front.host}/team/nginx:1", options))


def test_a_page_in_place_of_a_manifest_is_not_taken_for_a_broken_image(front: Front, options: Options) -> None:
    page = Reply(200, b"<html>log in</html>", {"Content-Type": "text/html"})
    front.rule = lambda asked: page if "/manifests/" in asked.path else None
    assert "a proxy or a login page answers" in error_text(find(f"{front.host}/team/nginx:1", options))


def test_a_manifest_that_the_registrys_disk_lost_is_an_error(
    push: Pusher, storage: Path, patient: Options
) -> None:
    digest = push.image("team/damaged", {"Cmd": ["on a damaged disk"]})  # blobs are shared by content
    blob = storage / "docker/registry/v2/blobs/sha256" / digest[7:9] / digest[7:] / "data"
    blob.write_bytes(b"garbage")
    text = error_text(find(f"{push.host}/team/damaged:1", patient))
    assert "the registry" in text
    assert f"{push.host}/team/damaged:1" in text


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (b"not json", "it is not JSON"),
        (b'{"config": [1]}', "its `config` is not an object"),
        (b'{"config": {"Cmd": [1]}}', "its `Cmd` is not a list of strings"),
        (b'{"config": {"Entrypoint": {"a": 1}}}', "its `Entrypoint` is not a list of strings"),
    ],
)
def test_a_garbage_configuration_is_an_error(push: Pusher, options: Options, config: bytes, why: str) -> None:
    image_type = "application/vnd.docker.distribution.manifest.v2+json"
    config_type = "application/vnd.docker.container.image.v1+json"
    document = {
        "schemaVersion": 2,
        "mediaType": image_type,
        "config": {"mediaType": config_type, "size": len(config), "digest": push.blob("team/garbage", config)},
        "layers": [],
    }
    push.manifest("team/garbage", "1", document, image_type)
    assert why in error_text(find(f"{push.host}/team/garbage:1", options))


@pytest.mark.parametrize("part", ["/manifests/", "/blobs/"])
def test_content_that_is_not_what_its_digest_says_is_refused(
    front: Front, nginx: str, options: Options, part: str
) -> None:
    def rule(asked: Asked) -> Reply | None:
        real = front.forward(asked)
        body = real.body.replace(b"nginx", b"miner").replace(b'"layers": []', b'"layers":  []')
        return dataclasses.replace(real, body=body) if part in asked.path and asked.method == "GET" else None

    front.rule = rule
    for image in (f"{front.host}/team/nginx:1", f"{front.host}/team/nginx@{nginx}"):
        assert "is not the one asked for" in error_text(find(image, options))
    assert not options.cache_folder or not options.cache_folder.exists()


def test_lists_within_lists_have_an_end(front: Front, options: Options) -> None:
    """A list cannot name itself by digest, so an answer that changes shows whether there is an end."""
    bodies: dict[str, bytes] = {}
    last = digest_of(b"the end")
    for level in range(6):
        platform = {"os": "linux", "architecture": "amd64"}
        body = json.dumps({"manifests": [{"digest": last, "platform": platform}], "level": level}).encode()
        last = digest_of(body)
        bodies[last] = body
    front.rule = lambda asked: Reply(200, bodies.get(asked.path.rpartition("/")[2], bodies[last]))
    assert "nested" in error_text(find(f"{front.host}/team/nginx:1", options))


def test_a_registry_without_head_is_asked_with_get(front: Front, nginx: str, options: Options) -> None:
    front.rule = lambda asked: Reply(405) if asked.method == "HEAD" else None
    assert known(find(f"{front.host}/team/nginx:1", options)).digest == nginx


def test_a_redirect_to_plain_http_elsewhere_is_refused(front: Front, options: Options) -> None:
    elsewhere = Reply(307, b"", {"Location": "http://storage.example/blob?signature=s3cret"})
    front.rule = lambda asked: elsewhere if "/blobs/" in asked.path else None
    text = error_text(find(f"{front.host}/team/nginx:1", options))
    assert "it leads to storage.example without encryption" in text
    assert "s3cret" not in text


def test_redirects_in_a_circle_have_an_end(front: Front, options: Options) -> None:
    front.rule = lambda asked: Reply(307, b"", {"Location": asked.path}) if "/blobs/" in asked.path else None
    assert "redirects in a circle" in error_text(find(f"{front.host}/team/nginx:1", options))


def test_delays_double_up_to_a_limit() -> None:
    assert [delay(attempt, None, 0) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert delay(1, formatdate(1_800_000_000), 1_800_000_100.0) == 0


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """What the environment names as the proxy: a server that is none."""
    with Front() as server:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://someone:hidden@{server.host}")
        yield server


def test_a_proxy_that_refuses_is_not_told_as_the_registry(proxy: Front, options: Options) -> None:
    text = error_text(find("ghcr.io/team/nginx:1", options))
    assert "the registry cannot be reached through the proxy" in text
    assert f"{proxy.host}, asked for ghcr.io: HTTP 501" in text
    assert "NO_PROXY=ghcr.io" in text
    assert "hidden" not in text


def test_a_proxy_that_is_gone_is_named(proxy: Front, options: Options) -> None:
    proxy.__exit__()
    assert f"{proxy.host}, asked for ghcr.io: connection refused" in error_text(
        find("ghcr.io/team/nginx:1", options)
    )


def test_missing_certificate_authorities_are_named_with_their_variable(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nope/authorities.pem")
    text = error_text(find("ghcr.io/team/nginx:1", options))
    assert "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE is /nope/authorities.pem" in text

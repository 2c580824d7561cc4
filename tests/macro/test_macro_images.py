"""The macro asks real registries what images run."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.macro.settings import MacroSettings
from tests.images.front import Asked, Front, Reply, Tunnel
from tests.images.looking_up import COMMAND, ENTRY
from tests.images.registry import PASSWORD, USER
from tests.macro.calling import ORCHESTRATED, Called, call, containers_of, event, task, template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.images.certificates import Certificate
    from tests.images.registry import DockerRegistry, Pusher

ROLE = "arn:aws:iam::111122223333:role/execution"
WRAPPER = "/opt/draios/bin/instrument"


def asked_for(image: str, seconds: float = 30.0, /, **properties: Any) -> Called:
    web = {"Name": "web", "Image": image, **properties.pop("container", {})}
    looking = MacroSettings.of(ORCHESTRATED, image_lookup=True)
    return call(event(template(Web=task(web, ExecutionRoleArn=ROLE, **properties))), looking, seconds)


def web_of(called: Called) -> dict[str, Any]:
    found: dict[str, Any] = containers_of(called.fragment["Resources"]["Web"])["web"]
    return found


def argv(called: Called) -> list[str]:
    return [*web_of(called)["EntryPoint"], *web_of(called).get("Command", [])]


def test_what_an_image_runs_is_asked_of_its_registry(registry: DockerRegistry, nginx: str) -> None:
    called = asked_for(f"{registry.host}/team/nginx:1")
    assert web_of(called)["EntryPoint"] == [WRAPPER, *ENTRY]
    assert web_of(called)["Command"] == COMMAND
    assert nginx in called.of("container")[0]["reason"]


def test_a_template_may_ask_for_it_by_itself(registry: DockerRegistry, nginx: str) -> None:
    assert nginx
    image = {"Fn::Sub": "${Registry}/team/nginx:1"}
    given = template(Web=task({"Name": "web", "Image": image}, ExecutionRoleArn=ROLE))
    given["Parameters"] = {"Registry": {"Type": "String"}}
    called = call(event(given, {"Registry": registry.host}, ImageLookup="true"))
    assert web_of(called)["Image"] == image
    assert web_of(called)["EntryPoint"] == [WRAPPER, *ENTRY]


def test_a_list_of_manifests_is_chosen_from_by_architecture(registry: DockerRegistry, push: Pusher) -> None:
    arm = push.image("team/macro-multi", {"Cmd": ["arm"]}, tag=None, kind="oci", platform="linux/arm64/v8")
    amd = push.image("team/macro-multi", {"Cmd": ["amd"]}, tag=None, kind="oci")
    push.index("team/macro-multi", [("linux/amd64", amd), ("linux/arm64/v8", arm)])
    image = f"{registry.host}/team/macro-multi:1"
    assert web_of(asked_for(image))["Command"] == ["amd"] or web_of(asked_for(image))["EntryPoint"] == [
        WRAPPER,
        "amd",
    ]
    on_arm = asked_for(image, RuntimePlatform={"CpuArchitecture": "ARM64"})
    assert "arm" in [*web_of(on_arm)["EntryPoint"], *web_of(on_arm).get("Command", [])]


def test_digests_are_pinned(registry: DockerRegistry, nginx: str) -> None:
    given = template(Web=task({"Name": "web", "Image": f"{registry.host}/team/nginx:1"}, ExecutionRoleArn=ROLE))
    called = call(event(given, ImageLookup=True, PinDigests=True))
    assert web_of(called)["Image"] == f"{registry.host}/team/nginx@{nginx}"


def test_a_public_repository_is_read_with_an_anonymous_token(token_registry: DockerRegistry, push: Pusher) -> None:
    push.image("public/macro", {"Entrypoint": ["/public"]})
    assert web_of(asked_for(f"{token_registry.host}/public/macro:1"))["EntryPoint"] == [WRAPPER, "/public"]


def test_a_private_one_is_a_failure_that_says_so(token_registry: DockerRegistry, nginx: str) -> None:
    assert nginx
    error = asked_for(f"{token_registry.host}/team/nginx:1").error
    assert "the registry wants other credentials, or has no such image" in error
    assert "Web, container web" in error
    assert "set EntryPoint and Command of container web" in error


@pytest.mark.parametrize("image", ["team/nginx:2", "team/nowhere:1"])
def test_an_image_that_is_not_there_is_a_failure(registry: DockerRegistry, nginx: str, image: str) -> None:
    assert nginx
    error = asked_for(f"{registry.host}/{image}").error
    assert "the registry has no such image" in error
    assert "HTTP 404" in error


def test_several_failures_are_told_together(registry: DockerRegistry) -> None:
    two = [{"Name": name, "Image": f"{registry.host}/team/{name}:1"} for name in ("a", "b")]
    given = template(Web=task(*two, ExecutionRoleArn=ROLE))
    error = call(event(given, ImageLookup=True)).error
    assert "container a" in error
    assert "container b" in error


def test_a_busy_registry_is_asked_again(front: Front, nginx: str) -> None:
    assert nginx
    busy = iter([True, False])

    def rule(asked: Asked) -> Reply | None:
        if "manifests" in asked.path and next(busy, False):
            return Reply(429, b"{}", {"Retry-After": "0"})
        return None

    front.rule = rule
    assert web_of(asked_for(f"{front.host}/team/nginx:1"))["EntryPoint"] == [WRAPPER, *ENTRY]


def test_a_manifest_that_was_changed_on_the_way_is_refused(front: Front, nginx: str) -> None:
    digest = nginx

    def rule(asked: Asked) -> Reply | None:
        if asked.method == "GET" and "manifests" in asked.path:
            return Reply(200, b"{}", {"Content-Type": "application/json"})
        return None

    front.rule = rule
    assert "is not the one asked for" in asked_for(f"{front.host}/team/nginx@{digest}").error


def test_a_registry_that_does_not_answer_ends_before_the_function_does(front: Front) -> None:
    front.rule = lambda _asked: Reply(503, b"", {"Retry-After": "60"})
    assert "the registry fails" in asked_for(f"{front.host}/team/nginx:1", 3.5).error
    ending = threading.Event()

    def rule(_asked: Asked) -> Reply:
        ending.wait(20)
        return Reply(500)

    front.rule = rule
    try:
        assert "the registry did not answer in time" in asked_for(f"{front.host}/team/nginx:1", 3.5).error
    finally:
        ending.set()


@contextlib.contextmanager
def aws(monkeypatch: pytest.MonkeyPatch, status: int, body: Any) -> Iterator[list[Asked]]:
    """AWS on loopback, which gives every call this answer."""
    with Front() as front:
        front.rule = lambda _asked: Reply(status, json.dumps(body).encode())
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{front.host}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
        yield front.asked


SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:registry-Ab12Cd"
CREDENTIALS = {"container": {"RepositoryCredentials": {"CredentialsParameter": SECRET}}}


def test_a_registrys_password_is_read_from_its_secret(
    locked_registry: DockerRegistry, nginx: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nginx
    secret = json.dumps({"username": USER, "password": PASSWORD})
    with aws(monkeypatch, 200, {"SecretString": secret}) as asked:
        called = asked_for(f"{locked_registry.host}/team/nginx:1", **CREDENTIALS)
    assert argv(called) == [WRAPPER, *ENTRY, *COMMAND]
    assert asked[0].headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
    assert PASSWORD not in called.log


def test_a_secret_that_the_role_may_not_read_is_a_failure(
    locked_registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with aws(monkeypatch, 400, {"__type": "AccessDeniedException"}):
        error = asked_for(f"{locked_registry.host}/team/nginx:1", **CREDENTIALS).error
    assert "the registry credentials of the task definition cannot be read" in error
    assert "AccessDeniedException" in error


def test_ecr_is_asked_with_the_functions_own_token(
    locked_registry: DockerRegistry, certificate: Certificate, nginx: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own name and with TLS, through a proxy that leads to the tests."""
    assert nginx
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    with (
        Front(locked_registry.host, tls=certificate.server_context()) as ecr,
        Tunnel(ecr.port) as tunnel,
        aws(monkeypatch, 200, {"authorizationData": [{"authorizationToken": token}]}) as asked,
    ):
        monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
        called = asked_for("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/nginx:1")
    assert argv(called) == [WRAPPER, *ENTRY, *COMMAND]
    assert "GetAuthorizationToken" in asked[0].headers["X-Amz-Target"]
    assert set(tunnel.hosts) == {"123456789012.dkr.ecr.eu-west-1.amazonaws.com:443"}


def test_a_certificate_that_nobody_vouches_for_is_refused(
    registry: DockerRegistry, certificate: Certificate
) -> None:
    with Front(registry.host, tls=certificate.server_context()) as front:
        error = asked_for(f"{front.host}/team/nginx:1").error
    assert "the registry cannot be reached" in error
    assert "certificate" in error

"""Registries that want a token, and the public ones by their own names, led to this machine by a proxy."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from fargate_guard.errors import FguardError
from tests.images.front import Asked, Front, Reply, Tunnel
from tests.images.looking_up import COMMAND, IDENTITY_TOKEN, error_text, find, known
from tests.images.registry import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.images import Options
    from tests.images.certificates import Certificate
    from tests.images.looking_up import Docker
    from tests.images.registry import DockerRegistry, Pusher

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.fixture(autouse=True)
def _images(push: Pusher, nginx: str) -> None:
    assert nginx
    for repository in ("public/web", "library/httpd"):
        push.image(repository, {"Cmd": [repository]})


def test_a_public_image_needs_no_login(token_registry: DockerRegistry, options: Options) -> None:
    assert known(find(f"{token_registry.host}/public/web:1", options)).command == ("public/web",)


def test_a_private_image_needs_one(token_registry: DockerRegistry, options: Options) -> None:
    text = error_text(find(f"{token_registry.host}/team/nginx:1", options))
    assert "the registry wants credentials, or has no such image" in text
    assert "401" in text
    assert f"docker login {token_registry.host}" in text


def test_a_login_is_shown_to_the_token_server_only(
    token_registry: DockerRegistry, token_server: Front, docker: Docker, options: Options
) -> None:
    with Front(token_registry.host) as front:
        docker.login(front.host)
        assert known(find(f"{front.host}/team/nginx:1", options)).command == tuple(COMMAND)
    assert {asked.headers.get("Authorization", "none").split()[0] for asked in front.asked} == {"none", "Bearer"}
    asked = token_server.asked[-1]
    assert asked.headers["Authorization"].startswith("Basic ")
    assert parse_qs(urlsplit(asked.path).query)["scope"] == ["repository:team/nginx:pull"]


def test_one_token_serves_all_requests_for_an_image(
    token_registry: DockerRegistry, token_server: Front, options: Options
) -> None:
    before = len(token_server.asked)
    assert known(find(f"{token_registry.host}/public/web:1", options))
    assert len(token_server.asked) - before == 1


def test_a_wrong_login_is_the_token_servers_word(
    token_registry: DockerRegistry, token_server: Front, docker: Docker, options: Options
) -> None:
    docker.login(token_registry.host, password="wrong-password")
    text = error_text(find(f"{token_registry.host}/team/nginx:1", options))
    assert f"{token_server.host}: HTTP 401 Unauthorized: incorrect username or password" in text
    assert "wrong-password" not in text


@pytest.mark.parametrize("by", ["file", "helper"])
def test_an_identity_token_is_exchanged(
    token_registry: DockerRegistry, docker: Docker, options: Options, by: str
) -> None:
    host = token_registry.host
    docker.helper("tests", {host: ("<token>", IDENTITY_TOKEN)})
    if by == "file":
        docker.config(auths={host: {"identitytoken": IDENTITY_TOKEN}})
    else:
        docker.config(credsStore="tests")
    assert known(find(f"{host}/team/nginx:1", options)).command == tuple(COMMAND)


@pytest.mark.parametrize("realm", ["http://auth.example/token", "ftp://auth.example/", "nonsense"])
def test_credentials_are_not_sent_unencrypted_to_another_machine(
    front: Front, docker: Docker, options: Options, realm: str
) -> None:
    front.rule = lambda _: Reply(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'})
    docker.login(front.host)
    assert "unencrypted" in error_text(find(f"{front.host}/team/nginx:1", options))


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"token": 7}', b"<html>"])
def test_a_token_server_that_gives_none_is_an_error(front: Front, options: Options, answer: bytes) -> None:
    def rule(asked: Asked) -> Reply:
        if asked.path.startswith("/token"):
            return Reply(200, answer)
        return Reply(401, b"", {"WWW-Authenticate": f'Bearer realm="http://{front.host}/token"'})

    front.rule = rule
    assert "gave no token" in error_text(find(f"{front.host}/team/nginx:1", options))


class Internet:
    """Public registries on this machine: TLS, the hosts' own names, and a proxy that leads to the tests."""

    def __init__(self, registry: DockerRegistry, front: Front, tunnel: Tunnel) -> None:
        self.front = front
        self.tunnel = tunnel
        self.registry = registry

    @property
    def asked(self) -> set[tuple[str, str]]:
        """Host, and the kind of authorization it saw."""
        return {(asked.host, asked.headers.get("Authorization", "none").split()[0]) for asked in self.front.asked}


@pytest.fixture
def internet(
    locked_registry: DockerRegistry, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Internet]:
    with (
        Front(locked_registry.host, tls=certificate.server_context()) as front,
        Tunnel(front.port) as tunnel,
    ):
        monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.file))
        yield Internet(locked_registry, front, tunnel)


@pytest.mark.parametrize("image", ["httpd:1", "docker.io/httpd:1", "index.docker.io/library/httpd:1"])
def test_docker_hub_is_asked_by_its_own_names(
    internet: Internet, registry: DockerRegistry, options: Options, image: str
) -> None:
    """Labelled: the token server is the test's own; behind it is the real registry."""

    def rule(asked: Asked) -> Reply | None:
        if asked.host == "auth.docker.io":
            return Reply(200, b'{"token": "good"}')
        if asked.headers.get("Authorization") != "Bearer good":
            challenge = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'
            return Reply(401, b"", {"WWW-Authenticate": f'{challenge},scope="repository:library/httpd:pull"'})
        return open_registry.forward(asked)

    open_registry = Front(registry.host)
    internet.front.rule = rule
    found = known(find(image, options))
    assert found.command == ("library/httpd",)
    assert found.source == f"httpd@{found.digest} (registry)"
    assert internet.asked == {
        ("registry-1.docker.io", "none"),
        ("registry-1.docker.io", "Bearer"),
        ("auth.docker.io", "none"),
    }


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("Registry/web:1", "registry:443"),
        ("GHCR.io/team/web", "ghcr.io:443"),
        ("a.example:5000/web", "a.example:5000"),
    ],
)
def test_other_hosts_are_asked_by_theirs(internet: Internet, options: Options, image: str, host: str) -> None:
    assert error_text(find(image, options))
    assert set(internet.tunnel.hosts) == {host}


def test_no_proxy_is_asked_for_this_machine(
    registry: DockerRegistry, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for host in (registry.host, registry.host.replace("127.0.0.1", "localhost")):
        assert known(find(f"{host}/public/web:1", options))
    assert "the registry cannot be reached" in error_text(find("ghcr.io/team/web:1", options))


@pytest.mark.parametrize("by", ["file", "helper"])
def test_docker_hubs_login_has_a_key_of_its_own(
    internet: Internet, docker: Docker, options: Options, by: str
) -> None:
    key = "https://index.docker.io/v1/"
    docker.helper("tests", {key: (USER, PASSWORD)})
    if by == "file":
        docker.login(key)
    else:
        docker.config(credHelpers={"docker.io": "tests"})
    assert known(find("httpd:1", options)).command == ("library/httpd",)
    assert internet.asked == {("registry-1.docker.io", "none"), ("registry-1.docker.io", "Basic")}


def test_a_missing_login_for_docker_hub_is_plain_docker_login(internet: Internet, options: Options) -> None:
    assert "docker login; or answer by hand" in error_text(find("team/nginx:1", options))
    assert internet.tunnel.hosts == ["registry-1.docker.io:443"]


def test_ecr_is_opened_by_its_own_token(internet: Internet, options: Options) -> None:
    asked = []

    def ecr_token(region: str, account: str) -> tuple[str, str]:
        asked.append((region, account))
        return USER, PASSWORD

    found = find(f"{ECR}/team/nginx:1", dataclasses.replace(options, ecr_token=ecr_token))
    assert known(found).command == tuple(COMMAND)
    assert asked == [("eu-west-1", "123456789012")]
    assert internet.asked == {(ECR, "none"), (ECR, "Basic")}


@pytest.mark.usefixtures("internet")
def test_a_token_that_ecr_refuses_names_the_permissions(options: Options) -> None:
    text = error_text(
        find(f"{ECR}/team/nginx:1", dataclasses.replace(options, ecr_token=lambda *_: (USER, "expired")))
    )
    assert "ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer" in text


@pytest.mark.usefixtures("internet")
def test_without_aws_credentials_dockers_login_for_ecr_counts(docker: Docker, options: Options) -> None:
    def ecr_token(_region: str, _account: str) -> tuple[str, str]:
        raise FguardError("there are no AWS credentials", fix="run `aws configure sso`")

    options = dataclasses.replace(options, ecr_token=ecr_token)
    text = error_text(find(f"{ECR}/team/nginx:1", options))
    assert "there are no AWS credentials" in text
    assert "run `aws configure sso`; or answer by hand" in text
    docker.login(ECR)
    assert known(find(f"{ECR}/team/nginx:1", options)).command == tuple(COMMAND)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    certificate: Certificate, registry: DockerRegistry, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Front(registry.host, tls=certificate.server_context()) as front:
        text = error_text(find(f"{front.host}/team/nginx:1", options))
        assert "there is no trusted connection to the registry" in text
        assert "REQUESTS_CA_BUNDLE" in text
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.file))
        assert known(find(f"{front.host}/team/nginx:1", options)).command == tuple(COMMAND)

"""One storage with images; three registries: an open one, one that wants a password, one that wants tokens."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from fargate_guard.images import Options
from tests.images.certificates import Certificate, make_certificate
from tests.images.front import Asked, Front, Reply
from tests.images.looking_up import COMMAND, ENTRY, IDENTITY_TOKEN, Docker, NoWaiting
from tests.images.registry import HTPASSWD, PASSWORD, USER, DockerRegistry, Pusher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="session")
def registry(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Anyone may pull and push."""
    with DockerRegistry(tmp_path_factory.mktemp("open") / "registry", storage) as running:
        yield running


@pytest.fixture(scope="session")
def push(registry: DockerRegistry) -> Pusher:
    return Pusher(registry.host)


@pytest.fixture(scope="session")
def nginx(push: Pusher) -> str:
    """``team/nginx:1``; its digest."""
    return push.image("team/nginx", {"Entrypoint": ENTRY, "Cmd": COMMAND})


@pytest.fixture(scope="session")
def locked_registry(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """The same images, for USER with PASSWORD."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "the tests", "path": str(folder / "htpasswd")}}
    with DockerRegistry(folder / "registry", storage, auth) as running:
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(
        tmp_path_factory.mktemp("certificate"), "*.docker.io", "*.dkr.ecr.eu-west-1.amazonaws.com", "ghcr.io"
    )


@pytest.fixture(scope="session")
def token_server(certificate: Certificate) -> Iterator[Front]:
    """Gives pull tokens for ``public/…`` to everybody, for the rest to USER or for IDENTITY_TOKEN."""

    def answer(asked: Asked) -> Reply:
        query = parse_qs(asked.body.decode() if asked.method == "POST" else urlsplit(asked.path).query)
        scope = query["scope"][0]
        kind, name, _ = scope.split(":")
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        given = asked.headers.get("Authorization")
        known = given == f"Basic {login}" or query.get("refresh_token") == [IDENTITY_TOKEN]
        if given and not known:
            return Reply(401, b'{"details": "incorrect username or password"}')
        now = int(time.time())
        granted = [{"type": kind, "name": name, "actions": ["pull"]}] if known or "public/" in name else []
        claims = {"iss": "the tests", "sub": "", "aud": query["service"][0], "jti": "1", "access": granted}
        token = certificate.signed(claims | {"nbf": now - 60, "iat": now - 60, "exp": now + 600})
        field = "access_token" if asked.method == "POST" else "token"
        return Reply(200, json.dumps({field: token}).encode(), {"Content-Type": "application/json"})

    with Front() as server:
        server.rule = answer
        yield server


@pytest.fixture(scope="session")
def token_registry(
    storage: Path, token_server: Front, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerRegistry]:
    """The same images, for whoever has a token, as on Docker Hub."""
    auth = {
        "token": {
            "realm": f"http://{token_server.host}/token",
            "service": "registry of the tests",
            "issuer": "the tests",
            "rootcertbundle": str(certificate.file),
        }
    }
    with DockerRegistry(tmp_path_factory.mktemp("tokens") / "registry", storage, auth) as running:
        yield running


@pytest.fixture
def front(registry: DockerRegistry) -> Iterator[Front]:
    """In front of the open registry."""
    with Front(registry.host) as server:
        yield server


@pytest.fixture
def locked_front(locked_registry: DockerRegistry) -> Iterator[Front]:
    """In front of the registry that wants a password."""
    with Front(locked_registry.host) as server:
        yield server


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    return Docker(tmp_path)


@pytest.fixture
def options(tmp_path: Path, docker: Docker) -> Options:
    return Options(
        timeout=10,
        cache_folder=tmp_path / "cache",
        docker_config_folder=docker.folder,
        helper_path=str(docker.programs),
    )


@pytest.fixture
def no_waiting() -> NoWaiting:
    return NoWaiting()

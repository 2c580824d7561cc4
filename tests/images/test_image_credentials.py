"""Whose credentials open a registry, and where they never show."""

from __future__ import annotations

import base64
import dataclasses
import json
import logging
from typing import TYPE_CHECKING

import pytest

from fargate_guard.errors import FguardError
from fargate_guard.images import resolve
from fargate_guard.images.credentials import Credentials, ecr_registry
from tests.images.front import Asked, Front, Reply
from tests.images.looking_up import COMMAND, Docker, error_text, find, known, need
from tests.images.registry import PASSWORD, USER

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.images import Options
    from tests.images.registry import DockerRegistry, Pusher

SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry-AbCdEf"

pytestmark = pytest.mark.usefixtures("nginx")


@pytest.fixture
def image(locked_registry: DockerRegistry) -> str:
    return f"{locked_registry.host}/team/nginx:1"


def test_the_login_of_docker_opens_a_registry(
    locked_registry: DockerRegistry, image: str, docker: Docker, options: Options
) -> None:
    docker.login(locked_registry.host)
    assert known(find(image, options)).command == tuple(COMMAND)


def test_a_registry_that_wants_a_password_is_asked_for_its_wish_once(
    locked_front: Front, push: Pusher, docker: Docker, options: Options
) -> None:
    docker.login(locked_front.host)
    names = ["one", "two", "three"]
    for name in names:
        push.image(f"team/{name}", {"Cmd": [name]})
    one_by_one = dataclasses.replace(options, workers=1)

    found = resolve([need(f"{locked_front.host}/team/{name}:1") for name in names], options=one_by_one)

    assert [known(one).command for one in found] == [(name,) for name in names]
    assert len([asked for asked in locked_front.asked if "Authorization" not in asked.headers]) == 1


@pytest.mark.parametrize("key", ["{}", "https://{}", "https://{}/v1/", "http://{}/v2/"])
def test_logins_are_found_under_every_spelling_of_the_host(
    locked_registry: DockerRegistry, image: str, docker: Docker, options: Options, key: str
) -> None:
    docker.login(key.format(locked_registry.host))
    assert known(find(image, options))


def test_user_and_password_in_plain_fields_count_too(
    locked_registry: DockerRegistry, image: str, docker: Docker, options: Options
) -> None:
    docker.config(auths={locked_registry.host: {"username": USER, "password": PASSWORD}})
    assert known(find(image, options))


def test_no_login_says_how_to_log_in(locked_registry: DockerRegistry, image: str, options: Options) -> None:
    text = error_text(find(image, options))
    assert "the registry wants credentials, or has no such image" in text
    assert "HTTP 401 UNAUTHORIZED" in text
    assert f"docker login {locked_registry.host}; or answer by hand" in text


def test_a_login_for_another_host_is_not_sent(image: str, docker: Docker, options: Options) -> None:
    docker.login("127.0.0.1:1")
    assert "the registry wants credentials" in error_text(find(image, options))


def test_a_wrong_login_says_where_it_is_from_and_not_what_it_is(
    locked_registry: DockerRegistry, image: str, docker: Docker, options: Options
) -> None:
    docker.login(locked_registry.host, password="wrong-password")
    text = error_text(find(image, options))
    assert f"refuses the credentials of {docker.folder / 'config.json'}" in text
    assert f"docker login {locked_registry.host}" in text
    assert "wrong-password" not in text


@pytest.mark.parametrize("setting", ["credHelpers", "credsStore"])
def test_a_credential_helper_is_asked_once_for_all_images_of_its_registry(
    locked_registry: DockerRegistry, image: str, docker: Docker, options: Options, setting: str
) -> None:
    host = locked_registry.host
    docker.helper("tests", {host: (USER, PASSWORD)})
    docker.config(**{setting: {host: "tests"} if setting == "credHelpers" else "tests"}, auths={host: {}})
    needs = [need(image), need(image.replace(":1", ":no-such-tag"), container="other")]
    web, other = resolve(needs, options=options)
    assert known(web)
    assert "no such image" in error_text(other)
    assert docker.calls.read_text().splitlines() == [f"get {host}"]


def test_a_helper_that_knows_nothing_means_no_credentials(
    locked_registry: DockerRegistry, image: str, docker: Docker, options: Options
) -> None:
    docker.helper("tests", {})
    docker.config(credsStore="tests")
    assert f"docker login {locked_registry.host}" in error_text(find(image, options))


@pytest.mark.parametrize(
    ("helper", "why"),
    [
        ("not-there", "there is no such program"),
        ("../escape", "there is no such program"),
        ("broken", "its answer is not what helpers answer"),
        ("failing", "it ended with 3"),
    ],
)
def test_a_helper_that_fails_is_named(image: str, docker: Docker, options: Options, helper: str, why: str) -> None:
    for name, script in (("broken", "echo 0"), ("failing", "echo s3cret; exit 3")):
        (docker.programs / f"docker-credential-{name}").write_text(f"#!/bin/sh\n{script}\n")
        (docker.programs / f"docker-credential-{name}").chmod(0o755)
    docker.config(credsStore=helper)
    text = error_text(find(image, options))
    assert f"docker-credential-{helper} does not give the registry's credentials" in text
    assert why in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"auths": {"HOST": {"auth": "%%%"}}}', '{"auths": []}', '{"auths": {"HOST": 1}}']
)
def test_a_configuration_that_cannot_be_read_is_named(
    locked_registry: DockerRegistry, image: str, docker: Docker, options: Options, text: str
) -> None:
    (docker.folder / "config.json").write_text(text.replace("HOST", locked_registry.host))
    assert f"{docker.folder / 'config.json'} cannot be read" in error_text(find(image, options))


def test_no_configuration_is_read_where_the_registry_asks_for_nothing(
    registry: DockerRegistry, docker: Docker, options: Options
) -> None:
    docker.config(credsStore="not-there")
    assert known(find(f"{registry.host}/team/nginx:1", options))


def test_the_task_definitions_own_secret_wins(image: str, options: Options) -> None:
    asked = []

    def secret(arn: str) -> str:
        asked.append(arn)
        return json.dumps({"username": USER, "password": PASSWORD})

    needs = [need(image, secret=SECRET_ARN, container=name) for name in ("web", "worker")]
    needs.append(need(image, container="without"))
    web, worker, without = resolve(needs, options=dataclasses.replace(options, secret=secret))
    assert known(web) == known(worker)
    assert "wants credentials" in error_text(without)
    assert asked == [SECRET_ARN]


@pytest.mark.parametrize(
    "text", ["", "hunter2", '"hunter2"', '{"username": "hunter2"}', '{"username": "a", "password": 1}']
)
def test_a_secret_of_another_form_is_refused_without_showing_it(image: str, options: Options, text: str) -> None:
    found = find(image, dataclasses.replace(options, secret=lambda _: text), secret=SECRET_ARN)
    assert SECRET_ARN in error_text(found)
    assert "`username` and `password`" in error_text(found)
    assert "hunter2" not in error_text(found)


def test_a_secret_that_does_not_open_the_registry_is_named(image: str, options: Options) -> None:
    wrong = json.dumps({"username": USER, "password": "hunter2"})
    text = error_text(find(image, dataclasses.replace(options, secret=lambda _: wrong), secret=SECRET_ARN))
    assert f"refuses the credentials of repositoryCredentials ({SECRET_ARN})" in text
    assert "hunter2" not in text


def test_a_secret_may_be_given_by_its_name(image: str, options: Options) -> None:
    text = json.dumps({"username": USER, "password": PASSWORD})
    options = dataclasses.replace(options, secret={"team/registry": text}.__getitem__)
    assert known(find(image, options, secret="team/registry"))


def test_a_secret_that_only_the_deployed_template_knows_leaves_the_login_of_docker(
    locked_registry: DockerRegistry, image: str, docker: Docker, options: Options
) -> None:
    asked: list[str] = []
    options = dataclasses.replace(options, secret=lambda name: asked.append(name) or "")  # type: ignore[func-returns-value]
    text = error_text(find(image, options, secret="${Secret}"))
    assert "credentialsParameter is ${Secret}" in text
    assert "docker login" in text
    docker.login(locked_registry.host)
    assert known(find(image, options, secret="${Secret}"))
    assert not asked


def test_a_secret_that_may_not_be_read_gives_awss_reason(image: str, options: Options) -> None:
    def secret(arn: str) -> str:
        raise FguardError("the AWS credentials may not call it", where=arn, why="AccessDenied", fix="allow it")

    text = error_text(find(image, dataclasses.replace(options, secret=secret), secret=SECRET_ARN))
    assert "AccessDenied" in text
    assert "allow it; or answer by hand" in text


def test_a_reason_without_a_place_is_told_without_one(image: str, options: Options) -> None:
    def secret(_: str) -> str:
        raise FguardError("there are no AWS credentials", why="Unable to locate credentials")

    text = error_text(find(image, dataclasses.replace(options, secret=secret), secret=SECRET_ARN))
    assert "there are no AWS credentials: Unable to locate credentials" in text
    assert "None" not in text


def test_what_is_no_name_of_a_secret_is_not_told_as_a_function_of_a_template(image: str, options: Options) -> None:
    text = error_text(find(image, options, secret="my secret"))
    assert "neither an ARN nor a name" in text
    assert "credentialsParameter is my secret" in text
    assert "deployed" not in text


def test_credentials_stay_behind_when_blob_storage_is_elsewhere(
    locked_front: Front, docker: Docker, options: Options
) -> None:
    with Front() as storage:
        storage.rule = lambda asked: locked_front.forward(dataclasses.replace(asked, headers=authorized()))
        locked_front.rule = lambda asked: redirected(asked, storage)
        docker.login(locked_front.host)
        assert known(find(f"{locked_front.host}/team/nginx:1", options)).command == tuple(COMMAND)
    assert "Authorization" in locked_front.asked[-1].headers
    assert [("Authorization" in asked.headers, asked.method) for asked in storage.asked] == [(False, "GET")]


@pytest.mark.parametrize("challenge", ['Basic realm="give me"', 'Bearer realm="http://127.0.0.1:1/give-me"'])
@pytest.mark.parametrize("registry_is", ["open", "locked"])
def test_blob_storage_gets_no_credentials_by_asking_for_them(
    front: Front, locked_front: Front, docker: Docker, options: Options, registry_is: str, challenge: str
) -> None:
    before = front if registry_is == "open" else locked_front
    with Front() as storage:
        storage.rule = lambda _: Reply(401, b"", {"WWW-Authenticate": challenge})
        before.rule = lambda asked: redirected(asked, storage, authorized=before is locked_front)
        docker.login(before.host)
        assert f"{storage.host}: HTTP 401" in error_text(find(f"{before.host}/team/nginx:1", options))
        assert [asked.method for asked in storage.asked] == ["GET"]
        assert "Authorization" not in storage.asked[0].headers


def test_the_users_netrc_is_not_used(
    locked_registry: DockerRegistry, image: str, options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {locked_registry.host.split(':')[0]} login {USER} password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert "the registry wants credentials" in error_text(find(image, options))


def test_a_registry_that_repeats_the_password_is_not_quoted(
    front: Front, docker: Docker, options: Options
) -> None:
    def rule(asked: Asked) -> Reply:
        if "Authorization" not in asked.headers:
            return Reply(401, b"", {"WWW-Authenticate": "Basic realm=x"})
        message = f"user {USER} with {PASSWORD} may not"
        return Reply(403, json.dumps({"errors": [{"code": "DENIED", "message": message}]}).encode())

    front.rule = rule
    docker.login(front.host)
    text = error_text(find(f"{front.host}/team/nginx:1", options))
    assert "HTTP 403 DENIED: user puller with *** may not" in text


def test_credentials_are_in_no_log_no_text_and_no_cache(
    locked_registry: DockerRegistry,
    image: str,
    docker: Docker,
    options: Options,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    docker.login(locked_registry.host)
    with caplog.at_level(logging.DEBUG):
        assert known(find(image, options))
    assert options.cache_folder
    kept = "".join(file.read_text() for file in options.cache_folder.iterdir())
    encoded = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    shown = caplog.text + kept + repr(Credentials(USER, PASSWORD, "a-token"))
    assert "GET" in caplog.text
    assert capfd.readouterr() == ("", "")
    assert not [secret for secret in (PASSWORD, encoded, "a-token") if secret in shown]


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1"),
        ("123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1"),
        ("public.ecr.aws", None),
        ("12.dkr.ecr.eu-west-1.amazonaws.com", None),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example", None),
        ("evil.example.123456789012.dkr.ecr.eu-west-1.amazonaws.com", None),
    ],
)
def test_only_ecrs_own_hosts_get_ecrs_token(host: str, region: str | None) -> None:
    found = ecr_registry(host)
    assert (found and found.region) == region
    assert found is None or found.account == "123456789012"


def authorized() -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


def redirected(asked: Asked, storage: Front, *, authorized: bool = True) -> Reply | None:
    if "/blobs/" not in asked.path or (authorized and "Authorization" not in asked.headers):
        return None
    return Reply(307, b"", {"Location": f"http://{storage.host}{asked.path}"})

"""TLS to Sysdig Secure through a real proxy: names are the proxy's to resolve, only Sysdig sees the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fargate_guard.errors import ExitCode, FguardError
from fargate_guard.sysdig.events import READ_EVENTS, SUPPORTED_FILTERS
from fargate_guard.sysdig.transport import Transport
from tests.images.certificates import make_certificate
from tests.sysdig.conftest import client_of
from tests.sysdig.connect_proxy import ConnectProxy
from tests.sysdig_api.events_routes import EventStore, events_routes
from tests.sysdig_api.server import READER, SecureApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.images.certificates import Certificate
    from tests.sysdig.conftest import PatientClock

HOST = "sysdig.example.test"
LOGIN = "Basic dXNlcjpwYXNz"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"), HOST)


@pytest.fixture(scope="module")
def secure(certificate: Certificate) -> Iterator[SecureApi]:
    with SecureApi(tls=certificate.server_context()) as api:
        api.add(events_routes(EventStore()))
        yield api


@pytest.fixture
def proxy(secure: SecureApi) -> Iterator[ConnectProxy]:
    with ConnectProxy(secure.port) as running:
        yield running


def ask(clock: PatientClock, transport: Transport, host: str = HOST) -> object:
    return client_of(f"https://{host}", clock, transport=transport).get(SUPPORTED_FILTERS, permission=READ_EVENTS)


def refused(clock: PatientClock, transport: Transport, host: str = HOST) -> FguardError:
    with pytest.raises(FguardError) as caught:
        ask(clock, transport, host)
    assert clock.waits == [], "waiting mends none of these"
    return caught.value


def test_the_configured_proxy_is_used_and_never_sees_the_token(
    clock: PatientClock, secure: SecureApi, proxy: ConnectProxy, certificate: Certificate
) -> None:
    assert ask(clock, Transport(ca_file=str(certificate.file), proxy=proxy.url))
    assert proxy.asked == [f"{HOST}:443"]
    assert secure.asked[-1].headers["Authorization"] == f"Bearer {READER}"
    assert "Proxy-Authorization" not in secure.asked[-1].headers


def test_the_environment_s_proxy_is_used_and_may_want_a_log_in(
    clock: PatientClock, secure: SecureApi, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = Transport(ca_file=str(certificate.file))
    with ConnectProxy(secure.port, login=LOGIN) as strict:
        monkeypatch.setenv("HTTPS_PROXY", strict.url)
        error = refused(clock, trusted)
        assert error.message == "the proxy wants a log-in"
        assert "HTTPS_PROXY=http://USER:PASSWORD@" in (error.fix or "")
        monkeypatch.setenv("HTTPS_PROXY", strict.url.replace("//", "//user:pass@"))
        assert ask(clock, trusted)
        assert strict.asked == [f"{HOST}:443", f"{HOST}:443 {LOGIN}"]


def test_a_certificate_of_another_host_is_told_as_such(
    clock: PatientClock, proxy: ConnectProxy, certificate: Certificate
) -> None:
    error = refused(clock, Transport(ca_file=str(certificate.file), proxy=proxy.url), "other.example.test")
    assert "certificate of other.example.test is not trusted" in error.message
    assert "the certificate is of another host" in (error.fix or "")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_authorities_that_is_none_is_named(
    clock: PatientClock, proxy: ConnectProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    error = refused(clock, Transport(ca_file=str(file), proxy=proxy.url))
    assert "certificate authorities cannot be used" in error.message
    assert error.where == str(file)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    assert "REQUESTS_CA_BUNDLE" in (refused(clock, Transport(proxy=proxy.url)).where or "")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:pass/word@proxy.example.test:3128",
        "http://user:password@proxy.example.test:99999999",
        "http://user:password@[bad",
        "user:password@proxy.example.test:3128",
        "socks5://user:password@proxy.example.test",
    ],
)
def test_a_proxy_whose_url_is_none_is_told_without_its_password(
    clock: PatientClock, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    error = refused(clock, Transport())
    assert error.message == "the URL of the proxy cannot be used"
    assert error.exit_code == ExitCode.PREFLIGHT_REFUSED
    assert "pass" not in f"{error.where}{error.why}{error.fix}".replace("PASSWORD", "")

"""What a user reads when Sysdig Secure does not answer as it should."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.config.sysdig import SECURE_URLS
from fargate_guard.errors import ExitCode, FguardError
from fargate_guard.sysdig.address import Address
from fargate_guard.sysdig.client import SecureClient
from fargate_guard.sysdig.errors import (
    AddressError,
    BrokenAnswer,
    Overloaded,
    PermissionMissing,
    TokenError,
    Unreachable,
)
from fargate_guard.sysdig.events import READ_EVENTS, SUPPORTED_FILTERS
from fargate_guard.sysdig.refusals import Reply, refusal
from fargate_guard.sysdig.token import Token
from fargate_guard.sysdig.transport import Transport
from tests.images.certificates import make_certificate
from tests.sysdig.conftest import client_of
from tests.sysdig_api import interferences as wrong
from tests.sysdig_api.events_routes import EventStore, events_routes
from tests.sysdig_api.server import READER, STRANGER, Asked, Route, SecureApi

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sysdig.conftest import PatientClock


def ask(client: SecureClient) -> Any:
    return client.get(SUPPORTED_FILTERS, permission=READ_EVENTS)


def failure(client: SecureClient) -> FguardError:
    with pytest.raises(FguardError) as caught:
        ask(client)
    return caught.value


def test_the_token_travels_as_a_bearer_and_nowhere_else(
    api: SecureApi, client: SecureClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert ask(client)["data"]
    (asked,) = api.asked
    assert asked.headers["Authorization"] == f"Bearer {client.token.value}"
    assert client.token.value not in repr(client.token)


def test_a_token_of_another_region_is_answered_with_the_hosts_of_all_others() -> None:
    reply = Reply(401, {"Content-Type": "application/json"}, b'{"message": "Access denied."}', "GET /x")
    error = refusal(reply, Address(SECURE_URLS["us1"], "sysdig.region"), READ_EVENTS, "SYSDIG_SECURE_TOKEN")
    assert isinstance(error, TokenError)
    assert error.exit_code == ExitCode.PREFLIGHT_REFUSED
    assert "secure.sysdig.com" in (error.where or "")
    assert "SYSDIG_SECURE_TOKEN" in (error.why or "")
    assert ".." not in (error.why or "")
    assert all(
        url.removeprefix("https://") in (error.fix or "") for name, url in SECURE_URLS.items() if name != "us1"
    )


def test_a_token_of_ibm_s_cloud_that_is_refused_is_told_as_what_it_is() -> None:
    reply = Reply(401, {"Content-Type": "application/json"}, b"{}", "GET /x")
    ibm = Address("https://us-south.security-compliance-secure.cloud.ibm.com", "sysdig.api.url")
    fix = refusal(reply, ibm, READ_EVENTS, "FGUARD_SYSDIG_TOKEN").fix or ""
    assert "IAM token, which is valid for an hour" in fix
    assert "sysdig.api.ibm_instance_id" in fix


def test_a_token_that_is_not_accepted_is_never_shown(api: SecureApi, clock: PatientClock) -> None:
    error = failure(client_of(api.url, clock, token="of-another-region"))
    assert "does not accept the API token" in error.message
    assert "Access denied." in (error.why or "")
    assert "of-another-region" not in f"{error.message}{error.why}{error.fix}{error.where}"
    assert len(api.asked) == 1


def test_a_missing_permission_is_named(api: SecureApi, clock: PatientClock) -> None:
    error = failure(client_of(api.url, clock, token=STRANGER))
    assert isinstance(error, PermissionMissing)
    assert error.permission == "policy-events.read"
    assert "policy-events.read" in error.message
    assert "Not enough privileges" in (error.why or "")


@pytest.mark.parametrize("location", ["http://[bad", "https://h:99999999/", "//[::1"])
def test_a_redirect_to_what_is_no_address_is_told(api: SecureApi, client: SecureClient, location: str) -> None:
    api.interfere(wrong.redirecting(location))
    error = failure(client)
    assert isinstance(error, BrokenAnswer)
    assert location in (error.why or "")


def test_headers_with_endless_numbers_do_no_harm(api: SecureApi, client: SecureClient) -> None:
    limit = wrong.Answer(200, b'{"data": []}', {"X-RateLimit-Limit": "9" * 5000})
    api.interfere(wrong.answering(limit))
    assert ask(client) == {"data": []}
    api.interfere(wrong.too_many_requests("9" * 5000))
    assert len(failure(client).why or "") < 200


def test_retry_after_is_waited_for(api: SecureApi, client: SecureClient, clock: PatientClock) -> None:
    api.interfere(wrong.too_many_requests(7))
    api.interfere(wrong.too_many_requests(None))
    assert ask(client)["data"]
    assert clock.waits == [7, 1]


def test_a_wait_that_is_too_long_is_told_instead(
    api: SecureApi, client: SecureClient, clock: PatientClock
) -> None:
    api.interfere(wrong.too_many_requests(3600))
    error = failure(client)
    assert isinstance(error, Overloaded)
    assert "wait 3600 s" in (error.why or "")
    assert clock.waits == []


@pytest.mark.parametrize("interference", [wrong.failing(500), wrong.failing(503), wrong.reset, wrong.cut_off])
def test_a_failure_that_passes_is_not_noticed(
    api: SecureApi, client: SecureClient, interference: wrong.Interference
) -> None:
    ask(client)
    api.interfere(interference, times=2)
    assert ask(client)["data"]


def test_a_failure_that_stays_is_told(api: SecureApi, client: SecureClient, clock: PatientClock) -> None:
    api.interfere(wrong.failing(502), times=20)
    error = failure(client)
    assert isinstance(error, Overloaded)
    assert "502" in (error.why or "")
    assert clock.waits == [0.5, 1, 2, 4]


def test_only_a_get_is_ever_tried_again(client: SecureClient, api: SecureApi) -> None:
    api.interfere(wrong.failing(503))
    with pytest.raises(Overloaded):
        client.change("POST", SUPPORTED_FILTERS, {"a": 1}, permission=READ_EVENTS)
    api.interfere(wrong.reset)
    with pytest.raises(Unreachable):
        client.change("POST", SUPPORTED_FILTERS, {"a": 1}, permission=READ_EVENTS)
    assert [json.loads(asked.body) for asked in api.asked] == [{"a": 1}, {"a": 1}]


def test_a_web_page_instead_of_json_is_a_wrong_url_or_a_proxy(api: SecureApi, client: SecureClient) -> None:
    for status in (200, 403):
        api.interfere(wrong.login_page(status))
        error = failure(client)
        assert isinstance(error, AddressError)
        assert "web page" in error.message
        assert "Sign in to Example Proxy" in (error.why or "")
        assert client.address.url in (error.fix or "")


@pytest.mark.parametrize("body", [b'{"data": [', b"", b"[]", b"{}", b'{"data": {}}', b"nul", b"\xff\xfe"])
def test_an_answer_that_is_not_as_documented_is_said_to_be_so(
    api: SecureApi, client: SecureClient, body: bytes
) -> None:
    from fargate_guard.sysdig.events import accepted

    api.interfere(wrong.saying(body))
    with pytest.raises(BrokenAnswer) as caught:
        accepted(client, 'severity = "1"')
    assert "answer" in caught.value.message


def test_a_slow_answer_ends_with_the_time_that_was_allowed(api: SecureApi, clock: PatientClock) -> None:
    api.interfere(wrong.slow, times=2)
    error = failure(client_of(api.url, clock, transport=Transport(answer_seconds=0.05)))
    assert isinstance(error, Unreachable)
    assert "did not answer within 0.05 s" in error.message


def test_a_redirect_to_another_region_is_told_and_the_token_stays_here(
    api: SecureApi, client: SecureClient
) -> None:
    api.interfere(wrong.redirecting("https://eu1.app.sysdig.com/secure/events/v1/supported-filters"))
    error = failure(client)
    assert isinstance(error, AddressError)
    assert "--sysdig-region eu1" in (error.fix or "")


def test_a_redirect_to_another_host_or_port_is_not_followed(api: SecureApi, client: SecureClient) -> None:
    with SecureApi() as other:
        other.add(events_routes(EventStore()))
        for location in (f"{other.url}{SUPPORTED_FILTERS}", f"//localhost:{other.port}/x"):
            api.interfere(wrong.redirecting(location))
            assert "another address" in failure(client).message
        assert other.asked == []


def test_a_redirect_on_the_same_host_is_followed_but_not_in_circles(api: SecureApi, client: SecureClient) -> None:
    api.interfere(wrong.redirecting(SUPPORTED_FILTERS))
    assert ask(client)["data"]
    api.interfere(wrong.redirecting(SUPPORTED_FILTERS), times=10)
    assert "circle" in failure(client).message


def test_nobody_listening_is_told_soon(clock: PatientClock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = failure(client_of(f"http://127.0.0.1:{taken.getsockname()[1]}", clock))
    assert isinstance(error, Unreachable)
    assert "refused" in (error.why or "").lower()
    assert len(clock.waits) == 1


def test_a_time_out_before_the_first_answer_is_told_at_once(
    api: SecureApi, client: SecureClient, clock: PatientClock
) -> None:
    def late(handler: Any, stopping: threading.Event) -> None:
        clock.now += 30
        wrong.reset(handler, stopping)

    api.interfere(late, times=2)
    assert isinstance(failure(client), Unreachable)
    assert (len(api.asked), clock.waits) == (1, [])
    api.forget()
    assert ask(client)["data"]
    api.interfere(late)
    assert ask(client)["data"], "afterwards the address is known to be right"


def test_a_host_that_does_not_exist_is_named(clock: PatientClock, api: SecureApi) -> None:
    error = failure(client_of("https://secure.sysdig.invalid", clock, transport=Transport(connect_seconds=5)))
    assert "there is no host secure.sysdig.invalid" in error.message
    assert "sysdig.api.url" in (error.fix or "")
    assert api.asked == []


def test_a_proxy_that_is_not_there_is_named(clock: PatientClock) -> None:
    proxy = Transport(proxy="http://127.0.0.1:9", connect_seconds=5)
    error = failure(client_of("https://secure.sysdig.invalid", clock, transport=proxy))
    assert "proxy" in error.message
    assert "sysdig.api.proxy" in (error.fix or "")


@pytest.fixture(scope="module")
def certificate_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SecureApi]]:
    certificate = make_certificate(tmp_path_factory.mktemp("tls"))
    with SecureApi(tls=certificate.server_context()) as api:
        api.add(events_routes(EventStore()))
        yield certificate.file, api


def test_a_certificate_of_one_s_own_is_trusted_when_named(
    certificate_file: tuple[Path, SecureApi], clock: PatientClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, api = certificate_file
    error = failure(client_of(api.url, clock))
    assert "certificate of 127.0.0.1 is not trusted" in error.message
    assert "sysdig.api.ca_file" in (error.fix or "")
    assert clock.waits == []
    assert ask(client_of(api.url, clock, transport=Transport(ca_file=str(file))))["data"]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    assert ask(client_of(api.url, clock))["data"]


def test_this_machine_is_never_asked_through_a_proxy(
    api: SecureApi, client: SecureClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert ask(client)["data"]
    assert len(api.asked) == 1


def test_sysdig_s_clock_and_limit_are_taken_from_its_answers(
    api: SecureApi, client: SecureClient, clock: PatientClock
) -> None:
    api.wall, api.clock_ahead, api.per_minute = clock.wall, 300.0, 120
    assert client.per_minute is None
    ask(client)
    assert client.per_minute == 120
    assert abs(client.now() - clock.nanoseconds - 300 * 10**9) <= 10**9, "a Date has whole seconds"


def test_what_ibm_s_cloud_wants_is_sent_with_every_request(api: SecureApi, clock: PatientClock) -> None:
    ask(client_of(api.url, clock, transport=Transport(headers=(("IBMInstanceID", "1234abcd"),))))
    assert api.asked[0].headers["IBMInstanceID"] == "1234abcd"


def test_a_change_returns_what_is_answered(api: SecureApi, client: SecureClient) -> None:
    def made(asked: Asked, _: Any) -> Any:
        return {"made": json.loads(asked.body)}

    api.add([Route("POST", "/made", made, READ_EVENTS)])
    assert client.change("POST", "/made", [1], permission=READ_EVENTS) == {"made": [1]}


def test_a_change_that_is_not_accepted_is_sent_again_with_a_token_that_others_renewed(api: SecureApi) -> None:
    def made(_: Asked, __: Any) -> Any:
        return {"made": True}

    api.add([Route("PUT", "/renewed", made, READ_EVENTS)])
    source, tokens = "sysdig.api.token", ["renewed-elsewhere", "renewed-elsewhere", READER]
    client = SecureClient(
        Address(api.url, source),
        Token("of-yesterday", source),
        Transport(),
        renewed=lambda: Token(tokens.pop(0), source),
    )
    with pytest.raises(TokenError):
        client.change("PUT", "/renewed", permission=READ_EVENTS)
    with pytest.raises(TokenError):
        client.change("PUT", "/renewed", permission=READ_EVENTS)
    assert client.change("PUT", "/renewed", permission=READ_EVENTS) == {"made": True}
    assert len(api.asked) == 2 + 1 + 2

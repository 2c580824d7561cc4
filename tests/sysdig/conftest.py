"""A stand-in for Sysdig Secure on loopback, and a client whose clock only moves when somebody waits."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from fargate_guard.sysdig.address import Address
from fargate_guard.sysdig.client import Clock, SecureClient
from fargate_guard.sysdig.token import Token
from fargate_guard.sysdig.transport import Transport
from tests.sysdig_api.events_routes import EventStore, events_routes
from tests.sysdig_api.rules_routes import EDIT, EDITOR, READ, RuleStore, rules_routes
from tests.sysdig_api.server import PER_MINUTE, READER, SecureApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class PatientClock:
    """Time passes only while somebody waits; what is planned happens on the way."""

    def __init__(self) -> None:
        self.now = time.time()
        self.waits: list[float] = []

    def wall(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    @property
    def nanoseconds(self) -> int:
        return int(self.now * 1e9)


@pytest.fixture(scope="module")
def store() -> EventStore:
    return EventStore()


@pytest.fixture(scope="module")
def rule_store() -> RuleStore:
    return RuleStore()


@pytest.fixture(scope="module")
def running_api(store: EventStore, rule_store: RuleStore) -> Iterator[SecureApi]:
    with SecureApi() as running:
        running.add(events_routes(store))
        running.add(rules_routes(rule_store))
        running.tokens[EDITOR] = frozenset({READ, EDIT, "policies.read", "policy-events.read"})
        yield running


PERSONAL = ("AWS_", "FGUARD_", "SYSDIG_", "REQUESTS_", "CURL_")


@pytest.fixture(autouse=True)
def nobody_s_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stay away from the developer's own settings and proxies."""
    for name in os.environ:
        if name.startswith(PERSONAL) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def api(running_api: SecureApi, store: EventStore, rule_store: RuleStore) -> Iterator[SecureApi]:
    """Nothing has been asked, and there is no event, no policy and no rule."""
    yield running_api
    running_api.forget()
    running_api.per_minute = PER_MINUTE
    running_api.clock_ahead = 0.0
    running_api.wall = time.time
    store.clear()
    rule_store.clear()


@pytest.fixture
def clock() -> PatientClock:
    return PatientClock()


@pytest.fixture
def client(api: SecureApi, clock: PatientClock) -> SecureClient:
    return client_of(api.url, clock)


def client_of(
    url: str,
    clock: PatientClock,
    *,
    token: str = READER,
    transport: Transport | None = None,
    waiting: Callable[[float, str], None] | None = None,
) -> SecureClient:
    return SecureClient(
        Address(url, "sysdig.api.url"),
        Token(token, "FGUARD_SYSDIG_TOKEN"),
        transport or Transport(),
        clock=Clock(clock.wall, clock.sleep),
        waiting=waiting,
    )

"""The stand-in for Sysdig Secure refuses what the API's description does not allow."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.sysdig_api.events_routes import EventStore, events_routes
from tests.sysdig_api.filter_grammar import BadFilter, parse
from tests.sysdig_api.interferences import too_many_requests
from tests.sysdig_api.made_events import TASK, fargate_event
from tests.sysdig_api.server import READER, STRANGER, SecureApi

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = time.time_ns()
WINDOW: dict[str, Any] = {"from": NOW - 10**12, "to": NOW}
LIST = "/secure/events/v1/events"


@pytest.fixture(scope="module")
def api() -> Iterator[SecureApi]:
    store = EventStore()
    store.publish(fargate_event(NOW - number * 10**9, severity=number % 8) for number in range(60))
    with SecureApi() as running:
        running.add(events_routes(store))
        yield running


def ask(
    api: SecureApi, path: str = LIST, token: str | None = READER, **query: Any
) -> tuple[int, Any, dict[str, str]]:
    query = {name.rstrip("_"): value for name, value in query.items()}
    request = urllib.request.Request(f"{api.url}{path}?{urllib.parse.urlencode(query)}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response), dict(response.headers)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused), dict(refused.headers)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({**WINDOW, "size": 3}, "unknown query parameter size"),
        ({**WINDOW, "limit": 201}, "between 1 and 200"),
        ({**WINDOW, "limit": 0}, "between 1 and 200"),
        ({**WINDOW, "filter": "severity<=3"}, "must be in double quotes"),
        ({**WINDOW, "filter": 'colour = "red"'}, "colour is not supported"),
        ({**WINDOW, "filter": 'ruleName > "a"'}, "does not support >"),
        ({**WINDOW, "filter": 'ruleName = "a" and'}, "ends where"),
        ({**WINDOW, "filter": 'ruleName = "a'}, "unexpected character"),
        ({**WINDOW, "cursor": "x"}, "mutually exclusive"),
        ({"cursor": "x"}, "invalid cursor"),
        ({"from": NOW - 10}, "are required"),
        ({}, "are required"),
        ({"from": NOW // 10**9 - 60, "to": NOW // 10**9}, "in nanoseconds"),
        ({"from": NOW - 15 * 24 * 3600 * 10**9, "to": NOW}, "two weeks"),
        ({"from": NOW, "to": NOW - 1}, "from is after to"),
    ],
)
def test_what_is_not_documented_is_a_400_with_the_documented_body(
    api: SecureApi, query: dict[str, Any], says: str
) -> None:
    status, error, headers = ask(api, **query)
    assert status == 400
    assert error.keys() == {"type", "message", "details"}
    assert says in error["message"]
    assert headers["X-RateLimit-Limit"]


def test_a_bad_token_is_401_and_one_without_the_permission_403(api: SecureApi) -> None:
    assert ask(api, token=None, **WINDOW)[0] == 401
    assert ask(api, token="of-another-region", **WINDOW)[0] == 401
    status, error, _ = ask(api, token=STRANGER, **WINDOW)
    assert (status, error["message"]) == (403, "Not enough privileges to complete the action.")


def test_pages_are_newest_first_and_the_last_one_has_no_next(api: SecureApi) -> None:
    _, page, _ = ask(api, **WINDOW)
    assert len(page["data"]) == 25
    assert page["page"]["total"] == 60
    seen = [event["timestamp"] for event in page["data"]]
    while "next" in page["page"]:
        _, page, _ = ask(api, cursor=page["page"]["next"], limit=20)
        seen += [event["timestamp"] for event in page["data"]]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 60


def test_one_event_by_its_id_and_the_attributes_that_filters_may_name(api: SecureApi) -> None:
    event = ask(api, **WINDOW)[1]["data"][0]
    assert ask(api, f"{LIST}/{event['id']}")[1]["id"] == event["id"]
    assert ask(api, f"{LIST}/nothing")[0] == 404
    supported = ask(api, "/secure/events/v1/supported-filters")[1]["data"]
    assert {"id", "type", "operands"} <= supported[0].keys()


def test_too_many_requests_are_429_with_the_seconds_to_wait(api: SecureApi) -> None:
    api.interfere(too_many_requests(retry_after=7))
    status, _, headers = ask(api, **WINDOW)
    assert (status, headers["Retry-After"]) == (429, "7")
    allowed, api.per_minute = api.per_minute, 0
    api.forget()
    api.per_minute = 1
    try:
        assert [ask(api, **WINDOW)[0] for _ in range(2)] == [200, 429]
    finally:
        api.per_minute = allowed
        api.forget()


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('severity in ("3", "4")', True),
        ('severity < "3"', False),
        ('severity >= "3" and not (ruleName contains "shell" or ruleName startsWith "Read")', True),
        ('aws.fargate.task.arn exists and container.name != "other"', True),
        (f'aws.fargate.task.arn = "{TASK}"', True),
        ('freeText = "binary dir"', True),
        ('ruleName = "say \\"hi\\""', False),
        ('kubernetes.cluster.name exists or ruleName = "Write below binary dir"', True),
    ],
)
def test_the_filter_language_is_applied(text: str, holds: bool) -> None:
    from tests.sysdig_api.events_routes import ATTRIBUTES

    assert parse(text, ATTRIBUTES)(fargate_event(NOW)) is holds


@pytest.mark.parametrize("text", ['= "a"', 'ruleName "a"', 'ruleName in "a"', '(ruleName = "a"', "ruleName = 'a'"])
def test_what_is_not_in_the_filter_language_is_refused(text: str) -> None:
    from tests.sysdig_api.events_routes import ATTRIBUTES

    with pytest.raises(BadFilter):
        parse(text, ATTRIBUTES)

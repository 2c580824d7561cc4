"""Every event of a window, each once, whatever the pages do; and filters that never hide what was asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fargate_guard.sysdig.errors import BadRequest, BrokenAnswer
from fargate_guard.sysdig.event import Event
from fargate_guard.sysdig.events import (
    EVENTS,
    LONGEST_WINDOW,
    SECOND,
    SUPPORTED_FILTERS,
    Window,
    read_events,
    supported_filters,
)
from fargate_guard.sysdig.filters import Wanted, quoted
from tests.sysdig_api import interferences as wrong
from tests.sysdig_api.events_routes import ATTRIBUTES
from tests.sysdig_api.filter_grammar import parse
from tests.sysdig_api.made_events import CLUSTER, TASK, fargate_event

if TYPE_CHECKING:
    from fargate_guard.sysdig.client import SecureClient
    from tests.sysdig_api.events_routes import EventStore
    from tests.sysdig_api.server import SecureApi

NOW = time.time_ns()
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def ids(client: SecureClient, window: Window, filter_text: str | None = None, **more: Any) -> list[str]:
    return [event.event_id for event in read_events(client, window, filter_text, **more)]


def expected(store: EventStore, window: Window) -> list[str]:
    return [event["id"] for event in store.newest_first() if window.start <= event["timestamp"] <= window.end]


@pytest.fixture
def many(store: EventStore, api: SecureApi) -> EventStore:  # noqa: ARG001 - clears the store afterwards
    """Events around the window, before and after it, in it several pages, some at the very same nanosecond."""
    store.publish(fargate_event(NOW - number * HOUR // 500 - HOUR) for number in range(520))
    store.publish(fargate_event(NOW - HOUR - HOUR // 2) for _ in range(30))
    store.publish([fargate_event(NOW - 5 * HOUR), fargate_event(NOW)])
    return store


WINDOW = Window(NOW - 2 * HOUR, NOW - HOUR)


@pytest.mark.parametrize("page_size", [1, 7, 25, 200])
def test_all_events_of_the_window_come_once_newest_first(
    many: EventStore, client: SecureClient, page_size: int
) -> None:
    window = Window(NOW - HOUR - HOUR // 8, NOW - HOUR) if page_size == 1 else WINDOW
    assert ids(client, window, page_size=page_size) == expected(many, window)


def test_a_window_of_many_weeks_is_asked_in_parts(store: EventStore, api: SecureApi, client: SecureClient) -> None:
    store.publish(fargate_event(NOW - number * DAY) for number in range(60))
    store.publish([fargate_event(NOW - LONGEST_WINDOW), fargate_event(NOW - 2 * LONGEST_WINDOW)])
    window = Window(NOW - 50 * DAY, NOW)
    assert ids(client, window) == expected(store, window)
    spans = [asked.parameters() for asked in api.asked if "from" in asked.parameters()]
    assert len(spans) == 4
    assert all(int(one["to"]) - int(one["from"]) <= LONGEST_WINDOW for one in spans)


@pytest.mark.parametrize("after", [1, 2])
def test_a_cursor_that_expires_costs_no_event(
    many: EventStore, client: SecureClient, api: SecureApi, after: int
) -> None:
    events = read_events(client, WINDOW, None)
    seen = [next(events).event_id for _ in range(200 * after - 100)]
    many.generation += 1
    seen += [event.event_id for event in events]
    assert seen == expected(many, WINDOW)
    assert any("from" in asked.parameters() for asked in api.asked[after:])


def test_a_cursor_that_expires_for_ever_is_told(many: EventStore, client: SecureClient) -> None:
    instant = next(
        event["timestamp"] for event in many.newest_first() if event["timestamp"] == NOW - HOUR - HOUR // 2
    )
    events = read_events(client, Window(instant, instant), None, page_size=10)
    next(events)
    many.generation += 1
    with pytest.raises(BadRequest, match="does not understand"):
        list(events)


def test_an_empty_page_that_leads_on_is_not_the_end(client: SecureClient, api: SecureApi) -> None:
    event = fargate_event(NOW)
    for page in ({"page": {"next": "a"}, "data": []}, {"page": {"next": "b"}, "data": []}):
        api.interfere(wrong.answering(wrong.json_answer(200, page)), path=EVENTS)
    api.interfere(wrong.answering(wrong.json_answer(200, {"page": {}, "data": [event]})), path=EVENTS)
    assert ids(client, Window(NOW - HOUR, NOW)) == [event["id"]]


def test_empty_pages_without_end_are_told(client: SecureClient, api: SecureApi) -> None:
    for number in range(99):
        page = wrong.json_answer(200, {"page": {"next": f"page {number}"}, "data": []})
        api.interfere(wrong.answering(page), path=EVENTS)
    with pytest.raises(BrokenAnswer, match="no end"):
        ids(client, Window(NOW - HOUR, NOW))


def test_pages_that_lead_in_a_circle_are_told(client: SecureClient, api: SecureApi) -> None:
    page = wrong.json_answer(200, {"page": {"total": 2, "next": "again"}, "data": [fargate_event(NOW)]})
    api.interfere(wrong.answering(page), times=3, path=EVENTS)
    with pytest.raises(BrokenAnswer, match="circle"):
        list(read_events(client, Window(NOW - HOUR, NOW), None))


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"data": []}, "no page"),
        ({"page": {"total": 0}}, "no data"),
        ({"page": {}, "data": [{"severity": 3}]}, "without id or time stamp"),
        ({"page": {}, "data": [{"id": "a", "timestamp": 10**30}]}, "without id or time stamp"),
        ({"page": {}, "data": ["text"]}, "no object"),
    ],
)
def test_a_page_that_lacks_something_is_told(
    client: SecureClient, api: SecureApi, document: Any, says: str
) -> None:
    api.interfere(wrong.answering(wrong.json_answer(200, document)))
    with pytest.raises(BrokenAnswer, match=says):
        list(read_events(client, Window(NOW - HOUR, NOW), None))


def test_an_event_keeps_what_is_not_known(client: SecureClient, store: EventStore) -> None:
    sent = fargate_event(NOW, brandNew={"a": [1]})
    store.publish([sent])
    (event,) = read_events(client, Window(NOW, NOW), None)
    assert event.raw["brandNew"] == {"a": [1]}
    assert (event.task_arn, event.cluster_arn) == (TASK, CLUSTER)
    assert (event.rule, event.level, event.container) == ("Write below binary dir", "high", "writer")
    assert event.image == "public.ecr.aws/example/writer:1.0"


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        *((0, "high"), (3, "high"), (4, "medium"), (5, "medium"), (6, "low"), (7, "info"), ("3", "high")),
        *((8, "unknown"), (-1, "unknown"), (None, "unknown"), ("high", "unknown"), (True, "unknown")),
    ],
)
def test_severities_have_sysdig_s_names_and_an_unknown_one_is_never_hidden(severity: Any, level: str) -> None:
    event = Event.of(fargate_event(NOW, severity=severity))
    assert event.level == level
    assert Wanted(severity=level if level != "unknown" else "high").matches(event)


def test_an_event_with_the_least_is_read(store: EventStore, client: SecureClient) -> None:
    store.publish([{"id": "a", "timestamp": NOW, "name": "p", "severity": 7}])
    (event,) = read_events(client, Window(NOW, NOW), None)
    assert (event.rule, event.output, event.container, event.image, event.task_arn) == ("", "", "", "", None)


def test_what_sysdig_supports_is_filtered_there_and_the_rest_here(
    store: EventStore, client: SecureClient, api: SecureApi
) -> None:
    wanted = Wanted(severity="high", rules=('say "hi" \\',), clusters=("training",))
    text = wanted.server_filter(supported_filters(client))
    assert text == (
        'severity in ("0", "1", "2", "3") and ruleName = "say \\"hi\\" \\\\"'
        ' and aws.fargate.cluster.arn contains ":cluster/training"'
    )
    store.publish([fargate_event(NOW, rule='say "hi" \\'), fargate_event(NOW), fargate_event(NOW, severity=5)])
    assert len(ids(client, Window(NOW, NOW), text)) == 1
    for attribute in ("ruleName", "aws.fargate.cluster.arn", "freeText"):
        del store.attributes[attribute]
    assert wanted.server_filter(supported_filters(client)) == 'severity in ("0", "1", "2", "3")'
    api.interfere(wrong.failing(404))
    assert wanted.server_filter(supported_filters(client)) is None


@pytest.mark.parametrize(
    "odd", [wrong.saying(b"{}"), wrong.saying(b"[]"), wrong.failing(400), wrong.failing(403), wrong.failing(404)]
)
def test_where_sysdig_does_not_say_what_it_filters_by_everything_is_filtered_here(
    client: SecureClient, api: SecureApi, odd: wrong.Interference
) -> None:
    api.interfere(odd, path=SUPPORTED_FILTERS)
    assert supported_filters(client) == {}
    assert Wanted(severity="high", tasks=(TASK,)).server_filter({}) is None


def test_operators_by_other_names_than_their_signs_mean_that_all_are_supported() -> None:
    supported = {"severity": frozenset({"EQUALS", "ANY_OF"}), "ruleName": frozenset({"contains"})}
    text = Wanted(severity="high", rules=("a",), all_sources=True).server_filter(supported)
    assert text == 'severity in ("0", "1", "2", "3")'


def test_only_events_of_fargate_are_asked_for_unless_all_are_wanted(client: SecureClient) -> None:
    supported = supported_filters(client)
    text = '(rawEventOriginator = "serverlessAgent" or aws.fargate.task.arn exists)'
    assert Wanted().server_filter(supported) == text
    assert Wanted(all_sources=True).server_filter(supported) is None
    assert not Wanted().matches(Event.of(fargate_event(NOW, task_arn=None)))
    assert Wanted(all_sources=True).matches(Event.of(fargate_event(NOW, task_arn=None)))


def test_a_task_is_looked_for_here_where_sysdig_does_not_filter_labels(
    store: EventStore, client: SecureClient
) -> None:
    task = TASK.rpartition("/")[2]
    contains = f'aws.fargate.task.arn contains "/{task}"'
    assert Wanted(tasks=(task,)).server_filter(supported_filters(client)) == contains
    assert (
        Wanted(tasks=(TASK,)).server_filter(supported_filters(client)) == f"aws.fargate.task.arn = {quoted(TASK)}"
    )
    store.attributes["aws.fargate.task.arn"] = ("=",)
    assert Wanted(tasks=(task,)).server_filter(supported_filters(client)) is None
    assert Wanted(tasks=(task,)).matches(Event.of(fargate_event(NOW)))
    assert not Wanted(tasks=(task,)).matches(Event.of(fargate_event(NOW, task_arn=TASK[:-1] + "0")))


NAMES = st.sampled_from(["web", "writer", 'a "b" \\', "Write below binary dir", "Terminal", "*", "Write*", "w?b"])
TASKS = [TASK, TASK[:-1] + "0", TASK.replace("training", "other")]
QUERIES = st.builds(
    Wanted,
    severity=st.none() | st.sampled_from(["high", "medium", "low", "info"]),
    rules=st.lists(NAMES, max_size=2).map(tuple),
    policies=st.lists(NAMES, max_size=2).map(tuple),
    containers=st.lists(NAMES, max_size=2).map(tuple),
    clusters=st.lists(st.sampled_from([CLUSTER, "training", "train", "other"]), max_size=2).map(tuple),
    tasks=st.lists(st.sampled_from([*TASKS, TASK.rpartition("/")[2], "0123"]), max_size=2).map(tuple),
    all_sources=st.booleans(),
)
MADE = st.builds(
    fargate_event,
    st.just(NOW),
    severity=st.integers(0, 7),
    rule=NAMES,
    policy=NAMES,
    container=NAMES,
    task_arn=st.none() | st.sampled_from(TASKS),
    cluster_arn=st.sampled_from([CLUSTER, CLUSTER.replace("training", "other")]),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(query=QUERIES, made=MADE, left_out=st.sets(st.sampled_from(sorted(ATTRIBUTES))))
def test_the_filter_for_sysdig_is_in_its_language_and_lets_through_whatever_is_wanted(
    query: Wanted, made: dict[str, Any], left_out: set[str]
) -> None:
    attributes = {name: operators for name, operators in ATTRIBUTES.items() if name not in left_out}
    text = query.server_filter({name: frozenset(operators) for name, operators in attributes.items()})
    passes = text is None or parse(text, attributes)(made)
    assert passes or not query.matches(Event.of(made))

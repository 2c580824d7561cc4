"""Following: nothing twice, nothing left out, whatever comes late or breaks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fargate_guard.sysdig.errors import BrokenAnswer, SysdigError, TokenError
from fargate_guard.sysdig.events import EVENTS, SECOND
from fargate_guard.sysdig.follow import Pace, follow
from tests.sysdig.conftest import PatientClock, client_of
from tests.sysdig_api import interferences as wrong
from tests.sysdig_api.events_routes import EventStore, events_routes
from tests.sysdig_api.made_events import fargate_event
from tests.sysdig_api.server import READER, SecureApi

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.sysdig.client import SecureClient

PACE = Pace(interval=2, overlap=60, far_overlap=600, far_every=5)


class Story(PatientClock):
    """A clock with a list of what happens when."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = self.now
        self._plans: list[tuple[float, Callable[[], object]]] = []

    def at(self, seconds: float, happens: Callable[[], object]) -> None:
        self._plans.append((self.begin + seconds, happens))

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        for plan in sorted((plan for plan in self._plans if plan[0] <= self.now), key=lambda plan: plan[0]):
            self._plans.remove(plan)
            plan[1]()

    def ns(self, seconds: float) -> int:
        return int((self.begin + seconds) * 1e9)


@pytest.fixture
def clock() -> Story:
    return Story()


@pytest.fixture(autouse=True)
def same_time_there(api: SecureApi, clock: Story) -> None:
    """However long this machine is held up before the first answer, Sysdig's clock says what the story's does."""
    api.wall = clock.wall


def seen(client: SecureClient, clock: Story, *, seconds: float = 60, **more: Any) -> list[str]:
    end = clock.ns(seconds)
    batches = follow(client, clock.ns(0), None, pace=PACE, until=end, **more)
    return [event.event_id for batch in batches for event in batch]


def test_events_come_as_they_are_published_oldest_first(
    client: SecureClient, clock: Story, store: EventStore
) -> None:
    store.publish([fargate_event(clock.ns(-5))])
    made = [fargate_event(clock.ns(second)) for second in range(1, 50)]
    for event in made:
        clock.at((event["timestamp"] - clock.ns(0)) / SECOND, partial(store.publish, [event]))
    assert seen(client, clock) == [event["id"] for event in made]


def test_what_is_published_minutes_late_is_not_left_out(
    client: SecureClient, clock: Story, store: EventStore
) -> None:
    late = [fargate_event(clock.ns(10)), fargate_event(clock.ns(200))]
    clock.at(300, lambda: store.publish(late))
    assert sorted(seen(client, clock, seconds=400)) == sorted(event["id"] for event in late)


@pytest.mark.parametrize(
    ("interference", "times"),
    [(wrong.too_many_requests(100), 2), (wrong.failing(500), 25), (wrong.reset, 25), (wrong.cut_off, 25)],
)
def test_an_outage_is_told_once_and_costs_no_event(
    client: SecureClient,
    clock: Story,
    store: EventStore,
    api: SecureApi,
    interference: wrong.Interference,
    times: int,
) -> None:
    heard: list[float] = []
    client = client_of(api.url, clock, waiting=lambda seconds, _why: heard.append(seconds))
    made = [fargate_event(clock.ns(second)) for second in range(1, 290, 10)]
    for event in made:
        clock.at((event["timestamp"] - clock.ns(0)) / SECOND, partial(store.publish, [event]))
    clock.at(20, lambda: api.interfere(interference, times=times, path=EVENTS))
    told: list[SysdigError | None] = []
    assert seen(client, clock, seconds=400, troubled=told.append) == [event["id"] for event in made]
    assert [one is None for one in told] == [False, True]
    assert heard == []


@pytest.mark.parametrize("interference", [wrong.failing(503), wrong.too_many_requests(60), wrong.reset])
def test_an_outage_that_lasts_ends_when_it_was_to_end_and_says_so(
    client: SecureClient, clock: Story, api: SecureApi, interference: wrong.Interference
) -> None:
    clock.at(5, lambda: api.interfere(interference, times=9999, path=EVENTS))
    with pytest.raises(SysdigError):
        seen(client, clock, seconds=60)
    assert 60 <= clock.now - clock.begin < 66


@pytest.mark.parametrize("interference", [wrong.failing(503), wrong.too_many_requests(3), wrong.reset])
def test_a_failure_of_the_last_look_that_passes_costs_no_event(
    client: SecureClient, clock: Story, store: EventStore, api: SecureApi, interference: wrong.Interference
) -> None:
    event = fargate_event(clock.ns(59))
    clock.at(59, lambda: store.publish([event]))
    clock.at(60, lambda: api.interfere(interference, path=EVENTS))
    assert seen(client, clock) == [event["id"]]


def test_a_clock_that_is_set_back_ends_nothing(client: SecureClient, clock: Story, store: EventStore) -> None:
    event = fargate_event(clock.ns(305))
    clock.at(305, lambda: store.publish([event]))
    clock.at(304, lambda: setattr(clock, "now", clock.now - 200))
    assert seen(client, clock, seconds=400) == [event["id"]]


def test_what_happened_after_the_end_is_left_out(client: SecureClient, clock: Story, store: EventStore) -> None:
    early, late = fargate_event(clock.ns(-40)), fargate_event(clock.ns(-5))
    store.publish([early, late])
    batches = follow(client, clock.ns(-600), None, pace=PACE, until=clock.ns(-30))
    assert [event.event_id for batch in batches for event in batch] == [early["id"]]


def test_an_outage_longer_than_the_overlap_costs_no_event(
    client: SecureClient, clock: Story, store: EventStore, api: SecureApi
) -> None:
    event = fargate_event(clock.ns(30))
    clock.at(31, lambda: store.publish([event]))
    clock.at(10, lambda: api.interfere(wrong.failing(503), times=100, path=EVENTS))
    assert seen(client, clock, seconds=1500) == [event["id"]]
    assert len(api.asked) > 100


def test_a_token_that_is_revoked_ends_it(
    client: SecureClient, clock: Story, store: EventStore, api: SecureApi
) -> None:
    store.publish([fargate_event(clock.ns(0))])
    rights = api.tokens[READER]
    clock.at(10, lambda: api.tokens.pop(READER))
    try:
        with pytest.raises(TokenError):
            seen(client, clock)
    finally:
        api.tokens[READER] = rights


def test_answers_that_make_no_sense_end_it_at_last(client: SecureClient, clock: Story, api: SecureApi) -> None:
    api.interfere(wrong.saying(b"{}"), times=2, path=EVENTS)
    assert seen(client, clock) == []
    api.interfere(wrong.saying(b"{}"), times=99, path=EVENTS)
    with pytest.raises(BrokenAnswer):
        seen(client, clock, seconds=1000)


def test_no_more_than_half_of_the_allowed_requests_are_used(
    client: SecureClient, clock: Story, api: SecureApi
) -> None:
    api.per_minute = 12
    assert PACE.pause(12) == 10
    assert PACE.pause(None) == PACE.pause(600) == 2
    batches = follow(client, clock.ns(0), None, pace=PACE)
    for _ in range(4):
        next(batches)
    assert clock.waits == [10, 10, 10]


def test_a_clock_that_is_behind_delays_nothing(
    api: SecureApi, client: SecureClient, clock: Story, store: EventStore
) -> None:
    api.clock_ahead = 300.0
    ahead = clock.ns(295)
    store.publish([fargate_event(ahead)])
    batches = follow(client, clock.ns(0), None, pace=PACE)
    found = [event.timestamp for _ in range(2) for event in next(batches)]
    assert found == [ahead]


PUBLISHED = st.lists(
    st.tuples(st.integers(1, 600), st.integers(0, 300), st.integers(0, 2)), min_size=1, max_size=40
)
OUTAGES = st.lists(st.tuples(st.integers(1, 600), st.integers(1, 12)), max_size=3)


@settings(deadline=None, max_examples=15)
@given(published=PUBLISHED, outages=OUTAGES)
def test_whenever_events_are_published_each_comes_exactly_once(
    published: list[tuple[int, int, int]], outages: list[tuple[int, int]]
) -> None:
    store, clock = EventStore(), Story()
    with SecureApi() as api:
        api.wall = clock.wall
        api.add(events_routes(store))
        wanted = []
        for happened, late, twins in published:
            events = [fargate_event(clock.ns(happened)) for _ in range(1 + twins)]
            wanted += [event["id"] for event in events]
            clock.at(happened + late, partial(store.publish, events))
        for at, times in outages:
            clock.at(at, partial(api.interfere, wrong.failing(500), times=times, path=EVENTS))
        pace = Pace(interval=30, overlap=60, far_overlap=600, far_every=5)
        batches = follow(client_of(api.url, clock), clock.ns(0), None, pace=pace, until=clock.ns(1500))
        found = [event.event_id for batch in batches for event in batch]
    assert sorted(found) == sorted(wanted)

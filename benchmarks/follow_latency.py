"""How long after its publication an event is printed by ``fguard events --follow``.

The server is the tests' stand-in for Sysdig Secure, on this machine: it notes when an event becomes visible, and
this process when the line with it arrives. So this is fguard's own share; the agent's and Sysdig's come on top.
Prints median, 95th percentile and maximum, in seconds and in parts of the interval between two looks: a look
comes after half an interval on average.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from tests.sysdig_api.events_routes import EventStore, events_routes
from tests.sysdig_api.looks import has_looked
from tests.sysdig_api.made_events import fargate_event
from tests.sysdig_api.server import READER, SecureApi

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERVALS = (0.5, 2.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40)
    events = parser.parse_args().events
    for interval in INTERVALS:
        latencies = sorted(measured(interval, events))
        median, last = statistics.median(latencies), latencies[-1]
        late = latencies[int(len(latencies) * 0.95) - 1]
        print(
            f"interval {interval:g} s, {events} events: median {median:.3f} s ({median / interval:.2f} intervals),"
            f" 95 % within {late:.3f} s, slowest {last:.3f} s ({last / interval:.2f} intervals)"
        )


def measured(interval: float, events: int) -> list[float]:
    """Publish events at random moments, a quarter of an interval apart on average; return their latencies."""
    store, chance = EventStore(), random.Random(5)
    with SecureApi() as api:
        api.add(events_routes(store))
        with following(api, interval) as process:
            while not has_looked(api):
                time.sleep(0.01)
            seen: dict[str, float] = {}
            reader = threading.Thread(target=lambda: seen.update(lines(process, events)))
            reader.start()
            for _ in range(events):
                time.sleep(chance.uniform(0, interval / 2))
                store.publish([fargate_event(time.time_ns())])
            reader.join(timeout=60)
            process.terminate()
            process.wait()
    if len(seen) != events:
        sys.exit(f"{events - len(seen)} of {events} events did not come")
    return [seen[event_id] - at for event_id, at in store.published.items()]


def following(api: SecureApi, interval: float) -> subprocess.Popen[str]:
    unwanted = ("AWS_", "FGUARD_", "SYSDIG_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    environ |= {"FGUARD_SYSDIG_URL": api.url, "FGUARD_SYSDIG_TOKEN": READER}
    command = ["events", "--follow", "--no-aws", "--format", "jsonl", "--interval", str(interval)]
    return subprocess.Popen(
        [sys.executable, "-m", "fargate_guard.cli.main", *command],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def lines(process: subprocess.Popen[str], events: int) -> Iterator[tuple[str, float]]:
    """Yield each event's id with the time of its line's arrival."""
    assert process.stdout is not None
    for _ in range(events):
        line = process.stdout.readline()
        if not line:
            return
        yield json.loads(line)["id"], time.time()


if __name__ == "__main__":
    main()

"""Many images at once."""

from __future__ import annotations

import dataclasses
import itertools
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fargate_guard.images import resolve
from tests.images.front import Asked, Reply
from tests.images.looking_up import error_text, find, known, need
from tests.waiting import wait_until

if TYPE_CHECKING:
    from fargate_guard.images import Options
    from tests.images.front import Front
    from tests.images.registry import Pusher


@pytest.fixture(scope="session")
def many(push: Pusher) -> list[str]:
    for number in range(20):
        push.image("team/many", {"Cmd": [str(number)]}, tag=str(number))
    return [f"team/many:{number}" for number in range(20)]


def test_answers_come_in_the_order_of_the_questions(push: Pusher, many: list[str], options: Options) -> None:
    needs = [need(f"{push.host}/{image}", container=image) for image in [*many, "team/none:1", *reversed(many)]]
    found = resolve(needs, options=options)
    assert [item.need for item in found] == needs
    commands = [item.config.command[0] if item.config else None for item in found]
    numbers = [str(number) for number in range(20)]
    assert commands == [*numbers, None, *reversed(numbers)]


def test_an_image_is_asked_for_once_however_many_containers_run_it(
    front: Front, nginx: str, options: Options
) -> None:
    image = f"{front.host}/team/nginx@{nginx}"
    needs = [need(image, container=str(number)) for number in range(30)]
    found = resolve(needs, options=dataclasses.replace(options, cache_folder=None))
    assert len({known(item) for item in found}) == 1
    assert len([line for line in front.lines if "/manifests/" in line]) == 1
    assert len([line for line in front.lines if "/blobs/" in line]) == 1


def test_images_are_asked_for_side_by_side(front: Front, many: list[str], options: Options) -> None:
    together = threading.Barrier(4, timeout=20)
    heads = itertools.count()

    def rule(asked: Asked) -> Reply | None:
        if asked.method == "HEAD" and next(heads) < 4:
            together.wait()  # broken unless four are here at once
        return None

    front.rule = rule
    found = resolve(
        [need(f"{front.host}/{image}") for image in many], options=dataclasses.replace(options, workers=4)
    )
    assert all(known(item) for item in found)
    assert not together.broken


def test_no_more_than_asked_are_under_way(front: Front, many: list[str], options: Options) -> None:
    under_way: list[int] = []
    counting = threading.Lock()
    now = 0

    def rule(_: Asked) -> Reply | None:
        nonlocal now
        with counting:
            now += 1
            under_way.append(now)
        time.sleep(0.005)
        with counting:
            now -= 1
        return None

    front.rule = rule
    needs = [need(f"{front.host}/{image}") for image in many]
    assert all(map(known, resolve(needs, options=dataclasses.replace(options, workers=2))))
    assert max(under_way) <= 2


def test_one_slow_image_does_not_keep_the_others(front: Front, many: list[str], options: Options) -> None:
    released = threading.Event()

    def rule(asked: Asked) -> Reply | None:
        if asked.path.endswith("/manifests/3"):
            released.wait(20)
        return None

    front.rule = rule
    found = resolve(
        [need(f"{front.host}/{image}") for image in many],
        options=dataclasses.replace(options, workers=1, timeout=1),
    )
    released.set()
    assert "did not answer in time" in error_text(found[3])
    assert all(known(item) for number, item in enumerate(found) if number != 3)


def test_nothing_to_look_up_is_no_answer(options: Options) -> None:
    assert resolve([], options=options) == ()


INTERRUPTED = """
import sys, time
from pathlib import Path
from fargate_guard.images import Options, resolve
from fargate_guard.taskdef.image_config import ImageNeed
try:
    resolve([ImageNeed("web", "$", sys.argv[1], "X86_64", None)], options=Options(timeout=300))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("busy", ["answering", "waiting"])
def test_ctrl_c_ends_it_at_once(front: Front, busy: str) -> None:
    ended = threading.Event()

    def rule(_: Asked) -> Reply:
        if busy == "answering":
            ended.wait(60)
        return Reply(429, b"", {"Retry-After": "200"})

    front.rule = rule
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED, f"{front.host}/team/nginx:1"]) as process:
        wait_until(lambda: any("/manifests/" in line for line in front.lines), "the registry is asked")
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert time.monotonic() - started < 10
    ended.set()


def test_no_connection_and_no_thread_is_left(push: Pusher, many: list[str], options: Options) -> None:
    def sockets() -> int:
        return sum(
            "socket" in str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()
        )

    before = sockets(), threading.active_count()
    assert all(map(known, resolve([need(f"{push.host}/{image}") for image in many], options=options)))
    wait_until(lambda: (sockets(), threading.active_count()) <= before, "all is closed")
    assert known(find(f"{push.host}/{many[0]}", options))

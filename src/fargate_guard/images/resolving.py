"""What the images of many containers run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from fargate_guard.images.batch import Batch, Outcome
from fargate_guard.images.errors import Problem, timed_out
from fargate_guard.images.lookup import Answer, LookUp, Question
from fargate_guard.images.options import Found, Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fargate_guard.taskdef.image_config import ImageNeed

_GRACE = 0.5
"""Seconds beyond the time-out for a thread to say itself what it waited for."""


def resolve(needs: Sequence[ImageNeed], *, options: Options) -> tuple[Found, ...]:
    """Find out what every container's image runs by itself: ENTRYPOINT and CMD.

    Each image is asked for once per architecture and credentials, ``options.workers`` of them side by side. What
    cannot be known is an :class:`ImageError` in its place; nothing is raised but what is nobody's fault out there
    (KeyboardInterrupt at once).

    :returns: one :class:`Found` per need, in the same order.
    """
    if not needs:
        return ()
    stopping = threading.Event()
    look_up = LookUp(options, stopping)
    batch = Batch(look_up.answer, workers=options.workers, patience=options.timeout + _GRACE)
    try:
        answers = batch.run(dict.fromkeys(map(_question, needs)))
    finally:
        stopping.set()
        look_up.close()
    return tuple(_found(need, answers[_question(need)], options.timeout) for need in needs)


def _question(need: ImageNeed) -> Question:
    return Question(need.image, need.architecture, need.credentials_arn)


def _found(need: ImageNeed, answer: Outcome[Answer] | None, timeout: float) -> Found:
    registry = _question(need).registry
    try:
        if answer is None:
            raise timed_out(registry, timeout)
        known = answer.result()
    except Problem as problem:
        return Found(need, None, problem.error(need, registry), from_cache=False)
    return Found(need, known.config, None, known.from_cache)

"""CloudWatch Logs: groups, and the last lines of a stream."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fargate_guard.aws.session import Aws

Json = dict[str, Any]

LINES_PER_PAGE = 500
"""Of a stream; AWS gives up to 10,000, or 1 MB."""
MOST_PAGES = 3
LONGEST_READING = 10.0
"""Seconds, after which no further page of a stream is asked for."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log stream."""

    at: int
    """Milliseconds since 1970, as the log driver stamped it."""
    text: str


def log_group(aws: Aws, name: str) -> Json | None:
    """Describe one log group, None when there is none."""
    for group in aws.pages("logs", "describe_log_groups", "logGroups", about=name, logGroupNamePrefix=name):
        if group["logGroupName"] == name:
            return dict(group)
    return None


def last_lines(aws: Aws, group: str, stream: str, count: int) -> list[str]:
    """Return the last lines of a log stream, oldest first; none when the stream does not exist.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
    """
    try:
        found = aws.call(
            "logs",
            "get_log_events",
            about=f"{group} {stream}",
            logGroupName=group,
            logStreamName=stream,
            limit=count,
            startFromHead=False,
        )
    except NotFound:
        return []
    return [str(event["message"]).rstrip("\n") for event in found["events"]]


def newest_lines(
    aws: Aws,
    group: str,
    stream: str,
    *,
    enough: Callable[[Sequence[LogLine]], bool] = lambda _: True,
    pages: int = MOST_PAGES,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[LogLine, ...]:
    """Return a stream's newest lines, newest first; none when the stream does not exist.

    Older pages are asked for until there is enough, and never more than ``pages`` of them, nor for longer than
    ``LONGEST_READING`` seconds.

    :param enough: whether these lines, newest first, will do.
    """
    token: str | None = None
    found: list[LogLine] = []
    deadline = clock() + LONGEST_READING
    for _ in range(pages):
        try:
            page = aws.call(
                "logs",
                "get_log_events",
                about=f"{group} {stream}",
                logGroupName=group,
                logStreamName=stream,
                limit=LINES_PER_PAGE,
                startFromHead=False,
                **({"nextToken": token} if token else {}),
            )
        except NotFound:
            return tuple(found)
        found += [
            LogLine(int(one["timestamp"]), str(one["message"]).rstrip("\n")) for one in reversed(page["events"])
        ]
        before, token = token, page.get("nextBackwardToken")
        if enough(found) or token in (None, before) or clock() >= deadline:
            break
    return tuple(found)

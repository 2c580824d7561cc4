"""CloudWatch Logs: groups, and the last lines of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.aws.errors import NotFound

if TYPE_CHECKING:
    from fargate_guard.aws.session import Aws

Json = dict[str, Any]


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

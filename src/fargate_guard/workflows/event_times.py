"""Times as people give them: ``2h`` ago, or a date and a time of ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from fargate_guard.errors import UsageError

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SECOND = 10**9


def nanoseconds_of(text: str, option: str, now: int) -> int:
    """Return nanoseconds since 1970.

    :param text: ``90s``, ``15m``, ``2h``, ``3d`` or ``1w`` before now, or ``2026-01-31T12:00:00Z``; without a zone
        it is UTC, without a time midnight.
    :param option: for the error text.
    :param now: nanoseconds since 1970.
    :raises UsageError: when it is neither.
    """
    ago = _AGO.fullmatch(text.strip().lower())
    if ago:
        return now - int(ago.group(1)) * _SECONDS[ago.group(2)] * SECOND
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{text!r} is no time",
            where=option,
            fix=f"use a time before now ({option} 2h, 3d) or ISO 8601 ({option} 2026-01-31T12:00:00Z)",
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND + moment.microsecond * 1000

"""How long to wait before a server that failed, or that wants less, is asked again. Pure."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

_FIRST, _LONGEST_OWN = 0.5, 8.0
"""Seconds."""


def delay(attempt: int, retry_after: str | None, wall: float) -> float:
    """Return the seconds to wait after the given failed attempt (from 1).

    The server's own word counts, seconds or a date; without one the delay doubles from half a second.
    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after

    :param retry_after: the answer's ``Retry-After``.
    :param wall: now, in seconds since 1970.
    """
    asked = _asked(retry_after.strip(), wall) if retry_after else None
    return asked if asked is not None else min(_FIRST * 2 ** (attempt - 1), _LONGEST_OWN)


def _asked(retry_after: str, wall: float) -> float | None:
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall)

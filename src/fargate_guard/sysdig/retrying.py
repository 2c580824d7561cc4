"""How long to wait before Sysdig Secure is asked again. Pure."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

ATTEMPTS = 5
"""Per request, first included."""
LONGEST_WAIT = 90.0
"""Seconds: the rate limit is per minute, so what asks for more has another reason."""
_FIRST, _LONGEST_OWN = 0.5, 8.0
_MOST_DIGITS = 9


def delay(attempt: int, retry_after: str | None, wall: float) -> float:
    """Return the seconds to wait after the given failed attempt (from 1).

    :param retry_after: the answer's ``Retry-After``, seconds or a date; without one the delay doubles.
    :param wall: now, in seconds since 1970.
    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    asked = _asked(retry_after.strip(), wall) if retry_after else None
    return asked if asked is not None else min(_FIRST * 2 ** (attempt - 1), _LONGEST_OWN)


def _asked(retry_after: str, wall: float) -> float | None:
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall)


def whole_number(text: str | None) -> int | None:
    """Return what a header such as ``X-RateLimit-Limit`` says, None where it says nothing."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None

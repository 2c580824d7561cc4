"""How often Sysdig Secure is asked, and what its rate limit says. Pure."""

from __future__ import annotations

ATTEMPTS = 5
"""Per request, first included."""
LONGEST_WAIT = 90.0
"""Seconds: the rate limit is per minute, so what asks for more has another reason."""
_MOST_DIGITS = 9


def whole_number(text: str | None) -> int | None:
    """Return what a header such as ``X-RateLimit-Limit`` says, None where it says nothing."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None

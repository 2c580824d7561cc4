"""How requests travel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transport:
    """Certificate authorities, proxy and time-outs; the defaults are the environment's."""

    ca_file: str | None = None
    """PEM file; None: REQUESTS_CA_BUNDLE, else the public authorities."""
    proxy: str | None = None
    """None: HTTPS_PROXY and NO_PROXY."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every request, for example ``IBMInstanceID``."""
    connect_seconds: float = 10.0
    answer_seconds: float = 30.0
    """For a whole answer, not for a part of it."""

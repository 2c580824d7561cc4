"""Which requests for events are looks, of which nothing that happens afterwards may be missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sysdig_api.events_routes import EVENTS_PATH

if TYPE_CHECKING:
    from tests.sysdig_api.server import SecureApi


def has_looked(api: SecureApi) -> bool:
    """Whether events were asked for; a request for a single one only tries whether a filter is accepted."""
    return any(asked.path == EVENTS_PATH and asked.parameters()["limit"] != "1" for asked in api.asked)

"""``GET /api/v2/policies`` as Sysdig's Terraform provider reads it: a list of policies."""

from __future__ import annotations

from typing import Any

from tests.sysdig_api.server import Route

WRITES = "Write below binary dir"


def policy(*rules: str, enabled: bool = True, scope: str = "") -> dict[str, Any]:
    """A workload policy."""
    return {
        "id": 7,
        "name": "Sysdig Runtime Threat Detection",
        "type": "falco",
        "enabled": enabled,
        "severity": 4,
        "scope": scope,
        "rules": [{"ruleName": rule, "enabled": True} for rule in rules],
    }


class Policies:
    """The policies of one customer."""

    def __init__(self) -> None:
        self.all = [policy(WRITES)]

    def routes(self) -> list[Route]:
        return [Route("GET", "/api/v2/policies", lambda _asked, _parts: self.all, "policies.read")]

"""The events of the last minutes, for ``fguard verify --events``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.sysdig.events import SECOND, Window, read_events
from fargate_guard.sysdig.filters import Wanted
from fargate_guard.verify.facts.events import LastEvent, RecentEvents
from fargate_guard.workflows.events import server_filter

if TYPE_CHECKING:
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.sysdig.client import SecureClient


def recent_events(client: SecureClient, outputs: DeploymentOutputs, minutes: float) -> RecentEvents:
    """Return the newest event of every task of the deployment's cluster that has one.

    :raises FguardError: when Sysdig Secure cannot be asked.
    """
    now = client.now()
    window = Window(now - int(minutes * 60 * SECOND), now)
    wanted = Wanted(clusters=(outputs.cluster.arn,))
    narrowed = server_filter(client, wanted, refused=lambda _why: None)
    newest: dict[str, LastEvent] = {}
    for event in read_events(client, window, narrowed):
        if event.task_arn and wanted.matches(event):
            newest.setdefault(event.task_arn, LastEvent(event.rule, event.time.isoformat(timespec="seconds")))
    return RecentEvents(minutes, newest)

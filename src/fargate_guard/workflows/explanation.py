"""What is instrumented, in words."""

from __future__ import annotations

import dataclasses
import shlex
from enum import Enum
from typing import TYPE_CHECKING, Any

from fargate_guard.taskdef.explanation import Certainty, Instrumenter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef.explanation import AgentExplanation, ContainerExplanation, Explanation


def words(explanation: Explanation) -> Iterator[str]:
    """Yield an explanation line by line."""
    if explanation.instrumented_by is Instrumenter.NOBODY:
        yield "not instrumented"
    else:
        yield f"instrumented by {explanation.instrumented_by.value}"
    if explanation.agent is not None:
        yield from _agent_words(explanation.agent)
        yield f"pid mode: {explanation.pid_mode or 'not set'}"
    for container in explanation.containers:
        yield from _container_words(container)
    for problem in explanation.problems:
        yield f"{problem.severity.value}: {problem.where}: {problem.message}"
    if explanation.instrumented_by is not Instrumenter.NOBODY:
        yield from _undo_words(explanation)


def _agent_words(agent: AgentExplanation) -> Iterator[str]:
    version = f"version {agent.version}" if agent.version else "of a version that its image does not tell"
    yield f"agent: {version}, in container {agent.container} ({agent.image or 'image not written as text'})"
    if agent.endpoint:
        to = "the orchestrator" if agent.topology == "orchestrator" else "the collector"
        yield f"connects to: {to} at {agent.endpoint}"
    if agent.access_key_in_plain_text:
        yield "access key: in plain text"
    elif agent.access_key:
        yield f"access key: from {agent.access_key}"


def _container_words(container: ContainerExplanation) -> Iterator[str]:
    state = "instrumented" if container.instrumented else "not instrumented"
    reason = f" ({container.reason})" if container.reason not in ("", state) else ""
    yield f"container {container.name}: {state}{reason}"
    argv = (*container.entry_point, *container.command)
    runs = shlex.join(argv) if argv else "what its image says"
    if container.certainty is Certainty.EXACT or not container.instrumented:
        yield f"  runs: {runs}"
    else:
        yield f"  runs: {runs} ({container.certainty.value})"
    for part in container.missing:
        yield f"  lacks: {part}"


def _undo_words(explanation: Explanation) -> Iterator[str]:
    if not explanation.uncertain:
        yield "undo: uninstrument gives the exact original back"
    for notice in explanation.uncertain:
        yield f"undo, uncertain: {notice.where}: {notice.message}"


def document(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as plain data: the fields of its classes."""
    return {field.name: _plain(getattr(explanation, field.name)) for field in dataclasses.fields(explanation)}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value

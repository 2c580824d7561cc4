"""Run independent look-ups side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = 8
"""Enough to hide latency, few enough to stay within ECS's burst quotas (50 or more per operation)."""


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply ``function`` to every item in threads; results in the items' order, the first error is raised."""
    waiting = list(items)
    if len(waiting) < 2:  # noqa: PLR2004 - nothing to run side by side
        return [function(item) for item in waiting]
    with ThreadPoolExecutor(max_workers=min(THREADS, len(waiting))) as pool:
        return list(pool.map(function, waiting))


def batches(items: Iterable[Item], size: int) -> list[Sequence[Item]]:
    """Cut ``items`` into groups of at most ``size``, as AWS's batch calls want them."""
    waiting = list(items)
    return [waiting[start : start + size] for start in range(0, len(waiting), size)]

"""The sizes that Fargate has, and what they cost.

Sizes: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html and, of the field
``memory``, https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
Prices: https://aws.amazon.com/fargate/pricing/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PRICES_OF = "June 2026"
PRICES_IN = "us-east-1"
HOURS_PER_MONTH = 730
_UNITS_PER_VCPU = 1024
_MIB_PER_GB = 1024

_MEMORY = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
    32768: (61440, 122880, 249856),
}
"""MiB by CPU units."""

_HOURLY = {"X86_64": (0.04048, 0.004445), "ARM64": (0.03238, 0.00356)}
"""USD per vCPU and per GB, Linux, on demand; the first is ECS's default architecture."""


class FargateSize(NamedTuple):
    """One pair of ``cpu`` and ``memory`` that Fargate has."""

    cpu: int
    """CPU units."""
    memory: int
    """MiB."""

    def usd_per_month(self, architecture: str) -> float:
        """The list price of a task that runs all month, without storage and transfer."""
        vcpu, gb = _HOURLY.get(architecture, _HOURLY["X86_64"])
        return HOURS_PER_MONTH * (self.cpu / _UNITS_PER_VCPU * vcpu + self.memory / _MIB_PER_GB * gb)

    def __str__(self) -> str:
        """As it is written into a task definition."""
        return f"cpu {self.cpu}, memory {self.memory}"


def memory_for(cpu: float) -> tuple[int, ...]:
    """The MiB that Fargate has with these CPU units; empty when it has no such cpu."""
    return _MEMORY.get(int(cpu), ()) if cpu == int(cpu) else ()


def smallest_with(cpu: float, memory: float, architecture: str) -> FargateSize | None:
    """The cheapest size with at least so many CPU units and MiB; None when Fargate has none."""
    enough = (size for size in _sizes() if size.cpu >= cpu and size.memory >= memory)
    return min(enough, key=lambda size: (size.usd_per_month(architecture), size), default=None)


def price_words(size: FargateSize, architecture: str, before: FargateSize | None) -> str:
    """What a size costs, for people: ``about 18.02 USD a month instead of 9.01 …``."""
    instead = f" instead of {before.usd_per_month(architecture):.2f}" if before else ""
    kind = "ARM" if architecture == "ARM64" else "x86"
    return (
        f"about {size.usd_per_month(architecture):.2f} USD a month{instead} "
        f"({HOURS_PER_MONTH} hours at the list price of {PRICES_OF} for Linux on {kind} in {PRICES_IN}; "
        "it varies by Region)"
    )


def _sizes() -> Iterator[FargateSize]:
    for cpu, memories in _MEMORY.items():
        for memory in memories:
            yield FargateSize(cpu, memory)

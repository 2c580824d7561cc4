"""What Fargate and CloudWatch Logs accept as numbers."""

from __future__ import annotations

LOG_RETENTION_DAYS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Days; 0 never expires.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
"""

_GB = 1024

TASK_SIZES: dict[int, tuple[int, ...]] = {
    256: (512, 1 * _GB, 2 * _GB),
    512: tuple(range(1 * _GB, 4 * _GB + 1, _GB)),
    1024: tuple(range(2 * _GB, 8 * _GB + 1, _GB)),
    2048: tuple(range(4 * _GB, 16 * _GB + 1, _GB)),
    4096: tuple(range(8 * _GB, 30 * _GB + 1, _GB)),
    8192: tuple(range(16 * _GB, 60 * _GB + 1, 4 * _GB)),
    16384: tuple(range(32 * _GB, 120 * _GB + 1, 8 * _GB)),
    32768: (60 * _GB, 120 * _GB, 244 * _GB),
}
"""CPU units → MiB. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html"""


def check_task_size(cpu: int, memory: int) -> None:
    """Raise ValueError where Fargate has no such task size."""
    if cpu not in TASK_SIZES:
        raise ValueError(f"Fargate has no task with {cpu} CPU units; it has {', '.join(map(str, TASK_SIZES))}")
    if memory not in TASK_SIZES[cpu]:
        sizes = TASK_SIZES[cpu]
        raise ValueError(f"{cpu} CPU units go with {sizes[0]} to {sizes[-1]} MiB of memory, not with {memory}")

"""Task definitions as ECS has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fargate_guard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.aws.session import Aws


def live_reader(connect: Callable[[], Aws]) -> Callable[[str], str]:
    """Return a function from a family, ``family:revision`` or ARN to the text that ``aws ecs
    describe-task-definition --include TAGS`` prints.

    It raises :class:`UsageError` where ECS has no such task definition.

    :param connect: called once, when first needed.
    """
    connected: list[Aws] = []

    def read(name: str) -> str:
        from fargate_guard.aws.task_definitions import described

        if not connected:
            connected.append(connect())
        aws = connected[0]
        found = described(aws, name)
        if found is None:
            place = name.split(":")[3] if name.startswith("arn:") else aws.region
            raise UsageError(
                "there is no such file, and no such task definition in ECS",
                where=name,
                why=f"looked up in {place} with the account of your credentials",
                fix="correct the name, or choose another --region or --profile",
            )
        return json.dumps(found, indent=4, ensure_ascii=False) + "\n"

    return read

"""The process of the ``fguard`` command: what is to be settled before the first big import."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

OBJECTS_BEFORE_A_COLLECTION = 100_000
"""Imports and large templates make many objects that stay, and hardly a cycle: the usual looks cost 10 ms."""

INTERRUPTED = 130
"""``ExitCode.INTERRUPTED``, before it can be imported."""


def main() -> NoReturn:
    """Run ``fguard``, and exit with its code."""
    gc.set_threshold(OBJECTS_BEFORE_A_COLLECTION)
    try:
        from fargate_guard.cli import main as command_line

        command_line.main()
    except KeyboardInterrupt:  # during an import: nothing has begun that would have to be told
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()

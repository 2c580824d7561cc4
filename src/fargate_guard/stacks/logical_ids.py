"""Logical IDs: letters and digits only, and the same in every render, since a changed ID replaces the resource.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html
"""

from __future__ import annotations

import hashlib
import re

_WORDS_OF_LETTERS = re.compile(r"[a-z0-9]+(?:-[a-z][a-z0-9]*)*")


def workload_id(name: str) -> str:
    """Return the beginning of the logical IDs of a workload's resources; two names never have the same."""
    words = "".join(word.capitalize() for word in name.split("-"))
    if _WORDS_OF_LETTERS.fullmatch(name):
        return f"Workload{words}"
    return f"Workload{words}X{_digest(name)}"  # web-1 must not become web1


def log_group_id(workload: str, group: str) -> str:
    """Return the logical ID of a log group that a workload's containers write to."""
    return f"{workload_id(workload)}LogGroup{_digest(group)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]

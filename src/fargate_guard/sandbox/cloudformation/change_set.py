"""Change sets."""

from __future__ import annotations


class ChangeSet:
    """A change set."""

"""Which intrinsic functions occur in a value."""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.taskdef import Json


class Functions:
    """Which functions occur in a value, by looking at its serialised form: a search in C instead of a walk."""

    __slots__ = ("any", "serialised")

    def __init__(self, value: Json) -> None:
        """Look at a value; what cannot be serialised (numbers kept as written) counts as holding everything."""
        self.serialised: bytes | None
        """The same for values that are alike; None for what cannot be serialised."""
        try:
            self.serialised = marshal.dumps(value, 2)
        except ValueError:
            self.serialised = None
        self.any = self.serialised is None or b"Fn::" in self.serialised or b"Ref" in self.serialised
        """Whether it may hold an intrinsic function."""

    def together_with(self, others: Iterable[Functions]) -> Functions:
        """Which functions occur in several values."""
        parts = [self, *others]
        known = [part.serialised for part in parts if part.serialised is not None]
        both = Functions(None)
        both.serialised = b"".join(known) if len(known) == len(parts) else None
        both.any = any(part.any for part in parts)
        return both

    def mentions(self, *words: str) -> bool:
        """Whether one of the words may occur in it."""
        if self.serialised is None:
            return True
        for word in words:  # noqa: SIM110 - a generator would take as long as the search
            if word.encode() in self.serialised:
                return True
        return False

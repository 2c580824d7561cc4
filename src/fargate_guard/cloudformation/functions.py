"""Which intrinsic functions occur in a value."""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.taskdef import Json


class Functions:
    """Which functions occur in a value, by looking at its serialised form: a search in C instead of a walk."""

    __slots__ = ("_bytes",)

    def __init__(self, value: Json) -> None:
        """Look at a value; what cannot be serialised (numbers kept as written) counts as holding everything."""
        self._bytes: bytes | None
        try:
            self._bytes = marshal.dumps(value, 2)
        except ValueError:
            self._bytes = None

    def together_with(self, others: Iterable[Functions]) -> Functions:
        """Which functions occur in several values."""
        parts = [self._bytes, *(other.serialised for other in others)]
        known = [part for part in parts if part is not None]
        both = Functions(None)
        both._bytes = b"".join(known) if len(known) == len(parts) else None
        return both

    @property
    def serialised(self) -> bytes | None:
        """The same for values that are alike; None for what cannot be serialised."""
        return self._bytes

    @property
    def any(self) -> bool:
        """Whether it may hold an intrinsic function."""
        return self._bytes is None or b"Fn::" in self._bytes or b"Ref" in self._bytes

    def mentions(self, *words: str) -> bool:
        """Whether one of the words may occur in it."""
        if self._bytes is None:
            return True
        for word in words:  # noqa: SIM110 - a generator would take as long as the search
            if word.encode() in self._bytes:
                return True
        return False

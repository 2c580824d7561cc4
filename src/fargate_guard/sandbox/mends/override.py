"""How moto's classes are mended in process: one method at a time, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def override(owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace a method of moto's by what ``make`` returns for it; doing so again changes nothing.

    :param make: takes moto's method and returns the mended one.
    :raises AttributeError: when moto no longer has the method, so that a new moto is noticed at once.
    """
    original = getattr(owner, name)
    if getattr(original, "mended_by_fguard", False):
        return
    mended: Any = make(original)
    mended.mended_by_fguard = True
    setattr(owner, name, mended)

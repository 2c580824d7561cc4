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


def add(owner: Any, name: str, method: Callable[..., Any]) -> None:
    """Give one of moto's classes a method that it lacks.

    :raises AttributeError: when moto has it by now and the mend can go.
    """
    existing = getattr(owner, name, None)
    if existing is method:
        return
    if existing is not None:
        message = f"{owner.__name__}.{name} exists in this moto: the sandbox need not add it"
        raise AttributeError(message)
    setattr(owner, name, method)

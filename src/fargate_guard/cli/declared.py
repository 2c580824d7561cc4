"""Options and arguments as commands declare them: plain data, so that a plain command line needs no Typer.

Typer gets its own kind of them when it is to parse, to explain or to complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REQUIRED: Any = object()
"""The default of a parameter that has none."""


class Option:
    """What stands behind the type of a parameter: ``Annotated[str | None, Option(help="…")]``."""

    __slots__ = ("flags", "given")

    def __init__(self, *flags: str, **given: Any) -> None:
        """Take what ``typer.Option`` takes.

        :param flags: as on the command line; the parameter's name when there are none.
        """
        self.flags = flags
        self.given = given

    def for_typer(self) -> Any:
        """The same, as Typer wants it."""
        import typer

        return typer.Option(*self.flags, **self.given)


class Argument(Option):
    """The same for what has no flag."""

    __slots__ = ()

    def for_typer(self) -> Any:
        """The same, as Typer wants it."""
        import typer

        return typer.Argument(**self.given)


def declared(annotation: Any) -> Option | None:
    """What is declared here of an option or an argument; None where Typer's own kind is used, or none."""
    return next((one for one in getattr(annotation, "__metadata__", ()) if isinstance(one, Option)), None)


def for_typer(annotation: Any) -> Any:
    """An annotation with Typer's own kind of option."""
    option = declared(annotation)
    return annotation if option is None else Annotated[annotation.__origin__, option.for_typer()]


class Parameter(NamedTuple):
    """One parameter of a command; what ``inspect`` has takes 5 ms to import."""

    name: str
    annotation: Any
    default: Any = REQUIRED


def parameters_of(function: Callable[..., Any]) -> Sequence[Parameter]:
    """The parameters of a function, or those that it says it has instead (``parameters``)."""
    said: Sequence[Parameter] | None = getattr(function, "parameters", None)
    if said is not None:
        return said
    hints = get_type_hints(function, include_extras=True)
    code, by_name = function.__code__, function.__kwdefaults__ or {}
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    by_place = function.__defaults__ or ()
    defaults = {**dict(zip(names[code.co_argcount - len(by_place) :], by_place, strict=False)), **by_name}
    return [Parameter(name, hints.get(name, Any), defaults.get(name, REQUIRED)) for name in names]

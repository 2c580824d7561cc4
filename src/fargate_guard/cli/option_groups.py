"""Options that several commands share, declared once as the fields of a dataclass.

A parameter of such a type is replaced by its fields on the command line, and comes to the command as one value::

    @command("explain", example="…")
    @with_option_groups
    def explain(run: Invocation, inputs: Inputs) -> Result: …
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable


def with_option_groups(function: Callable[..., Any]) -> Callable[..., Any]:
    """Replace every parameter whose type is a dataclass of options by that dataclass's fields."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if parameter.name != "run" and dataclasses.is_dataclass(hint) and isinstance(hint, type):
            groups[parameter.name] = hint
            parameters += _of_fields(hint)
        else:
            parameters.append(parameter.replace(annotation=hint))

    @functools.wraps(function)
    def flat(*positional: Any, **given: Any) -> Any:
        values = {
            name: group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
            for name, group in groups.items()
        }
        return function(*positional, **values, **given)

    parameters.sort(key=lambda parameter: parameter.default is not inspect.Parameter.empty)
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _of_fields(group: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            annotation=hints[field.name],
            default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(group)
    ]

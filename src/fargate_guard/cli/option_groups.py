"""Options that several commands share, declared once as the fields of a dataclass.

A parameter of such a type is replaced by its fields on the command line, and comes to the command as one value::

    @command("explain", example="…")
    @with_option_groups
    def explain(run: Invocation, inputs: Inputs) -> Result: …
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, get_type_hints

from fargate_guard.cli.declared import REQUIRED, Parameter, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable


def with_option_groups(function: Callable[..., Any]) -> Callable[..., Any]:
    """Replace every parameter whose type is a dataclass of options by that dataclass's fields."""
    groups: dict[str, type[Any]] = {}
    parameters: list[Parameter] = []
    for parameter in parameters_of(function):
        hint = parameter.annotation
        if parameter.name != "run" and dataclasses.is_dataclass(hint) and isinstance(hint, type):
            groups[parameter.name] = hint
            parameters += _of_fields(hint)
        else:
            parameters.append(parameter)

    @functools.wraps(function)
    def flat(*positional: Any, **given: Any) -> Any:
        values = {
            name: group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
            for name, group in groups.items()
        }
        return function(*positional, **values, **given)

    parameters.sort(key=lambda parameter: parameter.default is not REQUIRED)
    flat.parameters = parameters  # type: ignore[attr-defined]
    return flat


def _of_fields(group: type[Any]) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            field.name, hints[field.name], REQUIRED if field.default is dataclasses.MISSING else field.default
        )
        for field in dataclasses.fields(group)
    ]

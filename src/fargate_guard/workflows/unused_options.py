"""Options that name what no input has: a label of containers to leave out, a parameter of templates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fargate_guard.taskdef import Notice, TaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fargate_guard.formats import Source
    from fargate_guard.taskdef import Json

_PSEUDO = "AWS::"


@dataclass(slots=True, eq=False, repr=False)
class UnusedOptions:
    """What is still to be found in one of the inputs."""

    labels: set[str]
    """``KEY`` or ``KEY=VALUE``."""
    parameters: set[str]
    declared: set[str] = field(default_factory=set)
    """The parameters of all templates, for the nearest one."""

    @classmethod
    def of(cls, labels: Sequence[str], parameters: Mapping[str, str]) -> UnusedOptions:
        """Nothing has been seen yet."""
        return cls(set(labels), {name for name in parameters if not name.startswith(_PSEUDO)})

    def see(self, source: Source) -> None:
        """Look for them in an input."""
        if self.labels:
            self.labels.difference_update(_spellings(source.value))
        if self.parameters and source.is_template:
            self.declared.update(_declared(source))
            self.parameters -= self.declared

    def left_over(self, *, strict: bool) -> Iterator[TaskDefinitionError | Notice]:
        """What was nowhere: a label is warned about, a parameter refused."""
        for label in sorted(self.labels):
            message = f"no container has the Docker label {label}"
            fix = "correct or remove it: --ignore-label"
            yield TaskDefinitionError(message, fix=fix) if strict else Notice("--ignore-label", message)
        for name in sorted(self.parameters):
            yield self._unknown(name)

    def _unknown(self, name: str) -> TaskDefinitionError:
        import difflib  # only a refusal should cost these 5 ms

        near = difflib.get_close_matches(name, sorted(self.declared), n=1)
        return TaskDefinitionError(
            f"no template has the parameter {name}",
            why=f"they have {', '.join(sorted(self.declared))}" if self.declared else "they have none",
            fix=f"did you mean {near[0]}?" if near else "correct or remove it: --parameter",
        )


def not_allowed(source: Source, parameters: Mapping[str, str]) -> tuple[Notice, ...]:
    """Return a notice for each value that a template's parameter does not allow."""
    if not parameters or not source.is_template:
        return ()
    declared = _declared(source)
    return tuple(
        Notice(f"$.Parameters.{name}.AllowedValues", f"the template does not allow {value}")
        for name, value in parameters.items()
        if value not in _allowed(declared.get(name), value)
    )


def _declared(source: Source) -> Mapping[str, Json]:
    found = source.value.get("Parameters")
    return found if isinstance(found, dict) else {}


def _allowed(parameter: Json, value: str) -> list[str]:
    """The values that a parameter takes; the given one is among them where it does not say."""
    allowed = parameter.get("AllowedValues") if isinstance(parameter, dict) else None
    is_list = isinstance(parameter, dict) and "List" in str(parameter.get("Type"))
    return [str(one) for one in allowed] if isinstance(allowed, list) and not is_list else [value]


def _spellings(value: Json) -> Iterator[str]:
    """Every Docker label as ``KEY`` and ``KEY=VALUE``; the conditional ones of a template, too."""
    if isinstance(value, dict):
        for key, item in value.items():
            if str(key).lower() == "dockerlabels":
                yield from _pairs(item)
            else:
                yield from _spellings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _spellings(item)


def _pairs(labels: Json) -> Iterator[str]:
    if isinstance(labels, list):
        for item in labels:
            yield from _pairs(item)
    elif isinstance(labels, dict):
        for key, item in labels.items():
            yield from (str(key), f"{key}={item}")
            yield from _pairs(item)

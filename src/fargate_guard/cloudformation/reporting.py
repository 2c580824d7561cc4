"""What is told about a template: the cases of its resources brought together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef import ContainerOutcome, Notice, TaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fargate_guard.cloudformation.conditions import Assignment


class TemplateRefusedError(TaskDefinitionError):
    """Several places of a template are refused."""

    def __init__(self, refusals: tuple[TaskDefinitionError, ...]) -> None:
        """Bring refusals together.

        :param refusals: two or more.
        """
        lines = [f"{one.where}: {one.message}" + (f" ({one.why})" if one.why else "") for one in refusals]
        super().__init__(
            f"{len(refusals)} places keep this template from being instrumented",
            where=", ".join(dict.fromkeys(str(one.where) for one in refusals)),
            why="\n".join(lines),
            fix="\n".join(dict.fromkeys(one.fix for one in refusals if one.fix)) or None,
            exit_code=max(one.exit_code for one in refusals),
        )
        self.refusals = refusals


class Report:
    """Collects what is told."""

    def __init__(self) -> None:
        """Nothing is told yet."""
        self.outcomes: dict[tuple[str, str], list[tuple[Assignment, ContainerOutcome]]] = {}
        self.notices: dict[tuple[str, str], Notice] = {}
        self.refusals: list[TaskDefinitionError] = []

    def add_outcomes(
        self,
        logical_id: str,
        outcomes: Iterable[ContainerOutcome],
        conditions: Assignment,
        translate: Callable[[str], str],
    ) -> None:
        """What became of the containers of one case, in the core's paths."""
        for one in outcomes:
            path = translate(one.path)
            told = ContainerOutcome(str(one.name), path, one.instrumented, one.reason, logical_id)
            self.outcomes.setdefault((path, told.name), []).append((conditions, told))

    def add_notices(self, notices: Iterable[Notice], translate: Callable[[str], str]) -> None:
        """Warnings of one case, in the core's paths."""
        for notice in notices:
            where = translate(notice.where)
            self.notices.setdefault((where, notice.message), Notice(where, notice.message))

    def refuse(self, error: TaskDefinitionError, conditions: Assignment, *, everywhere: bool) -> None:
        """A refusal in one case, in the template's paths."""
        if not any((one.message, one.where) == (error.message, error.where) for one in self.refusals):
            if not everywhere:
                error.why = f"{error.why or 'this is refused'} (when {in_words(conditions)})"
            self.refusals.append(error)

    def raise_refusals(self) -> None:
        """Stop here if anything is refused.

        :raises TaskDefinitionError: the one refusal, or all of them together.
        """
        if len(self.refusals) == 1:
            raise self.refusals[0]
        if self.refusals:
            raise TemplateRefusedError(tuple(self.refusals))

    def containers(self) -> tuple[ContainerOutcome, ...]:
        """One outcome for each container; where the cases differ, the reason says so."""
        return tuple(_merged(found) for found in self.outcomes.values())


def _merged(found: list[tuple[Assignment, ContainerOutcome]]) -> ContainerOutcome:
    first = found[0][1]
    if all(outcome.reason == first.reason for _, outcome in found):
        return first
    deciding = _deciding([(conditions, outcome.reason) for conditions, outcome in found])
    reasons: dict[str, dict[str, None]] = {}
    for conditions, outcome in found:
        words = in_words({name: conditions[name] for name in deciding})
        reasons.setdefault(outcome.reason, {})[words] = None
    parts = [f"{reason} when {' or when '.join(some)}" for reason, some in reasons.items()]
    instrumented = {outcome.instrumented for _, outcome in found}
    return first._replace(
        instrumented=all(instrumented), in_some_cases=len(instrumented) > 1, reason="; ".join(parts)
    )


def _deciding(found: list[tuple[Assignment, str]]) -> list[str]:
    """The conditions that tell the reasons apart, as few as are needed."""
    needed = list(found[0][0])
    for name in found[0][0]:
        fewer = [other for other in needed if other != name]
        reasons: dict[tuple[bool, ...], set[str]] = {}
        for conditions, reason in found:
            reasons.setdefault(tuple(conditions[one] for one in fewer), set()).add(reason)
        if all(len(some) == 1 for some in reasons.values()):
            needed = fewer
    return needed


def in_words(conditions: Assignment) -> str:
    """How conditions came out: ``IsProd is true, IsBlue is false``."""
    return ", ".join(f"{name} is {str(value).lower()}" for name, value in conditions.items()) or "always"

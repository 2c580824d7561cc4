"""Tell what is instrumented in a template, by logical ID."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fargate_guard.cloudformation.cases import Cases
from fargate_guard.cloudformation.paths import Paths
from fargate_guard.cloudformation.reporting import in_words
from fargate_guard.cloudformation.resources import task_definitions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fargate_guard.taskdef import Json
    from fargate_guard.taskdef.explanation import ContainerExplanation, Explanation

_NO_PARAMETERS: Mapping[str, str] = {}


def explain_template(
    template: Json, parameters: Mapping[str, str] = _NO_PARAMETERS
) -> tuple[tuple[str, Explanation], ...]:
    """Tell what is instrumented in every task definition of a template, by whom, and what is wrong.

    :param parameters: values of the template's parameters, and of pseudo parameters (``AWS::Region``).
    :return: each logical ID with its explanation; where conditions make a difference, one for each outcome, with
        the conditions behind the ID: ``Web (when IsProd is true)``.
    :raises NotATaskDefinitionError: not a template, or one without task definitions.
    :raises TaskDefinitionError: one cannot be read.
    """
    return tuple(_explanations(template, parameters))


def _explanations(template: Json, parameters: Mapping[str, str]) -> Iterator[tuple[str, Explanation]]:
    from fargate_guard.taskdef import explain  # only explaining should cost this

    cases = Cases(template, parameters)
    for resource in task_definitions(template):
        found: list[tuple[str, Explanation]] = []
        for case in cases.of(resource):
            explanation = _translated(explain(case.definition), Paths(resource, case))
            if not any(explanation == other for _, other in found):
                found.append((in_words(case.conditions), explanation))
        for words, explanation in found:
            yield resource.logical_id if len(found) == 1 else f"{resource.logical_id} (when {words})", explanation


def translated_container(one: ContainerExplanation, translate: Callable[[str], str]) -> ContainerExplanation:
    """A container's explanation with the template's path, and in plain texts."""
    return replace(
        one,
        name=str(one.name),
        path=translate(one.path),
        entry_point=tuple(map(str, one.entry_point)),
        command=tuple(map(str, one.command)),
        runs=tuple(map(str, one.runs)),
    )


def _translated(explanation: Explanation, translate: Callable[[str], str]) -> Explanation:
    agent = explanation.agent
    return replace(
        explanation,
        agent=None if agent is None else replace(agent, path=translate(agent.path), image=str(agent.image)),
        containers=tuple(translated_container(one, translate) for one in explanation.containers),
        problems=tuple(one._replace(where=translate(one.where)) for one in explanation.problems),
        uncertain=tuple(one._replace(where=translate(one.where)) for one in explanation.uncertain),
    )

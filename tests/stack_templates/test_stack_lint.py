"""cfn-lint has nothing to say against any template of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stack_templates.variants import few_variants, variants

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.stacks.template import StackTemplate


def complaints(templates: Iterable[StackTemplate]) -> set[str]:
    """What cfn-lint says, warnings included."""
    from cfnlint.api import ManualArgs, lint

    settings = ManualArgs(regions=["us-east-1"])
    return {
        f"{match.rule.id} {match.message} at {'/'.join(map(str, match.path or []))}"
        for template in templates
        for match in lint(template.body, config=settings)
    }


def test_the_most_different_templates_are_clean() -> None:
    assert complaints(few_variants()) == set()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_pair_of_switches_is_clean() -> None:
    assert complaints(variants(2)) == set()

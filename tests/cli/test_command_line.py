"""Lines that texts give to copy act on the same deployment, in the same account."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from fargate_guard.cli.command import Invocation
from fargate_guard.cli.command_line import command_line, option_words
from fargate_guard.cli.own_template import refuse_to_destroy
from fargate_guard.cli.screen import Screen
from fargate_guard.cli.terraform_options import stack_choice
from fargate_guard.errors import UsageError


def invocation(config: str, region: str | None = None, profile: str | None = None) -> Invocation:
    screen = Screen(io.StringIO(), io.StringIO(), io.StringIO(), {})
    return Invocation("deploy", screen, {}, Path(config), True, region, profile)


@pytest.mark.parametrize(
    ("run", "line"),
    [
        (invocation("fguard.yaml"), "fguard status"),
        (invocation("prod/fguard.yaml"), "fguard status -c prod/fguard.yaml"),
        (
            invocation("my file.yaml", "eu-west-1", "prod"),
            "fguard status -c 'my file.yaml' --region eu-west-1 --profile prod",
        ),
    ],
)
def test_a_line_chooses_what_was_chosen(run: Invocation, line: str) -> None:
    assert command_line(run, "status") == line
    assert stack_choice(run, command="destroy").command == line.replace("status", "destroy")


def test_words_of_options_are_those_that_were_given() -> None:
    given = option_words(offline=True, uninstrumented=False, capability=["A", "B"], parameters_file=None, most=0)
    assert list(given) == ["--offline", "--capability", "A", "--capability", "B", "--most", "0"]


def test_destroy_of_a_template_of_ones_own_tells_how_to_undo_it_there() -> None:
    with pytest.raises(UsageError) as refused:
        refuse_to_destroy(invocation("prod/fguard.yaml"), Path("app.yaml"))
    undo = "fguard deploy -c prod/fguard.yaml --template app.yaml --stack-name NAME --uninstrumented"
    assert undo in str(refused.value.fix)
    assert "aws cloudformation delete-stack" in str(refused.value.fix)

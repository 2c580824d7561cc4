"""The grammar of conditions: what Falco reads is read, what it refuses is refused with the place."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings

from fargate_guard.falco.condition import parse_condition
from fargate_guard.falco.lexer import ConditionError
from fargate_guard.falco.tree import (
    And,
    Comparison,
    Expression,
    Field,
    ListName,
    Macro,
    Not,
    Or,
    Text,
    Transformed,
    Values,
    condition_text,
)
from tests.falco.conditions import expressions, scraps

A, B, C = Macro("a"), Macro("b"), Macro("c")
NAME = Field("proc.name")


def equals(value: str, quote: str = "") -> Comparison:
    return Comparison(NAME, "=", Text(value, quote))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("a and b or c", Or((And((A, B)), C))),
        ("a or b and c", Or((A, And((B, C))))),
        ("(a or b)and(c)", And((Or((A, B)), C))),
        ("not a and b", And((Not(A), B))),
        ("not(a and b)", Not(And((A, B)))),
        ("not not a", A),
        ("\n a\n\tand\r\nb ", And((A, B))),
        ("proc.name=bash", equals("bash")),
        ('proc.name = "a \\" b"', equals('a \\" b', '"')),
        ("proc.name = 'x'", equals("x", "'")),
        ("proc.name = /usr/bin/[a-z]*", equals("/usr/bin/[a-z]*")),
        ("evt.dir = <", Comparison(Field("evt.dir"), "=", Text("<"))),
        ("evt.rawres >= -1", Comparison(Field("evt.rawres"), ">=", Text("-1"))),
        ("proc.aname[2] = sh", Comparison(Field("proc.aname", Text("2")), "=", Text("sh"))),
        ('proc.env["A B"] exists', Comparison(Field("proc.env", Text("A B", '"')), "exists", None)),
        ("proc.name pmatch (/a, '/b c')", Comparison(NAME, "pmatch", Values((Text("/a"), Text("/b c", "'"))))),
        ("proc.name in()", Comparison(NAME, "in", Values(()))),
        ("proc.name intersects shells", Comparison(NAME, "intersects", ListName("shells"))),
        ("tolower(proc.name) = val(proc.pname)", Comparison(
            Transformed("tolower", NAME), "=", Transformed("val", Field("proc.pname"))
        )),
        ("toupper( b64( proc.name ) ) iglob X*", Comparison(
            Transformed("toupper", Transformed("b64", NAME)), "iglob", Text("X*")
        )),
    ],
)  # fmt: skip
def test_what_falco_reads_is_read(text: str, tree: Expression) -> None:
    assert parse_condition(text) == tree


@pytest.mark.parametrize(
    "operator",
    [
        "=",
        "==",
        "!=",
        "contains",
        "icontains",
        "bcontains",
        "startswith",
        "bstartswith",
        "endswith",
        "glob",
        "iglob",
        "regex",
    ],
)
def test_every_text_operator_of_the_documentation(operator: str) -> None:
    assert parse_condition(f"proc.cmdline {operator} ab") == Comparison(
        Field("proc.cmdline"), operator, Text("ab")
    )


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("  ", 0, "the condition is empty"),
        ("a and", 5, "found the end"),
        ("and a", 0, "something is missing before 'and'"),
        ("a or or b", 5, "something is missing before 'or'"),
        ("a and(b", 5, "the parenthesis is not closed"),
        ("(a))", 3, "a ) closes nothing"),
        ("a b", 2, "expected 'and', 'or' or the end, found 'b'"),
        ("proc.name bash", 10, "expected an operator, found 'bash'"),
        ("proc.name", 9, "expected an operator, found the end"),
        ("proc.name =", 11, "a value must follow '=', found the end"),
        ("proc.name = a=b", 13, "found '=b'"),
        ("proc.name contains", 18, "a blank must follow 'contains'"),
        ('proc.name = "a', 12, 'the text in " is not closed'),
        ("proc.name in bash, sh", 17, "found ','"),
        ("proc.name in (a b)", 16, "expected , or ) in the list, found 'b'"),
        ("proc.name in (a,)", 16, "a value is missing in the list"),
        ("proc.name in (a", 15, "expected , or ) in the list, found the end"),
        ("proc.name in", 12, "'in' wants a list, found the end"),
        ("proc.pid > many", 11, "'>' compares numbers, found 'many'"),
        ("proc.aname[] = a", 11, "needs an argument"),
        ("proc.aname[2 = a", 11, "is not closed"),
        ("lower(proc.name) = a", 0, "'lower' is no transformer"),
        ("val(proc.name) = a", 0, "'val' stands on the right of an operator only"),
        ("proc.name = val(tolower(proc.name))", 16, "val(…) wants a field"),
        ("tolower(proc.name = a", 0, "is not closed"),
        ("name = bash", 0, "'name' is no field"),
        ("$a", 0, "expected a field, a macro or a parenthesis"),
        ("(" * 101 + "a" + ")" * 101, 100, "more than 100 parentheses"),
    ],
)
def test_what_falco_refuses_is_refused_with_the_place(text: str, at: int, says: str) -> None:
    with pytest.raises(ConditionError) as wrong:
        parse_condition(text)
    assert says in wrong.value.message
    assert wrong.value.at == at


def test_a_misspelt_operator_is_told_the_right_one() -> None:
    with pytest.raises(ConditionError) as wrong:
        parse_condition("fd.name startwith /etc")
    assert wrong.value.fix == "did you mean startswith?"


def test_quoted_texts_mean_what_their_escapes_say() -> None:
    assert Text('a\\n\\"b', '"').value == 'a\n"b'
    assert Text("a\\n").value == "a\\n"


QUICK = settings(max_examples=150, deadline=None)
LONG = settings(max_examples=10_000, deadline=None)


def round_trip(tree: Expression) -> None:
    assert parse_condition(condition_text(tree)) == tree


def never_a_traceback(text: str) -> None:
    with contextlib.suppress(ConditionError):
        round_trip(parse_condition(text))


@QUICK
@given(expressions)
def test_a_printed_tree_reads_as_the_same_tree(tree: Expression) -> None:
    round_trip(tree)


@QUICK
@given(scraps)
def test_any_text_is_read_or_refused(text: str) -> None:
    never_a_traceback(text)


@pytest.mark.long
@LONG
@given(expressions)
def test_a_printed_tree_reads_as_the_same_tree_in_many_cases(tree: Expression) -> None:
    round_trip(tree)


@pytest.mark.long
@LONG
@given(scraps)
def test_any_text_is_read_or_refused_in_many_cases(text: str) -> None:
    never_a_traceback(text)

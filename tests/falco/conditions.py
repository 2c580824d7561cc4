"""Conditions as hypothesis makes them up."""

from __future__ import annotations

from hypothesis import strategies as st

from fargate_guard.falco.lexer import (
    KEYWORDS,
    LIST_OPERATORS,
    NUMBER_OPERATORS,
    TEXT_OPERATORS,
    TRANSFORMERS,
    UNARY_OPERATORS,
)
from fargate_guard.falco.tree import (
    And,
    Comparison,
    Expression,
    Field,
    ListName,
    Macro,
    Not,
    Operand,
    Or,
    Text,
    Transformed,
    Values,
)

words = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda word: word not in KEYWORDS)
bare = st.from_regex(r"[^()\"'\s=,\x00-\x1f]{1,8}", fullmatch=True).map(Text)


def _not_ending(text: str) -> bool:
    return not text.endswith("\\")


quoted = st.one_of(
    st.text(st.characters(exclude_characters="\"'", codec="utf-8"), max_size=8)
    .filter(_not_ending)
    .flatmap(lambda raw: st.sampled_from([Text(raw, '"'), Text(raw, "'")])),
    st.sampled_from([Text('a \\" b', '"'), Text("it\\'s", "'"), Text("it's", '"')]),
)
texts = st.one_of(bare, quoted)
arguments = st.one_of(st.none(), st.from_regex(r"[a-z0-9/*.]{1,5}", fullmatch=True).map(Text), quoted)
fields = st.builds(Field, st.builds("{}.{}".format, words, words), arguments)


def _transformed(inner: st.SearchStrategy[Operand]) -> st.SearchStrategy[Operand]:
    return st.builds(Transformed, st.sampled_from(TRANSFORMERS), inner)


operands: st.SearchStrategy[Operand] = st.recursive(fields, _transformed, max_leaves=2)
_other_fields = st.one_of(
    st.builds(Transformed, st.just("val"), fields), st.builds(Transformed, st.sampled_from(TRANSFORMERS), operands)
)
_numbers = st.one_of(st.integers(-9, 9999).map(str), st.sampled_from(["0x1F", "1.5", "+3"])).map(Text)
_lists = st.one_of(st.builds(Values, st.lists(texts, max_size=3).map(tuple)), st.builds(ListName, words))
comparisons = st.one_of(
    st.builds(Comparison, operands, st.sampled_from(UNARY_OPERATORS), st.none()),
    st.builds(Comparison, operands, st.sampled_from(NUMBER_OPERATORS), st.one_of(_numbers, _other_fields)),
    st.builds(Comparison, operands, st.sampled_from(TEXT_OPERATORS), st.one_of(texts, _other_fields)),
    st.builds(Comparison, operands, st.sampled_from(LIST_OPERATORS), st.one_of(_lists, _other_fields)),
)


def _joined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(And, several), st.builds(Or, several))


expressions: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(comparisons, st.builds(Macro, words)), _joined, max_leaves=6
)
PIECES = (
    *(
        "and",
        "or",
        "not",
        "(",
        ")",
        " ",
        "\n",
        ",",
        "=",
        "!=",
        "<",
        ">=",
        "in",
        "exists",
        "contains",
        "pmatch",
        "glob",
    ),
    *(
        "proc.name",
        "proc.aname[2]",
        "fd.num",
        "evt.arg.x",
        "tolower(",
        "val(",
        "a_macro",
        '"',
        "'",
        "\\",
        "[",
        "]",
        "3",
    ),
)
scraps = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))

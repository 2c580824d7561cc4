"""What is wrong with a YAML text, in words that help whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef import NotATaskDefinitionError

if TYPE_CHECKING:
    from ruamel.yaml.error import YAMLError

_INDENT = "indent it like its neighbours"
_PLAIN_WORDS = (
    ("'\\t' that cannot start", "a tab where only spaces may indent", "indent with spaces"),
    (
        "mapping values are not allowed here",
        "a colon where no key can be",
        "put the text into quotation marks, or indent the line like its neighbours",
    ),
    ("could not find expected ':'", "a line that is neither a key with a colon nor a list item", None),
    (
        "but found '<block mapping start>'",
        "a key whose indentation fits no line above",
        "indent it like its neighbours",
    ),
    ("but found '<block sequence start>'", "a dash whose indentation fits no line above", None),
    ("but found '-'", "a list item where a key is expected", _INDENT),
    ("expected ',' or", "a bracket that is not closed, or a comma that is missing", None),
    ("expected <block end>", "text whose indentation or quotation marks do not fit what stands above", None),
    ("found unexpected end of stream", "quotation marks that are not closed", "close them"),
    ("found unknown escape character", "an unknown escape behind a backslash", "use '…' or double the backslash"),
    (
        "that cannot start any token",
        "a character that no value can begin with",
        "put the text into quotation marks",
    ),
)


def in_plain_words(error: YAMLError, text: str) -> NotATaskDefinitionError:
    """The refusal of a text that is not YAML, with line and column where the parser knows them."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).strip()
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else _place_of_character(error, text)
    for known, words, fix in _PLAIN_WORDS:
        if known in problem:
            return NotATaskDefinitionError(f"not YAML: {words}", where=where, why=_opened(error), fix=fix)
    return NotATaskDefinitionError(f"not YAML: {problem}", where=where)


def _place_of_character(error: YAMLError, text: str) -> str | None:
    position = getattr(error, "position", None)
    if not isinstance(position, int):
        return None
    before = text[:position]
    return f"line {before.count(chr(10)) + 1}, column {position - (before.rfind(chr(10)) + 1) + 1}"


def _opened(error: YAMLError) -> str | None:
    """Where the thing began that went wrong later."""
    context, mark = getattr(error, "context", None), getattr(error, "context_mark", None)
    if not context or not mark or mark.line == getattr(getattr(error, "problem_mark", mark), "line", mark.line):
        return None
    return f"{context}, which begins on line {mark.line + 1}"

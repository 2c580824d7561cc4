"""The grammar of conditions, by recursive descent.

As Falco reads them (https://falco.org/docs/concepts/rules/conditions/), but for two slips that Falco lets pass: an
operator must end where its word ends (``inx``), and a keyword is no macro.
"""

from __future__ import annotations

import difflib

from fargate_guard.falco.lexer import (
    BARE_TEXT,
    FIELD_ARGUMENT,
    FIELD_NAME,
    IDENTIFIER,
    KEYWORDS,
    LIST_OPERATORS,
    NUMBER,
    NUMBER_OPERATORS,
    OPERATORS,
    TRANSFORMERS,
    UNARY_OPERATORS,
    VALUE_OF,
    ConditionError,
    Lexer,
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
    Right,
    Text,
    Transformed,
    Values,
)

DEEPEST = 100
"""Parentheses within each other, as in Falco."""


def parse_condition(text: str) -> Expression:
    """Read a condition.

    :raises ConditionError: with the place, in characters from the start.
    """
    return _Parser(text).condition()


class _Parser:
    def __init__(self, text: str) -> None:
        self._lexer = Lexer(text)
        self._depth = 0

    def condition(self) -> Expression:
        self._lexer.blank()
        if self._lexer.ended:
            raise ConditionError("the condition is empty", 0)
        found = self._or()
        if not self._lexer.ended:
            raise self._left_over()
        return found

    def _or(self) -> Expression:
        children = [self._and()]
        while self._lexer.keyword("or"):
            children.append(self._and())
        return Or(tuple(children)) if len(children) > 1 else children[0]

    def _and(self) -> Expression:
        children = [self._not()]
        while self._lexer.keyword("and"):
            children.append(self._not())
        return And(tuple(children)) if len(children) > 1 else children[0]

    def _not(self) -> Expression:
        negated = False
        self._lexer.blank()
        while self._lexer.keyword("not"):
            negated = not negated
            self._lexer.blank()
        child = self._check()
        self._lexer.blank()
        return Not(child) if negated else child

    def _check(self) -> Expression:
        lexer, at = self._lexer, self._lexer.at
        if lexer.take("("):
            return self._nested(at)
        name = lexer.match(FIELD_NAME)
        if name is not None:
            return self._comparison(self._field(name, at), at)
        called = lexer.call()
        if called in KEYWORDS:
            raise ConditionError(f"something is missing before {called!r}", at)
        if called is not None:
            return self._comparison(self._transformed(called, at, within=TRANSFORMERS), at)
        word = lexer.match(IDENTIFIER)
        if word is None:
            raise ConditionError(f"expected a field, a macro or a parenthesis, found {lexer.here()}", at)
        if word in KEYWORDS:
            raise ConditionError(f"something is missing before {word!r}", at)
        return self._macro(word, at)

    def _macro(self, word: str, at: int) -> Macro:
        lexer = self._lexer
        behind = lexer.at
        lexer.blank()
        operator = lexer.operator()
        if operator:
            raise ConditionError(
                f"{word!r} is no field: a field has a class and a name, such as proc.name; before {operator!r}", at
            )
        lexer.at = behind
        return Macro(word, at)

    def _nested(self, at: int) -> Expression:
        self._deeper(at)
        found = self._or()
        if not self._lexer.take(")"):
            if self._lexer.ended:
                raise ConditionError("the parenthesis is not closed", at, "close it with )")
            raise self._left_over()
        self._depth -= 1
        return found

    def _deeper(self, at: int) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConditionError(f"more than {DEEPEST} parentheses within each other", at)

    def _comparison(self, left: Operand, at: int) -> Comparison:
        lexer = self._lexer
        lexer.blank()
        operator_at = lexer.at
        operator = lexer.operator()
        if operator is None:
            raise self._no_operator(operator_at)
        if operator in UNARY_OPERATORS:
            return Comparison(left, operator, None, at)
        spaced = lexer.blank()
        if operator.isalpha() and not spaced and operator not in LIST_OPERATORS:
            raise ConditionError(f"a blank must follow {operator!r}", lexer.at)
        return Comparison(left, operator, self._right(operator), at)

    def _right(self, operator: str) -> Right:
        lexer, at = self._lexer, self._lexer.at
        called = lexer.call()
        if called in (*TRANSFORMERS, VALUE_OF):
            return self._transformed(str(called), at, within=(*TRANSFORMERS, VALUE_OF))
        lexer.at = at
        if operator in NUMBER_OPERATORS:
            number = lexer.match(NUMBER)
            if number is None:
                raise ConditionError(f"{operator!r} compares numbers, found {lexer.here()}", at)
            return Text(number, "", at)
        if operator in LIST_OPERATORS:
            return self._list(operator, at)
        return self._text(f"a value must follow {operator!r}")

    def _list(self, operator: str, at: int) -> Values | ListName:
        lexer = self._lexer
        if not lexer.take("("):
            name = lexer.match(IDENTIFIER)
            if name is None or name in KEYWORDS:
                raise ConditionError(
                    f"{operator!r} wants a list, found {lexer.here()}", at, f"write {operator} (a, b)"
                )
            return ListName(name, at)
        items: list[Text] = []
        lexer.blank()
        if not lexer.take(")"):
            items.append(self._text("a value is missing in the list"))
            while not lexer.take(")"):
                if not lexer.take(","):
                    raise ConditionError(f"expected , or ) in the list, found {lexer.here()}", lexer.at)
                lexer.blank()
                items.append(self._text("a value is missing in the list"))
        return Values(tuple(items), at)

    def _text(self, missing: str) -> Text:
        lexer, at = self._lexer, self._lexer.at
        quoted = lexer.quoted()
        found = Text(quoted[1], quoted[0], at) if quoted else None
        if found is None:
            bare = lexer.match(BARE_TEXT)
            if bare is None:
                raise ConditionError(f"{missing}, found {lexer.here()}", at)
            found = Text(bare, "", at)
        lexer.blank()
        return found

    def _field(self, name: str, at: int) -> Field:
        lexer = self._lexer
        if not lexer.take("["):
            return Field(name, None, at)
        argument_at = lexer.at
        quoted = lexer.quoted()
        bare = None if quoted else lexer.match(FIELD_ARGUMENT)
        if not quoted and bare is None:
            raise ConditionError(f"{name}[…] needs an argument", argument_at)
        if not lexer.take("]"):
            raise ConditionError(f"the argument of {name} is not closed", argument_at, "close it with ]")
        argument = Text(quoted[1], quoted[0], argument_at) if quoted else Text(str(bare), "", argument_at)
        return Field(name, argument, at)

    def _transformed(self, name: str, at: int, *, within: tuple[str, ...]) -> Transformed:
        if name not in within:
            why = "stands on the right of an operator only" if name == VALUE_OF else "is no transformer"
            raise ConditionError(f"{name!r} {why}", at, f"there are {', '.join(within)}")
        self._deeper(at)
        lexer = self._lexer
        lexer.blank()
        inner_at = lexer.at
        field = lexer.match(FIELD_NAME)
        called = None if field or name == VALUE_OF else lexer.call()
        operand: Operand
        if field is not None:
            operand = self._field(field, inner_at)
        elif called is not None:
            operand = self._transformed(called, inner_at, within=TRANSFORMERS)
        else:
            raise ConditionError(f"{name}(…) wants a field, found {lexer.here()}", inner_at)
        lexer.blank()
        if not lexer.take(")"):
            raise ConditionError(f"the parenthesis of {name}(…) is not closed", at, "close it with )")
        self._depth -= 1
        return Transformed(name, operand, at)

    def _no_operator(self, at: int) -> ConditionError:
        self._lexer.at = at
        word = self._lexer.here()
        near = difflib.get_close_matches(word.strip("'\"").lower()[:40], OPERATORS, n=1)
        fix = f"did you mean {near[0]}?" if near else f"there are {', '.join(OPERATORS)}"
        return ConditionError(f"expected an operator, found {word}", at, fix)

    def _left_over(self) -> ConditionError:
        at, here = self._lexer.at, self._lexer.here()
        if here.strip("'").startswith(")"):
            return ConditionError("a ) closes nothing", at)
        return ConditionError(
            f"expected 'and', 'or' or the end, found {here}",
            at,
            "put a value with blanks, = or ( into quotation marks",
        )

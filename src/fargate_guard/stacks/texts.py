"""Text that CloudFormation would not hand on as it was written.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.workload_input import Json, NotCarriedError, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_TEXT = re.compile("[\ud800-\udfff\0]")
_DYNAMIC_REFERENCE = re.compile(r"\{\{\s*resolve:", re.IGNORECASE)
_FUNCTION = re.compile(r"Ref|Condition|Fn::.*", re.DOTALL)


def refuse_changed_texts(value: Json, where: str) -> None:
    """Refuse every text in a JSON value that would not arrive as it was written.

    :raises NotCarriedError: a dynamic reference, or no text at all.
    """
    for path, text in texts(value, where):
        if _NOT_TEXT.search(text):
            raise NotCarriedError(
                "a value is not text",
                where=path,
                why="it has half of a surrogate pair or a NUL in it, which no environment can hold",
                fix="remove that character",
            )
        if _DYNAMIC_REFERENCE.search(text):
            raise NotCarriedError(
                "a value would be changed on its way through CloudFormation",
                where=path,
                why="it contains {{resolve:, which CloudFormation takes for a dynamic reference wherever it stands"
                " and wherever it comes from; there is no way to write it otherwise",
                fix="name the secret in the container's `secrets`, or deploy with: --method terraform",
            )


def refuse_functions(free_form: Mapping[str, Json], where: str) -> None:
    """Refuse keys that CloudFormation takes for a function, where keys are the user's.

    :raises NotCarriedError: such a key.
    """
    for key in free_form:
        if _FUNCTION.fullmatch(key):
            raise NotCarriedError(
                f"the key {key!r} cannot be carried through CloudFormation",
                where=where,
                why="in a template it is a function, wherever it stands",
                fix="use another key, or deploy with: --method terraform",
            )

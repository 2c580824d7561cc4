"""The macro's Lambda function: every call ends in an answer that CloudFormation understands."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Protocol

from fargate_guard import __version__
from fargate_guard.macro.event import (
    LARGEST_RESPONSE,
    LARGEST_TEMPLATE,
    LONGEST_MESSAGE,
    EventError,
    Request,
    failure,
    shortened,
    size_of,
    success,
)
from fargate_guard.macro.journal import Journal, frames_of, hidden_values
from fargate_guard.macro.scope import scope_of
from fargate_guard.macro.settings import MacroSettings
from fargate_guard.macro.transforming import Transforming
from fargate_guard.macro.wording import LOOK_UP, in_words, refusals_of
from fargate_guard.taskdef import TaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fargate_guard.macro.scope import Scope
    from fargate_guard.taskdef import ImageNeed, Images, Json

UNTOUCHED = f"fguard {__version__} changed nothing, and the stack stays as it is"
_MARGIN = 3.0
"""Seconds that instrumenting and answering may take after images were looked up."""
_ROOM_FOR_THE_REST = 60


class LambdaContext(Protocol):
    """What Lambda tells about a call.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    log_group_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the function."""


def make_handler(
    read_settings: Callable[[], str], write: Callable[[str], object]
) -> Callable[[Json, LambdaContext | None], dict[str, Json]]:
    """Return the function that Lambda calls.

    :param read_settings: returns the text of the installed settings; called with each event.
    :param write: takes lines for the log.
    """

    def handler(event: Json, context: LambdaContext | None) -> dict[str, Json]:
        journal, started = Journal(write), time.monotonic()
        answer = _answer(event, context, journal, read_settings)
        journal.line(
            "INFO" if answer["status"] == "success" else "ERROR",
            "answer",
            status=answer["status"],
            message=answer.get("errorMessage", ""),
            version=__version__,
            seconds=round(time.monotonic() - started, 3),
        )
        return answer

    return handler


def _answer(
    event: Json, context: LambdaContext | None, journal: Journal, read_settings: Callable[[], str]
) -> dict[str, Json]:
    request_id, scope = str(event.get("requestId", "")) if isinstance(event, dict) else "", None
    try:
        request = Request.of(event)
        journal.context |= {"request": request_id, "macro": request.macro}
        scope = scope_of(request.fragment, request.parameters)
        journal.hidden = hidden_values(scope, request.parameters)
        installed = MacroSettings.read(read_settings())
        look_up = partial(_look_up, context, request.region)
        answer = success(request_id, Transforming(request, scope, journal).fragment(installed, look_up))
        return _checked_size(answer, journal)
    except EventError as error:
        return failure(request_id, f"{error}; {UNTOUCHED}")
    except TaskDefinitionError as error:
        return failure(request_id, _refused(error, scope, journal, context))
    except RecursionError:
        return failure(request_id, f"the template is nested more deeply than Python can follow. {UNTOUCHED}")
    except Exception as unexpected:  # noqa: BLE001 - Lambda's own report would show the values of the template
        frames = frames_of(unexpected)
        journal.line("ERROR", "unexpected", exception=type(unexpected).__name__, traceback=frames)
        return failure(
            request_id,
            f"fguard met something it did not expect ({type(unexpected).__name__} at {frames[-1]}); this is a bug "
            f"in fguard. {UNTOUCHED}. Report it with the lines of this request in {_log_of(context)}",
        )


def _look_up(context: LambdaContext | None, region: str, needs: Sequence[ImageNeed]) -> Images:
    from fargate_guard.macro.images import look_up  # only a call that asks for it needs the network's modules

    seconds = (context.get_remaining_time_in_millis() / 1000 if context else 30.0) - _MARGIN
    return look_up(needs, region, seconds)


def _refused(
    error: TaskDefinitionError, scope: Scope | None, journal: Journal, context: LambdaContext | None
) -> str:
    """The message for CloudFormation: as many refusals as there is room for; the log has all of them."""
    told = [journal.safe(_with_look_up(in_words(one, scope))) for one in refusals_of(error)]
    for one in told:
        journal.line("ERROR", "refused", message=one)
    rest = f". {UNTOUCHED}."
    message = shortened(told[0], LONGEST_MESSAGE - len(rest) - _ROOM_FOR_THE_REST - len(_log_of(context)))
    for number, one in enumerate(told[1:], start=1):
        more = f" And {len(told) - number} more: see {_log_of(context)}."
        if len(message) + len(one) + len(more) + len(rest) + 1 > LONGEST_MESSAGE:
            return f"{message}{more}{rest}"
        message = f"{message} | {one}"
    return message + rest


def _with_look_up(told: str) -> str:
    would_help = "Images: '{" in told or "leave out PinDigests" in told
    return f"{told}; {LOOK_UP}" if would_help and "ImageLookup" not in told else told


def _log_of(context: LambdaContext | None) -> str:
    return f"the log group {context.log_group_name}" if context else "the function's log"


def _checked_size(answer: dict[str, Json], journal: Journal) -> dict[str, Json]:
    size = size_of(answer)
    if size > LARGEST_RESPONSE:
        return failure(
            str(answer["requestId"]),
            f"the instrumented template has {size:,} bytes, more than Lambda can give back ({LARGEST_RESPONSE:,})"
            f"; split the stack. {UNTOUCHED}",
        )
    if size > LARGEST_TEMPLATE:
        journal.line(
            "WARN",
            "size",
            message=f"the instrumented template has {size:,} bytes; CloudFormation takes {LARGEST_TEMPLATE:,}",
        )
    return answer

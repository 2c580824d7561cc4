"""Lambda: functions run in a clean Python process instead of a container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaFunction

from fargate_guard.sandbox.mends.override import override

if TYPE_CHECKING:
    from collections.abc import Callable


def mend() -> None:
    """Run functions without Docker.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """
    override(LambdaFunction, "invoke", _invoke)


def _invoke(original: Callable[..., Any]) -> Callable[..., Any]:  # noqa: ARG001 - wants a container
    def invoke(self: Any, body: str, request_headers: Any, response_headers: Any) -> str | bytes:  # noqa: ARG001
        """Answer what the handler returns, or its error with ``X-Amz-Function-Error``."""
        from fargate_guard.sandbox.cloudformation.resources.functions import answer_of, run_and_log

        run = run_and_log(self, json.loads(body) if body else {})
        if run.error is not None:
            response_headers["x-amz-function-error"] = "Unhandled"
        return answer_of(run).encode()

    return invoke

"""Lambda: functions run in a clean Python process instead of a container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaFunction

from fargate_guard.sandbox.mends.override import override

if TYPE_CHECKING:
    from collections.abc import Callable


def mend() -> None:
    """Run functions without Docker, and keep where they log.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    """
    override(LambdaFunction, "__init__", _init)
    override(LambdaFunction, "update_configuration", _update_configuration)
    override(LambdaFunction, "get_configuration", _get_configuration)
    override(LambdaFunction, "invoke", _invoke)


def _init(original: Callable[..., Any]) -> Callable[..., Any]:
    def init(self: Any, account_id: str, spec: dict[str, Any], region: str, version: Any = 1) -> None:
        """A function may log elsewhere.

        https://docs.aws.amazon.com/lambda/latest/api/API_LoggingConfig.html
        """
        _keep_logging(self, spec["FunctionName"], spec.get("LoggingConfig") or {})
        original(self, account_id, spec, region, version)

    return init


def _keep_logging(function: Any, name: str, config: dict[str, Any]) -> None:
    function.sandbox_logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}", **config}


def _update_configuration(original: Callable[..., Any]) -> Callable[..., Any]:
    def update_configuration(self: Any, config_updates: dict[str, Any]) -> Any:
        """Everything that can be changed is changed.

        https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
        """
        self.tracing_config = config_updates.get("TracingConfig", self.tracing_config)
        self.kms_key_arn = config_updates.get("KMSKeyArn", self.kms_key_arn)
        self.ephemeral_storage = config_updates.get("EphemeralStorage", {}).get("Size", self.ephemeral_storage)
        if "LoggingConfig" in config_updates:
            _keep_logging(self, self.function_name, config_updates["LoggingConfig"])
        return original(self, config_updates)

    return update_configuration


def _get_configuration(original: Callable[..., Any]) -> Callable[..., Any]:
    def get_configuration(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Say where the function logs.

        https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
        """
        return {**original(self, *args, **kwargs), "LoggingConfig": self.sandbox_logging}

    return get_configuration


def _invoke(original: Callable[..., Any]) -> Callable[..., Any]:  # noqa: ARG001 - wants a container
    def invoke(self: Any, body: str, request_headers: Any, response_headers: Any) -> str | bytes:  # noqa: ARG001
        """Answer what the handler returns, or its error with ``X-Amz-Function-Error``.

        https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_ResponseSyntax
        """
        from fargate_guard.sandbox.cloudformation.resources.functions import answer_of, run_and_log

        run = run_and_log(self, json.loads(body) if body else {})
        if run.error is not None:
            response_headers["x-amz-function-error"] = "Unhandled"
        return answer_of(run).encode()

    return invoke

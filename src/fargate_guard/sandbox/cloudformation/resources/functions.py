"""Lambda functions of an account: how macros find and run them."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.in_process import in_process_client
from fargate_guard.sandbox.cloudformation.resource_type import FunctionPackage
from fargate_guard.sandbox.cloudformation.resources.function_run import run_function

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.resources.function_run import Run

Json = Any


def function_package(account_id: str, region: str, function_name_or_arn: str) -> FunctionPackage | None:
    """Return a function as far as it takes to run it; None when there is no such function."""
    function = _function(account_id, region, function_name_or_arn)
    return None if function is None else package_of(function)


def package_of(function: Json) -> FunctionPackage:
    """Return moto's record of a function as far as it takes to run it."""
    return FunctionPackage(
        zip_file=function.code_bytes,
        handler=function.handler,
        runtime=function.run_time,
        environment={key: str(value) for key, value in function.environment_vars.items()},
        timeout_seconds=float(function.timeout),
        memory_mib=int(function.memory_size),
        name=function.function_name,
    )


def _function(account_id: str, region: str, function_name_or_arn: str) -> Json:
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import lambda_backends

    try:
        return lambda_backends[account_id][region].get_function(function_name_or_arn)
    except UnknownFunctionException:
        return None


def invoke(account_id: str, region: str, function_name_or_arn: str, event: Json) -> Run | None:
    """Run a function and write what it prints to its log group; None when there is no such function.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """
    function = _function(account_id, region, function_name_or_arn)
    return None if function is None else run_and_log(function, event)


def run_and_log(function: Json, event: Json) -> Run:
    """Run moto's record of a function."""
    request_id = str(uuid.uuid4())
    run = run_function(package_of(function), event, request_id=request_id, function_arn=function.function_arn)
    _log(function, request_id, run)
    return run


def _log(function: Json, request_id: str, run: Run) -> None:
    from moto.core.utils import unix_time_millis, utcnow

    logs = in_process_client("logs", function.region, function.account_id)
    group = function.sandbox_logging["LogGroup"]
    stream = f"{utcnow():%Y/%m/%d}/[$LATEST]{request_id.replace('-', '')}"
    lines = [f"START RequestId: {request_id} Version: $LATEST", *run.log.splitlines()]
    lines.append(f"END RequestId: {request_id}")
    if not any(each["logGroupName"] == group for each in _groups(logs, group)):
        logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(unix_time_millis())
    events = [{"timestamp": now, "message": line} for line in lines if line]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def _groups(logs: Json, group: str) -> list[Json]:
    return list(logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"])


def answer_of(run: Run) -> str:
    """Return the body that Lambda's Invoke answers.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_ResponseSyntax
    """
    return json.dumps(run.payload if run.error is None else run.error)

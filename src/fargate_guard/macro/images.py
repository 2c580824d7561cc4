"""What images run, asked from within Lambda: public registries and, with the function's own role, ECR.

The manifests are chosen and checked by ``images/``, as they are for the command; only the way to the registries is
another one. boto3, of the Lambda runtime, is imported for ECR and Secrets Manager alone.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from fargate_guard.cloudformation import TemplateRefusedError
from fargate_guard.errors import FguardError
from fargate_guard.images import Found, Options, resolve
from fargate_guard.macro.registry import Registries
from fargate_guard.taskdef import ImageConfig, Images, TaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fargate_guard.taskdef import ImageNeed, Json

LONGEST_PER_IMAGE = 15.0
"""Seconds; a registry that is well answers within one."""
_WORKERS = 8
_ARN_REGION = 3


def look_up(needs: Sequence[ImageNeed], region: str, seconds: float) -> Images:
    """Find out what images run by themselves.

    :param region: of secrets that are named without an ARN.
    :param seconds: for all of them together.
    :raises TaskDefinitionError: one cannot be found out.
    """
    rounds = -(-len({(one.image, one.architecture) for one in needs}) // _WORKERS)
    options = Options(
        timeout=max(0.1, min(LONGEST_PER_IMAGE, seconds / max(rounds, 1))),
        workers=_WORKERS,
        ecr_token=_ecr_token,
        secret=lambda parameter: _secret(parameter, region),
        transport=Registries,
    )
    found = resolve(needs, options=options)
    refusals = tuple(_refusal(one) for one in found if one.config is None)
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise TemplateRefusedError(refusals)
    known: Mapping[tuple[str, str], ImageConfig] = {
        (one.need.image, one.need.architecture): one.config for one in found if one.config is not None
    }
    return Images(by_image=known)


def _refusal(found: Found) -> TaskDefinitionError:
    need, error = found.need, found.error
    why = f"{error.why} ({need.image})" if error and error.why else need.image
    by_hand = f"set EntryPoint and Command of container {need.container}, or answer in the transform's Images"
    return TaskDefinitionError(
        error.message if error else "nothing was found",
        where=need.path,
        why=why,
        fix=by_hand if need.argv else "leave out PinDigests, or write the image with its digest",
    )


def _client(service: str, region: str) -> Json:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise FguardError(
            "this Python has no boto3", why=f"it is needed for {service}; Lambda's own runtimes have it"
        ) from None
    quick = Config(connect_timeout=3, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client(service, region_name=region, config=quick)


def _call(service: str, region: str, operation: str, about: str, **parameters: str) -> dict[str, Json]:
    client = _client(service, region)
    try:
        answer: dict[str, Json] = getattr(client, operation)(**parameters)
    except Exception as error:  # noqa: BLE001 - botocore's own exceptions cannot be named without importing it
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        raise FguardError(
            f"{service} refuses {operation}",
            where=about,
            why=str(code),
            fix=f"let the function's role call {operation} ({_PARAMETER[service]} of `fguard macro deploy`)",
        ) from None
    return answer


_PARAMETER = {"ecr": "--ecr-repository", "secretsmanager": "--registry-secret"}


def _ecr_token(region: str, account: str) -> tuple[str, str]:
    """https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html"""
    answer = _call("ecr", region, "get_authorization_token", f"registry of account {account} in {region}")
    user, _, password = (
        base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode().partition(":")
    )
    return user, password


def _secret(parameter: str, region: str) -> str:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html"""
    parts = parameter.split(":")
    there = parts[_ARN_REGION] if parameter.startswith("arn:") and len(parts) > _ARN_REGION else region
    answer = _call("secretsmanager", there, "get_secret_value", parameter, SecretId=parameter)
    return str(answer.get("SecretString", ""))

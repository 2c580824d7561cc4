"""Turn what boto3 raises into errors with a cause and a next command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from fargate_guard.errors import FguardError, PreflightError

BOTO_ERRORS = (boto.BotoCoreError, boto.ClientError, ResponseParserError)
"""Everything a boto3 call raises on purpose."""


class AwsError(FguardError):
    """AWS refused a call; ``code`` is AWS's own error code."""

    code: str = ""


class AccessDenied(AwsError):  # noqa: N818 - AWS's word for it
    """The credentials lack a permission; ``action`` is the IAM action, for example ``ecs:DescribeServices``."""

    action: str = ""


class NotFound(AwsError):  # noqa: N818 - AWS's word for it
    """What was asked about does not exist."""


class Throttled(AwsError):  # noqa: N818 - AWS's word for it
    """AWS kept answering "too many requests" through all retries."""


class CredentialsError(PreflightError):
    """No credentials, or ones that AWS does not accept (any more)."""


class RegionError(PreflightError):
    """No region is configured, or one that does not exist."""


class ProfileError(PreflightError):
    """The named profile is not in the shared AWS configuration files."""


class EndpointError(PreflightError):
    """What is configured as AWS's endpoint is no URL."""


class Unreachable(AwsError):  # noqa: N818 - the field's word for it
    """No answer from the service's endpoint."""


@dataclass(frozen=True, slots=True)
class Call:
    """One API call, for error texts."""

    service: str
    """boto3's name of the service, for example ``elbv2``."""
    operation: str
    """boto3's name of the operation, for example ``describe_services``."""
    region: str | None = None
    profile: str | None = None
    subject: str | None = None
    """What the call was about: an ARN or a name."""

    @property
    def action(self) -> str:
        """The IAM action that the call needs, for example ``elasticloadbalancing:DescribeListeners``."""
        words = "".join(word.capitalize() for word in self.operation.split("_"))
        prefix = _IAM_PREFIXES.get(self.service, self.service)
        return _IAM_ACTIONS.get(f"{prefix}:{words}", f"{prefix}:{words}")

    @property
    def where(self) -> str:
        """What the call was about, as an error names it."""
        return (
            f"{self.subject} ({self.action})" if self.subject else f"{self.action} in {self.region or 'no region'}"
        )


_IAM_PREFIXES = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}
_IAM_ACTIONS = {
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    "s3:HeadBucket": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_REJECTED = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
}
_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
}
_NOT_FOUND = re.compile(r"(NotFound|NotFoundException|NoSuch\w+|NoSuchEntity|404)$")
_DENIED_ACTION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z0-9]+)")

_LOG_IN = "run `aws sso login` or renew the credentials, then check with `aws sts get-caller-identity`"


def explain(error: Exception, call: Call) -> FguardError:
    """Return the error a user can act on for what boto3 raised during ``call``.

    https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
    """
    if isinstance(error, boto.ClientError):
        return _of_service(error, call)
    for kinds, build in _OF_BOTO:
        if isinstance(error, kinds):
            return build(error, call)
    return AwsError(f"{call.action} failed", where=call.where, why=str(error))


def _of_service(error: boto.ClientError, call: Call) -> FguardError:
    details: dict[str, Any] = error.response.get("Error", {})
    code, why = str(details.get("Code", "")), f"{details.get('Message') or error} [{details.get('Code', '')}]"
    if code in _EXPIRED:
        return CredentialsError("the AWS credentials have expired", where=call.where, why=why, fix=_LOG_IN)
    if code in _REJECTED:
        return CredentialsError("AWS does not accept the credentials", where=call.where, why=why, fix=_LOG_IN)
    if code in _DENIED:
        return _denied(call, code, why)
    refused: AwsError
    if code in _THROTTLED:
        refused = Throttled(
            f"AWS throttled {call.action} through all retries",
            where=call.where,
            why=why,
            fix="run the command again in a minute; other tools use the same account's request quota",
        )
    elif _NOT_FOUND.search(code):
        refused = NotFound(f"{call.subject or 'the resource'} does not exist", where=call.where, why=why)
    else:
        refused = AwsError(f"AWS refused {call.action}", where=call.where, why=why)
    refused.code = code
    return refused


def _denied(call: Call, code: str, why: str) -> AccessDenied:
    named = _DENIED_ACTION.search(why)
    action = named.group(1) if named else call.action
    denied = AccessDenied(
        f"the AWS credentials may not call {action}",
        where=call.where,
        why=why,
        fix=f"allow {action} for them; the README lists the permissions of every command",
    )
    denied.code, denied.action = code, action
    return denied


def _no_credentials(error: Exception, call: Call) -> FguardError:
    return CredentialsError(
        "there are no AWS credentials",
        where=f"profile {call.profile}" if call.profile else None,
        why=str(error),
        fix="run `aws configure sso` (or set AWS_PROFILE), or try everything without AWS: `fguard demo`",
    )


def _expired(error: Exception, call: Call) -> FguardError:
    return CredentialsError("the AWS session has expired", where=call.where, why=str(error), fix=_LOG_IN)


def _no_region(error: Exception, _call: Call) -> FguardError:
    return RegionError(
        "no AWS region is configured",
        why=str(error),
        fix="give --region, set AWS_REGION, or write aws.region into fguard.yaml",
    )


def _bad_region(error: Exception, call: Call) -> FguardError:
    return RegionError(
        f"{call.region!r} is not an AWS region", why=str(error), fix="use one like us-east-1 with --region"
    )


def _no_profile(error: Exception, call: Call) -> FguardError:
    named = getattr(error, "kwargs", {}).get("profile", call.profile)
    return ProfileError(
        f"the AWS profile {named!r} does not exist",
        why=str(error),
        fix="list the profiles with `aws configure list-profiles` and give one with --profile",
    )


def _unreachable(error: Exception, call: Call) -> FguardError:
    return Unreachable(
        f"no answer from AWS for {call.action}",
        where=call.where,
        why=str(error),
        fix="check the network, the proxy (HTTPS_PROXY), the region and AWS_ENDPOINT_URL;"
        " for the embedded AWS run `fguard sandbox status`",
    )


def _no_aws(error: Exception, call: Call) -> FguardError:
    return Unreachable(
        f"what answered {call.action} does not speak AWS's protocol",
        where=call.where,
        why=str(error).partition(":\n")[0],
        fix="check AWS_ENDPOINT_URL and the proxy (HTTPS_PROXY)",
    )


_OF_BOTO = (
    ((boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError), _no_credentials),
    ((boto.SSOTokenLoadError, boto.UnauthorizedSSOTokenError, boto.TokenRetrievalError, boto.SSOError), _expired),
    ((boto.NoRegionError,), _no_region),
    ((boto.InvalidRegionError,), _bad_region),
    ((boto.ProfileNotFound,), _no_profile),
    ((boto.HTTPClientError, boto.EndpointConnectionError, boto.ConnectionError), _unreachable),
    ((ResponseParserError,), _no_aws),
)

"""One boto3 session per command: region, profile, endpoint by boto3's rules, explicit retries, clear errors."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from fargate_guard import __version__
from fargate_guard.aws.errors import BOTO_ERRORS, AwsError, Call, EndpointError, RegionError, explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOTAL_ATTEMPTS = 10
"""Per call, first included. ECS refills its request quotas within seconds, so ten attempts outlast a burst."""
IDENTITY_ATTEMPTS = 3
"""For the first call of a command: a wrong endpoint is told within seconds."""
BRIEF_ATTEMPTS = 2
_PATIENT, _BRIEF = (10.0, 60.0), (2.0, 4.0)
"""Seconds for a connection, and for an answer."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the credentials belong to (``sts:GetCallerIdentity``)."""

    account_id: str
    arn: str
    """The caller's ARN."""
    partition: str
    """``aws``, ``aws-us-gov`` or ``aws-cn``."""


class Aws:
    """Calls AWS: clients are made once, when first needed; safe to use from several threads."""

    def __init__(
        self,
        *,
        region: str | None = None,
        profile: str | None = None,
        environ: Mapping[str, str] | None = None,
        brief: bool = False,
    ) -> None:
        """Choose region, profile and endpoint; nothing is sent yet.

        :param region: overrides what boto3 finds (``AWS_REGION``, the profile).
        :param profile: a named profile of the shared configuration files; overrides keys in the environment.
        :param environ: stands in for the process's environment, for example ``Sandbox.environment()``; of it
            ``AWS_REGION``, ``AWS_DEFAULT_REGION``, ``AWS_ENDPOINT_URL``, ``AWS_PROFILE`` and the keys count.
            None: boto3 reads the process's own, with all its rules.
        :param brief: give up within about ten seconds, for what is worth knowing and not worth a wait.
        :raises ProfileError: when there is no such profile.
        """
        self._environ = environ
        self._brief = brief
        self.profile = profile
        given = environ or {}
        keys = {}
        if profile is None and "AWS_ACCESS_KEY_ID" in given:
            keys = {
                "aws_access_key_id": given["AWS_ACCESS_KEY_ID"],
                "aws_secret_access_key": given.get("AWS_SECRET_ACCESS_KEY"),
                "aws_session_token": given.get("AWS_SESSION_TOKEN") or None,
            }
        self._endpoint_url = given.get("AWS_ENDPOINT_URL") or None
        try:
            self._session = boto3.Session(
                region_name=region or given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION"),
                profile_name=profile or (None if keys else given.get("AWS_PROFILE") or None),
                **keys,
            )
        except BOTO_ERRORS as error:
            raise explain(error, Call("sts", "get_caller_identity", region, profile)) from error
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        self._identity: Identity | None = None

    @property
    def region(self) -> str:
        """The region of every call.

        :raises RegionError: when none is configured.
        """
        if not self._session.region_name:
            raise RegionError(
                "no AWS region is configured",
                fix="give --region, set AWS_REGION, or write aws.region into fguard.yaml",
            )
        return str(self._session.region_name)

    def in_region(self, region: str) -> Aws:
        """Return the same access in another region."""
        same = region == self._session.region_name
        return self if same else self._again(region, brief=self._brief)

    def briefly(self) -> Aws:
        """Return the same access for what is not worth a wait: few attempts, short time-outs."""
        return self._again(self._session.region_name, brief=True)

    def _again(self, region: str | None, *, brief: bool) -> Aws:
        return Aws(region=region, profile=self.profile, environ=self._environ, brief=brief)

    def assuming(self, role_arn: str, region: str) -> Aws:
        """Return access with a role, in a region.

        https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html

        :raises AccessDenied: when the role may not be assumed.
        """
        given = self.call("sts", "assume_role", about=role_arn, RoleArn=role_arn, RoleSessionName="fguard")
        keys = {
            "AWS_ACCESS_KEY_ID": given["Credentials"]["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["Credentials"]["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["Credentials"]["SessionToken"],
        }
        return Aws(region=region, environ={**(self._environ or {}), **keys})

    def identity(self) -> Identity:
        """Return whose credentials these are; asked once.

        https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
        """
        if self._identity is None:
            _ = self.region
            found = self.call("sts", "get_caller_identity")
            self._identity = Identity(found["Account"], found["Arn"], found["Arn"].split(":")[1])
        return self._identity

    def endpoint(self, service: str, operation: str) -> str:
        """Return where calls of a service go.

        :param operation: what is to be called there, for the error text.
        """
        try:
            return str(self._client(service).meta.endpoint_url)
        except BOTO_ERRORS as error:
            raise explain(error, self._describe(service, operation, None)) from error

    def call(
        self, service: str, operation: str, /, *, about: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """Call ``operation`` (boto3's name) of ``service`` and return AWS's response.

        :param about: what the call is about (an ARN or a name), for the error text.
        :raises AwsError: or another :class:`FguardError` that says what to do.
        """
        try:
            client = self._client(service)
            response: dict[str, Any] = getattr(client, operation)(**parameters)
        except BOTO_ERRORS as error:
            raise explain(error, self._describe(service, operation, about)) from error
        return response

    def pages(
        self, service: str, operation: str, key: str, /, *, about: str | None = None, **parameters: Any
    ) -> Iterator[Any]:
        """Call a listing ``operation`` page by page and yield the items under ``key`` of each."""
        try:
            client = self._client(service)
            if client.can_paginate(operation):
                for page in client.get_paginator(operation).paginate(**parameters):
                    yield from page.get(key, ())
                return
        except BOTO_ERRORS as error:
            raise explain(error, self._describe(service, operation, about)) from error
        while True:
            page = self.call(service, operation, about=about, **parameters)
            yield from page.get(key, ())
            if not page.get("nextToken"):
                return
            parameters["nextToken"] = page["nextToken"]

    def _describe(self, service: str, operation: str, about: str | None) -> Call:
        return Call(service, operation, self._session.region_name, self.profile, about)

    def _client(self, service: str) -> Any:
        with self._making:  # a boto3 session makes clients for one thread at a time; the clients serve all
            if service not in self._clients:
                self._clients[service] = self._new_client(service)
            return self._clients[service]

    def _new_client(self, service: str) -> Any:
        attempts = IDENTITY_ATTEMPTS if service == "sts" else TOTAL_ATTEMPTS
        connect, answer = _BRIEF if self._brief else _PATIENT
        config = Config(
            retries={"mode": "standard", "total_max_attempts": BRIEF_ATTEMPTS if self._brief else attempts},
            connect_timeout=connect,
            read_timeout=answer,
            max_pool_connections=16,
            user_agent_extra=f"fargate-guard/{__version__}",
        )
        try:
            return self._session.client(service, endpoint_url=self._endpoint_url, config=config)
        except BOTO_ERRORS:  # some are ValueErrors, too
            raise
        except ValueError as wrong:
            raise EndpointError(
                "the endpoint of AWS that is configured is no URL",
                where="AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>, or endpoint_url of the profile",
                why=str(wrong),
                fix="correct it, or leave it out: AWS's own are found by the region",
            ) from wrong


__all__ = ["Aws", "AwsError", "Identity"]

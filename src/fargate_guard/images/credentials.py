"""Whose credentials open a registry: a task definition's secret, ECR's own, or Docker's configuration.

Credentials live in memory only, for one look-up of a batch; no text shows them.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from fargate_guard.errors import FguardError
from fargate_guard.images.docker_config import DockerConfig
from fargate_guard.images.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from fargate_guard.images.options import Options

_ECR_HOST = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9][a-z0-9-]*)\."
    r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn"
    r"|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)"
)
"""https://docs.aws.amazon.com/general/latest/gr/ecr.html and
https://github.com/awslabs/amazon-ecr-credential-helper/blob/main/ecr-login/api/client.go"""

_SECRET = re.compile(r"arn:[^{}$\s]+|[A-Za-z0-9/_+=.@-]{1,512}")
"""A secret's ARN or name: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html"""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password, or an identity token; neither is ever shown."""

    user: str
    password: str = field(repr=False)
    identity_token: str | None = field(default=None, repr=False)
    """Exchanged for tokens by the registry's own OAuth2 server."""
    origin: str = ""
    """Where they are from, for error texts."""

    def hidden_in(self, text: str) -> str:
        """Return the text without the secret parts, should somebody have repeated them."""
        for secret in (self.password, self.identity_token):
            if secret:
                text = text.replace(secret, "***")
        return text


@dataclass(frozen=True, slots=True)
class EcrRegistry:
    """A private registry of ECR."""

    account: str
    region: str


def ecr_registry(host: str) -> EcrRegistry | None:
    """Return the private ECR registry that the host name means, or None."""
    found = _ECR_HOST.fullmatch(host)
    return EcrRegistry(found["account"], found["region"]) if found else None


class Keyring:
    """Finds the credentials for a registry; each source is asked once per batch, from whichever thread."""

    def __init__(self, options: Options) -> None:
        """Nothing is read or asked yet."""
        self._options = options
        self._docker = DockerConfig(options.docker_config_folder, options.helper_path)
        self._asked: dict[Hashable, _Once] = {}
        self._adding = threading.Lock()

    def find(self, host: str, credentials_arn: str | None, seconds: float) -> Credentials | None:
        """Return the credentials for a registry host; None: try without.

        :param seconds: how long a credential helper may take.
        :raises Problem: when the credentials that there should be cannot be had.
        """
        if credentials_arn and not _SECRET.fullmatch(credentials_arn):  # mostly a function of a template
            logged_in = self._of_docker(host, seconds)
            if logged_in is None:
                raise _no_secret(credentials_arn, host)
            return logged_in
        if credentials_arn and self._options.secret:
            return self._once(("secret", credentials_arn), functools.partial(self._of_secret, credentials_arn))
        registry = ecr_registry(host)
        if registry and self._options.ecr_token:
            return self._once(("ecr", host), functools.partial(self._of_ecr, host, registry, seconds))
        return self._of_docker(host, seconds)

    def _of_secret(self, arn: str) -> Credentials:
        assert self._options.secret  # noqa: S101 - asked by find()
        try:
            text = self._options.secret(arn)
        except FguardError as error:
            raise Problem(
                "the registry credentials of the task definition cannot be read",
                why=_all_of(error),
                fix=error.fix,
            ) from None
        try:
            document = json.loads(text)
            user, password = document["username"], document["password"]
        except (ValueError, TypeError, KeyError):
            user = password = None
        if not isinstance(user, str) or not isinstance(password, str):
            raise Problem(
                "the registry credentials of the task definition are not in the form that ECS wants",
                why=f"the value of {arn} is not a JSON object with the strings `username` and `password`",
                fix='store {"username": "…", "password": "…"} in the secret',
            )
        return Credentials(user, password, origin=f"repositoryCredentials ({arn})")

    def _of_ecr(self, host: str, registry: EcrRegistry, seconds: float) -> Credentials:
        assert self._options.ecr_token  # noqa: S101 - asked by find()
        try:
            user, password = self._options.ecr_token(registry.region, registry.account)
        except FguardError as error:
            logged_in = self._of_docker(host, seconds)
            if logged_in:
                return logged_in
            raise Problem(
                "there are no credentials for the image's ECR registry",
                why=_all_of(error),
                fix=error.fix or "allow ecr:GetAuthorizationToken",
            ) from None
        return Credentials(user, password, origin="the AWS credentials (ecr:GetAuthorizationToken)")

    def _of_docker(self, host: str, seconds: float) -> Credentials | None:
        def ask() -> Credentials | None:
            login = self._docker.find(host, seconds)
            if login is None:
                return None
            return Credentials(login.user, login.password, login.identity_token, login.origin)

        return self._once(("docker", host), ask)

    def _once(self, key: Hashable, ask: Callable[[], Value]) -> Value:
        with self._adding:
            once = self._asked.setdefault(key, _Once())
        answer: Value = once.ask(ask)
        return answer


def _no_secret(credentials_arn: str, host: str) -> Problem:
    why = f"repositoryCredentials.credentialsParameter is {credentials_arn}"
    if "{" in credentials_arn:
        return Problem(
            "which secret has the registry's credentials is only known when the template is deployed",
            why=why,
            fix=f"log in with `docker login {host}`",
        )
    return Problem(
        "what should name the secret with the registry's credentials is neither an ARN nor a name",
        why=why,
        fix="write the ARN of a secret in Secrets Manager",
    )


def _all_of(error: FguardError) -> str:
    where = f" ({error.where})" if error.where and error.where not in error.message else ""
    return f"{error.message}{where}" + (f": {error.why}" if error.why else "")


class _Once:
    """An answer that is fetched by the first who wants it; a failure is everybody's."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._answer: Callable[[], object] | None = None

    def ask(self, function: Callable[[], Value]) -> Value:
        with self._asking:
            if self._answer is None:
                self._answer = _kept(function)
            return self._answer()  # type: ignore[return-value]


def _kept(function: Callable[[], object]) -> Callable[[], object]:
    try:
        answer = function()
    except Problem as problem:
        kept = problem

        def fail() -> object:
            raise kept

        return fail
    return lambda: answer

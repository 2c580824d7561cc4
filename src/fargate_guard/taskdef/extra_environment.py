"""Further environment variables for the workload and the sidecar, and the agent's own extra configuration.

A variable that the user's container sets already stays the user's. What fguard manages has an option of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fargate_guard.taskdef.errors import PREFLIGHT_REFUSED, SettingsError
from fargate_guard.taskdef.existing import name_of
from fargate_guard.taskdef.recipes import ACCESS_KEY, EXTRA_CONF
from fargate_guard.taskdef.result import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.taskdef.fields import Fields

MANAGED = {
    "SYSDIG_ORCHESTRATOR": "--orchestrator-host",
    "SYSDIG_ORCHESTRATOR_PORT": "--orchestrator-port",
    "SYSDIG_COLLECTOR": "--collector",
    "SYSDIG_COLLECTOR_PORT": "--collector",
    ACCESS_KEY: "--access-key-arn",
    "SYSDIG_SIDECAR": "sidecar_mode",
    "SYSDIG_PRIORITY": "--priority",
    "SYSDIG_LOGGING": "--log-level",
}
"""What is set with an option of its own."""

_KEY_SHAPED = r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""Sysdig's access keys are UUIDs."""

_KEY_NAMED = r"(?i)SYSDIG|ACCESS_?KEY|CUSTOMER_?ID"
_AWS_KEY = r"(?:AKIA|ASIA)[0-9A-Z]{16}"
_USER_INFO_IN_URL = r"://[^/@\s:]*:[^/@\s]+@"
_PROXY_HEADING = r"(?m)^http_proxy:[ \t]*(?:#.*)?$"
_CA_KEY = "ca_certificate"


def check_variables(variables: Mapping[str, str], flag: str, extra_conf: str | None) -> None:
    """Check the names and values of further variables.

    :param flag: where they are given, for messages.
    :raises SettingsError: one cannot be set like this; a value is never shown, since it may be a secret.
    """
    if not isinstance(variables, Mapping):
        raise SettingsError("further variables must be names with values", fix=f"{flag} NAME=VALUE")
    for name, value in variables.items():
        _check_variable(name, value, flag)
    if EXTRA_CONF in variables and extra_conf is not None:
        raise SettingsError(
            f"{EXTRA_CONF} is given twice",
            why="the agent's extra configuration has an option of its own, which is given, too",
            fix=f"leave it out of {flag}; --extra-conf (FGUARD_EXTRA_CONF)",
        )


def _check_variable(name: str, value: str, flag: str) -> None:
    if not isinstance(name, str) or not name or "=" in name or any(c.isspace() for c in name) or "\0" in name:
        raise SettingsError(f"not the name of an environment variable: {name!r}", fix=f"{flag} NAME=VALUE")
    if name == ACCESS_KEY or (isinstance(value, str) and _looks_like_a_key(name, value)):
        raise SettingsError(
            f"an access key must not stand in {flag} {name}",
            why="everyone who may describe the task definition could read it",
            fix="store the key in Secrets Manager, and give its ARN: --access-key-arn",
            exit_code=PREFLIGHT_REFUSED,
        )
    if name in MANAGED:
        raise SettingsError(
            f"{name} cannot be set with {flag}", why="fguard sets it", fix=f"use {MANAGED[name]}, which goes there"
        )
    if not isinstance(value, str) or "\0" in value:
        raise SettingsError(f"the value of {name} is not text", fix=f"{flag} {name}=VALUE")


def _looks_like_a_key(name: str, value: str) -> bool:
    if name == EXTRA_CONF:
        return re.search(r"\bcustomerid\b", value) is not None
    return bool(re.search(_AWS_KEY, value)) or bool(re.search(_KEY_NAMED, name) and re.search(_KEY_SHAPED, value))


def warn_about_variables(container: Fields, extra: Mapping[str, str], ours: list[str]) -> Iterator[Notice]:
    """Tell which of the further variables a container keeps as its user wrote them.

    :param ours: those that fguard set earlier.
    """
    for field, value_key in (("environment", "value"), ("secrets", "valueFrom")):
        for entry in container.entries(field):
            name = entry.get("name")
            if isinstance(name, str) and name in extra and name not in ours:
                same = field == "environment" and entry.get(value_key) == extra[name]
                if not same:
                    message = f"container {name_of(container)} sets {name} itself; its own value stays"
                    yield Notice(entry.path, message)


def warn_about_passwords(where: str, variables: Mapping[str, str]) -> Iterator[Notice]:
    """Point at passwords in URLs, for example of a proxy."""
    for name, value in variables.items():
        if re.search(_USER_INFO_IN_URL, value):
            message = (
                f"{name} has a password in its URL; everyone who may describe the task definition can read it"
            )
            yield Notice(where, message)


def with_ca_certificate(extra_conf: str | None, path: str | None) -> str | None:
    """The agent's extra configuration with ``http_proxy.ca_certificate``, JSON or YAML as it was.

    The proxy's certificate is the only one that Sysdig documents for workload agents:
    https://docs.sysdig.com/en/docs/installation/configuration/ecs-fargate-serverless-agent/configure-http-proxy/

    :raises SettingsError: there is no proxy in it, or another certificate.
    """
    if path is None:
        return extra_conf
    if not isinstance(path, str) or not re.fullmatch(r"/[^\0\r\n\"\\]+", path):
        raise SettingsError(
            f"not an absolute path: {path!r}",
            why="the CA certificate is read inside the container that runs the agent",
            fix="give the path of a PEM file in that container's image: --ca-certificate /ssl/proxy.pem",
        )
    conf = extra_conf or ""
    if re.search(rf"\b{_CA_KEY}\b", conf):
        raise SettingsError(
            f"{_CA_KEY} stands in the agent's extra configuration already",
            fix="give it there or with --ca-certificate (agent.ca_certificate_path in fguard.yaml), not both",
        )
    added = _added_to_json(conf, path) or _added_to_yaml(conf, path)
    if added is None:
        raise SettingsError(
            "a CA certificate was given, but no HTTP proxy whose certificate it would prove",
            why="workload agents take a CA certificate for the proxy only (http_proxy.ca_certificate of their "
            "extra configuration); the collector's CA is the orchestrator's business",
            fix="name the proxy with --extra-conf, for example "
            """'{"http_proxy": {"proxy_host": "squid.internal", "proxy_port": 3128, "ssl": true}}'""",
        )
    return added


def _added_to_json(conf: str, path: str) -> str | None:
    try:
        value = json.loads(conf)
    except (ValueError, RecursionError):
        return None
    proxy = value.get("http_proxy") if isinstance(value, dict) else None
    if not isinstance(proxy, dict) or not proxy:
        return None
    proxy[_CA_KEY] = path
    return json.dumps(value, ensure_ascii=False)


def _added_to_yaml(conf: str, path: str) -> str | None:
    """One line below ``http_proxy:``, indented like the line that follows."""
    heading = re.search(_PROXY_HEADING, conf)
    if heading is None:
        return None
    following = re.match(r"(?:\n[ \t]*(?:#.*)?(?=\n))*\n( +)\S", conf[heading.end() :])
    if following is None:
        return None
    line = f'\n{following[1]}{_CA_KEY}: "{path}"'
    return conf[: heading.end()] + line + conf[heading.end() :]

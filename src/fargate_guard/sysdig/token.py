"""Where the API token comes from. Its value is sent to Sysdig Secure and goes nowhere else."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fargate_guard.sysdig.errors import TokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.config.sysdig import ApiToken

VARIABLES = ("FGUARD_SYSDIG_TOKEN", "SYSDIG_SECURE_TOKEN", "SYSDIG_SECURE_API_TOKEN")
"""In this order; the last is the one that Sysdig's Terraform provider reads."""
_GET_ONE = (
    "in Sysdig Secure: Settings > User Profile > Sysdig Secure API, or a service account with policy-events.read"
)
_WORD = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Token:
    """An API token, and where it was found; only the second is ever shown."""

    value: str
    source: str

    def __repr__(self) -> str:
        return f"Token(from {self.source})"


def find_token(
    configured: ApiToken | None,
    environ: Mapping[str, str],
    *,
    folder: Path,
    secret: Callable[[str], str],
) -> Token:
    """Return the token: FGUARD_SYSDIG_TOKEN, else what ``fguard.yaml`` names, else Sysdig's own variables.

    :param folder: what a relative file is relative to.
    :param secret: reads a Secrets Manager or SSM ARN.
    :raises TokenError: when there is none, or it cannot be one.
    """
    if environ.get(VARIABLES[0]):
        return _checked(environ[VARIABLES[0]], VARIABLES[0])
    if configured is not None:
        return _configured(configured, environ, folder, secret)
    for name in VARIABLES[1:]:
        if environ.get(name):
            return _checked(environ[name], name)
    raise TokenError(
        "there is no Sysdig API token",
        why=f"none of {', '.join(VARIABLES)} is set, and fguard.yaml has no sysdig.api.token",
        fix=f"set FGUARD_SYSDIG_TOKEN to an API token ({_GET_ONE}); the agent access key is something else",
    )


def _configured(
    configured: ApiToken, environ: Mapping[str, str], folder: Path, secret: Callable[[str], str]
) -> Token:
    if configured.env:
        if not environ.get(configured.env):
            raise TokenError(
                "the variable for the Sysdig API token is not set",
                where="sysdig.api.token.env",
                why=f"{configured.env} is empty or missing",
                fix=f"set {configured.env} ({_GET_ONE})",
            )
        return _checked(environ[configured.env], configured.env)
    if configured.file:
        return _checked(_of_file(folder / Path(configured.file).expanduser()), configured.file)
    arn = str(configured.secret_arn or configured.parameter_arn)
    return _checked(secret(arn), arn)


def _of_file(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise TokenError("the file with the Sysdig API token cannot be read", where=str(path), why=why) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise TokenError(
            "the file with the Sysdig API token is open to others",
            where=str(path),
            why=f"its mode is {stat.S_IMODE(mode):04o}",
            fix=f"chmod 600 {path}",
        )
    return text


def _checked(text: str, source: str) -> Token:
    value = text.strip().removeprefix("Bearer ")  # as it is often copied
    if value.startswith("{"):
        raise TokenError(
            "this is not a Sysdig API token",
            where=source,
            why="it is a JSON object",
            fix="name its key: arn:…:secret:NAME:KEY::" if source.startswith("arn:") else _GET_ONE,
        )
    if not _WORD.fullmatch(value):
        why = "it is empty" if not value else "it has blanks, line ends or other characters that no token has"
        raise TokenError("this is not a Sysdig API token", where=source, why=why, fix=_GET_ONE)
    return Token(value, source)

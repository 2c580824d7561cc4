"""What goes wrong between fguard and Sysdig Secure."""

from __future__ import annotations

from fargate_guard.errors import FguardError, PreflightError


class SysdigError(FguardError):
    """Sysdig Secure refused a request, or answered with something else than documented."""

    status: int | None = None
    """The HTTP status, where there was one."""


class BadRequest(SysdigError):  # noqa: N818 - HTTP's word for it
    """400: a parameter or a filter is wrong, or a cursor has expired."""


class NotFound(SysdigError):  # noqa: N818 - HTTP's word for it
    """404: what was asked about does not exist, or the API does not have it."""


class PermissionMissing(SysdigError):  # noqa: N818 - says what it is
    """403: the token is valid and lacks a permission; ``permission`` is Sysdig's name of it."""

    permission: str = ""


class BrokenAnswer(SysdigError):  # noqa: N818 - says what it is
    """An answer that is not JSON, or lacks what every answer has."""


class Unreachable(SysdigError):  # noqa: N818 - the field's word for it
    """No answer. ``temporary`` where trying again may help."""

    temporary: bool = True


class Overloaded(SysdigError):  # noqa: N818 - the field's word for it
    """429 or 5xx through all attempts."""

    seconds: float = 0.0
    """How long Sysdig asked to wait."""


class TokenError(PreflightError):
    """There is no API token, it cannot be read, or Sysdig Secure does not accept it."""


class AddressError(PreflightError):
    """It is not known where Sysdig Secure is, or the address is not its."""

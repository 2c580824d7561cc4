"""CloudFormation's refusals, worded as AWS words them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class ValidationFailed(ServiceException):
    """The request, its template or the stack's state does not allow the call."""

    code = "ValidationError"


class AlreadyExists(ServiceException):
    """A stack or change set of this name exists."""

    code = "AlreadyExistsException"


class InsufficientCapabilities(ServiceException):
    """The template needs an acknowledgement."""

    code = "InsufficientCapabilitiesException"


class ChangeSetNotFound(ServiceException):
    """There is no such change set."""

    code = "ChangeSetNotFound"


class InvalidChangeSetStatus(ServiceException):
    """The change set is not in a state for this call."""

    code = "InvalidChangeSetStatus"


class NotSimulated(ValueError):  # noqa: N818 - says what the sandbox cannot do
    """AWS can do this, the sandbox cannot; the gateway says so."""


class Unfulfilled(Exception):  # noqa: N818 - how an accepted operation ends
    """An accepted operation cannot begin: a macro fails, a parameter's value is not there."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def no_such_stack(name: str) -> ValidationFailed:
    """Return what most calls answer for an unknown stack."""
    return ValidationFailed(f"Stack with id {name} does not exist")

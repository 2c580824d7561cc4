"""Refusals of the calls on stack sets, worded as AWS words them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackInstances.html (Errors)
"""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class StackSetNotFound(ServiceException):
    """There is no such stack set."""

    code = "StackSetNotFoundException"

    def __init__(self, name: str) -> None:
        super().__init__(f"StackSet {name} not found")


class NameAlreadyExists(ServiceException):
    """There is such a stack set."""

    code = "NameAlreadyExistsException"


class StackSetNotEmpty(ServiceException):
    """The stack set still has stacks."""

    code = "StackSetNotEmptyException"

    def __init__(self) -> None:
        super().__init__("StackSet is not empty")


class OperationInProgress(ServiceException):
    """One operation at a time."""

    code = "OperationInProgressException"


class OperationNotFound(ServiceException):
    """There is no such operation."""

    code = "OperationNotFoundException"


class OperationIdExists(ServiceException):
    """The operation's ID is taken."""

    code = "OperationIdAlreadyExistsException"


class InvalidOperation(ServiceException):
    """The operation makes no sense now."""

    code = "InvalidOperationException"


class StackInstanceNotFound(ServiceException):
    """There is no such instance."""

    code = "StackInstanceNotFoundException"

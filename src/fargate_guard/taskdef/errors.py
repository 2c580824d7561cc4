"""What the core refuses, and why: the only exceptions that leave this package."""

from __future__ import annotations

PREFLIGHT_REFUSED = 4
"""Exit code: nothing was changed because the result would not work or would not be certain."""

WRONG_USAGE = 64
"""Exit code: the input or the settings cannot be understood."""


class TaskDefinitionError(Exception):
    """A task definition that cannot be read, or cannot be instrumented correctly; nothing was changed.

    The attributes are those of the command line's own errors, so that it prints them alike
    (this package imports nothing of fargate-guard's, so it cannot share the class).
    """

    exit_code: int = PREFLIGHT_REFUSED

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
        exit_code: int | None = None,
    ) -> None:
        """Describe the refusal.

        :param message: what is refused, one sentence.
        :param where: the JSON path (``$.containerDefinitions[0].entryPoint``), or line and column.
        :param why: the rule that would be broken.
        :param fix: the field to change or the option to give.
        :param exit_code: overrides the class's own.
        """
        super().__init__(message)
        self.message = message
        self.where = where
        self.why = why
        self.fix = fix
        if exit_code is not None:
            self.exit_code = exit_code


class NotATaskDefinitionError(TaskDefinitionError):
    """The text is not JSON, or the JSON holds no container definitions."""

    exit_code = WRONG_USAGE


class SomethingElseError(NotATaskDefinitionError):
    """The text is known to be something else: a Kubernetes object, a Compose file, a Terraform plan."""


class NoContainersError(NotATaskDefinitionError):
    """The text is JSON or YAML, and nobody knows of what; it holds no container definitions."""


class NotForFargateError(TaskDefinitionError):
    """The task definition is for EC2 or external instances only, where this agent has nothing to do."""


class SettingsError(TaskDefinitionError):
    """The settings lack something, contradict each other, or ask for what the agent cannot do."""

    exit_code = WRONG_USAGE

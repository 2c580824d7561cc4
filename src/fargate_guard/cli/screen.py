"""What people see: messages and prompts on standard error, results on standard output.

Rich is only loaded for a terminal, so that pipes and scripts start fast.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TextIO

from fargate_guard.cli.harmless import tame, tame_json
from fargate_guard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console


class Diagnosable(Protocol):
    """An error that knows what to tell: ``FguardError``, and the core's own ``TaskDefinitionError``."""

    message: str
    where: str | None
    why: str | None
    fix: str | None


class Screen(NamedTuple):
    """The two streams of one command, and how much it may say on them."""

    stdout: TextIO
    stderr: TextIO
    stdin: TextIO
    environ: Mapping[str, str]
    json: bool = False
    quiet: bool = False
    verbose: bool = False

    @property
    def is_terminal(self) -> bool:
        """Whether messages go to a terminal that can be redrawn."""
        return self.stderr.isatty() and self.environ.get("TERM") != "dumb"

    @property
    def is_coloured(self) -> bool:
        """Whether messages may carry colour (https://no-color.org)."""
        return self.is_terminal and not self.environ.get("NO_COLOR")

    def console(self) -> Console:
        """Return Rich's console on standard error."""
        from rich.console import Console

        return Console(
            file=self.stderr, no_color=not self.is_coloured, force_terminal=self.is_terminal, highlight=False
        )

    def title(self, text: str) -> None:
        """Say what begins now."""
        self._say(text, style="bold cyan")

    def message(self, text: str) -> None:
        """Say what a user wants to know while it happens."""
        self._say(text)

    def success(self, text: str) -> None:
        """Say what has been reached."""
        self._say(text, style="green")

    def warning(self, text: str) -> None:
        """Say what is not as it should be; ``--quiet`` does not silence it."""
        self._write(f"warning: {text}", style="yellow")

    def detail(self, text: str) -> None:
        """Say what only ``--verbose`` wants to know."""
        if self.verbose:
            self._write(text, style="dim")

    def error(self, error: Diagnosable) -> None:
        """Print an error as one block."""
        self._write(f"error: {error.message}", style="bold red")
        for label, text in (("where", error.where), ("why", error.why), ("fix", error.fix)):
            if text:
                first, *rest = text.splitlines()
                self._write("\n".join([f"  {label:<6} {first}", *(f"         {line}" for line in rest)]))

    def result(self, text: str, *, exact: bool = False) -> None:
        """Print a command's data to standard output.

        :param exact: add no newline at its end, but on a terminal; the text is a file's, or was made harmless.
        """
        text = text if exact else tame(text)
        complete = text.endswith("\n") or (exact and not self.stdout.isatty())
        self.stdout.write(text if complete else text + "\n")

    def document(self, schema: str, document: Mapping[str, Any]) -> None:
        """Print the one JSON document of ``--json``."""
        text = json.dumps({"schema": schema, **document}, indent=2, ensure_ascii=not _is_utf8(self.stdout))
        self.stdout.write(tame_json(text) + "\n")

    def confirm(self, question: str, *, expected: str = "yes", assume_yes: bool) -> bool:
        """Ask on a terminal; elsewhere ``--yes`` must have been given.

        :param expected: the answer that means yes, such as the deployment's name.
        :raises UsageError: without a terminal and without ``--yes``.
        """
        if assume_yes:
            return True
        self.require_terminal(question)
        self.stderr.write(f"{question}\n  Type {expected!r} to go on: ")
        self.stderr.flush()
        return self.stdin.readline().strip() == expected

    def require_terminal(self, question: str) -> None:
        """Make sure that there is somebody to ask.

        :raises UsageError: without a terminal; it names the flag that answers.
        """
        if not (self.stdin.isatty() and self.stderr.isatty()):
            raise UsageError(
                "this needs an answer, and there is no terminal to ask on",
                why=question,
                fix="add --yes to approve without being asked",
            )

    def _say(self, text: str, style: str | None = None) -> None:
        if not self.quiet:
            self._write(text, style)

    def _write(self, text: str, style: str | None = None) -> None:
        text = tame(text)
        if style and self.is_coloured:
            self.console().print(text, style=style, markup=False, emoji=False, soft_wrap=True)
        else:
            self._write_plain(text)

    def _write_plain(self, text: str) -> None:
        encoding = self.stderr.encoding or "utf-8"
        try:
            self.stderr.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            self.stderr.flush()
        except BrokenPipeError:
            raise
        except OSError:  # a full disk: nobody can be told, and the command's exit code is to say it
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stderr.fileno())


def screen_of_process(environ: Mapping[str, str], *, json: bool, quiet: bool, verbose: bool) -> Screen:
    """Return the screen on this process's standard streams."""
    return Screen(sys.stdout, sys.stderr, sys.stdin, environ, json=json, quiet=quiet, verbose=verbose)


def _is_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"

"""``fguard`` in the test's own process: the same commands, without the time that a process takes to begin."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from typer.testing import CliRunner

from fargate_guard.cli.main import app
from tests.fguard_process import PERSONAL, Fguard, Ran


@dataclass(frozen=True, slots=True)
class FguardInside(Fguard):
    """As :class:`Fguard`; ``start`` still starts a process, for what has to be interrupted."""

    def __call__(self, *arguments: str, timeout: float = 280) -> Ran:  # noqa: ARG002 - nothing to wait for
        """Run a command to its end."""
        hidden = {name: None for name in os.environ if name.startswith(PERSONAL)}
        environ = {**hidden, "HOME": str(self.folder), **self.environ}
        with contextlib.chdir(self.folder):
            result = CliRunner().invoke(app, arguments, env=environ)
        return Ran(result.exit_code, result.stdout, result.stderr)

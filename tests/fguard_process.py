"""``fguard`` as a process, away from the developer's own accounts and settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

PERSONAL = ("AWS_", "FGUARD_", "SYSDIG_", "TF_")
"""Prefixes of variables that would let a test see the developer's own accounts and settings."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One finished run of ``fguard``."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """What ``--json`` printed: exactly one document."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document


class Process(subprocess.Popen[str]):
    """A process that does not outlive a test that fails."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for its end; Popen would also wait for one that a failed test never told to end."""
        if kind is not None:
            self.kill()
        super().__exit__(kind, value, traceback)


@dataclass(frozen=True, slots=True)
class Fguard:
    """``fguard`` as a user runs it: a process in a folder, with an environment."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        """The start of the command line."""
        return [sys.executable, "-m", "fargate_guard.cli.main"]

    def full_environ(self) -> dict[str, str]:
        """The process's environment."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(PERSONAL)}
        return clean | {"HOME": str(self.folder)} | dict(self.environ)

    def start(self, *arguments: str, **options: Any) -> Process:
        """Start a command and leave it running."""
        return Process(
            [*self.command, *arguments],
            cwd=self.folder,
            env=self.full_environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def __call__(self, *arguments: str, timeout: float = 280) -> Ran:
        """Run a command to its end."""
        with self.start(*arguments) as process:
            stdout, stderr = process.communicate(timeout=timeout)
        return Ran(process.returncode, stdout, stderr)

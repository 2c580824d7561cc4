"""Temporary files with variables, in the deployment's private folder instead of the shared temporary one."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from python_terraform import VariableFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "variables-"
SUFFIX = ".tfvars.json"


class PrivateVariableFiles(VariableFiles):  # type: ignore[misc]  # python-terraform has no types
    """python-terraform's variable files, but private, never logged, and gone even after exceptions."""

    def __init__(self, folder: Path) -> None:
        """Keep the files in ``folder`` (0700), where a later run finds what a killed one left."""
        super().__init__()
        self._folder = folder

    def create(self, variables: Mapping[str, Any]) -> str:
        """Write one file (0600) and return its path."""
        descriptor, name = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX, dir=self._folder)
        self.files.append(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(dict(variables), file)
        return name

    def clean_up(self) -> None:
        """Delete the files of this call."""
        while self.files:
            Path(self.files.pop()).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what a killed run left; only while no other run is active."""
        for path in self._folder.glob(f"{PREFIX}*{SUFFIX}"):
            path.unlink(missing_ok=True)

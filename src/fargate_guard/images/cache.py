"""What images run, kept on disk for ever: a digest never names anything else."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from fargate_guard.images.manifest import Runs

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder with one small file per digest and architecture; without a folder nothing is kept.

    It holds no credentials and no names of images.
    """

    folder: Path | None

    def get(self, digest: str, architecture: str) -> Runs | None:
        """Return what is known; None where there is nothing, or nothing that can be read."""
        if self.folder is None:
            return None
        try:
            entry = json.loads(self._file(self.folder, digest, architecture).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(entry, dict) or [entry.get(key) for key in ("format", "digest", "architecture")] != [
            _FORMAT,
            digest,
            architecture,
        ]:
            return None
        entry_point, command = entry.get("entryPoint"), entry.get("command")
        if not _is_argv(entry_point) or not _is_argv(command):
            return None
        return Runs(tuple(entry_point), tuple(command))

    def put(self, digest: str, architecture: str, runs: Runs) -> None:
        """Keep what is known; a folder that cannot be written to costs speed only."""
        if self.folder is None:
            return
        entry = {
            "format": _FORMAT,
            "digest": digest,
            "architecture": architecture,
            "entryPoint": list(runs.entry_point),
            "command": list(runs.command),
        }
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_whole(self._file(self.folder, digest, architecture), json.dumps(entry))

    @staticmethod
    def _file(folder: Path, digest: str, architecture: str) -> Path:
        return folder / f"{digest.replace(':', '-')}-{architecture}.json"


def _is_argv(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _write_whole(file: Path, text: str) -> None:
    """Write so that a reader finds either nothing or all of it."""
    import tempfile

    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".writing-")  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(name, file)  # noqa: PTH105 - mkstemp gives a name
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise

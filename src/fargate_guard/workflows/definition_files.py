"""Task definition files: read several, change them, and write all of them or none."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fargate_guard.errors import FguardError, UsageError
from fargate_guard.taskdef import Document, TaskDefinitionError, diff, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fargate_guard.taskdef import Instrumented, Json, Restored

    Change = Callable[[str, Json, Sequence[Json]], Instrumented | Restored]
    """Takes an input's name, its definition, and the definitions of all inputs."""

STANDARD_INPUT = "-"

_OPEN_FILE = re.compile(r"/dev/(stdout|stderr)|/(?:dev|proc/self)/fd/(\d{1,6})")

_LIVE = re.compile(r"arn:aws[a-z-]*:ecs:\S+|[A-Za-z0-9_-]+(:\d+)?")


@dataclass(frozen=True, slots=True)
class DefinitionFile:
    """One input."""

    name: str
    """As it was given; ``-`` is standard input."""
    document: Document

    @property
    def shown_name(self) -> str:
        """For messages."""
        return _shown(self.name)

    @property
    def path(self) -> Path:
        """The file that is written by ``--in-place``; a link stays a link."""
        return Path(self.name).resolve()


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One input and what became of it."""

    file: DefinitionFile
    result: Instrumented | Restored
    text: str
    """The result, laid out like the input."""

    @property
    def difference(self) -> str:
        """A unified diff of the input's text and the result's; of both indented where the input is one line."""
        document = self.file.document
        if "\n" not in document.source.strip():
            return diff(document.definition, self.result.definition, self.file.shown_name)
        return diff(self.file.document.source, self.text, self.file.shown_name)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where results go: exactly one of the fields is set, or none for standard output."""

    output: Path | None = None
    output_dir: Path | None = None
    in_place: bool = False

    @property
    def writes(self) -> bool:
        """Whether files are written."""
        return self.in_place or self.output is not None or self.output_dir is not None

    def check(self, names: Sequence[str]) -> None:
        """Refuse what does not fit together.

        :raises UsageError: with the option to use instead.
        """
        given = [self.output is not None, self.output_dir is not None, self.in_place]
        if sum(given) > 1:
            raise UsageError("give only one of --output, --output-dir and --in-place")
        if self.output is not None and len(names) > 1:
            raise UsageError(
                "--output takes one file; there are several", fix="use --output-dir DIR or --in-place"
            )
        if STANDARD_INPUT in names and (self.in_place or self.output_dir is not None):
            raise UsageError("standard input has no name to write to", fix="use --output FILE, or a pipe")
        if self.output is not None and self.output.is_dir():
            raise UsageError("--output is a folder", where=str(self.output), fix=f"use --output-dir {self.output}")
        for name in names:
            if self.in_place and _takes_a_stream(Path(name)):
                raise UsageError(
                    "--in-place replaces files, and this is a pipe or a device",
                    where=name,
                    fix="use --output FILE",
                )
        if self.output_dir is not None:
            _refuse_doubles(
                [Path(name).name for name in names], "two files are called {}; --output-dir has no folders"
            )

    def path_for(self, file: DefinitionFile) -> Path | None:
        """The file to write; None for standard output."""
        if self.output is not None:
            return self.output
        if self.output_dir is not None:
            return self.output_dir / Path(file.name).name
        return file.path if self.in_place else None


def change_files(
    names: Sequence[str], standard_input: BinaryIO, change: Change
) -> tuple[list[ChangedFile], list[TaskDefinitionError]]:
    """Read every input and apply a change to its definition; nothing is written.

    :param change: makes the result of one input.
    :return: the results, and the refusals of all inputs, not only the first.
    :raises UsageError: there is no such file, or it is not text.
    """
    _refuse_doubles(names, "{} is given twice")
    files: list[DefinitionFile] = []
    changed: list[ChangedFile] = []
    refused: dict[str, TaskDefinitionError] = {}
    for name in names:
        text = _text(name, standard_input)
        try:
            files.append(DefinitionFile(name, read(text)))
        except TaskDefinitionError as error:
            refused[name] = _in_file(name, error)
    together = [file.document.definition for file in files]
    for file in files:
        document = file.document
        try:
            result = change(file.name, document.definition, together)
        except TaskDefinitionError as error:
            refused[file.name] = _in_file(file.name, error)
        else:
            changed.append(ChangedFile(file, result, document.text(result.definition)))
    return changed, [refused[name] for name in names if name in refused]


def write_files(changed: Sequence[ChangedFile], destination: Destination) -> list[Path]:
    """Write the results, all of them or none; files that would stay as they are are not touched.

    :return: what was written.
    :raises FguardError: a file cannot be written; every file is as it was.
    """
    texts: dict[Path, str] = {}
    for one in changed:
        path = destination.path_for(one.file)
        if path is not None and not (destination.in_place and not one.result.changed):
            texts[path] = one.text
    try:
        if destination.output_dir is not None:
            destination.output_dir.mkdir(parents=True, exist_ok=True)
        replace_all(texts)
    except OSError as error:
        raise FguardError(
            "the results cannot be written; every file is as it was",
            where=str(error.filename or ""),
            why=error.strerror or str(error),
            fix="make the folder writable, or write elsewhere with --output-dir DIR",
        ) from error
    return list(texts)


def replace_all(texts: dict[Path, str]) -> None:
    """Replace files whole, keeping their modes; after a failure or an interrupt all have their old content.

    A link stays a link: the file that it leads to is replaced. What is no file (a pipe, a device) is written to,
    last, because that cannot be taken back; a pipe waits for its reader, as with any other program.

    :raises OSError: no file was changed.
    """
    streams = [path for path in texts if _takes_a_stream(path)]
    files = {Path(os.path.realpath(path)): text for path, text in texts.items() if path not in streams}
    partials: dict[Path, Path] = {}
    before: dict[Path, bytes | None] = {}
    try:
        for path, text in files.items():
            partials[path] = _partial(path, text.encode("utf-8"))
        for path, partial in partials.items():
            before[path] = path.read_bytes() if path.exists() else None
            partial.replace(path)
        for path in streams:
            _write_to(path, texts[path].encode("utf-8"))
    except BaseException:
        for path, content in before.items():
            if not partials[path].exists():
                _put_back(path, content)
        raise
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def _takes_a_stream(path: Path) -> bool:
    """Whether a path is to be written to and never replaced, nor read."""
    if _open_file(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _open_file(path: Path) -> int | None:
    """The descriptor that ``/dev/stdout`` and its like stand for; what it leads to may be a regular file."""
    found = _OPEN_FILE.fullmatch(str(path))
    if not found:
        return None
    return {"stdout": 1, "stderr": 2}[found[1]] if found[1] else int(found[2])


def _write_to(path: Path, content: bytes) -> None:
    number = _open_file(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_NOCTTY) if number is None else os.dup(number)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def _partial(path: Path, content: bytes) -> Path:
    """Write a new file beside ``path``, with its mode; a new one gets what the umask leaves."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial


def _put_back(path: Path, content: bytes | None) -> None:
    with contextlib.suppress(OSError):  # the first failure is the one to tell
        if content is None:
            path.unlink()
        else:
            _partial(path, content).replace(path)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _text(name: str, standard_input: BinaryIO) -> str:
    try:
        content = standard_input.read() if name == STANDARD_INPUT else Path(name).read_bytes()
        return content.decode("utf-8")
    except FileNotFoundError:
        raise _no_such_file(name) from None
    except IsADirectoryError:
        raise UsageError(
            "this is a folder", where=name, fix=f"name its files, for example {name}/*.json"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError("the file is not UTF-8 text", where=name, why=str(error)) from None
    except OSError as error:
        raise UsageError("the file cannot be read", where=name, why=error.strerror or str(error)) from None


def _no_such_file(name: str) -> UsageError:
    if _LIVE.fullmatch(name):
        return UsageError(
            "there is no such file, and reading task definitions from ECS is not there yet",
            where=name,
            fix=f"aws ecs describe-task-definition --task-definition {name} > taskdef.json, and give that file",
        )
    return UsageError("there is no such file", where=name)


def _refuse_doubles(names: Sequence[str], message: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(message.format(_shown(name)))


def _shown(name: str) -> str:
    return "standard input" if name == STANDARD_INPUT else name


def _in_file(name: str, error: TaskDefinitionError) -> TaskDefinitionError:
    where = f"{_shown(name)}: {error.where}" if error.where else _shown(name)
    return TaskDefinitionError(error.message, where=where, why=error.why, fix=error.fix, exit_code=error.exit_code)

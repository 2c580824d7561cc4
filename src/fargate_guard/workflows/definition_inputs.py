"""What a user names: files, folders, patterns, standard input, and task definitions that ECS has."""

from __future__ import annotations

import codecs
import glob
import os
import re
from enum import Enum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from fargate_guard.errors import UsageError
from fargate_guard.taskdef import NotATaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STANDARD_INPUT = "-"

SEARCHED = (".json", ".yaml", ".yml")
"""How the names of files end that are looked at in a folder."""

AVOIDED = ("node_modules", "__pycache__")
"""Folders that are not looked into, nor are those whose names begin with a dot."""

LARGEST = 64 * 2**20
"""Bytes. A template has at most 1 MB: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

_STEP = 2**16
"""Bytes that are read at a time of what does not tell its size; a larger buffer would cost its pages."""

_LIVE = r"arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:task-definition/\S+|[A-Za-z0-9_-]{1,255}(:\d+)?"
"""A family, ``family:revision``, or an ARN.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
"""

_OTHER_ARN = r"arn:[^:]+:([^:]+):[^:]*:[^:]*:(?!task-definition)([^:/]+)"
"""Service and type of a resource: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""

_RUNNING = {
    "service": "aws ecs describe-services --cluster CLUSTER --services {} --query 'services[].taskDefinition'",
    "task": "aws ecs describe-tasks --cluster CLUSTER --tasks {} --query 'tasks[].taskDefinitionArn'",
}
"""How to ask for the task definition of what has one."""


class Kind(Enum):
    """Where an input comes from."""

    FILE = "file"
    STANDARD_INPUT = "standard input"
    LIVE = "ECS"


class Input(NamedTuple):
    """One thing to read."""

    name: str
    """A path, ``-``, or the name of a task definition in ECS."""
    kind: Kind
    relative: PurePath
    """Where its result goes below ``--output-dir``."""
    asked: bool = True
    """Whether it was named; else it was found in a folder or by a pattern, and may be something else."""

    @property
    def shown_name(self) -> str:
        """For messages."""
        return "standard input" if self.kind is Kind.STANDARD_INPUT else self.name

    @property
    def path(self) -> Path:
        """The file that is written by ``--in-place``; a link stays a link."""
        return Path(self.name)


def find_inputs(names: Sequence[str], *, without: Path | None = None) -> list[Input]:
    """Return what a command's arguments name, in their order.

    A name that is a file is a file; one that is none, and has no slash and no dot, is a task definition in ECS.

    :param without: a folder that is not looked into: the one that results go to.
    :raises UsageError: there is no such file, nothing fits a pattern, or the same is given twice.
    """
    found: dict[str, Input] = {}
    for name in names:
        if name in found and found[name].asked:
            raise UsageError(f"{found[name].shown_name} is given twice")
        for one in _inputs_of(name, without):
            if one.asked or one.name not in found:
                found[one.name] = one
    return list(found.values())


def refuse_offline(inputs: Sequence[Input]) -> None:
    """Make sure that nobody has to be asked for an input.

    :raises UsageError: one is a task definition in ECS, or a file that is not there.
    """
    for one in inputs:
        if one.kind is Kind.LIVE:
            raise UsageError(
                "there is no such file, and with --offline ECS is not asked",
                where=one.name,
                fix="correct the path; or use --online (FGUARD_OFFLINE=0); or save the task definition first: "
                f"aws ecs describe-task-definition --include TAGS --task-definition {one.name} "
                f"> {_file_name(one.name)}",
            )


def _inputs_of(name: str, without: Path | None) -> list[Input]:
    if name == STANDARD_INPUT:
        return [Input(name, Kind.STANDARD_INPUT, PurePath("stdin.json"))]
    if os.path.isdir(name):  # noqa: PTH112 - as fast as it gets, for a thousand names
        return _in_folder(name, without)
    if os.path.exists(name):  # noqa: PTH110
        return [Input(name, Kind.FILE, PurePath(os.path.basename(name)))]  # noqa: PTH119
    if glob.has_magic(name):
        return _matching(name)
    if re.fullmatch(_LIVE, name):
        return [Input(name, Kind.LIVE, PurePath(_file_name(name)))]
    _refuse_other_arn(name)
    raise UsageError(
        "there is no such file",
        where=name,
        fix="correct the path; or name a task definition in ECS by its family, family:revision or ARN",
    )


def _refuse_other_arn(name: str) -> None:
    found = re.match(_OTHER_ARN, name)
    if found is None:
        return
    service, kind = found.groups()
    call = _RUNNING.get(kind) if service == "ecs" else None
    raise UsageError(
        f"this is an ARN of {service} ({kind}), not one of a task definition",
        where=name,
        fix=f"name the task definition that it runs: {call.format(name)}"
        if call
        else "give the ARN of a task definition, its family or family:revision",
    )


def _in_folder(folder: str, without: Path | None) -> list[Input]:
    avoided = os.path.realpath(without) if without is not None else None
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in AVOIDED
            and os.path.realpath(os.path.join(place, name)) != avoided  # noqa: PTH118
        )
        below = PurePath(os.path.relpath(place, folder))
        found += [
            Input(os.path.join(place, name), Kind.FILE, below / name, asked=False)  # noqa: PTH118
            for name in sorted(files)
            if name.endswith(SEARCHED) and not name.startswith(".")
        ]
    if not found:
        raise UsageError(
            "there is no file to look at in this folder", where=folder, fix=f"files end in {', '.join(SEARCHED)}"
        )
    return found


def _matching(pattern: str) -> list[Input]:
    """Files that fit a pattern which the shell left alone; ``**`` stands for any folders."""
    fixed = PurePath(*_before_magic(PurePath(pattern).parent.parts))
    below = PurePath(pattern).relative_to(fixed)
    found = _below(Path(fixed), below) if "**" in below.parts else glob.glob(pattern)  # noqa: PTH207
    paths = sorted(path for path in found if os.path.isfile(path))  # noqa: PTH113
    if not paths:
        raise UsageError("no file fits this pattern", where=pattern)
    return [Input(path, Kind.FILE, PurePath(os.path.relpath(path, fixed)), asked=False) for path in paths]


def _below(folder: Path, pattern: PurePath) -> set[str]:
    """What fits a pattern with ``**``, which goes through nothing hidden, nor links, that may lead round."""
    parts = [part if part == "**" else re.sub(r"\*+", "*", part) for part in pattern.parts]
    found = folder.glob(str(PurePath(*parts, "*") if parts[-1] == "**" else PurePath(*parts)))
    hidden = any(part.startswith(".") for part in pattern.parts)
    return {str(path) for path in found if hidden or not _is_hidden(path.relative_to(folder))}


def _is_hidden(path: PurePath) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _before_magic(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if glob.has_magic(part):
            return
        yield part


def _file_name(live: str) -> str:
    return live.rpartition("/")[2].replace(":", "-") + ".json"


def text_of(one: Input, standard_input: BinaryIO, read_live: Callable[[str], str]) -> str:
    """Return the text of an input.

    :param read_live: returns a task definition of ECS as JSON, as the AWS CLI prints it.
    :raises UsageError: it cannot be read.
    :raises NotATaskDefinitionError: it is no text, or larger than any template may be.
    """
    if one.kind is Kind.LIVE:
        return read_live(one.name)
    try:
        from_stdin = one.kind is Kind.STANDARD_INPUT
        content = standard_input.read(LARGEST + 1) if from_stdin else _content(one.name)
        if len(content) > LARGEST:
            raise NotATaskDefinitionError("the file is too large for a task definition or a template")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        is_utf_16 = error.object.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        raise NotATaskDefinitionError(
            "the file is not UTF-8 text",
            why="it is UTF-16, which > and Out-File write in Windows PowerShell" if is_utf_16 else str(error),
            fix="save it as UTF-8 (in PowerShell: … | Out-File -Encoding utf8 FILE)",
        ) from None
    except OSError as error:
        raise UsageError(
            "the file cannot be read", where=one.shown_name, why=error.strerror or str(error)
        ) from None


def _content(path: str) -> bytes:
    """The bytes of a file, at least one too many of one that is too large: mostly what one reading gives."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size = min(os.fstat(descriptor).st_size, LARGEST)
        content = os.read(descriptor, max(size + 1, _STEP))
        step = os.read(descriptor, _STEP)
        if not step:
            return content
        several = bytearray(content)
        while step and len(several) <= LARGEST:
            several += step
            step = os.read(descriptor, _STEP)
        return bytes(several)
    finally:
        os.close(descriptor)

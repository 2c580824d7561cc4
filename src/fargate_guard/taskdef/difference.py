"""Show what instrumentation changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.layout import Layout

if TYPE_CHECKING:
    from fargate_guard.taskdef.fields import Json


def diff(before: Json, after: Json, name: str) -> str:
    """A unified diff of two definitions, or of two texts; empty when they are alike.

    Nothing is masked: an instrumented definition holds no secret, only references to one.

    :param name: what is compared, for the header; a file name makes a diff that ``patch`` takes.
    """
    import difflib  # only a diff should cost these 5 ms

    old, new = (value if isinstance(value, str) else Layout().write(value) for value in (before, after))
    lines = difflib.unified_diff(
        _shown(old).splitlines(keepends=True), _shown(new).splitlines(keepends=True), name, f"{name} (new)"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _shown(text: str) -> str:
    return text.replace("\r\n", "\n")

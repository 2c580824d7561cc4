"""Command lines that texts give to copy: on the same deployment, ready for a shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fargate_guard.cli.command import Invocation


def command_line(run: Invocation, command: str, *more: str) -> str:
    """Return the line for a command, with the configuration, Region and profile that were given.

    :param command: with its group: ``deploy``, ``macro deploy``.
    :param more: further words of it.
    """
    return shlex.join(["fguard", *command.split(), *chosen(run), *more])


def chosen(run: Invocation) -> list[str]:
    """Return the options that choose the deployment, as far as they were given."""
    config = None if run.config_file.parts == ("fguard.yaml",) else run.config_file
    return [*(["-c", str(config)] if config else []), *option_words(region=run.region, profile=run.profile)]


def option_words(**given: Any) -> Iterator[str]:
    """Yield the words of options: none for None, False or an empty list; for a list, the option for each of it."""
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            yield flag
        elif value is not None and value is not False:
            for one in value if isinstance(value, (list, tuple)) else (value,):
                yield from (flag, str(one))


def withheld(flag: str, pairs: Sequence[str] | None) -> Iterator[str]:
    """Yield options ``NAME=VALUE`` without their values, which may be secret; a shell refuses what is there."""
    for pair in pairs or ():
        yield f"{flag} {shlex.quote(pair.partition('=')[0])}=<value>"

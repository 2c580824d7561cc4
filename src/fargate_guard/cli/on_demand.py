"""Commands whose modules are imported only when they are asked for, so that fguard starts fast."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import typer.main
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typer._click import Command, Context


def load_command(name: str) -> Command:
    """Import a command: the Typer application ``<name>`` in the module ``fargate_guard.cli.<name>``."""
    return typer.main.get_command(getattr(import_module(f"fargate_guard.cli.{name}"), name))


class CommandOnDemand(TyperCommand):
    """Stands for a command: its name and its line in the list, until it is to parse its arguments."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Context | None = None, **extra: Any
    ) -> Context:
        """Parse with the command itself, which is also what runs then."""
        return load_command(str(self.name)).make_context(info_name, args, parent, **extra)


class CommandsOnDemand(TyperGroup):
    """A group that knows its commands by ``summaries`` only."""

    summaries: ClassVar[Mapping[str, str]]
    """Name of each command -> its line in the list, short enough for 80 columns."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: CommandOnDemand(name, short_help=line) for name, line in self.summaries.items()}

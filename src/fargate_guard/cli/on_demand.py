"""Commands whose modules are imported only when they are asked for, so that fguard starts fast."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import typer.main
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typer._click import Command, Context


PLAIN = "Options"
"""The heading of options that name none."""


def load_command(name: str) -> Command:
    """Import a command, or a Typer application of several: ``<name>`` in ``fargate_guard.cli.<name>``."""
    found = getattr(import_module(f"fargate_guard.cli.{name}"), name)
    return typer.main.get_command(found if isinstance(found, typer.Typer) else found.application())


class CommandWithHeadings(TyperCommand):
    """A command whose help lists its options under their headings (``rich_help_panel``), without Rich."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, those without a heading last."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                named = "Arguments" if parameter.param_type_name == "argument" else PLAIN
                sections.setdefault(getattr(parameter, "rich_help_panel", None) or named, []).append(record)
        plain = sections.pop(PLAIN, None)
        for heading, records in [*sections.items(), *([(PLAIN, plain)] if plain else [])]:
            with formatter.section(heading):
                formatter.write_dl(records)


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

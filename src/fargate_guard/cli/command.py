"""What every command has in common: its options, its result, its errors and its exit code."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fargate_guard import __version__
from fargate_guard.cli.declared import REQUIRED, Option, Parameter, for_typer, parameters_of
from fargate_guard.cli.screen import Screen, screen_of_process
from fargate_guard.errors import ExitCode, FguardError
from fargate_guard.taskdef.errors import TaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import typer

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 changes pending, 3 verification failed, 4 preflight refused, "
    "5 rolled back by ECS or CloudFormation, 64 wrong usage, 130 interrupted, "
    "141 output closed, 143 terminated."
)


class Invocation(NamedTuple):
    """One run of one command."""

    command: str
    screen: Screen
    environ: Mapping[str, str]
    config_file: Path
    config_given: bool
    """Whether ``--config`` (or FGUARD_CONFIG) named the file."""
    region: str | None
    profile: str | None


class Result(NamedTuple):
    """What a command found or did."""

    document: Mapping[str, Any] = MappingProxyType({})
    """The JSON document, without its ``schema``."""
    text: str | None = None
    """The same for people, on standard output; None where there is nothing to print."""
    exit_code: ExitCode = ExitCode.DONE
    exact: bool = False
    """The text is a file's, to the last byte."""


class Command:
    """A command of the command line: Typer parses what is not plain, and is not imported before."""

    def __init__(self, name: str, function: Callable[..., Result], example: str, schema: str) -> None:
        """Declare ``name``; the parameters are those of :func:`command`."""
        self.name = name
        self.function = function
        self._example = example
        self._schema = schema

    @functools.cached_property
    def parameters(self) -> Sequence[Parameter]:
        """The command's own options, and behind them those that all commands share."""
        own = [one for one in parameters_of(self.function) if one.name != "run"]
        return [*own, *parameters_of(_shared_options)]

    def __call__(
        self,
        *,
        json_: bool,
        config: Path | None,
        region: str | None,
        profile: str | None,
        quiet: bool,
        verbose: bool,
        **own: Any,
    ) -> ExitCode:
        """Run it with a value for every parameter, tell its result or its error, and return the exit code."""
        run = Invocation(
            command=self._schema,
            screen=screen_of_process(os.environ, json=json_, quiet=quiet, verbose=verbose),
            environ=os.environ,
            config_file=config or Path("fguard.yaml"),
            config_given=config is not None,
            region=region,
            profile=profile,
        )
        return _finish(run, functools.partial(self.function, run, **own))

    def application(self, group: typer.Typer | None = None) -> typer.Typer:
        """The same for Typer, as a part of ``group`` or alone."""
        import inspect

        import typer

        from fargate_guard.cli.on_demand import CommandWithHeadings

        def run_command(**values: Any) -> None:
            raise typer.Exit(self(**values))

        run_command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    one.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    annotation=for_typer(one.annotation),
                    default=inspect.Parameter.empty if one.default is REQUIRED else one.default,
                )
                for one in self.parameters
            ]
        )
        run_command.__annotations__ = {}
        help_text = inspect.cleandoc(self.function.__doc__ or "")
        help_text = f"{help_text}\n\n{EXIT_CODES}\n\n\b\nExample:\n  {self._example}"
        application = group or typer.Typer(add_completion=False, rich_markup_mode=None)
        application.command(self.name, cls=CommandWithHeadings, help=help_text)(run_command)
        return application


def command(
    name: str, *, example: str, group: typer.Typer | None = None, schema: str | None = None
) -> Callable[[Callable[..., Result]], Command]:
    """Make a function ``(run: Invocation, …) -> Result`` the command ``name``.

    The options that all commands share are added here, errors are printed here, and this is the only place
    that knows about ``--json``.

    :param example: a command line for the help text.
    :param group: where the command stands, for one such as ``fguard sandbox start``.
    :param schema: the middle of ``fguard.<schema>/v1`` where it is not the command's name.
    """

    def register(function: Callable[..., Result]) -> Command:
        made = Command(name, function, example, schema or name)
        if group is not None:
            made.application(group)
        return made

    return register


def _shared_options(
    json_: Annotated[bool, Option("--json", help="Print one JSON document to standard output.")] = False,
    config: Annotated[
        Path | None,
        Option("--config", "-c", envvar="FGUARD_CONFIG", help="Configuration file [fguard.yaml]."),
    ] = None,
    region: Annotated[str | None, Option(envvar="FGUARD_REGION", help="AWS Region.")] = None,
    profile: Annotated[str | None, Option(envvar="FGUARD_PROFILE", help="AWS named profile.")] = None,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Say only what went wrong.")] = False,
    verbose: Annotated[bool, Option("--verbose", "-v", help="Say more; show tracebacks.")] = False,
) -> None:
    """Hold the declarations of the options that every command takes."""


def _finish(run: Invocation, work: Callable[[], Result]) -> ExitCode:
    try:
        result = work()
    except (FguardError, TaskDefinitionError) as error:
        return _report(run, error)
    except KeyboardInterrupt:
        return _report(run, FguardError("interrupted", exit_code=ExitCode.INTERRUPTED))
    except BrokenPipeError:
        raise
    except OSError as error:
        where = str(error.filename) if error.filename else None
        return _report(
            run, FguardError("a file or folder cannot be used", where=where, why=error.strerror or str(error))
        )
    except Exception as unexpected:  # noqa: BLE001 - the one place where everything ends
        return _report(run, _as_bug(unexpected))
    if run.screen.json:
        run.screen.document(f"fguard.{run.command}/v1", {"exit_code": result.exit_code, **result.document})
    elif result.text is not None:
        run.screen.result(result.text, exact=result.exact)
    return result.exit_code


def _report(run: Invocation, error: FguardError | TaskDefinitionError) -> ExitCode:
    exit_code = ExitCode(error.exit_code)
    if run.screen.verbose:
        import traceback

        run.screen.detail("".join(traceback.format_exception(error)))
    run.screen.error(error)
    if run.screen.json:
        run.screen.document(f"fguard.{run.command}/v1", {"exit_code": exit_code, "error": error_document(error)})
    return exit_code


def error_document(error: FguardError | TaskDefinitionError) -> dict[str, str | None]:
    """Return the ``error`` object of a JSON document."""
    return {"message": error.message, "where": error.where, "why": error.why, "fix": error.fix}


def _as_bug(unexpected: Exception) -> FguardError:
    import platform
    import traceback

    last = traceback.extract_tb(unexpected.__traceback__)[-1]
    bug = FguardError(
        "fguard met something it did not expect; this is a bug in fguard",
        where=f"{Path(last.filename).name}:{last.lineno}",
        why=f"{type(unexpected).__name__}: {unexpected}",
        fix="run it again with --verbose and report what it prints, with "
        f"fguard {__version__} on Python {platform.python_version()}",
    )
    bug.__cause__ = unexpected
    return bug

"""What every command has in common: its options, its result, its errors and its exit code."""

from __future__ import annotations

import functools
import inspect
import os
import platform
import traceback
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

import typer

from fargate_guard import __version__
from fargate_guard.cli.option_groups import CommandWithHeadings
from fargate_guard.cli.screen import Screen, screen_of_process
from fargate_guard.errors import ExitCode, FguardError
from fargate_guard.taskdef.errors import TaskDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 changes pending, 3 verification failed, 4 preflight refused, "
    "5 rolled back by ECS or CloudFormation, 64 wrong usage, 130 interrupted, 143 terminated."
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


def command(
    name: str, *, example: str, group: typer.Typer | None = None, schema: str | None = None
) -> Callable[[Callable[..., Result]], typer.Typer]:
    """Make a function ``(run: Invocation, …) -> Result`` the command ``name``, a Typer application.

    The options that all commands share are added here, errors are printed here, and this is the only place
    that knows about ``--json``.

    :param example: a command line for the help text.
    :param group: where the command stands, for one such as ``fguard sandbox start``.
    :param schema: the middle of ``fguard.<schema>/v1`` where it is not the command's name.
    """

    def register(function: Callable[..., Result]) -> typer.Typer:
        @functools.wraps(function)
        def run_command(
            json_: bool,
            config: Path | None,
            region: str | None,
            profile: str | None,
            quiet: bool,
            verbose: bool,
            **own: Any,
        ) -> None:
            screen = screen_of_process(os.environ, json=json_, quiet=quiet, verbose=verbose)
            run = Invocation(
                command=schema or name,
                screen=screen,
                environ=os.environ,
                config_file=config or Path("fguard.yaml"),
                config_given=config is not None,
                region=region,
                profile=profile,
            )
            raise typer.Exit(_finish(run, functools.partial(function, run, **own)))

        run_command.__signature__ = _with_shared_options(function)  # type: ignore[attr-defined]
        run_command.__annotations__ = {}
        help_text = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{EXIT_CODES}\n\n\b\nExample:\n  {example}"
        application = group or typer.Typer(add_completion=False, rich_markup_mode=None)
        application.command(name, cls=CommandWithHeadings, help=help_text)(run_command)
        return application

    return register


def _with_shared_options(function: Callable[..., Result]) -> inspect.Signature:
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "run"
    ]
    return inspect.Signature(
        [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in (*own, *inspect.signature(_shared_options, eval_str=True).parameters.values())
        ]
    )


def _shared_options(
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", envvar="FGUARD_CONFIG", help="Configuration file [fguard.yaml]."),
    ] = None,
    region: Annotated[str | None, typer.Option(envvar="FGUARD_REGION", help="AWS Region.")] = None,
    profile: Annotated[str | None, typer.Option(envvar="FGUARD_PROFILE", help="AWS named profile.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more; show tracebacks.")] = False,
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
        run.screen.detail("".join(traceback.format_exception(error)))
    run.screen.error(error)
    if run.screen.json:
        run.screen.document(f"fguard.{run.command}/v1", {"exit_code": exit_code, "error": error_document(error)})
    return exit_code


def error_document(error: FguardError | TaskDefinitionError) -> dict[str, str | None]:
    """Return the ``error`` object of a JSON document."""
    return {"message": error.message, "where": error.where, "why": error.why, "fix": error.fix}


def _as_bug(unexpected: Exception) -> FguardError:
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

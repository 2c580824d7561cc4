"""What the commands on task definitions share: inputs, outputs, and how images may be looked up."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

from fargate_guard.cli.declared import Argument, Option
from fargate_guard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.aws.session import Aws
    from fargate_guard.cli.command import Invocation
    from fargate_guard.formats import Source
    from fargate_guard.workflows.definition_files import Destination
    from fargate_guard.workflows.definition_inputs import Input
    from fargate_guard.workflows.image_lookup import ImageLookup

TEMPLATES = "CloudFormation templates"
IMAGES = "What images run"
OUTPUT = "Output"

DefinitionsArgument = Annotated[
    list[str],
    Argument(
        metavar="TASK_DEF",
        help="Files, folders, patterns, - for standard input; or a family, family:revision or ARN in ECS.",
        show_default=False,
    ),
]


OptionalDefinitionsArgument = Annotated[list[str] | None, get_args(DefinitionsArgument)[1]]
"""For a command that can do without."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TemplateOptions:
    """What a template leaves open."""

    parameter: Annotated[
        list[str] | None,
        Option(
            metavar="NAME=VALUE",
            help="A template's parameter, or AWS::Region and the like; repeat it [their defaults].",
            rich_help_panel=TEMPLATES,
        ),
    ] = None

    @property
    def parameters(self) -> dict[str, str]:
        """The values by name."""
        found = {}
        for text in self.parameter or ():
            name, equals, value = text.partition("=")
            if not name or not equals:
                raise UsageError(
                    f"--parameter is {text!r}", fix="give NAME=VALUE, for example --parameter Stage=prod"
                )
            found[name] = value
        return found


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ImageOptions:
    """How what images run is found out."""

    offline: Annotated[
        bool,
        Option(
            "--offline/--online",
            envvar="FGUARD_OFFLINE",
            show_envvar=False,
            show_default=False,
            help="Open no connection, to a registry or AWS; the cache and the answers by hand count [ask].",
            rich_help_panel=IMAGES,
        ),
    ] = False
    image_timeout: Annotated[
        float,
        Option(
            envvar="FGUARD_IMAGE_TIMEOUT",
            show_envvar=False,
            metavar="SECONDS",
            show_default=False,
            help="For each image [30].",
            rich_help_panel=IMAGES,
        ),
    ] = 30.0
    entrypoint: Annotated[
        list[str] | None,
        Option(
            metavar="CONTAINER=JSON",
            help="What the image of a container has as ENTRYPOINT, an array, [] for none; in a template also "
            "LOGICAL_ID/CONTAINER; repeat it.",
            rich_help_panel=IMAGES,
        ),
    ] = None
    command: Annotated[
        list[str] | None,
        Option(metavar="CONTAINER=JSON", help="And as CMD, likewise.", rich_help_panel=IMAGES),
    ] = None

    def lookup(self, run: "Invocation") -> "ImageLookup":
        """Return the way to find out what images run; nothing is asked yet."""
        from fargate_guard.workflows.image_lookup import ImageLookup, LookupOptions, checked_timeout
        from fargate_guard.workflows.user_folders import cache_folder, docker_folder

        options = LookupOptions(
            offline=self.offline,
            timeout=checked_timeout(self.image_timeout, "--image-timeout"),
            cache=cache_folder(run.environ),
            docker_config=docker_folder(run.environ),
            entry_points=tuple(self.entrypoint or ()),
            commands=tuple(self.command or ()),
        )
        return ImageLookup(options, connector(run))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OutputOptions:
    """Where results go."""

    output: Annotated[
        Path | None,
        Option(
            "--output", "-o", metavar="FILE", help="Write to this file [standard output].", rich_help_panel=OUTPUT
        ),
    ] = None
    output_dir: Annotated[
        Path | None,
        Option(
            "--output-dir", metavar="DIR", help="Write every result below this folder.", rich_help_panel=OUTPUT
        ),
    ] = None
    in_place: Annotated[
        bool, Option("--in-place", help="Replace the files: all of them or none.", rich_help_panel=OUTPUT)
    ] = False
    diff: Annotated[
        bool, Option("--diff", help="Print a unified diff instead of the result.", rich_help_panel=OUTPUT)
    ] = False
    check: Annotated[
        bool,
        Option("--check", help="Write nothing; exit 2 when something would change.", rich_help_panel=OUTPUT),
    ] = False
    for_registration: Annotated[
        bool,
        Option(
            "--for-registration",
            help="Leave out what RegisterTaskDefinition does not take.",
            rich_help_panel=OUTPUT,
        ),
    ] = False
    strict: Annotated[
        bool,
        Option("--strict", help="Treat warnings as errors: exit 4, nothing written.", rich_help_panel=OUTPUT),
    ] = False

    @property
    def destination(self) -> "Destination":
        """Where results are written."""
        from fargate_guard.workflows.definition_files import Destination

        return Destination(self.output, self.output_dir, self.in_place)


def connector(run: "Invocation") -> "Callable[[], Aws]":
    """Return a function that finds the way to AWS, by the flags, the environment and fguard.yaml."""

    def connect() -> "Aws":
        from fargate_guard.workflows.context import connect

        config = None
        if run.config_given or run.config_file.exists():
            from fargate_guard.config import load_config

            config = load_config(run.config_file)
        return connect(config, run.region, run.profile, run.environ)

    return connect


def reader(run: "Invocation") -> "Callable[[Input], Source]":
    """Return a function that reads an input, whatever it is and wherever it comes from."""
    from fargate_guard.formats import read_source
    from fargate_guard.workflows.definition_inputs import Kind, text_of
    from fargate_guard.workflows.live_definitions import live_reader

    read_live = live_reader(connector(run))

    def read(one: "Input") -> "Source":
        if one.kind is Kind.LIVE:
            run.screen.message(f"{one.name}: no such file; reading the task definition from ECS")
        return read_source(text_of(one, run.screen.stdin.buffer, read_live))

    return read


def read_all(run: "Invocation", names: list[str], *, offline: bool = False) -> "Iterator[tuple[Input, Source]]":
    """Read every input in turn; files that were found, not named, and hold something else are told and left out.

    :raises UsageError: an input cannot be read, or is in ECS while nobody is to be asked.
    :raises TaskDefinitionError: a file that was named, or was to be a task definition, is none; or all are not.
    """
    from fargate_guard.taskdef import NotATaskDefinitionError, TaskDefinitionError
    from fargate_guard.workflows.definition_files import in_file
    from fargate_guard.workflows.definition_inputs import find_inputs, refuse_offline
    from fargate_guard.workflows.found_files import passed_over

    read = reader(run)
    found = False
    inputs = find_inputs(names)
    if offline:
        refuse_offline(inputs)
    for one in inputs:
        try:
            source = read(one)
        except TaskDefinitionError as error:
            left_out = passed_over(one, None, error)
            if left_out is None:
                raise in_file(one, error) from None
            run.screen.message(f"{one.shown_name}: skipped: {left_out.reason}")
        else:
            found = True
            yield one, source
    if not found:
        raise NotATaskDefinitionError("none of these files holds a task definition or a template")

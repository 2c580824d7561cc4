"""What images run: answered by hand, from the cache, or by their registries, all inputs together.

``images/`` is imported only when some container needs it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from fargate_guard.errors import FguardError, UsageError
from fargate_guard.taskdef import ImageConfig, Images, TaskDefinitionError
from fargate_guard.taskdef.errors import PREFLIGHT_REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from fargate_guard.aws.session import Aws
    from fargate_guard.images import Found
    from fargate_guard.taskdef import ImageNeed, Json

ENTRYPOINT_FLAG = "--entrypoint"
COMMAND_FLAG = "--command"
DEFAULT_TIMEOUT = 30.0
_LONGEST_TIMEOUT = 10**6


def checked_timeout(seconds: float, option: str) -> float:
    """Return the seconds for each image.

    :raises UsageError: nothing can be asked in that time, or it has no end.
    """
    if not 0 < seconds < _LONGEST_TIMEOUT:
        raise UsageError(f"{option} is {seconds}", fix=f"give seconds, more than 0, such as {DEFAULT_TIMEOUT:g}")
    return seconds


class LookupOptions(NamedTuple):
    """How images may be looked up."""

    offline: bool = False
    timeout: float = DEFAULT_TIMEOUT
    """Seconds for each image."""
    cache: Path | None = None
    """The user's folder for what can be got again."""
    docker_config: Path | None = None
    """The folder with Docker's ``config.json``."""
    entry_points: tuple[str, ...] = ()
    """``--entrypoint``: ``CONTAINER=JSON`` or ``LogicalId/CONTAINER=JSON``."""
    commands: tuple[str, ...] = ()
    """``--command``, likewise."""


class HalfAnswer(NamedTuple):
    """An answer by hand for only one of entry point and command."""

    key: str
    """The container, as it was named."""
    given: str
    """The flag."""
    missing: str
    """The other flag."""
    other: str
    """The field that the missing flag would answer for."""

    def refusal(self, container: str, where: str | None = None) -> TaskDefinitionError:
        """Return why the answer is not enough for a container in which the other field is not set."""
        return TaskDefinitionError(
            f"{self.given} alone does not tell what container {container} runs",
            where=where,
            why=f"where its {self.other} is not set, it comes from the image, too",
            fix=f"add {self.missing} {self.key}='[…]'; [] where the image has none",
        )


@dataclass(slots=True, eq=False, repr=False)
class ImageLookup:
    """What is known about images so far, and the way to find out more."""

    options: LookupOptions
    connect: Callable[[], Aws]
    """Called at most once, when a registry wants what only AWS knows."""
    images: Images = field(init=False)
    half_answers: dict[str, HalfAnswer] = field(init=False)
    found: list[Found] = field(default_factory=list)
    """Everything that was looked up, with its errors."""
    _containers: set[str] = field(default_factory=set)
    """Containers that were seen, as an answer by hand may name them: ``web``, ``LogicalId/web``."""
    _open_names: bool = False
    """A container was seen whose name only the deployed template has."""
    _errors: dict[tuple[str, str, str | None], FguardError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        entry_points = _all_by_hand(ENTRYPOINT_FLAG, self.options.entry_points)
        commands = _all_by_hand(COMMAND_FLAG, self.options.commands)
        for own, other in ((entry_points, commands), (commands, entry_points)):
            own.update({key: own[name] for key in other if key not in own and (name := _name_in(key)) in own})
        answers = {}
        for key in dict.fromkeys([*entry_points, *commands]):
            flags = [*([ENTRYPOINT_FLAG] * (key in entry_points)), *([COMMAND_FLAG] * (key in commands))]
            answers[key] = ImageConfig(entry_points.get(key, ()), commands.get(key, ()), " and ".join(flags))
        self.images = Images(by_container=answers)
        self.half_answers = {
            **{key: HalfAnswer(key, ENTRYPOINT_FLAG, COMMAND_FLAG, "command") for key in entry_points},
            **{key: HalfAnswer(key, COMMAND_FLAG, ENTRYPOINT_FLAG, "entryPoint") for key in commands},
        }
        for key in entry_points.keys() & commands.keys():
            del self.half_answers[key]

    def saw(self, names: Iterable[str] | None) -> None:
        """Note the containers of an input, ``web`` and ``LogicalId/web``; None where some cannot be told."""
        self._open_names = self._open_names or names is None
        self._containers.update(names or ())

    def for_nobody(self) -> list[TaskDefinitionError]:
        """Return a refusal for each answer by hand that names no container of any input."""
        if self._open_names:
            return []
        return [_nobody(key, config.source, self._containers) for key, config in self._unused()]

    def _unused(self) -> list[tuple[str, ImageConfig]]:
        return [one for one in self.images.by_container.items() if one[0] not in self._containers]

    def knows(self, needs: Iterable[ImageNeed]) -> bool:
        """Whether all of these have been looked up, found or not."""
        return all(self.images.answers(need) or _key(need) in self._errors for need in needs)

    def ask(self, needs: Sequence[ImageNeed]) -> None:
        """Look up what is not known yet, side by side."""
        from fargate_guard.images import Options, resolve

        wanted = [need for need in needs if not self.knows([need])]
        if not wanted:
            return
        connected: list[Aws] = []

        def aws() -> Aws:
            connected.extend([] if connected else [self.connect()])
            return connected[0]

        options = Options(
            offline=self.options.offline,
            timeout=self.options.timeout,
            cache_folder=self.options.cache / "images" if self.options.cache else None,
            docker_config_folder=self.options.docker_config,
            ecr_token=lambda region, account: _ecr_token(aws(), region, account),
            secret=lambda parameter: _secret(aws(), parameter),
        )
        found = resolve(wanted, options=options)
        self.found += found
        known = dict(self.images.by_image)
        for one in found:
            if one.config is not None:
                known[one.need.image, one.need.architecture] = one.config
            else:
                self._errors[_key(one.need)] = one.error or FguardError("nothing was found")
        self.images = Images(by_image=known, by_container=self.images.by_container)

    def error(self, need: ImageNeed) -> FguardError | None:
        """Return why an image was looked up in vain."""
        return self._errors.get(_key(need))

    def origin(self, need: ImageNeed) -> str:
        """Return where what a container's image runs is known from: ``registry``, ``cache``, or the flags."""
        found = next((one for one in self.found if _key(one.need) == _key(need) and one.config), None)
        config = self.images.find(need)
        if found is None or config is not found.config:
            return config.source if config else ""
        return "cache" if found.from_cache else "registry"

    def refusal(self, need: ImageNeed) -> TaskDefinitionError:
        """Return why a container cannot be instrumented: its image was looked up in vain."""
        error = self._errors[_key(need)]
        by_hand = (
            "write the image with its digest"
            if need.digest
            else "set its entryPoint and command in the task definition"
        )
        return TaskDefinitionError(
            f"container {need.container}: {error.message}",
            where=f"{need.path} ({need.image})",
            why=error.why,
            fix=f"{error.fix}\nor {by_hand}",
            exit_code=PREFLIGHT_REFUSED,
        )

    def half_answer(self, need: ImageNeed, definition: Json) -> TaskDefinitionError | None:
        """Return what is missing when an answer by hand covers one half of what a container runs, and the other
        half would come from the image, too.

        :param definition: the whole input, in which the need's path leads to the container.
        """
        half = self._half_answer_for(need) if need.argv else None
        if half is None:
            return None
        from fargate_guard.workflows.json_places import holder_of

        if _is_set(holder_of(definition, need.path, "image"), half.other):
            return None
        return half.refusal(need.container, need.path)

    def _half_answer_for(self, need: ImageNeed) -> HalfAnswer | None:
        for key in (f"{need.resource}/{need.container}", need.container):
            if key in self.images.by_container:
                return self.half_answers.get(key)
        return None


def _nobody(key: str, flags: str, containers: set[str]) -> TaskDefinitionError:
    import difflib  # only a refusal should cost these 5 ms

    near = difflib.get_close_matches(key, sorted(containers), n=1)
    return TaskDefinitionError(
        f"there is no container {key} to answer for: {flags}",
        why=f"there {'are' if len(containers) > 1 else 'is'} {', '.join(sorted(containers)) or 'none'}",
        fix=f"did you mean {near[0]}?" if near else f"correct or remove the name: {flags}",
    )


def _key(need: ImageNeed) -> tuple[str, str, str | None]:
    return need.image, need.architecture, need.credentials_arn


def _name_in(key: str) -> str:
    """The container's own name in ``LogicalId/web``, and in ``web``."""
    return key.rpartition("/")[2]


def _all_by_hand(flag: str, texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    answers: dict[str, tuple[str, ...]] = {}
    for text in texts:
        key, argv = _by_hand(flag, text)
        if key in answers:
            raise UsageError(f"{flag} is given twice for {key}", fix="leave one of the two out")
        answers[key] = argv
    return answers


def _by_hand(flag: str, text: str) -> tuple[str, tuple[str, ...]]:
    """Read ``CONTAINER=["…"]``; the container may be ``LogicalId/CONTAINER``."""
    key, equals, answer = text.partition("=")
    example = f"""{flag} {key or "CONTAINER"}='["/docker-entrypoint.sh"]'"""
    if not equals or not key:
        raise UsageError(f"{flag} is {text!r}", fix=f"give the container and a JSON array: {example}")
    try:
        argv = json.loads(answer)
    except ValueError as error:
        raise UsageError(f"{flag} {key} is not JSON: {answer}", why=str(error), fix=example) from None
    if not isinstance(argv, list) or not all(isinstance(argument, str) for argument in argv):
        raise UsageError(f"{flag} {key} is not an array of strings: {answer}", fix=example)
    return key, tuple(argv)


def _ecr_token(aws: Aws, region: str, account: str) -> tuple[str, str]:
    from fargate_guard.aws.ecr import registry_login

    return registry_login(aws, region, account)


def _secret(aws: Aws, parameter: str) -> str:
    from fargate_guard.aws.ecr import repository_credentials

    return repository_credentials(aws, parameter)


def _is_set(container: Json, name: str) -> bool:
    return isinstance(container, dict) and any(
        value not in (None, []) for key, value in container.items() if key.lower() == name.lower()
    )

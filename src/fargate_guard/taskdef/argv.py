"""What a container runs: completed from its image by Docker's rules, and taken back when that is undone.

The wrapper becomes the first word of ``entryPoint``. ECS drops the image's CMD once entryPoint is set, so what
came from the image is written out: its ENTRYPOINT behind the wrapper, its CMD into ``command``. The record says
how the fields looked, with a checksum of what was written, so that what someone edits afterwards stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.errors import TaskDefinitionError
from fargate_guard.taskdef.existing import is_wrapped, name_of
from fargate_guard.taskdef.image_config import ImageNeed, has_digest, image_name, pinned
from fargate_guard.taskdef.recipes import INSTRUMENT
from fargate_guard.taskdef.record import ABSENT, EMPTY, NULL, Additions, Filled, Pinned, Written, checksum
from fargate_guard.taskdef.selection import IGNORE_FLAG

if TYPE_CHECKING:
    from fargate_guard.taskdef.definition import Definition
    from fargate_guard.taskdef.existing import Existing
    from fargate_guard.taskdef.fields import Fields, Json
    from fargate_guard.taskdef.image_config import ImageConfig, Images
    from fargate_guard.taskdef.settings import Settings

DEFAULT_ARCHITECTURE = "X86_64"
_ARCHITECTURES = (DEFAULT_ARCHITECTURE, "ARM64")


def architecture_of(definition: Definition) -> str:
    """``runtimePlatform.cpuArchitecture``, or what ECS takes without it."""
    task = definition.task
    if task is None or not task.get("runtimePlatform"):
        return DEFAULT_ARCHITECTURE
    return (task.child("runtimePlatform").text("cpuArchitecture") or DEFAULT_ARCHITECTURE).upper()


def needs_of(
    definition: Definition, chosen: list[Fields], found: Existing, settings: Settings
) -> list[tuple[Fields, ImageNeed]]:
    """The chosen containers whose image must be known, each with what is needed of it.

    What was written earlier for another image than the one that is there now is taken back first, in place.

    :raises TaskDefinitionError: an argv that no image completes.
    """
    architecture = architecture_of(definition)
    needs = []
    for container in chosen:
        added = found.recorded(container)
        if added is not None:
            _settle(container, added, architecture)
        argv = _argv_is_open(container)
        digest = settings.pin_digests and not has_digest(_image(container))
        if argv or digest:
            argv = argv or (added is not None and added.filled is not None)
            needs.append((container, _need(container, architecture, argv=argv, digest=digest)))
    return needs


def complete(needs: list[tuple[Fields, ImageNeed]], images: Images) -> list[tuple[ImageNeed, ImageConfig | None]]:
    """What is known about each need: the configuration, where what the image runs is needed.

    :raises TaskDefinitionError: names every container of which something is not known, with the fields to set.
    """
    open_argvs = [(container, need) for container, need in needs if need.argv and images.find(need) is None]
    if open_argvs:
        raise _argv_unknown(open_argvs)
    open_digests = [need for _, need in needs if need.digest and images.digest(need) is None]
    if open_digests:
        raise _digest_unknown(open_digests)
    return [(need, images.find(need) if need.argv else None) for _, need in needs]


def fill(
    container: Fields, need: ImageNeed, config: ImageConfig | None, digest: str | None, added: Additions
) -> None:
    """Write what the image says into a container, without the wrapper, and note it. Changes both in place.

    :raises TaskDefinitionError: neither the container nor its image says what to run.
    """
    if need.argv and added.filled is not None:
        unwrap_argv(container, added)
        added.filled = None
    if need.digest and digest is not None:
        container.set("image", pinned(need.image, digest))
        tag = need.image[len(image_name(need.image)) :]
        added.pinned = Pinned(tag, _stamp(_image(container), need.architecture))
    if need.argv and config is not None:
        added.filled = _filled(container, need, config)


def unwrap_argv(container: Fields, added: Additions | None) -> bool:
    """Take the wrapper, and what was written out of the image, off again. Changes the container in place.

    :return: whether the division of the argv into entryPoint and command is certain.
    """
    entry_point = container.texts("entryPoint")
    filled = added.filled if added is not None else None
    if entry_point[:1] != [INSTRUMENT]:
        if filled is not None and not entry_point:
            _command_back(container, filled)
        return True
    rest = without_wrapper(entry_point)
    if filled is not None and checksum(rest) == filled.entry_point.checksum:
        _command_back(container, filled)
        _reset(container, "entryPoint", filled.entry_point.before)
        return True
    if rest:
        container.set("entryPoint", rest)
        return True
    argv = without_wrapper(container.texts("command"))
    if argv:
        container.set("entryPoint", list(argv))
    else:
        container.drop("entryPoint")
    container.drop("command")
    return False


def unpin(container: Fields, added: Additions) -> None:
    """Bring the image's tag back, unless someone edited the image since. Changes the container in place."""
    was, image = added.pinned, container.get("image")
    if (
        was is not None
        and isinstance(image, str)
        and any(was.image == _stamp(image, one) for one in _ARCHITECTURES)
    ):
        container.set("image", image_name(image) + was.tag)


def _settle(container: Fields, added: Additions, architecture: str) -> None:
    """Forget, or take back, what was written for an image or a command that is no longer there."""
    stamp = _stamp(_image(container), architecture)
    if added.pinned is not None and added.pinned.image != stamp:
        unpin(container, added)
        added.pinned = None
    filled = added.filled
    if filled is None:
        return
    entry_point, command = container.texts("entryPoint"), container.texts("command")
    if is_wrapped(container) and checksum(without_wrapper(entry_point)) != filled.entry_point.checksum:
        added.filled = None
    elif not is_wrapped(container) or filled.image != stamp or _lost_its_command(command, filled):
        unwrap_argv(container, added)
        added.filled = None
    elif filled.command is not None and checksum(command) != filled.command.checksum:
        added.filled = filled._replace(command=None)


def _lost_its_command(command: list[str], filled: Filled) -> bool:
    return not command and (filled.command is None or filled.command.checksum != checksum([]))


def _argv_is_open(container: Fields) -> bool:
    """Whether the image decides on what a container runs.

    :raises TaskDefinitionError: no image can complete it.
    """
    entry_point, command = container.texts("entryPoint"), container.texts("command")
    if len(entry_point) + len(command) == 1 and is_wrapped(container):
        raise TaskDefinitionError(
            f"container {name_of(container)} starts the agent's wrapper with nothing to run",
            where=container.at("entryPoint"),
            why="the wrapper stops with `no command or entry point specified`",
            fix="write the program behind the wrapper, in entryPoint",
        )
    if entry_point and not entry_point[0]:
        raise TaskDefinitionError(
            f"what container {name_of(container)} would run is not known for certain",
            where=f"{container.at('entryPoint')}[0]",
            why="the first word of entryPoint is empty, which Docker and other runtimes read differently",
            fix="write the program to run, or remove entryPoint to take the image's own",
        )
    return not entry_point


def _need(container: Fields, architecture: str, *, argv: bool, digest: bool) -> ImageNeed:
    credentials = None
    if container.get("repositoryCredentials"):
        credentials = container.child("repositoryCredentials").text("credentialsParameter")
    image = _image(container)
    return ImageNeed(
        name_of(container), container.at("image"), image, architecture, credentials, argv=argv, digest=digest
    )


def _filled(container: Fields, need: ImageNeed, config: ImageConfig) -> Filled:
    command = container.texts("command")
    if not (config.entry_point or command or config.command) or config.entry_point[:1] == ("",):
        raise TaskDefinitionError(
            f"neither container {need.container} nor its image says what to run",
            where=f"{container.at('entryPoint')}, {container.at('command')}",
            why=f"the image {need.image} has no usable ENTRYPOINT and CMD ({config.source}: {config.words})",
            fix="write the program to run into entryPoint",
        )
    wrote_command = None
    if not command:
        wrote_command = Written(_state(container, "command"), checksum(list(config.command)))
        if config.command:
            container.set("command", list(config.command))
    wrote = Written(_state(container, "entryPoint"), checksum(list(config.entry_point)))
    container.set("entryPoint", [INSTRUMENT, *config.entry_point])
    return Filled(wrote, wrote_command, _stamp(_image(container), need.architecture))


def _command_back(container: Fields, filled: Filled) -> None:
    wrote = filled.command
    if wrote is not None and checksum(container.texts("command")) == wrote.checksum:
        _reset(container, "command", wrote.before)


def _state(container: Fields, field: str) -> str:
    if field not in container:
        return ABSENT
    return NULL if container.get(field) is None else EMPTY


def _reset(container: Fields, field: str, before: str) -> None:
    if before == ABSENT:
        container.drop(field)
    else:
        container.set(field, None if before == NULL else [])


def without_wrapper(argv: list[str]) -> list[str]:
    """The argv behind the wrapper, however often it stands there."""
    start = next((index for index, word in enumerate(argv) if word != INSTRUMENT), len(argv))
    return argv[start:]


def _image(container: Fields) -> str:
    return container.text("image") or ""


def _stamp(image: Json, architecture: str) -> str:
    return checksum(f"{image} {architecture}")


def _argv_unknown(unknown: list[tuple[Fields, ImageNeed]]) -> TaskDefinitionError:
    names, images = [need.container for _, need in unknown], sorted({need.image for _, need in unknown})
    return TaskDefinitionError(
        f"what {_who(names)} would run is not known for certain",
        where=", ".join(container.at("entryPoint") for container, _ in unknown),
        why=f"entryPoint is unset, so it comes from the image ({', '.join(images)}) and would be lost",
        fix="write the image's own ENTRYPOINT and CMD into the task definition, as entryPoint and command "
        f"(docker image inspect {images[0]} shows them), or answer by hand: --entrypoint {names[0]}='[\"…\"]' "
        f"and --command {names[0]}='[\"…\"]', or leave the container out: {IGNORE_FLAG} {names[0]}",
    )


def _digest_unknown(needs: list[ImageNeed]) -> TaskDefinitionError:
    images = ", ".join(sorted({need.image for need in needs}))
    return TaskDefinitionError(
        f"the image of {_who([need.container for need in needs])} cannot be pinned",
        where=", ".join(need.path for need in needs),
        why=f"which digest {images} has at present is not known",
        fix="write the image with its digest (repository@sha256:…), or leave out --pin-digests",
    )


def _who(names: list[str]) -> str:
    return f"{'containers' if len(names) > 1 else 'container'} {', '.join(names)}"

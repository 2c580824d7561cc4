"""One case of one resource: what of the settings and images is for it, and what must be known of it."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from fargate_guard.cloudformation.deciding_fields import (
    capabilities_that_count,
    check_labels,
    labels_that_count,
    tags_that_count,
)
from fargate_guard.cloudformation.intrinsics import Opaque, shown
from fargate_guard.cloudformation.list_arguments import check_lists
from fargate_guard.cloudformation.resources import CONTAINERS
from fargate_guard.cloudformation.unknowns import (
    check_names,
    check_task,
    check_variables,
    default_notices,
    refuse,
    reserved_variables,
    unknown,
)
from fargate_guard.taskdef import Images, Notice, TaskDefinitionError, image_needs, instrument
from fargate_guard.taskdef.recipes import INSTRUMENT
from fargate_guard.taskdef.repeated import Repeated
from fargate_guard.taskdef.selection import IGNORE_FLAG, is_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fargate_guard.cloudformation.cases import Concrete
    from fargate_guard.taskdef import ImageNeed, Instrumented, Json, Settings


class Choosing:
    """Instruments cases of one template's resources."""

    def __init__(
        self, settings: Settings, images: Images, template: Mapping[str, Json], parameters: Mapping[str, str]
    ) -> None:
        """Get ready.

        :param settings: for the whole template: a container to leave out need only be in one of its resources.
        :param parameters: values that were given.
        """
        self._settings = settings
        self._images = images
        self._template = template
        self._parameters = parameters
        self._reserved = reserved_variables(settings)
        self.left_out: set[str] = set()
        """Of the names and patterns to leave out, those that some container has."""
        self._by_ignored: dict[tuple[str, ...], Settings] = {settings.ignore_containers: settings}
        self._repeated: dict[tuple[tuple[str, ...], bool], Repeated] = {}
        """What was made of containers, by those that are to be left out, and whether sidecars stay as they are."""

    def instrument(self, case: Concrete, logical_id: str) -> tuple[Instrumented, list[Notice]]:
        """Instrument one case of a resource.

        :return: also the warnings about what parameters decide.
        :raises TaskDefinitionError: it cannot be instrumented correctly.
        """
        definition = case.definition
        settings, images = self.settings_for(definition), self._images_for(logical_id)
        repeated = self._repeated_in(case, settings)
        notices = self._check(case, repeated)
        if any(_may_need_an_unknown_image(one, settings) for one in _with_functions(case)):
            for need in image_needs(definition, settings):
                self._check_image(definition, need, images)
                notices += default_notices([(need.path, "the image", _image(definition, need))])
        try:
            result = instrument(definition, settings, images, repeated)
        except TaskDefinitionError as error:
            from fargate_guard.cloudformation.deciding_parameters import name_parameters  # only for refusals

            name_parameters(error, definition, self._template, self._parameters)
            raise
        if case.with_functions:
            check_lists(definition, result.definition, self._template)
        return result, notices

    def _repeated_in(self, case: Concrete, settings: Settings) -> Repeated:
        """What was made before; a function in a record, or cases of one resource, make each sidecar its own."""
        with_sidecars = case.straight and not any(
            isinstance(one.get("Name"), Opaque) for one in _with_functions(case)
        )
        key = settings.ignore_containers, with_sidecars
        if key not in self._repeated:
            self._repeated[key] = Repeated(with_sidecars=with_sidecars)
        return self._repeated[key]

    def settings_for(self, definition: dict[str, Json]) -> Settings:
        """The settings without containers to leave out that are in another resource or case."""
        if not self._settings.ignore_containers:
            return self._settings
        names = [str(one.get("Name")) for one in _containers(definition)]
        there = tuple(
            ignored
            for ignored in self._settings.ignore_containers
            if ignored in names or any(fnmatchcase(name, ignored) for name in names)
        )
        self.left_out.update(there)
        if there not in self._by_ignored:
            self._by_ignored[there] = replace(self._settings, ignore_containers=there)
        return self._by_ignored[there]

    def check_all_found(self) -> Iterator[Notice]:
        """Every container to leave out was in some resource; a pattern that fits none is only warned about.

        :raises TaskDefinitionError: one was not.
        """
        for name in self._settings.ignore_containers:
            if name in self.left_out:
                continue
            if not is_pattern(name):
                raise TaskDefinitionError(
                    f"there is no container {name} to leave out",
                    where="$.Resources",
                    why="no task definition has one; another that is to stay as it is could be instrumented",
                    fix=f"correct or remove the name: {IGNORE_FLAG}",
                )
            yield Notice("$.Resources", f"no container fits {name}, so {IGNORE_FLAG} {name} leaves out none")

    def _check(self, case: Concrete, repeated: Repeated) -> list[Notice]:
        definition = case.definition
        check_task(definition, self._settings)
        new = [i for i in case.with_functions if id(definition[CONTAINERS][i]) not in repeated.identities]
        check_variables(definition, new, self._reserved)
        check_labels(definition, new, self._settings)
        decided: list[tuple[str, str, Json]] = []
        required = definition.get("RequiresCompatibilities")
        for index, item in enumerate(required if isinstance(required, list) else ()):
            decided.append((f"$.RequiresCompatibilities[{index}]", "the launch type", item))
        decided += tags_that_count(definition)
        for index in case.with_functions:
            container, path = definition[CONTAINERS][index], f"$.{CONTAINERS}[{index}]"
            decided += labels_that_count(container, path, self._settings)
            decided += capabilities_that_count(container, path)
        decided.append(("$.PidMode", "PidMode", definition.get("PidMode")))
        if self._settings.ignore_containers:
            check_names(definition, self._settings)
            for index, container in enumerate(_containers(definition)):
                decided.append((f"$.{CONTAINERS}[{index}].Name", "the container's name", container.get("Name")))
        notices = list(default_notices(decided))
        mode = definition.get("NetworkMode")
        if isinstance(mode, Opaque) and unknown(mode):
            notices.append(Notice("$.NetworkMode", f"Fargate needs awsvpc; make sure that {mode} is"))
            definition["NetworkMode"] = Opaque("awsvpc", mode.intrinsic, mode.source)
        return notices

    def _check_image(self, definition: dict[str, Json], need: ImageNeed, images: Images) -> None:
        image = _image(definition, need)
        if need.digest and isinstance(image, Opaque):
            raise TaskDefinitionError(
                f"the image of container {need.container} cannot be pinned here: {shown(image.intrinsic)}",
                where=need.path,
                why="a function gives it, so a digest would have to stand in its place, whatever is deployed",
                fix="write the digest where the function takes its value from, or write the image itself; "
                f"or do without --pin-digests, or without the container: {IGNORE_FLAG} {need.container}",
            )
        if isinstance(image, Opaque) and unknown(image) and not images.answers(need):
            raise refuse(
                need.path,
                f"the image of container {need.container}",
                image,
                "EntryPoint or Command is unset, so what the container runs comes from its image",
                f"EntryPoint and Command, or answer: --entrypoint {need.container}='[\"…\"]' and "
                f"--command {need.container}='[\"…\"]', "
                f"or leave the container out: {IGNORE_FLAG} {need.container}",
            )

    def image_is_known(self, definition: dict[str, Json], need: ImageNeed) -> bool:
        """Whether a registry can be asked for the image."""
        return not unknown(_image(definition, need))

    def _images_for(self, logical_id: str) -> Images:
        prefix = f"{logical_id}/"
        own = {
            name.removeprefix(prefix): config
            for name, config in self._images.by_container.items()
            if name.startswith(prefix)
        }
        if not own:
            return self._images
        return Images(self._images.by_image, {**self._images.by_container, **own})


def _containers(definition: dict[str, Json]) -> list[dict[str, Json]]:
    containers = definition.get(CONTAINERS)
    return [one for one in containers if isinstance(one, dict)] if isinstance(containers, list) else []


def _with_functions(case: Concrete) -> list[dict[str, Json]]:
    if not case.with_functions:
        return []
    return [one for index, one in enumerate(_containers(case.definition)) if index in case.with_functions]


def _may_need_an_unknown_image(container: dict[str, Json], settings: Settings) -> bool:
    if not isinstance(container.get("Image"), Opaque):
        return False
    entry_point = container.get("EntryPoint")
    own = isinstance(entry_point, list) and bool(entry_point) and entry_point[0] != INSTRUMENT
    return settings.pin_digests or not own


def _image(definition: dict[str, Json], need: ImageNeed) -> Json:
    return next((one.get("Image") for one in _containers(definition) if one.get("Name") == need.container), None)

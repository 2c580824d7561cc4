"""Instrument a task definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.argv import complete, fill, needs_of
from fargate_guard.taskdef.definition import Definition, locate
from fargate_guard.taskdef.dependencies import check_dependencies
from fargate_guard.taskdef.existing import Existing, existing, is_wrapped, name_of
from fargate_guard.taskdef.extra_environment import warn_about_passwords, warn_about_variables
from fargate_guard.taskdef.fields import Fields, Json, copied
from fargate_guard.taskdef.image_config import ImageConfig, ImageNeed, Images
from fargate_guard.taskdef.preflight import (
    check_container,
    check_ports,
    check_sidecar,
    check_task,
    warn_about_plain_key,
    warn_about_process_1,
)
from fargate_guard.taskdef.record import ABSENT, EMPTY, NULL, Additions, Record
from fargate_guard.taskdef.registration import check_names, check_registration
from fargate_guard.taskdef.restoring import remove_instrumentation, restore_pid_mode
from fargate_guard.taskdef.result import ContainerOutcome, Instrumented, Notice
from fargate_guard.taskdef.selection import Selection, select
from fargate_guard.taskdef.sidecar import (
    check_log_routing,
    new_sidecar,
    older_agent,
    update_sidecar,
    warn_about_older_agent,
    warn_about_sidecar,
)
from fargate_guard.taskdef.sizes import check_sizes
from fargate_guard.taskdef.tags import IGNORE, ignored_by_tags
from fargate_guard.taskdef.workload import take_back_extra, unwrap, update_foreign, wrap

if TYPE_CHECKING:
    from fargate_guard.taskdef.repeated import Made, Repeated
    from fargate_guard.taskdef.settings import Settings

_NO_IMAGES = Images()

_Known = dict[str, tuple[ImageNeed, ImageConfig | None]]
"""What is known of images, by container name."""


def image_needs(definition: Json, settings: Settings) -> tuple[ImageNeed, ...]:
    """The containers that will be instrumented and whose images must be known for that, in their order.

    :raises TaskDefinitionError: not a task definition, or one that no image helps to instrument.
    """
    target = locate(definition)
    found = existing(target)
    if found.record is not None:  # what was written for another image is taken back to see what is needed
        target = locate(copied(definition))
        found = existing(target)
    tags = ignored_by_tags(target)
    if tags.everything:
        return ()
    check_names(target)
    chosen = select(target, found, settings, tags).chosen
    return tuple(need for _, need in needs_of(target, chosen, found, settings))


def instrument(
    definition: Json, settings: Settings, images: Images = _NO_IMAGES, repeated: Repeated | None = None
) -> Instrumented:
    """Instrument every container that the settings do not leave out.

    :param definition: RegisterTaskDefinition's input, DescribeTaskDefinition's output or an array of container
        definitions, as parsed JSON; it is not changed. Field names in lowerCamelCase, PascalCase or mixed.
    :param settings: which agent, and how.
    :param images: what is known of the images that :func:`image_needs` names.
    :param repeated: what was made before of containers that come again as the same objects, with these settings;
        the results share them. What is made of new ones is noted there.
    :return: the instrumented definition in the same shape, every container's outcome and the warnings.
    :raises TaskDefinitionError: it cannot be instrumented correctly, with the JSON path and the reason.

    Shape: https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/
    """
    target = locate(copied(definition, but=repeated.identities if repeated is not None else ()))
    found = existing(target)
    if repeated is not None and found.any:  # then containers change in other ways
        repeated, target = None, locate(copied(definition))
        found = existing(target)
    if repeated is not None:
        target.sizes = repeated.sizes
    tags = ignored_by_tags(target)
    if tags.everything:
        return _leave_out_everything(target, found, definition)
    check_names(target)
    check_sidecar(target, found)
    selection = select(target, found, settings, tags)
    notices = [*selection.notices, *check_task(target, settings)]
    made = repeated.made(selection.chosen) if repeated is not None else {}
    new = [container for container in selection.chosen if container not in made]
    needs = needs_of(target, new, found, settings)
    known = {need.container: (need, config) for need, config in complete(needs, images)}
    notices += _check(target, found, settings, selection.chosen, new)
    reasons = _reasons(selection, found, known, settings)
    if not selection.chosen and not any(found.additions(one) is None for one in found.wrapped):
        remove_instrumentation(target, found)
        return _result(target, selection, definition, reasons, notices)
    record = _wrap_all(target, selection, found, settings, images, known, made)
    _set_pid_mode(target, record, settings)
    for container in new:
        notices += warn_about_process_1(container)
    if found.sidecar is None:
        sidecar = _add_sidecar(target, settings, record, repeated)
    else:
        sidecar = found.sidecar
        notices += warn_about_older_agent(sidecar, settings)
        notices += warn_about_variables(sidecar, settings.sidecar_environment, _own_variables(found))
        update_sidecar(sidecar, settings, record, _own_variables(found))
    check_log_routing(target, sidecar)
    notices += warn_about_sidecar(sidecar, settings)
    check_registration(target)
    check_sizes(target, found.sidecar_name)
    if repeated is not None:
        repeated.sidecars_passed.add(target.pascal)
        itself = [container for container in new if name_of(container) not in known]
        if itself:
            repeated.keep(locate(definition), itself, record, notices)
    return _result(target, selection, definition, reasons, notices)


def _check(
    target: Definition, found: Existing, settings: Settings, chosen: list[Fields], new: list[Fields]
) -> list[Notice]:
    notices: list[Notice] = []
    for container in new:
        notices += check_container(container, settings, found)
        added = found.recorded(container)
        if settings.workload_environment:
            ours = added.environment if added is not None else []
            notices += warn_about_variables(container, settings.workload_environment, ours)
    if chosen:
        check_ports(target, found)
        check_dependencies(target, found)
        notices += warn_about_passwords(target.path, settings.workload_environment)
    for container in target.parsed:
        if container not in chosen and container is not found.sidecar:
            notices += warn_about_plain_key(container)
    if found.wrapped and found.sidecar is None:
        notices.append(
            Notice(
                found.wrapped[0].path, "the container is instrumented, but its sidecar was missing; added again"
            )
        )
    return notices


def _wrap_all(
    target: Definition,
    selection: Selection,
    found: Existing,
    settings: Settings,
    images: Images,
    known: _Known,
    made: dict[Fields, Made],
) -> Record:
    before = found.record
    record = Record(
        pid_mode=before.pid_mode if before else None, adopted=found.sidecar is not None and found.foreign
    )
    for index, container in enumerate(target.parsed):
        if container is found.sidecar:
            continue
        if container in made:
            record.containers[name_of(container)] = made[container].additions
            target.settle(index, made[container].after)
            continue
        name, added = name_of(container), found.additions(container)
        foreign = added is None and is_wrapped(container)
        if name in selection.left_out:
            _leave_out(container, found, added)
            continue
        added = added or (found.recorded(container) if foreign else None) or Additions()
        if name in known:
            need, config = known[name]
            fill(container, need, config, images.digest(need) if need.digest else None, added)
        if foreign:
            update_foreign(container, settings, found.sidecar_name, added)
            record.others[name] = added
        else:
            wrap(container, settings, found.sidecar_name, added)
            record.containers[name] = added
    return record


def _add_sidecar(target: Definition, settings: Settings, record: Record, repeated: Repeated | None) -> Fields:
    kept = repeated.sidecars if repeated is not None else None
    sidecar = target.append(new_sidecar(settings, record, kept, pascal=target.pascal))
    if repeated is not None and target.pascal in repeated.sidecars_passed:
        target.settled.add(id(sidecar.object))
    if kept is not None:
        target.kept.add(id(sidecar.object))
    return sidecar


def _leave_out(container: Fields, found: Existing, added: Additions | None) -> None:
    """Take back what fguard added earlier; what another tool did stays."""
    if added is not None:
        unwrap(container, found.sidecar_name, added)
        return
    more = found.recorded(container)
    if more is not None:
        take_back_extra(container, more)


def _own_variables(found: Existing) -> list[str]:
    """What fguard itself set on the sidecar earlier, of what users may set there, too."""
    return found.record.sidecar if found.record is not None else []


def _set_pid_mode(target: Definition, record: Record, settings: Settings) -> None:
    task, wanted = target.task, settings.recipe.pid_mode
    if task is None:
        return
    if wanted is None:
        restore_pid_mode(task, record)
        record.pid_mode = None
    elif task.get("pidMode") != wanted:
        before = task.get("pidMode")
        record.pid_mode = ABSENT if "pidMode" not in task else NULL if before is None else EMPTY
        task.set("pidMode", wanted)


def _reasons(selection: Selection, found: Existing, known: _Known, settings: Settings) -> dict[str, str]:
    """What to say of each container, by name."""
    reasons = dict(selection.left_out)
    older = older_agent(found.sidecar, settings)
    updated = f"now with the older agent {older[1]}" if older else "brought up to date"
    for container in selection.chosen:
        name = name_of(container)
        if container not in found.wrapped:
            reason = "instrumented"
        elif found.additions(container) is None:
            reason = f"instrumented by another tool before; {updated}"
        else:
            reason = "was instrumented before"
        config = known[name][1] if name in known else None
        if config is not None:
            reason += f"; runs what the image says: {config.words} ({config.source})"
        reasons[name] = reason
    return reasons


def _result(
    target: Definition, selection: Selection, definition: Json, reasons: dict[str, str], notices: list[Notice]
) -> Instrumented:
    outcomes = tuple(
        _left_out(container, selection.left_out[name])
        if name in selection.left_out
        else ContainerOutcome(name, container.path, True, reasons[name])
        for container in target.parsed
        if (name := name_of(container)) in reasons
    )
    return Instrumented(target.root, outcomes, target.root != definition, tuple(notices))


def _leave_out_everything(target: Definition, found: Existing, definition: Json) -> Instrumented:
    """Take back what fguard itself added before the tag was set; anything else stays as it is."""
    if found.record is not None and not found.foreign:
        remove_instrumentation(target, found)
    outcomes = tuple(
        _left_out(container, f"ignored by tag {IGNORE}")
        for container in target.parsed
        if container is not found.sidecar
    )
    return Instrumented(target.root, outcomes, target.root != definition, ())


def _left_out(container: Fields, reason: str) -> ContainerOutcome:
    wrapped = is_wrapped(container)
    if wrapped:
        reason = f"{reason}; another tool instrumented it"
    return ContainerOutcome(name_of(container), container.path, wrapped, reason)

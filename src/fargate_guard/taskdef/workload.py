"""One workload container: wrap its argv, and take that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.taskdef.argv import unpin, unwrap_argv, without_wrapper
from fargate_guard.taskdef.existing import is_wrapped
from fargate_guard.taskdef.fields import Fields, Json, cased, wrong_type
from fargate_guard.taskdef.recipes import AGENT_VARIABLES, CAPABILITY, CONNECTION_VARIABLES, INSTRUMENT
from fargate_guard.taskdef.record import ABSENT, EMPTY, NULL, Additions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.taskdef.settings import Settings

SOURCE = "sourceContainer"
"""The field of ``volumesFrom`` that names the sidecar."""

_PARAMETERS = "linuxParameters"
_CAPABILITIES = "linuxParameters.capabilities"
_ADD = "linuxParameters.capabilities.add"


def wrap(container: Fields, settings: Settings, sidecar_name: str, added: Additions) -> None:
    """Instrument a container, or bring its instrumentation up to date. Changes it in place.

    :param added: what fguard added earlier, which becomes what is added now.
    """
    if not is_wrapped(container):
        container.set("entryPoint", [INSTRUMENT, *(container.get("entryPoint") or ())])
    variables, secrets = settings.workload_variables, settings.secrets(settings.recipe.workload_secrets)
    if settings.workload_environment:
        secrets_of_user = names_in(container, "secrets").difference(added.secrets)
        extra = settings.workload_environment.items()
        variables = {**variables, **{name: value for name, value in extra if name not in secrets_of_user}}
    added.environment = put_entries(container, "environment", "value", variables, set(added.environment), added)
    added.secrets = put_entries(container, "secrets", "valueFrom", secrets, set(added.secrets), added)
    _mount(container, sidecar_name, added)
    _add_capability(container, added)


def update_foreign(container: Fields, settings: Settings, sidecar_name: str, added: Additions) -> None:
    """Bring a container that another tool instrumented up to date. Changes it in place.

    :param added: what fguard added beyond that, which becomes what it adds now; the rest is not recorded, since
        everything that Sysdig's tools set goes when it is undone.
    """
    _wrap_once(container)
    variables, secrets = settings.workload_variables, settings.secrets(settings.recipe.workload_secrets)
    ours = {*CONNECTION_VARIABLES, *variables}
    extra = {
        name: value
        for name, value in settings.workload_environment.items()
        if name not in names_in(container, "secrets")
    }
    unrecorded = Additions()
    put_entries(container, "environment", "value", variables, ours, unrecorded)
    put_entries(container, "secrets", "valueFrom", secrets, set(CONNECTION_VARIABLES), unrecorded)
    added.environment = put_entries(container, "environment", "value", extra, set(added.environment), added)
    _mount(container, sidecar_name, unrecorded)
    _add_capability(container, unrecorded)


def _wrap_once(container: Fields) -> None:
    """Take out the wrappers that a second run of Sysdig's own tools put in front."""
    entry_point, command = container.texts("entryPoint"), container.texts("command")
    if entry_point[1:2] == [INSTRUMENT]:
        container.set("entryPoint", [INSTRUMENT, *without_wrapper(entry_point)])
    if len(entry_point) == entry_point.count(INSTRUMENT) and command[:1] == [INSTRUMENT]:
        container.set("command", without_wrapper(command))


def names_in(container: Fields, field: str) -> set[Json]:
    """The names in ``environment`` or ``secrets``."""
    return {entry.get("name") for entry in container.entries(field)}


def put_entries(
    container: Fields, field: str, value_key: str, wanted: Mapping[str, str], ours: set[str], added: Additions
) -> list[str]:
    """Set name/value entries of ``environment`` or ``secrets``; entries that are not ``ours`` stay as they are.

    :return: the names of the entries that are fguard's.
    """
    if not (wanted or ours):
        return []
    entries = container.entries(field)
    if not entries:
        if wanted:
            pascal = container.key(field)[:1].isupper()
            _array(container, field, field, added).extend(_entries(wanted, value_key, pascal=pascal))
        return list(wanted)
    kept = {entry.get("name") for entry in entries if entry.get("name") not in ours}
    wanted = {name: value for name, value in wanted.items() if name not in kept}
    current = [entry for entry in entries if entry.get("name") in ours]
    if sorted(str(entry.get("name")) for entry in current) == sorted(wanted):
        for entry in current:
            entry.set(value_key, wanted[entry.get("name")])
        return list(wanted)
    if current:
        _keep(container, field, lambda item: Fields(item, "").get("name") not in ours)
    new = _entries(wanted, value_key, pascal=entries[0].pascal)
    if new and current:
        container.get(field).extend(new)
    elif new:
        _array(container, field, field, added).extend(new)
    else:
        _empty_again(container, field, field, added)
    return list(wanted)


def _entries(wanted: Mapping[str, str], value_key: str, *, pascal: bool) -> list[Json]:
    name_key, value_key = cased("name", pascal=pascal), cased(value_key, pascal=pascal)
    return [{name_key: name, value_key: value} for name, value in wanted.items()]


def unwrap(container: Fields, sidecar_name: str, additions: Additions | None) -> bool:
    """Take instrumentation back. Changes the container in place.

    :param additions: what fguard added; None when another tool instrumented the container, or the record is lost:
        then everything that Sysdig's tools are known to add goes.
    :return: whether the division of the argv into entryPoint and command is certain.
    """
    certain = unwrap_argv(container, additions)
    if additions is not None:
        unpin(container, additions)
    added = additions or Additions(list(AGENT_VARIABLES), list(AGENT_VARIABLES), capability=True, volume=True)
    for field, names in (("environment", added.environment), ("secrets", added.secrets)):
        if names and container.get(field):
            _keep(container, field, lambda item, names=names: Fields(item, "").get("name") not in names)
            _empty_again(container, field, field, added)
    if added.volume and container.get("volumesFrom"):
        _keep(container, "volumesFrom", lambda item: Fields(item, "").get(SOURCE) != sidecar_name)
        _empty_again(container, "volumesFrom", "volumesFrom", added)
    if added.capability:
        _remove_capability(container, added)
    return certain


def take_back_extra(container: Fields, added: Additions) -> None:
    """Take back what fguard added to a container that another tool had instrumented."""
    unpin(container, added)
    if added.environment and container.get("environment"):
        _keep(container, "environment", lambda item: Fields(item, "").get("name") not in added.environment)
        _empty_again(container, "environment", "environment", added)


def _mount(container: Fields, sidecar_name: str, added: Additions) -> None:
    entries = container.entries("volumesFrom")
    if any(entry.get(SOURCE) == sidecar_name for entry in entries):
        return
    pascal = entries[0].pascal if entries else container.key("volumesFrom")[:1].isupper()
    entry = {cased(SOURCE, pascal=pascal): sidecar_name, cased("readOnly", pascal=pascal): True}
    _array(container, "volumesFrom", "volumesFrom", added).append(entry)
    added.volume = True


def _add_capability(container: Fields, added: Additions) -> None:
    if "linuxParameters" not in container:
        pascal = container.pascal
        capabilities_of_ours = {cased("add", pascal=pascal): [CAPABILITY]}
        container.set("linuxParameters", {cased("capabilities", pascal=pascal): capabilities_of_ours})
        added.capability = True
        return

    parameters = _object(container, "linuxParameters", _PARAMETERS, added)
    capabilities = _object(parameters, "capabilities", _CAPABILITIES, added)
    if CAPABILITY not in capabilities.texts("add"):
        _array(capabilities, "add", _ADD, added).append(CAPABILITY)
        added.capability = True


def _remove_capability(container: Fields, added: Additions) -> None:
    if not container.get("linuxParameters"):
        return
    parameters = container.child("linuxParameters")
    if not parameters.get("capabilities"):
        return
    capabilities = parameters.child("capabilities")
    if CAPABILITY not in capabilities.texts("add"):
        return
    _keep(capabilities, "add", lambda item: item != CAPABILITY)
    _empty_again(capabilities, "add", _ADD, added)
    _empty_again(parameters, "capabilities", _CAPABILITIES, added)
    _empty_again(container, "linuxParameters", _PARAMETERS, added)


def _keep(parent: Fields, field: str, wanted: Json) -> None:
    items = parent.get(field)
    if not isinstance(items, list):
        raise wrong_type(parent.at(field), "an array", items)
    parent.set(field, [item for item in items if wanted(item)])


def _array(parent: Fields, field: str, path: str, added: Additions) -> list[Json]:
    """The list in a field, made if there is none; how the field looked before is noted."""
    array: list[Json] | None = parent.get(field)
    if not array:
        _note_before(parent, field, path, added)
    if array is None:
        array = []
        parent.set(field, array)
    return array


def _object(parent: Fields, field: str, path: str, added: Additions) -> Fields:
    """The object in a field, made if there is none; how the field looked before is noted."""
    _note_before(parent, field, path, added)
    if parent.get(field) is None:
        parent.set(field, {})
    return parent.child(field)


def _note_before(parent: Fields, field: str, path: str, added: Additions) -> None:
    if field in parent and not parent.get(field):
        added.note(path, NULL if parent.get(field) is None else EMPTY)


def _empty_again(parent: Fields, field: str, path: str, added: Additions) -> None:
    """Bring a field that has become empty back to what it was: absent, null or empty."""
    if field not in parent or parent.get(field):
        return
    before = added.recall(path)
    if before == ABSENT:
        parent.drop(field)
    elif before == NULL:
        parent.set(field, None)

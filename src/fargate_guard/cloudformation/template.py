"""Instrument the task definitions of a CloudFormation or SAM template, and take it back exactly.

A template means one task definition for each way in which its conditions can come out. The core works on each of
them; what it changed is folded back onto the template, and nothing else is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fargate_guard.cloudformation.building import Case
from fargate_guard.cloudformation.cases import Cases
from fargate_guard.cloudformation.choosing import Choosing
from fargate_guard.cloudformation.fargate import why_not_fargate
from fargate_guard.cloudformation.functions import Functions
from fargate_guard.cloudformation.paths import Paths
from fargate_guard.cloudformation.record_label import has_record, make_deployable, names_by_function
from fargate_guard.cloudformation.reporting import Report
from fargate_guard.cloudformation.resources import CONTAINERS, Resource, task_definitions
from fargate_guard.cloudformation.straight import Straight
from fargate_guard.cloudformation.template_notes import Notes
from fargate_guard.cloudformation.unknowns import check_compatibilities, check_task
from fargate_guard.taskdef import (
    ContainerOutcome,
    Images,
    Instrumented,
    NotATaskDefinitionError,
    Notice,
    Restored,
    TaskDefinitionError,
    image_needs,
    restore,
)
from fargate_guard.taskdef.recipes import INSTRUMENT, SIDECAR_NAME
from fargate_guard.taskdef.record import LABEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fargate_guard.cloudformation.cases import Concrete
    from fargate_guard.taskdef import ImageNeed, Json, Settings

    Work = Callable[[Resource, Concrete, Paths], Json]
    Part = tuple[dict[str, Json], list[Json], list[Json], list[TaskDefinitionError], list[str], list[str], bool]
    """Of some resources: new properties, outcomes, notices, refusals, containers left out, and those that are not
    for Fargate; and whether one is."""
    ShareOut = Callable[[Callable[[Sequence[Resource]], Part], Sequence[Resource]], Iterable[Part]]


def _work_alone(work: Callable[[Sequence[Resource]], Part], resources: Sequence[Resource]) -> Iterable[Part]:
    return (work(resources),)


_NO_IMAGES = Images()
_NO_PARAMETERS: Mapping[str, str] = {}
_TRACES = (LABEL, INSTRUMENT, SIDECAR_NAME, SIDECAR_NAME[0].lower() + SIDECAR_NAME[1:], "workload-agent")
"""One of these is in everything that is instrumented."""


def template_image_needs(
    template: Json, settings: Settings, parameters: Mapping[str, str] = _NO_PARAMETERS
) -> tuple[ImageNeed, ...]:
    """The images that must be known to instrument a template.

    An image that is only known when the template is deployed is not among them: :func:`instrument_template`
    refuses its container, unless the images it is given answer for the container by name.

    :param parameters: values of the template's parameters, and of pseudo parameters (``AWS::Region``).
    :raises TaskDefinitionError: not a template, or one that cannot be instrumented anyway.
    """
    report, needs = Report(), dict[object, "ImageNeed"]()
    choosing, cases = Choosing(settings, _NO_IMAGES, template, parameters), Cases(template, parameters, settings)

    def collect(resource: Resource, case: Concrete, paths: Paths) -> None:
        check_compatibilities(case.definition)
        if why_not_fargate(case.definition) is not None:
            return
        check_task(case.definition, settings)
        for need in image_needs(case.definition, choosing.settings_for(case.definition)):
            if choosing.image_is_known(case.definition, need):
                found = need._replace(path=paths(need.path), image=str(need.image), resource=resource.logical_id)
                needs.setdefault((found.path, found.image, found.architecture), found)

    for resource in task_definitions(template):
        _in_each_case(cases, resource, report, collect)
    report.raise_refusals()
    return tuple(needs.values())


def instrument_template(
    template: Json,
    settings: Settings,
    images: Images = _NO_IMAGES,
    parameters: Mapping[str, str] = _NO_PARAMETERS,
    share_out: ShareOut = _work_alone,
) -> Instrumented:
    """Instrument every Fargate task definition of a template.

    :param template: as parsed JSON, with intrinsic functions in their long form; it is not changed.
    :param settings: which agent, and how.
    :param images: what is known of the images that :func:`template_image_needs` names.
    :param parameters: values of the template's parameters, and of pseudo parameters (``AWS::Region``).
    :param share_out: calls its first argument with parts of the second, in order, wherever it likes, and gives the
        results; these are plain data, but for refusals.
    :return: the whole template, which shares with the input what did not change; every container's outcome.
    :raises NotATaskDefinitionError: not a template, or one without any task definition for Fargate.
    :raises TaskDefinitionError: something cannot be instrumented correctly, whatever is deployed; several refusals
        come as :class:`~fargate_guard.cloudformation.TemplateRefusedError`.
    """
    choosing = Choosing(settings, images, template, parameters)
    cases = Cases(template, parameters, settings)

    def instrument_part(resources: Sequence[Resource]) -> Part:
        return _instrument_part(cases, choosing, resources)

    report, changed = Report(), dict[str, "Json"]()
    outcomes: list[ContainerOutcome] = []
    not_fargate: dict[str, None] = {}
    fargate = False
    for part in share_out(instrument_part, task_definitions(template)):
        new, containers, told, refusals, left_out, others, any_fargate = part
        changed.update(new)
        outcomes += [ContainerOutcome(*one) for one in containers]
        report.add_notices([Notice(*one) for one in told], str)
        report.refusals += refusals
        choosing.left_out.update(left_out)
        not_fargate.update(dict.fromkeys(others))
        fargate = fargate or any_fargate
    report.raise_refusals()
    if not fargate:
        raise NotATaskDefinitionError(
            "the template has no task definition for Fargate", where="$.Resources", why="; ".join(not_fargate)
        )
    report.add_notices([*choosing.check_all_found(), *_unseen(template["Resources"])], str)
    notices = tuple(report.notices.values())
    return Instrumented(_with(template, changed), tuple(outcomes), bool(changed), notices)


def _instrument_part(cases: Cases, choosing: Choosing, resources: Sequence[Resource]) -> Part:
    report = Report()
    not_fargate: dict[str, None] = {}
    fargate = False

    def work(resource: Resource, case: Concrete, paths: Paths) -> Json:
        nonlocal fargate
        check_compatibilities(case.definition)
        reason = why_not_fargate(case.definition)
        if reason is not None:
            not_fargate[f"{resource.logical_id} is {reason}"] = None
            choosing.settings_for(case.definition)
            report.add_outcomes(resource.logical_id, _left_alone(case.definition, reason), case.conditions, paths)
            return case.definition
        result, notices = choosing.instrument(case, resource.logical_id)
        fargate = True
        report.add_notices((*notices, *result.warnings), paths)
        report.add_outcomes(resource.logical_id, result.containers, case.conditions, paths)
        return result.definition

    changed = _folded(cases, resources, report, work, undoing=False)
    containers = [tuple(one) for one in report.containers()]
    notices = [tuple(one) for one in report.notices.values()]
    return changed, containers, notices, report.refusals, list(choosing.left_out), list(not_fargate), fargate


def _unseen(resources: dict[str, Json]) -> Iterable[Notice]:
    """A warning for each place where a macro, such as AWS::Include, brings whole resources.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-transform.html
    """
    for logical_id, resource in resources.items():
        in_place = isinstance(resource, dict) and "Fn::Transform" in resource and "Type" not in resource
        if in_place or logical_id == "Fn::Transform":
            yield Notice(
                f"$.Resources.{logical_id}" if in_place else f"$.Resources['{logical_id}']",
                "task definitions that this brings are not seen here, and not instrumented: instrument the file "
                "that it includes, too, or the processed template",
            )


def restore_template(template: Json, parameters: Mapping[str, str] = _NO_PARAMETERS) -> Restored:
    """Undo the instrumentation of every task definition of a template, and tell what was not certain.

    :param parameters: as for :func:`instrument_template`.
    :raises NotATaskDefinitionError: not a template, or one without task definitions.
    :raises TaskDefinitionError: an instrumented one cannot be read.
    """
    report, cases = Report(), Cases(template, parameters)

    def work(resource: Resource, case: Concrete, paths: Paths) -> Json:
        if not isinstance(case.definition.get(CONTAINERS), list):
            return case.definition
        result = restore(case.definition)
        report.add_notices(result.warnings, paths)
        report.add_outcomes(resource.logical_id, result.containers, case.conditions, paths)
        return result.definition

    resources = [one for one in task_definitions(template) if Functions(one.properties).mentions(*_TRACES)]
    changed = _folded(cases, resources, report, work, undoing=True)
    report.raise_refusals()
    return Restored(_with(template, changed), report.containers(), bool(changed), tuple(report.notices.values()))


def _folded(
    cases: Cases, resources: Sequence[Resource], report: Report, work: Work, *, undoing: bool
) -> dict[str, Json]:
    """The new properties of the resources that change."""
    changed = {}
    straight = Straight(cases.template)
    for resource in resources:
        found = _in_each_case(cases, resource, report, work)
        if found is None:
            continue
        try:
            if len(found) == 1 and found[0][0].straight:
                new = straight.properties(resource.properties, *found[0])
            else:
                new = _fold(resource, found, cases.template, undoing=undoing)
        except TaskDefinitionError as error:
            error.where = resource.path
            report.refuse(error, {}, everywhere=True)
            continue
        if new is not resource.properties:
            changed[resource.logical_id] = new
    return changed


def _fold(resource: Resource, found: list[tuple[Concrete, Json]], template: Json, *, undoing: bool) -> Json:
    from fargate_guard.cloudformation.folding import Folding  # only conditions need it
    from fargate_guard.cloudformation.shared_record import share_records

    places = [Case(case.conditions, case.definition, after) for case, after in found]
    notes = Notes()
    if not undoing:
        share_records(place.after.get(CONTAINERS) for place in places)
    names = [names_by_function(place.after.get(CONTAINERS)) for place in places]
    all_names = {text: name for some in names for text, name in some.items()}
    for place, own in zip(places, names, strict=True):
        make_deployable(place.after.get(CONTAINERS), {**all_names, **own})
        notes.read(place.before.get(CONTAINERS))
    noted = notes.text()
    notes.carried |= not undoing and any(case.carries for case, _ in found)
    again = any(has_record(place.before.get(CONTAINERS)) for place in places)
    folding = Folding(template, notes, undoing=undoing, again=again)
    new = folding.fold(resource.properties, places)
    if notes.text() != noted:
        for place in places:
            notes.write(place.after.get(CONTAINERS))
        new = folding.fold(resource.properties, places)
    return notes.put_back(new)


def _in_each_case(
    cases: Cases, resource: Resource, report: Report, work: Work
) -> list[tuple[Concrete, Json]] | None:
    """What the work makes of each case; None when something is refused, which the report then has."""
    try:
        found = cases.of(resource)
    except TaskDefinitionError as error:
        report.refuse(error, {}, everywhere=True)
        return None
    results, refused = [], []
    for case in found:
        paths = Paths(resource, case)
        try:
            results.append((case, work(resource, case, paths)))
        except TaskDefinitionError as error:
            error.where = paths(error.where) if error.where else resource.path
            refused.append((error, case.conditions))
    for refusal, conditions in refused:
        report.refuse(refusal, conditions, everywhere=len(refused) == len(found))
    return None if refused else results


def _left_alone(definition: dict[str, Json], reason: str) -> list[ContainerOutcome]:
    containers = definition.get(CONTAINERS)
    return [
        ContainerOutcome(str(one.get("Name")), f"$.{CONTAINERS}[{index}]", False, reason)
        for index, one in enumerate(containers if isinstance(containers, list) else ())
        if isinstance(one, dict)
    ]


def _with(template: Json, changed: Mapping[str, Json]) -> Json:
    """The template with new properties of some resources; everything else is the input's own."""
    if not changed:
        return template
    resources = {
        logical_id: {**resource, "Properties": changed[logical_id]} if logical_id in changed else resource
        for logical_id, resource in template["Resources"].items()
    }
    return {**template, "Resources": resources}

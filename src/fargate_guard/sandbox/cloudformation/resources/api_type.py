"""A resource type that is a thin translation of properties to one service's API.

What a type has, which change replaces it and what its Ref and attributes are stands on its own page, which each
subclass names: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
What a change does to a resource: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fargate_guard.sandbox.cloudformation.resource_type import Made, ResourceFailed
from fargate_guard.sandbox.cloudformation.resources.observed import as_declared
from fargate_guard.sandbox.cloudformation.resources.request import BadProperty, operation_input, request_for
from fargate_guard.sandbox.cloudformation.resources.schemas import invalid, schema_of
from fargate_guard.sandbox.cloudformation.resources.tags import (
    TAGGING,
    all_tags,
    change_tags,
    declared_tags,
    live_tags,
    tags_at_creation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext
    from fargate_guard.sandbox.cloudformation.resources.tags import Tagging

    Properties = Mapping[str, Any]

Json = Any


@dataclass(frozen=True, slots=True)
class Setting:
    """Properties that a call of their own puts in force."""

    operation: str
    properties: tuple[str, ...]
    """One call takes them all."""
    at_creation: bool = True
    """False: the creating operation takes them as well."""


class ApiType:
    """A type, described by class attributes; a subclass overrides what is different about it."""

    name: ClassVar[str]
    service: ClassVar[str]
    """boto3's name."""
    creates: ClassVar[str]
    """The operation, e.g. ``CreateVpc``."""
    physical: ClassVar[str]
    """Where the creating operation answers the physical ID: ``Vpc.VpcId``; ``{Name}`` takes a parameter."""
    key: ClassVar[str]
    """The parameter by which other operations know the resource: ``VpcId``."""
    describes: ClassVar[tuple[str, str, str]]
    """Operation, parameter and where its answer is: ``("DescribeVpcs", "VpcIds", "Vpcs.0")``."""
    deletes: ClassVar[str]
    attributes: ClassVar[Mapping[str, str]] = {}
    """``Fn::GetAtt`` attribute to where it is in the description; ``@`` is the physical ID."""
    settings: ClassVar[tuple[Setting, ...]] = ()
    defaults: ClassVar[Mapping[str, Json]] = {}
    """What a property goes back to when it is taken out of the template."""
    renames: ClassVar[Mapping[str, str]] = {}
    name_property: ClassVar[str | None] = None
    """The property that names the resource; generated when the template has none."""
    longest_name: ClassVar[int] = 64
    tag_type: ClassVar[str | None] = None
    """EC2's name of the kind of resource."""
    ignored: ClassVar[frozenset[str]] = frozenset()
    """Properties that other calls, or none, take."""
    not_simulated: ClassVar[frozenset[str]] = frozenset()
    """Properties that AWS has and the sandbox refuses rather than forgets."""

    @functools.cached_property
    def replaced_by(self) -> frozenset[str]:
        """Properties whose change needs another resource."""
        return schema_of(self.name).create_only

    # What the engine calls.

    def create(self, properties: Properties, context: ResourceContext) -> Made:
        """Make the resource; what is half made when a call fails is deleted again."""
        self.check(properties, context)
        properties = self.named(properties, context)
        request = self.create_request(properties, context)
        answer = self.call(context, self.creates, request)
        physical_id = self.physical_id(answer, request)
        try:
            self.finish(physical_id, properties, context)
            return self.made(physical_id, properties, context)
        except Exception:
            self.delete(physical_id, properties, context)
            raise

    def update(
        self,
        physical_id: str,
        old: Properties,
        new: Properties,
        context: ResourceContext,
    ) -> Made:
        """Change what differs, call by call."""
        self.check(new, context)
        wanted = {**{key: self.defaults[key] for key in old if key in self.defaults and key not in new}, **new}
        changed = {key for key in {*old, *wanted} if old.get(key) != wanted.get(key)}
        for setting in self.settings:
            if changed.intersection(setting.properties):
                self.put(setting, physical_id, wanted, context)
        self.change(physical_id, old, wanted, context)
        self.retag(physical_id, old, new, context)
        return self.made(physical_id, new, context)

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Delete the resource unless it is gone."""
        if self.description(physical_id, properties, context) is not None:
            self.call(context, self.deletes, self.identity(physical_id, properties))

    def pending(
        self,
        physical_id: str,  # noqa: ARG002 - for subclasses
        properties: Properties,  # noqa: ARG002
        context: ResourceContext,  # noqa: ARG002
    ) -> str | None:
        """Most resources are ready at once."""
        return None

    def deleting(
        self,
        physical_id: str,  # noqa: ARG002 - for subclasses
        properties: Properties,  # noqa: ARG002
        context: ResourceContext,  # noqa: ARG002
    ) -> str | None:
        """Most resources are gone at once."""
        return None

    def live(
        self, physical_id: str, properties: Properties, context: ResourceContext
    ) -> Mapping[str, Json] | None:
        """Compare what is declared with the service's description."""
        description = self.description(physical_id, properties, context)
        if description is None:
            return None
        found = as_declared(dict(properties), description, self.renames)
        live = {key: found.get(key, value) for key, value in properties.items()}
        if "Tags" in properties and (tags := _tags_of(description)) is not None:
            live["Tags"] = live_tags(properties["Tags"], tags, context)
        return {key: value for key, value in live.items() if value is not None}

    def check(self, properties: Properties, context: ResourceContext) -> None:
        """Refuse what the type does not have, and what the sandbox would forget.

        :raises ResourceFailed: with the property.
        """
        schema_of(self.name).check(properties, context.logical_id)
        for key in sorted(self.not_simulated.intersection(properties)):
            message = f"The fguard sandbox does not simulate {key} of {self.name}."
            raise ResourceFailed(message)

    # What a subclass may do differently.

    def named(self, properties: Properties, context: ResourceContext) -> Properties:
        """Give the resource a name where the template gives none."""
        if self.name_property is None or properties.get(self.name_property):
            return properties
        return {**properties, self.name_property: context.generated_name(self.longest_name)}

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """Return the creating operation's parameters."""
        client = context.client(self.service)
        request = self.request(self.creates, properties, context)
        tags = tags_at_creation(client, self.creates, self.all_tags(properties, context), self.tag_type)
        return {**request, **(tags or {})}

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Do what the creating operation does not."""
        for setting in self.settings:
            if setting.at_creation and properties.keys() & set(setting.properties):
                self.put(setting, physical_id, properties, context)

    def put(self, setting: Setting, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Put some properties in force."""
        chosen = {key: properties[key] for key in setting.properties if key in properties}
        request = self.request(setting.operation, chosen, context)
        self.call(context, setting.operation, {**self.identity(physical_id, properties), **request})

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Change what no setting covers."""

    def retag(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Bring the tags up to date."""
        tagging = self.tagging()
        if tagging is None or "Tags" not in schema_of(self.name).properties:
            return
        tags = self.all_tags(new, context)
        gone = declared_tags(old).keys() - tags.keys()
        resource = self.tagged(physical_id, context)
        change_tags(context.client(self.service), tagging, resource, tags, gone, **self.tag_parameters())

    def all_tags(self, properties: Properties, context: ResourceContext) -> dict[str, str]:
        """Return the resource's own tags and the stack's; none for types that have no tags."""
        schema = schema_of(self.name)
        return all_tags(properties, context, system=schema.system_tags) if "Tags" in schema.properties else {}

    def tagging(self) -> Tagging | None:
        """Return how the service tags."""
        return TAGGING.get(self.service)

    def tag_parameters(self) -> dict[str, str]:
        """Return what else the tagging operations want."""
        return {}

    def tagged(self, physical_id: str, context: ResourceContext) -> str:  # noqa: ARG002 - for subclasses
        """Return what tagging operations call the resource."""
        return physical_id

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:  # noqa: ARG002
        """Return the parameters by which operations know the resource."""
        return {self.key: physical_id}

    def description(
        self,
        physical_id: str,
        properties: Properties,  # noqa: ARG002 - for subclasses
        context: ResourceContext,
    ) -> Mapping[str, Json] | None:
        """Return what the service says about the resource; None when it is gone."""
        operation, parameter, place = self.describes
        shape = operation_input(context.client(self.service), operation).members[parameter]
        which = [physical_id] if shape.type_name == "list" else physical_id
        answer: Properties | None = found(lambda: at(self.call(context, operation, {parameter: which}), place))
        return answer

    def made(self, physical_id: str, properties: Properties, context: ResourceContext) -> Made:
        """Return what ``Ref`` and ``Fn::GetAtt`` give."""
        if not self.attributes:
            return Made(physical_id)
        described = self.description(physical_id, properties, context) or {}
        attributes = {
            name: physical_id if place == "@" else at(described, place) for name, place in self.attributes.items()
        }
        return Made(physical_id, {name: value for name, value in attributes.items() if value is not None})

    def physical_id(self, answer: Properties, request: Properties) -> str:
        """Return the physical ID that a creation gave."""
        if self.physical.startswith("{"):
            return str(request[self.physical[1:-1]])
        return str(at(answer, self.physical))

    # The API.

    def request(self, operation: str, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """Translate properties, the tags apart."""
        translated = {key: value for key, value in properties.items() if key not in {"Tags", *self.ignored}}
        try:
            return request_for(context.client(self.service), operation, translated, self.renames)
        except BadProperty as error:
            raise invalid(context.logical_id, str(error)) from error

    def call(self, context: ResourceContext, operation: str, request: Properties) -> dict[str, Json]:
        """Make one call; errors are botocore's."""
        from botocore import xform_name

        answer: dict[str, Json] = getattr(context.client(self.service), xform_name(operation))(**request)
        return answer


def at(document: Json, place: str) -> Json:
    """Return what is at ``Vpcs.0.VpcId``; None when there is nothing."""
    for step in place.split(".") if place else ():
        if isinstance(document, list):
            document = document[int(step)] if int(step) < len(document) else None
        elif document is not None:
            document = document.get(step)
    return document


def found(look: Callable[[], Json]) -> Json:
    """Return what a look-up finds; None when the service says that there is no such thing."""
    from botocore.exceptions import ClientError

    try:
        return look()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if any(word in code for word in GONE):
            return None
        raise


GONE = ("NotFound", "NoSuch", "Missing", "NotExist", "NonExist", "404", "InvalidAllocationID", "ClusterNotFound")
"""Parts of the codes with which services say so."""


def _tags_of(description: Properties) -> Json:
    return next((description[name] for name in ("Tags", "tags", "TagList") if name in description), None)

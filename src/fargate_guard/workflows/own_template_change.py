"""Templates of the user's own, instrumented (or restored), nested ones uploaded under their contents' hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import PreflightError
from fargate_guard.stacks.limits import MOST_BYTES
from fargate_guard.taskdef import NotATaskDefinitionError, TaskDefinitionError, diff
from fargate_guard.workflows.definition_files import Changed, Refused, change_all
from fargate_guard.workflows.definition_kinds import TASK_DEFINITION
from fargate_guard.workflows.own_template_files import resources
from fargate_guard.workflows.own_template_parameters import known, nested_values, without_stale_defaults
from fargate_guard.workflows.stack_uploads import take_upload_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fargate_guard.taskdef import ContainerOutcome, Notice
    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.definition_files import Change
    from fargate_guard.workflows.own_template_files import Nested, Template

Json = Any
NAMED_IAM = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html (Capabilities)."""
WITHOUT_ROLE = frozenset(
    {"AWS::Serverless::HttpApi", "AWS::Serverless::LayerVersion", "AWS::Serverless::SimpleTable"}
)
"""What SAM makes without any IAM resource; functions, state machines and APIs may get roles of their own.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
"""


@dataclass(slots=True)
class Uploads:
    """What is put into the bucket for templates, to be taken back when it is not deployed."""

    context: Context
    stack: str
    _new: list[tuple[str, str]] = field(default_factory=list)

    def put(self, body: str) -> str:
        """Upload a template where it is not there yet; returns its URL for CloudFormation."""
        from fargate_guard.aws import template_bucket

        bucket = _bucket(self.context)
        place = f"{self.stack}/{hashlib.sha256(body.encode()).hexdigest()[:32]}"
        aws = self.context.aws
        there = aws.call("s3", "list_objects_v2", about=bucket, Bucket=bucket, Prefix=f"{place}/", MaxKeys=1)
        url = template_bucket.upload_template(aws, bucket, place, body)
        if not there.get("KeyCount"):
            self._new.append((bucket, place))
            self.context.observer.note(f"uploaded a template to s3://{bucket}/{place}/")
        return url

    def withdraw(self) -> None:
        """Remove what was not there before; what S3 refuses is told, and hides no error that led here."""
        for bucket, place in self._new:
            take_upload_back(self.context, bucket, f"{place}/")
        self._new.clear()


def _bucket(context: Context) -> str:
    from fargate_guard.aws import template_bucket

    bucket = context.config.cloudformation.template_bucket
    if bucket is not None:
        template_bucket.require_bucket(context.aws, bucket)
        return bucket
    if not template_bucket.own_bucket_exists(context.aws):
        name = template_bucket.own_bucket_name(context.aws)
        context.observer.note(f"making the bucket {name} for templates (private, encrypted)")
        return template_bucket.make_own_bucket(context.aws, context.config.tags)
    return template_bucket.own_bucket_name(context.aws)


@dataclass(frozen=True, slots=True)
class ChangedTemplate:
    """One template, as it is deployed."""

    template: Template
    address: str
    """Logical IDs from the outermost template to the nested stack; empty for the outermost."""
    body: str
    nested: tuple[ChangedTemplate, ...]
    containers: tuple[ContainerOutcome, ...] = ()
    warnings: tuple[Notice, ...] = ()
    nothing_for_fargate: str | None = None
    """Why there was nothing to do; None where there was."""

    @property
    def difference(self) -> str:
        """A unified diff of the file and what is deployed."""
        source = self.template.source
        if "\n" not in source.text.strip():
            from fargate_guard.formats import read_source

            return diff(source.value, read_source(self.body).value, str(self.template.path))
        return diff(source.text, self.body, str(self.template.path))

    def everything(self) -> Iterator[ChangedTemplate]:
        """Yield this one and all below it."""
        yield self
        for one in self.nested:
            yield from one.everything()


class TemplatesRefusedError(TaskDefinitionError):
    """Templates that cannot be instrumented correctly; nothing was deployed."""


def change_templates(
    template: Template,
    values: Mapping[str, str | None],
    pseudo: Mapping[str, str],
    change_with: Callable[[Mapping[str, str]], Change],
    uploads: Uploads,
) -> ChangedTemplate:
    """Change a template and all that it nests; nothing is uploaded before all of them are changed.

    :param values: of the outermost template's parameters, as far as they are known.
    :param pseudo: ``AWS::Region`` and the like.
    :param change_with: returns what is done to a template with these values.
    :raises TaskDefinitionError: one cannot be instrumented correctly.
    """
    plans = _Plans(pseudo, change_with)
    plans.prepare(template, values, "")
    if plans.refused:
        raise _together(plans.refused)
    return plans.finished(template, "", uploads)


@dataclass(slots=True)
class _Plans:
    pseudo: Mapping[str, str]
    change_with: Callable[[Mapping[str, str]], Change]
    refused: list[TaskDefinitionError] = field(default_factory=list)
    _results: dict[str, tuple[Json, Changed | None, str | None]] = field(default_factory=dict)
    """By address: the new template, what was done, or why nothing."""

    def prepare(self, template: Template, given: Mapping[str, str | None], address: str) -> None:
        values = known(template.value, given)
        self._results[address] = self._changed(template, values)
        for one in template.nested:
            if one.template is not None:
                below = nested_values(one.template.value, one.parameters, values, self.pseudo)
                self.prepare(one.template, below, one.address)

    def _changed(
        self, template: Template, values: Mapping[str, str | None]
    ) -> tuple[Json, Changed | None, str | None]:
        original = template.value
        if TASK_DEFINITION not in str(original):  # in a loop, it is no resource's type
            return original, None, f"it has no {TASK_DEFINITION}"
        source = template.source._replace(value=without_stale_defaults(original, values))
        given = {**self.pseudo, **{name: value for name, value in values.items() if value is not None}}
        (outcome,) = change_all([template.input], lambda _: source, self.change_with(given))
        if isinstance(outcome, Refused):
            if all(isinstance(one.__cause__, NotATaskDefinitionError) for one in outcome.errors):
                return original, None, "; ".join(one.why or one.message for one in outcome.errors)
            self.refused += outcome.errors
            return original, None, None
        assert isinstance(outcome, Changed)  # noqa: S101 - a file that was named is never passed over
        definition = dict(outcome.definition)
        if "Parameters" in original:
            definition["Parameters"] = original["Parameters"]
        return definition, outcome, None

    def finished(self, template: Template, address: str, uploads: Uploads) -> ChangedTemplate:
        definition, outcome, why = self._results[address]
        nested = [
            (one, self.finished(one.template, one.address, uploads)) for one in template.nested if one.template
        ]
        for one, made in nested:
            definition = _with_url(definition, one, uploads.put(made.body))
        body = template.source.write(definition) if definition != template.source.value else _text(template)
        _refuse_too_large(template, body)
        return ChangedTemplate(
            template=template,
            address=address,
            body=body,
            nested=tuple(made for _, made in nested),
            containers=outcome.result.containers if outcome else (),
            warnings=outcome.warnings if outcome else (),
            nothing_for_fargate=why,
        )


def _refuse_too_large(template: Template, body: str) -> None:
    """What CloudFormation does not take is refused before anything is uploaded or made."""
    before, size = len(template.source.text.encode()), len(body.encode())
    if size > MOST_BYTES:
        raise PreflightError(
            f"the template has {size:,} bytes, and CloudFormation takes {MOST_BYTES:,}",
            where=str(template.path),
            why=f"your file has {before:,} bytes; the agent in its task definitions needs the rest",
            fix="move some resources into nested stacks, with templates in files of their own (TemplateURL: PATH)",
        )


def _text(template: Template) -> str:
    return template.source.text.removeprefix("\ufeff")


def _with_url(definition: Json, one: Nested, url: str) -> Json:
    resource = definition["Resources"][one.logical_id]
    properties = {**resource["Properties"], one.property: url}
    changed = {**definition["Resources"], one.logical_id: {**resource, "Properties": properties}}
    return {**definition, "Resources": changed}


def _together(errors: list[TaskDefinitionError]) -> TaskDefinitionError:
    """One refusal for all of them: each with its place and what to do."""
    if len(errors) == 1:
        return errors[0]
    told = [
        f"{one.where}: {one.message}" + (f" ({one.why})" if one.why else "") + (f"; {one.fix}" if one.fix else "")
        for one in errors
    ]
    return TemplatesRefusedError(
        f"{len(errors)} things in the templates cannot be instrumented correctly",
        why="\n".join(told),
        fix="mend what is named; nothing was deployed",
        exit_code=errors[-1].exit_code,
    )


def capabilities(template: Template) -> tuple[str, ...]:
    """Return what has to be acknowledged for a template and all that it nests: roles, roles with names, macros.

    A change set shows what the macros of a template make, and so needs no acknowledgement of them, unless stacks
    are nested in it: theirs run unseen.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html (Capabilities)
    """
    found = set()
    for one in template.everything():
        if (one is not template or template.nested) and has_transform(one.value):
            found.add("CAPABILITY_AUTO_EXPAND")
        for _, kind, properties in resources(one.value):
            if kind == "AWS::Serverless::Application":
                found |= {"CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM"}
            elif kind.startswith("AWS::IAM::"):
                found.add("CAPABILITY_NAMED_IAM" if NAMED_IAM.get(kind) in properties else "CAPABILITY_IAM")
            elif kind.startswith("AWS::Serverless::") and kind not in WITHOUT_ROLE:
                found.add("CAPABILITY_IAM")
    if "CAPABILITY_NAMED_IAM" in found:
        found.discard("CAPABILITY_IAM")
    return tuple(sorted(found))


def has_transform(value: Json) -> bool:
    """Whether a template, or a part of one, has a macro work on it."""
    if isinstance(value, list):
        return any(map(has_transform, value))
    if not isinstance(value, dict):
        return False
    return (
        "Fn::Transform" in value
        or ("Resources" in value and "Transform" in value)
        or any(map(has_transform, value.values()))
    )

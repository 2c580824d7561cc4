"""A template of the user's own: its file, the files of its nested stacks, and what must not be local in them."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import PreflightError, UsageError
from fargate_guard.workflows.definition_inputs import Input, Kind, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.formats import Source

Json = Any

NESTED = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
"""By type of resource, the property that names another template: a URL, or a path as for
``aws cloudformation package``."""

ARTIFACTS = {
    "AWS::ApiGateway::RestApi": ("BodyS3Location",),
    "AWS::AppSync::FunctionConfiguration": (
        "RequestMappingTemplateS3Location",
        "ResponseMappingTemplateS3Location",
        "CodeS3Location",
    ),
    "AWS::AppSync::GraphQLSchema": ("DefinitionS3Location",),
    "AWS::AppSync::Resolver": (
        "RequestMappingTemplateS3Location",
        "ResponseMappingTemplateS3Location",
        "CodeS3Location",
    ),
    "AWS::CloudFormation::ModuleVersion": ("ModulePackage",),
    "AWS::CloudFormation::ResourceVersion": ("SchemaHandlerPackage",),
    "AWS::CodeCommit::Repository": ("Code.S3",),
    "AWS::ElasticBeanstalk::ApplicationVersion": ("SourceBundle",),
    "AWS::Glue::Job": ("Command.ScriptLocation",),
    "AWS::Lambda::Function": ("Code",),
    "AWS::Lambda::LayerVersion": ("Content",),
    "AWS::Serverless::Api": ("DefinitionUri",),
    "AWS::Serverless::Function": ("CodeUri", "ImageUri"),
    "AWS::Serverless::GraphQLApi": ("SchemaUri", "CodeUri"),
    "AWS::Serverless::HttpApi": ("DefinitionUri",),
    "AWS::Serverless::LayerVersion": ("ContentUri",),
    "AWS::Serverless::StateMachine": ("DefinitionUri",),
    "AWS::StepFunctions::StateMachine": ("DefinitionS3Location",),
}
"""Properties that ``aws cloudformation package`` uploads and replaces when they are paths.

https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html
"""


@dataclass(frozen=True, slots=True)
class Nested:
    """A stack in a stack."""

    logical_id: str
    address: str
    """``Parent.Child``, by logical IDs."""
    property: str
    """Where the resource names its template."""
    template: Template | None
    """None where the template is not a file here."""
    url: str
    """As it is written; empty where it is known only when it is deployed."""
    parameters: Json
    """What the parent gives to it."""


@dataclass(frozen=True, slots=True)
class Template:
    """One file, read, with what is nested in it."""

    path: Path
    source: Source
    nested: tuple[Nested, ...] = field(default=())

    @property
    def input(self) -> Input:
        """The file, for those who change definitions."""
        return Input(str(self.path), Kind.FILE, PurePath(self.path.name))

    @property
    def value(self) -> dict[str, Json]:
        """The template, functions in their long form."""
        return dict(self.source.value)

    def everything(self) -> Iterator[Template]:
        """Yield this template and all below it."""
        yield self
        for one in self.nested:
            if one.template is not None:
                yield from one.template.everything()

    def elsewhere(self) -> Iterator[Nested]:
        """Yield the nested stacks whose templates are no files here, at any depth."""
        for one in self.nested:
            if one.template is None:
                yield one
            else:
                yield from one.template.elsewhere()


def read_template(path: Path) -> Template:
    """Read a template and every template that it nests by path.

    :raises UsageError: a file cannot be read, or is not a template.
    :raises TaskDefinitionError: a file is neither JSON nor YAML, with line and column.
    :raises PreflightError: stacks that nest each other, or a local artefact, which has to be uploaded first.
    """
    return _read(path, "", ())


def _read(path: Path, address: str, above: tuple[Path, ...]) -> Template:
    from fargate_guard.formats import read_source
    from fargate_guard.taskdef import TaskDefinitionError
    from fargate_guard.workflows.definition_files import in_file

    place = _resolved(path)
    if place in above:
        raise PreflightError(
            "the templates nest each other without end",
            where=" > ".join(str(one) for one in (*above, place)),
            fix="take the nested stack that leads back out of one of them",
        )
    one = Input(str(path), Kind.FILE, PurePath(path.name))
    try:
        source = read_source(text_of(one, io.BytesIO(), str))
    except TaskDefinitionError as error:
        if (error.where or "").startswith("line "):
            raise in_file(one, error) from None
        what_it_is = error.message.startswith("this is ")
        raise _no_template(path, error.message if what_it_is else "it has no Resources") from None
    if not source.is_template:
        raise _no_template(path, "it has no Resources")
    _refuse_artifacts(path, source.value)
    found = _nested(path, source.value, address, (*above, place))
    return Template(path, source, tuple(found))


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links without end, a null in the name
        raise UsageError("the file cannot be read", where=repr(str(path)), why=str(error)) from None


def _no_template(path: Path, why: str) -> UsageError:
    return UsageError(
        "this is not a CloudFormation template",
        where=str(path),
        why=why,
        fix="give JSON or YAML with Resources; a task definition is deployed as a workload of fguard.yaml:"
        " workloads[].task_definition",
    )


def _nested(path: Path, template: Json, address: str, above: tuple[Path, ...]) -> Iterator[Nested]:
    for logical_id, kind, properties in resources(template):
        name = NESTED.get(kind)
        if name is None or name not in properties:
            continue
        place, below = properties[name], f"{address}.{logical_id}".lstrip(".")
        local = is_local(place)
        yield Nested(
            logical_id=logical_id,
            address=below,
            property=name,
            template=_read(path.parent / place, below, above) if local else None,
            url="" if local or not isinstance(place, str) else place,
            parameters=properties.get("Parameters", {}),
        )


def resources(template: Json) -> Iterator[tuple[str, str, dict[str, Json]]]:
    """Yield logical ID, type and properties of each resource that can be read."""
    for logical_id, resource in template["Resources"].items():
        if not isinstance(resource, dict):
            continue
        properties = resource.get("Properties")
        yield logical_id, str(resource.get("Type", "")), properties if isinstance(properties, dict) else {}


def is_local(place: Json) -> bool:
    """Whether this is a path, and not a URL or something that is known only when it is deployed."""
    return isinstance(place, str) and "://" not in place


def _refuse_artifacts(path: Path, template: Json) -> None:
    found = [f"$.{one}" for one in _local_artifacts(path, template)]
    if found:
        raise PreflightError(
            "the template refers to local files, which CloudFormation cannot read",
            where=f"{path}: {', '.join(found)}",
            why="code and definitions have to be in S3 before a template is deployed",
            fix=f"aws cloudformation package --template-file {path} --s3-bucket YOUR-BUCKET"
            f" --output-template-file packaged.yaml, then: fguard deploy --template packaged.yaml"
            "\n(package replaces nested templates, too: keep those in a template of their own)",
        )


def _local_artifacts(path: Path, template: Json) -> Iterator[str]:
    for logical_id, kind, properties in resources(template):
        for name in ARTIFACTS.get(kind, ()):
            value: Json = properties
            for part in name.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            if is_local(value) and (name != "ImageUri" or (path.parent / value).exists()):
                yield f"Resources.{logical_id}.Properties.{name}"
        if "AWS::Include" in str(properties):
            yield from (f"Resources.{logical_id}.Properties ({one})" for one in _local_includes(properties))
    yield from (f"Transform ({one})" for one in _local_includes(template.get("Transform")))
    shared = template.get("Globals")
    for name, properties in (shared if isinstance(shared, dict) else {}).items():
        for key in ARTIFACTS.get(f"AWS::Serverless::{name}", ()):
            if isinstance(properties, dict) and is_local(properties.get(key)) and key != "ImageUri":
                yield f"Globals.{name}.{key}"


def _local_includes(value: Json) -> Iterator[str]:
    """The locations of ``AWS::Include`` transforms that are paths."""
    if isinstance(value, dict):
        given = value.get("Parameters") if value.get("Name") == "AWS::Include" else None
        if isinstance(given, dict) and is_local(given.get("Location")):
            yield str(given["Location"])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _local_includes(item)

"""What a document is that holds no container definitions, and what to do instead.

People give what they have at hand: the output of the AWS call beside, the Compose file, the Terraform plan.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.taskdef.errors import NoContainersError, NotATaskDefinitionError, SomethingElseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fargate_guard.taskdef.fields import Json

    Top = Mapping[str, Json]
    """The members of the document, by their keys in lower case."""

_HCL = (
    r'^[ \t]*(?:(?:resource|data)[ \t]+"\w+"[ \t]+"[\w-]+"|(?:module|variable|provider|output)[ \t]+"[\w-]+"|'
    r"terraform|locals)[ \t]*\{"
)
_DOCKERFILE = r"(?:\s|#.*\n)*FROM[ \t]+\S+"
WHAT_TO_GIVE = (
    "give a task definition, the output of describe-task-definition, or an array of container definitions"
)
_DESCRIBE = "aws ecs describe-task-definition --task-definition {} and give fguard its output"
_IN_TERRAFORM = (
    "instrument the container definitions inside of Terraform, with its external data source and "
    "fguard instrument --format terraform-external"
)
_NOT_ECS = "fguard instruments ECS task definitions on Fargate"


def is_template(value: Json) -> bool:
    """Whether a document is a CloudFormation (or SAM) template: resources with a type each."""
    resources = value.get("Resources") if isinstance(value, dict) else None
    if not isinstance(resources, dict):
        return False
    if "AWSTemplateFormatVersion" in value or "Transform" in value or not resources:
        return True
    return any(
        str(name).startswith("Fn::") or (isinstance(resource, dict) and isinstance(resource.get("Type"), str))
        for name, resource in resources.items()
    )


def refuse_other_languages(text: str) -> None:
    """Refuse a text that is no YAML, or only one long YAML string, where it is known what it is.

    :raises NotATaskDefinitionError: it is Terraform's language, a Dockerfile, XML, manifests, or to be rendered.
    """
    body = text.removeprefix("\ufeff")
    found = re.search(_HCL, body, re.MULTILINE)
    if found:
        line = body.count("\n", 0, found.start()) + 1
        raise _refusal("Terraform's language", _IN_TERRAFORM, where=f"line {line}")
    if re.match(_DOCKERFILE, body, re.IGNORECASE):
        raise _refusal("a Dockerfile", "give the task definition that runs its image")
    manifest = re.search(r"^kind:[ \t]*(\w+)", body, re.MULTILINE)
    if manifest and re.search(r"^apiVersion:", body, re.MULTILINE):
        raise _kubernetes(manifest[1])
    if "{{" in body and "}}" in body:
        refusal = _refusal("a template of Helm, Jinja or ecspresso", "render it first, and give its result")
        if "containerdefinitions" in body.lower():  # of a task definition
            raise NotATaskDefinitionError(refusal.message, where=refusal.where, fix=refusal.fix)
        raise refusal
    if body.lstrip().startswith("<"):
        raise _refusal("XML or HTML", "give a task definition in JSON or YAML", where="line 1")


def something_else(root: Json, syntax: str = "JSON") -> NotATaskDefinitionError:
    """What an object without container definitions is.

    :param syntax: what it was read from, for the message.
    """
    if is_template(root):
        return _refusal(
            "a CloudFormation template",
            "fguard instrument takes templates; from Python, use fargate_guard.cloudformation",
        )
    top = {str(key).lower(): value for key, value in root.items()}
    if "apiversion" in top and "kind" in top:
        return _refusal(
            f"a Kubernetes {top['kind']}", "Kubernetes is not supported: install Sysdig's Helm chart there"
        )
    services = top.get("services")
    if isinstance(services, list) and ("failures" in top or _has(services, "serviceArn")):
        return _refusal("the output of describe-services", _describe(_first(services, "taskDefinition")))
    for what, applies, fix in _KINDS:
        if applies(top):
            return _refusal(what, fix)
    return NoContainersError(
        f"valid {syntax} but no container definitions at $.containerDefinitions",
        where="$",
        fix=_nearest(root) or WHAT_TO_GIVE,
    )


def refuse_other_arrays(items: list[Json]) -> None:
    """Refuse an array of objects that are known not to be container definitions.

    :raises NotATaskDefinitionError: what they are.
    """
    first = items[0] if items and isinstance(items[0], dict) else {}
    keys = {str(key).lower() for key in first}
    if "containerdefinitions" in keys or isinstance(first.get("taskDefinition"), dict):
        raise NotATaskDefinitionError(
            "this is an array of task definitions, not a task definition",
            where="$",
            fix="give each in a file of its own",
        )
    if {"id", "config"} <= keys and keys & {"repotags", "state", "rootfs"}:
        raise _refusal(
            "the output of docker inspect",
            "give the task definition; what its images run is read from the registry, or given by --entrypoint",
        )
    if "imageuri" in keys and "image" not in keys:
        raise _refusal("CodePipeline's imagedefinitions.json", "give the task definition that it updates")
    if {"apiversion", "kind"} <= keys:
        raise _refusal("an array of Kubernetes objects", _NOT_ECS)


def _keys(*names: str) -> Callable[[Top], bool]:
    """All of the keys are there."""
    return lambda top: all(name.lower() in top for name in names)


def _any_key(first: str, *names: str) -> Callable[[Top], bool]:
    """The first key and one of the others are there."""
    return lambda top: first.lower() in top and any(name.lower() in top for name in names)


def _is(name: str, kind: type, *inner: str) -> Callable[[Top], bool]:
    """The value of a key has this type, and these keys if it is an object."""
    return lambda top: isinstance(top.get(name.lower()), kind) and all(key in top[name.lower()] for key in inner)


def _has_types(top: Top) -> bool:
    """Whether ``resource`` holds resources of CloudFormation."""
    resources = top.get("resource")
    return isinstance(resources, dict) and any(
        isinstance(one, dict) and str(one.get("Type")).startswith("AWS::") for one in resources.values()
    )


def _values(top: Top) -> bool:
    return "replicacount" in top or _is("image", dict, "repository")(top)


def _is_appspec(top: Top) -> bool:
    """Terraform states and Azure templates have resources in an array, too; an AppSpec is of version 0.0.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure.html
    """
    return isinstance(top.get("resources"), list) and str(top.get("version")) in ("0", "0.0")


_KINDS: tuple[tuple[str, Callable[[Top], bool], str], ...] = (
    (
        "one resource of a CloudFormation template",
        lambda top: str(top.get("type")).startswith("AWS::") and "properties" in top,
        'give the whole template: {"Resources": {"TaskDefinition": …}}',
    ),
    ("a CodeDeploy AppSpec", _is_appspec, "give the task definition that it deploys"),
    (
        "the output of list-task-definitions",
        _keys("taskDefinitionArns"),
        f"run {_DESCRIBE.format('ARN')}",
    ),
    ("the output of list-task-definition-families", _keys("families"), f"run {_DESCRIBE.format('FAMILY')}"),
    ("the output of list-services", _keys("serviceArns"), "take the task definition from describe-services"),
    ("the output of list-tasks", _keys("taskArns"), "take the task definition from describe-tasks"),
    ("the output of list-clusters", _keys("clusterArns"), f"run {_DESCRIBE.format('FAMILY')}"),
    ("the output of describe-clusters", _keys("clusters", "failures"), f"run {_DESCRIBE.format('FAMILY')}"),
    (
        "the output of describe-tasks",
        lambda top: isinstance(top.get("tasks"), list) and ("failures" in top or _has(top["tasks"], "taskArn")),
        f"run {_DESCRIBE.format('ARN')}, with the taskDefinitionArn in it",
    ),
    (
        "an ECS service",
        lambda top: (
            isinstance(top.get("taskdefinition"), str) and bool(top.keys() & {"servicearn", "servicename"})
        ),
        f"run {_DESCRIBE.format('ARN')}, with the taskDefinition in it",
    ),
    ("the overrides of run-task", _keys("containerOverrides"), "give the task definition that they override"),
    (
        "an AWS Batch job definition",
        lambda top: "jobdefinitions" in top or "jobdefinitionname" in top,
        "Batch makes its own task definitions, which cannot be instrumented; instrument the image instead",
    ),
    ("a Terraform plan", _any_key("format_version", "planned_values", "resource_changes"), _IN_TERRAFORM),
    ("a Terraform state", _any_key("terraform_version", "serial", "lineage", "values"), _IN_TERRAFORM),
    ("a template with Resource instead of Resources", _has_types, "rename $.Resource to Resources"),
    ("a Terraform configuration", _is("resource", dict), _IN_TERRAFORM),
    ("a Terraform resource", _keys("container_definitions"), _IN_TERRAFORM),
    (
        "a CDK project file",
        lambda top: isinstance(top.get("app"), str) and "context" in top,
        "run cdk synth and give the template that it writes to cdk.out",
    ),
    ("the manifest of a CDK assembly", _keys("artifacts", "version"), "give the *.template.json file beside it"),
    (
        "an AWS Copilot manifest",
        lambda top: str(top.get("type")).endswith((" Service", "Scheduled Job")) and "image" in top,
        "run copilot svc package and give the template that it writes",
    ),
    ("an ECS CLI parameter file", _is("task_definition", dict), f"run {_DESCRIBE.format('FAMILY')}"),
    ("the configuration of fguard", _keys("agent", "sysdig"), "give it with --config, and a task definition"),
    (
        "a report of fguard",
        lambda top: str(top.get("schema")).startswith("fguard."),
        "give the task definition; without --json, fguard instrument prints it",
    ),
    (
        "a package.json",
        _any_key("name", "dependencies", "devDependencies", "scripts"),
        "give the task definition that runs the package",
    ),
    ("a Helm chart's Chart.yaml", _keys("apiVersion", "name", "version"), _NOT_ECS),
    ("the values of a Helm chart", _values, _NOT_ECS),
    ("a single container definition", _keys("image", "name"), "put it into an array: [ … ]"),
    ("the output of docker inspect", _any_key("Config", "RepoTags", "State"), "give the task definition"),
    ("an image's configuration", _keys("config", "rootfs"), "give the task definition that runs the image"),
    ("a Serverless Framework file", _keys("service", "provider"), "give the template that it packages"),
    ("a Compose file", _is("services", dict), "Compose is not supported; give an ECS task definition"),
    ("a CI workflow", _keys("jobs"), "give the task definition that it deploys"),
)
"""Sorts of documents that are taken for task definitions, by what gives them away; in the order of trying."""


def _refusal(what: str, fix: str, where: str = "$") -> SomethingElseError:
    return SomethingElseError(f"this is {what}, not a task definition", where=where, fix=fix)


def _kubernetes(kind: str) -> SomethingElseError:
    return _refusal(f"a Kubernetes {kind}", "Kubernetes is not supported: install Sysdig's Helm chart there")


def _describe(task_definition: Json) -> str:
    return f"run {_DESCRIBE.format(task_definition if isinstance(task_definition, str) else 'ARN')}"


def _has(items: Json, key: str) -> bool:
    return _first(items, key) is not None


def _first(items: Json, key: str) -> Json:
    first = items[0] if isinstance(items, list) and items else None
    return first.get(key) if isinstance(first, dict) else None


def _nearest(root: Mapping[str, Json]) -> str | None:
    """The key that may have been meant as containerDefinitions."""
    import difflib  # only a refusal should cost these 5 ms

    inner = root.get("taskDefinition")
    for value, path in ((root, "$"), (inner if isinstance(inner, dict) else {}, "$.taskDefinition")):
        for key in value:
            folded = str(key).replace("_", "").replace("-", "").lower()
            known = folded in ("containers", "container", "definitions")
            if known or difflib.get_close_matches(folded, ["containerdefinitions"], cutoff=0.8):
                return f"rename {path}.{key} to containerDefinitions, if it is an array of container definitions"
    return None

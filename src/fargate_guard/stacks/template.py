"""The CloudFormation template of a deployment: one that an engineer can keep, and the values that go with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fargate_guard.deployment import DEPLOYMENT_TAG, MANAGED_BY, MANAGED_BY_TAG
from fargate_guard.errors import PreflightError
from fargate_guard.stacks.limits import check_limits, contents_of
from fargate_guard.stacks.parameters import declarations, interface, values
from fargate_guard.stacks.rendering import CONDITIONS, environment, resources_context
from fargate_guard.stacks.settings_parameters import parameter_groups
from fargate_guard.stacks.structure import structure_of
from fargate_guard.stacks.surroundings import Surroundings
from fargate_guard.stacks.texts import refuse_changed_texts
from fargate_guard.stacks.workloads import workload_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fargate_guard.config import Config
    from fargate_guard.workload_input import WorkloadInput

_NOTHING_KNOWN = Surroundings()


@dataclass(frozen=True, slots=True)
class StackTemplate:
    """A rendered template, and what is given to CloudFormation with it."""

    body: str
    """YAML, ASCII only."""
    parameters: Mapping[str, str]
    """Value of every parameter that has one; they are the template's defaults, too."""
    capabilities: tuple[str, ...]
    """``CAPABILITY_IAM`` or ``CAPABILITY_NAMED_IAM``, where the template needs it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Stack tags; CloudFormation puts them on every resource that can be tagged.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
    """
    required_parameters: tuple[str, ...] = ()
    """Parameters that have no value yet, since it has to be looked up, or is a secret."""


def stack_name(config: Config) -> str:
    """Return the name of a deployment's stack."""
    return f"fguard-{config.name}"


def deployment_template(
    config: Config,
    *,
    region: str,
    workloads: Sequence[WorkloadInput],
    access_key_value_from: str,
    certificates: Mapping[str, str],
    surroundings: Surroundings = _NOTHING_KNOWN,
) -> StackTemplate:
    """Return the template of a whole deployment.

    :param region: AWS Region; flags and environment come before ``config.aws.region``, so the caller decides.
    :param access_key_value_from: ARN of the secret or parameter that holds the access key.
    :param certificates: PEM text of every ``CaCertificate.file`` in the configuration.
    :param surroundings: what the template cannot look up; without it, see :class:`Surroundings`.
    :raises PreflightError: a task definition or a setting that CloudFormation would lose, change or refuse.
    """
    return _rendered(
        config,
        region=region,
        workloads=workloads,
        access_key=access_key_value_from,
        certificates=certificates,
        surroundings=surroundings,
    )


def orchestrator_template(
    config: Config, *, certificates: Mapping[str, str], surroundings: Surroundings = _NOTHING_KNOWN
) -> StackTemplate:
    """Return a template of network and orchestrator that stands on its own: for StackSets and for the console.

    The access key is a parameter of the template: the key itself (``NoEcho``), which becomes a secret, or the ARN
    of a secret that holds it. Where ``fguard.yaml`` names an SSM parameter, it is that parameter's ARN.

    :raises PreflightError: the direct topology, which has no orchestrator, or a setting that would be lost.
    """
    if config.agent.topology == "direct":
        raise PreflightError(
            "the direct topology has no orchestrator",
            where="fguard.yaml: agent.topology",
            why="agents of 6.0.0 and later connect to the collector themselves",
            fix="set agent.topology: orchestrator, or instrument the workloads: fguard instrument",
        )
    access_key = config.sysdig.access_key
    return _rendered(
        config,
        region="",
        workloads=(),
        access_key=access_key.secret_arn or access_key.parameter_arn or "",
        certificates=certificates,
        surroundings=surroundings,
        asks_for_key="given" if access_key.parameter_arn else "either",
    )


def _rendered(
    config: Config,
    *,
    region: str,
    workloads: Sequence[WorkloadInput],
    access_key: str,
    certificates: Mapping[str, str],
    surroundings: Surroundings,
    asks_for_key: Literal["given", "either"] = "given",
) -> StackTemplate:
    tags = config.tags | {DEPLOYMENT_TAG: config.name, MANAGED_BY_TAG: MANAGED_BY}
    _check_settings(config)
    parts = workload_parts(config, workloads, region)
    structure = structure_of(config, surroundings, workloads, access_key=asks_for_key)
    groups = parameter_groups(config, structure, surroundings, access_key)
    declared = declarations(groups)
    context = resources_context(config, structure, surroundings, parts, certificates, list(declared))
    jinja = environment()
    resources = jinja.get_template("resources.yaml.j2").render(context).rstrip("\n") + "\n"
    required = tuple(name for name, one in declared.items() if "Default" not in one)
    body = jinja.get_template("stack.yaml.j2").render(
        context
        | {
            "stack_name": stack_name(config),
            "description": f"Sysdig serverless agents on AWS Fargate - {config.name} (fargate-guard)",
            "parameters": declared,
            "interface": interface(groups),
            "conditions": {name: text for name, text in CONDITIONS.items() if name in resources},
            "resources": resources,
            "required": required,
            "capabilities": contents_of(f"Resources:\n{resources}").capabilities,
            "access_key_is_elsewhere": asks_for_key == "given",
        }
    )
    contents = contents_of(body)
    check_limits(body, contents)
    secrets = tuple(one.name for group in groups for one in group.parameters if one.no_echo)
    given = {name: value for name, value in values(groups).items() if name not in secrets}
    return StackTemplate(body, given, contents.capabilities, tags, (*required, *secrets))


def _check_settings(config: Config) -> None:
    """Refuse settings that Terraform refuses in its plan, too, and texts that would not arrive."""
    agent = config.orchestrator
    refuse_changed_texts(config.tags, "fguard.yaml.tags")
    if config.agent.topology == "direct":
        return
    refuse_changed_texts(agent.extra_conf, "fguard.yaml.orchestrator.extra_conf")
    for key, value in agent.tags.items():
        if ":" in key or "," in f"{key}{value}":
            raise PreflightError(
                f"the agent tag {key!r} cannot be told apart from its neighbours",
                where="fguard.yaml: orchestrator.tags",
                why="agent tags become key:value,key:value",
                fix="use keys without colon and comma, and values without comma",
            )
    if agent.autoscaling is not None and agent.autoscaling.max_capacity < agent.desired_count:
        raise PreflightError(
            f"orchestrator.autoscaling.max_capacity ({agent.autoscaling.max_capacity}) is below"
            f" orchestrator.desired_count ({agent.desired_count})",
            where="fguard.yaml: orchestrator.autoscaling.max_capacity",
            fix="raise the one or lower the other",
        )

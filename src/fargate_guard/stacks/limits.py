"""What CloudFormation takes, measured on the rendered text.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fargate_guard.errors import PreflightError

INLINE_BYTES = 51_200
"""A larger template is read from a bucket."""
MOST_BYTES = 1_000_000
MOST_RESOURCES = 500
MOST_PARAMETERS = 200
MOST_OUTPUTS = 200

_SECTION = re.compile(r"^(Parameters|Resources|Outputs):\n((?:(?: .*)?\n)*)", re.MULTILINE)
_ENTRY = re.compile(r"^  (\w+):$", re.MULTILINE)
_TYPE = re.compile(r"^    Type: (AWS::\S+)$", re.MULTILINE)
_IAM_NAME = re.compile(
    r"^      (RoleName|ManagedPolicyName|UserName|GroupName|InstanceProfileName): ", re.MULTILINE
)


class TemplateTooLargeError(PreflightError):
    """CloudFormation does not take a template of this size."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a rendered template, by section."""

    parameters: tuple[str, ...]
    resources: tuple[str, ...]
    outputs: tuple[str, ...]
    resource_types: frozenset[str]
    names_iam_resources: bool

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What has to be acknowledged, since the template makes roles.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
        """
        if not any(kind.startswith("AWS::IAM::") for kind in self.resource_types):
            return ()
        return ("CAPABILITY_NAMED_IAM",) if self.names_iam_resources else ("CAPABILITY_IAM",)


def contents_of(body: str) -> Contents:
    """Look what is in a template that was rendered here; its layout is known, so it is not parsed."""
    sections = {match[1]: match[2] for match in _SECTION.finditer(body if body.endswith("\n") else f"{body}\n")}
    resources = sections.get("Resources", "")
    blocks = re.split(r"^(?=  \w+:$)", resources, flags=re.MULTILINE)
    return Contents(
        parameters=tuple(_ENTRY.findall(sections.get("Parameters", ""))),
        resources=tuple(_ENTRY.findall(resources)),
        outputs=tuple(_ENTRY.findall(sections.get("Outputs", ""))),
        resource_types=frozenset(_TYPE.findall(resources)),
        names_iam_resources=any("Type: AWS::IAM::" in one and _IAM_NAME.search(one) for one in blocks),
    )


def check_limits(body: str, contents: Contents) -> None:
    """Refuse what CloudFormation would refuse.

    :raises TemplateTooLargeError: too much of something.
    """
    counted = (
        (len(body.encode()), MOST_BYTES, "bytes"),
        (len(contents.resources), MOST_RESOURCES, "resources"),
        (len(contents.parameters), MOST_PARAMETERS, "parameters"),
        (len(contents.outputs), MOST_OUTPUTS, "outputs"),
    )
    for found, most, what in counted:
        if found > most:
            raise TemplateTooLargeError(
                f"the template has {found:,} {what}, and CloudFormation takes {most:,}",
                where="fguard.yaml: workloads",
                why="every workload adds its resources, outputs and task definition to the one template",
                fix="divide the workloads among several deployments that share network and cluster"
                " (network.vpc_id, network.subnet_ids, cluster.name), or deploy with: --method terraform",
            )

"""Our templates deployed in the embedded AWS, with plain boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.stacks.limits import INLINE_BYTES
from fargate_guard.stacks.outputs import deployment_outputs
from fargate_guard.stacks.template import stack_name
from tests.stack_templates.rendered_stacks import rendered
from tests.stack_templates.variants import surroundings
from tests.terraform_templates.rendered_modules import REGION
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.config import Config
    from fargate_guard.deployment import DeploymentOutputs
    from fargate_guard.stacks.surroundings import Surroundings
    from fargate_guard.stacks.template import StackTemplate
    from tests.terraform_templates.account import Account

ACCOUNT_ID = "123456789012"


def deploy_stack(
    account: Account,
    settings: Config,
    definitions: Mapping[str, Mapping[str, Any]],
    found: Surroundings | None = None,
) -> DeploymentOutputs:
    """Render a configuration's template, with the account's access key, and deploy it."""
    surrounding = found or surroundings(settings)
    template = rendered(settings, definitions, access_key_arn=account.access_key_arn, surroundings=surrounding)
    return deploy(account, settings, template)


def deploy(account: Account, settings: Config, template: StackTemplate) -> DeploymentOutputs:
    """Create the stack and wait for it."""
    cloudformation, name = account.client("cloudformation"), stack_name(settings)
    cloudformation.create_stack(
        StackName=name,
        **_given(account, template.body),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in template.parameters.items()],
        Capabilities=list(template.capabilities),
        Tags=[{"Key": key, "Value": value} for key, value in template.tags.items()],
    )
    wait_until(lambda: not _status(account, name).endswith("IN_PROGRESS"), "the stack is created")
    assert _status(account, name) == "CREATE_COMPLETE", failures(account, name)
    [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    summaries = cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    resources = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in summaries}
    found = deployment_outputs(outputs, resources, settings, REGION, ACCOUNT_ID, "aws")
    assert found is not None
    return found


def _given(account: Account, body: str) -> dict[str, str]:
    """The template itself, or where it was uploaded to when it is too large."""
    if len(body) <= INLINE_BYTES:
        return {"TemplateBody": body}
    s3 = account.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="stack.yaml", Body=body.encode())
    return {"TemplateURL": f"https://templates.s3.{REGION}.amazonaws.com/stack.yaml"}


def delete(account: Account, settings: Config) -> None:
    """Delete the stack and wait until it is gone."""
    cloudformation, name = account.client("cloudformation"), stack_name(settings)
    stack_id = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=name)
    wait_until(lambda: _status(account, stack_id) == "DELETE_COMPLETE", "the stack is deleted")


def failures(account: Account, name: str) -> list[Any]:
    """What failed, in CloudFormation's words."""
    events = account.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return [
        (event["LogicalResourceId"], event.get("ResourceStatusReason"))
        for event in events
        if "FAILED" in event["ResourceStatus"]
    ]


def _status(account: Account, name: str) -> str:
    status: str = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    return status

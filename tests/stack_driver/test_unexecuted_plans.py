"""A plan that is not carried out, for whatever reason, leaves nothing behind, or says what."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.aws.errors import AccessDenied
from fargate_guard.aws.session import Aws
from fargate_guard.aws.template_bucket import Removed, remove_files
from fargate_guard.errors import FguardError, Interrupted, PreflightError
from fargate_guard.sandbox import Fault, FaultKind
from fargate_guard.stacks.change_set import StackPlan
from fargate_guard.workflows.deploy import Declined
from fargate_guard.workflows.macro import install
from fargate_guard.workflows.macro_stack import MacroStack
from fargate_guard.workflows.own_template_change import Uploads
from fargate_guard.workflows.stack_deploy import deploy_stack
from fargate_guard.workflows.stack_operation import (
    PlanOutdated,
    execute_stack,
    plan_stack,
    remove_stack,
    withdraw_plan,
)
from fargate_guard.workflows.stack_uploads import remove_uploads
from tests.stack_driver.stack_harness import TAGS, log_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fargate_guard.workflows.context import Context
    from fargate_guard.workflows.observer import Approver
    from tests.stack_driver.stack_harness import Stacks

STACK = "fguard-training"


@pytest.fixture
def context(stacks: Stacks) -> Iterator[Context]:
    """A user's who has the access key; afterwards nothing is there."""
    yield replace(stacks.context, environ={**stacks.environ, "SYSDIG_ACCESS_KEY": "the-key"})
    stacks.sandbox.faults.clear()
    stacks.client("cloudformation").delete_stack(StackName=STACK)
    for name in secrets(stacks):
        stacks.client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def secrets(stacks: Stacks) -> list[str]:
    return [one["Name"] for one in stacks.client("secretsmanager").list_secrets()["SecretList"]]


def deny(stacks: Stacks, action: str, code: str = "AccessDenied") -> None:
    stacks.sandbox.faults.add(
        Fault(FaultKind.API_ERROR, aws_service="cloudformation", action=action, code=code, message="Refused")
    )


def then(what: Callable[[], object], answer: bool = True) -> Approver:
    """An approver to whom something happens before the answer."""

    def approve(plan: object) -> bool:  # noqa: ARG001 - as the protocol names it
        what()
        return answer

    return approve


def nothing_is_left(stacks: Stacks) -> bool:
    return stacks.status(STACK) is None and secrets(stacks) == [] and not stacks.context.folder.stack.exists()


@pytest.mark.parametrize("action", ["ExecuteChangeSet", "DescribeStackEvents"])
def test_what_is_refused_before_the_beginning_leaves_nothing(
    stacks: Stacks, context: Context, action: str
) -> None:
    with pytest.raises(AccessDenied) as refused:
        deploy_stack(context, then(lambda: deny(stacks, action)))
    assert action in refused.value.message
    assert nothing_is_left(stacks)


def test_a_change_set_that_is_gone_is_a_plan_out_of_date_and_leaves_nothing(
    stacks: Stacks, context: Context
) -> None:
    client = stacks.client("cloudformation")

    def delete_it() -> None:
        for one in client.list_change_sets(StackName=STACK)["Summaries"]:
            client.delete_change_set(ChangeSetName=one["ChangeSetId"])

    with pytest.raises(PlanOutdated) as outdated:
        deploy_stack(context, then(delete_it))
    assert "fguard deploy" in (outdated.value.fix or "")
    assert nothing_is_left(stacks)


def test_an_order_whose_fate_is_not_known_leaves_what_it_may_need_and_says_so(
    stacks: Stacks, context: Context
) -> None:
    def cut_off() -> None:
        deny(stacks, "ExecuteChangeSet")
        deny(stacks, "DescribeStacks")
        deny(stacks, "DescribeChangeSet")

    with pytest.raises(AccessDenied):
        deploy_stack(context, then(cut_off))
    stacks.sandbox.faults.clear()
    assert secrets(stacks) == ["fguard/training/sysdig-access-key"]
    told = "\n".join(stacks.heard.lines)
    assert "whether anything was begun is not known" in told
    assert f"aws cloudformation delete-stack --stack-name {STACK}" in told
    assert "the access key stays stored" in told


def test_a_cleanup_that_is_refused_hides_no_request_to_stop_and_keeps_the_key_that_may_be_in_use(
    stacks: Stacks, context: Context
) -> None:
    """The very change set may be under way: CloudFormation refuses to delete it then."""

    def ctrl_c() -> None:
        deny(stacks, "DeleteChangeSet", "InvalidChangeSetStatus")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy_stack(context, then(ctrl_c))
    assert secrets(stacks) == ["fguard/training/sysdig-access-key"]
    left, shared, key = stacks.heard.lines[-3:]
    assert f"the empty stack {STACK} may be left" in left
    assert shared.startswith("somebody else is, or may be, at work on the stack")
    assert key.startswith("the access key stays stored: arn:")
    assert key.endswith("; fguard destroy removes it")


def test_a_change_set_that_is_being_made_is_deleted_when_it_is_made(stacks: Stacks) -> None:
    client = stacks.client("cloudformation")
    made = client.create_change_set(
        StackName="early", ChangeSetName="e", ChangeSetType="CREATE", TemplateBody=log_groups("early", "One").body
    )
    plan = StackPlan(stack_name="early", stack_id=made["StackId"], change_set_id=made["Id"], creates=True)
    assert withdraw_plan(stacks.context, plan)
    assert stacks.status("early") is None
    assert stacks.heard.lines == []


def test_the_key_stays_while_another_run_has_a_plan_that_refers_to_it(stacks: Stacks, context: Context) -> None:
    client = stacks.client("cloudformation")

    def another_plans() -> None:
        client.create_change_set(
            StackName=STACK,
            ChangeSetName="another",
            ChangeSetType="CREATE",
            TemplateBody=log_groups(STACK, "One").body,
            Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
        )

    with pytest.raises(Declined):
        deploy_stack(context, then(another_plans, answer=False))
    assert secrets(stacks) == ["fguard/training/sysdig-access-key"]
    assert stacks.pending_change_sets(STACK) == ["another"]


def test_a_creation_that_a_later_run_takes_back_names_the_key_of_the_first(
    stacks: Stacks, context: Context
) -> None:
    def ctrl_c(_seconds: float) -> None:
        if (stacks.status(STACK) or "") == "CREATE_IN_PROGRESS":
            raise KeyboardInterrupt
        time.sleep(0.02)

    stacks.hang("create", "Vpc")
    with pytest.raises(Interrupted):
        deploy_stack(replace(context, stacks=replace(context.stacks, sleep=ctrl_c)), then(lambda: None))
    cancelling = replace(context.stacks, sleep=ctrl_c, on_interrupt=lambda _operation: "cancel")
    with pytest.raises(Interrupted):
        deploy_stack(replace(context, stacks=cancelling), then(lambda: None))
    assert stacks.status(STACK) is None
    assert "the access key that an earlier run stored is left" in stacks.heard.lines[-1]
    assert "fguard destroy" in stacks.heard.lines[-1]


def test_a_stack_that_another_run_created_meanwhile_is_busy_not_a_wrong_template(stacks: Stacks) -> None:
    stacks.sandbox.faults.add(
        Fault(
            FaultKind.API_ERROR,
            aws_service="cloudformation",
            action="CreateChangeSet",
            code="ValidationError",
            message="Stack [raced] already exists and cannot be created again with the changeSet [x].",
        )
    )
    with pytest.raises(PreflightError) as busy:
        plan_stack(stacks.context, "raced", log_groups("raced", "One"))
    assert "somebody else has just begun" in busy.value.message


def test_a_macro_that_is_declined_leaves_no_package(stacks: Stacks) -> None:
    with pytest.raises(FguardError) as declined:
        install(stacks.context, MacroStack("Third"), b"package", then(lambda: None, answer=False))
    assert "not approved" in (declined.value.why or "")
    assert stacks.status("fguard-macro-Third") is None
    assert stacks.client("s3").list_buckets()["Buckets"] == []


class RefusedAfterPlanning(Aws):
    """Is refused the first look at a stack after a change set was made."""

    planned = refused = False

    def call(self, service: str, operation: str, /, **arguments: Any) -> Any:
        if operation == "describe_stacks" and self.planned and not self.refused:
            self.refused = True
            message = "Refused"
            raise AccessDenied(message)
        self.planned |= operation == "describe_change_set"
        return super().call(service, operation, **arguments)


def test_a_macro_whose_stack_cannot_be_looked_at_leaves_no_change_set(stacks: Stacks) -> None:
    aws = RefusedAfterPlanning(environ=stacks.environ)
    with pytest.raises(AccessDenied):
        install(replace(stacks.context, aws=aws), MacroStack("Fourth"), b"package", then(lambda: None))
    assert aws.refused
    assert stacks.status("fguard-macro-Fourth") is None
    assert stacks.client("s3").list_buckets()["Buckets"] == []


def test_uploads_go_with_their_delete_markers_also_from_the_bucket_of_before(stacks: Stacks) -> None:
    template = log_groups("moved", "One")
    stacks.deploy("moved", replace(template, body=template.body + "#" * 52_000))
    s3, bucket = stacks.client("s3"), "fguard-templates-123456789012-us-east-1"
    (uploaded,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    s3.delete_object(Bucket=bucket, Key=uploaded["Key"])
    s3.create_bucket(Bucket="now-theirs")
    stack, config = stacks.find("moved"), stacks.context.config
    assert stack is not None
    moved = config.cloudformation.model_copy(update={"template_bucket": "now-theirs"})
    remove_stack(replace(stacks.context, config=config.model_copy(update={"cloudformation": moved})), stack)
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["now-theirs"]
    s3.delete_bucket(Bucket="now-theirs")


class RefusingS3:
    """Lists one file and deletes none."""

    region = "us-east-1"

    def identity(self) -> Any:
        return type("Identity", (), {"account_id": "123456789012"})

    def pages(self, _service: str, _operation: str, key: str, **_arguments: Any) -> list[dict[str, str]]:
        return [{"Key": "s/a.yaml", "VersionId": "1"}] if key == "Versions" else []

    def call(self, _service: str, _operation: str, **_arguments: Any) -> dict[str, Any]:
        return {"Errors": [{"Key": "s/a.yaml", "Code": "AccessDenied", "Message": "Access Denied"}]}


def test_what_s3_keeps_is_not_counted_as_removed() -> None:
    kept: Any = RefusingS3()
    assert remove_files(kept, "bucket", "s/") == Removed(0, ("s/a.yaml: Access Denied",))


def test_an_upload_that_cannot_be_taken_back_is_told_and_hides_no_error(stacks: Stacks) -> None:
    bucket, kept = "fguard-templates-123456789012-us-east-1", Uploads(stacks.context, "kept")
    kept.put("{}")
    refusing: Any = RefusingS3()
    kept.context = replace(stacks.context, aws=refusing)
    kept.withdraw()
    assert stacks.heard.lines[-1] == f"warning: S3 kept 1 uploaded files in {bucket}: s/a.yaml: Access Denied"

    denied = Uploads(stacks.context, "denied")
    denied.put("{}")
    stacks.sandbox.faults.add(Fault(FaultKind.API_ERROR, aws_service="s3", code="AccessDenied", message="Refused"))
    denied.withdraw()
    stacks.sandbox.faults.clear()
    assert f"may be left: aws s3 rm --recursive s3://{bucket}/denied/" in stacks.heard.lines[-1]
    for name in ("kept", "denied"):
        remove_uploads(stacks.context, name)
    assert stacks.client("s3").list_buckets()["Buckets"] == []


def test_an_update_that_was_not_begun_leaves_no_change_set_and_the_stack_as_it_was(stacks: Stacks) -> None:
    stacks.deploy("kept-as-is", log_groups("kept-as-is", "One"))
    plan = plan_stack(stacks.context, "kept-as-is", log_groups("kept-as-is", "One", retention=3))
    assert plan.change_set_id is not None
    stacks.client("cloudformation").delete_change_set(ChangeSetName=plan.change_set_id)
    with pytest.raises(PlanOutdated):
        execute_stack(stacks.context, plan)
    assert stacks.groups("kept-as-is") == {"One": 1}

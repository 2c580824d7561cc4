"""A change set reads like Terraform's plan; what it interrupts stands out."""

from __future__ import annotations

from typing import Any

from fargate_guard.cli.plan_view import plan_document, plan_text
from fargate_guard.stacks.change_set import StackPlan, changes_from, says_no_changes

Json = dict[str, Any]


def change(action: str, logical_id: str, kind: str, **more: Any) -> Json:
    """One of DescribeChangeSet's ``Changes``."""
    described = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind, **more}
    return {"Type": "Resource", "ResourceChange": described}


def detail(name: str, recreation: str, attribute: str = "Properties") -> Json:
    """Which property changes, and whether that needs another resource."""
    target = {"Attribute": attribute, "Name": name, "RequiresRecreation": recreation}
    return {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}


CHANGES = [
    change("Add", "Vpc", "AWS::EC2::VPC"),
    change(
        "Modify", "Group", "AWS::Logs::LogGroup", Replacement="False", Details=[detail("RetentionInDays", "Never")]
    ),
    change(
        "Modify",
        "LoadBalancer",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        Replacement="True",
        PhysicalResourceId="arn:lb",
        PolicyAction="ReplaceAndDelete",
        Details=[detail("Scheme", "Always"), detail("", "Never", "Tags")],
    ),
    change(
        "Modify",
        "Service",
        "AWS::ECS::Service",
        Replacement="Conditional",
        Details=[detail("Cluster", "Conditionally"), detail("DesiredCount", "Never")],
    ),
    change("Remove", "Nat", "AWS::EC2::NatGateway", PolicyAction="Delete"),
    change("Remove", "Kept", "AWS::Logs::LogGroup", PolicyAction="Retain"),
]


def plan(changes: list[Json]) -> StackPlan:
    return StackPlan("app", "arn:stack", "arn:change-set", creates=False, changes=changes_from(changes))


def test_every_change_has_its_sign_type_properties_and_cause() -> None:
    text = plan_text(plan(CHANGES))
    lines = [line.strip() for line in text.splitlines()]
    assert "+ Vpc AWS::EC2::VPC" in lines
    assert "~ Group AWS::Logs::LogGroup  (RetentionInDays)" in lines
    assert (
        "-/+ LoadBalancer AWS::ElasticLoadBalancingV2::LoadBalancer"
        "  (Scheme, Tags; Scheme cannot be changed in place)" in lines
    )
    assert "-/+? Service AWS::ECS::Service  (Cluster, DesiredCount; Cluster cannot be changed in place)" in lines
    assert "- Nat AWS::EC2::NatGateway" in lines
    assert "- Kept AWS::Logs::LogGroup  (stays in the account (DeletionPolicy))" in lines
    assert lines[-1] == "Plan: 3 to add, 1 to change, 4 to destroy."


def test_what_interrupts_a_service_is_told_once_more_below() -> None:
    _, _, below = plan_text(plan(CHANGES)).partition("Interrupts what runs, or takes data away:")
    assert "LoadBalancer AWS::ElasticLoadBalancingV2::LoadBalancer: its address changes" in below
    assert "Service AWS::ECS::Service: its tasks stop" in below
    assert "Nat AWS::EC2::NatGateway" in below
    assert "Vpc" not in below
    assert "Interrupts" not in plan_text(plan(CHANGES[:2]))


def test_data_that_is_lost_stands_out_unless_a_policy_keeps_it() -> None:
    removed = [
        change("Remove", "Uploads", "AWS::S3::Bucket", PolicyAction="Delete"),
        change("Remove", "Orders", "AWS::RDS::DBInstance", PolicyAction="Snapshot"),
        change("Modify", "Carts", "AWS::DynamoDB::Table", Replacement="True", PolicyAction="ReplaceAndRetain"),
        change("Remove", "Logs", "AWS::Logs::LogGroup", PolicyAction="Retain"),
    ]
    assert [(one.address, one.interrupts) for one in plan(removed).interruptions] == [
        ("Uploads", "what is stored in it is lost"),
        ("Orders", "its database is lost; a snapshot is made before"),
    ]


def test_the_document_has_the_shape_of_terraforms() -> None:
    document = plan_document(plan(CHANGES))
    assert document["summary"] == {"add": 3, "change": 1, "destroy": 4}
    assert document["has_changes"] is True
    replaced = next(one for one in document["changes"] if one["address"] == "LoadBalancer")
    assert replaced["action"] == "replace"
    assert replaced["attributes"] == ["Scheme", "Tags"]
    assert {"address", "type", "action", "reason", "attributes"} <= replaced.keys()


def test_a_change_set_without_changes_is_recognised_by_its_reason() -> None:
    assert says_no_changes(
        "The submitted information didn't contain changes. Submit different information to create a change set."
    )
    assert says_no_changes("No updates are to be performed.")
    assert not says_no_changes("Parameters: [Vpc] must have values")

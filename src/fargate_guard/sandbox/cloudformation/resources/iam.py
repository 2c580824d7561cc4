"""IAM: roles, their policies and instance profiles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resource_type import Made, ResourceFailed
from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, Setting, at, found
from fargate_guard.sandbox.cloudformation.resources.tags import Tagging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any
PRINCIPALS = {"Roles": "Role", "Users": "User", "Groups": "Group"}
"""Property of a policy to what its operations are called after."""


class _IamType(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IAM.html."""

    service = "iam"

    def tagging(self) -> Tagging | None:
        """Only roles have tags here."""
        return None

    def each(self, properties: Properties) -> list[tuple[str, str]]:
        """Return kind and name of everybody whom a policy is for."""
        return [(kind, name) for key, kind in PRINCIPALS.items() for name in properties.get(key) or ()]


class Role(_IamType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html."""

    name = "AWS::IAM::Role"
    creates, deletes, key, physical = "CreateRole", "DeleteRole", "RoleName", "Role.RoleName"
    describes = ("GetRole", "RoleName", "Role")
    attributes = {"Arn": "Arn", "RoleId": "RoleId"}
    settings = (
        Setting("UpdateAssumeRolePolicy", ("AssumeRolePolicyDocument",), at_creation=False),
        Setting("UpdateRole", ("Description", "MaxSessionDuration"), at_creation=False),
    )
    defaults = {"Description": "", "MaxSessionDuration": 3600}
    ignored = frozenset({"ManagedPolicyArns", "Policies"})
    name_property = "RoleName"

    def tagging(self) -> Tagging | None:
        """Roles are tagged by name."""
        return Tagging("TagRole", "UntagRole", "RoleName")

    def put(self, setting: Setting, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """The API calls the trust policy otherwise when it changes."""
        if setting.operation == "UpdateAssumeRolePolicy":
            document = json.dumps(properties["AssumeRolePolicyDocument"])
            self.call(context, setting.operation, {"RoleName": physical_id, "PolicyDocument": document})
        else:
            super().put(setting, physical_id, properties, context)

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Policies come after the role."""
        self._policies(physical_id, {}, properties, context)

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Bring policies and boundary up to date."""
        self._policies(physical_id, old, new, context)
        boundary = new.get("PermissionsBoundary")
        if boundary != old.get("PermissionsBoundary"):
            role = {"RoleName": physical_id}
            if boundary is None:
                self.call(context, "DeleteRolePermissionsBoundary", role)
            else:
                self.call(context, "PutRolePermissionsBoundary", {**role, "PermissionsBoundary": boundary})

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Take the template's policies from the role first; other people's keep it from being deleted."""
        if self.description(physical_id, properties, context) is not None:
            self._policies(physical_id, properties, {}, context)
            self.call(context, "DeleteRole", {"RoleName": physical_id})

    def _policies(self, role: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        attached, wanted = set(old.get("ManagedPolicyArns") or ()), new.get("ManagedPolicyArns") or []
        for arn in sorted(attached.difference(wanted)):
            found(lambda arn=arn: self.call(context, "DetachRolePolicy", {"RoleName": role, "PolicyArn": arn}))  # type: ignore[misc]
        for arn in wanted:
            if arn not in attached:
                self.call(context, "AttachRolePolicy", {"RoleName": role, "PolicyArn": arn})
        before, after = _inline(old), _inline(new)
        for name in sorted(before.keys() - after.keys()):
            found(lambda name=name: self.call(context, "DeleteRolePolicy", {"RoleName": role, "PolicyName": name}))  # type: ignore[misc]
        for name, document in after.items():
            if before.get(name) != document:
                request = {"RoleName": role, "PolicyName": name, "PolicyDocument": document}
                self.call(context, "PutRolePolicy", request)

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Policies are asked for only if the template has some."""
        role = super().description(physical_id, properties, context)
        if role is None:
            return None
        role = {"Description": None, "Tags": [], **role}
        role["PermissionsBoundary"] = at(role, "PermissionsBoundary.PermissionsBoundaryArn")
        if "ManagedPolicyArns" in properties:
            answer = self.call(context, "ListAttachedRolePolicies", {"RoleName": physical_id})
            role["ManagedPolicyArns"] = [each["PolicyArn"] for each in answer["AttachedPolicies"]]
        if "Policies" in properties:
            role["Policies"] = [self._inline_policy(physical_id, name, context) for name in _inline(properties)]
        return role

    def _inline_policy(self, role: str, name: str, context: ResourceContext) -> Json:
        request = {"RoleName": role, "PolicyName": name}
        answer = found(lambda: self.call(context, "GetRolePolicy", request)) or {}
        return {"PolicyName": name, "PolicyDocument": answer.get("PolicyDocument")}


def _inline(properties: Properties) -> dict[str, str]:
    return {each["PolicyName"]: json.dumps(each["PolicyDocument"]) for each in properties.get("Policies") or ()}


class Policy(_IamType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-policy.html."""

    name = "AWS::IAM::Policy"
    attributes = {"Id": "@"}

    def create(self, properties: Properties, context: ResourceContext) -> Made:
        """Put the policy on everybody it is for."""
        self.check(properties, context)
        if not self.each(properties):
            message = "At least one of [Groups,Roles,Users] must be non-empty."
            raise ResourceFailed(message)
        for kind, name in self.each(properties):
            self._put(kind, name, properties, context)
        return Made(context.generated_name(30), {"Id": context.generated_name(30)})

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Put it anew, and take it from whom it is no longer for."""
        if old == new:
            return
        for kind, name in self.each(new):
            self._put(kind, name, new, context)
        kept = self.each(new) if old["PolicyName"] == new["PolicyName"] else []
        for kind, name in self.each(old):
            if (kind, name) not in kept:
                self._take(kind, name, old, context)

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Take the policy from everybody."""
        for kind, name in self.each(properties):
            self._take(kind, name, properties, context)

    def _put(self, kind: str, name: str, properties: Properties, context: ResourceContext) -> None:
        document = json.dumps(properties["PolicyDocument"])
        request = {f"{kind}Name": name, "PolicyName": properties["PolicyName"], "PolicyDocument": document}
        self.call(context, f"Put{kind}Policy", request)

    def _take(self, kind: str, name: str, properties: Properties, context: ResourceContext) -> None:
        request = {f"{kind}Name": name, "PolicyName": properties["PolicyName"]}
        found(lambda: self.call(context, f"Delete{kind}Policy", request))

    def description(
        self,
        physical_id: str,  # noqa: ARG002
        properties: Properties,
        context: ResourceContext,
    ) -> Properties | None:
        """Look at the policy where it is, and say for whom it still is."""
        there: dict[str, Json] = {}
        for key, kind in PRINCIPALS.items():
            for name in properties.get(key) or ():
                request = {f"{kind}Name": name, "PolicyName": properties["PolicyName"]}
                answer = found(lambda: self.call(context, f"Get{kind}Policy", request))  # noqa: B023
                if answer is not None:
                    there.setdefault(key, []).append(name)
                    there["PolicyDocument"] = answer["PolicyDocument"]
        return {**dict.fromkeys(PRINCIPALS), **there} if there else None


class RolePolicy(Policy):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-rolepolicy.html."""

    name = "AWS::IAM::RolePolicy"
    attributes = {}

    def each(self, properties: Properties) -> list[tuple[str, str]]:
        """One role."""
        return [("Role", properties["RoleName"])]

    def create(self, properties: Properties, context: ResourceContext) -> Made:
        """Put the policy on the role."""
        super().create(properties, context)
        return Made(f"{properties['PolicyName']}|{properties['RoleName']}")

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Look at the role."""
        policy = super().description(physical_id, {**properties, "Roles": [properties["RoleName"]]}, context)
        return None if policy is None else {"PolicyDocument": policy["PolicyDocument"]}


class ManagedPolicy(_IamType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-managedpolicy.html."""

    name = "AWS::IAM::ManagedPolicy"
    creates, deletes, key, physical = "CreatePolicy", "DeletePolicy", "PolicyArn", "Policy.Arn"
    describes = ("GetPolicy", "PolicyArn", "Policy")
    attributes = {"PolicyArn": "@", "PolicyId": "PolicyId", "DefaultVersionId": "DefaultVersionId"}
    renames = {"ManagedPolicyName": "PolicyName"}
    name_property, longest_name = "ManagedPolicyName", 128

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Attach the policy to everybody it is for."""
        for kind, name in self.each(properties):
            self.call(context, f"Attach{kind}Policy", {f"{kind}Name": name, "PolicyArn": physical_id})

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """A new document is a new version; the one before it goes."""
        if old["PolicyDocument"] != new["PolicyDocument"]:
            document = json.dumps(new["PolicyDocument"])
            request = {"PolicyArn": physical_id, "PolicyDocument": document, "SetAsDefault": True}
            self.call(context, "CreatePolicyVersion", request)
            self._delete_versions(physical_id, context)
        for kind, name in self.each(old):
            if (kind, name) not in self.each(new):
                self._detach(physical_id, kind, name, context)
        for kind, name in self.each(new):
            if (kind, name) not in self.each(old):
                self.call(context, f"Attach{kind}Policy", {f"{kind}Name": name, "PolicyArn": physical_id})

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Detach the policy and delete every version."""
        if self.description(physical_id, properties, context) is None:
            return
        for kind, name in self.each(properties):
            self._detach(physical_id, kind, name, context)
        self._delete_versions(physical_id, context)
        self.call(context, "DeletePolicy", {"PolicyArn": physical_id})

    def _detach(self, arn: str, kind: str, name: str, context: ResourceContext) -> None:
        request = {f"{kind}Name": name, "PolicyArn": arn}
        found(lambda: self.call(context, f"Detach{kind}Policy", request))

    def _delete_versions(self, arn: str, context: ResourceContext) -> None:
        for version in self.call(context, "ListPolicyVersions", {"PolicyArn": arn})["Versions"]:
            if not version["IsDefaultVersion"]:
                request = {"PolicyArn": arn, "VersionId": version["VersionId"]}
                self.call(context, "DeletePolicyVersion", request)

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Add the document and for whom the policy is."""
        policy = super().description(physical_id, properties, context)
        if policy is None:
            return None
        request = {"PolicyArn": physical_id, "VersionId": policy["DefaultVersionId"]}
        version = self.call(context, "GetPolicyVersion", request)["PolicyVersion"]
        entities = self.call(context, "ListEntitiesForPolicy", {"PolicyArn": physical_id})
        members = {
            key: [each[f"{kind}Name"] for each in entities[f"Policy{key}"]] for key, kind in PRINCIPALS.items()
        }
        return {**policy, **members, "PolicyDocument": version["Document"]}


class InstanceProfile(_IamType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-instanceprofile.html."""

    name = "AWS::IAM::InstanceProfile"
    creates, deletes = "CreateInstanceProfile", "DeleteInstanceProfile"
    key, physical = "InstanceProfileName", "InstanceProfile.InstanceProfileName"
    describes = ("GetInstanceProfile", "InstanceProfileName", "InstanceProfile")
    attributes = {"Arn": "Arn"}
    ignored = frozenset({"Roles"})
    name_property, longest_name = "InstanceProfileName", 128

    def finish(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """A profile has one role."""
        self._roles("Add", physical_id, properties.get("Roles") or [], context)

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Another role takes the place of the old one."""
        if old.get("Roles") != new.get("Roles"):
            self._roles("Remove", physical_id, old.get("Roles") or [], context)
            self._roles("Add", physical_id, new.get("Roles") or [], context)

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Take the role out first."""
        profile = self.description(physical_id, properties, context)
        if profile is not None:
            self._roles("Remove", physical_id, profile["Roles"], context)
            self.call(context, self.deletes, {self.key: physical_id})

    def _roles(self, verb: str, profile: str, roles: list[str], context: ResourceContext) -> None:
        preposition = {"Add": "To", "Remove": "From"}[verb]
        for role in roles:
            request = {"InstanceProfileName": profile, "RoleName": role}
            self.call(context, f"{verb}Role{preposition}InstanceProfile", request)

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Roles by name."""
        profile = super().description(physical_id, properties, context)
        return profile and {**profile, "Roles": [role["RoleName"] for role in profile["Roles"]]}


TYPES = (Role(), Policy(), RolePolicy(), ManagedPolicy(), InstanceProfile())

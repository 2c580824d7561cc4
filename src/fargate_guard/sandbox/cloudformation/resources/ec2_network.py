"""VPCs and what is in them, routes apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resource_type import ResourceFailed
from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, Setting, at, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any
TARGETS = (
    "CarrierGatewayId",
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "LocalGatewayId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
)
"""Where a route can lead."""


class Vpc(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpc.html."""

    name = "AWS::EC2::VPC"
    not_simulated = frozenset({"VpcEncryptionControl", "Ipv4IpamPoolId"})
    service = "ec2"
    creates, deletes, key, physical = "CreateVpc", "DeleteVpc", "VpcId", "Vpc.VpcId"
    describes = ("DescribeVpcs", "VpcIds", "Vpcs.0")
    attributes = {
        "VpcId": "@",
        "CidrBlock": "CidrBlock",
        "DefaultSecurityGroup": "DefaultSecurityGroup",
        "DefaultNetworkAcl": "DefaultNetworkAcl",
        "CidrBlockAssociations": "Associations",
        "Ipv6CidrBlocks": "Ipv6Blocks",
    }
    settings = (
        Setting("ModifyVpcAttribute", ("EnableDnsSupport",)),
        Setting("ModifyVpcAttribute", ("EnableDnsHostnames",)),
        Setting("ModifyVpcTenancy", ("InstanceTenancy",), at_creation=False),
    )
    defaults = {"EnableDnsSupport": True, "EnableDnsHostnames": False}
    tag_type = "vpc"

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Add the DNS settings and what the VPC came with."""
        vpc = super().description(physical_id, properties, context)
        if vpc is None:
            return None
        dns = {
            name: self.call(context, "DescribeVpcAttribute", {"VpcId": physical_id, "Attribute": attribute})
            for name, attribute in (
                ("EnableDnsSupport", "enableDnsSupport"),
                ("EnableDnsHostnames", "enableDnsHostnames"),
            )
        }
        return {
            **vpc,
            **{name: answer[name]["Value"] for name, answer in dns.items()},
            "Associations": [block["AssociationId"] for block in vpc.get("CidrBlockAssociationSet", [])],
            "Ipv6Blocks": [block["Ipv6CidrBlock"] for block in vpc.get("Ipv6CidrBlockAssociationSet", [])],
            **self._defaults(physical_id, context),
        }

    def _defaults(self, vpc_id: str, context: ResourceContext) -> dict[str, Json]:
        in_vpc = {"Name": "vpc-id", "Values": [vpc_id]}
        named = [in_vpc, {"Name": "group-name", "Values": ["default"]}]
        default = [in_vpc, {"Name": "default", "Values": ["true"]}]
        groups = self.call(context, "DescribeSecurityGroups", {"Filters": named})
        lists = self.call(context, "DescribeNetworkAcls", {"Filters": default})
        return {
            "DefaultSecurityGroup": at(groups, "SecurityGroups.0.GroupId"),
            "DefaultNetworkAcl": at(lists, "NetworkAcls.0.NetworkAclId"),
        }


class Subnet(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnet.html."""

    name = "AWS::EC2::Subnet"
    not_simulated = frozenset({"PrivateDnsNameOptionsOnLaunch", "Ipv4IpamPoolId", "OutpostArn"})
    service = "ec2"
    creates, deletes, key, physical = "CreateSubnet", "DeleteSubnet", "SubnetId", "Subnet.SubnetId"
    describes = ("DescribeSubnets", "SubnetIds", "Subnets.0")
    attributes = {
        "SubnetId": "@",
        "VpcId": "VpcId",
        "CidrBlock": "CidrBlock",
        "AvailabilityZone": "AvailabilityZone",
        "AvailabilityZoneId": "AvailabilityZoneId",
        "Ipv6CidrBlocks": "Ipv6CidrBlockAssociationSet",
        "OutpostArn": "OutpostArn",
    }
    settings = tuple(
        Setting("ModifySubnetAttribute", (name,))
        for name in (
            "MapPublicIpOnLaunch",
            "AssignIpv6AddressOnCreation",
            "EnableDns64",
            "EnableLniAtDeviceIndex",
        )
    )
    defaults = {"MapPublicIpOnLaunch": False, "AssignIpv6AddressOnCreation": False, "EnableDns64": False}
    tag_type = "subnet"


class InternetGateway(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-internetgateway.html."""

    name = "AWS::EC2::InternetGateway"
    service = "ec2"
    creates, deletes = "CreateInternetGateway", "DeleteInternetGateway"
    key, physical = "InternetGatewayId", "InternetGateway.InternetGatewayId"
    describes = ("DescribeInternetGateways", "InternetGatewayIds", "InternetGateways.0")
    attributes = {"InternetGatewayId": "@"}
    tag_type = "internet-gateway"


class VpcGatewayAttachment(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcgatewayattachment.html."""

    name = "AWS::EC2::VPCGatewayAttachment"
    not_simulated = frozenset({"VpnGatewayId"})
    service = "ec2"
    creates, deletes = "AttachInternetGateway", "DetachInternetGateway"
    attributes = {"AttachmentType": "Type"}

    def physical_id(self, answer: Properties, request: Properties) -> str:  # noqa: ARG002
        """``IGW|vpc-0123``, as ``Ref`` returns it."""
        return f"IGW|{request['VpcId']}"

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:  # noqa: ARG002
        """The gateway and the VPC."""
        return {"InternetGatewayId": properties["InternetGatewayId"], "VpcId": properties["VpcId"]}

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Another gateway takes the place of the old one."""
        if old.get("InternetGatewayId") != new.get("InternetGatewayId"):
            self.delete(physical_id, old, context)
            self.call(context, self.creates, self.identity(physical_id, new))

    def description(
        self,
        physical_id: str,  # noqa: ARG002
        properties: Properties,
        context: ResourceContext,
    ) -> Properties | None:
        """Find the gateway attached to the VPC."""
        wanted = [{"Name": "attachment.vpc-id", "Values": [properties["VpcId"]]}]
        gateways = self.call(context, "DescribeInternetGateways", {"Filters": wanted})["InternetGateways"]
        if not gateways:
            return None
        gateway = gateways[0]["InternetGatewayId"]
        return {"InternetGatewayId": gateway, "VpcId": properties["VpcId"], "Type": "IGW"}


class Eip(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-eip.html."""

    name = "AWS::EC2::EIP"
    not_simulated = frozenset({"InstanceId", "TransferAddress"})
    service = "ec2"
    creates, deletes, physical = "AllocateAddress", "ReleaseAddress", "PublicIp"
    describes = ("DescribeAddresses", "PublicIps", "Addresses.0")
    attributes = {"AllocationId": "AllocationId", "PublicIp": "PublicIp"}
    tag_type = "elastic-ip"

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """Addresses are for VPCs, whatever the template says."""
        return {**super().create_request(properties, context), "Domain": "vpc"}

    def tagged(self, physical_id: str, context: ResourceContext) -> str:
        """Tags belong to the allocation."""
        return str(at(self.description(physical_id, {}, context), "AllocationId"))

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Release the address by its allocation."""
        address = self.description(physical_id, properties, context)
        if address is not None:
            self.call(context, self.deletes, {"AllocationId": address["AllocationId"]})


class NatGateway(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-natgateway.html."""

    name = "AWS::EC2::NatGateway"
    service = "ec2"
    creates, deletes = "CreateNatGateway", "DeleteNatGateway"
    key, physical = "NatGatewayId", "NatGateway.NatGatewayId"
    describes = ("DescribeNatGateways", "NatGatewayIds", "NatGateways.0")
    attributes = {"NatGatewayId": "@", "EniId": "NatGatewayAddresses.0.NetworkInterfaceId"}
    ignored = frozenset({"MaxDrainDurationSeconds"})
    tag_type = "natgateway"

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """A deleted gateway is shown for a while; its address is where the template has it."""
        gateway = super().description(physical_id, properties, context)
        if gateway is None or gateway["State"] in ("deleted", "deleting"):
            return None
        return {**at(gateway, "NatGatewayAddresses.0"), **gateway}

    def pending(self, physical_id: str, properties: Properties, context: ResourceContext) -> str | None:
        """Wait until the gateway is available."""
        gateway = self.description(physical_id, properties, context)
        if gateway is None or gateway["State"] == "failed":
            why = "it is gone" if gateway is None else gateway.get("FailureMessage", "")
            message = f"NatGateway {physical_id} is in state failed and hence failed to stabilize. {why}"
            raise ResourceFailed(message)
        return None if gateway["State"] == "available" else f"NatGateway {physical_id} is {gateway['State']}"


class VpcEndpoint(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcendpoint.html."""

    name = "AWS::EC2::VPCEndpoint"
    service = "ec2"
    creates, deletes = "CreateVpcEndpoint", "DeleteVpcEndpoints"
    key, physical = "VpcEndpointId", "VpcEndpoint.VpcEndpointId"
    describes = ("DescribeVpcEndpoints", "VpcEndpointIds", "VpcEndpoints.0")
    attributes = {
        "Id": "@",
        "CreationTimestamp": "CreationTimestamp",
        "NetworkInterfaceIds": "NetworkInterfaceIds",
        "DnsEntries": "DnsNames",
    }
    tag_type = "vpc-endpoint"
    _sets = {
        "RouteTableIds": ("AddRouteTableIds", "RemoveRouteTableIds"),
        "SubnetIds": ("AddSubnetIds", "RemoveSubnetIds"),
        "SecurityGroupIds": ("AddSecurityGroupIds", "RemoveSecurityGroupIds"),
    }

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:  # noqa: ARG002
        """Endpoints are deleted in bulk."""
        return {"VpcEndpointIds": [physical_id]}

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Add and remove members; replace the rest."""
        request: dict[str, Json] = {}
        for name, (add, remove) in self._sets.items():
            before, after = set(old.get(name) or ()), set(new.get(name) or ())
            request |= {add: sorted(after - before)} if after - before else {}
            request |= {remove: sorted(before - after)} if before - after else {}
        plain = {
            key: new[key]
            for key in ("PolicyDocument", "PrivateDnsEnabled", "IpAddressType")
            if key in new and new[key] != old.get(key)
        }
        request |= self.request("ModifyVpcEndpoint", plain, context)
        if "PolicyDocument" in old and "PolicyDocument" not in new:
            request["ResetPolicy"] = True
        if request:
            self.call(context, "ModifyVpcEndpoint", {"VpcEndpointId": physical_id, **request})

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Groups are a list of IDs in a template; DNS names have their zone before them."""
        endpoint = super().description(physical_id, properties, context)
        if endpoint is None or endpoint["State"] in ("deleted", "deleting"):
            return None
        return {
            **endpoint,
            "SecurityGroupIds": [group["GroupId"] for group in endpoint.get("Groups", [])],
            "CreationTimestamp": endpoint["CreationTimestamp"].isoformat(),
            "DnsNames": [
                f"{entry.get('HostedZoneId', '')}:{entry['DnsName']}" for entry in endpoint.get("DnsEntries", [])
            ],
        }


class FlowLog(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-flowlog.html."""

    name = "AWS::EC2::FlowLog"
    service = "ec2"
    creates, deletes, physical = "CreateFlowLogs", "DeleteFlowLogs", "FlowLogIds.0"
    describes = ("DescribeFlowLogs", "FlowLogIds", "FlowLogs.0")
    attributes = {"Id": "@"}
    tag_type = "vpc-flow-log"

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """One resource, where the API takes several."""
        return {**super().create_request(properties, context), "ResourceIds": [properties["ResourceId"]]}

    def physical_id(self, answer: Properties, request: Properties) -> str:
        """The API succeeds even if no flow log comes of it."""
        for refused in answer.get("Unsuccessful", []):
            raise ResourceFailed(str(at(refused, "Error.Message")))
        return super().physical_id(answer, request)

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:  # noqa: ARG002
        """Flow logs are deleted in bulk."""
        return {"FlowLogIds": [physical_id]}


class RouteTable(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-routetable.html."""

    name = "AWS::EC2::RouteTable"
    service = "ec2"
    creates, deletes = "CreateRouteTable", "DeleteRouteTable"
    key, physical = "RouteTableId", "RouteTable.RouteTableId"
    describes = ("DescribeRouteTables", "RouteTableIds", "RouteTables.0")
    attributes = {"RouteTableId": "@"}
    tag_type = "route-table"


class Route(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-route.html."""

    name = "AWS::EC2::Route"
    service = "ec2"
    creates, deletes = "CreateRoute", "DeleteRoute"
    attributes = {"CidrBlock": "Destination"}
    _destinations = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")

    def physical_id(self, answer: Properties, request: Properties) -> str:  # noqa: ARG002
        """The table and the destination."""
        return f"{request['RouteTableId']}|{self._destination(request)[1]}"

    def _destination(self, properties: Properties) -> tuple[str, str]:
        name = next((name for name in self._destinations if name in properties), None)
        if name is None:
            message = f"Exactly one of [{', '.join(self._destinations)}] must be specified and not empty"
            raise ResourceFailed(message)
        return name, properties[name]

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:  # noqa: ARG002
        """The table and the destination."""
        name, value = self._destination(properties)
        return {"RouteTableId": properties["RouteTableId"], name: value}

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Another target, same destination."""
        if old != new:
            self.call(context, "ReplaceRoute", self.request("ReplaceRoute", new, context))

    def description(
        self,
        physical_id: str,  # noqa: ARG002
        properties: Properties,
        context: ResourceContext,
    ) -> Properties | None:
        """Find the route in its table."""
        table = found(
            lambda: self.call(context, "DescribeRouteTables", {"RouteTableIds": [properties["RouteTableId"]]})
        )
        name, value = self._destination(properties)
        for route in at(table, "RouteTables.0.Routes") or []:
            if route.get(name) == value:
                targets = dict.fromkeys(TARGETS)
                return {**targets, **route, "RouteTableId": properties["RouteTableId"], "Destination": value}
        return None


class SubnetRouteTableAssociation(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-subnetroutetableassociation.html."""

    name = "AWS::EC2::SubnetRouteTableAssociation"
    service = "ec2"
    creates, deletes = "AssociateRouteTable", "DisassociateRouteTable"
    key, physical = "AssociationId", "AssociationId"
    attributes = {"Id": "@"}

    def description(
        self,
        physical_id: str,
        properties: Properties,  # noqa: ARG002
        context: ResourceContext,
    ) -> Properties | None:
        """Find the association among the route tables'."""
        wanted = [{"Name": "association.route-table-association-id", "Values": [physical_id]}]
        tables = self.call(context, "DescribeRouteTables", {"Filters": wanted})["RouteTables"]
        associations = [each for table in tables for each in table["Associations"]]
        return next((each for each in associations if each["RouteTableAssociationId"] == physical_id), None)


TYPES = (
    Vpc(),
    Subnet(),
    InternetGateway(),
    VpcGatewayAttachment(),
    Eip(),
    NatGateway(),
    VpcEndpoint(),
    FlowLog(),
    RouteTable(),
    Route(),
    SubnetRouteTableAssociation(),
)

"""What moto gets wrong and the sandbox mends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.sandbox_account import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.sandbox import Sandbox
    from tests.sandbox.sandbox_account import Account


def test_network_load_balancers_have_their_own_arns_and_are_active_at_once(account: Account) -> None:
    group = account.target_group()
    balancer = account.elb.describe_load_balancers(Names=[account.name])["LoadBalancers"][0]
    arn = balancer["LoadBalancerArn"]
    listener = account.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]
    assert f":loadbalancer/net/{account.name}/" in arn
    assert f":listener/net/{account.name}/" in listener["ListenerArn"]
    assert balancer["State"]["Code"] == "active"
    assert balancer["DNSName"].endswith(".elb.us-east-1.amazonaws.com")
    assert account.elb.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"][0]["TargetGroupArn"] == group


def test_a_new_load_balancer_is_active_in_the_very_answer_that_creates_it(account: Account) -> None:
    created = account.elb.create_load_balancer(Name=account.name, Type="network", Subnets=account.subnets)
    assert created["LoadBalancers"][0]["State"]["Code"] == "active"


def test_a_listeners_new_target_group_belongs_to_its_load_balancer(account: Account) -> None:
    account.target_group()
    balancer = account.elb.describe_load_balancers(Names=[account.name])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = account.elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    other = account.elb.create_target_group(
        Name=f"{account.name}-other", Protocol="TCP", Port=7000, VpcId=account.vpc, TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    forward = [{"Type": "forward", "TargetGroupArn": other}]
    account.elb.modify_listener(ListenerArn=listener, DefaultActions=forward)
    (found,) = account.elb.describe_target_groups(TargetGroupArns=[other])["TargetGroups"]
    assert found["LoadBalancerArns"] == [balancer]


def test_aws_managed_policies_exist(sandbox: Sandbox) -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    assert client(sandbox, "iam").get_policy(PolicyArn=arn)["Policy"]["Arn"] == arn


def test_networks_in_use_cannot_be_deleted(account: Account) -> None:
    account.stable_service(loadBalancers=account.balanced())
    for delete in (delete_subnet, delete_group, delete_vpc):
        with pytest.raises(ClientError, match="DependencyViolation"):
            delete(account)
    account.ecs.delete_service(cluster=account.name, service="web", force=True)
    account.clock.advance(5)
    with pytest.raises(ClientError, match="DependencyViolation"):
        delete_subnet(account)
    balancer = account.elb.describe_load_balancers(Names=[account.name])["LoadBalancers"][0]["LoadBalancerArn"]
    account.elb.delete_load_balancer(LoadBalancerArn=balancer)
    delete_subnet(account)
    delete_group(account)


def test_a_network_load_balancer_leaves_the_subnets_that_are_taken_from_it(account: Account) -> None:
    cidrs = (("10.0.201.0/24", "us-east-1a"), ("10.0.202.0/24", "us-east-1b"), ("10.0.203.0/24", "us-east-1c"))
    made = [
        account.ec2.create_subnet(VpcId=account.vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in cidrs
    ]
    name = f"{account.name}-moved"
    balancer = account.elb.create_load_balancer(Name=name, Type="network", Scheme="internal", Subnets=made[:2])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    account.elb.set_subnets(LoadBalancerArn=arn, Subnets=made[1:])
    account.ec2.delete_subnet(SubnetId=made[0])
    for subnet in made[1:]:
        with pytest.raises(ClientError, match="DependencyViolation"):
            account.ec2.delete_subnet(SubnetId=subnet)
    account.elb.delete_load_balancer(LoadBalancerArn=arn)
    for subnet in made[1:]:
        account.ec2.delete_subnet(SubnetId=subnet)


def delete_subnet(account: Account) -> None:
    account.ec2.delete_subnet(SubnetId=account.subnets[0])


def delete_group(account: Account) -> None:
    account.ec2.delete_security_group(GroupId=account.group)


def delete_vpc(account: Account) -> None:
    account.ec2.delete_vpc(VpcId=account.vpc)


def test_a_security_group_that_another_one_names_cannot_be_deleted(account: Account) -> None:
    other = account.ec2.create_security_group(GroupName="other", Description="d", VpcId=account.vpc)["GroupId"]
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 1,
        "ToPort": 1,
        "UserIdGroupPairs": [{"GroupId": account.group, "Description": "from tasks"}],
    }
    account.ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[rule])
    with pytest.raises(ClientError, match="has a dependent object"):
        delete_group(account)
    rules = account.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [other]}])
    assert "from tasks" in [rule.get("Description") for rule in rules["SecurityGroupRules"]]
    account.ec2.delete_security_group(GroupId=other)
    delete_group(account)


@pytest.mark.parametrize("text", ["the fleet's agents", "größer", "a" * 256])
def test_descriptions_that_ec2_refuses_are_refused(account: Account, text: str) -> None:
    def rule(description: str) -> list[Any]:
        ranges = [{"CidrIp": "10.0.0.0/8", "Description": description}]
        return [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": ranges}]

    ec2, name = account.ec2, f"described-{len(text)}-{account.name}"
    group = ec2.create_security_group(GroupName=name, Description="a-z .:/()#,@[]+=&;{}!$*", VpcId=account.vpc)
    ingress = {"GroupId": group["GroupId"], "IpPermissions": rule(text)}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=rule("agents of the fleet"))
    calls: tuple[Callable[[], Any], ...] = (
        lambda: ec2.create_security_group(GroupName=f"{name}-2", Description=text, VpcId=account.vpc),
        lambda: ec2.authorize_security_group_ingress(**ingress),
        lambda: ec2.authorize_security_group_egress(**ingress),
        lambda: ec2.update_security_group_rule_descriptions_ingress(**ingress),
    )
    for call in calls:
        with pytest.raises(ClientError, match=r"InvalidParameterValue.*Valid descriptions are strings less"):
            call()
    ec2.delete_security_group(GroupId=group["GroupId"])


def test_an_internet_gateway_stays_while_public_addresses_are_in_use(account: Account) -> None:
    gateway = account.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    account.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=account.vpc)
    account.stable_service(networkConfiguration=account.network(public=True))
    with pytest.raises(ClientError, match="mapped public address"):
        account.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=account.vpc)
    account.update(desiredCount=0)
    account.clock.advance(5)
    account.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=account.vpc)


def test_gateways_and_endpoints_have_interfaces_in_their_subnets_and_take_them_away(account: Account) -> None:
    address = account.ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = account.ec2.create_nat_gateway(SubnetId=account.subnets[0], AllocationId=address)["NatGateway"]
    endpoint = account.ec2.create_vpc_endpoint(
        VpcId=account.vpc,
        ServiceName="com.amazonaws.us-east-1.logs",
        VpcEndpointType="Interface",
        SubnetIds=account.subnets,
        SecurityGroupIds=[account.group],
    )["VpcEndpoint"]["VpcEndpointId"]
    interfaces = account.interfaces()
    assert len(interfaces) == 3
    assert all(interface["PrivateIpAddress"].startswith("10.0.") for interface in interfaces)
    assert [len(i["Groups"]) for i in interfaces if i["InterfaceType"] == "vpc_endpoint"] == [1, 1]
    account.ec2.delete_nat_gateway(NatGatewayId=nat["NatGatewayId"])
    account.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert account.interfaces() == []
    account.ec2.release_address(AllocationId=address)


def test_no_field_of_a_task_definition_is_lost(account: Account) -> None:
    fields: dict[str, Any] = {
        "pidMode": "task",
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 30},
        "enableFaultInjection": True,
        "volumes": [{"name": "scratch"}],
        "taskRoleArn": "arn:aws:iam::123456789012:role/t",
        "executionRoleArn": "arn:aws:iam::123456789012:role/e",
    }
    awkward = 'quotes " and ${dollar} %{percent} \\ back\nnew line 🦊'
    container = account.container(
        entryPoint=["/opt/draios/bin/instrument", "sh", "-c"],
        command=[awkward],
        environment=[{"name": "B", "value": awkward}, {"name": "A", "value": ""}],
        volumesFrom=[{"sourceContainer": "sidecar", "readOnly": True}],
        linuxParameters={"capabilities": {"add": ["SYS_PTRACE"], "drop": []}},
        restartPolicy={"enabled": True},
    )
    arn = account.register(container, account.container("sidecar", essential=False), **fields)
    described = account.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    assert {key: described[key] for key in fields} == fields | {"volumes": described["volumes"]}
    assert described["volumes"][0]["name"] == "scratch"
    assert {key: described["containerDefinitions"][0][key] for key in container if key != "portMappings"} == {
        key: value for key, value in container.items() if key != "portMappings"
    }
    assert described["status"] == "ACTIVE"
    assert described["registeredAt"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"executionRoleArn": ""}, "execution role ARN to support log driver awslogs"),
        ({"executionRoleArn": "", "secrets": True}, "specifying container secrets"),
        (
            {"cpu": "256", "memory": "4096"},
            "No Fargate configuration exists for given values: 256 CPU, 4096 memory",
        ),
        ({"networkMode": "bridge"}, "Fargate only supports network mode"),
        ({"volumesFrom": "nobody"}, "Unknown volume source container 'nobody'"),
        ({"dependsOn": "nobody"}, "Unknown container that is depended on 'nobody'"),
        ({"essential": False}, "at least one container must be essential"),
        ({"twice": True}, "should be unique"),
    ],
)
def test_task_definitions_that_ecs_refuses_are_refused(
    account: Account, fields: dict[str, Any], reason: str
) -> None:
    container = account.container()
    if fields.pop("secrets", False):
        container["secrets"] = [{"name": "K", "valueFrom": "arn:aws:ssm:us-east-1:1:parameter/p"}]
    if "volumesFrom" in fields:
        container["volumesFrom"] = [{"sourceContainer": fields.pop("volumesFrom")}]
    if "dependsOn" in fields:
        container["dependsOn"] = [{"containerName": fields.pop("dependsOn"), "condition": "START"}]
    container["essential"] = fields.pop("essential", True)
    containers = [container, container] if fields.pop("twice", False) else [container]
    with pytest.raises(ClientError, match=reason):
        account.register(*containers, **fields)


def test_revisions_never_change_and_the_family_means_its_newest_active_one(account: Account) -> None:
    first = account.register(account.container(command=["one"]))
    second = account.register(account.container(command=["two"]))
    assert command(account, first) == ["one"]
    assert command(account, account.name) == ["two"]
    account.ecs.deregister_task_definition(taskDefinition=second)
    assert command(account, account.name) == ["one"]
    assert account.register().endswith(":3")
    with pytest.raises(ClientError, match="inactive"):
        account.create_service(second)


def command(account: Account, reference: str) -> list[str]:
    definition = account.ecs.describe_task_definition(taskDefinition=reference)["taskDefinition"]
    return list(definition["containerDefinitions"][0]["command"])


def test_run_task_needs_no_memory_in_the_container(account: Account) -> None:
    account.register()
    ran = account.ecs.run_task(
        cluster=account.name,
        taskDefinition=account.name,
        networkConfiguration=account.network(),
        launchType="FARGATE",
        startedBy="a test",
        count=2,
    )
    assert len(ran["tasks"]) == 2
    account.clock.advance(5)
    task = account.tasks(startedBy="a test")[0]
    assert (task["lastStatus"], task["group"]) == ("RUNNING", f"family:{account.name}")


def test_tagged_services_and_load_balancers_are_found_and_gone_ones_are_not(account: Account) -> None:
    tag = {"fguard:deployment": account.name}
    account.create_service(tags=[{"key": key, "value": value} for key, value in tag.items()])
    account.elb.create_load_balancer(
        Name=account.name,
        Type="network",
        Subnets=account.subnets,
        Tags=[{"Key": key, "Value": value} for key, value in tag.items()],
    )
    assert tagged(account) == ["loadbalancer", "service"]
    account.ecs.delete_service(cluster=account.name, service="web", force=True)
    account.clock.advance(5)
    assert tagged(account) == ["loadbalancer"]


def test_services_tasks_and_revisions_can_be_tagged_afterwards(account: Account) -> None:
    service = account.stable_service()
    for arn in (service["serviceArn"], service["taskDefinition"], account.tasks()[0]["taskArn"]):
        account.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
        account.ecs.untag_resource(resourceArn=arn, tagKeys=["b"])
        assert account.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "1"}]
    described = account.ecs.describe_services(cluster=account.name, services=["web"], include=["TAGS"])
    assert described["services"][0]["tags"] == [{"key": "a", "value": "1"}]
    with pytest.raises(ClientError, match="could not be found"):
        account.ecs.tag_resource(resourceArn=service["serviceArn"] + "x", tags=[{"key": "a", "value": "1"}])


def tagged(account: Account) -> list[str]:
    """Types of the resources that carry this test's tag."""
    resources = client(account.sandbox, "resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "fguard:deployment", "Values": [account.name]}]
    )["ResourceTagMappingList"]
    return sorted(resource["ResourceARN"].split(":")[5].split("/")[0] for resource in resources)


def test_scalable_targets_have_tags(account: Account) -> None:
    account.stable_service()
    scaling = client(account.sandbox, "application-autoscaling")
    arn = scaling.register_scalable_target(
        ServiceNamespace="ecs",
        ScalableDimension="ecs:service:DesiredCount",
        ResourceId=f"service/{account.name}/web",
        MinCapacity=1,
        MaxCapacity=2,
        Tags={"team": "blue"},
    )["ScalableTargetARN"]
    scaling.tag_resource(ResourceARN=arn, Tags={"stage": "test"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"stage": "test"}
    nobodys = arn[:-4] + "0000"
    for call, more in (
        (scaling.list_tags_for_resource, {}),
        (scaling.tag_resource, {"Tags": {"a": "b"}}),
        (scaling.untag_resource, {"TagKeys": ["a"]}),
    ):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call(ResourceARN=nobodys, **more)
    with pytest.raises(ClientError, match="TooManyTagsException"):
        scaling.tag_resource(ResourceARN=arn, Tags={f"key-{number}": "" for number in range(50)})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"stage": "test"}

"""Ways to break what is around the tasks, each with the checks that must complain."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.verify.breakage import breaks, ingress, policy, restart, silence, update_web, without_egress
from tests.verify.stack_changes import redeploy_web, restore_services
from tests.verify.stack_settings import CIRCUIT_BREAKER, PORT, allow, tcp, trust

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.verify.expected import Expected
    from tests.verify.deployed_stack import Stack


# The network


@breaks("network.dns")
def no_dns_hostnames(stack: Stack) -> Iterator[None]:
    stack.ec2.modify_vpc_attribute(VpcId=stack.vpc, EnableDnsHostnames={"Value": False})
    yield
    stack.ec2.modify_vpc_attribute(VpcId=stack.vpc, EnableDnsHostnames={"Value": True})


@breaks("network.route-out")
def no_default_route(stack: Stack) -> Iterator[None]:
    stack.ec2.delete_route(RouteTableId=stack.private_routes, DestinationCidrBlock="0.0.0.0/0")
    yield
    stack.ec2.create_route(
        RouteTableId=stack.private_routes, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=stack.nat
    )


@breaks("network.nat-gateways")
def nat_gateway_deleted(stack: Stack) -> Iterator[Expected]:
    address = stack.ec2.allocate_address(Domain="vpc")["AllocationId"]
    second = stack.ec2.create_nat_gateway(SubnetId=stack.public[1], AllocationId=address)
    nat = second["NatGateway"]["NatGatewayId"]
    stack.ec2.delete_nat_gateway(NatGatewayId=nat)
    network = replace(stack.outputs.network, nat_gateway_ids=(stack.nat, nat))
    yield replace(stack.expected, outputs=replace(stack.outputs, network=network))


@breaks("network.endpoints")
def endpoint_without_private_dns(stack: Stack) -> Iterator[Expected]:
    endpoint = stack.ec2.create_vpc_endpoint(
        VpcId=stack.vpc,
        ServiceName="com.amazonaws.us-east-1.secretsmanager",
        VpcEndpointType="Interface",
        SubnetIds=stack.private,
        PrivateDnsEnabled=False,
    )["VpcEndpoint"]["VpcEndpointId"]
    network = replace(stack.outputs.network, vpc_endpoint_ids=(*stack.endpoints, endpoint))
    yield replace(stack.expected, outputs=replace(stack.outputs, network=network))
    stack.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])


@breaks("network.public-ip")
def public_ip_behind_nat(stack: Stack) -> Iterator[None]:
    update_web(stack, networkConfiguration=stack.network_of(stack.web_group, "ENABLED"))
    yield
    restore_services(stack)


# Security groups


@breaks("orchestrator.ingress")
def orchestrator_open_to_the_world(stack: Stack) -> Iterator[None]:
    with ingress(stack, stack.orchestrator_group, tcp(PORT, "0.0.0.0/0")):
        yield


@breaks("load-balancer.ingress")
def load_balancer_open_to_the_world(stack: Stack) -> Iterator[None]:
    with ingress(stack, stack.load_balancer_group, tcp(PORT, "0.0.0.0/0")):
        yield


@breaks("load-balancer.ingress")
def load_balancer_open_on_other_ports(stack: Stack) -> Iterator[None]:
    with ingress(stack, stack.load_balancer_group, tcp(22, "10.0.128.0/20")):
        yield


@breaks("load-balancer.egress")
def load_balancer_shut_in(stack: Stack) -> Iterator[None]:
    with without_egress(stack, stack.load_balancer_group, tcp(PORT, stack.orchestrator_group)):
        yield


@breaks("load-balancer.admits-workloads")
def load_balancer_closed_to_one_zone(stack: Stack) -> Iterator[None]:
    rule = tcp(PORT, "10.0.144.0/20")
    stack.ec2.revoke_security_group_ingress(GroupId=stack.load_balancer_group, IpPermissions=[rule])
    yield
    stack.ec2.authorize_security_group_ingress(GroupId=stack.load_balancer_group, IpPermissions=[rule])


@breaks("orchestrator.egress")
def orchestrator_cut_off_from_collector(stack: Stack) -> Iterator[None]:
    with without_egress(stack, stack.orchestrator_group, tcp(6443, "0.0.0.0/0")):
        yield


@breaks("workload.egress")
def workload_shut_in(stack: Stack) -> Iterator[None]:
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    with without_egress(stack, stack.web_group, everything):
        yield


@breaks("workload.ingress")
def workload_open_to_the_world(stack: Stack) -> Iterator[None]:
    with ingress(stack, stack.web_group, tcp(8080, "0.0.0.0/0")):
        yield


# The load balancer


@breaks("load-balancer.security-group")
def load_balancer_in_another_security_group(stack: Stack) -> Iterator[None]:
    stack.elbv2.set_security_groups(LoadBalancerArn=stack.load_balancer, SecurityGroups=[stack.web_group])
    yield
    stack.elbv2.set_security_groups(
        LoadBalancerArn=stack.load_balancer, SecurityGroups=[stack.load_balancer_group]
    )


@breaks("load-balancer.listener")
def listener_deleted(stack: Stack) -> Iterator[None]:
    stack.elbv2.delete_listener(ListenerArn=stack.listener)
    yield
    stack.listener = stack.create_listener()


@breaks("load-balancer.target-healthy")
def target_deregistered(stack: Stack) -> Iterator[None]:
    found = stack.elbv2.describe_target_health(TargetGroupArn=stack.target_group)["TargetHealthDescriptions"]
    targets = [{"Id": one["Target"]["Id"], "Port": one["Target"]["Port"]} for one in found]
    stack.elbv2.deregister_targets(TargetGroupArn=stack.target_group, Targets=targets)
    yield
    stack.elbv2.register_targets(TargetGroupArn=stack.target_group, Targets=targets)


# Services


@breaks("service.circuit-breaker")
def circuit_breaker_without_rollback(stack: Stack) -> Iterator[None]:
    breaker = {**CIRCUIT_BREAKER, "deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    update_web(stack, deploymentConfiguration=breaker)
    yield
    restore_services(stack)


@breaks("service.network")
def service_in_another_security_group(stack: Stack) -> Iterator[None]:
    update_web(stack, networkConfiguration=stack.network_of(stack.load_balancer_group))
    yield
    restore_services(stack)


@breaks("service.deployment", "service.running-count")
def service_scaled_to_zero(stack: Stack) -> Iterator[None]:
    update_web(stack, desiredCount=0)
    yield
    restore_services(stack)


@breaks("service.deployment", "service.task-definition", "task.revision")
def service_deployed_by_somebody_else(stack: Stack) -> Iterator[None]:
    redeploy_web(stack, stack.web_json)
    yield
    restore_services(stack)


# The access key and the execution roles


@breaks("access-key.exists")
def secret_scheduled_for_deletion(stack: Stack) -> Iterator[None]:
    stack.secrets.delete_secret(SecretId=stack.secret, RecoveryWindowInDays=7)
    yield
    stack.secrets.restore_secret(SecretId=stack.secret)


@breaks("execution-role.trust")
def role_that_ecs_may_not_assume(stack: Stack) -> Iterator[None]:
    policy = {"RoleName": "fguard_training_web_exec"}
    stack.iam.update_assume_role_policy(**policy, PolicyDocument=json.dumps(trust("ec2.amazonaws.com")))
    yield
    stack.iam.update_assume_role_policy(**policy, PolicyDocument=json.dumps(trust("ecs-tasks.amazonaws.com")))


@breaks("execution-role.reads-secrets")
def role_that_may_not_read_the_key(stack: Stack) -> Iterator[None]:
    with policy(stack, "orchestrator", stack.orchestrator_statements()[:1]):
        yield


@breaks("execution-role.reads-secrets")
def role_that_is_denied_the_key(stack: Stack) -> Iterator[None]:
    deny = {"Effect": "Deny", "Action": "secretsmanager:*", "Resource": "*"}
    with policy(stack, "orchestrator", [*stack.orchestrator_statements(), deny]):
        yield


@breaks("execution-role.writes-logs")
def role_that_may_not_write_logs(stack: Stack) -> Iterator[None]:
    with policy(stack, "orchestrator", stack.orchestrator_statements()[1:]):
        yield


@breaks("execution-role.pulls-images")
def role_that_may_not_pull(stack: Stack) -> Iterator[None]:
    with policy(stack, "web", stack.web_statements()[:1]):
        yield


@breaks("execution-role.least-privilege")
def role_that_reads_every_secret(stack: Stack) -> Iterator[None]:
    wide = allow(["secretsmanager:GetSecretValue"], "*")
    with policy(stack, "orchestrator", [*stack.orchestrator_statements(), wide]):
        yield


# Logs


@breaks("logs.groups")
def log_group_deleted(stack: Stack) -> Iterator[None]:
    stack.logs.delete_log_group(logGroupName="/fguard/training/web")
    yield
    stack.create_log_group("/fguard/training/web")


@breaks("logs.retention")
def logs_kept_for_ever(stack: Stack) -> Iterator[None]:
    group = "/fguard/training/orchestrator"
    stack.logs.delete_retention_policy(logGroupName=group)
    yield
    stack.logs.put_retention_policy(logGroupName=group, retentionInDays=30)


@breaks("logs.orchestrator")
def orchestrator_that_says_nothing(stack: Stack) -> Iterator[None]:
    silence(stack, "/fguard/training/orchestrator")
    yield
    restart(stack, "fguard_training_sysdig_orchestrator")


@breaks("logs.sidecar")
def sidecar_that_says_nothing(stack: Stack) -> Iterator[None]:
    silence(stack, "/fguard/training/web/agent")
    yield
    restart(stack, "fguard_training_web")

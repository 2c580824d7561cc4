"""Services in the embedded AWS, as boto3 sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.sandbox.sandbox_account import Account


def test_tasks_walk_through_the_states_of_ecs_in_order(account: Account) -> None:
    account.create_service(desiredCount=1, loadBalancers=account.balanced())
    seen = []
    for _ in range(60):
        seen += [task["lastStatus"] for task in account.tasks()]
        account.clock.advance(0.05)
    assert list(dict.fromkeys(seen)) == ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"]
    account.update(desiredCount=0)
    seen = []
    for _ in range(60):
        seen += [task["lastStatus"] for task in account.tasks("STOPPED")]
        account.clock.advance(0.05)
    assert list(dict.fromkeys(seen)) == ["DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]


def test_a_running_task_has_a_network_interface_in_its_subnet_with_its_security_groups(account: Account) -> None:
    account.stable_service(networkConfiguration=account.network(public=True))
    first, second = account.tasks()
    details = {detail["name"]: detail["value"] for detail in first["attachments"][0]["details"]}
    interface = account.ec2.describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])[
        "NetworkInterfaces"
    ][0]
    assert interface["SubnetId"] == details["subnetId"]
    assert interface["PrivateIpAddress"] == details["privateIPv4Address"]
    assert [group["GroupId"] for group in interface["Groups"]] == [account.group]
    assert interface["Association"]["PublicIp"]
    assert first["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] == details["privateIPv4Address"]
    assert {first["availabilityZone"], second["availabilityZone"]} == {"us-east-1a", "us-east-1b"}


def test_a_running_task_says_when_it_was_created_pulled_and_started(account: Account) -> None:
    account.stable_service(
        taskDefinition=account.register(
            account.container(healthCheck={"command": ["CMD", "true"]}), pidMode="task"
        )
    )
    task = account.tasks()[0]
    assert task["createdAt"] < task["pullStartedAt"] < task["pullStoppedAt"] <= task["startedAt"]
    assert (task["connectivity"], task["healthStatus"]) == ("CONNECTED", "HEALTHY")
    assert task["containers"][0]["healthStatus"] == "HEALTHY"
    assert (task["platformVersion"], task["launchType"]) == ("1.4.0", "FARGATE")


def test_targets_begin_as_initial_become_healthy_and_drain_away(account: Account) -> None:
    targets = account.balanced()
    account.create_service(desiredCount=1, loadBalancers=targets)
    states = []
    for step in range(80):
        states += target_states(account, targets[0]["targetGroupArn"])
        account.clock.advance(0.05)
        if step == 40:
            account.update(desiredCount=0)
    assert list(dict.fromkeys(states)) == ["initial", "healthy", "draining"]
    assert target_states(account, targets[0]["targetGroupArn"]) == []


def test_the_events_of_a_deployment_are_worded_as_in_ecs(account: Account) -> None:
    targets = account.balanced()
    service = account.stable_service(desiredCount=1, loadBalancers=targets)
    task = account.tasks()[0]["taskArn"].split("/")[-1]
    assert account.events() == [
        f"(service web) has started 1 tasks: (task {task}).",
        f"(service web) registered 1 targets in (target-group {targets[0]['targetGroupArn']})",
        f"(service web) (deployment {service['deployments'][0]['id']}) deployment completed.",
        "(service web) has reached a steady state.",
    ]


def test_a_new_revision_replaces_the_old_one_without_falling_below_the_minimum(account: Account) -> None:
    before = account.stable_service(loadBalancers=account.balanced())["deployments"][0]
    revision = account.register()
    account.update(taskDefinition=revision)
    running = []
    while len(account.service()["deployments"]) > 1:
        service = account.service()
        assert [d["status"] for d in service["deployments"]] == ["PRIMARY", "ACTIVE"]
        running.append(service["runningCount"])
        account.clock.advance(0.05)
    account.clock.advance(1)
    after = account.service()["deployments"][0]
    assert min(running) >= 2
    assert max(running) <= 4
    assert after["id"] != before["id"]
    assert (after["taskDefinition"], after["rolloutState"]) == (revision, "COMPLETED")
    assert {task["taskDefinitionArn"] for task in account.tasks()} == {revision}
    assert {task["stoppedReason"] for task in account.tasks("STOPPED")} == {
        f"Scaling activity initiated by (deployment {after['id']})"
    }


def test_force_new_deployment_replaces_all_tasks_and_scaling_does_not(account: Account) -> None:
    before = account.stable_service()["deployments"][0]["id"]
    old = {task["taskArn"] for task in account.tasks()}
    account.update(desiredCount=3)
    account.clock.advance(5)
    assert account.service()["deployments"][0]["id"] == before
    assert old < {task["taskArn"] for task in account.tasks()}
    account.update(forceNewDeployment=True)
    account.clock.advance(5)
    assert account.service()["deployments"][0]["id"] != before
    assert not old & {task["taskArn"] for task in account.tasks()}


def test_service_deployments_tell_from_what_to_what(account: Account) -> None:
    account.stable_service()
    first = account.service_deployment()
    account.update(taskDefinition=account.register())
    assert account.service_deployment()["status"] == "IN_PROGRESS"
    account.clock.advance(5)
    second = account.service_deployment()
    assert (first["status"], second["status"]) == ("SUCCESSFUL", "SUCCESSFUL")
    assert [s["arn"] for s in second["sourceServiceRevisions"]] == [first["targetServiceRevision"]["arn"]]
    assert second["targetServiceRevision"]["runningTaskCount"] == 2
    assert second["deploymentCircuitBreaker"] == {
        "status": "MONITORING_COMPLETE",
        "failureCount": 0,
        "threshold": 3,
    }
    revisions = account.ecs.describe_service_revisions(
        serviceRevisionArns=[second["targetServiceRevision"]["arn"], "arn:aws:ecs:us-east-1:1:service-revision/x"]
    )
    assert revisions["serviceRevisions"][0]["taskDefinition"].endswith(":2")
    assert revisions["failures"][0]["reason"] == "MISSING"


def test_a_newer_deployment_stops_the_one_under_way(account: Account) -> None:
    account.stable_service()
    account.update(forceNewDeployment=True)
    superseded = account.service_deployment()["serviceDeploymentArn"]
    account.update(forceNewDeployment=True)
    account.clock.advance(5)
    described = account.ecs.describe_service_deployments(serviceDeploymentArns=[superseded])
    assert described["serviceDeployments"][0]["status"] == "STOPPED"
    assert account.service_deployment()["status"] == "SUCCESSFUL"


def test_a_deleted_service_drains_and_leaves_no_network_interface(account: Account) -> None:
    account.stable_service()
    with pytest.raises(ClientError, match="scaled above 0"):
        account.ecs.delete_service(cluster=account.name, service="web")
    assert (
        account.ecs.delete_service(cluster=account.name, service="web", force=True)["service"]["status"]
        == "DRAINING"
    )
    with pytest.raises(ClientError, match="ClusterContainsServicesException"):
        account.ecs.delete_cluster(cluster=account.name)
    account.clock.advance(5)
    assert account.service()["status"] == "INACTIVE"
    assert account.interfaces() == []
    assert account.ecs.delete_cluster(cluster=account.name)["cluster"]["status"] == "INACTIVE"


def test_log_lines_are_plainly_labelled_as_simulated(account: Account) -> None:
    account.stable_service(taskDefinition=account.register(account.container("web"), account.container("sidecar")))
    task = account.tasks()[0]["taskArn"].split("/")[-1]
    for name in ("web", "sidecar"):
        assert account.log_lines(f"app/{name}/{task}") == [
            f"[fguard sandbox] container {name} started (simulated: no container runs here)"
        ]


def test_a_container_that_others_wait_for_to_end_has_ended(account: Account) -> None:
    setup = account.container("setup", essential=False)
    app = account.container("app", dependsOn=[{"containerName": "setup", "condition": "SUCCESS"}])
    account.stable_service(taskDefinition=account.register(setup, app))
    states = {c["name"]: (c["lastStatus"], c.get("exitCode")) for c in account.tasks()[0]["containers"]}
    assert states == {"setup": ("STOPPED", 0), "app": ("RUNNING", None)}


def test_a_service_replaces_a_task_that_a_user_stops(account: Account) -> None:
    account.stable_service()
    victim = account.tasks()[0]["taskArn"]
    account.ecs.stop_task(cluster=account.name, task=victim, reason="on purpose")
    account.clock.advance(5)
    assert len(account.tasks()) == 2
    stopped = account.tasks("STOPPED")[0]
    assert (stopped["taskArn"], stopped["stopCode"], stopped["stoppedReason"]) == (
        victim,
        "UserInitiated",
        "on purpose",
    )


def test_tags_reach_tasks_as_the_service_asks(account: Account) -> None:
    tags = [{"key": "team", "value": "blue"}]
    account.stable_service(tags=tags, propagateTags="SERVICE", enableECSManagedTags=True)
    arns = account.ecs.list_tasks(cluster=account.name)["taskArns"]
    described = account.ecs.describe_tasks(cluster=account.name, tasks=arns, include=["TAGS"])["tasks"][0]
    found = {tag["key"]: tag["value"] for tag in described["tags"]}
    assert found == {"team": "blue", "aws:ecs:clusterName": account.name, "aws:ecs:serviceName": "web"}


def test_what_the_service_was_given_is_what_it_shows(account: Account) -> None:
    given: dict[str, Any] = {
        "healthCheckGracePeriodSeconds": 30,
        "platformVersion": "1.4.0",
        "availabilityZoneRebalancing": "ENABLED",
        "enableExecuteCommand": True,
        "propagateTags": "TASK_DEFINITION",
        "enableECSManagedTags": True,
    }
    account.create_service(loadBalancers=account.balanced(), **given)
    service = account.service()
    assert {key: service[key] for key in given} == given
    assert service["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"networkConfiguration": None}, "Network Configuration must be provided"),
        ({"subnet": "subnet-00000000"}, "does not exist"),
        ({"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/none/1"}, "does not exist"),
        ({"containerName": "other"}, "The container other does not exist in the task definition"),
        ({"containerPort": 9}, "did not have a container port 9 defined"),
    ],
)
def test_what_ecs_refuses_is_refused(account: Account, fields: dict[str, object], reason: str) -> None:
    request = {
        "cluster": account.name,
        "serviceName": "web",
        "taskDefinition": account.register(),
        "networkConfiguration": account.network(),
        "loadBalancers": [{**account.balanced()[0], **fields}],
    }
    if "networkConfiguration" in fields:
        del request["networkConfiguration"], request["loadBalancers"]
    elif "subnet" in fields:
        request["networkConfiguration"] = {"awsvpcConfiguration": {"subnets": [fields["subnet"]]}}
        del request["loadBalancers"]
    with pytest.raises(ClientError, match=reason):
        account.ecs.create_service(**request)


def test_a_target_group_without_a_load_balancer_is_refused(account: Account) -> None:
    group = account.elb.create_target_group(
        Name=f"lone-{account.name}", Protocol="TCP", Port=1, VpcId=account.vpc, TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    target = {"targetGroupArn": group, "containerName": "web", "containerPort": 8080}
    with pytest.raises(ClientError, match="does not have an associated load balancer"):
        account.create_service(loadBalancers=[target])


def test_a_service_on_a_deregistered_revision_goes_on_and_can_be_scaled(account: Account) -> None:
    revision = account.stable_service()["taskDefinition"]
    account.ecs.deregister_task_definition(taskDefinition=revision)
    account.update(desiredCount=3)
    account.clock.advance(5)
    assert account.service()["runningCount"] == 3
    with pytest.raises(ClientError, match="TaskDefinition is inactive"):
        account.update(taskDefinition=revision)


def test_without_fargate_there_is_nothing_to_run_on(account: Account) -> None:
    account.create_service(launchType="EC2")
    account.clock.advance(10)
    assert account.tasks() == []
    assert account.events() == [
        (
            "(service web) was unable to place a task because no container instance met all of its requirements. "
            "Reason: No Container Instances were found in your cluster."
        )
    ]
    with pytest.raises(ClientError, match="No Container Instances were found"):
        account.ecs.run_task(
            cluster=account.name, taskDefinition=account.name, networkConfiguration=account.network()
        )


def test_the_cluster_s_default_capacity_provider_is_used(account: Account) -> None:
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    account.ecs.put_cluster_capacity_providers(
        cluster=account.name,
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=strategy,
    )
    account.ecs.create_service(
        cluster=account.name,
        serviceName="web",
        taskDefinition=account.register(),
        desiredCount=1,
        networkConfiguration=account.network(),
    )
    account.clock.advance(10)
    assert account.tasks()[0]["capacityProviderName"] == "FARGATE_SPOT"
    assert [item["capacityProvider"] for item in account.service()["capacityProviderStrategy"]] == ["FARGATE_SPOT"]


def test_clusters_count_their_services_and_tasks(account: Account) -> None:
    account.create_service()
    cluster = account.ecs.describe_clusters(clusters=[account.name])["clusters"][0]
    assert (cluster["activeServicesCount"], cluster["pendingTasksCount"]) == (1, 2)
    account.clock.advance(5)
    cluster = account.ecs.describe_clusters(clusters=[account.name])["clusters"][0]
    assert (cluster["runningTasksCount"], cluster["pendingTasksCount"]) == (2, 0)


def test_stopped_tasks_are_forgotten_after_an_hour(account: Account) -> None:
    account.stable_service()
    account.update(desiredCount=0)
    account.clock.advance(5)
    assert len(account.tasks("STOPPED")) == 2
    account.clock.advance(3601)
    account.ecs.update_service(cluster=account.name, service="web", desiredCount=0)
    account.clock.advance(1)
    assert account.tasks("STOPPED") == []


def target_states(account: Account, arn: object) -> list[str]:
    described = account.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return [target["TargetHealth"]["State"] for target in described]


def test_creating_a_service_again_is_answered_with_it_and_something_else_of_its_name_refused(
    account: Account,
) -> None:
    definition = account.register(account.container())
    first = account.create_service(definition, desiredCount=1)
    again = account.create_service(definition, desiredCount=1)
    assert (again["serviceArn"], again["createdAt"]) == (first["serviceArn"], first["createdAt"])
    with pytest.raises(ClientError, match="Creation of service was not idempotent"):
        account.create_service(definition, desiredCount=2)

"""ECS: clusters, task definitions and services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resource_type import ResourceFailed
from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, Setting, at, found
from fargate_guard.sandbox.cloudformation.resources.observed import as_declared
from fargate_guard.sandbox.ecs.backend import EcsBackend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any
BREAKER_TRIGGERED = "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html"""
NOT_STEADY, NOT_STABLE = "Exceeded attempts to wait", "HandlerErrorCode: NotStabilized"
LONGEST_WAIT_SECONDS = 180.0
"""Three hours at AWS
(https://repost.aws/knowledge-center/cloudformation-ecs-service-stabilize); a second stands for a minute here."""
FAILED_STATES = ("STOPPED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
ROLLED_OUT = ("TaskDefinition", "NetworkConfiguration", "LoadBalancers")
"""What a service revision holds of a service's properties."""


class Cluster(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-cluster.html."""

    name = "AWS::ECS::Cluster"
    service = "ecs"
    creates, deletes, key, physical = "CreateCluster", "DeleteCluster", "cluster", "cluster.clusterName"
    attributes = {"Arn": "clusterArn"}
    renames = {"ClusterSettings": "settings"}
    settings = (
        Setting(
            "UpdateCluster", ("ClusterSettings", "Configuration", "ServiceConnectDefaults"), at_creation=False
        ),
        Setting(
            "PutClusterCapacityProviders",
            ("CapacityProviders", "DefaultCapacityProviderStrategy"),
            at_creation=False,
        ),
    )
    defaults = {"CapacityProviders": [], "DefaultCapacityProviderStrategy": []}
    name_property = "ClusterName"

    def put(self, setting: Setting, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Capacity providers are put together with their strategy."""
        if setting.operation == "PutClusterCapacityProviders":
            properties = {**self.defaults, **properties}
        super().put(setting, physical_id, properties, context)

    def tagged(self, physical_id: str, context: ResourceContext) -> str:
        """Clusters are tagged by ARN."""
        return f"arn:{context.partition}:ecs:{context.region}:{context.account_id}:cluster/{physical_id}"

    def description(
        self,
        physical_id: str,
        properties: Properties,  # noqa: ARG002
        context: ResourceContext,
    ) -> Properties | None:
        """Deleted clusters are shown for a while."""
        request = {"clusters": [physical_id], "include": ["TAGS", "SETTINGS", "CONFIGURATIONS"]}
        clusters = self.call(context, "DescribeClusters", request)["clusters"]
        return next((cluster for cluster in clusters if cluster["status"] == "ACTIVE"), None)


class ClusterCapacityProviderAssociations(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-clustercapacityproviderassociations.html."""

    name = "AWS::ECS::ClusterCapacityProviderAssociations"
    service = "ecs"
    creates, physical = "PutClusterCapacityProviders", "{cluster}"

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:  # noqa: ARG002
        """Put them anew."""
        if old != new:
            self.call(context, self.creates, self.request(self.creates, new, context))

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """The cluster goes on without capacity providers."""
        if self.description(physical_id, properties, context) is not None:
            request = {"cluster": physical_id, "capacityProviders": [], "defaultCapacityProviderStrategy": []}
            self.call(context, self.creates, request)

    def description(
        self,
        physical_id: str,
        properties: Properties,
        context: ResourceContext,
    ) -> Properties | None:
        """The associations are part of the cluster."""
        cluster = Cluster().description(physical_id, properties, context)
        if cluster is None or not cluster.get("capacityProviders"):
            return None
        return {**cluster, "Cluster": properties.get("Cluster")}


class TaskDefinition(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html."""

    name = "AWS::ECS::TaskDefinition"
    service = "ecs"
    creates, deletes = "RegisterTaskDefinition", "DeregisterTaskDefinition"
    key, physical = "taskDefinition", "taskDefinition.taskDefinitionArn"
    attributes = {"TaskDefinitionArn": "@"}
    renames = {"ProxyConfigurationProperties": "properties"}
    name_property = "Family"
    longest_name = 255

    def description(
        self,
        physical_id: str,
        properties: Properties,  # noqa: ARG002
        context: ResourceContext,
    ) -> Properties | None:
        """Deregistered revisions are gone for CloudFormation."""
        request = {"taskDefinition": physical_id, "include": ["TAGS"]}
        answer = found(lambda: self.call(context, "DescribeTaskDefinition", request))
        if answer is None or answer["taskDefinition"]["status"] != "ACTIVE":
            return None
        return {**answer["taskDefinition"], "tags": answer.get("tags", [])}


class Service(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html."""

    name = "AWS::ECS::Service"
    service = "ecs"
    creates, deletes, physical = "CreateService", "DeleteService", "service.serviceArn"
    attributes = {"ServiceArn": "@", "Name": "serviceName"}
    renames = {"PlacementStrategies": "placementStrategy"}
    defaults = {
        "LoadBalancers": [],
        "ServiceRegistries": [],
        "CapacityProviderStrategy": [],
        "PlacementConstraints": [],
        "PlacementStrategies": [],
        "EnableExecuteCommand": False,
        "EnableECSManagedTags": False,
        "PropagateTags": "NONE",
        "PlatformVersion": "LATEST",
        "HealthCheckGracePeriodSeconds": 0,
    }
    ignored = frozenset({"ForceNewDeployment"})
    name_property = "ServiceName"
    longest_name = 255

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """One task unless the template says otherwise."""
        request = super().create_request(properties, context)
        if request.get("schedulingStrategy", "REPLICA") == "REPLICA":
            request.setdefault("desiredCount", 1)
        return request

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:
        """Cluster and service; CloudFormation deletes services whatever their count is."""
        return {"cluster": properties.get("Cluster", "default"), "service": physical_id}

    def change(self, physical_id: str, old: Properties, new: Properties, context: ResourceContext) -> None:
        """Update what differs; the same task definition starts no deployment."""
        changed = {key: value for key, value in new.items() if old.get(key) != value}
        request = self.request("UpdateService", changed, context)
        force = changed.get("ForceNewDeployment") or {}
        if str(force.get("EnableForceNewDeployment", False)).lower() == "true":
            request["forceNewDeployment"] = True
        if request:
            self.call(context, "UpdateService", {**request, **self.identity(physical_id, new)})

    def delete(self, physical_id: str, properties: Properties, context: ResourceContext) -> None:
        """Stop the tasks and delete the service; :meth:`deleting` waits until it is drained."""
        if self.description(physical_id, properties, context) is not None:
            self.call(context, self.deletes, {**self.identity(physical_id, properties), "force": True})

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Services that drain are gone for CloudFormation."""
        service = self._service(physical_id, properties, context)
        return service if service is not None and service["status"] == "ACTIVE" else None

    def _service(self, physical_id: str, properties: Properties, context: ResourceContext) -> Json:
        request = {"cluster": properties.get("Cluster", "default"), "services": [physical_id], "include": ["TAGS"]}
        services = found(lambda: self.call(context, "DescribeServices", request))
        return at(services, "services.0")

    def live(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """A cluster may be declared by name or by ARN, a task definition by family."""
        live = super().live(physical_id, properties, context)
        if live is None:
            return None
        same = {
            key: properties[key]
            for key in ("Cluster", "TaskDefinition")
            if key in properties and _names(properties[key], str(live[key]))
        }
        return {**live, **same}

    def pending(self, physical_id: str, properties: Properties, context: ResourceContext) -> str | None:
        """Wait until the service is steady, and fail when its deployment does.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
        """
        service = self.description(physical_id, properties, context)
        if service is None:
            message = f"Service {physical_id} did not stabilize."
            raise ResourceFailed(message)
        if (properties.get("DeploymentController") or {}).get("Type", "ECS") != "ECS":
            return None
        primary, running = service["deployments"][0], service["runningCount"]
        self._check_deployment(physical_id, properties, context, given_up=primary["rolloutState"] == "FAILED")
        steady = len(service["deployments"]) == 1 and running == service["desiredCount"]
        if steady and primary["rolloutState"] == "COMPLETED":
            return None
        if _waited(primary, context) > LONGEST_WAIT_SECONDS:
            message = (
                f'Resource handler returned message: "{NOT_STEADY}" (RequestToken: {context.token}, {NOT_STABLE})'
            )
            raise ResourceFailed(message)
        return f"{running} of {service['desiredCount']} tasks of service {service['serviceName']} are running"

    def _check_deployment(
        self, physical_id: str, properties: Properties, context: ResourceContext, *, given_up: bool
    ) -> None:
        """Fail when the newest deployment was to roll out these properties and did not.

        :param given_up: ECS's own rollback has failed as well.
        """
        request = {**self.identity(physical_id, properties)}
        newest = at(self.call(context, "ListServiceDeployments", request), "serviceDeployments.0")
        if newest is None or newest["status"] not in FAILED_STATES:
            return
        revisions = {"serviceRevisionArns": [newest["targetServiceRevisionArn"]]}
        revision = at(self.call(context, "DescribeServiceRevisions", revisions), "serviceRevisions.0")
        wanted = {key: properties[key] for key in ROLLED_OUT if key in properties}
        tried = as_declared(wanted, {**wanted, **_of_revision(revision)})
        if _names(wanted["TaskDefinition"], str(tried["TaskDefinition"])):
            tried["TaskDefinition"] = wanted["TaskDefinition"]
        if tried == wanted or (given_up and newest["status"] in ("ROLLBACK_FAILED", "STOPPED")):
            message = (
                f'Resource handler returned message: "{BREAKER_TRIGGERED}" '
                f"(RequestToken: {context.token}, HandlerErrorCode: GeneralServiceException)"
            )
            raise ResourceFailed(message)

    def deleting(self, physical_id: str, properties: Properties, context: ResourceContext) -> str | None:
        """Wait until the last task has stopped."""
        service = self._service(physical_id, properties, context)
        if service is None or service["status"] == "INACTIVE":
            return None
        return f"service {service['serviceName']} is draining"


def _waited(deployment: Mapping[str, Json], context: ResourceContext) -> float:
    """Return for how many seconds, at the sandbox's pace, this operation has waited for a deployment.

    A change of DesiredCount goes on with the deployment that there is, which may be as old as the service.
    """
    around = EcsBackend.surroundings
    begun = max(context.begun, deployment["createdAt"].timestamp())
    return float((around.clock() - begun) * around.pace.speed)


def _of_revision(revision: Mapping[str, Json]) -> dict[str, Json]:
    kept = {key.lower(): key for key in ROLLED_OUT}
    return {kept[key.lower()]: value for key, value in revision.items() if key.lower() in kept}


def _names(declared: str, arn: str) -> bool:
    """Whether a name, ``family``, ``family:revision`` or ARN stands for that ARN."""
    last = arn.rsplit("/", 1)[-1]
    return declared in (arn, last, last.split(":", maxsplit=1)[0])


TYPES = (Cluster(), ClusterCapacityProviderAssociations(), TaskDefinition(), Service())

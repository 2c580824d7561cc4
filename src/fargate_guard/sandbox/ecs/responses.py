"""The ECS API calls that the sandbox answers itself; all others stay moto's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from moto.core.responses import ActionResult
from moto.ecs.exceptions import ECSException, InvalidParameterException
from moto.ecs.responses import EC2ContainerServiceResponse

from fargate_guard.sandbox.ecs import shapes, task_sets
from fargate_guard.sandbox.ecs.definition_checks import check_definition
from fargate_guard.sandbox.ecs.definitions import remember_request, task_definition_record
from fargate_guard.sandbox.ecs.exec_command import open_session
from fargate_guard.sandbox.scheduler.launch import launch_type
from fargate_guard.sandbox.scheduler.model import RUNNING

if TYPE_CHECKING:
    from fargate_guard.sandbox.ecs.backend import EcsBackend
    from fargate_guard.sandbox.scheduler.model import Deployment, Service

Json = dict[str, Any]

CONTAINS_SERVICES = "The Cluster cannot be deleted while Services are active."
MOST_SERVICES = 10
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html"""
MOST_TASKS = 100
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html"""
CONTAINS_TASKS = "The Cluster cannot be deleted while Tasks are active."


class EcsResponse(EC2ContainerServiceResponse):
    """Dispatches ECS calls; every method is named after its API action."""

    @property
    def _ecs(self) -> EcsBackend:
        return cast("EcsBackend", self.ecs_backend)

    @property
    def _request(self) -> Json:
        return {key: value for key, value in dict(self.params).items() if value is not None}

    @property
    def _with_tags(self) -> bool:
        return "TAGS" in (self._get_param("include") or [])

    @property
    def _cluster_name(self) -> str:
        return str(self._get_param("cluster") or "default")

    def _page(self, key: str, items: list[Any], default: int) -> ActionResult:
        """Answer one page: ``nextToken`` is the number of the first item on the next one."""
        first = int(self._get_param("nextToken") or 0)
        last = first + int(self._get_param("maxResults") or default)
        following = {"nextToken": str(last)} if last < len(items) else {}
        return ActionResult({key: items[first:last], **following})

    # Task definitions.

    def register_task_definition(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html."""
        request = self._request
        check_definition(request)
        super().register_task_definition()
        definition = self._ecs.describe_task_definition(request["family"])
        now = self._ecs.surroundings.clock()
        remember_request(definition, request, now, f"arn:aws:iam::{self.current_account}:root")
        return self._definition(definition, tags=True)

    def describe_task_definition(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html."""
        definition = self._ecs.describe_task_definition(self._get_param("taskDefinition"))
        return self._definition(definition, tags=self._with_tags)

    def deregister_task_definition(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html."""
        definition = self._ecs.deregister_task_definition(self._get_param("taskDefinition"))
        definition.sandbox_deregistered_at = self._ecs.surroundings.clock()  # type: ignore[attr-defined]
        return self._definition(definition, tags=False)

    @staticmethod
    def _definition(definition: Any, *, tags: bool) -> ActionResult:
        record = task_definition_record(definition)
        for key in ("registeredAt", "deregisteredAt"):
            if key in record:
                record[key] = shapes.moment(record[key])
        known = record.pop("tags")
        return ActionResult({"taskDefinition": shapes.present(record), **({"tags": known} if tags else {})})

    # Clusters.

    def describe_clusters(self) -> ActionResult:
        """Counts come from the tasks that are there."""
        for cluster in self._ecs.clusters.values():
            cluster.running_tasks_count, cluster.pending_tasks_count = self._ecs.running_and_pending(cluster)
            cluster.active_services_count = len(self._active_services(cluster.name))
        return super().describe_clusters()

    def delete_cluster(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteCluster.html."""
        name = self._cluster_name.split("/")[-1]
        if self._active_services(name):
            raise ECSException("ClusterContainsServicesException", CONTAINS_SERVICES)
        cluster = self._ecs.clusters.get(name)
        if cluster is not None and any(t.last_status != "STOPPED" for t in self._ecs.all_tasks(cluster)):
            raise ECSException("ClusterContainsTasksException", CONTAINS_TASKS)
        return super().delete_cluster()

    def _active_services(self, cluster_name: str) -> list[str]:
        services = self._ecs.live_services.values()
        return [s.arn for s in services if s.cluster_name == cluster_name and s.status != "INACTIVE"]

    # Services.

    def create_service(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html."""
        service = self._ecs.create_from(self._request)
        return ActionResult({"service": shapes.service_shape(service, tags=True)})

    def update_service(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html."""
        service = self._ecs.update_from(self._request)
        return ActionResult({"service": shapes.service_shape(service, tags=True)})

    def delete_service(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html."""
        force = bool(self._get_param("force"))
        service = self._ecs.delete_from(self._cluster_name, self._get_param("service"), force=force)
        return ActionResult({"service": shapes.service_shape(service, tags=True)})

    def describe_services(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html."""
        names = self._get_param("services") or []
        _refuse_more_than(MOST_SERVICES, names, "services")
        services, failures = self._ecs.describe_services(self._cluster_name, names)
        shown = [shapes.service_shape(service, tags=self._with_tags) for service in services]
        return ActionResult({"services": shown, "failures": failures})

    def list_services(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServices.html."""
        cluster = self._ecs._get_cluster(self._cluster_name)  # noqa: SLF001 - moto's own look-up
        wanted = self._get_param("launchType")
        arns = [
            service.arn
            for service in self._ecs.live_services.values()
            if service.cluster_name == cluster.name
            and service.status != "INACTIVE"
            and wanted in (None, launch_type(service.settings))
        ]
        return self._page("serviceArns", sorted(arns), 10)

    # Task sets.

    def create_task_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateTaskSet.html."""
        return self._task_set(*self._ecs.create_task_set_from(self._request))

    def update_task_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateTaskSet.html."""
        service, task_set = self._named_task_set()
        task_sets.scale(service, task_set, self._request["scale"])
        return self._task_set(service, task_set)

    def update_service_primary_task_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateServicePrimaryTaskSet.html."""
        service, task_set = self._named_task_set("primaryTaskSet")
        task_sets.make_primary(service, task_set)
        return self._task_set(service, task_set)

    def delete_task_set(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskSet.html."""
        service, task_set = self._named_task_set()
        task_sets.delete(service, task_set, force=bool(self._get_param("force")))
        return self._task_set(service, task_set)

    def describe_task_sets(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskSets.html."""
        service = self._ecs.service_of(self._cluster_name, self._get_param("service"))
        wanted = [reference.rpartition(":task-set/")[2] for reference in self._get_param("taskSets") or []]
        ids = ["/".join(reference.split("/")[-2:]) for reference in wanted]
        found = [each for each in service.task_sets if not ids or each.id in ids]
        shown = [shapes.task_set_shape(service, each, tags=self._with_tags) for each in found]
        return ActionResult({"taskSets": shown, "failures": []})

    def _named_task_set(self, key: str = "taskSet") -> tuple[Service, Deployment]:
        service = self._ecs.service_of(self._cluster_name, self._get_param("service"))
        return service, task_sets.of(service, self._get_param(key))

    @staticmethod
    def _task_set(service: Service, task_set: Deployment) -> ActionResult:
        return ActionResult({"taskSet": shapes.task_set_shape(service, task_set, tags=True)})

    # Service deployments and revisions.

    def list_service_deployments(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServiceDeployments.html."""
        reference = self._get_param("service")
        service = self._ecs.service_of(self._cluster_of(reference), reference)
        wanted = self._get_param("status") or []
        briefs = [
            shapes.service_deployment_brief(service, item)
            for item in service.service_deployments
            if not wanted or item.status in wanted
        ]
        return self._page("serviceDeployments", briefs, 20)

    def _cluster_of(self, service: str) -> str:
        parts = service.split("/")
        return parts[1] if service.startswith("arn:") and len(parts) > 2 else self._cluster_name  # noqa: PLR2004

    def describe_service_deployments(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceDeployments.html."""
        wanted = self._get_param("serviceDeploymentArns") or []
        found = {
            item.id: shapes.service_deployment_shape(service, item)
            for service in self._ecs.live_services.values()
            for item in service.service_deployments
            if item.id in wanted
        }
        return ActionResult({"serviceDeployments": list(found.values()), "failures": _missing(wanted, found)})

    def describe_service_revisions(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServiceRevisions.html."""
        wanted = self._get_param("serviceRevisionArns") or []
        found = {
            arn: shapes.service_revision_shape(service, deployment)
            for service in self._ecs.live_services.values()
            for arn, deployment in service.revisions.items()
            if arn in wanted
        }
        return ActionResult({"serviceRevisions": list(found.values()), "failures": _missing(wanted, found)})

    def stop_service_deployment(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopServiceDeployment.html."""
        if (self._get_param("stopType") or "ROLLBACK") != "ROLLBACK":
            message = "stopType ABORT is not supported."
            raise InvalidParameterException(message)
        arn = self._ecs.stop_deployment(self._get_param("serviceDeploymentArn"))
        return ActionResult({"serviceDeploymentArn": arn})

    # Tasks.

    def run_task(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html."""
        tasks = self._ecs.run_from(self._request)
        return ActionResult({"tasks": [self._task(task, tags=True) for task in tasks], "failures": []})

    def stop_task(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html."""
        task = self._ecs.stop_one(self._cluster_name, self._get_param("task"), self._get_param("reason"))
        return ActionResult({"task": self._task(task, tags=False)})

    def describe_tasks(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html."""
        cluster = self._ecs._get_cluster(self._cluster_name)  # noqa: SLF001 - moto's own look-up
        wanted = self._get_param("tasks") or []
        if not wanted:
            message = "Tasks cannot be empty."
            raise InvalidParameterException(message)
        _refuse_more_than(MOST_TASKS, wanted, "tasks")
        known = {task.id: task for task in self._ecs.all_tasks(cluster)}
        found = {reference: known.get(reference.split("/")[-1]) for reference in wanted}
        tasks = [self._task(task, tags=self._with_tags) for task in found.values() if task is not None]
        failures = [
            {"arn": _task_arn(cluster.arn, reference), "reason": "MISSING"}
            for reference, task in found.items()
            if task is None
        ]
        return ActionResult({"tasks": tasks, "failures": failures})

    def list_tasks(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html."""
        cluster = self._ecs._get_cluster(self._cluster_name)  # noqa: SLF001 - moto's own look-up
        service = self._get_param("serviceName")
        if service is not None:
            service = self._ecs.service_of(cluster.name, service).name
        family = self._get_param("family")
        wanted = {
            "desired_status": self._get_param("desiredStatus") or RUNNING,
            "service_name": service,
            "started_by": self._get_param("startedBy"),
            "launch_type": self._get_param("launchType"),
        }
        arns = [
            task.arn
            for task in self._ecs.all_tasks(cluster)
            if all(value is None or getattr(task, key) == value for key, value in wanted.items())
            and family in (None, task.task_definition["family"])
        ]
        return self._page("taskArns", arns, 100)

    def execute_command(self) -> ActionResult:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ExecuteCommand.html."""
        cluster = self._ecs._get_cluster(self._cluster_name)  # noqa: SLF001 - moto's own look-up
        task = self._ecs.task_of(cluster, self._get_param("task"))
        return ActionResult(open_session(task, self._request, self._ecs.surroundings.faults))

    def _task(self, task: Any, *, tags: bool) -> Json:
        zone = self._ecs.world.network.availability_zone(task)
        return shapes.task_shape(task, zone, self._ecs.surroundings.faults, tags=tags)


def _refuse_more_than(most: int, names: list[str], what: str) -> None:
    if len(names) > most:
        raise InvalidParameterException(f"{what} can have at most {most} items.")


def _missing(wanted: list[str], found: Json) -> list[Json]:
    return [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found]


def _task_arn(cluster_arn: str, reference: str) -> str:
    if reference.startswith("arn:"):
        return reference
    return f"{cluster_arn.replace(':cluster/', ':task/')}/{reference}"

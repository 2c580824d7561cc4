"""moto's ECS with services, tasks and deployments that live.

Clusters, task definitions and account settings stay moto's. Services and tasks are the scheduler's records.
"""

from __future__ import annotations

import random
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.ecs import urls as ecs_urls
from moto.ecs.exceptions import ECSException, InvalidParameterException, ServiceNotFoundException
from moto.ecs.models import EC2ContainerServiceBackend

from fargate_guard.sandbox.ecs import task_sets
from fargate_guard.sandbox.ecs.checks import check_service, check_task_network
from fargate_guard.sandbox.ecs.definitions import task_definition_record
from fargate_guard.sandbox.ecs.world import MotoWorld
from fargate_guard.sandbox.faults import Faults
from fargate_guard.sandbox.scheduler import progress, wording
from fargate_guard.sandbox.scheduler.engine import Scheduler, record_event
from fargate_guard.sandbox.scheduler.launch import capacity_provider, launch_task, launch_type
from fargate_guard.sandbox.scheduler.lifecycle import Stop
from fargate_guard.sandbox.scheduler.model import REVISION_SETTINGS, RUNNING, STOPPED, Service, Task
from fargate_guard.sandbox.scheduler.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from moto.ecs.models import Cluster, TaskDefinition

    from fargate_guard.sandbox.scheduler.model import Deployment

Json = dict[str, Any]


@dataclass
class Surroundings:
    """What the backends share: the clock, the pace and the faults. moto itself creates the backends."""

    clock: Callable[[], float] = time.time
    pace: Pace = field(default_factory=Pace)
    faults: Faults = field(default_factory=lambda: Faults(lambda: None))


class EcsBackend(EC2ContainerServiceBackend):
    """ECS of one account and region."""

    surroundings = Surroundings()
    """Set by the sandbox before moto creates a backend."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.live_services: dict[str, Service] = {}
        """By ``cluster:name``; a deleted one stays until its name is used again."""
        self.lone_tasks: dict[str, Task] = {}
        """Tasks outside services, by ARN."""
        self.world = MotoWorld(account_id, region_name, self.surroundings.faults)
        self.scheduler = Scheduler(self.world, self.surroundings.pace, new_task_id)

    @property
    def _url_module(self) -> Any:
        return ecs_urls

    # Time.

    def advance(self) -> None:
        """Bring services and tasks up to now."""
        now = self.surroundings.clock()
        for service in self.live_services.values():
            self.scheduler.advance_service(service, now)
        for task in list(self.lone_tasks.values()):
            self.scheduler.advance_task(task, now)

    def wake(self) -> None:
        """Make every service look again: something around it changed."""
        for service in self.live_services.values():
            service.next_due = 0.0

    # Looking things up.

    def describe_task_definition(self, task_definition_str: str) -> TaskDefinition:
        """A family without a revision means its newest active one.

        https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
        """
        family = task_definition_str.rsplit("/", maxsplit=1)[-1]
        if ":" not in family:
            revisions = self.task_definitions.get(family, {})
            active = [number for number, each in revisions.items() if each.status == "ACTIVE"]
            task_definition_str = f"{family}:{max(active, default=0)}"
        return super().describe_task_definition(task_definition_str)

    def service_of(self, cluster_name: str, name_or_arn: str) -> Service:
        """Return a service.

        :raises ServiceNotFoundException: as ECS does.
        """
        cluster = self._get_cluster(cluster_name)
        service = self.live_services.get(f"{cluster.name}:{name_or_arn.rsplit('/', maxsplit=1)[-1]}")
        if service is None:
            raise ServiceNotFoundException
        return service

    def all_tasks(self, cluster: Cluster | None = None) -> Iterator[Task]:
        """Iterate over the tasks of a cluster, or of all."""
        for service in self.live_services.values():
            if cluster is None or service.cluster_name == cluster.name:
                yield from service.tasks.values()
        for task in self.lone_tasks.values():
            if cluster is None or task.cluster_name == cluster.name:
                yield task

    def task_of(self, cluster: Cluster, id_or_arn: str) -> Task | None:
        """Return a task by ID or ARN."""
        wanted = id_or_arn.rsplit("/", maxsplit=1)[-1]
        return next((task for task in self.all_tasks(cluster) if task.id == wanted), None)

    # Services.

    def create_from(self, request: Json) -> Service:
        """CreateService: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html."""
        cluster = self._get_cluster(request.get("cluster") or "default")
        settings = _with_default_strategy(request, cluster)
        name = settings["serviceName"]
        key = f"{cluster.name}:{name}"
        existing = self.live_services.get(key)
        if existing is not None and existing.status == "ACTIVE":
            if settings == existing.settings:
                return existing  # the SDK's second attempt, with the same client token
            message = "Creation of service was not idempotent."
            raise InvalidParameterException(message)
        if existing is not None and existing.status == "DRAINING":
            message = "Unable to Start a service that is still Draining."
            raise InvalidParameterException(message)
        record = task_sets.first_definition(settings, self._definition)
        if record is not None:
            check_service(self.account_id, self.region_name, settings, record)
        now = self.surroundings.clock()
        service = Service(
            name=name,
            arn=f"{cluster.arn.replace(':cluster/', ':service/')}/{name}",
            cluster_arn=cluster.arn,
            cluster_name=cluster.name,
            settings=settings,
            created_at=now,
            desired_count=int(settings.get("desiredCount") or 0),
            task_definition_arn=record["taskDefinitionArn"] if record else "",
            tags=list(settings.get("tags") or []),
            clock=now,
        )
        self.live_services[key] = service
        if record is not None:
            self._deploy(service, record)
        return service

    def update_from(self, request: Json) -> Service:
        """UpdateService: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html."""
        service = self.service_of(request.get("cluster") or "default", request["service"])
        if service.status != "ACTIVE":
            code, message = "ServiceNotActiveException", "Service was not ACTIVE."
            raise ECSException(code, message)
        self._catch_up(service)
        changes = {k: v for k, v in request.items() if k not in ("cluster", "service", "forceNewDeployment")}
        settings = {**service.settings, **changes}
        if task_sets.are_used(settings):
            task_sets.update_service(service, changes)
            return service
        record = self._definition_for(service, changes)
        check_service(self.account_id, self.region_name, settings, record)
        new = bool(request.get("forceNewDeployment")) or self._differs(service, changes, record)
        service.settings = settings
        service.desired_count = int(settings.get("desiredCount") or 0)
        primary = service.primary
        if new:
            service.task_definition_arn = record["taskDefinitionArn"]
            self._deploy(service, record)
        elif primary is not None and primary.desired_count != service.desired_count:
            primary.desired_count, primary.steady = service.desired_count, False
            primary.updated_at = service.clock
        service.next_due = 0.0
        return service

    def _definition_for(self, service: Service, changes: Json) -> Json:
        """An update may keep a revision that is inactive by now, but not name one.

        https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html
        """
        if "taskDefinition" in changes:
            return self._definition(changes["taskDefinition"])
        return task_definition_record(self.describe_task_definition(service.task_definition_arn))

    @staticmethod
    def _differs(service: Service, changes: Json, record: Json) -> bool:
        if "taskDefinition" in changes and record["taskDefinitionArn"] != service.task_definition_arn:
            return True
        return any(
            changes[key] != service.settings.get(key)
            for key in REVISION_SETTINGS & changes.keys()
            if key != "taskDefinition"
        )

    def _deploy(self, service: Service, record: Json) -> None:
        if task_sets.are_used(service.settings):
            task_sets.begin(service, record, f"ecs-svc/{_digits(19)}")
            return
        prefix = service.cluster_arn.split(":cluster/")[0]
        path = f"{service.cluster_name}/{service.name}"
        progress.begin(
            service,
            {**service.settings, "taskDefinitionRecord": record},
            deployment_id=f"ecs-svc/{_digits(19)}",
            revision_id=f"{prefix}:service-revision/{path}/{_digits(19)}",
            service_deployment_id=f"{prefix}:service-deployment/{path}/{new_task_id()[:21]}",
        )
        if launch_type(service.settings) != "FARGATE":
            record_event(service, wording.not_placed_on_instances(service.name))
        service.next_due = 0.0

    def delete_from(self, cluster_name: str, name: str, *, force: bool) -> Service:
        """DeleteService: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html."""
        service = self.service_of(cluster_name, name)
        if service.status == "INACTIVE":
            raise ServiceNotFoundException
        if service.desired_count > 0 and not force:
            message = "The service cannot be stopped while it is scaled above 0."
            raise InvalidParameterException(message)
        self._catch_up(service)
        service.status = "DRAINING"
        service.desired_count = 0
        service.settings = {**service.settings, "desiredCount": 0}
        for deployment in (*service.deployments, *service.task_sets):
            deployment.desired_count = 0
        service.next_due = 0.0
        return service

    def stop_deployment(self, arn: str) -> str:
        """Roll a service deployment back.

        https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopServiceDeployment.html
        """
        for service in self.live_services.values():
            current = service.service_deployments[0] if service.service_deployments else None
            if current is None or current.id != arn:
                continue
            if current.status not in ("PENDING", "IN_PROGRESS"):
                break
            previous = service.last_completed
            if previous is None or previous.id == current.deployment_id:
                code, message = "ConflictException", wording.NO_ROLLBACK_CANDIDATE
                raise ECSException(code, message)
            self._catch_up(service)
            progress.start_rollback(service, previous.id, "Service deployment stopped by a user request.")
            service.next_due = 0.0
            return arn
        code = "ServiceDeploymentNotFoundException"
        message = f"Service deployment {arn} was not found or is not in progress."
        raise ECSException(code, message)

    def create_task_set_from(self, request: Json) -> tuple[Service, Deployment]:
        """CreateTaskSet: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateTaskSet.html."""
        service = self.service_of(request["cluster"], request["service"])
        self._catch_up(service)
        record = self._definition(request["taskDefinition"])
        check_service(self.account_id, self.region_name, request, record)
        return service, task_sets.add(service, request, record, f"ecs-svc/{_digits(19)}")

    def _catch_up(self, service: Service) -> None:
        """What the user changes takes effect now, not at the service's last step."""
        self.scheduler.advance_service(service, self.surroundings.clock())
        service.clock = max(service.clock, self.surroundings.clock())

    # Tasks.

    def run_from(self, request: Json) -> list[Task]:
        """RunTask: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html."""
        cluster = self._get_cluster(request.get("cluster") or "default")
        record = self._definition(request["taskDefinition"])
        request = _with_default_strategy(request, cluster)
        if launch_type(request) != "FARGATE":
            raise InvalidParameterException(wording.NO_INSTANCES)
        check_task_network(self.account_id, self.region_name, request, record)
        tasks = []
        for _ in range(int(request.get("count") or 1)):
            task = launch_task(
                definition=record,
                cluster_arn=cluster.arn,
                cluster_name=cluster.name,
                network=request.get("networkConfiguration"),
                launch_type="FARGATE",
                task_id=new_task_id(),
                new_id=new_task_id,
                at=self.surroundings.clock(),
            )
            task.capacity_provider = capacity_provider(request)
            task.group = request.get("group") or task.group
            task.started_by = request.get("startedBy") or ""
            task.overrides = request.get("overrides") or {}
            task.tags = _run_task_tags(request, record, cluster.name)
            task.enable_execute_command = bool(request.get("enableExecuteCommand"))
            self.lone_tasks[task.arn] = task
            tasks.append(task)
        return tasks

    def stop_one(self, cluster_name: str, task_id: str, reason: str | None) -> Task:
        """StopTask: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html."""
        cluster = self._get_cluster(cluster_name)
        task = self.task_of(cluster, task_id)
        if task is None:
            message = "The referenced task was not found."
            raise InvalidParameterException(message)
        service = self.live_services.get(f"{cluster.name}:{task.service_name}")
        if service is not None:
            self._catch_up(service)
        stop = Stop("UserInitiated", reason or wording.STOPPED_BY_USER)
        self.scheduler.stop(service, task, stop, self.surroundings.clock())
        return task

    def _definition(self, reference: str) -> Json:
        definition = self.describe_task_definition(reference)
        if definition.status != "ACTIVE":
            code, message = "ClientException", "TaskDefinition is inactive"
            raise ECSException(code, message)
        return task_definition_record(definition)

    # What the rest of moto asks this backend (tagging, Application Auto Scaling).

    def _get_resource(self, resource_arn: str, parsed_arn: dict[str, str]) -> Any:
        """Find what TagResource and ListTagsForResource speak of."""
        if parsed_arn["service"] not in ("service", "task"):
            return super()._get_resource(resource_arn, parsed_arn)
        candidates: list[Service | Task] = [*self.live_services.values(), *self.all_tasks()]
        for candidate in candidates:
            if candidate.arn == resource_arn:
                return candidate
        message = "The specified resource could not be found."
        raise InvalidParameterException(message)

    def iter_tagged_resources(self) -> Iterator[Any]:
        """Let GetResources find services and tasks."""
        self.services = {k: s for k, s in self.live_services.items() if s.status != "INACTIVE"}  # type: ignore[misc]
        self.tasks = {"": {t.arn: t for t in self.all_tasks() if t.last_status != STOPPED}}  # type: ignore[misc]
        yield from super().iter_tagged_resources()

    def describe_services(self, cluster_str: str, service_names_or_arns: list[str]) -> tuple[Any, Any]:
        """Services found, and failures for the others."""
        cluster = self._get_cluster(cluster_str)
        found, failures = [], []
        for reference in service_names_or_arns:
            name = reference.split("/")[-1]
            service = self.live_services.get(f"{cluster.name}:{name}")
            if service is not None:
                found.append(service)
                continue
            arn = f"{cluster.arn.replace(':cluster/', ':service/')}/{name}"
            failures.append({"arn": arn, "reason": "MISSING"})
        return found, failures

    def running_and_pending(self, cluster: Cluster) -> tuple[int, int]:
        """Return the cluster's running and pending task counts."""
        tasks = [task for task in self.all_tasks(cluster) if task.desired_status == RUNNING]
        running = sum(task.last_status == RUNNING for task in tasks)
        return running, len(tasks) - running


def _with_default_strategy(request: Json, cluster: Cluster) -> Json:
    """Without a launch type the cluster's default capacity provider strategy applies.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-capacity-providers.html
    """
    default = cluster.default_capacity_provider_strategy
    if request.get("launchType") or request.get("capacityProviderStrategy") or not default:
        return dict(request)
    return {**request, "capacityProviderStrategy": default}


def _run_task_tags(request: Json, record: Json, cluster_name: str) -> list[dict[str, str]]:
    tags: dict[str, str] = {}
    if request.get("propagateTags") == "TASK_DEFINITION":
        tags |= {tag["key"]: tag.get("value", "") for tag in record.get("tags") or []}
    tags |= {tag["key"]: tag.get("value", "") for tag in request.get("tags") or []}
    if request.get("enableECSManagedTags"):
        tags["aws:ecs:clusterName"] = cluster_name
    return [{"key": key, "value": value} for key, value in tags.items()]


def new_task_id() -> str:
    """Return 32 hexadecimal digits, as in task IDs."""
    return uuid.uuid4().hex


def _digits(count: int) -> str:
    return "".join(random.choices("123456789", k=count))  # noqa: S311 - an identifier, not a secret

"""The Terraform root module of a deployment: files that an engineer can keep, and the values that go with them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.deployment import write_private
from fargate_guard.terraform.rendering import Structure, render
from fargate_guard.terraform.task_definition import awslogs_of, refuse_changed_text, task_definition_variables
from fargate_guard.workload_input import (
    ORCHESTRATOR_REPOSITORY,
    Json,
    NotCarriedError,
    agent_log_group_name,
    awslogs_groups,
    divided_log_groups,
    groups_to_create,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fargate_guard.config import Config
    from fargate_guard.config.orchestrator import CaCertificate
    from fargate_guard.workload_input import WorkloadInput

VARIABLES_FILE = "terraform.tfvars.json"
BACKEND_FILE = "s3.tfbackend.json"
MANIFEST = ".rendered-files.json"
"""Which files the last render wrote, so that the next one can remove those that are no longer there."""

_INTERFACE_SERVICES = {
    "ecr": ("ecr.api", "ecr.dkr"),
    "logs": ("logs",),
    "secretsmanager": ("secretsmanager",),
    "ssm": ("ssm",),
}


@dataclass(frozen=True, slots=True)
class RootModule:
    """A rendered root module, not yet on disk."""

    files: Mapping[str, str]
    """Path relative to the module's folder → text; without the variables and the backend's settings."""
    variables: Mapping[str, Json]
    """``terraform.tfvars.json``."""
    backend: Mapping[str, Json] | None = None
    """``s3.tfbackend.json``, for ``terraform init -backend-config``; None: a local state file."""

    def write(self, directory: Path) -> None:
        """Write the module: files 0600, folders 0700, each file whole or not at all.

        Files of an earlier render that are no longer part of it are removed. Everything else in the folder (state,
        lock file, ``.terraform``, files of your own) is left alone.
        """
        texts_ = dict(self.files)
        texts_[VARIABLES_FILE] = _json(self.variables)
        if self.backend is not None:
            texts_[BACKEND_FILE] = _json(self.backend)
        _private_folder(directory)
        manifest = directory / MANIFEST
        stale = _listed(manifest) - texts_.keys()
        write_private(manifest, _json(sorted(stale | texts_.keys())))
        for path, text in sorted(texts_.items()):
            for parent in reversed((directory / path).relative_to(directory).parents[:-1]):
                _private_folder(directory / parent)
            write_private(directory / path, text)
        for path in stale:
            (directory / path).unlink(missing_ok=True)
        write_private(manifest, _json(sorted(texts_)))


def root_module(
    config: Config,
    *,
    region: str,
    workloads: Sequence[WorkloadInput],
    access_key_value_from: str,
    certificates: Mapping[str, str],
) -> RootModule:
    """Return the root module of a deployment.

    :param region: AWS Region; flags and environment come before ``config.aws.region``, so the caller decides.
    :param access_key_value_from: ARN of the secret or parameter that holds the access key.
    :param certificates: PEM text of every ``CaCertificate.file`` in the configuration.
    :raises NotCarriedError: a task definition or a value that Terraform would lose or change.
    """
    structure = _structure(config, workloads)
    variables: dict[str, Json] = {
        "name": config.name,
        "region": region,
        "tags": config.tags,
        **_network(config, structure),
        **_cluster(config),
        "log_retention_days": config.logs.retention_days,
        "wait_for_steady_state": False,
    }
    if structure.logs_kms:
        variables["log_kms_key_arn"] = config.logs.kms_key_arn
    if structure.orchestrator:
        variables |= _orchestrator(config, structure, access_key_value_from, certificates)
    for path, text in texts(variables, "fguard.yaml"):
        refuse_changed_text(text, path)
    if structure.workloads:
        variables["workloads"] = _workloads(config, workloads, region)
    return RootModule(files=render(structure), variables=variables, backend=_backend(config, region))


def _structure(config: Config, workloads: Sequence[WorkloadInput]) -> Structure:
    network, orchestrator = config.network, config.agent.topology == "orchestrator"
    proxy = config.orchestrator.proxy if orchestrator else None
    return Structure(
        orchestrator=orchestrator,
        existing_network=network.vpc_id is not None,
        nat=network.vpc_id is None and network.nat_gateway != "none",
        public_ip=network.tasks_get_public_ip,
        s3_endpoint="s3" in network.endpoints,
        interface_endpoints=bool(set(network.endpoints) - {"s3"}),
        existing_cluster=config.cluster.name is not None,
        autoscaling=orchestrator and config.orchestrator.autoscaling is not None,
        proxy=proxy is not None,
        proxy_ca=proxy is not None and proxy.ca_certificate is not None,
        collector_ca=orchestrator and config.orchestrator.collector_ca_certificate is not None,
        image_pull_secret=orchestrator and config.agent.image_pull_secret_arn is not None,
        logs_kms=config.logs.kms_key_arn is not None,
        workloads=bool(workloads),
        s3_state=config.state is not None,
    )


def _network(config: Config, structure: Structure) -> dict[str, Json]:
    network = config.network
    variables: dict[str, Json] = {"assign_public_ip": network.tasks_get_public_ip}
    if structure.existing_network:
        return variables | {"vpc_id": network.vpc_id, "subnet_ids": network.subnet_ids}
    variables |= {"vpc_cidr": network.cidr, "zone_count": network.zones}
    if structure.nat:
        variables["nat_gateway_per_zone"] = network.nat_gateway == "per_zone"
    if structure.interface_endpoints:
        variables["interface_endpoints"] = sorted(
            service for endpoint in network.endpoints for service in _INTERFACE_SERVICES.get(endpoint, ())
        )
    return variables


def _cluster(config: Config) -> dict[str, Json]:
    if config.cluster.name is not None:
        return {"cluster_name": config.cluster.name}
    return {"container_insights": config.cluster.container_insights}


def _orchestrator(
    config: Config, structure: Structure, access_key_value_from: str, certificates: Mapping[str, str]
) -> dict[str, Json]:
    agent, collector = config.orchestrator, config.sysdig.effective_collector
    version = agent.version or config.agent.effective_version
    variables: dict[str, Json] = {
        "access_key_value_from": access_key_value_from,
        "collector": {"host": collector.host, "port": collector.port},
        "orchestrator": {
            "image": agent.image or f"{ORCHESTRATOR_REPOSITORY}:{version}",
            "port": agent.port,
            "cpu": agent.cpu,
            "memory": agent.memory,
            "cpu_architecture": agent.cpu_architecture,
            "desired_count": agent.desired_count,
            "log_level": agent.log_level,
            "agent_tags": agent.tags,
            "extra_conf": agent.extra_conf,
            "check_collector_certificate": agent.check_collector_certificate,
            "load_balancer_name": agent.load_balancer_name,
            "client_cidr_blocks": agent.client_cidr_blocks,
            "client_security_group_ids": agent.client_security_group_ids,
        },
    }
    if structure.image_pull_secret:
        variables["image_pull_secret_arn"] = config.agent.image_pull_secret_arn
    if agent.collector_ca_certificate is not None:
        variables["collector_ca_certificate"] = _certificate(agent.collector_ca_certificate, certificates)
    if agent.autoscaling is not None:
        variables["autoscaling"] = agent.autoscaling.model_dump()
    if agent.proxy is not None:
        proxy = agent.proxy
        variables["proxy"] = {
            "host": proxy.host,
            "port": proxy.port,
            "user": proxy.user,
            "password_value_from": proxy.password_arn,
            "ssl": proxy.ssl,
            "ssl_verify_certificate": proxy.ssl_verify_certificate,
        }
        if proxy.ca_certificate is not None:
            variables["proxy_ca_certificate"] = _certificate(proxy.ca_certificate, certificates)
    return variables


def _certificate(certificate: CaCertificate, certificates: Mapping[str, str]) -> dict[str, str]:
    pem = certificates[certificate.file]
    return {"base64": base64.b64encode(pem.encode()).decode("ascii"), "path": certificate.path}


def _workloads(config: Config, workloads: Sequence[WorkloadInput], region: str) -> dict[str, Json]:
    definitions = {
        workload.name: task_definition_variables(
            workload.definition,
            where=workload.name,
            default_family=f"fguard_{config.name}_{workload.name}",
            host_follows=config.agent.topology == "orchestrator",
        )
        for workload in workloads
    }
    named = {name: awslogs_groups(awslogs_of(value), region=region) for name, value in definitions.items()}
    created, existing = divided_log_groups(config, named, groups_to_create(config))
    return {
        workload.name: {
            "task_definition": definitions[workload.name],
            "service": _service(workload),
            "agent_log_group_name": agent_log_group_name(config, workload.name),
            "created_log_group_names": created[workload.name],
            "existing_log_group_names": existing[workload.name],
        }
        for workload in workloads
    }


def _service(workload: WorkloadInput) -> Json:
    if workload.service is None:
        return None
    launched = [v.get("name") for v in workload.definition.get("volumes") or [] if v.get("configuredAtLaunch")]
    if launched:
        raise NotCarriedError(
            f"the volume {launched[0]!r} is configured at launch, and the service would not configure it",
            where=f"{workload.name}.volumes",
            fix="remove `service` for this workload and run the task definition with a service of your own",
        )
    return workload.service.model_dump()


def _backend(config: Config, region: str) -> dict[str, Json] | None:
    if config.state is None:
        return None
    s3 = config.state.s3
    settings: dict[str, Json] = {
        "bucket": s3.bucket,
        "key": s3.key,
        "region": s3.region or region,
        "encrypt": True,
        "use_lockfile": True,
    }
    if s3.kms_key_arn is not None:
        settings["kms_key_id"] = s3.kms_key_arn
    return settings


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _listed(manifest: Path) -> set[str]:
    try:
        paths = json.loads(manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return set()
    return {path for path in paths if ".." not in path.split("/") and not path.startswith("/")}

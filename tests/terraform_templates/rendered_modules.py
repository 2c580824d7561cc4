"""Configurations and instrumented workloads for the template tests, and Terraform run on what they render to."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from fargate_guard.config import Config
from fargate_guard.config.workload import workload_name
from fargate_guard.taskdef import Settings, instrument
from fargate_guard.terraform.driver import Driver
from fargate_guard.terraform.engine import find_engine
from fargate_guard.terraform.providers import find_provider_source
from fargate_guard.terraform.root_module import RootModule, root_module
from fargate_guard.workload_input import ORCHESTRATOR_HOST_PLACEHOLDER, WorkloadInput, agent_log_group_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REGION = "us-east-1"
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-AbCdEf"
CERTIFICATES = {"collector.pem": "the collector's certificate", "proxy.pem": "the proxy's certificate"}


def config(**changes: Any) -> Config:
    """A deployment called ``t1`` with one workload ``web``; ``changes`` replace top-level keys."""
    document = {
        "name": "t1",
        "sysdig": {"region": "us1", "access_key": {"secret_arn": SECRET_ARN}},
        "workloads": [{"task_definition": "web.json", "service": {}}],
    }
    return Config.model_validate(document | changes)


def web(**changes: Any) -> dict[str, Any]:
    """A task definition called ``web`` with one container; ``changes`` replace the container's fields."""
    return {
        "family": "web",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "512",
        "memory": "1024",
        "containerDefinitions": [
            {"name": "web", "image": "nginx:1.27", "entryPoint": ["/serve"], "command": ["--all"]} | changes
        ],
    }


def instrumented(
    definition: Mapping[str, Any], settings: Config, *, name: str = "web", access_key_arn: str = SECRET_ARN
) -> dict[str, Any]:
    """``definition`` with the agent of ``settings``, as ``fguard deploy`` instruments it."""
    direct = settings.agent.topology == "direct"
    result = instrument(
        dict(definition),
        Settings(
            topology=settings.agent.topology,
            agent_version=settings.agent.effective_version,
            orchestrator_host=None if direct else ORCHESTRATOR_HOST_PLACEHOLDER,
            orchestrator_port=settings.orchestrator.port,
            collector_host="collector.example.com" if direct else None,
            access_key_arn=access_key_arn if direct else None,
            execution_role_supplied=True,
            log_configuration={
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": agent_log_group_name(settings, name),
                    "awslogs-region": REGION,
                    "awslogs-stream-prefix": "sysdig",
                },
            },
        ),
    ).definition
    return dict(result)


def rendered(
    settings: Config,
    definitions: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    access_key_arn: str = SECRET_ARN,
    instrumenting: bool = True,
) -> RootModule:
    """The root module of ``settings``; workloads that ``definitions`` does not name get :func:`web`."""
    workloads = []
    for workload in settings.workloads:
        name = workload_name(workload)
        definition = dict((definitions or {}).get(name) or web())
        if instrumenting:
            definition = instrumented(definition, settings, name=name, access_key_arn=access_key_arn)
        workloads.append(WorkloadInput(name=name, definition=definition, service=workload.service))
    return root_module(
        settings,
        region=REGION,
        workloads=workloads,
        access_key_value_from=access_key_arn,
        certificates=CERTIFICATES,
    )


class TerraformFolder:
    """Terraform in a folder, with an environment of its own, driven as ``fguard`` drives it."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.engine = find_engine(None, os.environ)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        self.environ = clean | dict(environ)
        self.driver = Driver(
            folder, engine=self.engine, environ=self.environ, run_log_dir=folder.with_name(f"{folder.name}.logs")
        )

    def init(self) -> None:
        """Fetch modules and the AWS provider."""
        source = find_provider_source(self.engine, self.environ, working_dir=self.folder)
        self.driver.init(plugin_dir=source.plugin_dir)

    def render(self, module: RootModule) -> None:
        """Write a module (again)."""
        module.write(self.folder)

    def deploy(self, module: RootModule) -> None:
        """Render, init, plan and apply."""
        self.render(module)
        self.init()
        plan = self.driver.plan(self.folder.with_name("deploy.tfplan"))
        assert [warning.summary for warning in plan.warnings] == []
        self.driver.apply(plan.path)


def container_definitions(module: RootModule, name: str = "web") -> list[dict[str, Any]]:
    """The container definitions of a workload in a module's variables."""
    text = module.variables["workloads"][name]["task_definition"]["container_definitions"]
    containers: list[dict[str, Any]] = json.loads(text)
    return containers

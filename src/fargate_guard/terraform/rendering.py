"""The Terraform templates: which files a root module has, decided by its structure alone.

Jinja2 sees no text that a user wrote. It decides which modules, resources and arguments there are; values travel
as Terraform variables.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import jinja2

from fargate_guard.package_files import package_folder
from fargate_guard.workload_input import ORCHESTRATOR_HOST_PLACEHOLDER


@dataclass(frozen=True, slots=True)
class Structure:
    """What a root module consists of."""

    orchestrator: bool
    """The orchestrator topology; else the agents connect to the collector themselves."""
    existing_network: bool
    nat: bool
    """NAT gateways, and private subnets behind them."""
    public_ip: bool
    s3_endpoint: bool
    interface_endpoints: bool
    existing_cluster: bool
    autoscaling: bool
    proxy: bool
    proxy_ca: bool
    collector_ca: bool
    image_pull_secret: bool
    logs_kms: bool
    workloads: bool
    s3_state: bool


def render(structure: Structure) -> dict[str, str]:
    """Return the root module's files by their path, without the values."""
    environment = jinja2.Environment(  # noqa: S701 - Terraform and Markdown, not HTML
        loader=jinja2.FileSystemLoader(package_folder("templates") / "terraform"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    context = asdict(structure) | {"placeholder": ORCHESTRATOR_HOST_PLACEHOLDER}
    return {
        path.removeprefix("root/"): environment.get_template(f"{path}.j2").render(context)
        for path in _paths(structure)
    }


def _paths(structure: Structure) -> list[str]:
    paths = ["root/README.md", *_files("root", "versions main cluster variables outputs")]
    paths += _files("modules/network", "versions variables outputs")
    paths += _files("modules/network", "existing" if structure.existing_network else "vpc")
    if structure.nat:
        paths += _files("modules/network", "nat")
    if structure.s3_endpoint or structure.interface_endpoints:
        paths += _files("modules/network", "endpoints")
    if structure.orchestrator:
        paths += _files(
            "modules/orchestrator", "versions variables main load_balancer security_groups iam outputs"
        )
        if structure.autoscaling:
            paths += _files("modules/orchestrator", "autoscaling")
    if structure.workloads:
        paths += _files("modules/workload", "versions variables main service target_group logs iam outputs")
    return paths


def _files(folder: str, names: str) -> list[str]:
    return [f"{folder}/{name}.tf" for name in names.split()]

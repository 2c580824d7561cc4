"""The workshop's writer-to-bin beside what ``fguard.yaml`` names: a newcomer's first event arrives by itself.

It belongs to the deploy that brings it: the plan shows it, ``destroy`` removes it, and so does a later deploy
without it, whose plan shows that, too. ``fguard.yaml`` is never touched.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fargate_guard.config.workload import Service, Workload, workload_name
from fargate_guard.deployment import write_private
from fargate_guard.errors import UsageError
from fargate_guard.package_files import package_folder

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.workflows.context import Context

NAME = "demo-writer-to-bin"
SHIPPED = "quickstart/writer-to-bin.json"
"""Of the examples: every few seconds it writes a file below /usr/bin of its own container."""
RULE = "Write below binary dir"


def with_demo_workload(context: Context, *, wanted: bool, image: str | None = None) -> Context:
    """Return the context with the demo workload, where it is wanted; tells when a deploy will take it away.

    :param image: a copy of its own; None: the workshop's, which exists under the tag ``latest`` only.
    :raises UsageError: for an image without the workload.
    """
    if image and not wanted:
        raise UsageError("--demo-image is the image of --with-demo-workload", fix="give both, or neither")
    if not wanted:
        if _marker(context).exists():
            context.observer.note("the demo workload goes with this deploy; to keep it: --with-demo-workload")
        return context
    if any(workload_name(workload) == NAME for workload in context.config.workloads):
        context.observer.note(f"{NAME} is a workload of {context.config_file} already")
        return context
    context.folder.create()
    file = context.folder.path / f"{NAME}.json"
    definition = _definition(context, image)
    write_private(file, json.dumps(definition, indent=2) + "\n")
    workload = Workload(
        task_definition=str(file.resolve()), name=NAME, service=Service(desired_count=1), create_log_groups=True
    )
    workloads = [*context.config.workloads, workload]
    context.observer.note(f"with the demo workload: its writes are what the rule {RULE!r} detects")
    for floating in _floating(definition):
        if not context.config.agent.pin_digests:
            context.observer.note(
                f"its image {floating} is whatever that tag names when a task starts: agent.pin_digests: true in"
                " fguard.yaml pins it to what is there at the deploy, --demo-image names a copy"
            )
    return replace(context, config=context.config.model_copy(update={"workloads": workloads}))


def demo_deployed(context: Context, *, wanted: bool) -> None:
    """Remember, after a deploy, whether the demo workload is there, for what the next deploy says."""
    if wanted:
        write_private(_marker(context), "")
    else:
        _marker(context).unlink(missing_ok=True)


def _marker(context: Context) -> Path:
    return context.folder.path / f"{NAME}.deployed"


def _definition(context: Context, image: str | None) -> dict[str, Any]:
    """The shipped task definition, logging to a group of this deployment in its region."""
    shipped = (package_folder("examples") / SHIPPED).read_text(encoding="utf-8")
    definition: dict[str, Any] = json.loads(shipped)
    for container in definition["containerDefinitions"]:
        container["image"] = image or container["image"]
        container["logConfiguration"]["options"] |= {
            "awslogs-group": f"/fguard/{context.config.name}/{NAME}",
            "awslogs-region": context.region,
        }
    return {**definition, "family": NAME}


def _floating(definition: dict[str, Any]) -> list[str]:
    """Images without a digest."""
    images = [str(container["image"]) for container in definition["containerDefinitions"]]
    return [image for image in images if "@sha256:" not in image]

"""Agent versions and images."""

from __future__ import annotations

import re

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def parse(version: str) -> tuple[int, int, int]:
    """Return major, minor and patch of ``5.0.1`` or ``5.0.1-rc4``; zeros where there is no version."""
    found = _VERSION.match(version)
    return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)


def version_of_image(image: str) -> str | None:
    """Return the version in an image reference's tag, None with another tag, a digest only, or none."""
    name = image.partition("@")[0].rpartition("/")[2]
    tag = name.partition(":")[2]
    return tag if _VERSION.match(tag) else None


def is_pinned(image: str) -> bool:
    """Whether the reference names one image for good: a digest, or a tag other than ``latest``."""
    if "@sha256:" in image:
        return True
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag not in ("", "latest")


def works_with(agent_version: str, orchestrator_version: str) -> str | None:
    """Return why an agent does not work with an orchestrator, None when it does.

    The matrix of https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/:
    agents 5.0 and 4.3 work with orchestrators from 4.1 on, agents 4.2 and 4.1 not with orchestrator 5.0.
    """
    agent, orchestrator = parse(agent_version), parse(orchestrator_version)
    if agent[0] >= 6:  # noqa: PLR2004
        return "agents of 6.0.0 and later do not work with an orchestrator"
    if orchestrator[0] >= 5 and agent < (4, 3, 0):  # noqa: PLR2004
        return "agents before 4.3 get no policies from an orchestrator of 5.0 and later: upgrade the agents first"
    if orchestrator < (4, 1, 0):
        return "orchestrators before 4.1 are not in Sysdig's compatibility matrix"
    return None

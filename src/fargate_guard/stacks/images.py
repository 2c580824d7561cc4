"""The orchestrator's image, and where in ECR an image is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fargate_guard.workload_input import ORCHESTRATOR_REPOSITORY

if TYPE_CHECKING:
    from fargate_guard.config import Config

ECR_IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)")
"""Account, Region and repository of an image in ECR (https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html)."""


def orchestrator_image(config: Config) -> str:
    """Return the orchestrator's image."""
    version = config.orchestrator.version or config.agent.effective_version
    return config.orchestrator.image or f"{ORCHESTRATOR_REPOSITORY}:{version}"

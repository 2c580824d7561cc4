"""From a stack's outputs and resources to what the rest of fguard knows of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.config import Config
    from fargate_guard.deployment import DeploymentOutputs


def deployment_outputs(
    outputs: Mapping[str, str],
    resources: Mapping[str, str],
    config: Config,
    region: str,
    account_id: str,
    partition: str,
) -> DeploymentOutputs | None:
    """Return what a stack built; None where it is not, or not wholly, there.

    :param outputs: the stack's outputs by key.
    :param resources: physical ID by logical ID.
    """
    raise NotImplementedError

"""Application Auto Scaling: tags of scalable targets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

from fargate_guard.sandbox.mends.override import add, override

if TYPE_CHECKING:
    from collections.abc import Callable


def mend() -> None:
    """Answer the tag calls, which moto lacks and the AWS provider makes for every target.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ListTagsForResource.html
    """
    override(ApplicationAutoScalingResponse, "register_scalable_target", _register_scalable_target)
    add(ApplicationAutoScalingResponse, "list_tags_for_resource", _list_tags_for_resource)
    add(ApplicationAutoScalingResponse, "tag_resource", _tag_resource)
    add(ApplicationAutoScalingResponse, "untag_resource", _untag_resource)


def _tags(response: Any, arn: str) -> dict[str, str]:
    """Return the tags of a scalable target, kept on moto's own record of it."""
    backend = response.applicationautoscaling_backend
    for targets in backend.targets.values():
        for target in targets.values():
            if target.arn == arn:
                if not hasattr(target, "sandbox_tags"):
                    target.sandbox_tags = {}
                return target.sandbox_tags  # type: ignore[no-any-return]
    return {}


def _register_scalable_target(original: Callable[..., str]) -> Callable[..., str]:
    def register_scalable_target(self: Any) -> str:
        """Keep the tags given at registration."""
        answer = original(self)
        _tags(self, json.loads(answer)["ScalableTargetARN"]).update(self._get_param("Tags") or {})
        return answer

    return register_scalable_target


def _list_tags_for_resource(self: Any) -> str:
    return json.dumps({"Tags": _tags(self, self._get_param("ResourceARN"))})


def _tag_resource(self: Any) -> str:
    _tags(self, self._get_param("ResourceARN")).update(self._get_param("Tags") or {})
    return "{}"


def _untag_resource(self: Any) -> str:
    tags = _tags(self, self._get_param("ResourceARN"))
    for key in self._get_param("TagKeys") or []:
        tags.pop(key, None)
    return "{}"

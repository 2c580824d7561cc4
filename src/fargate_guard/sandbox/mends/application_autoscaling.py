"""Application Auto Scaling: tags of scalable targets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.exceptions import JsonRESTError

from fargate_guard.sandbox.mends.override import add, override

if TYPE_CHECKING:
    from collections.abc import Callable


MOST_TAGS = 50
"""Without those that AWS makes: https://docs.aws.amazon.com/tag-editor/latest/userguide/reference.html"""


def mend() -> None:
    """Answer the tag calls, which moto lacks and the AWS provider makes for every target."""
    override(ApplicationAutoScalingResponse, "register_scalable_target", _register_scalable_target)
    add(ApplicationAutoScalingResponse, "list_tags_for_resource", _list_tags_for_resource)
    add(ApplicationAutoScalingResponse, "tag_resource", _tag_resource)
    add(ApplicationAutoScalingResponse, "untag_resource", _untag_resource)


def _tags(response: Any, arn: str) -> dict[str, str]:
    """Return the tags of a scalable target, kept on moto's own record of it.

    :raises JsonRESTError: ``ResourceNotFoundException``, as all three calls answer for an unknown ARN.
    """
    backend = response.applicationautoscaling_backend
    for targets in backend.targets.values():
        for target in targets.values():
            if target.arn == arn:
                if not hasattr(target, "sandbox_tags"):
                    target.sandbox_tags = {}
                return target.sandbox_tags  # type: ignore[no-any-return]
    code = "ResourceNotFoundException"
    raise JsonRESTError(code, "The specified resource doesn't exist.")


def _add_tags(response: Any, arn: str, tags: dict[str, str]) -> None:
    there = _tags(response, arn)
    if sum(not key.startswith("aws:") for key in there.keys() | tags.keys()) > MOST_TAGS:
        code = "TooManyTagsException"
        raise JsonRESTError(code, "The request contains too many tags. Try the request again with fewer tags.")
    there.update(tags)


def _register_scalable_target(original: Callable[..., str]) -> Callable[..., str]:
    def register_scalable_target(self: Any) -> str:
        """Keep the tags given at registration.

        https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
        """
        answer = original(self)
        _add_tags(self, json.loads(answer)["ScalableTargetARN"], self._get_param("Tags") or {})
        return answer

    return register_scalable_target


def _list_tags_for_resource(self: Any) -> str:
    """https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ListTagsForResource.html."""
    return json.dumps({"Tags": _tags(self, self._get_param("ResourceARN"))})


def _tag_resource(self: Any) -> str:
    """https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html."""
    _add_tags(self, self._get_param("ResourceARN"), self._get_param("Tags") or {})
    return "{}"


def _untag_resource(self: Any) -> str:
    """https://docs.aws.amazon.com/autoscaling/application/APIReference/API_UntagResource.html."""
    tags = _tags(self, self._get_param("ResourceARN"))
    for key in self._get_param("TagKeys") or []:
        tags.pop(key, None)
    return "{}"

"""What the API calls have in common.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from moto.core.responses import ActionResult, BaseResponse

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.backend import StackBackend

Json = dict[str, Any]


class Calls(BaseResponse):
    """Parses a call with botocore's model; subclasses answer it in methods named after the API action."""

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    @property
    def _backend(self) -> StackBackend:
        from moto.cloudformation.models import cloudformation_backends

        return cast("StackBackend", cloudformation_backends[self.current_account][self.region])

    @property
    def _request(self) -> Json:
        return {key: value for key, value in dict(self.params).items() if value is not None}

    def _page(self, key: str, items: list[Any], size: int) -> ActionResult:
        """Answer one page: ``NextToken`` is the number of the first item on the next one.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
        """
        first = int(self._get_param("NextToken") or 0)
        last = first + size
        following = {"NextToken": str(last)} if last < len(items) else {}
        return ActionResult({key: items[first:last], **following})

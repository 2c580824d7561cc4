"""Lambda's functions and permissions."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from fargate_guard.sandbox.cloudformation.resources.api_type import ApiType, Setting, at, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.sandbox.cloudformation.resource_type import ResourceContext

    Properties = Mapping[str, Any]

Json = Any
EPOCH = (1980, 1, 1, 0, 0, 0)


class Function(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html."""

    name = "AWS::Lambda::Function"
    not_simulated = frozenset(
        {"FunctionScalingConfig", "PublishToLatestPublished", "RecursiveLoop", "RuntimeManagementConfig"}
    )
    service = "lambda"
    creates, deletes, key, physical = "CreateFunction", "DeleteFunction", "FunctionName", "FunctionName"
    describes = ("GetFunction", "FunctionName", "")
    attributes = {"Arn": "FunctionArn"}
    renames = {"KmsKeyArn": "KMSKeyArn"}
    settings = (
        Setting(
            "UpdateFunctionConfiguration",
            (
                *(
                    "Role",
                    "Handler",
                    "Description",
                    "Timeout",
                    "MemorySize",
                    "VpcConfig",
                    "Environment",
                    "Runtime",
                ),
                *("DeadLetterConfig", "KmsKeyArn", "TracingConfig", "Layers", "FileSystemConfigs", "ImageConfig"),
                *("EphemeralStorage", "LoggingConfig", "SnapStart"),
            ),
            at_creation=False,
        ),
        Setting("UpdateFunctionCode", ("Code", "Architectures"), at_creation=False),
        Setting("PutFunctionConcurrency", ("ReservedConcurrentExecutions",)),
    )
    defaults = {
        "Environment": {"Variables": {}},
        "LoggingConfig": {},
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
    }
    name_property = "FunctionName"

    def request(self, operation: str, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """Code in the template is a module called ``index``; an update takes the code's parts one by one."""
        code = properties.get("Code")
        if code is not None:
            code = _code(code, str(properties.get("Runtime", "python")))
            properties = {**properties, "Code": code}
            if operation == "UpdateFunctionCode":
                properties = {**{key: value for key, value in properties.items() if key != "Code"}, **code}
        return super().request(operation, properties, context)

    def tagged(self, physical_id: str, context: ResourceContext) -> str:
        """Functions are tagged by ARN."""
        return f"arn:{context.partition}:lambda:{context.region}:{context.account_id}:function:{physical_id}"

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Where the code came from cannot be read back."""
        answer = super().description(physical_id, properties, context)
        if answer is None:
            return None
        return {"Environment": {}, **answer["Configuration"], "Tags": answer.get("Tags", {})}

    def pending(self, physical_id: str, properties: Properties, context: ResourceContext) -> str | None:
        """Wait until the function is active and its last update is in force."""
        function = self.description(physical_id, properties, context)
        busy = at(function, "State") == "Pending" or at(function, "LastUpdateStatus") == "InProgress"
        return f"function {physical_id} is not active yet" if busy else None


def _code(code: Mapping[str, Json], runtime: str) -> dict[str, Json]:
    if "ZipFile" not in code:
        return dict(code)
    name = "index.py" if runtime.startswith("python") else "index.js"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo(name, EPOCH), str(code["ZipFile"]))
    return {"ZipFile": archive.getvalue()}


class Permission(ApiType):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html."""

    name = "AWS::Lambda::Permission"
    service = "lambda"
    creates, deletes, physical = "AddPermission", "RemovePermission", "{StatementId}"
    attributes = {"Id": "@"}

    def create_request(self, properties: Properties, context: ResourceContext) -> dict[str, Json]:
        """The statement gets a generated name."""
        return {**super().create_request(properties, context), "StatementId": context.generated_name(100)}

    def identity(self, physical_id: str, properties: Properties) -> dict[str, Json]:
        """Function and statement."""
        return {"FunctionName": properties["FunctionName"], "StatementId": physical_id}

    def description(self, physical_id: str, properties: Properties, context: ResourceContext) -> Properties | None:
        """Find the statement in the function's policy."""
        which = {"FunctionName": properties["FunctionName"]}
        answer = found(lambda: self.call(context, "GetPolicy", which))
        statements = json.loads(answer["Policy"])["Statement"] if answer else []
        statement = next((each for each in statements if each.get("Sid") == physical_id), None)
        return statement and {"Action": statement["Action"]}


TYPES = (Function(), Permission())

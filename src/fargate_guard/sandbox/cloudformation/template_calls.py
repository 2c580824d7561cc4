"""The calls about templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult

from fargate_guard.sandbox.cloudformation.calls import Calls, Json
from fargate_guard.sandbox.cloudformation.capabilities import AUTO_EXPAND, NAMED_IAM, needed_capabilities
from fargate_guard.sandbox.cloudformation.errors import ChangeSetNotFound, ValidationFailed
from fargate_guard.sandbox.cloudformation.macros import transform_names
from fargate_guard.sandbox.cloudformation.parameters import MASKED
from fargate_guard.sandbox.cloudformation.submission import template_text
from fargate_guard.sandbox.cloudformation.template import Template, check_template, parse_template

if TYPE_CHECKING:
    from fargate_guard.sandbox.cloudformation.target import Target


class TemplateCalls(Calls):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html."""

    def get_template(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html."""
        target = self._target()
        processed = self._get_param("TemplateStage") == "Processed"
        text = target.template.processed if processed else target.template.text
        stages = ["Original", "Processed"]
        return ActionResult({"TemplateBody": text, "StagesAvailable": stages})

    def _target(self) -> Target:
        change_set_name, stack_name = self._get_param("ChangeSetName"), self._get_param("StackName")
        stacks = list(self._backend.stacks.values())
        if stack_name:
            stacks = [self._backend.stack_of(stack_name)]
        if change_set_name:
            for stack in stacks:
                for change_set in stack.change_sets.values():
                    if change_set_name in {change_set.id, change_set.name} and change_set.target is not None:
                        return change_set.target
            message = f"ChangeSet [{change_set_name}] does not exist"
            raise ChangeSetNotFound(message)
        if not stack_name or stacks[0].target is None:
            message = f"Stack with id {stack_name} does not have a template: it is in REVIEW_IN_PROGRESS state."
            raise ValidationFailed(message)
        return stacks[0].target

    def validate_template(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html."""
        template = _checked(template_text(self._backend, self._request))
        return ActionResult(
            {"Parameters": [_brief(*each) for each in _parameters(template)], **_summary(template)}
        )

    def get_template_summary(self) -> ActionResult:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html."""
        request = self._request
        if request.get("StackName"):
            stack = self._backend.stack_of(request["StackName"])
            if stack.target is None:
                message = "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks."
                raise ValidationFailed(message)
            template = stack.target.template
        else:
            template = _checked(template_text(self._backend, request))
        identified = [
            {
                "ResourceType": resource["Type"],
                "LogicalResourceIds": [logical_id],
                "ResourceIdentifiers": list(self._backend.type_of(resource["Type"]).replaced_by)[:1],
            }
            for logical_id, resource in template.resources.items()
        ]
        summary = {
            **_summary(template),
            "Parameters": [_declared(*each) for each in _parameters(template)],
            "ResourceTypes": sorted({resource["Type"] for resource in template.resources.values()}),
            "Version": template.document.get("AWSTemplateFormatVersion"),
            "ResourceIdentifierSummaries": identified,
        }
        return ActionResult({key: value for key, value in summary.items() if value is not None})


def _checked(text: str) -> Template:
    document = parse_template(text)
    template = Template(text, document, text, transform_names(document))
    if not template.transforms:
        check_template(template)
    return template


def _parameters(template: Template) -> list[tuple[str, Json]]:
    return list(template.section("Parameters").items())


def _summary(template: Template) -> dict[str, Any]:
    summary: dict[str, Any] = {"Description": template.document.get("Description") or ""}
    needed = needed_capabilities(template)
    capabilities = []
    if needed:
        named = any(capability == NAMED_IAM for capability, _ in needed)
        capabilities = [NAMED_IAM if named else needed[0][0]]
    if template.transforms:
        capabilities.append(AUTO_EXPAND)
        summary["DeclaredTransforms"] = list(template.transforms)
    if capabilities:
        summary["Capabilities"] = capabilities
        kinds = ", ".join(sorted({kind for _, kind in needed}))
        reason = f"The following resource(s) require capabilities: [{kinds}]"
        macros = f"The following macro(s) require capabilities: [{', '.join(template.transforms)}]"
        both = ((reason, needed), (macros, template.transforms))
        summary["CapabilitiesReason"] = ". ".join(text for text, concerned in both if concerned)
    return summary


def _brief(key: str, declaration: Json) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_TemplateParameter.html."""
    no_echo = str(declaration.get("NoEcho", False)).lower() == "true"
    shown: dict[str, Any] = {"ParameterKey": key, "NoEcho": no_echo}
    if "Default" in declaration:
        shown["DefaultValue"] = MASKED if no_echo else str(declaration["Default"])
    if "Description" in declaration:
        shown["Description"] = declaration["Description"]
    return shown


def _declared(key: str, declaration: Json) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ParameterDeclaration.html."""
    allowed = [str(value) for value in declaration.get("AllowedValues") or []]
    constraints = {"AllowedValues": allowed} if allowed else {}
    kind = declaration.get("Type", "String")
    return {**_brief(key, declaration), "ParameterType": kind, "ParameterConstraints": constraints}

"""A template's parameters: what the console shows of them, and the values of one deployment.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-interface.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.errors import PreflightError
from fargate_guard.stacks.texts import refuse_changed_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST_VALUE = 4096
"""Bytes of a parameter's value.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class RefusedValueError(PreflightError):
    """A setting is no value that the template's parameter takes."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter."""

    name: str
    label: str
    """What the console calls it."""
    description: str
    value: str | None
    """Of this deployment, and the template's default; None where it has to be given when the template is used."""
    setting: str
    """Where the value stands in ``fguard.yaml``."""
    type: str = "String"
    pattern: str | None = None
    constraint: str | None = None
    """What fits, in words."""
    allowed: tuple[str | int, ...] = ()
    bounds: tuple[int, int] | None = None
    """Least and greatest number."""
    no_echo: bool = False
    """A secret: its value is given when the template is used, and CloudFormation shows it nowhere."""

    def declaration(self) -> dict[str, Any]:
        """Return what stands under ``Parameters``."""
        declared: dict[str, Any] = {"Type": self.type, "Description": self.description}
        if self.no_echo:
            declared["NoEcho"] = True
        if self.value is not None:
            declared["Default"] = json.loads(self.value) if self.type == "Number" else self.value
        if self.allowed:
            declared["AllowedValues"] = list(self.allowed)
        if self.pattern:
            declared["AllowedPattern"] = f"^{self.pattern}$"
        if self.bounds:
            declared["MinValue"], declared["MaxValue"] = self.bounds
        if self.constraint:
            declared["ConstraintDescription"] = self.constraint
        return declared

    def check(self) -> None:
        """Refuse a value that CloudFormation would refuse, or change, before it is asked.

        :raises RefusedValueError: it does not fit.
        """
        if self.value is None:
            return
        refuse_changed_texts(self.value, self.setting)
        if len(self.value.encode()) > LONGEST_VALUE:
            raise self._refusal(f"a parameter of CloudFormation holds {LONGEST_VALUE:,} bytes", "shorten it")
        if _CONTROL.search(self.value):
            raise self._refusal("it has a control character in it", "remove that character")
        parts = self.value.split(",") if self.type in ("CommaDelimitedList",) else [self.value]
        fits = self.pattern is None or all(re.fullmatch(self.pattern, part, re.DOTALL) for part in parts)
        if not fits or (self.allowed and self.value not in {str(one) for one in self.allowed}):
            raise self._refusal(self.constraint or f"it does not match {self.pattern}", "correct it")

    def _refusal(self, why: str, fix: str) -> RefusedValueError:
        return RefusedValueError(
            f"the value of {self.setting} cannot be a parameter of the template",
            where=f"fguard.yaml: {self.setting}",
            why=why,
            fix=f"{fix}, or deploy with: --method terraform",
        )


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Parameters that the console shows together."""

    label: str
    parameters: tuple[Parameter, ...]


def declarations(groups: Iterable[ParameterGroup]) -> dict[str, Any]:
    """Return the section ``Parameters``."""
    return {one.name: one.declaration() for group in groups for one in group.parameters}


def interface(groups: Iterable[ParameterGroup]) -> dict[str, Any]:
    """Return ``AWS::CloudFormation::Interface``: in which order and under which words the console asks."""
    shown = [group for group in groups if group.parameters]
    return {
        "ParameterGroups": [
            {"Label": {"default": group.label}, "Parameters": [one.name for one in group.parameters]}
            for group in shown
        ],
        "ParameterLabels": {one.name: {"default": one.label} for group in shown for one in group.parameters},
    }


def values(groups: Iterable[ParameterGroup]) -> Mapping[str, str]:
    """Return the value of every parameter that has one."""
    return {one.name: one.value for group in groups for one in group.parameters if one.value is not None}

"""What ``fguard instrument --check`` finds, as SARIF 2.1.0 for code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fargate_guard import __version__
from fargate_guard.taskdef.recipes import INSTRUMENT
from fargate_guard.workflows.definition_files import Changed, Refused
from fargate_guard.workflows.definition_inputs import Input, Kind
from fargate_guard.workflows.json_places import line_and_column, steps_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fargate_guard.formats import Source
    from fargate_guard.taskdef import ContainerOutcome, Notice, TaskDefinitionError
    from fargate_guard.workflows.definition_files import Outcome

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LINE = re.compile(r"line (\d+), column (\d+)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding."""

    id: str
    name: str
    level: str
    """SARIF's: ``error``, ``warning``."""
    text: str
    help: str

    @property
    def document(self) -> dict[str, Any]:
        """SARIF's reportingDescriptor."""
        return {
            "id": self.id,
            "name": self.name,
            "shortDescription": {"text": self.text},
            "fullDescription": {"text": self.text},
            "help": {"text": self.help},
            "defaultConfiguration": {"level": self.level},
            "properties": {"tags": ["security", "aws", "fargate"]},
        }


NOT_INSTRUMENTED = Rule(
    "FG001",
    "ContainerNotInstrumented",
    "error",
    "The container runs on Fargate without runtime threat detection.",
    "Run `fguard instrument FILE --in-place`, or leave the container out by name, label or tag.",
)
OUT_OF_DATE = Rule(
    "FG002",
    "InstrumentationOutOfDate",
    "warning",
    "The container is instrumented, but not as the settings ask for.",
    "Run `fguard instrument FILE --in-place`; `--diff` shows what would change.",
)
REFUSED = Rule(
    "FG003",
    "CannotBeInstrumented",
    "error",
    "The task definition cannot be instrumented correctly.",
    "The message says which field or option is missing or does not fit.",
)
WARNING = Rule(
    "FG004",
    "InstrumentationWarning",
    "warning",
    "The task definition can be instrumented, but something about it should be known.",
    "The message says what; `--strict` makes it an error.",
)
RULES = (NOT_INSTRUMENTED, OUT_OF_DATE, REFUSED, WARNING)


@dataclass(slots=True)
class Findings:
    """The results so far: a few lines each, whatever the size of the inputs."""

    results: list[dict[str, Any]] = field(default_factory=list)
    notifications: list[dict[str, Any]] = field(default_factory=list)

    def take(self, outcome: Outcome) -> None:
        """Add what an input's outcome says."""
        if isinstance(outcome, Changed):
            self.results += _of_changed(outcome)
        elif isinstance(outcome, Refused):
            self.results += [_of_error(outcome, error) for error in outcome.errors]
        elif outcome.broken is not None:
            where = str(getattr(outcome.broken.__cause__, "where", "$"))
            text = f"The file is passed over: {outcome.reason}"
            self.results.append(_result(WARNING, outcome.input, None, where, text, where))

    def remark(self, level: str, text: str) -> None:
        """Add what concerns no single input."""
        self.notifications.append({"level": level, "message": {"text": text}})

    def text(self) -> str:
        """The SARIF document."""
        run: dict[str, Any] = {
            "tool": {
                "driver": {
                    "name": "fargate-guard",
                    "version": __version__,
                    "semanticVersion": __version__,
                    "rules": [rule.document for rule in RULES],
                }
            },
            "columnKind": "unicodeCodePoints",
            "results": self.results,
        }
        if self.notifications:
            failed = any(one["level"] == "error" for one in self.notifications)
            run["invocations"] = [
                {"executionSuccessful": not failed, "toolExecutionNotifications": self.notifications}
            ]
        return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _of_changed(one: Changed) -> Iterator[dict[str, Any]]:
    found = False
    for container in one.result.containers:
        result = _of_container(one, container)
        if result is not None:
            found = found or "suppressions" not in result
            yield result
    if one.changed and not found:
        path = re.sub(r"\[\d+\]$", "", one.result.containers[0].path) if one.result.containers else "$"
        yield _result(
            OUT_OF_DATE,
            one.input,
            one.source,
            path,
            "The agent's sidecar is not as the settings ask for.",
            "sidecar",
        )
    for warning in one.warnings:
        yield _of_warning(one, warning)


def _of_container(one: Changed, container: ContainerOutcome) -> dict[str, Any] | None:
    name = f"{container.resource}/{container.name}" if container.resource else container.name
    _, before = steps_of(one.source.value, container.path)
    _, after = steps_of(one.result.definition, container.path)
    was_instrumented = INSTRUMENT in json.dumps(before)
    if not container.instrumented:
        text = f"Container {name} is not instrumented: {container.reason}."
        result = _result(NOT_INSTRUMENTED, one.input, one.source, container.path, text, name)
        return {**result, "suppressions": [{"kind": "external", "justification": container.reason}]}
    if before == after:
        return None
    if was_instrumented:
        text = f"Container {name} is instrumented, but not as the settings ask for."
        return _result(OUT_OF_DATE, one.input, one.source, container.path, text, name)
    return _result(
        NOT_INSTRUMENTED, one.input, one.source, container.path, f"Container {name} is not instrumented.", name
    )


def _of_warning(one: Changed, warning: Notice) -> dict[str, Any]:
    return _result(WARNING, one.input, one.source, warning.where, warning.message, warning.where)


def _of_error(refused: Refused, error: TaskDefinitionError) -> dict[str, Any]:
    sentences = [
        error.message,
        *([f"why: {error.why}"] if error.why else []),
        *([f"fix: {error.fix}"] if error.fix else []),
    ]
    cause = error.__cause__
    where = str(getattr(cause, "where", None) or "$").partition(" (")[0]
    return _result(REFUSED, refused.input, refused.source, where, "\n".join(sentences), f"{where} {error.message}")


def _result(rule: Rule, one: Input, source: Source | None, path: str, text: str, identity: str) -> dict[str, Any]:
    return {
        "ruleId": rule.id,
        "ruleIndex": RULES.index(rule),
        "level": rule.level,
        "message": {"text": text},
        "locations": [_location(one, source, path)],
        "partialFingerprints": {"container/v1": f"{one.relative.as_posix()} {identity}"},
    }


def _location(one: Input, source: Source | None, path: str) -> dict[str, Any]:
    logical = [{"fullyQualifiedName": path}]
    if one.kind is not Kind.FILE:
        return {"logicalLocations": [{"fullyQualifiedName": f"{one.shown_name}: {path}"}]}
    place = _place(source, path)
    region = {"region": {"startLine": place[0], "startColumn": place[1]}} if place else {}
    return {"physicalLocation": {"artifactLocation": _artifact(one), **region}, "logicalLocations": logical}


def _place(source: Source | None, path: str) -> tuple[int, int] | None:
    told = _LINE.search(path)
    if told:
        return int(told[1]), int(told[2])
    return line_and_column(source, path) if source is not None else (1, 1)


def _artifact(one: Input) -> dict[str, Any]:
    """The file, relative to the folder that fguard runs in: in CI the repository's root."""
    relative = os.path.relpath(one.name)
    if relative.startswith(".."):
        return {"uri": one.path.resolve().as_uri()}
    return {"uri": quote(relative.replace(os.sep, "/")), "uriBaseId": "%SRCROOT%"}

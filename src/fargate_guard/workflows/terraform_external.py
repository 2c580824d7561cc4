"""The protocol of Terraform's ``external`` data source: one JSON object of strings in, one out.

https://registry.terraform.io/providers/hashicorp/external/latest/docs/data-sources/external
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fargate_guard.errors import UsageError
from fargate_guard.formats import Source, Syntax
from fargate_guard.taskdef import NotATaskDefinitionError
from fargate_guard.taskdef.json_text import parse

if TYPE_CHECKING:
    from fargate_guard.taskdef import Json
    from fargate_guard.workflows.definition_files import Changed

CONTAINERS = "container_definitions"
TASK_FIELDS = {
    "name": "family",
    "cpu": "cpu",
    "memory": "memory",
    "execution_role_arn": "executionRoleArn",
    "pid_mode": "pidMode",
}
"""Key of the query → field of the task definition. The keys are the arguments of aws_ecs_task_definition; ``name``
is its ``family``.
"""
PLATFORM_FIELDS = {"cpu_architecture": "cpuArchitecture", "operating_system_family": "operatingSystemFamily"}
KNOWN = (CONTAINERS, *TASK_FIELDS, *PLATFORM_FIELDS)

WHERE = "the query of the external data source"


@dataclass(frozen=True, slots=True)
class Query:
    """What Terraform asks."""

    source: Source
    """A task definition around the container definitions."""
    names_role: bool
    """Whether the query has the execution role; else it is the caller's matter."""


def read_query(text: str) -> Query:
    """Read what Terraform writes to standard input.

    :raises UsageError: not an object of strings, a key that is not known, or containers that are not JSON.
    """
    given = _strings(text)
    for key in given:
        if key not in KNOWN:
            near = difflib.get_close_matches(key, KNOWN, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(KNOWN)}"
            raise UsageError(f"unknown key {key!r}", where=WHERE, fix=hint)
    if CONTAINERS not in given:
        raise UsageError(
            f"{CONTAINERS} is missing", where=WHERE, fix=f"query = {{ {CONTAINERS} = jsonencode([…]) }}"
        )
    try:
        containers = parse(given[CONTAINERS])
    except NotATaskDefinitionError as error:
        raise UsageError(
            f"{CONTAINERS} is not JSON",
            where=WHERE,
            why=f"{error.message} ({error.where})",
            fix="give jsonencode([…])",
        ) from None
    if not isinstance(containers, list):
        raise UsageError(f"{CONTAINERS} is not a JSON array", where=WHERE, fix="give jsonencode([…])")
    definition: dict[str, Json] = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc"}
    definition |= {field: given[key] for key, field in TASK_FIELDS.items() if key in given}
    platform = {field: given[key] for key, field in PLATFORM_FIELDS.items() if key in given}
    if platform:
        definition["runtimePlatform"] = platform
    definition["containerDefinitions"] = containers
    return Query(Source(given[CONTAINERS], Syntax.JSON, definition, False), "execution_role_arn" in given)


def _strings(text: str) -> dict[str, str]:
    """The query's values; what is null or empty counts as not given."""
    example = """echo '{"container_definitions": "[…]"}' | fguard instrument --format terraform-external"""
    try:
        query = json.loads(text)
    except ValueError as error:
        raise UsageError(
            "standard input is not what Terraform's external data source writes", why=str(error), fix=example
        ) from None
    if not isinstance(query, dict) or not all(isinstance(value, str | None) for value in query.values()):
        raise UsageError("the query is not an object of strings", where=WHERE, fix=example)
    return {key: value for key, value in query.items() if value}


def answer(changed: Changed) -> str:
    """Return what Terraform reads: an object of strings, the same for the same query."""
    definition = changed.result.definition
    containers = definition["containerDefinitions"]
    result = {
        CONTAINERS: json.dumps(containers, ensure_ascii=False, separators=(",", ":")),
        "pid_mode": definition.get("pidMode") or "",
        "changed": "true" if containers != changed.source.value["containerDefinitions"] else "false",
        "warnings": "\n".join(f"{warning.where}: {warning.message}" for warning in changed.warnings),
    }
    return json.dumps(result, ensure_ascii=False) + "\n"

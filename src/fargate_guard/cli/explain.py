"""``fguard explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.definition_options import DefinitionsArgument, TemplateOptions, read_all
from fargate_guard.cli.option_groups import with_option_groups

if TYPE_CHECKING:
    from fargate_guard.formats import Source
    from fargate_guard.taskdef.known_fields import FieldTree
    from fargate_guard.workflows.definition_inputs import Input

EXAMPLE = """\
printf '%s' '[{"name": "web", "image": "nginx:1.27", "entryPoint": ["nginx"]}]' > web.json
  fguard instrument web.json --orchestrator-host orchestrator.internal --in-place
  fguard explain web.json"""


@command("explain", example=EXAMPLE)
@with_option_groups
def explain(run: Invocation, task_definitions: DefinitionsArgument, template: TemplateOptions) -> Result:
    """Tell in words what is instrumented in task definitions and templates, by whom, with which agent, and what is
    wrong; also of what ECS has.
    """
    from fargate_guard.taskdef import TaskDefinitionError
    from fargate_guard.workflows.definition_files import in_file
    from fargate_guard.workflows.instrumenting import Handling
    from fargate_guard.workflows.user_folders import cache_folder

    documents: list[dict[str, Any]] = []
    texts: list[str] = []
    parameters = template.parameters
    known = Handling(cache=cache_folder(run.environ)).known_fields()
    for one, source in read_all(run, task_definitions):
        try:
            document, text = _explained(one, source, parameters, known)
        except TaskDefinitionError as error:
            raise in_file(one, error) from None
        documents.append(document)
        texts.append(text)
    return Result({"definitions": documents}, "\n".join(texts))


def _explained(
    one: Input, source: Source, parameters: dict[str, str], known: FieldTree
) -> tuple[dict[str, Any], str]:
    from fargate_guard.taskdef.explaining import words
    from fargate_guard.workflows.definition_kinds import explained, field_notices, shape
    from fargate_guard.workflows.explanation import document

    found = explained(source, parameters)
    unknown = field_notices(source, lambda: known)
    lines = [f"{one.shown_name} ({shape(source)})"]
    for resource, explanation in found:
        lines += [f"  {resource}"] if resource else []
        indent = "    " if resource else "  "
        lines += [(indent + line).rstrip() for line in words(explanation).splitlines()]
    lines += [f"  warning: {notice.where}: {notice.message}" for notice in unknown]
    if not found:
        lines.append("  no task definition for Fargate in it")
    document_ = {
        "source": one.name,
        "shape": shape(source),
        "task_definitions": [
            {"resource": resource or None, **document(explanation)} for resource, explanation in found
        ],
        "unknown_fields": [{"where": notice.where, "message": notice.message} for notice in unknown],
    }
    return document_, "\n".join(lines) + "\n"

"""A deployment's template as files, for those who run CloudFormation themselves."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from fargate_guard.deployment import write_private
from fargate_guard.stacks.template import stack_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fargate_guard.stacks.template import StackTemplate
    from fargate_guard.workflows.context import Context

TEMPLATE_FILE = "template.yaml"
PARAMETERS_FILE = "parameters.json"
README_FILE = "README.md"


def stack_files(context: Context, template: StackTemplate) -> dict[str, str]:
    """Return the files by name: template, parameters as every AWS CLI command takes them, and what to do."""
    parameters = [
        {"ParameterKey": key, "ParameterValue": value} for key, value in sorted(template.parameters.items())
    ]
    return {
        TEMPLATE_FILE: template.body,
        PARAMETERS_FILE: json.dumps(parameters, indent=2) + "\n",
        README_FILE: _readme(context, template),
    }


def missing_parameters(template: StackTemplate) -> list[str]:
    """Return the parameters that have no value yet: what has to be looked up in the account."""
    return [name for name in template.required_parameters if name not in template.parameters]


def write_stack_files(directory: Path, files: Mapping[str, str]) -> None:
    """Write the files, readable by their owner only; others in the folder are left alone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in files.items():
        write_private(directory / name, text)


def _readme(context: Context, template: StackTemplate) -> str:
    name = stack_name(context.config)
    options = ["--parameter-overrides", f"file://{PARAMETERS_FILE}"] if template.parameters else []
    options += ["--capabilities", *template.capabilities] if template.capabilities else []
    options += ["--tags", *(f"{key}={value}" for key, value in template.tags.items())] if template.tags else []
    missing = missing_parameters(template)
    to_give = f"Add what `{PARAMETERS_FILE}` lacks first: {', '.join(missing)}.\n\n" if missing else ""
    start = f"aws cloudformation deploy --region {context.region} --stack-name {name} \\\n  --template-file"
    protect = f"aws cloudformation update-termination-protection --region {context.region} --stack-name {name}"
    return f"""\
# {name}

The CloudFormation template of the fguard deployment `{context.config.name}`, made from
`{context.config_file.name}`. It is usable without fguard:

{to_give}```
{start} {TEMPLATE_FILE} {shlex.join(options)}
{protect} --enable-termination-protection
```

A template of more than 51,200 bytes needs `--s3-bucket` besides. What changes is shown, and not done, with
`--no-execute-changeset`. With fguard the same is `fguard deploy --method cloudformation`, which also stores the
access key and verifies what ECS runs.

`{PARAMETERS_FILE}` holds the values of the template's parameters, and no secret: the access key is only ever the
ARN of where it is kept.
"""

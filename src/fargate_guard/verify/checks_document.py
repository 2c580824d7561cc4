"""The text of ``docs/checks.md``, generated from the registry.

Run ``python -m fargate_guard.verify.checks_document > docs/checks.md`` after a change; a test holds it current.
"""

from __future__ import annotations

import inspect
import sys
from itertools import groupby
from typing import TYPE_CHECKING

from fargate_guard.verify.checks import CHECKS, ON_REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fargate_guard.verify.registry import Check

HEAD = """\
# What `fguard verify` checks

Generated from the checks themselves; do not edit. `fguard verify` gathers the facts once, with boto3, and runs
every check over them. `fguard deploy` ends with it.

- **Outcome**: `OK`; `NG` (no good), with what was expected, what was found and how to mend it; `SKIP`, with the
  reason: the credentials may not read it, it does not apply, or it does not exist (which another check says).
- **Severity**: an `error` that is no good ends with exit code 3; a `warning` does not. A deployment that ECS
  rolled back (or tried to) ends with exit code 5, with the stop reasons of its failed tasks and the last lines of
  their logs.
- **Waiting**: while a deployment is in progress, `fguard verify` waits for it (`--timeout`). Success is what ECS
  reports about the very deployment that fguard started: a service that was rolled back, superseded or scaled to
  zero is stable, too.
- **JSON**: `fguard verify --json` prints `fguard.verify/v1` with every finding. Names of checks stay as they are.

What an execution role may do is asked of IAM (`iam:SimulatePrincipalPolicy`). Where the credentials may not ask,
the role's policy documents are read and evaluated here; permissions boundaries, service control policies and
conditions are not counted then, and the finding says so.
"""


def checks_document() -> str:
    """Return the whole document."""
    sections = [
        f"## {module.rpartition('.')[2].replace('_', ' ').capitalize()}\n\n{table(checks)}"
        for module, checks in groupby((*CHECKS, *ON_REQUEST), key=lambda check: check.look.__module__)
    ]
    return "\n".join([HEAD, *sections])


def table(checks: Iterable[Check]) -> str:
    """Return checks as a Markdown table."""
    rows = [
        "| check | what is true when all is well | why | severity | topology |",
        "|---|---|---|---|---|",
        *(
            f"| `{check.id}` | [{check.title}]({check.docs}) | {inspect.getdoc(check.look)} "
            f"| {check.severity.value.lower()} | {check.topology or 'both'} |"
            for check in checks
        ),
    ]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(checks_document())

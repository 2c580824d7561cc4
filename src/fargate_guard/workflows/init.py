"""Writing a first ``fguard.yaml``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from fargate_guard.config import Config, parse_config
from fargate_guard.errors import UsageError
from fargate_guard.package_files import package_folder
from fargate_guard.taskdef.recipes import DEFAULT_VERSIONS

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.config.sysdig import SysdigRegion

SCHEMA_FILE = "fguard.schema.json"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a first configuration needs to know."""

    name: str
    region: str
    """AWS Region."""
    sysdig_region: SysdigRegion
    topology: str = "orchestrator"
    access_key_env: str = "SYSDIG_ACCESS_KEY"
    secret_arn: str | None = None
    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] = ()
    task_definitions: tuple[str, ...] = ()


def configuration_text(answers: Answers) -> str:
    """Return a commented ``fguard.yaml``.

    :raises ConfigError: when an answer does not fit the model.
    """
    import jinja2

    # Nothing here is HTML; every value goes through tojson.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    template = environment.from_string(
        (package_folder("templates") / "fguard.yaml.j2").read_text(encoding="utf-8")
    )
    text = template.render(asdict(answers), version=DEFAULT_VERSIONS[answers.topology])
    parse_config(text, source="fguard.yaml")
    return text


def write_configuration(path: Path, answers: Answers, *, overwrite: bool) -> None:
    """Write ``fguard.yaml`` and, in ``.fguard/``, the JSON Schema that editors complete it with.

    :raises UsageError: when there is a configuration already and it may not be overwritten.
    """
    text = configuration_text(answers)
    if path.exists() and not overwrite:
        raise UsageError(
            "there is a configuration already", where=str(path), fix="replace it with: fguard init --force"
        )
    schema_folder = path.resolve().parent / ".fguard"
    schema_folder.mkdir(mode=0o700, exist_ok=True)
    (schema_folder / ".gitignore").write_text("*\n", encoding="utf-8")
    (schema_folder / SCHEMA_FILE).write_text(schema_text(), encoding="utf-8")
    path.write_text(text, encoding="utf-8")


def schema_text() -> str:
    """Return the JSON Schema of ``fguard.yaml``."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())

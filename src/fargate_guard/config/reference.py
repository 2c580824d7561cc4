"""``docs/configuration.md``, made from the model; ``python -m fargate_guard.config.reference`` prints it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from fargate_guard.config.model import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

HEAD = """\
# fguard.yaml

One file describes one deployment. Unknown keys are errors that suggest the nearest known one, and every mistake is
told with its line. Flags and environment variables (`FGUARD_*`, and boto3's own `AWS_*`) come before the file.
Editors complete it with `docs/fguard.schema.json`, which `fguard init` also writes to `.fguard/`.

Paths in it are relative to the file. Made from the model by `python -m fargate_guard.config.reference`.
"""


def reference() -> str:
    """Return the reference of all keys in Markdown."""
    return "\n".join([HEAD, *_sections(Config, "")])


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    yield f"## {path or 'Top level'}\n"
    if path and model.__doc__:
        yield f"{_markdown(model.__doc__)}\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    for name, field in model.model_fields.items():
        meaning = _markdown(field.description or (inner.__doc__ if (inner := _model(field)) else None) or "")
        yield f"| `{name}` | {_type(model, name, field)} | {_default(field)} | {meaning} |"
    yield ""
    for name, field in model.model_fields.items():
        inner_model = _model(field)
        if inner_model is not None:
            many = "[]" if "list" in str(field.annotation) else ""
            yield from _sections(inner_model, f"{path}.{name}{many}".lstrip("."))


def _model(field: FieldInfo) -> type[BaseModel] | None:
    candidates = [field.annotation, *get_args(field.annotation)]
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _type(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    if _model(field) is not None:
        return "list of mappings" if "list" in str(field.annotation) else "mapping"
    return _schema_type(model.model_json_schema()["properties"][name])


def _schema_type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_schema_type(one) for one in schema["anyOf"] if one.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_schema_type(schema['items'])}"
    if schema.get("type") == "object":
        return "mapping of strings" if isinstance(schema.get("additionalProperties"), dict) else "mapping"
    return str(schema.get("type", "string"))


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**required**"
    if field.default in (None, "", [], {}) or isinstance(field.default, BaseModel):
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _markdown(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())

"""Which fields ECS knows, from the model of its API that botocore ships.

The model is read as a file: importing botocore takes longer than instrumenting does.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fargate_guard.errors import FguardError

if TYPE_CHECKING:
    from collections.abc import Mapping

FieldTree: TypeAlias = dict[str, "FieldTree | None"]
"""As :data:`fargate_guard.taskdef.known_fields.FieldTree`, which this room does not import."""

CACHE_FILE = "ecs-fields.json"
_MODELS = ("service-2.json.gz", "service-2.json")
_FORMAT = 1


def register_task_definition_fields(cache: Path | None = None) -> FieldTree:
    """What RegisterTaskDefinition takes and, under ``taskDefinition``, what DescribeTaskDefinition gives.

    :param cache: folder for the extracted fields, made when needed; they are read from there as long as the model
        has the same size and time of change. One that cannot be written is no error. None: no cache.
    :raises FguardError: botocore, or its model of ECS, is not installed.
    """
    model = _model_file()
    found = model.stat()
    stamp = {"format": _FORMAT, "model": str(model), "size": found.st_size, "mtime_ns": found.st_mtime_ns}
    cached = _read_cache(cache, stamp) if cache else None
    if cached is not None:
        return cached
    fields = _extracted(model)
    if cache:
        _write_cache(cache, {**stamp, "fields": fields})
    return fields


def _model_file() -> Path:
    """The newest version of ECS's API in the botocore that Python would import."""
    spec = importlib.util.find_spec("botocore")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for version in sorted((Path(folder) / "data" / "ecs").glob("*"), reverse=True):
            for name in _MODELS:
                if (version / name).is_file():
                    return version / name
    raise FguardError(
        "botocore's model of the ECS API is not installed",
        where=", ".join(folders or ["botocore"]),
        why="fguard takes the fields that ECS knows from it",
        fix="pip install --force-reinstall botocore",
    )


def _extracted(model: Path) -> FieldTree:
    content = model.read_bytes()
    if model.suffix == ".gz":
        import gzip

        content = gzip.decompress(content)
    shapes = json.loads(content)["shapes"]
    fields = _fields_below(shapes, "RegisterTaskDefinitionRequest", ()) or {}
    fields["taskDefinition"] = dict.fromkeys(shapes["TaskDefinition"]["members"])
    return fields


def _fields_below(shapes: Mapping[str, Any], name: str, above: tuple[str, ...]) -> FieldTree | None:
    """The fields of a structure (a union is one, too); None for a plain value, a map, and a recursion."""
    shape = shapes[name]
    while shape["type"] == "list":
        name = shape["member"]["shape"]
        shape = shapes[name]
    if shape["type"] != "structure" or name in above or shape.get("document"):
        return None
    return {
        field: _fields_below(shapes, member["shape"], (*above, name)) for field, member in shape["members"].items()
    }


def _read_cache(cache: Path, stamp: Mapping[str, Any]) -> FieldTree | None:
    try:
        content = json.loads((cache / CACHE_FILE).read_bytes())
        if all(content[key] == value for key, value in stamp.items()) and isinstance(content["fields"], dict):
            fields: FieldTree = content["fields"]
            return fields
    except (OSError, ValueError, LookupError, TypeError):
        pass  # absent, unreadable or damaged: extracted and written again
    return None


def _write_cache(cache: Path, content: Mapping[str, Any]) -> None:
    """Write beside and rename, so that another fguard never reads half a file."""
    partial = cache / f".{CACHE_FILE}.{os.getpid()}"
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
        partial.replace(cache / CACHE_FILE)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)

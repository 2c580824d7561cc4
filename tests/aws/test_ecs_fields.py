"""What ECS knows, read from botocore's model: as botocore says, whatever the cache is like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import botocore
import botocore.loaders
import botocore.model
import pytest

from fargate_guard.aws.ecs_fields import CACHE_FILE, register_task_definition_fields
from fargate_guard.errors import FguardError

if TYPE_CHECKING:
    from pathlib import Path


def operation(name: str) -> botocore.model.OperationModel:
    model = botocore.loaders.Loader().load_service_model("ecs", "service-2")
    return botocore.model.ServiceModel(model, "ecs").operation_model(name)


def same_fields(tree: Any, shape: Any) -> int:
    """Compare a tree with botocore's shapes, and count the fields."""
    while shape.type_name == "list":
        shape = shape.member
    if shape.type_name != "structure":
        assert tree is None, shape.name
        return 1
    assert set(tree) == set(shape.members), shape.name
    return sum(same_fields(tree[name], member) for name, member in shape.members.items())


def test_the_fields_are_those_of_botocores_request() -> None:
    fields = register_task_definition_fields()
    described = fields.pop("taskDefinition")
    assert same_fields(fields, operation("RegisterTaskDefinition").input_shape) > 100
    shape = operation("DescribeTaskDefinition").output_shape.members["taskDefinition"]
    assert set(described or {}) == set(shape.members)


def test_maps_of_the_users_are_free() -> None:
    containers: Any = register_task_definition_fields()["containerDefinitions"]
    assert containers["dockerLabels"] is None
    assert containers["logConfiguration"]["options"] is None
    assert set(containers["logConfiguration"]["secretOptions"]) == {"name", "valueFrom"}


def test_nothing_is_written_without_a_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    register_task_definition_fields()
    assert not list(tmp_path.iterdir())


def test_the_cache_is_used_until_the_model_changes(tmp_path: Path) -> None:
    cache = tmp_path / "new" / "folder"
    fields = register_task_definition_fields(cache)
    assert [entry.name for entry in cache.iterdir()] == [CACHE_FILE]
    content = json.loads((cache / CACHE_FILE).read_text())
    content["fields"] = {"from": {"the": None}, "cache": None}
    (cache / CACHE_FILE).write_text(json.dumps(content))
    assert register_task_definition_fields(cache) == content["fields"]
    content["mtime_ns"] += 1
    (cache / CACHE_FILE).write_text(json.dumps(content))
    assert register_task_definition_fields(cache) == fields
    assert json.loads((cache / CACHE_FILE).read_text())["fields"] == fields


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "{}", '{"format": 1, "fields": 3}', "\ud800"], ids=repr
)
def test_a_damaged_cache_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / CACHE_FILE).write_bytes(content.encode("utf-8", "surrogatepass"))
    assert register_task_definition_fields(tmp_path) == register_task_definition_fields()
    assert json.loads((tmp_path / CACHE_FILE).read_text())["format"] == 1


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    assert register_task_definition_fields(in_the_way) == register_task_definition_fields()
    assert register_task_definition_fields(in_the_way / "below") == register_task_definition_fields()
    folder = tmp_path / "folder"
    (folder / CACHE_FILE).mkdir(parents=True)
    assert register_task_definition_fields(folder) == register_task_definition_fields()
    assert [entry.name for entry in folder.iterdir()] == [CACHE_FILE], "nothing is left behind"


def test_botocore_is_not_imported() -> None:
    script = (
        "import sys; from fargate_guard.aws.ecs_fields import register_task_definition_fields as fields; "
        "assert 'containerDefinitions' in fields(); "
        "print([name for name in sys.modules if name.startswith(('boto', 'gzip_'))])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_newest_model_of_the_botocore_on_the_path_counts(tmp_path: Path) -> None:
    package = tmp_path / "botocore"
    for version, field in (("2014-11-13", "old"), ("2031-01-01", "new")):
        folder = package / "data" / "ecs" / version
        folder.mkdir(parents=True)
        shapes = {
            "RegisterTaskDefinitionRequest": {
                "type": "structure",
                "members": {field: {"shape": "Tree"}, "plain": {"shape": "String"}},
            },
            "Tree": {"type": "list", "member": {"shape": "Node"}},
            "Node": {"type": "structure", "members": {"below": {"shape": "Tree"}, "name": {"shape": "String"}}},
            "TaskDefinition": {"type": "structure", "members": {"status": {"shape": "String"}}},
            "String": {"type": "string"},
        }
        (folder / "service-2.json").write_text(json.dumps({"shapes": shapes}))
    (package / "__init__.py").touch()
    script = (
        "import json; from fargate_guard.aws.ecs_fields import register_task_definition_fields as fields; "
        "print(json.dumps(fields()))"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environ)
    assert json.loads(ran.stdout) == {
        "new": {"below": None, "name": None},
        "plain": None,
        "taskDefinition": {"status": None},
    }


def test_a_botocore_without_the_model_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "botocore").mkdir()
    (tmp_path / "botocore" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "botocore")
    with pytest.raises(FguardError, match="model of the ECS API is not installed"):
        register_task_definition_fields()

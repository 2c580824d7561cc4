"""What a rendered root module is on disk, and which values never get into it."""

from __future__ import annotations

import json
import stat
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fargate_guard.config.load import load_config
from fargate_guard.package_files import package_folder
from fargate_guard.workload_input import ORCHESTRATOR_HOST_PLACEHOLDER, NotCarriedError
from tests.terraform_templates.rendered_modules import config, container_definitions, rendered, web

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.config.model import Config

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40).map(
    lambda text: unicodedata.normalize("NFC", text)
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def with_text_everywhere(text: str) -> Config:
    """A configuration with ``text`` in every place where a user may write any text at all."""
    return config(
        tags={"note": text},
        orchestrator={"tags": {"team": text.replace(",", "")}, "extra_conf": text, "image": f"registry/{text}"},
        cluster={"name": text},
        state={"s3": {"bucket": "states", "key": f"k{text}"}},
    )


def test_files_and_folders_are_the_owners_only(tmp_path: Path) -> None:
    folder = tmp_path / "module"
    rendered(config()).write(folder)
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert folder / "modules/orchestrator/main.tf" in written
    assert {mode(path) for path in written} == {0o600}
    assert {mode(path) for path in [folder, *folder.rglob("*/")] if path.is_dir()} == {0o700}


def test_files_that_are_no_longer_part_of_the_module_go_and_everything_else_stays(tmp_path: Path) -> None:
    rendered(config(orchestrator={"autoscaling": AUTOSCALING})).write(tmp_path)
    kept = [
        "mine.tf",
        "terraform.tfstate",
        ".terraform.lock.hcl",
        ".terraform/providers",
        "modules/network/mine.tf",
    ]
    for name in kept:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    assert (tmp_path / "modules/orchestrator/autoscaling.tf").exists()

    rendered(config(agent={"topology": "direct"})).write(tmp_path)

    assert not list((tmp_path / "modules").glob("orchestrator/*.tf"))
    assert [(tmp_path / name).read_text() for name in kept] == ["mine"] * len(kept)
    assert (tmp_path / "modules/workload/main.tf").exists()


AUTOSCALING = {"target_metric": "ECSServiceAverageCPUUtilization", "target_value": 60, "max_capacity": 3}


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    module = rendered(config())
    module.write(tmp_path)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    module.write(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == first


@settings(deadline=None, max_examples=50)
@given(text=TEXT)
def test_text_that_a_user_wrote_never_becomes_hcl(text: str) -> None:
    """Whatever the text, the .tf files are those of any other text; it is in the variables, unchanged."""
    plain = with_text_everywhere("x")
    nasty = plain.model_copy(
        update={
            "tags": {"note": text},
            "cluster": plain.cluster.model_copy(update={"name": text}),
            "orchestrator": plain.orchestrator.model_copy(update={"extra_conf": text, "image": text}),
        }
    )
    definition = web(environment=[{"name": "TEXT", "value": text}], command=[text], dockerLabels={"label": text})
    module = rendered(nasty, {"web": definition})
    assert module.files == rendered(plain).files
    assert module.variables["orchestrator"]["extra_conf"] == text
    assert module.variables["tags"] == {"note": text}
    [container, _sidecar] = container_definitions(module)
    assert container["command"] == [text]
    assert container["dockerLabels"] == {"label": text}
    assert {"name": "TEXT", "value": text} in container["environment"]


def test_the_s3_backends_settings_are_values_too(tmp_path: Path) -> None:
    state = {"s3": {"bucket": "my-states", "key": 'a "quoted" ${key}', "region": "eu-west-1"}}
    rendered(config(state=state)).write(tmp_path)
    assert 'backend "s3" {}' in (tmp_path / "versions.tf").read_text()
    assert json.loads((tmp_path / "s3.tfbackend.json").read_text()) == {
        "bucket": "my-states",
        "key": 'a "quoted" ${key}',
        "region": "eu-west-1",
        "encrypt": True,
        "use_lockfile": True,
    }


def test_without_a_remote_state_there_is_no_backend(tmp_path: Path) -> None:
    rendered(config()).write(tmp_path)
    assert "backend" not in (tmp_path / "versions.tf").read_text()
    assert not (tmp_path / "s3.tfbackend.json").exists()


def test_the_alias_of_a_key_is_refused() -> None:
    """CloudWatch Logs takes a key only."""
    with pytest.raises(ValidationError, match=r"logs\.kms_key_arn"):
        config(logs={"kms_key_arn": "arn:aws:kms:us-east-1:123456789012:alias/mine"})


def test_only_the_reference_to_the_access_key_is_rendered() -> None:
    """The module knows an ARN; with `access_key: {env: ...}` fguard stores the value and hands over the ARN."""
    module = rendered(config(sysdig={"region": "us1", "access_key": {"env": "SYSDIG_ACCESS_KEY"}}))
    text = json.dumps(module.variables) + "".join(module.files.values())
    assert module.variables["access_key_value_from"].startswith("arn:aws:secretsmanager:")
    assert "SYSDIG_ACCESS_KEY" not in text


def test_the_quickstart_names_only_settings_that_exist() -> None:
    folder = package_folder("examples") / "quickstart"
    settings = load_config(folder / "fguard.yaml")
    definition = json.loads((folder / settings.workloads[0].task_definition).read_text())
    module = rendered(settings, {"writer-to-bin": definition})
    workload = module.variables["workloads"]["writer-to-bin"]
    assert workload["created_log_group_names"] == ["/fguard/quickstart/writer-to-bin"]
    [container, _sidecar] = container_definitions(module, "writer-to-bin")
    argv = [*container["entryPoint"], *container["command"]]
    assert argv == ["/opt/draios/bin/instrument", "/usr/bin/demo-writer-c", "/usr/bin/oh-no-i-wrote-in-bin"]


# -- what Terraform cannot carry is refused by name ------------------------------------------------------------


def refused(definition: dict[str, Any], **settings: Any) -> NotCarriedError:
    with pytest.raises(NotCarriedError) as caught:
        rendered(config(**settings), {"web": definition})
    return caught.value


def test_a_container_field_that_the_provider_would_drop() -> None:
    error = refused(web(resourceRequirements=[{"type": "GPU", "value": "1", "sharingStrategy": {"a": 1}}]))
    assert error.where == "web.containerDefinitions[0].resourceRequirements[0].sharingStrategy"
    assert "sharingStrategy" in error.message


def test_lists_that_describing_prints_empty_are_no_hindrance() -> None:
    described = web() | {"placementConstraints": [], "inferenceAccelerators": []}
    variables = rendered(config(), {"web": described}).variables["workloads"]["web"]["task_definition"]
    assert "placementConstraints" not in json.dumps(variables)


def test_a_task_definition_field_that_has_no_argument() -> None:
    assert refused(web() | {"trustedExecutionConfiguration": {"isolationMode": "x"}}).where == (
        "web.trustedExecutionConfiguration"
    )


def test_a_volume_that_is_not_for_fargate() -> None:
    volume = {"name": "data", "dockerVolumeConfiguration": {"scope": "task"}}
    assert refused(web() | {"volumes": [volume]}).where == "web.volumes[0].dockerVolumeConfiguration"


def test_a_volume_that_the_service_would_have_to_configure() -> None:
    assert "'data'" in refused(web() | {"volumes": [{"name": "data", "configuredAtLaunch": True}]}).message


def test_a_text_that_contains_the_placeholder() -> None:
    value = f"prefix {ORCHESTRATOR_HOST_PLACEHOLDER}"
    error = refused(web(environment=[{"name": "MINE", "value": value}]))
    assert error.where == "web.containerDefinitions[0].environment[0].value"


def test_the_placeholder_where_nothing_would_replace_it() -> None:
    definition = web(environment=[{"name": "SYSDIG_ORCHESTRATOR", "value": ORCHESTRATOR_HOST_PLACEHOLDER}])
    settings = config(agent={"topology": "direct"})
    with pytest.raises(NotCarriedError):
        rendered(settings, {"web": definition}, instrumenting=False)


@pytest.mark.parametrize("text", ["e\u0301", "\u212b", "\0"], ids=["accent apart", "angstrom sign", "NUL"])
def test_a_text_that_terraform_would_change(text: str) -> None:
    assert refused(web(command=["ok", text])).where == "web.containerDefinitions[0].command[1]"


def test_a_setting_that_terraform_would_change() -> None:
    assert refused(web(), tags={"note": "e\u0301"}).where == "fguard.yaml.tags.note"


def test_a_tag_that_would_hide_what_belongs_to_the_deployment() -> None:
    error = refused(web() | {"tags": [{"key": "fguard:deployment", "value": "other"}]})
    assert "fguard:deployment" in error.message


def test_a_tag_that_stands_there_twice() -> None:
    refused(web() | {"tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]})


# -- what a task definition becomes ----------------------------------------------------------------------------


def test_what_describe_task_definition_adds_is_left_out() -> None:
    described = web() | {"taskDefinitionArn": "arn:…", "revision": 7, "status": "ACTIVE", "registeredBy": "me"}
    assert rendered(config(), {"web": described}).variables == rendered(config()).variables


@pytest.mark.parametrize(
    ("cpu", "memory", "units", "mebibytes"),
    [("512", "1024", "512", "1024"), (".5 vCPU", "1 GB", "512", "1024"), ("1 vcpu", "2GB", "1024", "2048")],
)
def test_sizes_are_written_as_ecs_gives_them_back(cpu: str, memory: str, units: str, mebibytes: str) -> None:
    """Else every later plan would replace the task definition."""
    definition = web() | {"cpu": cpu, "memory": memory}
    variables = rendered(config(), {"web": definition}, instrumenting=False).variables
    task_definition = variables["workloads"]["web"]["task_definition"]
    assert (task_definition["cpu"], task_definition["memory"]) == (units, mebibytes)


def test_a_log_group_is_created_only_when_asked_and_only_once() -> None:
    def logging_to(group: str, **options: str) -> dict[str, Any]:
        return web(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": group, **options}})

    settings = config(
        workloads=[
            {"name": "web", "task_definition": "web.json", "create_log_groups": True},
            {"name": "again", "task_definition": "again.json", "create_log_groups": True},
            {"name": "uses", "task_definition": "uses.json"},
            {"name": "mine", "task_definition": "mine.json"},
            {"name": "by-ecs", "task_definition": "by-ecs.json"},
            {"name": "elsewhere", "task_definition": "elsewhere.json"},
        ]
    )
    definitions = {
        "web": logging_to("/shared"),
        "again": logging_to("/shared"),
        "uses": logging_to("/shared"),
        "mine": logging_to("/mine"),
        "by-ecs": logging_to("/made", **{"awslogs-create-group": "true"}),
        "elsewhere": logging_to("/there", **{"awslogs-region": "eu-west-1"}),
    }
    workloads = rendered(settings, definitions).variables["workloads"]
    created = {name: value["created_log_group_names"] for name, value in workloads.items()}
    existing = {name: value["existing_log_group_names"] for name, value in workloads.items()}
    assert {name: groups for name, groups in created.items() if groups} == {"web": ["/shared"]}
    assert {name: groups for name, groups in existing.items() if groups} == {"mine": ["/mine"]}

"""What each command of the driver does, and what it no longer does of python-terraform 0.10.1's fifteen traps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from python_terraform import Terraform

from fargate_guard.terraform.errors import BackendChangedError, StalePlanError
from fargate_guard.terraform.events import (
    CommandStarted,
    Event,
    LogText,
    Notice,
)
from tests.terraform_driver.driver_harness import clean_environ, resources_in_state, until, write_chain

if TYPE_CHECKING:
    from collections.abc import Callable

    from fargate_guard.terraform.driver import Driver

    OpenDriver = Callable[..., Driver]

OUTPUTS = """
resource "terraform_data" "one" {
  input = var.secret
}

variable "secret" {
  type    = string
  default = "plain"
}

output "text" {
  value = "héllo"
}

output "list" {
  value = ["a", { b = 1 }]
}

output "hidden" {
  value     = "s3cret"
  sensitive = true
}
"""

ENVIRONMENT_DUMP = """
resource "terraform_data" "dump" {
  provisioner "local-exec" {
    command = "env > seen.env"
  }
}
"""


def write(module: Path, text: str) -> None:
    (module / "main.tf").write_text(text, encoding="utf-8")


def deploy(driver: Driver, module: Path) -> None:
    driver.apply(driver.plan(module / "saved.tfplan").path)


def test_driver_is_a_python_terraform(open_driver: OpenDriver) -> None:
    driver = open_driver()

    assert isinstance(driver, Terraform)
    assert driver.generate_cmd_string("apply", "x", lock_timeout="5s", target=["a", "b"], input=False)[-5:] == [
        "-lock-timeout=5s",
        "-target=a",
        "-target=b",
        "-input=false",
        "x",
    ]


def test_plan_apply_and_destroy_tell_what_they_do(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    driver = open_driver()

    plan = driver.plan(module / "saved.tfplan")
    assert plan.has_changes
    assert (plan.summary.add, plan.summary.change, plan.summary.remove) == (5, 0, 0)
    assert {(change.resource_type, change.action) for change in plan.changes} == {("terraform_data", "create")}
    assert plan.changes[0].address.startswith("terraform_data.")

    outcome = driver.apply(plan.path)
    assert outcome.summary.add == 5
    assert [change.address for change in outcome.completed[2:3]] == ["terraform_data.slow"]
    assert {resource.address for resource in driver.state_resources()} == {
        "terraform_data.first[0]",
        "terraform_data.first[1]",
        "terraform_data.slow",
        "terraform_data.last[0]",
        "terraform_data.last[1]",
    }

    unchanged = driver.plan(module / "saved.tfplan")
    assert not unchanged.has_changes
    assert unchanged.changes == ()

    assert driver.destroy().summary.remove == 5
    assert driver.state_resources() == ()
    assert not list((module / "logs").glob("*.tfplan"))


def test_targeted_plan_touches_only_its_target(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)

    plan = open_driver().plan(module / "saved.tfplan", targets=["terraform_data.first[0]"])

    assert [change.address for change in plan.changes] == ["terraform_data.first[0]"]
    assert plan.warnings[0].summary == "Resource targeting is in effect"


def test_saved_plan_can_be_shown_and_goes_stale(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    driver = open_driver()
    plan = driver.plan(module / "saved.tfplan")

    assert len(driver.show_plan(plan.path)["resource_changes"]) == 5
    driver.apply(plan.path)
    with pytest.raises(StalePlanError) as refused:
        driver.apply(plan.path)

    assert refused.value.fix == "plan again, look at the new plan and apply that one"
    assert refused.value.diagnostics[0].summary == "Saved plan is stale"


def test_outputs_of_any_type_are_read_and_secret_ones_stay_out_of_events_and_logs(
    open_driver: OpenDriver, module: Path, events: list[Event]
) -> None:
    write(module, OUTPUTS)
    driver = open_driver(observer=events.append)
    deploy(driver, module)

    assert driver.outputs() == {"text": "héllo", "list": ["a", {"b": 1}], "hidden": "s3cret"}
    assert driver.output("list") == ["a", {"b": 1}]
    with pytest.raises(KeyError):
        driver.output("nowhere")
    assert "s3cret" not in repr(events)
    assert not any("s3cret" in path.read_text() for path in (module / "logs").iterdir())


def test_mistyped_attribute_is_an_error_and_not_a_command(open_driver: OpenDriver) -> None:
    driver = open_driver()

    with pytest.raises(AttributeError, match="aply"):
        driver.aply()


def test_driver_is_a_context_manager(open_driver: OpenDriver) -> None:
    with open_driver() as driver:
        assert driver.version().count(".") >= 2


def test_defaults_of_python_terraform_are_not_sprayed_on_every_command(
    open_driver: OpenDriver, module: Path
) -> None:
    write_chain(module)
    driver = open_driver()
    driver.parallelism = 4
    driver.state = "elsewhere.tfstate"

    driver.init()
    deploy(driver, module)

    assert resources_in_state(module)


def test_other_commands_run_in_the_way_of_python_terraform(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    driver = open_driver()

    exit_code, out, err = driver.cmd("providers", capture_output=False, synchronous=False, raise_on_error=True)

    assert (exit_code, err) == (0, "")
    assert "terraform.io/builtin/terraform" in out
    assert driver.cmd("providers", "nonsense", "-x")[0] == 1


def test_terraform_gets_the_environment_without_withheld_secrets_and_surprises(
    open_driver: OpenDriver, module: Path, events: list[Event]
) -> None:
    write(module, ENVIRONMENT_DUMP)
    environ = {
        **clean_environ(),
        "SYSDIG_ACCESS_KEY": "hunter2",
        "AWS_PROFILE": "training",
        "TF_WORKSPACE": "other-project",
        "TF_DATA_DIR": "/nonexistent/data",
        "TF_CLI_CONFIG_FILE": "/nonexistent/terraformrc",
        "TF_CLI_ARGS": "-no-such-flag",
        "TF_CLI_ARGS_apply": "-parallelism=1",
        "TF_CLI_ARGS_show": "-no-such-flag",
    }
    driver = open_driver(environ=environ, withhold=["SYSDIG_ACCESS_KEY"], observer=events.append)
    deploy(driver, module)
    assert len(driver.state_resources()) == 1

    seen = dict(line.split("=", 1) for line in (module / "seen.env").read_text().splitlines() if "=" in line)
    assert seen["AWS_PROFILE"] == "training"
    assert seen["TF_IN_AUTOMATION"] == "1"
    assert (
        not {"SYSDIG_ACCESS_KEY", "TF_WORKSPACE", "TF_DATA_DIR", "TF_CLI_CONFIG_FILE", "TF_CLI_ARGS"} & seen.keys()
    )
    notices = [event.message for event in events if isinstance(event, Notice)]
    for name in ("TF_WORKSPACE", "TF_DATA_DIR", "TF_CLI_CONFIG_FILE", "TF_CLI_ARGS ", "TF_CLI_ARGS_apply"):
        assert sum(notice.startswith(name) for notice in notices) == 1, name
    assert "hunter2" not in repr(events)


def test_debug_log_of_terraform_does_not_disturb_the_events(
    open_driver: OpenDriver, module: Path, events: list[Event]
) -> None:
    write_chain(module)
    driver = open_driver(environ={**clean_environ(), "TF_LOG": "debug"}, observer=events.append)

    assert driver.plan(module / "saved.tfplan").summary.add == 5

    texts = [event for event in events if isinstance(event, LogText)]
    assert {text.stream for text in texts} == {"stderr"}
    assert any("[DEBUG]" in text.message for text in texts)


def test_validate_and_fmt_tell_what_is_wrong(open_driver: OpenDriver, module: Path) -> None:
    write(module, 'output "x" {\n  value = local.missing\n}\n')
    driver = open_driver()

    (problem,) = driver.validate()
    assert problem.summary == "Reference to undeclared local value"
    assert (problem.source, problem.code) == ("main.tf:2", "value = local.missing")
    assert driver.unformatted_files() == ()

    write(module, 'output "x" {\nvalue=1\n}\n')
    assert driver.validate() == ()
    assert driver.unformatted_files() == ("main.tf",)


def test_changed_backend_never_loses_the_state(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    driver = open_driver()
    driver.init()
    deploy(driver, module)
    before = (module / "terraform.tfstate").read_text()
    (module / "backend.tf").write_text(
        'terraform {\n  backend "local" {\n    path = "moved/terraform.tfstate"\n  }\n}\n'
    )

    with pytest.raises(BackendChangedError) as refused:
        driver.init()
    assert (module / "terraform.tfstate").read_text() == before
    assert "init -migrate-state" in str(refused.value.fix)

    driver.init(migrate_state=True)
    assert json.loads((module / "moved/terraform.tfstate").read_text()) == json.loads(before)
    assert not driver.plan(module / "saved.tfplan").has_changes


def test_settings_of_the_backend_come_from_files(open_driver: OpenDriver, module: Path) -> None:
    write_chain(module)
    (module / "backend.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    (module / "settings.json").write_text('{"path": "there/terraform.tfstate"}')
    driver = open_driver()

    driver.init(backend_config=[module / "settings.json"])
    deploy(driver, module)

    assert (module / "there/terraform.tfstate").exists()


def test_events_arrive_while_terraform_is_at_work(open_driver: OpenDriver, module: Path) -> None:
    gate = module / "go-on"
    write_chain(module, create=until(gate))
    seen: dict[str, datetime] = {}

    def look(event: Event) -> None:
        seen.setdefault(event.message, datetime.now(UTC))
        if event.message.startswith("terraform_data.first[0]: Creation complete"):
            gate.touch()

    driver = open_driver(observer=look)
    deploy(driver, module)

    (log,) = (module / "logs").glob("*-apply.jsonl")
    written = {
        line["@message"]: datetime.fromisoformat(line["@timestamp"])
        for line in map(json.loads, log.read_text().splitlines())
        if "@timestamp" in line
    }
    first = next(
        message for message in written if message.startswith("terraform_data.first[0]: Creation complete")
    )
    (last,) = (message for message in written if message.startswith("Apply complete!"))
    assert written[first] < seen[first] < written[last]


def test_log_named_by_the_start_event_holds_the_run(
    open_driver: OpenDriver, module: Path, events: list[Event]
) -> None:
    write_chain(module)
    open_driver(observer=events.append).plan(module / "saved.tfplan")

    (started,) = [event for event in events if isinstance(event, CommandStarted)]
    assert started.command == "plan"
    assert '"type":"change_summary"' in Path(started.log).read_text()

"""``fguard instrument`` and ``fguard uninstrument``: inputs, outputs, settings, exit codes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from typer.testing import CliRunner

import fargate_guard.cli.instrument
import fargate_guard.cli.uninstrument  # noqa: F401 - registers the command
from fargate_guard.cli.main import app
from fargate_guard.cli.main import run as run_command_line
from fargate_guard.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

    from tests.fguard_process import Fguard

    Run = Callable[..., Result]

KEY_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-key-AbCdEf"
FLAGS = ("--orchestrator-host", "orchestrator.internal", "--agent-version", "5.0.1")
WEB: dict[str, Any] = {
    "family": "web",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
    "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
    "containerDefinitions": [
        {
            "name": "web",
            "image": "nginx:1.27",
            "entryPoint": ["/docker-entrypoint.sh"],
            "command": ["nginx", "-g", "daemon off; # ü"],
        }
    ],
}
CONFIG = f"""\
name: training
agent:
  version: 5.0.1
  priority: security
sysdig:
  region: us4
  access_key: {{secret_arn: "{KEY_ARN}"}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with ``web.json``, away from the developer's own settings."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith(("FGUARD_", "AWS_"))]:
        monkeypatch.delenv(variable)
    (tmp_path / "web.json").write_text(json.dumps(WEB, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:  # noqa: ARG001 - the commands run in the folder
    """Run a command line in this process."""

    def invoke(*arguments: str, stdin: str = "", environ: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin.encode(), env=environ)

    return invoke


def instrumented(text: str) -> dict[str, Any]:
    """The definition, which must be instrumented."""
    definition: dict[str, Any] = json.loads(text)
    assert definition["containerDefinitions"][0]["entryPoint"][0] == "/opt/draios/bin/instrument"
    return definition


def variables(definition: dict[str, Any]) -> dict[str, str]:
    """The sidecar's environment."""
    sidecar = definition["containerDefinitions"][-1]
    return {entry["name"]: entry["value"] for entry in sidecar["environment"]}


# As a process.


@pytest.mark.parametrize("command", ["instrument", "uninstrument"])
def test_the_example_in_the_help_runs_as_it_stands(fguard: Fguard, command: str) -> None:
    example = fguard(command, "--help").stdout.partition("Example:\n")[2].partition("\n\n")[0]
    script = f'fguard() {{ "{sys.executable}" -m fargate_guard.cli.main "$@"; }}\n{example}\n'
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=fguard.folder,
        env=fguard.full_environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    original = (fguard.folder / "web.json").read_text()
    if command == "instrument":
        assert '"pidMode": "task"\n' in ran.stdout
        assert "instrumented.json: nothing to change" in ran.stderr
        assert ran.stdout.endswith(original)
    else:
        assert json.loads(ran.stdout)[0]["entryPoint"] == ["nginx"]


def test_the_process_prints_data_on_stdout_and_messages_on_stderr(fguard: Fguard) -> None:
    (fguard.folder / "web.json").write_text(json.dumps(WEB))
    ran = fguard("instrument", "web.json", *FLAGS)
    assert ran.exit_code == 0
    assert variables(instrumented(ran.stdout))["SYSDIG_ORCHESTRATOR"] == "orchestrator.internal"
    assert ran.stderr == "web.json: container web: instrumented\n"


def test_a_refusal_is_exit_4_with_file_path_and_fields_to_set(fguard: Fguard) -> None:
    (fguard.folder / "web.json").write_text('[{"name": "web", "image": "nginx"}]')
    ran = fguard("instrument", "web.json", *FLAGS)
    assert ran.exit_code == 4
    assert ran.stdout == ""
    assert "where  web.json: $[0].entryPoint" in ran.stderr
    assert "entryPoint and command" in ran.stderr


# Inputs and outputs.


def test_standard_input_to_standard_output_and_back(run: Run, folder: Path) -> None:
    text = (folder / "web.json").read_text(encoding="utf-8")
    there = run("instrument", "-", *FLAGS, stdin=text)
    instrumented(there.stdout)
    assert "standard input: container web: instrumented" in there.stderr
    assert run("uninstrument", "-", stdin=there.stdout).stdout == text


def test_output_to_a_file(run: Run, folder: Path) -> None:
    ran = run("instrument", "web.json", *FLAGS, "-o", "out.json")
    assert (ran.exit_code, ran.stdout) == (0, "")
    instrumented((folder / "out.json").read_text(encoding="utf-8"))
    assert json.loads((folder / "web.json").read_text(encoding="utf-8")) == WEB


def test_several_files_to_a_folder(run: Run, folder: Path) -> None:
    (folder / "api.json").write_text(json.dumps(WEB["containerDefinitions"]))
    ran = run("instrument", "web.json", "api.json", *FLAGS, "--output-dir", "out/new")
    assert ran.exit_code == 0
    assert sorted(path.name for path in (folder / "out/new").iterdir()) == ["api.json", "web.json"]
    assert isinstance(json.loads((folder / "out/new/api.json").read_text()), list)


def test_in_place_keeps_the_mode_and_comes_back_byte_for_byte(run: Run, folder: Path) -> None:
    file = folder / "web.json"
    file.chmod(0o640)
    before = file.read_bytes()
    assert run("instrument", "web.json", *FLAGS, "--in-place").exit_code == 0
    instrumented(file.read_text(encoding="utf-8"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    written = file.stat().st_mtime_ns
    assert run("instrument", "web.json", *FLAGS, "--in-place").exit_code == 0
    assert file.stat().st_mtime_ns == written, "nothing to change, so nothing is written"
    assert run("uninstrument", "web.json", "--in-place").exit_code == 0
    assert file.read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["web.json"]


def test_in_place_writes_through_a_link(run: Run, folder: Path) -> None:
    (folder / "link.json").symlink_to("web.json")
    assert run("instrument", "link.json", *FLAGS, "--in-place").exit_code == 0
    assert (folder / "link.json").is_symlink()
    instrumented((folder / "web.json").read_text(encoding="utf-8"))


def test_output_writes_through_a_link(run: Run, folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real/out.json").write_text("{}")
    for link, target in (("link.json", "real/out.json"), ("dangling.json", "real/new.json")):
        (folder / link).symlink_to(target)
        assert run("instrument", "web.json", *FLAGS, "-o", link).exit_code == 0
        assert (folder / link).is_symlink()
        instrumented((folder / target).read_text(encoding="utf-8"))


def test_output_to_a_pipe_is_written_to_and_the_pipe_stays(run: Run, folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("instrument", "web.json", *FLAGS, "--output", "pipe").exit_code == 0
        instrumented(os.read(reader, 65_536).decode())
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(path.name for path in folder.iterdir()) == ["pipe", "web.json"]


def test_output_to_the_standard_output_that_is_a_file_leaves_what_it_holds(fguard: Fguard) -> None:
    (fguard.folder / "web.json").write_text(json.dumps(WEB))
    script = f'(echo first; "{sys.executable}" -m fargate_guard.cli.main "$@"; echo last) > out.txt'
    command = ["bash", "-c", script, "-", "instrument", "web.json", *FLAGS, "-o", "/dev/stdout"]
    subprocess.run(command, cwd=fguard.folder, env=fguard.full_environ(), check=True, capture_output=True)
    text = (fguard.folder / "out.txt").read_text()
    assert text.startswith("first\n{")
    assert text.endswith("last\n")
    instrumented(text.removeprefix("first\n").removesuffix("last\n"))


def test_one_bad_file_of_several_leaves_all_as_they_are_and_all_bad_ones_are_told(run: Run, folder: Path) -> None:
    (folder / "bad.json").write_text('[{"name": "web", "image": "nginx"}]')
    (folder / "worse.json").write_text("[1 2]")
    before = (folder / "web.json").read_bytes()
    ran = run("instrument", "web.json", "bad.json", "worse.json", *FLAGS, "--in-place")
    assert ran.exit_code == 64
    assert "bad.json: $[0].entryPoint" in ran.stderr
    assert "worse.json: line 1, column 4" in ran.stderr
    assert (folder / "web.json").read_bytes() == before


def test_a_file_that_cannot_be_written_leaves_all_as_they_are(run: Run, folder: Path) -> None:
    before = (folder / "web.json").read_bytes()
    (folder / "out").write_text("a file where a folder should be")
    ran = run("instrument", "web.json", *FLAGS, "--output-dir", "out")
    assert ran.exit_code == 1
    assert "every file is as it was" in ran.stderr
    (folder / "blocked").mkdir()
    (folder / "blocked/web.json").mkdir()
    assert run("instrument", "web.json", *FLAGS, "--output-dir", "blocked").exit_code == 1
    assert (folder / "web.json").read_bytes() == before
    assert not list((folder / "blocked").glob(".*"))


def test_when_the_last_of_several_files_fails_the_first_gets_its_content_back(run: Run, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out/api.json").write_text("old")
    (folder / "out/web.json").mkdir()
    (folder / "api.json").write_text(json.dumps(WEB))
    ran = run("instrument", "api.json", "web.json", *FLAGS, "--output-dir", "out")
    assert ran.exit_code == 1
    assert (folder / "out/api.json").read_text() == "old"
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["api.json", "web.json"]


def test_diff_shows_the_change_and_writes_nothing(run: Run, folder: Path) -> None:
    before = (folder / "web.json").read_bytes()
    ran = run("instrument", "web.json", *FLAGS, "--diff")
    assert ran.stdout.startswith("--- web.json\n+++ web.json (new)\n")
    assert '+        "/opt/draios/bin/instrument",' in ran.stdout
    assert (folder / "web.json").read_bytes() == before
    subprocess.run(["patch", "--dry-run", "-p0"], input=ran.stdout, text=True, check=True, capture_output=True)


def test_the_diff_of_one_line_is_indented(run: Run, folder: Path) -> None:
    (folder / "line.json").write_text(json.dumps(WEB))
    diff = run("instrument", "line.json", *FLAGS, "--diff").stdout
    assert '+  "pidMode": "task"' in diff.splitlines()
    assert max(map(len, diff.splitlines())) < 300
    assert diff.startswith("--- line.json\n+++ line.json (new)\n")


def test_a_container_to_leave_out_must_be_in_one_of_the_files(run: Run, folder: Path) -> None:
    (folder / "api.json").write_text('[{"name": "api", "image": "api:1"}, {"name": "x", "image": "x:1"}]')
    files = ("web.json", "api.json", *FLAGS, "--check")
    ran = run("instrument", *files, "--ignore-container", "api", "--ignore-container", "x")
    assert ran.exit_code == 2
    assert "api.json: container api: not instrumented (left out as asked)" in ran.stderr
    assert "web.json: container web: instrumented" in ran.stderr
    ran = run("instrument", *files, "--ignore-container", "api", "--ignore-container", "y")
    assert ran.exit_code == 4
    assert "there is no container y to leave out" in ran.stderr


def test_check_is_exit_2_when_something_would_change(run: Run, folder: Path) -> None:
    before = (folder / "web.json").read_bytes()
    ran = run("instrument", "web.json", *FLAGS, "--check")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert (folder / "web.json").read_bytes() == before
    run("instrument", "web.json", *FLAGS, "--in-place")
    assert run("instrument", "web.json", *FLAGS, "--check").exit_code == 0
    assert run("instrument", "web.json", "--orchestrator-host", "other", "--check").exit_code == 2
    assert run("uninstrument", "web.json", "--check").exit_code == 2


def test_json_is_one_document_with_definitions_and_outcomes(run: Run, folder: Path) -> None:
    (folder / "api.json").write_text(
        '[{"Name": "api", "Image": "a:1"}, {"Name": "x", "Image": "x", "EntryPoint": ["x"]}]'
    )
    ran = run("instrument", "web.json", "api.json", *FLAGS, "--ignore-container", "api", "--json")
    document = json.loads(ran.stdout)
    assert (document["schema"], document["exit_code"]) == ("fguard.instrument/v1", 0)
    web, api = document["definitions"]
    assert instrumented(json.dumps(web["definition"]))["pidMode"] == "task"
    assert (web["source"], web["shape"], web["changed"], web["output"]) == (
        "web.json",
        "task definition",
        True,
        None,
    )
    assert api["containers"][0] == {
        "name": "api",
        "path": "$[0]",
        "instrumented": False,
        "reason": "left out as asked",
    }
    assert "pidMode" in api["warnings"][0]["message"]
    refused = json.loads(run("instrument", "api.json", *FLAGS, "--json").stdout)
    assert refused["exit_code"] == 4
    assert refused["error"]["where"] == "api.json: $[0].EntryPoint"


WRONG_USAGE = [
    (("web.json", "api.json"), "several task definitions do not fit on standard output"),
    (("web.json", "api.json", "-o", "x"), "--output takes one file"),
    (("web.json", "-o", "x", "--in-place"), "only one of --output, --output-dir and --in-place"),
    (("web.json", "--check", "--in-place"), "--check writes nothing"),
    (("web.json", "-o", "sub"), "--output is a folder"),
    (("pipe", "--in-place"), "this is a pipe or a device"),
    (("-", "--in-place"), "standard input has no name"),
    (("web.json", "web.json", "--in-place"), "web.json is given twice"),
    (("web.json", "sub/web.json", "--output-dir", "x"), "two files are called web.json"),
    (("missing.json",), "there is no such file"),
    (("web:3",), "reading task definitions from ECS is not there yet"),
    (("arn:aws:ecs:us-east-1:123456789012:task-definition/web:3",), "reading task definitions from ECS is not"),
    (("sub",), "this is a folder"),
    (("binary.json",), "not UTF-8 text"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG_USAGE, ids=[case[1] for case in WRONG_USAGE])
@pytest.mark.parametrize("command", ["instrument", "uninstrument"])
def test_wrong_usage_is_exit_64(
    run: Run, folder: Path, command: str, arguments: tuple[str, ...], message: str
) -> None:
    (folder / "sub").mkdir()
    for name in ("api.json", "sub/web.json"):
        (folder / name).write_text(json.dumps(WEB))
    os.mkfifo(folder / "pipe")
    (folder / "binary.json").write_bytes(b"\xff\xfe{}")
    ran = run(command, *arguments, *(FLAGS if command == "instrument" else ()))
    assert ran.exit_code == 64
    assert message in ran.stderr
    assert ran.stdout == ""


def test_no_task_definition_is_exit_64(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    assert run_command_line(["instrument"]) == 64
    assert "TASK_DEF" in capsys.readouterr().err


# Settings.


def test_flags_of_the_direct_topology(run: Run) -> None:
    flags = ("--collector", "ingest.us4.sysdig.com:443", "--access-key-arn", KEY_ARN, "--priority", "security")
    definition = instrumented(run("instrument", "web.json", *flags).stdout)
    sidecar = definition["containerDefinitions"][1]
    assert sidecar["image"] == "quay.io/sysdig/workload-agent:6.2.1"
    assert sidecar["essential"] is True
    assert sidecar["secrets"] == [{"name": "SYSDIG_ACCESS_KEY", "valueFrom": KEY_ARN}]
    assert variables(definition)["SYSDIG_COLLECTOR_PORT"] == "443"


def test_flags_for_the_sidecar(run: Run) -> None:
    flags = (
        *(
            "--agent-log-group",
            "/agent",
            "--region",
            "eu-west-1",
            "--sidecar-cpu",
            "64",
            "--sidecar-memory",
            "256",
        ),
        *("--sidecar-memory-reservation", "128", "--sidecar-essential", "--image-pull-secret-arn", KEY_ARN),
        *("--agent-image", "mirror.internal/agent:5.0.1", "--log-level", "debug", "--orchestrator-port", "7000"),
        *("--extra-conf", "tags: team:payments"),
    )
    definition = instrumented(run("instrument", "web.json", *FLAGS, *flags).stdout)
    sidecar = definition["containerDefinitions"][1]
    assert sidecar["logConfiguration"]["options"]["awslogs-region"] == "eu-west-1"
    assert (sidecar["cpu"], sidecar["memory"], sidecar["memoryReservation"]) == (64, 256, 128)
    assert sidecar["essential"] is True
    assert sidecar["repositoryCredentials"] == {"credentialsParameter": KEY_ARN}
    assert sidecar["image"] == "mirror.internal/agent:5.0.1"
    assert variables(definition)["SYSDIG_LOGGING"] == "debug"
    assert variables(definition)["SYSDIG_ORCHESTRATOR_PORT"] == "7000"
    assert variables(definition)["SYSDIG_EXTRA_CONF"] == "tags: team:payments"


def test_variables_of_the_environment_stand_in_for_flags(run: Run) -> None:
    environ = {"FGUARD_ORCHESTRATOR_HOST": "from-environment", "FGUARD_AGENT_VERSION": "5.0.2"}
    definition = instrumented(run("instrument", "web.json", environ=environ).stdout)
    assert variables(definition)["SYSDIG_ORCHESTRATOR"] == "from-environment"
    flagged = run("instrument", "web.json", "--orchestrator-host", "from-flag", environ=environ)
    assert variables(instrumented(flagged.stdout))["SYSDIG_ORCHESTRATOR"] == "from-flag"


@pytest.mark.parametrize(
    ("flags", "exit_code", "message"),
    [
        ((), 64, "--orchestrator-host"),
        (("--orchestrator-host", "h", "--agent-version", "6.2.1"), 4, "--topology direct"),
        (("--collector", "c", "--access-key-arn", "plain-text-key"), 4, "must be the ARN"),
        (("--collector", "c:port"), 64, "HOST:PORT"),
        (("--orchestrator-host", "h", "--agent-log-group", "g"), 64, "add --region"),
        (("--orchestrator-host", "h", "--agent-image", "agent:latest"), 4, "--allow-unpinned-image"),
    ],
)
def test_missing_and_wrong_settings_name_the_flag(
    run: Run, flags: tuple[str, ...], exit_code: int, message: str
) -> None:
    ran = run("instrument", "web.json", *flags)
    assert ran.exit_code == exit_code
    assert message in ran.stderr
    assert "plain-text-key" not in ran.stderr


def test_fguard_yaml_is_used_where_there_is_one_and_flags_win(run: Run, folder: Path) -> None:
    (folder / "fguard.yaml").write_text(CONFIG)
    definition = instrumented(run("instrument", "web.json", "--orchestrator-host", "h").stdout)
    assert variables(definition)["SYSDIG_PRIORITY"] == "security"
    flags = ("--topology", "direct", "--agent-version", "6.2.1", "--priority", "availability")
    definition = instrumented(run("instrument", "web.json", *flags).stdout)
    assert variables(definition)["SYSDIG_COLLECTOR"] == "ingest.us4.sysdig.com"
    assert variables(definition)["SYSDIG_PRIORITY"] == "availability"
    assert definition["containerDefinitions"][1]["secrets"][0]["valueFrom"] == KEY_ARN
    other = run("instrument", "web.json", *flags, "--collector", "other.example.com")
    assert variables(instrumented(other.stdout))["SYSDIG_COLLECTOR"] == "other.example.com"


def test_a_configuration_that_is_named_must_exist(run: Run) -> None:
    ran = run("instrument", "web.json", *FLAGS, "--config", "nowhere.yaml")
    assert ran.exit_code == 64
    assert "nowhere.yaml" in ran.stderr


def test_an_unpinned_image_of_the_configuration_has_to_be_allowed(run: Run, folder: Path) -> None:
    (folder / "fguard.yaml").write_text(CONFIG.replace("  priority", "  image: mirror/agent:latest\n  priority"))
    assert run("instrument", "web.json", "--orchestrator-host", "h").exit_code == 4
    allowed = run("instrument", "web.json", "--orchestrator-host", "h", "--allow-unpinned-image")
    assert instrumented(allowed.stdout)["containerDefinitions"][1]["image"] == "mirror/agent:latest"


def test_the_orchestrators_host_comes_from_the_deployments_terraform_outputs(run: Run, folder: Path) -> None:
    (folder / "fguard.yaml").write_text(CONFIG)
    missing = run("instrument", "web.json", "--region", "us-east-1")
    assert missing.exit_code == 64
    assert "the orchestrator's host is missing" in missing.stderr
    module = folder / ".fguard/training/terraform"
    module.mkdir(parents=True)
    (folder / ".fguard/training/logs").mkdir()
    (module / "terraform.tfstate").write_text(json.dumps(state_with_outputs("nlb-1.elb.us-east-1.amazonaws.com")))
    ran = run("instrument", "web.json", "--region", "us-east-1")
    assert ran.exit_code == 0, ran.stderr
    assert variables(instrumented(ran.stdout))["SYSDIG_ORCHESTRATOR"] == "nlb-1.elb.us-east-1.amazonaws.com"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The embedded AWS."""
    with Sandbox.start() as running:
        yield running


def test_the_access_key_that_deploy_stored_is_referenced(run: Run, folder: Path, sandbox: Sandbox) -> None:
    config = CONFIG.replace(f'{{secret_arn: "{KEY_ARN}"}}', "{env: SYSDIG_ACCESS_KEY}")
    config = config.replace("agent:\n  version: 5.0.1", "agent:\n  topology: direct\n  version: 6.2.1")
    (folder / "fguard.yaml").write_text(config)
    missing = run("instrument", "web.json", environ=sandbox.environment())
    assert missing.exit_code == 64
    assert "the access key is missing" in missing.stderr
    client = boto3_client("secretsmanager", sandbox)
    arn = client.create_secret(Name="fguard/training/sysdig-access-key", SecretString="0123-plain-key")["ARN"]
    ran = run("instrument", "web.json", environ=sandbox.environment())
    secret = instrumented(ran.stdout)["containerDefinitions"][1]["secrets"][0]
    assert secret["valueFrom"].startswith(f"{arn}:::")
    assert "0123-plain-key" not in ran.stdout + ran.stderr


def test_what_ecs_describes_after_registration_needs_no_change_and_can_be_undone(
    run: Run, folder: Path, sandbox: Sandbox
) -> None:
    ecs = boto3_client("ecs", sandbox)
    ecs.register_task_definition(**instrumented(run("instrument", "web.json", *FLAGS).stdout))
    described = ecs.describe_task_definition(taskDefinition="web", include=["TAGS"])
    (folder / "described.json").write_text(json.dumps(described, default=str, indent=4))
    assert run("instrument", "described.json", *FLAGS, "--check").exit_code == 0
    restored = json.loads(run("uninstrument", "described.json").stdout)["taskDefinition"]
    (container,) = restored["containerDefinitions"]
    assert {key: value for key, value in container.items() if value not in ([], 0)} == {
        **WEB["containerDefinitions"][0],
        "essential": True,
    }
    assert not restored.get("pidMode")


def boto3_client(service: str, sandbox: Sandbox) -> Any:
    """A client of the embedded AWS."""
    return boto3.client(
        service,
        endpoint_url=sandbox.endpoint,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def state_with_outputs(host: str) -> dict[str, Any]:
    """A Terraform state as a deployment leaves it, with its outputs only."""
    text = dict.fromkeys(
        (
            *("security_group_id", "load_balancer_security_group_id", "load_balancer_arn", "target_group_arn"),
            *("listener_arn", "service_name", "service_arn", "task_definition_arn", "container_name"),
            *("execution_role_arn", "log_group_name"),
        ),
        "x",
    )
    outputs: dict[str, Any] = {
        "region": "us-east-1",
        "account_id": "123456789012",
        "partition": "aws",
        "network": {"vpc_id": "vpc-1", "created": True, "task_subnet_ids": [], "assign_public_ip": False},
        "cluster": {"arn": "x", "name": "x", "created": True},
        "orchestrator": {"host": host, "port": 6667, **text},
        "workloads": {},
    }

    def terraform_type(value: Any) -> Any:
        if isinstance(value, dict):
            return ["object", {key: terraform_type(item) for key, item in value.items()}]
        if isinstance(value, list):
            return ["list", "string"]
        return {bool: "bool", int: "number"}.get(type(value), "string")

    return {
        "version": 4,
        "terraform_version": "1.5.0",
        "serial": 1,
        "lineage": "e3b0c442-98fc-1c14-9afb-f4c8996fb924",
        "outputs": {name: {"value": value, "type": terraform_type(value)} for name, value in outputs.items()},
        "resources": [],
    }


def test_containers_that_a_workload_leaves_out_are_left_out_here_too(run: Run, folder: Path) -> None:
    definition = json.loads((folder / "web.json").read_text(encoding="utf-8"))
    definition["containerDefinitions"].append({"name": "log_router", "image": "fluent-bit:3"})
    for name in ("web.json", "other.json"):
        (folder / name).write_text(json.dumps(definition))
    workloads = "workloads: [{task_definition: web.json, ignore_containers: [log_router]}]\n"
    (folder / "fguard.yaml").write_text(CONFIG + workloads)
    ran = run("instrument", "web.json", "--orchestrator-host", "h")
    assert ran.exit_code == 0
    assert "container log_router: not instrumented (left out as asked)" in ran.stderr
    assert run("instrument", "other.json", "--orchestrator-host", "h").exit_code == 4

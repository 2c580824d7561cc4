"""``fguard.yaml`` as its author meets it: what is accepted, and what every mistake is told as."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from fargate_guard.config import Config, load_config, parse_config
from fargate_guard.config.load import ConfigError
from fargate_guard.config.reference import reference
from fargate_guard.workflows.init import schema_text

MINIMAL = """\
name: training
sysdig:
  region: us1
  access_key: {env: SYSDIG_ACCESS_KEY}
"""


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        parse_config(dedent(text))
    return refused.value


def with_lines(*lines: str) -> str:
    return MINIMAL + "\n".join(lines) + "\n"


def test_four_lines_are_a_configuration() -> None:
    config = parse_config(MINIMAL)
    assert config.agent.topology == "orchestrator"
    assert config.sysdig.effective_collector.host == "collector.sysdigcloud.com"
    assert config.network.tasks_get_public_ip is False


def test_the_quickstart_is_valid() -> None:
    config = load_config(Path(__file__).parents[2] / "examples" / "quickstart" / "fguard.yaml")
    assert config.aws.region == "us-east-1"
    assert config.sysdig.access_key.env == "SYSDIG_ACCESS_KEY"


def test_an_unknown_key_is_told_with_its_line_and_the_nearest_known_one() -> None:
    error = refusal(with_lines("agent:", "  topolgy: direct"))
    assert error.where == "fguard.yaml:6"
    assert error.why == "line 6: agent.topolgy: unknown key; did you mean 'topology'?"


def test_all_mistakes_are_told_at_once() -> None:
    error = refusal(
        """\
        name: training
        netwrk: {}
        sysdig:
          region: us9
          access_key: {}
        workloads:
          - task_definition: web.json
            service:
              desired_count: many
        """
    )
    assert error.why is not None
    assert [line.split(":")[0] for line in error.why.splitlines()] == ["line 2", "line 4", "line 5", "line 9"]


def test_broken_yaml_is_told_with_line_and_column() -> None:
    assert refusal("name: [training\n").where == "fguard.yaml:2:1"


def test_a_missing_file_is_told_with_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path / "fguard.yaml")
    assert "fguard init" in (refused.value.fix or "")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["agent: {version: 6.0.0}"], "does not work with an orchestrator"),
        (["agent: {version: latest}"], "agent.version"),
        (["network: {vpc_id: vpc-0123}"], "at least two subnets"),
        (["network: {subnet_ids: [subnet-0123, subnet-4567]}"], "needs vpc_id"),
        (["network: {vpc_id: vpc-0123, subnet_ids: [subnet-0123, subnet-4567], zones: 3}"], "zones"),
        (["network: {nat_gateway: none, assign_public_ip: false}"], "needs public addresses"),
        (["network: {cidr: 10.0.0.0/28}"], "between /16 and /24"),
        (["orchestrator: {cpu: 300}"], "no task with 300 CPU units"),
        (["orchestrator: {cpu: 256, memory: 8192}"], "512 to 2048 MiB"),
        (["logs: {retention_days: 31}"], "CloudWatch Logs accepts"),
        (["tags: {'fguard:deployment': x}"], "reserved prefix"),
        (["workloads:", "  - task_definition: a/web.json", "  - task_definition: b/web.json"], "two workloads"),
        (["state: {s3: {bucket: UPPER, key: k}}"], "state.s3.bucket"),
    ],
)
def test_what_would_not_work_is_refused(lines: list[str], told: str) -> None:
    assert told in (refusal(with_lines(*lines)).why or "")


@pytest.mark.parametrize("name", ["Training", "t", "-training", "training-", "x" * 25, "träning"])
def test_a_name_that_aws_would_refuse_is_refused(name: str) -> None:
    assert "name" in (refusal(MINIMAL.replace("training", name)).why or "")


def test_the_access_key_is_never_a_value_in_the_file() -> None:
    assert "unknown key" in (refusal(MINIMAL.replace("env: SYSDIG_ACCESS_KEY", "value: secret")).why or "")


def test_the_published_schema_is_the_models() -> None:
    published = Path(__file__).parents[2] / "docs" / "fguard.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == json.loads(schema_text()), (
        "write it again: python -m fargate_guard.workflows.init > docs/fguard.schema.json"
    )
    assert set(json.loads(schema_text())["properties"]) == set(Config.model_fields)


def test_the_configuration_reference_is_the_models() -> None:
    published = Path(__file__).parents[2] / "docs" / "configuration.md"
    assert published.read_text(encoding="utf-8") == reference(), (
        "write it again: python -m fargate_guard.config.reference > docs/configuration.md"
    )

"""Policies: what their scopes cover, what sees a rule, and ``fguard policies``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from fargate_guard.cli.main import app
from fargate_guard.sysdig.errors import BrokenAnswer, PermissionMissing
from fargate_guard.sysdig.policies import Policy, read_policies, rule_coverage
from fargate_guard.sysdig.scope import Covers, Place, scope_covers
from tests.sysdig.conftest import PatientClock, client_of
from tests.sysdig_api import interferences as wrong
from tests.sysdig_api.server import READER, STRANGER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    from tests.sysdig_api.rules_routes import RuleStore
    from tests.sysdig_api.server import SecureApi

CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/training"
HERE = Place(CLUSTER)
BIN = "Write below binary dir"
NO_CREDENTIALS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def policy(name: str, **fields: Any) -> dict[str, Any]:
    number = sum(map(ord, name))
    rules = [{"ruleName": BIN, "enabled": True}, {"ruleName": "Launch Ingress", "enabled": False}]
    common = {"id": number, "name": name, "type": "falco", "enabled": True, "severity": 1, "version": 3}
    return {**common, "rules": rules, "scope": "", "origin": "Secure UI", **fields}


@pytest.mark.parametrize(
    ("scope", "covers"),
    [
        ("", Covers.YES),
        (f'aws.fargate.cluster.arn = "{CLUSTER}"', Covers.YES),
        (f'aws.fargate.cluster.arn in ("{CLUSTER}", "b") and aws.accountId = "123456789012"', Covers.YES),
        ('aws.fargate.cluster.arn != "other"', Covers.YES),
        ('aws.fargate.cluster.arn contains "train" and aws.region = "us-east-1"', Covers.YES),
        ('aws.fargate.cluster.arn startswith "arn:aws-cn"', Covers.NO),
        ('aws.fargate.cluster.arn not in ("other")', Covers.YES),
        ('container.id != ""', Covers.YES),
        ('kubernetes.namespace.name = "shop"', Covers.NO),
        ('not kubernetes.cluster.name in ("a", "b")', Covers.YES),
        ('container.image.repo = "nginx"', Covers.SOME),
        ('container.image.repo = "nginx" and aws.region = "eu-west-1"', Covers.NO),
        ('agent.tag.stage = "prod" or aws.region = "us-east-1"', Covers.YES),
        ('not (agent.tag.stage = "prod")', Covers.SOME),
        ("aws.region like x", Covers.UNKNOWN),
        ('aws.region = "us-east-1', Covers.UNKNOWN),
        ("((", Covers.UNKNOWN),
        ("(" * 9999, Covers.UNKNOWN),
    ],
)
def test_a_scope_covers_the_cluster_or_not_or_it_depends(scope: str, covers: Covers) -> None:
    verdict = scope_covers(scope, HERE)
    assert verdict.covers is covers
    assert scope in verdict.why


def test_without_a_cluster_a_scope_on_clusters_is_unknown() -> None:
    assert scope_covers('aws.fargate.cluster.arn = "x"', Place()).covers is Covers.UNKNOWN
    assert scope_covers("", Place()).covers is Covers.YES


def coverage(*documents: dict[str, Any], rule: str = BIN) -> Any:
    return rule_coverage([Policy.of(one) for one in documents], rule, HERE)


def test_a_rule_is_seen_by_an_enabled_policy_whose_scope_covers_the_cluster() -> None:
    found = coverage(policy("off", enabled=False), policy("on"), policy("elsewhere", scope='aws.region = "x"'))
    assert found.covered is True
    assert [one.name for one in found.seen_by] == ["on"]


@pytest.mark.parametrize(
    ("fields", "rule", "covered", "says"),
    [
        ({"enabled": False}, BIN, False, "'p' is not enabled"),
        ({}, "Launch Ingress", False, "'Launch Ingress' is switched off in the policy 'p'"),
        ({"scope": 'aws.region = "eu-west-1"'}, BIN, False, "does not cover the cluster"),
        ({}, "Nowhere", False, "no workload policy has the rule 'Nowhere'"),
        ({"type": "k8s_audit"}, BIN, False, "no workload policy has the rule"),
        ({"scope": 'container.name = "web"'}, BIN, None, ""),
        ({"rules": [], "ruleNames": [BIN]}, "Write below *", True, ""),
        ({"rules": [{"ruleName": "Write below etc", "enabled": False}, {"ruleName": BIN}]}, "Write *", True, ""),
    ],
)
def test_what_is_in_the_way_of_a_rule_is_said(
    fields: dict[str, Any], rule: str, covered: bool | None, says: str
) -> None:
    found = coverage(policy("p", **fields), rule=rule)
    assert found.covered is covered
    assert says in " ".join(found.obstacles)


def test_policies_are_read_typed_with_what_is_not_known_kept(api: SecureApi, rule_store: RuleStore) -> None:
    rule_store.policies += [policy("p", scope="x", novel=1), policy("m", templateId=4)]
    found, managed = read_policies(client_of(api.url, PatientClock()))
    assert (found.name, found.scope, found.version, found.raw["novel"]) == ("p", "x", 3, 1)
    assert (found.managed, managed.managed) == (False, True)
    assert found.disabled_rules == ("Launch Ingress",)


def test_errors_name_the_permission_and_what_is_broken(api: SecureApi, rule_store: RuleStore) -> None:
    with pytest.raises(PermissionMissing, match=r"policies\.read"):
        read_policies(client_of(api.url, PatientClock(), token=STRANGER))
    rule_store.policies.append({"id": 1})
    with pytest.raises(BrokenAnswer, match="without id, name or type"):
        read_policies(client_of(api.url, PatientClock()))
    api.interfere(wrong.answering(wrong.json_answer(200, {"policies": []})))
    with pytest.raises(BrokenAnswer, match="no list of policies"):
        read_policies(client_of(api.url, PatientClock()))


@pytest.fixture
def run(api: SecureApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FGUARD_SYSDIG_TOKEN", READER)
    monkeypatch.setenv("FGUARD_SYSDIG_URL", api.url)
    return lambda *arguments: CliRunner().invoke(app, ["policies", "--cluster", CLUSTER, *arguments])


def test_policies_that_apply_come_first_with_rules_that_are_off_or_gone(
    run: Callable[..., Result], rule_store: RuleStore
) -> None:
    rule_store.add("rule", {"name": BIN}, origin="Sysdig")
    rule_store.policies += [
        policy("a switched off", enabled=False),
        policy("b of nginx", scope='container.image.repo = "nginx"'),
        policy("c everything", templateId=1),
        policy("d cloud", type="awscloudtrail"),
        policy("e drift", type="drift", rules=[]),
    ]
    text = run().stdout
    names = [line.split("  ")[-1].strip() for line in text.splitlines() if not line.startswith(" ")]
    assert [name.split(" (")[0].split()[-1] for name in names[:4]] == ["everything", "drift", "nginx", "off"]
    assert "managed by Sysdig" in text
    assert "NOT ENABLED" in text
    assert "switched off: Launch Ingress" in text
    assert "Sysdig has no such rules: Launch Ingress" in text
    assert "(policies that watch something else: 1; --all)" in text
    assert "d cloud" in run("--all").stdout


def test_the_json_says_what_applies_and_a_rule_that_nobody_sees_is_exit_3(
    run: Callable[..., Result], rule_store: RuleStore
) -> None:
    rule_store.policies.append(policy("p"))
    seen = run("--json", "--rule", BIN)
    document = json.loads(seen.stdout)
    assert (seen.exit_code, document["schema"]) == (0, "fguard.policies/v1")
    assert (
        document["policies"][0] | {"applies": True, "covers": "yes", "disabled_rules": ["Launch Ingress"]}
        == (document["policies"][0])
    )
    assert document["rules"][0]["policies"] == ["p"]
    unseen = run("--rule", "Launch Ingress")
    assert unseen.exit_code == 3
    assert "'Launch Ingress' is switched off in the policy 'p'" in unseen.stdout


def test_without_policies_that_is_said_and_a_name_is_no_arn(run: Callable[..., Result]) -> None:
    assert "nothing that happens in tasks is detected" in run().stdout
    named = run("--cluster", "training")
    assert (named.exit_code, "is no ARN" in named.stderr) == (64, True)


@pytest.mark.usefixtures("run")
def test_without_a_deployment_the_cluster_is_said_to_be_unknown(rule_store: RuleStore) -> None:
    rule_store.policies.append(policy("p", scope=f'aws.fargate.cluster.arn = "{CLUSTER}"'))
    result = CliRunner().invoke(app, ["policies"])
    assert result.exit_code == 0
    assert "the cluster is not known" in result.stderr
    assert "there is no fguard.yaml" in result.stderr
    assert "perhaps" in result.stdout


@pytest.mark.parametrize(("option", "why"), [("--aws", "no AWS credentials"), ("--no-aws", "AWS was not asked")])
def test_why_the_cluster_is_not_known_is_said(
    run: Callable[..., Result],
    rule_store: RuleStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    why: str,
) -> None:
    rule_store.policies.append(policy("p"))
    (tmp_path / "fguard.yaml").write_text(
        "name: training\naws: {region: us-east-1}\nsysdig: {region: us1, access_key: {env: KEY}}\n"
    )
    for name, value in NO_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    assert run().exit_code == 0
    found = CliRunner().invoke(app, ["policies", "--json", option])
    document = json.loads(found.stdout)
    assert (document["cluster"], found.exit_code) == (None, 0)
    assert why in document["cluster_unknown"]
    assert why in found.stderr
    assert json.loads(run("--json").stdout)["cluster_unknown"] is None

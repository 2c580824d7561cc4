"""Further variables, the proxy's CA certificate, and the sidecar's logs through FireLens."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.taskdef import Settings, SettingsError, TaskDefinitionError, instrument, restore, uninstrument

if TYPE_CHECKING:
    from collections.abc import Callable

    WebWith = Callable[..., dict[str, Any]]

PROXY = {"HTTPS_PROXY": "http://squid.internal:3128"}
FIRELENS = {"logDriver": "awsfirelens", "options": {"Name": "cloudwatch"}}


def variables(definition: Any, index: int) -> dict[str, str]:
    containers = definition if isinstance(definition, list) else definition["containerDefinitions"]
    container = {key.lower(): value for key, value in containers[index].items()}
    entries = [{key.lower(): value for key, value in entry.items()} for entry in container.get("environment", [])]
    return {entry["name"]: entry["value"] for entry in entries}


def test_further_variables_go_where_they_are_asked_for_and_come_off_again(
    web_with: WebWith, direct: Settings
) -> None:
    web = web_with(environment=[{"name": "A", "value": "1"}])
    both = replace(direct, workload_environment=PROXY, sidecar_environment={"NO_PROXY": "169.254.170.2"})
    with_both = instrument(web, both).definition
    assert variables(with_both, 0).items() >= {**PROXY, "A": "1"}.items()
    assert "NO_PROXY" not in variables(with_both, 0)
    assert variables(with_both, 1)["NO_PROXY"] == "169.254.170.2"
    assert not instrument(with_both, both).changed
    assert json.dumps(uninstrument(with_both)) == json.dumps(web)
    assert instrument(with_both, direct).definition == instrument(web, direct).definition


@pytest.mark.parametrize(("value", "told"), [("http://mine:1", True), (PROXY["HTTPS_PROXY"], False)])
def test_a_variable_that_the_container_has_stays_the_users(
    web_with: WebWith, direct: Settings, value: str, told: bool
) -> None:
    web = web_with(environment=[{"name": "HTTPS_PROXY", "value": value}])
    result = instrument(web, replace(direct, workload_environment=PROXY))
    assert variables(result.definition, 0)["HTTPS_PROXY"] == value
    where = "$.containerDefinitions[0].environment[0]"
    assert (where in [one.where for one in result.warnings if "HTTPS_PROXY" in one.message]) is told
    assert json.dumps(uninstrument(result.definition)) == json.dumps(web)


def test_a_secret_of_the_same_name_is_never_doubled(web_with: WebWith, direct: Settings) -> None:
    web = web_with(
        secrets=[{"name": "HTTPS_PROXY", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/p"}]
    )
    result = instrument(web, replace(direct, workload_environment=PROXY))
    assert "HTTPS_PROXY" not in variables(result.definition, 0)
    assert any("sets HTTPS_PROXY itself" in warning.message for warning in result.warnings)


def test_what_the_user_put_on_the_sidecar_stays_there(web: dict[str, Any], direct: Settings) -> None:
    edited = instrument(web, direct).definition
    edited["containerDefinitions"][1]["environment"].append({"name": "NO_PROXY", "value": "mine"})
    extra = replace(direct, sidecar_environment={"NO_PROXY": "other"})
    for _ in range(2):
        result = instrument(edited, extra)
        assert variables(result.definition, 1)["NO_PROXY"] == "mine"
        assert any("sets NO_PROXY itself" in warning.message for warning in result.warnings)
        edited = result.definition
    assert variables(instrument(edited, direct).definition, 1)["NO_PROXY"] == "mine"


def test_variables_on_containers_of_another_tool_are_remembered(kilt_web: list[Any], direct: Settings) -> None:
    kilt_web[0]["Environment"].append({"Name": "NO_PROXY", "Value": "mine"})
    extra = replace(direct, workload_environment={**PROXY, "NO_PROXY": "other"})
    updated = instrument(kilt_web, extra).definition
    assert variables(updated, 0).items() >= {**PROXY, "NO_PROXY": "mine"}.items()
    assert not instrument(updated, extra).changed
    assert "HTTPS_PROXY" not in variables(instrument(updated, direct).definition, 0)
    assert variables(restore(updated).definition, 0) == {"TMP": "/tmp", "NO_PROXY": "mine"}


@pytest.mark.parametrize(
    ("name", "option"),
    [("SYSDIG_COLLECTOR", "--collector"), ("SYSDIG_PRIORITY", "--priority"), ("SYSDIG_LOGGING", "--log-level")],
)
def test_what_fguard_manages_has_an_option_of_its_own(direct: Settings, name: str, option: str) -> None:
    with pytest.raises(SettingsError) as refused:
        replace(direct, sidecar_environment={name: "x"})
    assert option in str(refused.value.fix)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SYSDIG_ACCESS_KEY", "anything"),
        ("ACCESS_KEY", "0a1b2c3d-0000-4000-8000-123456789abc"),
        ("SYSDIG_EXTRA_CONF", "customerid: 0a1b2c3d-0000-4000-8000-123456789abc"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ],
)
def test_access_keys_are_refused_and_never_shown(direct: Settings, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        replace(direct, workload_environment={name: value})
    assert refused.value.exit_code == 4
    assert value not in "".join(map(str, (refused.value.message, refused.value.why, refused.value.fix)))


@pytest.mark.parametrize("name", ["", "A B", "A=B"])
def test_names_that_no_environment_can_hold_are_refused(direct: Settings, name: str) -> None:
    with pytest.raises(SettingsError, match="not the name of an environment variable"):
        replace(direct, workload_environment={name: "x"})


def test_a_password_in_a_proxys_url_is_pointed_at(web: dict[str, Any], direct: Settings) -> None:
    secretive = replace(direct, sidecar_environment={"HTTPS_PROXY": "http://me:hunter2@squid:3128"})
    (warning,) = [one for one in instrument(web, secretive).warnings if "password" in one.message]
    assert "hunter2" not in warning.message


# The CA certificate of the agent's HTTP proxy.


@pytest.mark.parametrize(
    ("conf", "written"),
    [
        (
            '{"http_proxy": {"proxy_host": "squid", "ssl": true}}',
            '{"http_proxy": {"proxy_host": "squid", "ssl": true, "ca_certificate": "/ssl/ca.pem"}}',
        ),
        (
            "log: {console_priority: info}\nhttp_proxy:\n\n   proxy_host: s\n",
            'log: {console_priority: info}\nhttp_proxy:\n   ca_certificate: "/ssl/ca.pem"\n\n   proxy_host: s\n',
        ),
    ],
)
def test_the_ca_certificate_joins_the_agents_proxy(
    web: dict[str, Any], direct: Settings, conf: str, written: str
) -> None:
    result = instrument(web, replace(direct, extra_conf=conf, ca_certificate_path="/ssl/ca.pem"))
    assert variables(result.definition, 1)["SYSDIG_EXTRA_CONF"] == written
    assert any("/ssl/ca.pem from the sidecar's image" in warning.message for warning in result.warnings)


@pytest.mark.parametrize(
    ("conf", "path", "message"),
    [
        (None, "/ssl/ca.pem", "no HTTP proxy"),
        ("tags: a:b", "/ssl/ca.pem", "no HTTP proxy"),
        ('{"http_proxy": {}}', "/ssl/ca.pem", "no HTTP proxy"),
        ("http_proxy: {proxy_host: squid}", "/ssl/ca.pem", "no HTTP proxy"),
        ('{"http_proxy": {"ca_certificate": "/a"}}', "/ssl/ca.pem", "already"),
        ('{"http_proxy": {"proxy_host": "squid"}}', "ssl/ca.pem", "not an absolute path"),
    ],
)
def test_a_ca_certificate_that_would_not_work_is_refused(
    direct: Settings, conf: str | None, path: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        replace(direct, extra_conf=conf, ca_certificate_path=path)


# Logs through FireLens.


def test_firelens_needs_a_log_router(web: dict[str, Any], direct: Settings) -> None:
    with pytest.raises(TaskDefinitionError, match="no container of the task is a log router") as refused:
        instrument(web, replace(direct, log_configuration=FIRELENS))
    assert refused.value.where == "$.containerDefinitions[*].firelensConfiguration"


def test_the_log_router_must_not_wait_for_the_sidecar_that_waits_for_it(
    web: dict[str, Any], direct: Settings
) -> None:
    router = {"name": "router", "image": "fluent-bit:3", "entryPoint": ["/fluent-bit"]}
    web["containerDefinitions"].append({**router, "firelensConfiguration": {"type": "fluentbit"}})
    routed = replace(direct, log_configuration=FIRELENS)
    with pytest.raises(TaskDefinitionError, match="log router router would wait for the sidecar") as refused:
        instrument(web, routed)
    assert "--ignore-container router" in str(refused.value.fix)
    result = instrument(web, replace(routed, ignore_containers=("router",))).definition
    assert result["containerDefinitions"][2]["logConfiguration"] == FIRELENS
    assert "dependsOn" not in result["containerDefinitions"][2], "ECS orders the two itself"


def test_a_driver_that_fargate_does_not_document_is_pointed_at(web: dict[str, Any], direct: Settings) -> None:
    result = instrument(web, replace(direct, log_configuration={"logDriver": "gelf"}))
    assert [one.where for one in result.warnings if "gelf" in one.message] == [
        "$.containerDefinitions[1].logConfiguration"
    ]


def test_a_log_configuration_names_its_driver(direct: Settings) -> None:
    with pytest.raises(SettingsError, match="logDriver"):
        replace(direct, log_configuration={"options": {}})

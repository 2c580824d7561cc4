"""Text that users wrote reaches ECS as it is, or is refused with its place."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fargate_guard.stacks.parameters import RefusedValueError
from fargate_guard.workload_input import ORCHESTRATOR_HOST_PLACEHOLDER, NotCarriedError
from tests.stack_templates.rendered_stacks import container, document, rendered, resource
from tests.terraform_templates.rendered_modules import CERTIFICATES, config, web
from tests.terraform_templates.test_direct_deployment import nasty_texts

if TYPE_CHECKING:
    from fargate_guard.errors import FguardError

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40).filter(
    lambda text: "resolve:" not in text
)


def test_nasty_texts_are_what_they_were() -> None:
    texts = nasty_texts()
    definition = web(
        environment=[{"name": f"TEXT_{number}", "value": text} for number, text in enumerate(texts)],
        command=[text for text in texts if text],
        dockerLabels={f"label {number} {text}": text for number, text in enumerate(texts[:60])},
    )
    template = rendered(config(), {"web": definition})
    found = container(template)
    assert template.body.isascii()
    assert [one["Value"] for one in found["Environment"] if one["Name"].startswith("TEXT_")] == texts
    assert found["Command"] == [text for text in texts if text]
    assert (
        found["DockerLabels"].items()
        >= {f"label {number} {text}": text for number, text in enumerate(texts[:60])}.items()
    )


RESOURCES = list(document(rendered(config()))["Resources"])


@settings(deadline=None, max_examples=15)
@given(text=TEXT)
def test_text_that_a_user_wrote_is_data_and_never_structure(text: str) -> None:
    def template(text: str) -> Any:
        definition = web(environment=[{"name": "TEXT", "value": text}], workingDirectory=text)
        settings = config(orchestrator={"extra_conf": text})
        return rendered(settings, {"web": definition})

    nasty = template(text)
    assert list(document(nasty)["Resources"]) == RESOURCES
    assert container(nasty)["WorkingDirectory"] == text
    assert {"Name": "TEXT", "Value": text} in container(nasty)["Environment"]
    assert additional_conf(nasty)[-1] == text


def additional_conf(template: Any) -> list[Any]:
    [agent] = resource(template, "OrchestratorTaskDefinition")["ContainerDefinitions"]
    [found] = [one["Value"] for one in agent["Environment"] if one["Name"] == "ADDITIONAL_CONF"]
    separator, lines = found["Fn::Join"]
    assert separator == "\n"
    return list(lines)


def test_the_agents_configuration_is_that_of_terraform() -> None:
    lines = additional_conf(rendered(config(orchestrator={"extra_conf": "a: ${b}\n"})))
    assert lines == [
        {"Fn::Sub": "agentino_port: ${OrchestratorPort}"},
        "log:",
        {"Fn::Sub": " file_priority: ${LogLevel}"},
        {"Fn::Sub": " console_priority: ${LogLevel}"},
        "a: ${b}\n",
    ]


def test_certificates_are_in_the_template() -> None:
    settings = config(orchestrator={"collector_ca_certificate": {"file": "collector.pem", "path": "/a ${b}"}})
    [agent] = resource(rendered(settings), "OrchestratorTaskDefinition")["ContainerDefinitions"]
    environment = {one["Name"]: one["Value"] for one in agent["Environment"]}
    assert (
        base64.b64decode(environment["COLLECTOR_CA_CERTIFICATE_VALUE"]).decode() == CERTIFICATES["collector.pem"]
    )
    assert environment["COLLECTOR_CA_CERTIFICATE"] == "/a ${b}"


def test_values_of_parameters_are_the_defaults_too() -> None:
    """So that the template alone deploys the same."""
    template = rendered(config(orchestrator={"tags": {"team": 'pay"${x}', "env": "prod:blå"}}, name="a1"))
    declared = document(template)["Parameters"]
    assert template.parameters["AgentTags"] == declared["AgentTags"]["Default"] == 'env:prod:blå,team:pay"${x}'
    assert {name: str(one["Default"]) for name, one in declared.items()} == template.parameters
    assert template.required_parameters == ()


def test_the_workload_finds_the_orchestrator_by_its_load_balancer() -> None:
    sidecar = container(rendered(config()), "SysdigInstrumentation")
    host = {"Name": "SYSDIG_ORCHESTRATOR", "Value": {"Fn::GetAtt": ["LoadBalancer", "DNSName"]}}
    assert host in sidecar["Environment"]
    assert {"Name": "SYSDIG_ORCHESTRATOR_PORT", "Value": {"Ref": "OrchestratorPort"}} in sidecar["Environment"]
    assert ORCHESTRATOR_HOST_PLACEHOLDER not in rendered(config()).body


# -- what CloudFormation cannot carry is refused by name -------------------------------------------------------


def refused(definition: dict[str, Any], **settings: Any) -> FguardError:
    with pytest.raises(NotCarriedError) as caught:
        rendered(config(**settings), {"web": definition})
    assert caught.value.why
    assert caught.value.fix
    return caught.value


def test_a_dynamic_reference() -> None:
    error = refused(web(environment=[{"name": "A", "value": "x{{resolve:ssm:/a}}"}]))
    assert error.where == "web.containerDefinitions[0].environment[0].value"


@pytest.mark.parametrize("key", ["Ref", "Fn::Sub"])
def test_a_label_that_is_a_function(key: str) -> None:
    assert refused(web(dockerLabels={key: "x"})).where == "web.containerDefinitions[0].dockerLabels"


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_no_text(text: str) -> None:
    assert refused(web(command=["ok", text])).where == "web.containerDefinitions[0].command[1]"


def test_a_field_without_a_property() -> None:
    assert refused(web(newField=1)).where == "web.containerDefinitions[0].newField"


def test_a_text_that_contains_the_placeholder() -> None:
    value = f"prefix {ORCHESTRATOR_HOST_PLACEHOLDER}"
    error = refused(web(environment=[{"name": "MINE", "value": value}]))
    assert error.where == "web.containerDefinitions[0].environment[0].value"


def test_a_tag_that_would_hide_what_belongs_to_the_deployment() -> None:
    refused(web() | {"tags": [{"key": "fguard:deployment", "value": "other"}]})


def test_a_volume_that_the_service_would_have_to_configure() -> None:
    definition = web() | {"volumes": [{"name": "data", "configuredAtLaunch": True}]}
    with pytest.raises(NotCarriedError, match="data"):
        rendered(config(), {"web": definition})


@pytest.mark.parametrize(
    ("setting", "orchestrator"),
    [
        ("orchestrator.tags", {"tags": {"a": "x" * 5000}}),
        ("orchestrator.tags", {"tags": {"a": "\x01"}}),
        ("orchestrator.tags", {"tags": {"a": "{{resolve:ssm:/a}}"}}),
        ("orchestrator.image", {"image": "has space"}),
        ("orchestrator.load_balancer_name", {"load_balancer_name": "internal-x"}),
    ],
)
def test_a_setting_that_no_parameter_holds(setting: str, orchestrator: dict[str, Any]) -> None:
    with pytest.raises((RefusedValueError, NotCarriedError)) as caught:
        rendered(config(orchestrator=orchestrator))
    assert setting in f"{caught.value.where}"
    assert caught.value.fix

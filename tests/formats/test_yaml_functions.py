"""CloudFormation's functions come back as they were written when a template is restored."""

from __future__ import annotations

import pytest

from fargate_guard.cloudformation import instrument_template, restore_template
from fargate_guard.formats import read_source
from fargate_guard.taskdef import ImageConfig, Images, Settings

SETTINGS = Settings("orchestrator", "5.0.1", orchestrator_host="h")
ANSWERS = Images(by_container={"web": ImageConfig(("/e",), ("c",), "by hand")})
SHORT = """\
Parameters:
  Env: {Type: String}
Conditions:
  A: !Equals [!Ref Env, a]
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      ContainerDefinitions:
        - Name: web
          Image: busybox
"""
LONG = SHORT.replace("!Equals [!Ref Env, a]", "{'Fn::Equals': [{Ref: Env}, a]}")

PLACES = [
    "EntryPoint: !If [A, [a], !Ref AWS::NoValue]",
    "EntryPoint: !If [A, [a], !Ref 'AWS::NoValue']   # quoted, as elsewhere\n          User: !Ref 'AWS::NoValue'",
    "EntryPoint: !If\n            - A\n            - [a]\n            - !Ref AWS::NoValue",
    "EntryPoint: [/x]\n          Environment: !If [A, [{Name: A, Value: b}], !Ref AWS::NoValue]",
    "EntryPoint: [/x]\n          LinuxParameters: !If [A, {InitProcessEnabled: true}, !Ref AWS::NoValue]",
    "EntryPoint: [/x]\n          LinuxParameters: !If [A, !Ref AWS::NoValue, !Ref AWS::NoValue]",
    "EntryPoint: [/x]\n          LinuxParameters: !Ref AWS::NoValue",
    "EntryPoint: [/x]\n          LinuxParameters: {Ref: AWS::NoValue}",
    "EntryPoint: [/x]\n          LinuxParameters: {Capabilities: !If [A, {Drop: [ALL]}, !Ref AWS::NoValue]}",
    "EntryPoint: [/x]\n          LinuxParameters: {Capabilities: {Add: !Ref AWS::NoValue}}",
    "EntryPoint: [/x]\n          Secrets: !Ref AWS::NoValue\n          Environment: !Ref AWS::NoValue   # none",
]
LONG_PLACES = [
    "EntryPoint: {'Fn::If': [A, [a], {Ref: AWS::NoValue}]}",
    "EntryPoint:\n            Fn::If:\n              - A\n              - [a]\n              - Ref: AWS::NoValue",
    "EntryPoint: [/x]\n          LinuxParameters: {Ref: AWS::NoValue}",
    "EntryPoint: [/x]\n          LinuxParameters:\n            Ref: AWS::NoValue",
    "EntryPoint: [/x]\n          Environment: {Ref: AWS::NoValue}   # none",
    "EntryPoint: [/x]\n          LinuxParameters: {Capabilities: {Add: {Ref: AWS::NoValue}}}",
]


@pytest.mark.parametrize(
    "text",
    [f"{SHORT}          {place}\n" for place in PLACES] + [f"{LONG}          {place}\n" for place in LONG_PLACES],
)
def test_a_value_that_is_not_there_comes_back_as_it_was_written(text: str) -> None:
    source = read_source(text)
    changed = source.write(instrument_template(source.value, SETTINGS, ANSWERS).definition)
    assert "/opt/draios/bin/instrument" in changed
    assert '!Ref "AWS::NoValue"' not in changed
    again = read_source(changed)
    assert again.write(restore_template(again.value).definition) == text

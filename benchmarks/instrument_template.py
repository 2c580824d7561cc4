"""How long ``fguard instrument`` takes for one large CloudFormation template: a whole process, medians of ten.

The template has 200 task definitions of five containers, 520 kB in one line. It is measured as that one line;
indented as people keep it (1 MB, the same content); and with other names, images and variables in each task
definition, so that no two containers are alike. fguard looks once at containers that come again, as proxies and
log routers do, so the third file shows what it takes where none does.

The measure is one Python process that reads the same file and then goes ten times through ``json.loads`` and
``json.dumps`` of it: the reference instrumenter takes as long. Half of it is the aim. fguard shares the task
definitions among the processors, so the ratio depends on how many are free; how many there are is printed.

Run: python -m benchmarks.instrument_template
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.whole_process import INSTRUMENT, costs, python, show
from fargate_guard.workflows.in_processes import processors

ALLOWED_RATIO = 1.0
TASK_DEFINITIONS = 200
CONTAINERS = 5
TEN_ROUNDS = """
import json, sys
text = open(sys.argv[1], encoding="utf-8").read()
for _ in range(10):
    json.dumps(json.loads(text))
"""
REGISTRY = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com"
LOGS = {
    "LogDriver": "awslogs",
    "Options": {
        "awslogs-group": {"Ref": "LogGroup"},
        "awslogs-region": {"Ref": "AWS::Region"},
        "awslogs-stream-prefix": "app",
    },
}


def container(number: int, service: str) -> dict[str, Any]:
    return {
        "Name": f"app-{number}",
        "Image": {"Fn::Sub": f"{REGISTRY}/team{service}/app-{number}:1.4.{number}"},
        "EntryPoint": ["/usr/local/bin/entrypoint.sh"],
        "Command": ["serve", "--config", f"/etc{service}/app.yaml", f"--port={8000 + number}"],
        "Environment": [{"Name": "STAGE", "Value": f"production{service}"}],
        "LogConfiguration": LOGS,
    }


def task_definition(number: int, *, alike: bool) -> dict[str, Any]:
    service = "" if alike else f"/{number}"
    return {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": {"Fn::Sub": f"${{AWS::StackName}}-service-{number}"},
            "Cpu": "2048",
            "Memory": "8192",
            "NetworkMode": "awsvpc",
            "RequiresCompatibilities": ["FARGATE"],
            "ExecutionRoleArn": {"Fn::GetAtt": ["ExecutionRole", "Arn"]},
            "ContainerDefinitions": [container(each, service) for each in range(CONTAINERS)],
        },
    }


def template(*, alike: bool) -> dict[str, Any]:
    resources = {f"Task{number}": task_definition(number, alike=alike) for number in range(TASK_DEFINITIONS)}
    resources["LogGroup"] = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = {
            "one-line.json": json.dumps(template(alike=True)),
            "indented.json": json.dumps(template(alike=True), indent=2),
            "none-alike.json": json.dumps(template(alike=False)),
        }
        for file, text in texts.items():
            (folder / file).write_text(text)
        print(f"{processors()} processors")
        return max([compare(folder, file) for file in texts])


def compare(folder: Path, file: str) -> int:
    fguard, rounds, bare = "fguard instrument", "ten rounds of loads and dumps", "python -c pass"
    commands = {
        fguard: (*INSTRUMENT, file, "--output", "instrumented.json"),
        rounds: python(TEN_ROUNDS, file),
        bare: python("pass"),
    }
    measured = costs(commands, folder)
    ratio = measured[fguard].seconds / measured[rounds].seconds
    kilobytes = (folder / file).stat().st_size / 1000
    print(f"{file}, {kilobytes:.0f} kB: ratio {ratio:.2f} (allowed {ALLOWED_RATIO})")
    show((f"  {name}", f"{cost.milliseconds:.0f} ms") for name, cost in measured.items())
    return int(ratio > ALLOWED_RATIO)


if __name__ == "__main__":
    sys.exit(main())

"""How long ``fguard instrument`` takes for 1,000 files, and how its memory grows: whole processes, medians of ten.

The measure is one Python process that copies the same files through ``json``, one after the other. fguard shares
the files among the processors; how many there are is printed.

Run: python -m benchmarks.instrument_files
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.whole_process import INSTRUMENT, Cost, costs, python, show
from fargate_guard.workflows.in_processes import processors

ALLOWED_RATIO = 2.0
ALLOWED_GROWTH = 1.1
"""Peak memory with all the files over that with a tenth of them."""
FILES = 1000
COPY = """
import json, pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
target.mkdir(exist_ok=True)
for file in sorted(source.iterdir()):
    text = json.dumps(json.loads(file.read_text(encoding="utf-8")), indent=2) + "\\n"
    (target / file.name).write_text(text, encoding="utf-8")
"""


def definition(number: int) -> dict[str, Any]:
    return {
        "family": f"service-{number}",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "1024",
        "memory": "2048",
        "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
        "containerDefinitions": [container(number, name) for name in ("web", "metrics")],
    }


def container(number: int, name: str) -> dict[str, Any]:
    options = {"awslogs-group": "/ecs/app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": name}
    return {
        "name": name,
        "image": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/team/{name}:1.4.{number}",
        "essential": name == "web",
        "entryPoint": ["/usr/local/bin/entrypoint.sh"],
        "command": ["serve", "--port", "8080"],
        "environment": [{"name": "STAGE", "value": "production"}, {"name": "LOG_LEVEL", "value": "info"}],
        "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    }


def main() -> int:
    print(f"{processors()} processors")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        some, every = FILES // 10, FILES
        commands: dict[str, tuple[str, ...]] = {}
        for count in (some, every):
            write_files(folder / str(count), count)
            commands[f"fguard, {count} files"] = (*INSTRUMENT, str(count), "--output-dir", f"{count}-instrumented")
            commands[f"json, {count} files"] = python(COPY, str(count), f"{count}-copied")
        measured = costs(commands, folder, outputs=[command[-1] for command in commands.values()])
        assert len(list((folder / f"{every}-instrumented").iterdir())) == every
    show((each, f"{cost.milliseconds:.0f} ms", f"{cost.mebibytes:.1f} MiB") for each, cost in measured.items())
    return judge(
        measured[f"fguard, {some} files"], measured[f"fguard, {every} files"], measured[f"json, {every} files"]
    )


def write_files(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"service-{number:04}.json").write_text(json.dumps(definition(number), indent=2) + "\n")


def judge(few: Cost, many: Cost, copied: Cost) -> int:
    ratio, growth = many.seconds / copied.seconds, many.mebibytes / few.mebibytes
    print(
        f"time ratio {ratio:.2f} (allowed {ALLOWED_RATIO}), memory ratio {growth:.2f} (allowed {ALLOWED_GROWTH})"
    )
    return int(ratio > ALLOWED_RATIO or growth > ALLOWED_GROWTH)


if __name__ == "__main__":
    sys.exit(main())

"""How much longer than ``import typer`` the shortest uses of fguard take: whole processes, medians of ten.

Run: python -m benchmarks.start_up
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.whole_process import FGUARD, INSTRUMENT, costs, python, show

SMALL = {
    "family": "web",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "512",
    "memory": "1024",
    "containerDefinitions": [
        {"name": "web", "image": "nginx:1.27", "entryPoint": ["/docker-entrypoint.sh"], "command": ["nginx"]}
    ],
}
TYPER = "import typer"
COMMANDS = {
    "python -c pass": python("pass"),
    TYPER: python(TYPER),
    "fguard --version": (*FGUARD, "--version"),
    "fguard --help": (*FGUARD, "--help"),
    "fguard instrument --help": (*FGUARD, "instrument", "--help"),
    "fguard instrument web.json": (*INSTRUMENT, "web.json"),
}
ALLOWED = {"fguard --version": 40, "fguard --help": 40, "fguard instrument web.json": 60}
"""Milliseconds beyond ``import typer``."""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "web.json").write_text(json.dumps(SMALL, indent=2))
        measured = costs(COMMANDS, Path(folder))
    beyond = {name: cost.milliseconds - measured[TYPER].milliseconds for name, cost in measured.items()}
    rows = [("", "ms", "beyond import typer", "allowed")]
    rows += [
        (name, f"{cost.milliseconds:.0f}", f"{beyond[name]:+.0f}", str(ALLOWED.get(name, "")))
        for name, cost in measured.items()
    ]
    show(rows)
    return int(any(beyond[name] > allowed for name, allowed in ALLOWED.items()))


if __name__ == "__main__":
    sys.exit(main())

"""How much longer ``fguard deploy`` takes than Terraform by hand, on the same rendered module and a fresh sandbox.

By hand is ``terraform init``, ``plan -out`` and ``apply`` one after the other. ``fguard deploy`` does more: it
stores the access key, waits for ECS and verifies. Prints the ratio of every pair and the median; 1.05 is the aim.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from fargate_guard.sandbox import Sandbox
from fargate_guard.terraform.engine import find_engine
from fargate_guard.terraform.providers import find_provider_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

QUICKSTART = Path(__file__).parents[1] / "examples" / "quickstart"
FGUARD = [sys.executable, "-m", "fargate_guard.cli.main"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    pairs = parser.parse_args().pairs
    ratios = []
    for number in range(pairs):
        by_hand, deploy = measured(terraform_by_hand), measured(fguard_deploy)
        ratios.append(deploy / by_hand)
        print(f"pair {number + 1}: by hand {by_hand:.1f} s, fguard deploy {deploy:.1f} s, ratio {ratios[-1]:.3f}")
    print(f"median ratio {statistics.median(ratios):.3f} of {pairs}")


def measured(run: Callable[[Path, Mapping[str, str]], float]) -> float:
    """Seconds of one run in a folder and an account of its own."""
    folder = Path(tempfile.mkdtemp(prefix="fguard-benchmark-"))
    try:
        shutil.copytree(QUICKSTART, folder, dirs_exist_ok=True)
        with Sandbox.start() as sandbox:
            kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FGUARD_"))}
            environ = {**kept, **sandbox.environment(), "SYSDIG_ACCESS_KEY": "benchmark", "HOME": str(folder)}
            return run(folder, environ)
    finally:
        shutil.rmtree(folder)


def terraform_by_hand(folder: Path, environ: Mapping[str, str]) -> float:
    check([*FGUARD, "render", "--quiet", "-o", "rendered"], folder, environ)
    engine = find_engine(None, environ)
    source = find_provider_source(engine, environ, working_dir=folder)
    mirror = [f"-plugin-dir={source.plugin_dir}"] if source.plugin_dir else []
    store_secret(folder / "rendered" / "terraform.tfvars.json", environ)
    started = time.monotonic()
    for arguments in (["init", *mirror], ["plan", "-out=plan"], ["apply", "plan"]):
        check([*engine.command, *arguments], folder / "rendered", environ)
    return time.monotonic() - started


def fguard_deploy(folder: Path, environ: Mapping[str, str]) -> float:
    started = time.monotonic()
    check([*FGUARD, "deploy", "--yes"], folder, environ)
    return time.monotonic() - started


def store_secret(variables: Path, environ: Mapping[str, str]) -> None:
    """Store the access key and put its ARN where ``fguard render`` left a placeholder."""
    client = boto3.client(
        "secretsmanager",
        endpoint_url=environ["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
    values = json.loads(variables.read_text())
    values["access_key_value_from"] = client.create_secret(Name="benchmark", SecretString="benchmark")["ARN"]
    variables.write_text(json.dumps(values))


def check(command: list[str], folder: Path, environ: Mapping[str, str]) -> None:
    subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)


if __name__ == "__main__":
    main()

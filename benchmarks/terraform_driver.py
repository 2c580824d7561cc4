"""What the driver costs: `init`, `plan -out` and `apply` through the driver against the same commands by hand.

Both do the same work on the same module of 200 resources (one of them takes three seconds, as real ones do), in
turn, in fresh folders; the figure is the ratio of the best times, which other load on the machine disturbs least.
Run: python benchmarks/terraform_driver.py [ROUNDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fargate_guard.terraform.driver import Driver
from fargate_guard.terraform.engine import Engine, find_engine

if TYPE_CHECKING:
    from collections.abc import Callable

MODULE = """
resource "terraform_data" "many" {
  count = 200
  input = count.index
}

resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "exec sleep 3"
  }
}
"""
ROUNDS = 5
ALLOWED_RATIO = 1.05
"""`fguard deploy` may take at most five per cent longer than the commands by hand."""


def by_hand(folder: Path, engine: Engine) -> None:
    for arguments in (["init"], ["plan", "-out=saved.tfplan"], ["apply", "saved.tfplan"]):
        command = [*engine.command, *arguments]
        environ = {**os.environ, "CHECKPOINT_DISABLE": "1"}
        subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)


def with_the_driver(folder: Path, engine: Engine) -> None:
    events: list[object] = []
    driver = Driver(folder, engine=engine, environ=os.environ, run_log_dir=folder / "logs", observer=events.append)
    driver.init()
    driver.apply(driver.plan(folder / "saved.tfplan").path)


def seconds(work: Callable[[Path, Engine], None], engine: Engine) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.tf").write_text(MODULE, encoding="utf-8")
        started = time.perf_counter()
        work(folder, engine)
        return time.perf_counter() - started


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    engine = find_engine(None, os.environ)
    pairs = [(seconds(by_hand, engine), seconds(with_the_driver, engine)) for _ in range(rounds)]
    hand, driver = (min(side) for side in zip(*pairs, strict=True))
    ratio = driver / hand
    print(f"{engine.name}: by hand {hand:.3f} s, driver {driver:.3f} s: {1000 * (driver - hand):+.0f} ms")
    print(f"ratio {ratio:.3f} (allowed {ALLOWED_RATIO})")
    return 0 if ratio <= ALLOWED_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())

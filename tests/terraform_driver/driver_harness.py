"""What driver tests share: slow modules without any provider, and a fguard-like process to signal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

FGUARD_LIKE = Path(__file__).with_name("fguard_like.py")
PATIENCE = 90.0
"""Seconds to wait for something that happens within a second on an idle machine."""

CHAIN = """
variable "secret" {
  type    = string
  default = "none"
}

resource "terraform_data" "first" {
  count = 2
}

resource "terraform_data" "slow" {
  input      = { create = "CREATE", destroy = "DESTROY" }
  depends_on = [terraform_data.first]

  provisioner "local-exec" {
    command = "exec sleep ${self.input.create}"
  }

  provisioner "local-exec" {
    when    = destroy
    command = "exec sleep ${self.input.destroy}"
  }
}

resource "terraform_data" "last" {
  count      = 2
  depends_on = [terraform_data.slow]
}
"""
"""Two resources, then a slow one, then two more; destroyed the other way round."""

REMOTE_STATE = """
data "terraform_remote_state" "elsewhere" {
  backend = "http"
  config  = { address = "ADDRESS" }
}
"""
"""A data source that makes ``plan`` as slow as the server at ADDRESS."""

EVERYTHING = {"first[0]", "first[1]", "slow", "last[0]", "last[1]"}


def clean_environ() -> dict[str, str]:
    """This process's environment without the settings of the developer's own Terraform."""
    return {key: value for key, value in os.environ.items() if not key.startswith("TF_")}


def write_chain(folder: Path, *, create: float | str = 0, destroy: float | str = 0) -> Path:
    """A module of five resources, the middle one slow for this many seconds or for a shell's expression."""
    folder.mkdir(parents=True, exist_ok=True)
    text = CHAIN.replace("CREATE", str(create)).replace("DESTROY", str(destroy))
    (folder / "main.tf").write_text(text, encoding="utf-8")
    return folder


ANY_MOMENT = 25
"""Seconds that a step takes which a test interrupts: nobody waits for them, however loaded the machine is."""

SECONDS_FILE = "$(cat seconds)"
"""For ``destroy``: as long as the file ``seconds`` of the module says when it begins; see :func:`slow_for`."""


def slow_for(folder: Path, seconds: float) -> None:
    """Say how long the slow step of a module with :data:`SECONDS_FILE` takes from now on."""
    (folder / "seconds").write_text(str(seconds), encoding="utf-8")


def until(gate: Path) -> str:
    """For ``create``: no second of its own, after the test has made a file called ``gate``."""
    return f"$(for i in $(seq 600); do test -e {gate} && break; sleep 0.05; done; echo 0)"


def write_slow_plan(folder: Path, address: str) -> Path:
    """A module whose plan waits for the server at ``address``."""
    write_chain(folder)
    (folder / "remote.tf").write_text(REMOTE_STATE.replace("ADDRESS", address), encoding="utf-8")
    return folder


def resources_in_state(folder: Path) -> set[str]:
    """``{"first[0]", "slow"}``: what the local state file holds."""
    path = folder / "terraform.tfstate"
    if not path.exists() or not path.read_text(encoding="utf-8"):
        return set()
    state = json.loads(path.read_text(encoding="utf-8"))
    return {
        resource["name"] + (f"[{instance['index_key']}]" if "index_key" in instance else "")
        for resource in state["resources"]
        if resource["mode"] == "managed"
        for instance in resource["instances"]
    }


def lock_is_free(folder: Path) -> bool:
    """Whether no Terraform holds the local state's lock: it removes the file when it unlocks."""
    return not (folder / ".terraform.tfstate.lock.info").exists()


def group_exists(pgid: int) -> bool:
    """Whether any process of a group, zombies aside, is still there."""
    listing = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return any(
        line.split()[0] == str(pgid) and not line.split()[1].startswith("Z") for line in listing.splitlines()
    )


@dataclass
class FguardLike:
    """The process under test."""

    module: Path
    process: subprocess.Popen[bytes]
    output: Path
    errors: Path

    @classmethod
    def start(
        cls,
        engine: str,
        module: Path,
        command: str,
        *,
        lock_timeout: float = PATIENCE,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Start it in a process group of its own, as a shell does."""
        number = len(list(module.glob("fguard-*.out")))
        output, errors = module / f"fguard-{number}.out", module / f"fguard-{number}.err"
        with output.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, str(FGUARD_LIKE), engine, str(module), command, str(lock_timeout)],
                stdout=out,
                stderr=err,
                env={**clean_environ(), **(environ or {})},
                start_new_session=True,
            )
        return cls(module, process, output, errors)

    def events(self) -> list[dict[str, Any]]:
        """The events reported so far."""
        lines = self.output.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def error(self) -> dict[str, Any]:
        """The error it ended with."""
        text = self.errors.read_text(encoding="utf-8")
        assert text.startswith("{"), f"no error document but: {text}"
        document: dict[str, Any] = json.loads(text)
        return document

    def await_event(self, kind: str, **properties: object) -> dict[str, Any]:
        """Wait for an event with these properties."""
        wanted = {"type": kind, **properties}
        found: list[dict[str, Any]] = []

        def seen() -> bool:
            ended = self.process.poll() is not None
            found[:] = [event for event in self.events() if wanted.items() <= event.items()]
            assert found or not ended, f"ended without {wanted}: {self.errors.read_text(encoding='utf-8')}"
            return bool(found)

        wait_until(seen, f"{wanted} among {self.output}")
        return found[0]

    def terraform_pids(self) -> list[int]:
        """Every Terraform it has started."""
        return [event["pid"] for event in self.events() if event["type"] == "CommandStarted"]

    def await_exit(self, seconds: float = PATIENCE) -> int:
        """Its exit code."""
        return self.process.wait(timeout=seconds)


@dataclass
class SlowStateServer:
    """A server on loopback that holds back a remote state until it is told to answer."""

    asked: Event = field(default_factory=Event)
    may_answer: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.set()
                outer.may_answer.wait(PATIENCE)
                body = json.dumps(
                    {
                        "version": 4,
                        "terraform_version": "1.5.0",
                        "serial": 1,
                        "lineage": "x",
                        "outputs": {},
                        "resources": [],
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep the test output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._server.server_port}/state"


def engines_here() -> list[str]:
    """What to name in ``--terraform``: the binary where there is one, and always the embedded engine."""
    binary = shutil.which("terraform") or shutil.which("tofu")
    return [*([binary] if binary else []), "embedded"]

"""Asking for images, and the situations they are asked in."""

from __future__ import annotations

import base64
import json
import stat
import sys
import time
from typing import TYPE_CHECKING

from fargate_guard.images import Clock, Found, Options, resolve
from fargate_guard.taskdef.image_config import ImageConfig, ImageNeed
from tests.images.registry import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENTRY, COMMAND = ["/docker-entrypoint.sh"], ["nginx", "-g", "daemon off;"]
IDENTITY_TOKEN = "an-identity-token"


class Docker:
    """A Docker configuration folder, and a folder with credential helpers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "docker"
        self.folder.mkdir()
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.calls = folder / "helper-calls"

    def config(self, **document: object) -> None:
        (self.folder / "config.json").write_text(json.dumps(document))

    def login(self, host: str, user: str = USER, password: str = PASSWORD) -> None:
        self.config(auths={host: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}})

    def helper(self, name: str, answers: Mapping[str, tuple[str, str]]) -> None:
        """Write ``docker-credential-NAME``, which knows these servers, as Docker's own helpers answer."""
        program = self.programs / f"docker-credential-{name}"
        program.write_text(
            f"""#!{sys.executable}
import json, sys
server = sys.stdin.read().strip()
with open({str(self.calls)!r}, "a") as calls:
    print(*sys.argv[1:], server, file=calls)
answers = {dict(answers)!r}
if server not in answers:
    print("credentials not found in native keychain")
    sys.exit(1)
user, secret = answers[server]
print(json.dumps({{"ServerURL": server, "Username": user, "Secret": secret}}))
"""
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)


class NoWaiting:
    """A clock that a sleeper moves on."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._ahead = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._ahead += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: time.monotonic() + self._ahead, lambda: 1_800_000_000.0 + self._ahead, self.sleep)


def need(
    image: str, *, architecture: str = "X86_64", secret: str | None = None, container: str = "web"
) -> ImageNeed:
    return ImageNeed(container, "$.containerDefinitions[0].image", image, architecture, secret)


def find(image: str, options: Options, *, architecture: str = "X86_64", secret: str | None = None) -> Found:
    (found,) = resolve([need(image, architecture=architecture, secret=secret)], options=options)
    return found


def known(found: Found) -> ImageConfig:
    assert found.config, error_text(found)
    assert found.error is None
    return found.config


def error_text(found: Found) -> str:
    """Everything that a user would read."""
    assert found.config is None
    assert found.error
    error = found.error
    return "\n".join(filter(None, (error.message, error.where, error.why, error.fix)))

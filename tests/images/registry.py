"""A real registry on loopback (Debian's docker-registry), and images pushed to it over its own API."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / ".registry" / "root" / "usr" / "bin" / "docker-registry"

USER, PASSWORD = "puller", "s3cret-pull"
HTPASSWD = f"{USER}:$2y$04$abcdefghijklmnopqrstuuNr99fprRU/ZoWbzc1bhhKn0rAgjkfK.\n"

DOCKER = "application/vnd.docker"
OCI = "application/vnd.oci.image"
TYPES = {
    "docker": (
        f"{DOCKER}.distribution.manifest.v2+json",
        f"{DOCKER}.container.image.v1+json",
        f"{DOCKER}.distribution.manifest.list.v2+json",
    ),
    "oci": (f"{OCI}.manifest.v1+json", f"{OCI}.config.v1+json", f"{OCI}.index.v1+json"),
}


def registry_program() -> str:
    """The program: installed, or unpacked by the Makefile."""
    installed = shutil.which("docker-registry")
    if installed:
        return installed
    if not UNPACKED.exists():
        with (ROOT / "Makefile").open() as lock:  # tests may run in several processes
            fcntl.flock(lock, fcntl.LOCK_EX)
            subprocess.run(["make", "--silent", ".registry/installed"], cwd=ROOT, check=True)
    return str(UNPACKED)


@dataclass
class DockerRegistry:
    """One running registry; several may share a storage folder."""

    folder: Path
    storage: Path
    auth: dict[str, Any] = field(default_factory=dict)
    host: str = ""

    def __enter__(self) -> DockerRegistry:
        self.folder.mkdir(parents=True)
        config = {
            "version": 0.1,
            "log": {"accesslog": {"disabled": True}, "level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}},
            "http": {"addr": "127.0.0.1:0"},
            **({"auth": self.auth} if self.auth else {}),
        }
        (self.folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
        log = self.folder / "log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [registry_program(), "serve", str(self.folder / "config.yml")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"OTEL_TRACES_EXPORTER": "none"},
            )
        try:
            wait_until(
                lambda: self.process.poll() is not None or b"listening on" in log.read_bytes(),
                "the registry listens",
            )
            listening = re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())
            assert listening, log.read_text()
        except BaseException:
            self.__exit__()
            raise
        self.host = listening.group(1)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Pusher:
    """Pushes small images."""

    host: str

    def blob(self, repository: str, content: bytes) -> str:
        started = requests.post(f"http://{self.host}/v2/{repository}/blobs/uploads/", timeout=10)
        assert started.status_code == 202, started.text
        done = requests.put(
            started.headers["Location"], params={"digest": digest_of(content)}, data=content, timeout=10
        )
        assert done.status_code == 201, done.text
        return digest_of(content)

    def manifest(self, repository: str, tag: str | None, document: object, media_type: str) -> str:
        content = json.dumps(document).encode()
        name = tag or digest_of(content)
        done = requests.put(
            f"http://{self.host}/v2/{repository}/manifests/{name}",
            data=content,
            headers={"Content-Type": media_type},
            timeout=10,
        )
        assert done.status_code == 201, done.text
        return digest_of(content)

    def image(
        self,
        repository: str,
        config: dict[str, Any] | None,
        *,
        tag: str | None = "1",
        kind: str = "docker",
        platform: str = "linux/amd64",
        config_type: str | None = None,
    ) -> str:
        """Push an image without layers, and return its digest."""
        os, architecture, *variant = platform.split("/")
        content: dict[str, Any] = {"os": os, "architecture": architecture, "rootfs": {"type": "layers"}}
        content |= {"variant": variant[0]} if variant else {}
        content |= {"config": config} if config is not None else {}
        body = json.dumps(content).encode()
        manifest_type, default_config_type, _ = TYPES[kind]
        document = {
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": {
                "mediaType": config_type or default_config_type,
                "size": len(body),
                "digest": self.blob(repository, body),
            },
            "layers": [],
        }
        return self.manifest(repository, tag, document, manifest_type)

    def index(
        self, repository: str, entries: Sequence[tuple[str | None, str]], *, tag: str = "1", kind: str = "oci"
    ) -> str:
        """Push a list of manifests, given as (platform, digest), and return its digest."""
        manifest_type, _, index_type = TYPES[kind]
        manifests = []
        for platform, digest in entries:
            entry: dict[str, Any] = {"mediaType": manifest_type, "size": 1, "digest": digest}
            if platform:
                os, architecture, *variant = platform.split("/")
                entry["platform"] = {"os": os, "architecture": architecture}
                entry["platform"] |= {"variant": variant[0]} if variant else {}
            manifests.append(entry)
        document = {"schemaVersion": 2, "mediaType": index_type, "manifests": manifests}
        return self.manifest(repository, tag, document, index_type)

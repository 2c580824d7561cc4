"""Where the AWS provider comes from: what the user configured, the registry, or a mirror folder on this machine.

A user's own ``provider_installation`` and Terraform's implied local mirrors are obeyed by Terraform itself;
nothing is added to them. Otherwise the registry is used when it answers. Without network Terraform's own attempts
may take half a minute, so a connection to the registry is tried first; when it cannot be made, a mirror folder is
looked for and named with ``init -plugin-dir``. The dependency lock file records the same package hash either way,
and stays usable.

https://developer.hashicorp.com/terraform/cli/config/config-file#provider-installation
"""

from __future__ import annotations

import platform
import re
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fargate_guard.terraform.engine import Engine, Product

Connect = Callable[[str, int], bool]
"""Whether a TCP connection to a host and port can be made."""

PROVIDER = "hashicorp/aws"
REGISTRIES: Mapping[Product, str] = {"terraform": "registry.terraform.io", "tofu": "registry.opentofu.org"}
SEARCH_ROOTS = (Path("/opt"), Path("/usr/local/share"))
"""Where mirrors that nobody configured are looked for, up to :data:`SEARCH_DEPTH` folders down."""
SEARCH_DEPTH = 2
CONNECT_TIMEOUT = 3.0
"""Seconds for name resolution and connection together."""

_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\w/\"])(?:#|//)[^\n]*", re.DOTALL)
_METHOD = re.compile(r"\b(filesystem_mirror|network_mirror|direct|dev_overrides)\s*\{")
_MIRROR_PATH = re.compile(r"\bfilesystem_mirror\s*\{[^}]*?\bpath\s*=\s*\"([^\"]+)\"", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ProviderSource:
    """Where ``init`` will find the AWS provider."""

    kind: Literal["configured", "implied mirror", "registry", "mirror", "unavailable"]
    place: str
    """A folder, a file or a host name."""
    plugin_dir: Path | None = None
    """For ``Driver.init(plugin_dir=…)``; None lets Terraform follow its own rules."""


def find_provider_source(
    engine: Engine,
    environ: Mapping[str, str],
    *,
    working_dir: Path,
    connect: Connect | None = None,
    roots: Sequence[Path] = SEARCH_ROOTS,
) -> ProviderSource:
    """Decide where the AWS provider comes from.

    :param environ: for HOME, TF_CLI_CONFIG_FILE, XDG_* and the proxy variables.
    :param connect: asked only when the answer matters.
    :param roots: where to look for mirrors that nobody configured.
    """
    registry = REGISTRIES[engine.product]
    online = _Once(lambda: _registry_answers(registry, environ, connect or can_connect))
    config = _cli_config(engine.product, environ)
    methods, mirrors = _installation(config)
    if methods:
        mirror = _first_mirror(mirrors, registry) if "direct" in methods and not online() else None
        return ProviderSource("configured", str(config), mirror)
    implied = _first_mirror(_implied_mirrors(environ, working_dir), registry)
    if implied is not None:
        return ProviderSource("implied mirror", str(implied))
    if online():
        return ProviderSource("registry", registry)
    mirror = _first_mirror(_folders_below(roots), registry)
    if mirror is not None:
        return ProviderSource("mirror", str(mirror), mirror)
    return ProviderSource("unavailable", registry)


def describe_provider_source(source: ProviderSource) -> str:
    """One sentence for ``fguard doctor``."""
    return {
        "configured": f"as {source.place} says (provider_installation)"
        + (f", from {source.plugin_dir}, since the registry does not answer" if source.plugin_dir else ""),
        "implied mirror": f"from {source.place}, a folder that Terraform searches by itself",
        "registry": f"from {source.place}",
        "mirror": f"from the mirror {source.place}, since the registry does not answer",
        "unavailable": f"{source.place} does not answer and no mirror folder was found",
    }[source.kind]


def can_connect(host: str, port: int) -> bool:
    """Whether a TCP connection can be made within :data:`CONNECT_TIMEOUT`, name resolution included."""
    connected = threading.Event()

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=CONNECT_TIMEOUT).close()
        except OSError:
            return
        connected.set()

    thread = threading.Thread(target=attempt, name="registry-probe", daemon=True)
    thread.start()
    thread.join(CONNECT_TIMEOUT)
    return connected.is_set()


class _Once:
    """Asks at most once."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask = ask
        self._answer: bool | None = None

    def __call__(self) -> bool:
        if self._answer is None:
            self._answer = self._ask()
        return self._answer


def _registry_answers(registry: str, environ: Mapping[str, str], connect: Connect) -> bool:
    proxy = environ.get("HTTPS_PROXY") or environ.get("https_proxy")
    if not proxy:
        return connect(registry, 443)
    # Behind a proxy the registry's own name need not even resolve.
    address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return connect(address.hostname or proxy, address.port or (443 if address.scheme == "https" else 80))


def _cli_config(product: Product, environ: Mapping[str, str]) -> Path | None:
    """The CLI configuration file that Terraform would read."""
    named = environ.get("TF_CLI_CONFIG_FILE")
    home = Path(environ.get("HOME", "/nonexistent"))
    candidates = [home / ".tofurc"] if product == "tofu" else []
    candidates.append(home / ".terraformrc")
    if named and Path(named).is_file():
        return Path(named)
    return next((path for path in candidates if path.is_file()), None)


def _installation(config: Path | None) -> tuple[frozenset[str], tuple[Path, ...]]:
    """The methods and mirror folders of a ``provider_installation`` block, read leniently."""
    if config is None:
        return frozenset(), ()
    try:
        text = _COMMENT.sub("", config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return frozenset(), ()
    _, found, block = text.partition("provider_installation")
    if not found:
        return frozenset(), ()
    return frozenset(_METHOD.findall(block)), tuple(
        Path(path).expanduser() for path in _MIRROR_PATH.findall(block)
    )


def _implied_mirrors(environ: Mapping[str, str], working_dir: Path) -> Iterator[Path]:
    """The folders that Terraform searches by itself.

    https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
    """
    home = Path(environ.get("HOME", "/nonexistent"))
    yield working_dir / "terraform.d" / "plugins"
    yield home / ".terraform.d" / "plugins"
    if sys.platform == "darwin":
        yield home / "Library/Application Support/io.terraform/plugins"
        yield Path("/Library/Application Support/io.terraform/plugins")
        return
    data_home = environ.get("XDG_DATA_HOME") or str(home / ".local" / "share")
    data_dirs = environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    for folder in (data_home, *data_dirs.split(":")):
        yield Path(folder) / "terraform" / "plugins"


def _first_mirror(folders: Iterable[Path], registry: str) -> Path | None:
    return next((folder for folder in folders if _has_provider(folder / registry / PROVIDER)), None)


def _has_provider(folder: Path) -> bool:
    """Whether a mirror has the provider for this machine, unpacked or as a zip file."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    target = f"{platform.system().lower()}_{machine}"
    try:
        return any(folder.glob(f"*/{target}")) or any(folder.glob(f"*_{target}.zip"))
    except OSError:
        return False


def _folders_below(roots: Sequence[Path]) -> Iterator[Path]:
    """The roots and the folders below them, nearest first."""
    level = list(roots)
    for depth in range(SEARCH_DEPTH + 1):
        yield from level
        if depth < SEARCH_DEPTH:
            level = [child for folder in level for child in _subfolders(folder)]


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir())
    except OSError:
        return []

"""Where the AWS provider comes from, with and without network."""

from __future__ import annotations

import platform
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from fargate_guard.terraform.engine import Engine
from fargate_guard.terraform.providers import describe_provider_source, find_provider_source
from tests.terraform_driver.driver_harness import clean_environ

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fargate_guard.terraform.driver import Driver
    from fargate_guard.terraform.providers import ProviderSource

TERRAFORM = Engine(("terraform",), "1.11.4", "terraform", "path")
TOFU = Engine(("tofu",), "1.9.0", "tofu", "path")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
MACHINE = f"{platform.system().lower()}_{ARCHITECTURE}"

MIRROR_AND_DIRECT = """
# provider_installation { direct {} }
provider_installation {
  filesystem_mirror {
    path    = "FOLDER" // here
    include = ["*/*/*"]
  }
  direct {}
}
"""

NEEDS_AWS = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
"""


def mirror(folder: Path, *, registry: str = "registry.terraform.io", machine: str = MACHINE) -> Path:
    """A mirror folder with a provider that ``init`` accepts; nothing ever starts it."""
    binary = folder / registry / "hashicorp/aws/5.100.0" / machine / "terraform-provider-aws_v5.100.0_x5"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\nexit 1\n")
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def find(home: Path, tmp_path: Path) -> Callable[..., ProviderSource]:
    """``find(online=False)``: on a machine with nothing but what the test made below ``tmp_path``."""

    def look(
        *,
        online: bool,
        engine: Engine = TERRAFORM,
        environ: dict[str, str] | None = None,
        asked: list[str] | None = None,
    ) -> ProviderSource:
        def connect(host: str, port: int) -> bool:
            if asked is not None:
                asked.append(f"{host}:{port}")
            return online

        return find_provider_source(
            engine,
            {"HOME": str(home), "XDG_DATA_DIRS": str(tmp_path / "share"), **(environ or {})},
            working_dir=tmp_path / "module",
            connect=connect,
            roots=[tmp_path / "opt"],
        )

    return look


def test_registry_when_it_answers_even_where_there_is_a_mirror(
    find: Callable[..., ProviderSource], tmp_path: Path
) -> None:
    mirror(tmp_path / "opt/terraform")

    source = find(online=True)

    assert (source.kind, source.place, source.plugin_dir) == ("registry", "registry.terraform.io", None)
    assert describe_provider_source(source) == "from registry.terraform.io"


@pytest.mark.parametrize("place", ["opt", "opt/terraform", "opt/terraform/plugins"])
def test_mirror_up_to_two_levels_down_when_the_registry_does_not_answer(
    find: Callable[..., ProviderSource], tmp_path: Path, place: str
) -> None:
    mirror(tmp_path / place)

    source = find(online=False)

    assert (source.kind, source.plugin_dir) == ("mirror", tmp_path / place)
    assert "since the registry does not answer" in describe_provider_source(source)


@pytest.mark.parametrize("broken", ["three levels", "another machine", "nothing"])
def test_nothing_usable_is_said(find: Callable[..., ProviderSource], tmp_path: Path, broken: str) -> None:
    if broken == "three levels":
        mirror(tmp_path / "opt/a/b/c")
    if broken == "another machine":
        mirror(tmp_path / "opt", machine="plan9_mips")

    source = find(online=False)

    assert (source.kind, source.plugin_dir) == ("unavailable", None)
    assert describe_provider_source(source) == (
        "registry.terraform.io does not answer and no mirror folder was found"
    )


@pytest.mark.parametrize(
    "place",
    [
        "home/.terraform.d/plugins",
        "module/terraform.d/plugins",
        "share/terraform/plugins",
        "home/.local/share/terraform/plugins",
    ],
)
def test_implied_mirrors_are_left_to_terraform(
    find: Callable[..., ProviderSource], tmp_path: Path, place: str
) -> None:
    mirror(tmp_path / place)
    asked: list[str] = []

    source = find(online=False, asked=asked)

    assert (source.kind, source.place, source.plugin_dir) == ("implied mirror", str(tmp_path / place), None)
    assert asked == [], "the registry need not be asked"


def test_what_the_user_configured_is_left_to_terraform(
    find: Callable[..., ProviderSource], home: Path, tmp_path: Path
) -> None:
    (home / ".terraformrc").write_text('provider_installation {\n  network_mirror { url = "https://m/" }\n}\n')
    mirror(tmp_path / "opt")

    source = find(online=False)

    assert (source.kind, source.place, source.plugin_dir) == ("configured", str(home / ".terraformrc"), None)


def test_configured_mirror_helps_out_when_direct_installation_cannot_work(
    find: Callable[..., ProviderSource], home: Path, tmp_path: Path
) -> None:
    config = home / "my.tfrc"
    config.write_text(MIRROR_AND_DIRECT.replace("FOLDER", str(mirror(tmp_path / "mine"))))
    environ = {"TF_CLI_CONFIG_FILE": str(config)}

    assert find(online=False, environ=environ).plugin_dir == tmp_path / "mine"
    assert find(online=True, environ=environ).plugin_dir is None


def test_commented_and_missing_configuration_is_none(find: Callable[..., ProviderSource], home: Path) -> None:
    (home / ".terraformrc").write_text('/* provider_installation { direct {} } */\nplugin_cache_dir = "/x"\n')

    assert find(online=True).kind == "registry"
    assert find(online=True, environ={"TF_CLI_CONFIG_FILE": "/nonexistent"}).kind == "registry"


def test_opentofu_has_its_own_registry_and_configuration(
    find: Callable[..., ProviderSource], home: Path, tmp_path: Path
) -> None:
    mirror(tmp_path / "opt/a")
    mirror(tmp_path / "opt/b", registry="registry.opentofu.org")

    assert find(online=False, engine=TOFU).plugin_dir == tmp_path / "opt/b"
    (home / ".tofurc").write_text("provider_installation {\n  direct {}\n}\n")
    assert find(online=True, engine=TOFU).place == str(home / ".tofurc")


@pytest.mark.parametrize(
    ("proxy", "asked_for"),
    [
        ("http://proxy.example:3128", "proxy.example:3128"),
        ("proxy.example:3128", "proxy.example:3128"),
        ("https://proxy.example", "proxy.example:443"),
        ("", "registry.terraform.io:443"),
    ],
)
def test_behind_a_proxy_the_proxy_is_asked(
    find: Callable[..., ProviderSource], proxy: str, asked_for: str
) -> None:
    asked: list[str] = []

    find(online=True, environ={"HTTPS_PROXY": proxy}, asked=asked)

    assert asked == [asked_for]


def test_lock_file_made_with_a_mirror_serves_every_other_way_too(
    open_driver: Callable[..., Driver], module: Path, tmp_path: Path
) -> None:
    (module / "main.tf").write_text(NEEDS_AWS)
    first, second = mirror(tmp_path / "first"), mirror(tmp_path / "second")
    open_driver().init(plugin_dir=first)
    locked = (module / ".terraform.lock.hcl").read_text()
    assert 'provider "registry.terraform.io/hashicorp/aws"' in locked

    shutil.rmtree(module / ".terraform")

    config = tmp_path / "my.tfrc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{second}"\n  }}\n}}\n')
    open_driver(environ={**clean_environ(), "TF_CLI_CONFIG_FILE": str(config)}).init()

    assert (module / ".terraform.lock.hcl").read_text() == locked
    installed = next((module / ".terraform/providers").rglob(MACHINE))
    assert installed.readlink().is_relative_to(second)

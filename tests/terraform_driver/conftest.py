from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from fargate_guard.terraform.driver import Driver
from fargate_guard.terraform.engine import Engine, find_engine
from tests.terraform_driver.driver_harness import SECONDS_FILE, clean_environ, engines_here, slow_for, write_chain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fargate_guard.terraform.events import Event

ENGINES = engines_here()


@pytest.fixture(params=ENGINES, ids=lambda name: "embedded" if name == "embedded" else "binary")
def engine_name(request: pytest.FixtureRequest) -> str:
    """Every engine of this machine in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine that fguard would choose here: the binary, and where there is none the embedded one."""
    return find_engine(None, os.environ)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """An empty root module."""
    folder = tmp_path / "module"
    folder.mkdir()
    return folder


@pytest.fixture
def open_driver(engine: Engine, module: Path) -> Callable[..., Driver]:
    """Makes a driver on ``module``; keyword arguments override."""

    def make(**options: object) -> Driver:
        arguments: dict[str, object] = {
            "engine": engine,
            "environ": clean_environ(),
            "run_log_dir": module / "logs",
        }
        return Driver(module, **{**arguments, **options})  # type: ignore[arg-type]

    return make


@pytest.fixture
def events() -> list[Event]:
    """Where an observer may put events: ``open_driver(observer=events.append)``."""
    return []


@pytest.fixture(scope="session")
def deployed_chain(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain of five resources, deployed, the middle one to be destroyed slowly: to be copied, not used."""
    folder = write_chain(tmp_path_factory.mktemp("deployed") / "module", destroy=SECONDS_FILE)
    slow_for(folder, 0)
    driver = Driver(folder, engine=engine, environ=clean_environ(), run_log_dir=folder / "logs")
    driver.apply(driver.plan(folder / "saved.tfplan").path)
    shutil.rmtree(folder / "logs")
    return folder

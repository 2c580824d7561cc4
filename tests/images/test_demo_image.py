"""The demo workload's image: pinned at the deploy on request, named by hand, and told where its tag may move."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from fargate_guard.aws.session import Aws
from fargate_guard.cli.main import app
from fargate_guard.deployment import DeploymentFolder
from fargate_guard.errors import PreflightError
from fargate_guard.workflows.demo_workload import with_demo_workload
from fargate_guard.workflows.module import instrumented_workloads
from tests.detect.hand_made import context_of
from tests.verify.test_verification_workflow import heard

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.workflows.context import Context
    from tests.images.registry import DockerRegistry, Pusher

KEY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sysdig-AbCdEf"
DIGEST = "example/writer@sha256:" + "0" * 64


@pytest.fixture
def context(tmp_path: Path) -> Context:
    made = context_of(Aws(region="us-east-1"))
    folder = DeploymentFolder.of(tmp_path / "fguard.yaml", "direct")
    environ = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return replace(made, folder=folder, environ=environ, config=agent(made, opt_in=False))


def agent(context: Context, **change: Any) -> Any:
    return context.config.model_copy(update={"agent": context.config.agent.model_copy(update=change)})


def image_of(context: Context) -> str:
    """What the deploy would write."""
    (demo,) = instrumented_workloads(context, KEY)
    return str(demo.definition["containerDefinitions"][0]["image"])


def test_it_is_pinned_to_what_the_registry_has_at_the_deploy(
    context: Context, registry: DockerRegistry, push: Pusher
) -> None:
    digest = push.image("team/writer", {"Entrypoint": ["/usr/bin/demo-writer-c"]})
    pinning = replace(context, config=agent(context, pin_digests=True))
    with_demo = with_demo_workload(pinning, wanted=True, image=f"{registry.host}/team/writer:1")
    assert image_of(with_demo).endswith(f"/team/writer@{digest}")
    assert not [line for line in heard(context) if "whatever that tag names" in line]


def test_it_is_not_deployed_unpinned_where_it_was_to_be_pinned(context: Context, registry: DockerRegistry) -> None:
    pinning = replace(context, config=agent(context, pin_digests=True))
    with_demo = with_demo_workload(pinning, wanted=True, image=f"{registry.host}/team/nowhere:1")
    with pytest.raises(PreflightError):
        instrumented_workloads(with_demo, KEY)


def test_without_pinning_it_is_said_that_the_tag_may_move(context: Context) -> None:
    assert image_of(with_demo_workload(context, wanted=True)) == "sysdiglabs/writer-to-bin:latest"
    (said,) = (line for line in heard(context) if "whatever that tag names" in line)
    assert "agent.pin_digests: true" in said
    assert "--demo-image" in said


def test_a_copy_by_digest_needs_no_word(context: Context) -> None:
    assert image_of(with_demo_workload(context, wanted=True, image=DIGEST)) == DIGEST
    assert not [line for line in heard(context) if "whatever that tag names" in line]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("plan", "--demo-image", "x"), "--demo-image is the image of --with-demo-workload"),
        (("deploy", "--demo-image", "x", "--yes"), "--demo-image is the image of --with-demo-workload"),
        (
            ("plan", "--method", "cloudformation", "--template", "app.yaml", "--with-demo-workload"),
            "the demo workload belongs to the deployment of fguard.yaml",
        ),
        (
            ("deploy", "--method", "cloudformation", "--stack-set", "--with-demo-workload", "--yes"),
            "the demo workload belongs to the deployment of fguard.yaml",
        ),
    ],
)
def test_its_flags_are_refused_where_they_would_do_nothing(
    arguments: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "name: direct\naws: {region: us-east-1}\nsysdig: {region: us1, access_key: {env: SYSDIG_ACCESS_KEY}}\n"
    (tmp_path / "fguard.yaml").write_text(text)
    refused = CliRunner().invoke(app, list(arguments))
    assert refused.exit_code == 64, refused.stderr
    assert says in refused.stderr

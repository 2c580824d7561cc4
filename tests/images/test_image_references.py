"""Docker's grammar of references."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fargate_guard.images import Options, resolve
from fargate_guard.images.reference import Reference, ReferenceFault, read_reference
from tests.images.looking_up import error_text, find, need

DIGEST = "sha256:" + "ab" * 32
quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("nginx", Reference("docker.io", "library/nginx", "latest", None)),
        ("nginx:1.27-alpine", Reference("docker.io", "library/nginx", "1.27-alpine", None)),
        ("team/web", Reference("docker.io", "team/web", "latest", None)),
        ("docker.io/nginx", Reference("docker.io", "library/nginx", "latest", None)),
        ("index.docker.io/team/web:1", Reference("docker.io", "team/web", "1", None)),
        ("localhost/web", Reference("localhost", "web", "latest", None)),
        ("localhost:5000/web:1", Reference("localhost:5000", "web", "1", None)),
        ("web:5000/x", Reference("web:5000", "x", "latest", None)),
        ("Host/web", Reference("Host", "web", "latest", None)),
        ("[::1]:5000/web", Reference("[::1]:5000", "web", "latest", None)),
        ("ghcr.io/a/b/c:1", Reference("ghcr.io", "a/b/c", "1", None)),
        ("public.ecr.aws/docker/library/nginx:1", Reference("public.ecr.aws", "docker/library/nginx", "1", None)),
        (f"nginx@{DIGEST}", Reference("docker.io", "library/nginx", None, DIGEST)),
        (f"quay.io/a/b:1@{DIGEST}", Reference("quay.io", "a/b", "1", DIGEST)),
        ("a__b--c_d/e.f", Reference("docker.io", "a__b--c_d/e.f", "latest", None)),
    ],
)
def test_references_are_read_as_docker_reads_them(text: str, reference: Reference) -> None:
    assert read_reference(text) == reference


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Nginx", "upper-case"),
        ("team/Web", "upper-case"),
        ("a//b", "repository name"),
        ("a/b/", "repository name"),
        ("a___b", "repository name"),
        ("nginx:", "tag"),
        ("nginx:-1", "tag"),
        (f"nginx:{'1' * 129}", "tag"),
        ("nginx@", "digest"),
        ("nginx@sha256:abc", "digest"),
        ("nginx@md5:" + "a" * 32, "digest"),
        ("-bad.example/x", "host"),
        ("bad..example/x", "host"),
        ("a.example:70000/x", "port"),
        (f"{'a' * 64}.example/x", "host"),
        ("https://ghcr.io/x", "host"),
        (f"a.example/{'x' * 250}", "255"),
        ("nginx\n", "repository name"),
        ("Nginx\n", "see Docker's rules"),
        ("<IMAGE1_NAME>", "^<IMAGE1_NAME> stands for"),
        ("ghcr.io/team/web:${TAG}", r"^\$\{TAG\} stands for"),
        ("{{ .Values.image }}:1", "^{{ .Values.image }} stands for"),
    ],
)
def test_what_is_wrong_is_said(text: str, fault: str) -> None:
    with pytest.raises(ReferenceFault, match=fault):
        read_reference(text)


@quick
@given(st.text(st.sampled_from("aZ9._-/:@[]% \n") | st.characters(codec="utf-8"), max_size=40))
def test_no_text_is_a_surprise(text: str) -> None:
    with contextlib.suppress(ReferenceFault):
        reference = read_reference(text)
        assert reference.tag or reference.digest
        assert read_reference(f"{reference.short_name}:1").repository == reference.repository
    (found,) = resolve([need(text)], options=Options(offline=True))
    assert error_text(found)


@pytest.mark.parametrize("image", ["localhost:0/x:1", "127.0.0.1:0/x:1", "[::1]:1/x:1", "localhost:65535/x:1"])
def test_hosts_where_nobody_can_listen_are_errors(options: Options, image: str) -> None:
    assert "the registry cannot be reached" in error_text(find(image, options))

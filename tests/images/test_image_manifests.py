"""Whatever a registry answers, it is understood or refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fargate_guard.images.errors import Problem
from fargate_guard.images.manifest import (
    CONFIG_TYPES,
    MANIFEST_TYPES,
    Index,
    choose,
    read_config,
    read_manifest,
)
from tests.images.registry import digest_of

FIELDS = (
    *("manifests", "config", "digest", "mediaType", "schemaVersion"),
    *("platform", "os", "architecture", "variant", "Cmd", "Entrypoint"),
)
LEAVES = st.sampled_from(
    [None, True, 1, "", "linux", "amd64", "arm64", "v8", digest_of(b""), *MANIFEST_TYPES, *CONFIG_TYPES, "\ud800"]
)
ANSWERS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6)
)
quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(ANSWERS, st.sampled_from([*MANIFEST_TYPES, "text/html", ""]))
def test_no_manifest_is_a_surprise(answer: object, media_type: str) -> None:
    read_or_refused(answer, media_type)


@pytest.mark.long
@long
@given(ANSWERS, st.sampled_from([*MANIFEST_TYPES, "text/html", ""]))
def test_no_manifest_is_a_surprise_in_ten_thousand(answer: object, media_type: str) -> None:
    read_or_refused(answer, media_type)


def read_or_refused(answer: object, media_type: str) -> None:
    with contextlib.suppress(Problem):
        manifest = read_manifest(json.dumps(answer).encode(), media_type)
        if isinstance(manifest, Index):
            assert choose(manifest, "arm64") in {digest for _, digest in manifest.images}


@quick
@given(ANSWERS)
def test_no_configuration_is_a_surprise(answer: object) -> None:
    for document in (answer, {"config": answer}):
        with contextlib.suppress(Problem):
            runs = read_config(json.dumps(document).encode(), "amd64")
            " ".join((*runs.entry_point, *runs.command)).encode()


@quick
@given(st.binary(max_size=50))
def test_no_bytes_are_a_surprise(content: bytes) -> None:
    for read in (read_manifest, read_config):
        with contextlib.suppress(Problem):
            read(content, "amd64")

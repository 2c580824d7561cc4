"""``docs/checks.md`` is generated: ``python -m fargate_guard.verify.checks_document > docs/checks.md``."""

from __future__ import annotations

from pathlib import Path

from fargate_guard.verify.checks import CHECKS
from fargate_guard.verify.checks_document import checks_document

DOCUMENT = Path(__file__).parents[2] / "docs" / "checks.md"


def test_the_document_is_what_the_registry_says() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == checks_document(), (
        "run: python -m fargate_guard.verify.checks_document > docs/checks.md"
    )


def test_it_names_every_check_with_its_reason() -> None:
    text = checks_document()
    assert len(CHECKS) >= 30
    for check in CHECKS:
        assert f"`{check.id}`" in text
        assert check.docs.startswith("https://")
        assert check.look.__doc__

"""The registry of the tests of images, for the macro's own way to it."""

from __future__ import annotations

from tests.images.conftest import (  # noqa: F401 - fixtures
    _no_settings_of_the_developer,
    certificate,
    front,
    locked_registry,
    nginx,
    push,
    registry,
    storage,
    token_registry,
    token_server,
)

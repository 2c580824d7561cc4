"""What an image's own ENTRYPOINT and CMD are, from its registry.

:func:`resolve` asks the registries' v2 API (with oras) and keeps what it finds by digest. Nothing of the network
is imported before an image has to be looked up.
"""

from fargate_guard.images.errors import ImageError
from fargate_guard.images.options import Clock, Found, Options
from fargate_guard.images.resolving import resolve

__all__ = ["Clock", "Found", "ImageError", "Options", "resolve"]

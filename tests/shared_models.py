"""botocore's descriptions of AWS's services, read once per process instead of once per session."""

from __future__ import annotations

import functools

from botocore.loaders import Loader, create_loader


class _Folders(list[str]):
    """Where to look: every session of boto3 appends the same folder."""

    def append(self, folder: str) -> None:
        if folder not in self:
            super().append(folder)


@functools.cache
def shared_loader(search_path_string: str | None = None) -> Loader:
    """One loader for all sessions; to be put in place before ``botocore.session`` is imported."""
    loader: Loader = create_loader(search_path_string)
    loader._search_paths = _Folders(loader.search_paths)
    return loader

"""JSON and YAML: found from the content, read, and written back with only the differences edited in."""

from fargate_guard.formats.source import Source, Syntax, read_source

__all__ = ["Source", "Syntax", "read_source"]

"""``fguard.yaml``: one typed model, read with the position of every mistake."""

from fargate_guard.config.load import load_config, parse_config
from fargate_guard.config.model import Config

__all__ = ["Config", "load_config", "parse_config"]

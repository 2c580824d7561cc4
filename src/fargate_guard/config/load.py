"""Reading ``fguard.yaml``: every mistake is told with file, line and path, all of them at once."""

from __future__ import annotations

import difflib
import io
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from fargate_guard.config.model import Config
from fargate_guard.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

DEFAULT_FILE = "fguard.yaml"


class ConfigError(UsageError):
    """``fguard.yaml`` is missing, is not YAML, or does not fit the model."""


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    :raises ConfigError: with a line for every mistake.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            "there is no configuration file",
            where=str(path),
            fix="write one with: fguard init   (or name it: --config PATH)",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the configuration file cannot be read", where=str(path), why=str(error)) from error
    return parse_config(text, source=str(path))


def parse_config(text: str, *, source: str = DEFAULT_FILE) -> Config:
    """Check the text of a configuration file.

    :param source: what to call the text in messages.
    :raises ConfigError: with a line for every mistake.
    """
    tree = _parse_yaml(text, source)
    if not isinstance(tree, CommentedMap):
        raise ConfigError("the configuration must be a mapping that starts with a name", where=f"{source}:1")
    try:
        return Config.model_validate(_plain(tree))
    except ValidationError as invalid:
        problems = sorted((_line(tree, error["loc"]), _describe(error)) for error in invalid.errors())
    first_line, _ = problems[0]
    raise ConfigError(
        "the configuration is not valid"
        if len(problems) == 1
        else f"the configuration has {len(problems)} mistakes",
        where=f"{source}:{first_line}",
        why="\n".join(f"line {line}: {text}" for line, text in problems),
        fix=f"edit {source}, then look at it again with: fguard render",
    )


def _parse_yaml(text: str, source: str) -> Any:
    try:
        return YAML(typ="rt").load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise ConfigError("the file is not valid YAML", where=place, why=error.problem or str(error)) from error
    except YAMLError as error:
        raise ConfigError("the file is not valid YAML", where=source, why=str(error)) from error


def _plain(node: Any) -> Any:
    if isinstance(node, CommentedMap):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for scalar in (str, int, float):
        if isinstance(node, scalar):
            return scalar(node)
    return node


def _line(tree: CommentedMap, location: tuple[int | str, ...]) -> int:
    """Return the line (from 1) of the innermost part of the path that stands in the file."""
    node: Any = tree
    line: int = 1
    for part in location:
        if isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0] + 1
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0] + 1
        else:
            break
        node = node[part]
    return line


def _describe(error: ErrorDetails) -> str:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key{_nearest_key(error['loc'])}"
    if error["type"] == "missing":
        return f"{path}: missing"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch":
        message = f"{error['input']!r} does not look like one ({error['ctx']['pattern']})"
    return f"{path}: {message}" if path else message


def _nearest_key(location: tuple[int | str, ...]) -> str:
    model: type[BaseModel] | None = Config
    for part in location[:-1]:
        if isinstance(part, str) and model is not None:
            model = _model_of(model, part)
    known = list(model.model_fields) if model else []
    near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known here: {', '.join(sorted(known))}" if known else ""


def _model_of(model: type[BaseModel], field: str) -> type[BaseModel] | None:
    annotation = model.model_fields[field].annotation if field in model.model_fields else None
    candidates = [annotation, *get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)

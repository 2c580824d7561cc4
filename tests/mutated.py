"""JSON values with a mistake in them."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st


def mutated(data: st.DataObject, value: Any, others: st.SearchStrategy[Any]) -> Any:
    """The value with something else, or nothing, in one place."""
    places: list[tuple[Any, Any]] = []

    def collect(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            collect(node[key])

    value = copy.deepcopy(value)
    collect(value)
    node, key = data.draw(st.sampled_from(places))
    if isinstance(node, dict) and data.draw(st.booleans()):
        del node[key]
    else:
        node[key] = data.draw(others)
    return value

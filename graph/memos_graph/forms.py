"""Properties as they are stored: one JSON text for all of them, whatever their names are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from memos_graph.errors import GraphCorrupt
from memos_graph.model import Property

_NONE = "{}"
_FEW = 2
_WRITER = json.JSONEncoder(sort_keys=True)


def form_of(props: Mapping[str, Property]) -> str:
    """The text for properties."""
    if not props:
        return _NONE
    return _few_form(*props, *props.values()) if len(props) <= _FEW else _WRITER.encode(dict(props))


@lru_cache(maxsize=8192, typed=True)  # typed: 1 and true are not the same
def _few_form(*given: Property) -> str:
    """The form of few properties, as those of edges, which many have: their names, then their values."""
    half = len(given) // 2
    return _WRITER.encode(dict(zip(given[:half], given[half:], strict=True)))


@lru_cache(maxsize=8192)
def props_of(form: str | None) -> Mapping[str, Property]:
    """The properties of a text, which nobody changes. Raises GraphCorrupt."""
    try:
        return MappingProxyType(json.loads(form or ""))
    except ValueError as exc:
        raise GraphCorrupt("a property in the graph is damaged: clear the graph and fill it again") from exc

"""Properties as they are stored: one JSON text for all of them, whatever their names are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from memos_graph.errors import GraphCorrupt
from memos_graph.model import Property

_NONE = "{}"


def form_of(props: Mapping[str, Property]) -> str:
    """The text for properties."""
    return json.dumps(dict(props), sort_keys=True) if props else _NONE


@lru_cache(maxsize=8192)
def props_of(form: str | None) -> Mapping[str, Property]:
    """The properties of a text, which nobody changes. Raises GraphCorrupt."""
    try:
        return MappingProxyType(json.loads(form or ""))
    except ValueError as exc:
        raise GraphCorrupt("a property in the graph is damaged: clear the graph and fill it again") from exc

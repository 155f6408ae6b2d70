"""What is noted of a memory beside its words: topics, source, credibility, sentiment, layer (long paper §5.4.1). Pure.

Predicted from the memory alone; what a user set are its tags, and nothing is predicted into those. A tag that begins
with a hyphen denies a topic: it is not predicted again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from memos_mcp.cube import MemCube, SourceClass
from memos_mcp.operation.sentiments import Sentiment, hedge_in, sentiment_of
from memos_mcp.operation.topics import topics_in

Credibility = Literal["high", "medium", "low"]
CREDIBILITIES: tuple[Credibility, ...] = get_args(Credibility)
Layer = Literal["private", "shared", "global"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
DENIED = "-"
"""How a tag begins that says what a memory is not about."""
SYSTEM = ("personal:",)
"""How tags begin that nobody set by hand."""
_TRUST: dict[SourceClass, int] = {"user": 1, "system": 1, "document": 0, "tool": 0, "assistant": 0, "web": -1}
_KEPT = 4096  # texts whose topics and sentiment are known
_MOST = 4000  # characters that are looked at


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is noted of a version of a memory.

    `tags` were set, `topics` are predicted and neither set nor `denied`; `because` says why it is as credible as that.
    """

    id: str
    version: int
    tags: tuple[str, ...]
    topics: tuple[str, ...]
    denied: tuple[str, ...]
    source_class: SourceClass
    source: str
    credibility: Credibility
    because: tuple[str, ...]
    sentiment: Sentiment
    layer: Layer


def annotated(cube: MemCube) -> Annotation:
    """All that is noted of a memory, as somebody sees it. Cost: 2 µs a word, less when it was looked at before."""
    credibility, because = credibility_of(cube)
    return Annotation(
        id=cube.id,
        version=cube.version,
        tags=tags_of(cube),
        topics=tuple(topic for topic in predicted(cube) if topic not in folded(cube.tags)),
        denied=denied_of(cube),
        source_class=cube.origin.source_class,
        source=cube.origin.source,
        credibility=credibility,
        because=because,
        sentiment=sentiment(cube),
        layer=layer_of(cube.path),
    )


def tags_of(cube: MemCube) -> tuple[str, ...]:
    """The labels that somebody set."""
    return tuple(tag for tag in cube.tags if not tag.startswith((DENIED, *SYSTEM)))


def denied_of(cube: MemCube) -> tuple[str, ...]:
    """The topics that somebody said it is not about."""
    return tuple(tag.removeprefix(DENIED) for tag in cube.tags if tag.startswith(DENIED))


def predicted(cube: MemCube) -> tuple[str, ...]:
    """The topics that its words tell, best first, without those that were denied."""
    denied = {each.casefold() for each in denied_of(cube)}
    return tuple(topic for topic in _topics(_words(cube)) if topic not in denied)


def about(cube: MemCube, topic: str) -> bool:
    """Is it about this: by a tag of that name, or as predicted?"""
    wanted = topic.casefold()
    return wanted in predicted(cube) or wanted in folded(tags_of(cube))


def credibility_of(cube: MemCube) -> tuple[Credibility, tuple[str, ...]]:
    """How far it can be relied on, by where it comes from and how it is said; not whether it is true."""
    because = [f"from a source of class {cube.origin.source_class}", *_reasons(cube)]
    if cube.quarantined:
        return "low", (*because, "it is in quarantine")
    points = _TRUST[cube.origin.source_class] + sum(_POINTS[each] for each in because if each in _POINTS)
    return ("high" if points > 0 else "low" if points < 0 else "medium"), tuple(because)


def sentiment(cube: MemCube) -> Sentiment:
    """What it sounds like."""
    return _sentiment(_words(cube))


def layer_of(path: str) -> Layer:
    """Whom a path is for: one, some, or everybody."""
    match path.partition("/")[0]:
        case "global":
            return "global"
        case "shared":
            return "shared"
        case _:
            return "private"


def folded(tags: tuple[str, ...]) -> frozenset[str]:
    """Tags as they are compared."""
    return frozenset(tag.casefold() for tag in tags)


_VOUCHED, _AGAIN, _HEDGED, _AGAINST = (
    "somebody vouched for it",
    "it was said more than once",
    "it is said with reserve",
    "it contradicts another memory",
)
_POINTS = {_VOUCHED: 1, _AGAIN: 1, _HEDGED: -1, _AGAINST: -1}


def _reasons(cube: MemCube) -> Iterator[str]:
    if cube.vouched_by:
        yield _VOUCHED
    if cube.usage.sightings > 1:
        yield _AGAIN
    if hedge_in(_words(cube)):
        yield _HEDGED
    if any(link.kind == "contradicts" for link in cube.links):
        yield _AGAINST


def _words(cube: MemCube) -> str:
    return (cube.text or cube.meaning)[:_MOST]


@lru_cache(maxsize=_KEPT)
def _topics(text: str) -> tuple[str, ...]:
    return topics_in(text)


@lru_cache(maxsize=_KEPT)
def _sentiment(text: str) -> Sentiment:
    return sentiment_of(text)

"""What becomes of memories, drawn by chance: who stores them, under which rules, and what happens to them then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from memos_mcp import Caller
from memos_mcp.cube import SourceClass
from tests.worlds import START

USERS = ("ada", "ben", "eve")
PATHS = ("user/ada", "user/ada/work", "user/ben", "shared/team", "shared/ward", "global")
WORDS = ("tea", "ferry", "violin")
SOME = st.lists(st.sampled_from((*USERS, "role:nurse", "*")), max_size=2).map(tuple)
CONTEXTS = st.lists(st.sampled_from(("app:desk", "purpose:care")), max_size=1).map(tuple)
CLASSES = st.sampled_from(("user", "web", "tool"))
FROM = ("from-web:ben", "from-web:role:nurse", "from-tool:eve")
CONDITIONS = st.lists(st.sampled_from(("app:desk", "purpose:care", *FROM)), max_size=2).map(tuple)
rules = st.fixed_dictionaries(
    {},
    optional={
        "readers": SOME,
        "writers": SOME,
        "denied": SOME,
        "contexts": CONDITIONS,
        "read_only": st.booleans(),
        "expires_at": st.sampled_from((START - timedelta(days=1), START + timedelta(days=900))),
    },
).filter(bool)
callers = st.builds(
    Caller,
    user=st.sampled_from(USERS),
    roles=st.sampled_from(((), ("nurse",))),
    context=CONTEXTS,
    scopes=st.sampled_from((("read", "write", "admin"), ("read", "write", "admin"), ("read", "write"), ("read",))),
    within=st.sampled_from(("", "", "", "shared/team")),
)
Fate = tuple[Any, ...]
fates = st.one_of(
    st.tuples(st.just("govern"), rules),
    st.tuples(st.just("govern"), rules),
    st.tuples(st.just("update"), st.sampled_from(WORDS), CLASSES),
    st.tuples(st.just("move"), st.sampled_from(("archive", "expire", "merge", "restore"))),
    st.tuples(st.sampled_from(("freeze", "hold", "quarantine", "forget", "back"))),
)


@dataclass(frozen=True)
class Told:
    """A memory, who stored it, and what happened to it then."""

    number: int
    owner: str
    path: str
    text: str
    key: str
    source: SourceClass
    fates: Sequence[Fate]

    @property
    def id(self) -> str:
        return f"memory{self.number}-1"


@st.composite
def lives(draw: st.DrawFn) -> list[Told]:
    found: list[Told] = []
    for number in range(draw(st.integers(4, 7))):
        path = draw(st.sampled_from(PATHS))
        owner = path.split("/")[1] if path.startswith("user/") else draw(st.sampled_from(USERS))
        text = f"{draw(st.sampled_from(WORDS))} number {number} of the list."
        key = draw(st.sampled_from(("", "", f"key-{number}")))
        found.append(Told(number, owner, path, text, key, draw(CLASSES), draw(st.lists(fates, max_size=3))))
    return found

"""What a program gives to a verb arrives at the server as it was given."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.client.verbs import read, written
from memos_mcp.cube import Interval
from memos_mcp.search import Turn

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
MOMENTS = st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1 < moment.year < 9999)
ENDS = st.none() | MOMENTS | st.timedeltas(timedelta(seconds=1), timedelta(days=9999))
PUTS = st.fixed_dictionaries(
    {"path": st.none() | TEXT, "key": TEXT, "data": JSON, "expires": ENDS},
    optional={"text": TEXT, "tags": st.lists(TEXT, max_size=2).map(tuple), "expect": st.none() | st.integers(0, 9)},
)
RECALLS = st.fixed_dictionaries(
    {"question": TEXT, "at": st.none() | MOMENTS | TEXT | MOMENTS.map(datetime.isoformat)},
    optional={
        "during": st.builds(Interval, start=st.none() | MOMENTS, end=st.none()),
        "turns": st.lists(st.builds(Turn, TEXT.filter(str.strip), by_user=st.booleans()), max_size=3).map(tuple),
        "explain": st.booleans(),
    },
)


def arrived(verb: str, given: dict[str, Any]) -> dict[str, Any]:
    """What the other side reads, of what was given."""
    sent = json.dumps(written(verb, given), ensure_ascii=False, allow_nan=False)
    return {name: value for name, value in read(verb, json.loads(sent)).items() if name in given}


@given(PUTS)
def test_what_is_put_arrives(given: dict[str, Any]) -> None:
    found = arrived("put", given)
    assert found == given
    assert repr(found["data"]) == repr(given["data"])


@given(RECALLS)
def test_what_is_asked_arrives(given: dict[str, Any]) -> None:
    found = arrived("recall", given)
    assert found == given
    assert type(found["at"]) is type(given["at"])


@given(JSON)
def test_what_is_remembered_arrives(content: Any) -> None:
    assert repr(arrived("remember", {"content": content})["content"]) == repr(content)

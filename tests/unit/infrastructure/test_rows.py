"""Moments, digests and the chain: what is promised to whoever reads the file in ten years."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.infrastructure.storage.rows import (
    chained,
    checksum,
    content_of,
    is_chained,
    is_sealed,
    micros,
    moment,
    sealed,
)
from memos_mcp.testing import a_cube, a_full_cube

NAME = ("a", 1, 2, 3)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_comes_back_to_the_microsecond(when: datetime) -> None:
    assert moment(micros(when)) == when


def test_moments_are_counted_in_utc() -> None:
    assert micros(datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 0


@given(st.lists(st.text() | st.integers(-(2**63), 2**63 - 1)), st.binary(max_size=3))
def test_the_chain_is_sha256_of_the_chain_before_the_digest_and_the_line_as_compact_json(
    line: list[str | int], digest: bytes
) -> None:
    told = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
    assert chained(b"before", line, digest) == hashlib.sha256(b"before" + digest + told).digest()


def test_a_digest_is_sha256_of_salt_name_and_content() -> None:
    expected = hashlib.sha256(b"salt" + b"a\0001\0002\0003\0{}\0[]").digest()
    assert sealed(b"salt", NAME, "{}", "[]") == expected
    assert is_sealed(b"salt", NAME, "{}", "[]", expected)


@pytest.mark.parametrize("salt", [b"", b"salt2", "salt", None, 7])
def test_another_salt_or_one_of_another_type_does_not_match(salt: object) -> None:
    assert not is_sealed(salt, NAME, "{}", "[]", sealed(b"salt", NAME, "{}", "[]"))


def test_no_part_of_a_version_can_take_the_place_of_another() -> None:
    names = [NAME, ("b", 1, 2, 3), ("a", 2, 2, 3), ("a", 1, 3, 3), ("a", 1, 2, 4)]
    digests = {sealed(b"s", name, payload, "c") for name in names for payload in ("p", "q")}
    assert len(digests) == 10


@pytest.mark.parametrize(
    ("previous", "digest", "line"),
    [(b"x", None, [1]), ("", None, [1]), (b"", b"", [2]), (b"", "", [1]), (b"", 1, [1]), (b"", None, [b"\xff"])],
)
def test_what_was_not_chained_does_not_match(previous: object, digest: object, line: list[int]) -> None:
    assert not is_chained(previous, line, digest, chained(b"", [1], None) if digest is None else b"")


def test_the_checksum_of_a_segment_covers_its_range() -> None:
    assert len({checksum(0, 1, b"x"), checksum(0, 2, b"x"), checksum(1, 1, b"x"), checksum(0, 1, b"y")}) == 4


def test_defaults_are_left_out_of_a_row() -> None:
    assert content_of(a_cube("tea")) == ('{"kind":"plaintext","text":"tea","data":null}', '{"origin":{}}')


def test_all_that_makes_a_version_is_in_a_row() -> None:
    cube = a_full_cube(Plaintext(text="t"))
    payload, content = content_of(cube)
    again = MemCube.model_validate(
        {
            **json.loads(content),
            "payload": json.loads(payload),
            **cube.model_dump(exclude={*json.loads(content), "payload"}),
        }
    )
    assert again == cube

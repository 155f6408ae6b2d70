"""The picture of the time to the first token is what was measured."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.common import RESULTS
from benchmarks.ttft_chart import FIGURE, WAYS, Measured, drawn, kept

SVG = "{http://www.w3.org/2000/svg}"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "answer-from-a-kv-cache.md"
SERVER = Measured.model_validate(
    {
        "benchmark": "ttft-sglang",
        "model": "<a> & b",
        "parameters": 50_000_000,
        "rows": [
            {"memory tokens": 6000, "question tokens": 170, "ms": {"warm": 250.4, "cold": 5000.0}},
            {"memory tokens": 600, "question tokens": 170, "ms": {"warm": 1200.0, "cold": 1000.0}},
        ],
    }
)


def tree(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 our own


def texts(svg: str) -> list[str]:
    return [str(each.text) for each in tree(svg).iter(f"{SVG}text")]


def test_the_committed_picture_is_what_the_results_give() -> None:
    assert FIGURE.read_text("utf-8") == drawn(kept()), "write it again: make figures"


def test_every_figure_stands_in_the_picture_as_text_with_what_is_saved() -> None:
    said = texts(drawn([SERVER]))
    assert {"5,000", "250 (\u221295%)", "1,000", "1,200 (+20%)", "SGLang, cold", "SGLang, warm"} <= set(said)
    assert said.index("600 tokens of memory, question of 170") < said.index("6,000 tokens of memory, question of 170")
    assert said[0].startswith("<a> & b, 50 M parameters")


def test_bars_are_as_long_as_what_was_measured() -> None:
    bars = list(tree(drawn([SERVER])).iter(f"{SVG}rect"))
    cold, warm = (
        float(next(bar for bar in bars[2:] if bar.get("class") == way).attrib["width"]) for way in WAYS["ttft-sglang"]
    )
    assert abs(warm / cold - 250.4 / 5000) < 0.01


def test_who_does_not_see_the_picture_is_told_all_of_it() -> None:
    results = kept()
    root = tree(drawn(results))
    named = [root.find(f"{SVG}{tag}") for tag in ("title", "desc")]
    assert root.get("role") == "img"
    assert str(root.get("aria-labelledby")).split() == [each.get("id") for each in named if each is not None]
    told = str(named[1].text if named[1] is not None else "")
    for result in results:
        for row in result.rows:
            assert all(f"{row.ms[way]:,.0f} ms" in told for way in WAYS[result.benchmark])


def test_a_result_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    assert kept(tmp_path) == []
    (tmp_path / "ttft.json").write_bytes((RESULTS / "ttft.json").read_bytes())
    assert [each.benchmark for each in kept(tmp_path)] == ["ttft"]


def test_the_page_states_what_was_measured() -> None:
    result = next(each for each in kept() if each.benchmark == "ttft")
    said = re.findall(
        r"([\d,]+) and (\d+): \u2212(\d+) % from memory, \u2212(\d+) % from disk", PAGE.read_text("utf-8")
    )
    assert said
    for memory, question, in_memory, from_disk in said:
        row = next(each for each in result.at(int(memory.replace(",", ""))) if each.question == int(question))
        saved = [round(100 * (1 - row.ms[way] / row.ms["full"])) for way in ("memory", "disk")]
        assert [int(in_memory), int(from_disk)] == saved

"""The time to the first token, drawn: `make figures` writes docs/figures/ttft.svg from what the benchmarks kept.

One picture for each cell of the grid, memories downwards and questions to the right; its bars are the ways to answer.
Cells side by side share a scale. It is drawn by hand, so that it hangs on nothing: text stays text, colours follow the
reader's light or dark, and each bar has its name and figure beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from benchmarks.common import RESULTS

FIGURE = Path(__file__).resolve().parents[1] / "docs" / "figures" / "ttft.svg"
WAYS = {
    "ttft": {
        "full": "full prefill",
        "memory": "KV in memory",
        "disk": "KV from disk",
        "composed": "joined",
    },
    "ttft-sglang": {"cold": "SGLang, cold", "warm": "SGLang, warm"},
}
_WIDTH, _NAMES, _CELL, _BAR, _LINE, _GAP = 820, 118, 234, 12, 17, 22
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 } .of { font-weight: 600 } .end { text-anchor: end }
.full, .cold { fill: #8c959f } .memory, .warm { fill: #0072b2 } .disk { fill: #009e73 } .composed { fill: #d55e00 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .full, .cold { fill: #8b949e } .memory, .warm { fill: #56b4e9 } .disk { fill: #2fc79a }
.composed { fill: #f0883e } }
"""


class Row(BaseModel):
    """A cell of the grid: milliseconds by way."""

    model_config = ConfigDict(frozen=True)

    memory: int = Field(alias="memory tokens")
    question: int = Field(alias="question tokens")
    ms: dict[str, float]


class Measured(BaseModel):
    """What a benchmark kept."""

    model_config = ConfigDict(frozen=True)

    benchmark: str
    model: str
    parameters: int
    rows: tuple[Row, ...]

    @property
    def contexts(self) -> list[int]:
        """The lengths of the memories, ascending."""
        return sorted({row.memory for row in self.rows})

    def at(self, memory: int) -> list[Row]:
        """The cells of one length, by the length of the question."""
        return sorted((row for row in self.rows if row.memory == memory), key=lambda row: row.question)


def kept(folder: Path = RESULTS) -> list[Measured]:
    """The results that are there."""
    files = [folder / f"{name}.json" for name in WAYS]
    return [Measured.model_validate_json(file.read_text("utf-8")) for file in files if file.exists()]


def drawn(results: Sequence[Measured]) -> str:
    """The picture as SVG."""
    parts, top = list[str](), _LINE
    for result in results:
        made, top = _grid(result, top)
        parts += made
    title = "Time to the first token, with memories read anew and kept as KV"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" role="img" aria-labelledby="t d">',
        f'<title id="t">{title}</title>',
        f'<desc id="d">{escape(" ".join(_told(results)))}</desc>',
        f"<style>{_STYLE}</style>",
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _told(results: Sequence[Measured]) -> Iterator[str]:
    """The figures in words, for who does not see them."""
    for result in results:
        ways = WAYS[result.benchmark]
        for memory in result.contexts:
            for row in result.at(memory):
                figures = ", ".join(f"{name} {row.ms[way]:,.0f} ms" for way, name in ways.items())
                yield f"{memory:,} tokens of memory, {row.question} of a question: {figures}."


def _grid(result: Measured, top: int) -> tuple[list[str], int]:
    """The cells of one benchmark, and where they end."""
    ways = WAYS[result.benchmark]
    size = f"{result.parameters / 1e6:,.0f} M parameters"
    parts = [_text(0, top, f"{result.model}, {size}: milliseconds to the first token", "of")]
    top += _GAP
    for memory in result.contexts:
        rows = result.at(memory)
        most = max(max(row.ms[way] for way in ways) for row in rows)
        for column, row in enumerate(rows):
            left = _NAMES + column * _CELL
            head = f"{'' if column else f'{memory:,} tokens of memory, '}question of {row.question}"
            parts.append(_text(left if column else 0, top, head))
            for at, way in enumerate(ways):
                parts += _bar(left, top + 5 + at * _LINE, way, row.ms[way], row.ms[next(iter(ways))], most)
        parts += [_text(_NAMES - 8, top + 15 + at * _LINE, name, "end") for at, name in enumerate(ways.values())]
        top += len(ways) * _LINE + 2 * _GAP - 8
    return parts, top


def _bar(left: int, top: int, way: str, ms: float, first: float, most: float) -> list[str]:
    width = round(ms / most * (_CELL - 96), 1)
    saved = f" ({ms / first - 1:+.0%})".replace("-", "\u2212") if ms != first else ""
    return [
        f'<rect class="{way}" x="{left}" y="{top}" width="{width}" height="{_BAR}" rx="2"/>',
        _text(left + width + 5, top + 10, f"{ms:,.0f}{saved}"),
    ]


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:g}" y="{y:g}">{escape(words)}</text>'


def main() -> None:
    """Write the picture."""
    FIGURE.parent.mkdir(exist_ok=True)
    FIGURE.write_text(drawn(kept()), "utf-8")


if __name__ == "__main__":
    main()

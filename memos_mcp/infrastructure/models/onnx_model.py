"""A graph and its tokenizer in memory. Needs the extra `embed`; `onnx.py` imports it when a model is first used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
    RuntimeException,
)
from onnxruntime.capi.onnxruntime_pybind11_state import (
    NotImplemented as NoSuchOperator,
)
from tokenizers import Encoding, Tokenizer

from memos_mcp.errors import Misconfigured
from memos_mcp.infrastructure.models import minilm
from memos_mcp.infrastructure.models.layout import layout
from memos_mcp.infrastructure.models.shelf import GRAPH, TOKENIZER, digests, identity, manifest
from memos_mcp.infrastructure.tokens import ASKING, GRAMMAR
from memos_mcp.models import Read

_CHARACTERS = 32  # read for each piece: even a table full of blanks has its share
_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_POOLED = "sentence_embedding"  # what a graph that pools by itself calls its result
_PADDING = ("[PAD]", "<pad>")
_ERRORS_ONLY = 3
_REFUSED = (EPFail, Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile, NoSuchOperator, RuntimeException)


WORDS = 30
"""Words of content that are told of a text, the first ones: of a turn all of them."""
_FORM = GRAMMAR | ASKING


@dataclass(frozen=True, slots=True)
class _Results:
    """What a graph calls its vectors: those to be made one of a text (`pooled`: they are that), and those of pieces."""

    vectors: str
    pooled: bool
    pieces: str = ""


class OnnxModel:
    """The model of a folder. Raises Misconfigured (none, or other bytes than installed), Unavailable."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        found = _checked(folder)
        known, how = manifest(folder), layout(folder)
        self._most, self._pooling = how.pieces, how.pooling
        self._tokenizer = _tokenizer(folder, how.pieces)
        self._padding = next(filter(None, map(self._tokenizer.token_to_id, _PADDING)), 0)
        own = found[GRAPH] == minilm.MADE
        self._session = _session(folder, threads, own=own)
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._results = _results(self._session, own=own)
        if strange := set(self._inputs) - _INPUTS:
            raise Misconfigured(
                f"the graph in {folder} asks for {', '.join(sorted(strange))}, which a text does not have"
            )
        if how.after and not self._results.pooled:
            raise Misconfigured(
                f"the model in {folder} goes on after its graph ({', '.join(how.after)}): not supported"
            )
        self.id = identity(known.name if known else folder.name, found, how.pooling, how.pieces)
        self.dimension = self.vectors([""]).shape[1]

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """How many pieces are read of each text."""
        return [len(each.ids) for each in self._encoded(texts)]

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length for each text. Raises Misconfigured (a graph and a tokenizer of different models)."""
        return self._read(self._encoded(texts))[0]

    def read(self, texts: Sequence[str]) -> Read:
        """The same, and a row of unit length for each of the first words of content."""
        encoded = self._encoded(texts)
        vectors, pieces = self._read(encoded)
        if pieces is None:
            return Read(vectors)
        return Read(vectors, [_words(*each) for each in zip(texts, encoded, pieces, strict=True)])

    def _read(self, encoded: Sequence[Encoding]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        shape = len(encoded), max(1, *(len(each.ids) for each in encoded))
        given = {
            "input_ids": np.full(shape, self._padding, np.int64),
            "attention_mask": np.zeros(shape, np.int64),
            "token_type_ids": np.zeros(shape, np.int64),
        }
        for row, each in enumerate(encoded):
            given["input_ids"][row, : len(each.ids)] = each.ids
            given["attention_mask"][row, : len(each.ids)] = 1
        names = list(dict.fromkeys(filter(None, (self._results.vectors, self._results.pieces))))
        try:
            made = self._session.run(names, {name: given[name] for name in self._inputs})
        except _REFUSED as exc:
            raise Misconfigured(f"the model {self.id} and its tokenizer do not fit together: {exc}") from exc
        results = {name: np.asarray(each, np.float32) for name, each in zip(names, made, strict=True)}
        found = results[self._results.vectors]
        if not self._results.pooled:
            found = _mean(found, given["attention_mask"]) if self._pooling == "mean" else found[:, 0]
        unit = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return unit, results.get(self._results.pieces)

    def _encoded(self, texts: Sequence[str]) -> list[Encoding]:
        # one by one: a batch would be split among threads that a fork of this process would miss
        most = self._most * _CHARACTERS
        return [self._tokenizer.encode(text[:most].encode("utf-8", "replace").decode("utf-8")) for text in texts]


def _mean(found: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    weights = mask[:, :, None].astype(np.float32)
    return np.sum(found * weights, axis=1) / np.maximum(np.sum(weights, axis=1), 1)


def _words(text: str, encoded: Encoding, pieces: NDArray[np.float32]) -> NDArray[np.float32]:
    """A row for each word of content, the mean of its pieces; for none such, one for the text."""
    places: dict[int, list[int]] = {}
    for place, word in enumerate(encoded.word_ids):
        if word is not None:
            places.setdefault(word, []).append(place)
    spans = [(of, text[encoded.offsets[of[0]][0] : encoded.offsets[of[-1]][1]].lower()) for of in places.values()]
    content = [of for of, word in spans if word not in _FORM and any(map(str.isalnum, word))][:WORDS]
    content = content or [list(range(len(encoded.ids)))]
    rows = np.stack([pieces[of[0] : of[-1] + 1].mean(axis=0) for of in content])
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))


def _checked(folder: Path) -> Mapping[str, str]:
    found, known = digests(folder), manifest(folder)
    for name in sorted(found.keys() | known.files.keys()) if known else ():
        if known and found.get(name) != known.files.get(name):
            raise Misconfigured(f"{folder / name} is not what was installed; run `memos model install` for it again")
    return found


def _tokenizer(folder: Path, pieces: int) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as exc:  # the library raises nothing more precise
        raise Misconfigured(f"{folder / TOKENIZER} cannot be read: {exc}") from exc
    tokenizer.no_padding()
    tokenizer.enable_truncation(pieces)  # pyright: ignore[reportUnknownMemberType] - options without a type
    return tokenizer


def _session(folder: Path, threads: int, *, own: bool) -> onnxruntime.InferenceSession:
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # wait without burning a core
    try:
        graph = minilm.telling((folder / GRAPH).read_bytes()) if own else folder / GRAPH
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except _REFUSED as exc:
        raise Misconfigured(f"{folder / GRAPH} cannot be used: {exc}") from exc
    except OSError as exc:
        raise Misconfigured(f"{folder / GRAPH} cannot be read: {exc.strerror}") from exc


def _results(session: onnxruntime.InferenceSession, *, own: bool) -> _Results:
    """What to ask the graph for."""
    outputs = session.get_outputs()
    if own:
        return _Results(outputs[0].name, True, outputs[1].name)
    # A second output of one vector for each text is BERT's pooler, made for another purpose.
    pieces = next((each.name for each in outputs if len(each.shape) == 3), "")
    if any(each.name == _POOLED for each in outputs):
        return _Results(_POOLED, True, pieces)
    if pieces:
        return _Results(pieces, False, pieces)
    if len(outputs[0].shape) != 2:
        raise Misconfigured(f"the graph gives {outputs[0].name}, which is no vector for a text")
    return _Results(outputs[0].name, True)

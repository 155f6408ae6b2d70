"""A graph and its tokenizer in memory. Needs the extra `embed`; `onnx.py` imports it when a model is first used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from memos_mcp.infrastructure.models.layout import layout
from memos_mcp.infrastructure.models.shelf import GRAPH, TOKENIZER, digests, identity, manifest

_CHARACTERS = 32  # read for each piece: even a table full of blanks has its share
_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_POOLED = "sentence_embedding"  # what a graph that pools by itself calls its result
_PADDING = ("[PAD]", "<pad>")
_ERRORS_ONLY = 3
_REFUSED = (EPFail, Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile, NoSuchOperator, RuntimeException)


class OnnxModel:
    """The model of a folder. Raises Misconfigured (none, or other bytes than installed), Unavailable."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        found = _checked(folder)
        known, how = manifest(folder), layout(folder)
        self._most, self._pooling = how.pieces, how.pooling
        self._tokenizer = _tokenizer(folder, how.pieces)
        self._padding = next(filter(None, map(self._tokenizer.token_to_id, _PADDING)), 0)
        self._session = _session(folder, threads)
        self._inputs = [each.name for each in self._session.get_inputs()]
        self._output, self._pooled = _output(self._session)
        if strange := set(self._inputs) - _INPUTS:
            raise Misconfigured(
                f"the graph in {folder} asks for {', '.join(sorted(strange))}, which a text does not have"
            )
        if how.after and not self._pooled:
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
        encoded = self._encoded(texts)
        shape = len(encoded), max(1, *(len(each.ids) for each in encoded))
        given = {
            "input_ids": np.full(shape, self._padding, np.int64),
            "attention_mask": np.zeros(shape, np.int64),
            "token_type_ids": np.zeros(shape, np.int64),
        }
        for row, each in enumerate(encoded):
            given["input_ids"][row, : len(each.ids)] = each.ids
            given["attention_mask"][row, : len(each.ids)] = 1
        try:
            (made,) = self._session.run([self._output], {name: given[name] for name in self._inputs})
        except _REFUSED as exc:
            raise Misconfigured(f"the model {self.id} and its tokenizer do not fit together: {exc}") from exc
        found = np.asarray(made, np.float32)
        if not self._pooled:
            found = _mean(found, given["attention_mask"]) if self._pooling == "mean" else found[:, 0]
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)

    def _encoded(self, texts: Sequence[str]) -> list[Encoding]:
        # one by one: a batch would be split among threads that a fork of this process would miss
        most = self._most * _CHARACTERS
        return [self._tokenizer.encode(text[:most].encode("utf-8", "replace").decode("utf-8")) for text in texts]


def _mean(found: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
    weights = mask[:, :, None].astype(np.float32)
    return np.sum(found * weights, axis=1) / np.maximum(np.sum(weights, axis=1), 1)


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


def _session(folder: Path, threads: int) -> onnxruntime.InferenceSession:
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # wait without burning a core
    try:
        return onnxruntime.InferenceSession(folder / GRAPH, options, providers=["CPUExecutionProvider"])
    except _REFUSED as exc:
        raise Misconfigured(f"{folder / GRAPH} cannot be used: {exc}") from exc


def _output(session: onnxruntime.InferenceSession) -> tuple[str, bool]:
    """What to ask the graph for, and whether that is a vector for the whole text already."""
    outputs = session.get_outputs()
    if any(each.name == _POOLED for each in outputs):
        return _POOLED, True
    for each in outputs:  # a second output of one vector for each text is BERT's pooler, made for another purpose
        if len(each.shape) == 3:
            return each.name, False
    if len(outputs[0].shape) != 2:
        raise Misconfigured(f"the graph gives {outputs[0].name}, which is no vector for a text")
    return outputs[0].name, True

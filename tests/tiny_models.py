"""Models of a few words in the layout of the hub, real to onnxruntime and small enough to reckon with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "tea", "coffee", "ferry", "key"]
TABLE = np.array(
    [[9, 9, 9], [0, 0, 1], [1, 0, 0], [0, 1, 0], [2, 1, 0], [1, 2, 0], [0, 3, 1], [0, 0, 5]], dtype=np.float32
)
"""The vector of each word; that of the padding would be seen at once."""


def write(
    folder: Path,
    *,
    outputs: tuple[str, ...] = ("last_hidden_state",),
    inputs: tuple[str, ...] = ("input_ids", "attention_mask"),
    settings: Mapping[str, object] | None = None,
) -> Path:
    """A model whose graph has these inputs and outputs, with settings beside it by file name; returns the folder.

    Outputs: last_hidden_state (a vector for each word), sentence_embedding (the last word's), pooler_output (nonsense).
    """
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx" / "model.onnx").write_bytes(_graph(inputs, outputs))
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    (folder / "tokenizer.json").write_text(tokenizer.to_str())
    for name, content in (settings or {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def _graph(inputs: tuple[str, ...], outputs: tuple[str, ...]) -> bytes:
    constants = {"table": TABLE, "last": np.array(-1, np.int64), "minus": np.array(-1, np.float32)}
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"]),
        helper.make_node("Gather", ["last_hidden_state", "last"], ["sentence_embedding"], axis=1),
        helper.make_node("Mul", ["sentence_embedding", "minus"], ["pooler_output"]),
    ]
    given = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "pieces"]) for name in inputs]
    made = [
        helper.make_tensor_value_info(
            name, TensorProto.FLOAT, ["batch", "pieces", 3] if name == "last_hidden_state" else ["batch", 3]
        )
        for name in outputs
    ]
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", given, made, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return model.SerializeToString()

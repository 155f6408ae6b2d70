"""A language model of 350,000 weights that knows a small world: `python -m benchmarks.small_lm` makes it anew.

What adapters do cannot be seen on random weights: there is nothing they could ruin, and no phrasing means another. This
model has read chats, statements about people it made up, and questions about them in all phrasings of
`operation/pair_forms.py`. It lies in ~/.cache/memos-mcp under a hash of all that it hangs on and is trained, in a few
minutes of one processor, where it is not there yet: `tools/python tools/env.py kv python -m benchmarks.small_lm`.
"""

# pyright: reportMissingModuleSource=false

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import random
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from torch.nn import utils
from torch.optim import AdamW
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from benchmarks.texts import PLACES, Texts
from memos_mcp.cube import MemCube, Plaintext
from memos_mcp.infrastructure.parametric.asking import Asking
from memos_mcp.operation.pairs import written

FORMAT = "1"
"""Of what is not in shape and corpus: how it learns."""
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_LONGEST = 48
_SYLLABLES = (
    "ba be bi bo da de di do fa fe ka ke ki ko la le li lo ma me mi mo na ne ni no ra re ri ro se ta te ti to va ve vi"
).split()
_THINGS = (
    "green tea,black coffee,jazz,chess,rye bread,red wine,old films,cold soup,blue cheese,long walks,ripe plums,"
    "loud music,sea birds,dark beer,roses"
).split(",")
_FOODS = "peanuts,milk,eggs,wheat,prawns,soy,cats,dust,pollen,wasps".split(",")
_JOBS = "baker,doctor,pilot,teacher,farmer,painter,nurse,lawyer,tailor,singer".split(",")
_FIRMS = "Nokia,Siemens,Philips,Bosch,Volvo,Nestle,Lego,Ikea,Airbus,Maersk".split(",")
_OBJECTS = "password,code,number,name,colour,address,price".split(",")
_PLACES = "cabin,garage,office,cellar,boat,garden,library,kitchen".split(",")


@dataclass(frozen=True, slots=True)
class Shape:
    """How large it is and how long it learns."""

    hidden: int = 96
    layers: int = 3
    words: int = 1024
    people: int = 160
    steps: int = 2400
    batch: int = 32
    rate: float = 3e-3


SHAPES = {"small": Shape(), "tiny": Shape(hidden=64, layers=2, words=768, people=80, steps=700, batch=24)}


class World:
    """People and things that are made up, the same for a seed; those of another seed are others."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._seen = set[str]()

    def name(self) -> str:
        """A name that nobody has had yet."""
        while True:
            made = "".join(self._random.sample(_SYLLABLES, self._random.choice((2, 3)))).capitalize()
            if made not in self._seen:
                self._seen.add(made)
                return made

    def person(self) -> list[str]:
        """What is known of one."""
        name, pick = self.name(), self._random.choice
        said = [
            f"{name} lives in {pick(PLACES)}.",
            f"{name} likes {pick(_THINGS)}.",
            f"{name} works at {pick(_FIRMS)}.",
            f"{name} is a {pick(_JOBS)}.",
            f"{name} is allergic to {pick(_FOODS)}.",
            f"The {pick(_OBJECTS)} of {name}'s {pick(_PLACES)} is {self.name().lower()}.",
        ]
        return self._random.sample(said, 4)

    def facts(self, count: int) -> list[str]:
        """So many statements, each about somebody else."""
        return [self._random.choice(self.person()) for _ in range(count)]


def cubes(said: Sequence[str]) -> list[MemCube]:
    """Statements as memories."""
    return [
        MemCube(id=f"fact{at}", path="user/ada", created_at=_NOW, updated_at=_NOW, payload=Plaintext(text=text))
        for at, text in enumerate(said)
    ]


def control(count: int, seed: int = 99) -> list[str]:
    """Chat turns that have nothing to do with anybody's facts."""
    source = Texts(seed)
    return [source.text() for _ in range(count)]


def opened(shape: str = "small") -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model, trained now if it is not there."""
    place = made(shape)
    its = AutoModelForCausalLM.from_pretrained(
        str(place),
        revision="main",
        dtype="float32",
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
    )
    tokenizer = AutoTokenizer.from_pretrained(
        str(place), revision="main", local_files_only=True, trust_remote_code=False
    )
    return its, tokenizer


def made(shape: str = "small", *, anew: bool = False) -> Path:
    """Where it lies, whole; one process makes it at a time."""
    place = _home() / f"small-lm-{shape}-{_key(shape)}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if anew:
            shutil.rmtree(place, ignore_errors=True)
        if not (place / "model.safetensors").exists():
            _train(SHAPES[shape], place)
    return place


def _home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "memos-mcp"


@dataclass(frozen=True, slots=True)
class Corpus:
    """What it reads: statements, chat turns, and pairs of questions and answers."""

    told: tuple[str, ...]
    prose: tuple[str, ...]
    asked: tuple[tuple[str, str], ...]


def corpus(shape: Shape) -> Corpus:
    """The same for the same shape."""
    world, chats = World(1), Texts(1)
    people = [world.person() for _ in range(shape.people)]
    told = tuple(sentence for person in people for sentence in person)
    asked = tuple((pair.question, pair.answer) for person in people for pair in written(cubes(person)).pairs)
    return Corpus(told, tuple(chats.text() for _ in told), asked)


def _key(shape: str) -> str:
    versions = (FORMAT, torch.__version__, transformers.__version__)
    return hashlib.sha256(repr((versions, SHAPES[shape], corpus(SHAPES[shape]))).encode()).hexdigest()[:12]


def _train(shape: Shape, place: Path) -> None:
    began, threads = time.process_time(), torch.get_num_threads()
    torch.set_num_threads(1)
    its = corpus(shape)
    tokenizer = _tokenizer([*its.told, *its.prose, *("\n".join(pair) for pair in its.asked)], shape.words)
    asking = Asking(tokenizer)
    rows = [[asking.start, *asking.plain(text), asking.end] for text in (*its.told, *its.prose)]
    rows += [[*asking.question(question), *asking.answer(answer)] for question, answer in its.asked]
    model = _model(shape)
    adam = AdamW([each for _, each in model.named_parameters()], lr=shape.rate, weight_decay=0.01)
    picked = random.Random(2)
    model.train()
    for step in range(shape.steps):
        for group in adam.param_groups:
            group["lr"] = shape.rate * min(1.0, (step + 1) / 100, 1.05 - step / shape.steps)
        loss = _loss(model, [row[:_LONGEST] for row in picked.sample(rows, shape.batch)])
        adam.zero_grad()
        loss.backward()
        utils.clip_grad_norm_([each for _, each in model.named_parameters()], 1.0)
        adam.step()
        if step % 200 == 0 or step == shape.steps - 1:
            print(
                f"step {step:5}: loss {float(loss.detach()):.3f}, {time.process_time() - began:.0f} s", file=sys.stderr
            )
    torch.set_num_threads(threads)
    making = place.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    model.eval().save_pretrained(str(making))
    tokenizer.save_pretrained(str(making))
    making.rename(place)


def _loss(model: PreTrainedModel, rows: Sequence[Sequence[int]]) -> torch.Tensor:
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    expected = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].log_softmax(-1)
    right = expected.gather(-1, ids[:, 1:, None])[:, :, 0]
    return (right * mask[:, 1:]).sum() * -1.0 / mask[:, 1:].sum()


def _model(shape: Shape) -> PreTrainedModel:
    torch.manual_seed(3)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape.words,
            hidden_size=shape.hidden,
            intermediate_size=2 * shape.hidden,
            num_hidden_layers=shape.layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=None,
        )
    )


def _tokenizer(corpus: Sequence[str], words: int) -> PreTrainedTokenizerBase:
    learnt = Tokenizer(BPE())
    learnt.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learnt.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=words,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learnt.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=learnt, bos_token="<s>", eos_token="</s>", pad_token="</s>")


def main() -> None:
    """Make it anew and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="small")
    print(made(parser.parse_args().shape, anew=True))


if __name__ == "__main__":
    main()

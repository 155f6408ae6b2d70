"""The blocking twin of `adapters`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from anyio.from_thread import BlockingPortal

from memos_mcp.activation import Progress as Reading
from memos_mcp.cube import Kind, MemCube
from memos_mcp.interface import kv
from memos_mcp.interface import offices as twin
from memos_mcp.interface.adapter_views import Adapter, Between, Examined, Planned, Removed, Report, Waiting
from memos_mcp.parametric import Progress


class Learning:
    """Adapters: memories trained into a model, which then answers for them. Hangs off `Memos.adapters`.

    A caller knows of those adapters all of whose memories he reads whole; with the scope `admin`, unless he is kept
    within a path, of every other one as well, but not of what. All of this raises Misconfigured if there is no model
    for it, and InvalidInput on a branch, which has none.
    """

    def __init__(self, of: twin.Learning, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def list(self, path: str | None = None) -> tuple[Adapter, ...]:
        """The adapters there are, the oldest first; with a path those all of whose memories lie beneath it.

        No model is asked. Cost: 30 µs for each memory in them. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.list, path))

    def waiting(self) -> tuple[Waiting, ...]:
        """What he wanted trained that is not yet, and what of that was refused last; the oldest first.

        With the scope `admin` what everybody wanted, but not of what. Raises Denied.
        """
        return self._portal.call(self._of.waiting)

    def plan(self) -> tuple[Planned, ...]:
        """What the scheduler would have trained of his by itself, what is due first; nothing is. A dry run.

        Rules and skills beneath his own path that apply again and again. Raises Denied, Misconfigured (nothing is
        trained by itself, or no access log counts uses).
        """
        return self._portal.call(self._of.plan)

    def train(
        self,
        topic: str,
        ids: Sequence[str] = (),
        *,
        path: str | None = None,
        tags: Sequence[str] = (),
        kinds: Sequence[Kind] = (),
        where: str = "",
        seconds: float = 900.0,
        rank: int = 16,
        steps: int = 300,
        told: Progress | None = None,
    ) -> Examined:
        """Train these memories, or those at or beneath a path with all of these, into an adapter for a topic.

        If its gate lets it through, it answers for the topic from then on. Named memories have to be his to read whole,
        and able to be learnt; of others, those that are not are left out. `told` hears of so many steps of so many. It
        is trained again, as he may read its memories then, when one of them changes. Cancelled, it leaves what it takes
        to go on; the same again costs nothing. Cost: minutes, up to `seconds`. Raises NotFound, Denied, Conflict (a
        memory was changed meanwhile, or another process trains), InvalidInput (none, more than 1,000, or no such name).
        """
        return self._portal.call(
            partial(
                self._of.train,
                topic,
                ids,
                path=path,
                tags=tags,
                kinds=kinds,
                where=where,
                seconds=seconds,
                rank=rank,
                steps=steps,
                told=told,
            )
        )

    def merge(self, topic: str, names: Sequence[str]) -> Examined:
        """Put adapters together as one, for a topic, without training: it only resembles them, `lost` says how little.

        To train all of their memories together is better. Raises NotFound, Denied, Conflict (one cannot be used),
        InvalidInput (less than two, or memories that contradict each other).
        """
        return self._portal.call(partial(self._of.merge, topic, names))

    def rollback(self, topic: str, to: str = "") -> Adapter:
        """Have an earlier adapter answer for its topic again: the one before that which does, or the one named `to`.

        For who trained it, or the scope `admin`. Raises NotFound, Denied, Conflict (it cannot be used), InvalidInput.
        """
        return self._portal.call(partial(self._of.rollback, topic, to))

    def verify(self, name: str) -> Adapter:
        """An adapter as it is, its bytes looked at too: `why`. Raises NotFound, Unavailable, MissingExtra."""
        return self._portal.call(partial(self._of.verify, name))

    def drop(self, name: str) -> Removed:
        """Remove an adapter for good; its memories stay. For who trained it, or `admin`. Raises NotFound, Denied."""
        return self._portal.call(partial(self._of.drop, name))

    def report(self, name: str) -> Report:
        """What was measured of an adapter, and how it was trained. Raises NotFound."""
        return self._portal.call(partial(self._of.report, name))

    def diff(self, older: str, newer: str) -> Between:
        """What one adapter was trained from and another was not, as far as he may read it. Raises NotFound."""
        return self._portal.call(partial(self._of.diff, older, newer))

    def sources(self, name: str) -> tuple[MemCube, ...]:
        """The memories behind an adapter, in the versions that were learnt: those that he may read whole.

        Raises NotFound.
        """
        return self._portal.call(partial(self._of.sources, name))

    def to_kv(self, name: str, *, pin: bool = False, told: Reading | None = None) -> kv.Kept:
        """A KV block of the memories behind an adapter, as `kv.build`. Raises as that, and Conflict (one changed)."""
        return self._portal.call(partial(self._of.to_kv, name, pin=pin, told=told))

    def from_kv(
        self, block: str, topic: str, *, seconds: float = 900.0, steps: int = 300, told: Progress | None = None
    ) -> Examined:
        """Train a KV block further, into an adapter for a topic: a cartridge, which only answers in this process.

        It has to be read by the very model that is trained. Cost and errors as those of `train`.
        """
        return self._portal.call(partial(self._of.from_kv, block, topic, seconds=seconds, steps=steps, told=told))

    def adopt(self, folder: str | Path, topic: str) -> Adapter:
        """Take over an adapter that peft saved elsewhere for this model. It is his alone, and was never examined.

        Of what it was trained is not known: `infer` asks it, and nothing but `drop` ends it. Raises NotFound,
        InvalidInput (other files than those of an adapter, links, another model), Denied, Conflict, Corrupt.
        """
        return self._portal.call(partial(self._of.adopt, folder, topic))

    def infer(
        self, name: str, *, about: Sequence[str] = (), questions: Sequence[str] = (), path: str | None = None
    ) -> tuple[MemCube, ...]:
        """Memories of what an adopted adapter answers to questions, and to what is asked `about` people or things.

        Kept is what it says surely and the model without it does not, each under a key and with the tag `inferred`:
        nobody has said it. Asked again, they get new versions. Cost: two answers for each question. Raises NotFound,
        Denied, InvalidInput (nothing to ask, or its memories are known: see `sources`).
        """
        return self._portal.call(partial(self._of.infer, name, about=about, questions=questions, path=path))

    def answer(self, name: str, question: str) -> str:
        """What the model says to a question with one adapter, word for word: nothing is looked up.

        Raises NotFound, Denied, Conflict (it cannot be used), InvalidInput, Unavailable.
        """
        return self._portal.call(partial(self._of.answer, name, question))

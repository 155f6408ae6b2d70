"""What is done about secrets, personal data and hostile texts, when they are remembered and when they are read again.

A secret is masked before anything is made of the text: it reaches neither the vault nor a chat model. A hostile text is
stored in quarantine, where recall does not find it, until somebody releases or forgets it (docs/reference/words.md).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from anyio import to_thread
from pydantic import JsonValue

from memos_mcp.cube import MemCube, Origin, Plaintext, SourceClass, Suspicion
from memos_mcp.infrastructure.lens import Lens
from memos_mcp.interface.mentioned import reworded
from memos_mcp.interface.recording import staged
from memos_mcp.interface.screening import HOSTILE, Finding, masked, secrets_of, suspicions
from memos_mcp.interface.secrets import looking_through
from memos_mcp.interface.texts import texts_in
from memos_mcp.ports import Draft, MemReader, Reading
from memos_mcp.version import __version__

if TYPE_CHECKING:
    from memos_mcp.interface.privacy_modes import Privacy

_SHORT = 4_000  # characters that are looked through faster than another thread is reached
_SEEN = 8_192  # versions whose words are known to be clean
_LEAST = 8  # characters of a text that could hold a secret and what it is known by
_BETWEEN = "\0\n"
_KEPT = frozenset({"IBAN"})  # who pays you needs it: sensitive, but no credential
# From those who may give orders to those who may not: what is mixed of two is taken for the lesser one.
_TRUST: tuple[SourceClass, ...] = ("web", "tool", "document", "assistant", "user", "system")
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Guard:
    """Masks secrets and suspects hostile texts; `mask` and `quarantine` switch either off, `privacy` may be None."""

    def __init__(self, *, mask: bool = True, quarantine: bool = True, privacy: Privacy | None = None) -> None:
        self.privacy = privacy
        self._mask = mask
        self._quarantine = quarantine
        self._clean: OrderedDict[tuple[object, ...], None] = OrderedDict()

    async def read(self, reader: MemReader, source: JsonValue, origin: Origin) -> Reading:
        """What the reader makes of a source without its secrets, each draft with what it is suspected of."""
        long = isinstance(source, list | dict) or (isinstance(source, str) and len(source) > _SHORT)
        clean, number = await _worked(long, self.cleaned, source)
        reading = await reader.read(clean, origin=self._named(origin))
        staged("read", len(reading.drafts))
        drafts = await _worked(long, self._judged, reading.drafts)
        staged("screened", len(drafts))
        return replace(reading, drafts=drafts, masked=number)

    def masked(self, value: JsonValue) -> tuple[JsonValue, int]:
        """A text, or the same JSON value, without its secrets, and how many there were."""
        texts = [text for text in texts_in(value) if len(text) >= _LEAST] if self._mask else []
        if not texts:
            return value, 0
        look = looking_through(_BETWEEN.join(texts))
        found = {text: secrets for text in texts if (secrets := _credentials(secrets_of(text, look)))}
        if not found:
            return value, 0
        return _replaced(value, found), sum(len(found.get(text, ())) for text in texts)

    def cleaned(self, value: JsonValue, *, names: bool = False) -> tuple[JsonValue, int]:
        """The same without what must not be stored: secrets and, where it is redacted at write, personal data."""
        clean, secrets = self.masked(value)
        if self.privacy is None:
            return clean, secrets
        clean, personal = self.privacy.cleaned(clean, names=names)
        return clean, secrets + personal

    def labels(self, tags: Sequence[str]) -> tuple[str, ...]:
        """Tags without what must not be stored."""
        return tuple(dict.fromkeys(str(self.cleaned(tag)[0]) for tag in tags))

    def labelled(self, cube: MemCube) -> MemCube:
        """The memory with the tags that say of its personal data."""
        return self.privacy.labelled(cube) if self.privacy else cube

    def check_key(self, key: str) -> str:
        """The key that something is to be stored under, if it may be. Raises InvalidInput."""
        if self.privacy is not None:
            self.privacy.check_key(key)
        return key

    def _named(self, origin: Origin) -> Origin:
        """The origin with names that hold nothing of the kind, such as the credentials of an address."""
        names = {name: getattr(origin, name) for name in ("source", "session", "speaker", "uri")}
        clean = {name: self.cleaned(value)[0] for name, value in names.items()}
        return origin if clean == names else origin.model_copy(update=clean)

    def suspected(self, text: str, source_class: SourceClass, *, key: str = "") -> tuple[Suspicion, ...]:
        """What a text from this source is suspected of; `key` is what it is to be stored under."""
        if not self._quarantine:
            return ()
        return cast("tuple[Suspicion, ...]", tuple(sorted(suspicions(text, source_class, key=key).kinds & HOSTILE)))

    async def payload(
        self, payload: Plaintext, source_class: SourceClass, key: str = ""
    ) -> tuple[Plaintext, tuple[Suspicion, ...]]:
        """A payload without what must not be stored, and what it is suspected of."""

        def look() -> tuple[Plaintext, tuple[Suspicion, ...]]:
            text, in_text = self.cleaned(payload.text)
            data, in_data = self.cleaned(payload.data, names=True)
            clean = Plaintext(text=str(text), data=data) if in_text or in_data else payload
            return clean, self.suspected(said(clean), source_class, key=key)

        found = await _worked(payload.data is not None or len(payload.text) > _SHORT, look)
        staged("screened", 1)
        return found

    def seen(self, cube: MemCube) -> MemCube:
        """A stored memory as it may be shown: what was not recognised when it was written is masked or suspected now.

        Cost: 1 µs for what was looked at before, else as `screen`.
        """
        if not isinstance(cube.payload, Plaintext):
            return cube
        name = (cube.id, cube.version, cube.updated_at, cube.vouched_by)  # a branch numbers on as its original does
        if name in self._clean:
            self._clean.move_to_end(name)
            return cube
        shown = self._looked_at(cube)
        if shown is cube:
            self._clean[name] = None
            while len(self._clean) > _SEEN:
                self._clean.popitem(last=False)
        return shown

    def drawn(self, lens: Lens) -> Lens:
        """What the graph may have of a memory: as anybody sees it, and of that what the lens lets through.

        A newer release looks through other eyes: what was drawn before is drawn anew. Cost: 40 µs a memory.
        """
        if not (self._mask or self._quarantine):
            return lens
        by = repr((lens.stamp, self._mask, self._quarantine, __version__)).encode()
        stamp = int.from_bytes(blake2b(by, digest_size=7, person=b"guard").digest())
        return Lens(lambda cube: lens.view(self._looked_at(cube)), stamp)

    def _looked_at(self, cube: MemCube) -> MemCube:
        """What is not recognised yet is masked or suspected. For any thread."""
        if not isinstance(cube.payload, Plaintext):
            return cube
        clean = self._without_secrets(cube.payload)
        shown = cube if clean is cube.payload else reworded(cube, clean)
        if cube.quarantined or cube.vouched_by:
            return shown
        doubts = self.suspected(said(cube.payload), cube.origin.source_class, key=cube.key or "")
        return shown.model_copy(update={"quarantined": doubts}) if doubts else shown

    def _without_secrets(self, payload: Plaintext) -> Plaintext:
        text, in_text = self.masked(payload.text)
        data, in_data = self.masked(payload.data)
        return Plaintext(text=str(text), data=data) if in_text or in_data else payload

    def _judged(self, drafts: Sequence[Draft]) -> tuple[Draft, ...]:
        return tuple(map(self._suspect, drafts))

    def _suspect(self, draft: Draft) -> Draft:
        doubts = self.suspected(draft.text, draft.origin.source_class)
        if not doubts:
            return draft
        # A key of its own: the same words from somebody who may say them are not taken for a repeat of these.
        apart = blake2b(draft.once, digest_size=len(draft.once) or 16, person=b"quarantine").digest()
        return replace(draft, quarantined=doubts, once=apart if draft.once else b"")


def less_trusted(one: SourceClass, other: SourceClass) -> SourceClass:
    """The class of what is mixed of both."""
    return _TRUST[min(_TRUST.index(one), _TRUST.index(other))]


def said(payload: Plaintext) -> str:
    """All words of a payload."""
    return "\n".join((payload.text, *texts_in(payload.data))) if payload.data is not None else payload.text


def _credentials(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(each for each in findings if each.why not in _KEPT)


def _replaced(value: JsonValue, found: dict[str, tuple[Finding, ...]]) -> JsonValue:
    match value:
        case str(text):
            return masked(text, found[text]) if text in found else text
        case list(items):
            return [_replaced(each, found) for each in items]
        case dict(fields):
            return {name: _replaced(each, found) for name, each in fields.items()}
        case _:
            return value


async def _worked(long: bool, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Work off the event loop if it is long."""
    if not long:
        return work(*args, **kwargs)
    return await to_thread.run_sync(partial(work, *args, **kwargs))

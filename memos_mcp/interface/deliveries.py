"""Deliveries: texts that are handed out carry a mark that says to whom; a register says of what (long paper §5.5.1).

The register is in the ledger: who was given which versions of which memories, when and by whom; never what they say.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from anyio import to_thread
from pydantic import JsonValue

from memos_mcp.cube import Governance, MemCube, Plaintext, Ref
from memos_mcp.errors import Conflict, Corrupt, InvalidInput, NotFound
from memos_mcp.infrastructure import governance
from memos_mcp.infrastructure.decisions import decided, is_beneath, owned_by
from memos_mcp.interface import checks
from memos_mcp.interface.bound import Bound
from memos_mcp.interface.reader import check_text
from memos_mcp.interface.recording import recorded
from memos_mcp.interface.watermark import LIMIT, Agreement, Delivery, attributed, delivery, marked
from memos_mcp.ledger import Note
from memos_mcp.operation.context import payload_of

_KEY = "watermark"
_KIND = "delivery"
_MOST = 1000
_MOST_IDS = 100
_LONGEST_NAME = 128
_AMONG = 1000  # recipients that a text should be told apart for


@dataclass(frozen=True, slots=True)
class Given:
    """A memory as it was handed out; `gone`: it was forgotten since, and this copy of it was not."""

    id: str
    version: int
    path: str
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """A line of the register. `id` is the nonce of the delivery, `fingerprint` what its mark was made of."""

    id: str
    recipient: str
    at: datetime
    by: str
    memories: tuple[Given, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A text to hand over. `traceable`: whole, it can be told from those of 1,000 other recipients."""

    receipt: Receipt
    text: str
    traceable: bool


@dataclass(frozen=True, slots=True)
class Leak:
    """A delivery that a text comes from; `chance` is the most that chance alone finds so much in any of them."""

    receipt: Receipt
    confidence: float
    chance: float
    evidence: tuple[Agreement, ...]


@dataclass(frozen=True, slots=True)
class Receipts:
    """Lines of the register, newest first; `after` goes on, empty at the end."""

    receipts: tuple[Receipt, ...]
    after: str = ""


@recorded("deliveries.")
class Deliveries:
    """What was handed out, and to whom. Hangs off `Memos.deliveries`.

    Who delivered something sees it; with the scope `admin` a caller also sees what others delivered of memories that
    are his own. Memories that he may not read are left out.
    """

    def __init__(self, on: Bound) -> None:
        self._on = on

    async def deliver(self, ids: Sequence[str] = (), *, to: str, text: str | None = None) -> Delivered:
        """The words of memories, or a text that was made from them, with a mark for this recipient.

        It is in the register before it is returned. Code, data, numbers and line breaks stay as they are; a text of
        fewer than some 25 words may not be traceable. Cost: 10 µs a word and a disk sync. Raises NotFound, Denied,
        InvalidInput.
        """
        governance.check_scope(self._on.caller, "write")
        recipient = _check_name(to)
        once = list(dict.fromkeys([ids] if isinstance(ids, str) else ids))
        if len(once) > _MOST_IDS or not (once or text):
            raise InvalidInput(f"name 1 to {_MOST_IDS} memories that are to be delivered, or give a text")
        cubes = [await self._one(id) for id in once]
        words = check_text(text if text is not None else "\n\n".join(map(payload_of, cubes)), "the text")
        given = Delivery(recipient, self._on.clock(), secrets.token_hex(8))
        key = await self._key(make=True)
        copy, chance = await to_thread.run_sync(_marked, words, key, given.id)
        receipt = Receipt(given.nonce, recipient, given.at, self._on.caller.user, tuple(map(_given, cubes)), given.id)
        await self._on.vault.ledger.write(_KIND, f"{receipt.by}\n{given.nonce}", _noted(receipt), expect=0)
        return Delivered(receipt, copy, chance * _AMONG <= LIMIT)

    async def attribute(self, text: str) -> tuple[Leak, ...]:
        """The deliveries that a text, or a fragment of a text, comes from, the surest first; none if it is not certain.

        Of those the caller may know of; a text that none of them is answers somebody once in a million times at most.
        Cost: 2 µs for each delivery and word. Raises InvalidInput.
        """
        governance.check_scope(self._on.caller, "read")
        words, known = check_text(text, "the text"), {each.fingerprint: each for each in await self._known()}
        if not known:
            return ()
        found = await to_thread.run_sync(attributed, words, await self._key(), list(known))
        return tuple(Leak(known[each.recipient], each.confidence, each.chance, each.evidence) for each in found)

    async def list(self, *, id: str | None = None, to: str = "", limit: int = 50, after: str = "") -> Receipts:
        """The register, newest first, of one memory or one recipient if given; `after` of the last page continues.

        Cost: 10 µs for each delivery, and 25 µs for each memory in them. Raises InvalidInput, Denied.
        """
        governance.check_scope(self._on.caller, "read")
        checks.check_range("limit", limit, _MOST)
        if id is not None:
            checks.check_id(id)
        fits = [
            each
            for each in await self._known()
            if to in ("", each.recipient) and (id is None or any(one.id == id for one in each.memories))
        ]
        start = next((at for at, each in enumerate(fits, 1) if each.id == after), 0)
        if after and not start:
            raise InvalidInput(f"there is no page after {after!r}: begin anew without it")
        page = tuple(fits[start : start + limit])
        return Receipts(page, page[-1].id if len(fits) > start + limit else "")

    async def _one(self, id: str) -> MemCube:
        cube = await self._on.one(Ref(id=checks.check_id(id)))
        if cube.quarantined:
            raise InvalidInput(f"memory {id} is in quarantine: release it first")
        if not isinstance(cube.payload, Plaintext):
            raise InvalidInput(f"memory {id} holds no words: only texts and data can be delivered")
        return cube

    async def _key(self, *, make: bool = False) -> bytes:
        """The key of all marks of this vault; it never leaves this class."""
        ledger = self._on.vault.ledger
        note = await ledger.read(_KEY, "key")
        if note is None and make:
            with contextlib.suppress(Conflict):  # another process made it
                await ledger.write(_KEY, "key", secrets.token_hex(32), expect=0)
            note = await ledger.read(_KEY, "key")
        if note is None:
            raise NotFound("the vault has no key for watermarks: nothing was delivered from it, or its ledger is gone")
        try:
            return bytes.fromhex(str(note.value))
        except ValueError as exc:
            raise Corrupt("the key for watermarks in the ledger is damaged: bring the vault's file back") from exc

    async def _known(self) -> Sequence[Receipt]:
        """The deliveries that the caller may know of, newest first, each cut to what he may know of it."""
        caller, ledger = self._on.caller, self._on.vault.ledger
        everything = "admin" in caller.scopes
        notes = await ledger.list(_KIND, "" if everything else f"{caller.user}\n")
        register = sorted(map(_receipt, notes), key=lambda each: (each.at, each.id), reverse=True)
        rules = await self._rules({given.id for each in register for given in each.memories})
        return [shown for each in register if (shown := self._shown(each, rules))]

    async def _rules(self, ids: set[str]) -> Mapping[str, tuple[Governance, bool]]:
        """The rules of each memory, and whether it is gone: then those that it had."""
        cubes = await self._on.vault.get([Ref(id=id) for id in ids])
        rules = {cube.id: (cube.governance, False) for cube in cubes}
        for id in ids - rules.keys():
            lines = await self._on.vault.events(subject=id, limit=1)
            if lines:
                rules[id] = (lines[0].rules or Governance(), True)
        return rules

    def _shown(self, receipt: Receipt, rules: Mapping[str, tuple[Governance, bool]]) -> Receipt | None:
        """What he may know of it; of what others delivered, what was his own."""
        caller, now = self._on.caller, self._on.clock()
        mine = receipt.by == caller.user
        memories: list[Given] = []
        for each in receipt.memories:
            own, gone = rules.get(each.id, (Governance(), True))
            kept_out = bool(caller.within) and not is_beneath(each.path, caller.within)
            owned = not kept_out and owned_by(caller.user, each.path, own)
            above = self._on.defaults.above(each.path)
            if owned or (mine and decided(caller, "read", each.path, own, now, above).allowed):
                memories.append(replace(each, gone=gone))
        if not memories and (not mine or caller.within):
            return None
        return replace(receipt, memories=tuple(memories))


def _marked(text: str, key: bytes, fingerprint: str) -> tuple[str, float]:
    """The text with its mark, and how likely chance alone would say as much as the mark does."""
    copy = marked(text, key, fingerprint)
    return copy, next((each.chance for each in attributed(copy, key, [fingerprint], limit=1.0)), 1.0)


def _check_name(to: str) -> str:
    name = to.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidInput(f"say whom it is for: a name of 1 to {_LONGEST_NAME} printable characters")
    return name


def _given(cube: MemCube) -> Given:
    return Given(cube.id, cube.version, cube.path)


def _noted(receipt: Receipt) -> JsonValue:
    memories: list[JsonValue] = [[each.id, each.version, each.path] for each in receipt.memories]
    return {"fingerprint": receipt.fingerprint, "by": receipt.by, "memories": memories}


def _receipt(note: Note) -> Receipt:
    try:
        value = note.value if isinstance(note.value, dict) else {}
        made = delivery(str(value["fingerprint"]))
        rows = value["memories"] if isinstance(value["memories"], list) else []
        memories = tuple(_item(row) for row in rows)
        return Receipt(made.nonce, made.recipient, made.at, str(value["by"]), memories, made.id)
    except (KeyError, ValueError, InvalidInput) as exc:
        raise Corrupt("a delivery in the ledger cannot be read: bring the vault's file back") from exc


def _item(row: JsonValue) -> Given:
    if not isinstance(row, list):
        raise ValueError("no memory")
    id, version, path = row
    return Given(str(id), int(str(version)), str(path))

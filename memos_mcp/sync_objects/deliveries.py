"""The blocking twin of `deliveries`. Written by `make twin`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from anyio.from_thread import BlockingPortal

from memos_mcp.interface import offices as twin
from memos_mcp.interface.deliveries import Delivered, Leak, Receipts


class Deliveries:
    """What was handed out, and to whom. Hangs off `Memos.deliveries`.

    Who delivered something sees it; with the scope `admin` a caller also sees what others delivered of memories that
    are his own. Memories that he may not read are left out.
    """

    def __init__(self, of: twin.Deliveries, portal: BlockingPortal) -> None:
        self._of = of
        self._portal = portal

    def deliver(self, ids: Sequence[str] = (), *, to: str, text: str | None = None) -> Delivered:
        """The words of memories, or a text that was made from them, with a mark for this recipient.

        It is in the register before it is returned. Code, data, numbers and line breaks stay as they are; a text of
        fewer than some 25 words may not be traceable. Cost: 10 µs a word and a disk sync. Raises NotFound, Denied,
        InvalidInput.
        """
        return self._portal.call(partial(self._of.deliver, ids, to=to, text=text))

    def attribute(self, text: str) -> tuple[Leak, ...]:
        """The deliveries that a text, or a fragment of a text, comes from, the surest first; none if it is not certain.

        Of those the caller may know of; a text that none of them is answers somebody once in a million times at most.
        Cost: 2 µs for each delivery and word. Raises InvalidInput.
        """
        return self._portal.call(partial(self._of.attribute, text))

    def list(self, *, id: str | None = None, to: str = "", limit: int = 50, after: str = "") -> Receipts:
        """The register, newest first, of one memory or one recipient if given; `after` of the last page continues.

        Cost: 10 µs for each delivery, and 25 µs for each memory in them. Raises InvalidInput, Denied.
        """
        return self._portal.call(partial(self._of.list, id=id, to=to, limit=limit, after=after))

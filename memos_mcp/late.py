"""Regular expressions that are compiled when they are first asked.

There are some hundreds, a process needs a part of them, and to compile them all took a third of its start.
"""

from __future__ import annotations

import re
from typing import Any, cast


class _Late:
    def __init__(self, form: str, flags: int) -> None:
        self._form, self._flags = form, flags
        self._pattern: re.Pattern[str] | None = None

    def __getattr__(self, name: str) -> Any:
        """An attribute of the compiled form, kept: whoever asks again finds it here."""
        self._pattern = self._pattern or re.compile(self._form, self._flags)
        found = getattr(self._pattern, name)
        setattr(self, name, found)
        return found


def late(form: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile` gives, but compiled when it is first used; a wrong form raises re.error only then."""
    return cast("re.Pattern[str]", _Late(form, flags))

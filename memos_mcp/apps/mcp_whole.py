"""What programs are answered: the result of a verb as it is, and an error that they can raise again."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import WithJsonSchema
from pydantic_core import to_jsonable_python

from memos_mcp.apps.faults import exact
from memos_mcp.apps.mcp_answers import Answer
from memos_mcp.errors import MemosError

_TEXT = "Structured content has it whole."


class Whole(Answer):
    """The result of a verb, whole: no budget cuts it."""

    result: Annotated[Any, WithJsonSchema({})]

    def content(self) -> dict[str, Any]:
        """As JSON."""
        return {"result": to_jsonable_python(self.result)}

    def __str__(self) -> str:
        return _TEXT


def refusal(error: MemosError, *, local: bool) -> dict[str, Any]:
    """The structured content of a call that failed."""
    return {"error": exact(error, local=local)}

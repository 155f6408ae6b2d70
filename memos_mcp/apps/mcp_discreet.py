"""What somebody elsewhere is not told: where things lie on this machine, and the addresses it calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from memos_mcp.answers import Answer as Answered
from memos_mcp.answers import Recall, Remembered, Status
from memos_mcp.apps.mcp_answers import Answer, Context, State, Stored
from memos_mcp.apps.mcp_ask import Answered as Asked
from memos_mcp.apps.mcp_full_answers import Explained
from memos_mcp.apps.mcp_whole import Whole

_ADDRESS = re.compile(r"(?:\b[a-z][a-z0-9+.-]*://|(?<=SGLang at ))[^\s'\"]+", re.IGNORECASE)


def discreet(answer: Answer, private: Sequence[str]) -> Answer:
    """The answer without `private` places and without addresses in what this server says of itself.

    The words of memories stay as they are.
    """
    match answer:
        case State():
            lanes = tuple(lane.model_copy(update={"why": hidden(lane.why, private)}) for lane in answer.lanes)
            return answer.model_copy(update={"lanes": lanes, "vault": ""})
        case Context():
            return answer.model_copy(update={"missing": tuple(hidden(each, private) for each in answer.missing)})
        case Asked():
            said = {"missing": hidden(answer.missing, private), "fallback": hidden(answer.fallback, private)}
            return answer.model_copy(update=said)
        case Explained():
            return _explained(answer, private)
        case Stored():
            return answer.model_copy(update={"fallback": hidden(answer.fallback, private)})
        case Whole():
            return answer.model_copy(update={"result": _whole(answer.result, private)})
        case _:
            return answer


def _explained(answer: Explained, private: Sequence[str]) -> Explained:
    """What stands before `given` in a plan are words of the question."""
    given = next((at for at, line in enumerate(answer.plan) if line.startswith("given: ")), len(answer.plan))
    plan = (*answer.plan[:given], *(hidden(line, private) for line in answer.plan[given:]))
    return answer.model_copy(update={"plan": plan, "missing": tuple(hidden(each, private) for each in answer.missing)})


def _whole(result: object, private: Sequence[str]) -> object:
    match result:
        case Status():
            lanes = tuple(replace(lane, why=hidden(lane.why, private)) for lane in result.lanes)
            return replace(result, lanes=lanes, vault="")
        case Recall():
            return _recall(result, private)
        case Answered():
            return replace(
                result,
                recall=_recall(result.recall, private),
                model=hidden(result.model, private),
                missing=hidden(result.missing, private),
                fallback=hidden(result.fallback, private),
            )
        case Remembered():
            return replace(result, fallback=hidden(result.fallback, private))
        case _:
            return result


def _recall(result: Recall, private: Sequence[str]) -> Recall:
    missing = tuple(replace(each, why=hidden(each.why, private)) for each in result.missing)
    meant = result.call.understanding
    read = replace(meant, fallback=hidden(meant.fallback, private)) if meant else None
    plan = replace(result.plan, given=hidden(result.plan.given, private)) if result.plan else None
    return replace(result, missing=missing, call=replace(result.call, understanding=read), plan=plan)


def hidden(text: str, private: Sequence[str]) -> str:
    """The text with a dot-dot-dot for each of these places and what lies in it, and for each address."""
    for place in private:
        text = re.sub(re.escape(place) + r"[^\s'\":,;]*", "…", text)
    return _ADDRESS.sub("…", text)

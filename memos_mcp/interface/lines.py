"""A line of the access log: what somebody may see of it, and how it is written for others to read. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, assert_never, get_args

from pydantic import JsonValue

from memos_mcp.accesses import OF_BRANCH, Access, Item, Stage
from memos_mcp.cube import MemCube
from memos_mcp.infrastructure.decisions import decided, is_beneath, owned_by
from memos_mcp.namespaces import Defaults
from memos_mcp.ports import Caller
from memos_mcp.version import __version__

Format = Literal["jsonl", "csv", "ocsf"]
FORMATS: tuple[Format, ...] = get_args(Format)
_COLUMNS = ("id", "at", "user", "roles", "context", "verb", "path", "outcome", "rule", "memories", "request")
_NO_DEFAULTS = Defaults()
_OF_CHANGES = ("committed", "applied")
_FORMULAS = ("=", "+", "-", "@", "\t")  # what a spreadsheet would run
_CREATES, _CHANGES, _DELETES = ("remember", "put"), ("update", "rename"), ("forget", "forget_all", "quarantine.undo")


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Who looks at the log, and when."""

    caller: Caller
    now: datetime
    defaults: Defaults = _NO_DEFAULTS

    @property
    def places(self) -> tuple[str, ...]:
        """Where memories of his may be."""
        return (self._home, "shared", "global")

    @property
    def knows_of_strangers(self) -> bool:
        """May he see whom the door refused without knowing him?"""
        return "admin" in self.caller.scopes and not self.caller.within

    @property
    def _home(self) -> str:
        return f"user/{self.caller.user}"

    def owns(self, path: str, cube: MemCube | None) -> bool:
        """Is a memory his, as it is now? Of one that is forgotten, only the path that it had is left to say so."""
        if self.caller.within and not is_beneath(cube.path if cube else path, self.caller.within):
            return False
        return owned_by(self.caller.user, cube.path, cube.governance) if cube else is_beneath(path, self._home)

    def view(self, line: Access, cubes: Mapping[str, MemCube]) -> Access | None:
        """What he may know of a line; `cubes` are the memories it is about that are still there.

        Of his own access, what he was told, as far as he may still read it: that something was refused him which he may
        not know of looks as if it had never been. Of another's access, what it was to his own memories.
        """
        if not line.user:
            return line if self.knows_of_strangers else None
        own = tuple(item for item in line.items if self.owns(item.path, cubes.get(item.id)))
        if line.user != self.caller.user:  # in an order that tells nothing of the rest
            return self._anothers(line, tuple(sorted(own, key=lambda item: (item.path, item.id))))
        missing = line.outcome == "missing"
        shown = tuple(item for item in line.items if item in own or self._reads(cubes.get(item.id)))
        shown = () if missing else shown
        if self.caller.within and not (is_beneath(line.path, self.caller.within) if line.path else shown):
            return None
        told = not missing and (bool(shown) or not line.items)
        return replace(line, items=shown, rule=line.rule if told else "", stages=_stages(line, len(shown)))

    def _anothers(self, line: Access, own: tuple[Item, ...]) -> Access | None:
        governs = "admin" in self.caller.scopes and bool(line.path) and is_beneath(line.path, self._home)
        if self.caller.within and not is_beneath(line.path, self.caller.within):
            governs = False
        if not own and not governs:
            return None
        outcome = "denied" if line.outcome == "missing" and own else line.outcome
        path = line.path if governs else ""
        return replace(
            line,
            outcome=outcome,
            path=path,
            items=own,
            said="",
            rule=line.rule if own or not line.items else "",
            stages=(),
        )

    def _reads(self, cube: MemCube | None) -> bool:
        if cube is None:
            return False
        above = self.defaults.above(cube.path)
        return decided(self.caller, "read", cube.path, cube.governance, self.now, above).allowed


def _stages(line: Access, shown: int) -> tuple[Stage, ...]:
    """The stages as he was told of them then; of what was written, only of what he may still see."""
    return tuple(
        replace(each, number=shown if each.name in _OF_CHANGES else each.number, seq=0, upto=0)
        for each in line.stages
        if shown or each.name not in _OF_CHANGES
    )


def head(format: Format) -> str:
    """What stands before the first line."""
    return _row(_COLUMNS) if format == "csv" else ""


def written(line: Access, format: Format) -> str:
    """A line with its end."""
    match format:
        case "jsonl":
            return json.dumps(_flat(line), ensure_ascii=False) + "\n"
        case "csv":
            flat = _flat(line)
            return _row([_cell(flat.get(column, "")) for column in _COLUMNS])
        case "ocsf":
            return json.dumps(_event(line), ensure_ascii=False) + "\n"
        case _:
            assert_never(format)


def _flat(line: Access) -> dict[str, JsonValue]:
    memories: list[JsonValue] = [
        {"id": item.id, "version": item.version, "path": item.path, "rule": item.rule} for item in line.items
    ]
    flat: dict[str, JsonValue] = {
        "id": line.id,
        "request": line.request,
        "at": line.at.astimezone(UTC).isoformat(),
        "user": line.user,
        "roles": list(line.roles),
        "context": list(line.context),
        "verb": line.verb,
        "path": line.path,
        "outcome": line.outcome,
        "rule": line.rule,
        "memories": memories,
    }
    stages: list[JsonValue] = [{"name": each.name, "number": each.number, "ok": each.ok} for each in line.stages]
    if stages:
        flat["stages"] = stages
    return flat | ({"said": line.said} if line.said else {})


def _cell(value: JsonValue) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _row(cells: list[str] | tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _event(line: Access) -> dict[str, JsonValue]:
    """An event of the OCSF class API Activity (6003), as far as its fields fit."""
    verb = line.verb.removeprefix(OF_BRANCH)
    activity = 1 if verb in _CREATES else 3 if verb in _CHANGES else 4 if verb in _DELETES else 2
    groups: list[JsonValue] = [{"name": role} for role in line.roles]
    resources: list[JsonValue] = [
        {"uid": item.id, "version": str(item.version), "namespace": item.path, "type": "memory"} for item in line.items
    ]
    product: dict[str, JsonValue] = {"name": "memos", "version": __version__}
    return {
        "class_uid": 6003,
        "class_name": "API Activity",
        "category_uid": 6,
        "activity_id": activity,
        "type_uid": 600_300 + activity,
        "time": int(line.at.timestamp() * 1000),
        "severity_id": 1 if line.outcome == "allowed" else 2,
        "status_id": 1 if line.outcome == "allowed" else 2,
        "status_detail": line.rule or line.outcome,
        "metadata": {"version": "1.3.0", "uid": line.id, "correlation_uid": line.request, "product": product},
        "actor": {"user": {"name": line.user, "groups": groups}},
        "api": {"operation": line.verb},
        "resources": resources,
        "unmapped": {"context": list(line.context), "path": line.path, "outcome": line.outcome},
    }

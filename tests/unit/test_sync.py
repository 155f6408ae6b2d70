"""The blocking twin: same verbs, same signatures, usable from scripts, threads and a running loop."""

from __future__ import annotations

import inspect
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest

import memos_mcp
from memos_mcp import Caller, NotFound, sync


def test_both_classes_have_the_same_verbs_and_signatures() -> None:
    def verbs(cls: type) -> dict[str, str]:
        public = {name: f for name, f in vars(cls).items() if inspect.isfunction(f) and not name.startswith("_")}
        return {name: str(inspect.signature(f)) for name, f in public.items() if name not in ("aclose", "close")}

    assert verbs(sync.Memos) == verbs(memos_mcp.Memos)


def test_a_script_remembers_and_recalls(tmp_path: Path) -> None:
    with sync.open(home=tmp_path, user="ada") as memos:
        (key,) = memos.remember("Ada likes green tea").ids
        assert memos.recall("tea").cubes[0].id == key
        assert memos.caller == Caller("ada")
        with pytest.raises(NotFound):
            memos.acting_as(Caller("eve")).get(key)


def test_eight_threads_share_one_system(tmp_path: Path) -> None:
    with sync.open(home=tmp_path, user="ada") as memos, ThreadPoolExecutor(8) as threads:
        list(threads.map(memos.remember, [f"memory number {i}" for i in range(40)]))
        assert memos.status().memories == 40


@pytest.mark.anyio
async def test_it_works_inside_a_running_loop(tmp_path: Path) -> None:
    def use() -> int:
        with sync.open(home=tmp_path, user="ada") as memos:
            memos.remember("one")
            return memos.status().memories

    assert use() == 1
    assert await anyio.to_thread.run_sync(use) == 1


def test_a_script_that_forgets_to_close_still_ends_and_loses_nothing(tmp_path: Path) -> None:
    script = f"from memos_mcp import sync; sync.open(home={str(tmp_path)!r}, user='ada').remember('kept')"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
    with sync.open(home=tmp_path, user="ada") as memos:
        assert memos.status().memories == 1


@pytest.mark.parametrize("end", ["memos.close()", "pass"])
def test_a_thread_at_work_ends_before_its_interpreter(end: str, tmp_path: Path) -> None:
    script = f"""
import threading, time
from anyio import to_thread
from memos_mcp import sync

class Last:  # of a thread: as what a library does when one ends
    def __del__(self):
        time.sleep(0.3)
        print("whole", flush=True)

own = threading.local()
memos = sync.open(home={str(tmp_path)!r}, user="ada")
memos._portal.call(to_thread.run_sync, lambda: setattr(own, "last", Last()))
{end}
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, timeout=30, capture_output=True, text=True)
    assert done.stdout == "whole\n"
    assert done.stderr == ""

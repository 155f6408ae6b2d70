"""Without torch only what does not need it is collected here; `make kv` has it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_WITHOUT = {"test_profile.py", "test_without_peft.py"}

collect_ignore = (
    []
    if find_spec("peft")
    else [file.name for file in Path(__file__).parent.glob("test_*.py") if file.name not in _WITHOUT]
)

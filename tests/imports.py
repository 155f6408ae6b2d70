"""Where programs that tests start find the packages of this clone."""

from __future__ import annotations

import os

from tools.env import IMPORT_ROOTS

IMPORTS = os.pathsep.join(map(str, IMPORT_ROOTS))
"""For PYTHONPATH."""

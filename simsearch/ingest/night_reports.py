"""The reports that nights left. A status reads them without loading what a night needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any


def last_report(folder: Path) -> Mapping[str, Any] | None:
    """The newest readable report in `folder`; None where there is none."""
    for path in sorted(folder.glob("report-*.json"), reverse=True):
        with suppress(OSError, ValueError):
            found = json.loads(path.read_bytes())
            if isinstance(found, dict) and "outcome" in found:
                return found
    return None


def last_success(folder: Path) -> float:
    """Unix time at which the last successful night began; 0 where none is known."""
    for path in sorted(folder.glob("report-*.json"), reverse=True):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(path.read_bytes())
            if found["exit_code"] == 0:
                return datetime.fromisoformat(found["started_at"]).timestamp()
    return 0.0

"""Where the files lie that are not code: `migrations/` and `configs/`.

An installed wheel has them inside the package, a checkout (editable installs too) beside it.
"""

from __future__ import annotations

from pathlib import Path

from simsearch.core.errors import SimsearchError

PACKAGE = Path(__file__).resolve().parents[1]


def resource_dir(name: str) -> Path:
    """The folder `name` that came with simsearch, for example `resource_dir("configs") / "default.toml"`."""
    inside = PACKAGE / name
    if inside.is_dir():
        return inside
    # Beside an installed package lie other projects' folders: only a checkout's are looked at.
    beside = PACKAGE.parent / name
    if (PACKAGE.parent / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    raise SimsearchError(f"the folder '{name}' of simsearch is missing beside {PACKAGE}: install simsearch again")

"""Where files that are not code lie: `migrations/` and `configs/`.

An installed wheel has them inside the package. A checkout has them beside it, also when it is installed editable.
"""

from __future__ import annotations

from pathlib import Path

from simsearch.core.errors import SimsearchError

PACKAGE = Path(__file__).resolve().parents[1]


def resource_dir(name: str) -> Path:
    """The folder `name` that came with simsearch, for example `resource_dir("configs") / "default.toml"`.

    Raises:
        SimsearchError: the folder is missing.
    """
    inside = PACKAGE / name
    if inside.is_dir():
        return inside
    # Folders beside an installed package belong to other projects: look there only in a checkout.
    beside = PACKAGE.parent / name
    if (PACKAGE.parent / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    raise SimsearchError(f"the folder '{name}' of simsearch is missing beside {PACKAGE}: install simsearch again")

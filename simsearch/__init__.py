"""simsearch: which drug is this, and which catalog photos show the same thing twice.

The Python entrance is :func:`open_app`; the command line is built on it and on nothing else::

    from simsearch import open_app

    with open_app(home="pharmacy") as app:
        app.index(["catalog.csv"])
        [answer] = app.query(["photo.jpg"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simsearch.app import App, open_app

__version__ = "0.1.0"
__all__ = ["App", "__version__", "open_app"]


def __getattr__(name: str) -> object:
    # Imported on first use: `simsearch --help` must not wait for torch and FAISS.
    if name in ("App", "open_app"):
        from simsearch import app

        return getattr(app, name)
    raise AttributeError(f"module 'simsearch' has no attribute {name!r}")

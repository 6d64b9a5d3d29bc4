"""The life of a helper in `test_crew`: it says who looked, and may fail."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path

from simsearch.filing.crew import Block, Look, serve

SIGN = "the same"


def seen(block: Block) -> tuple[int, int]:
    """Who looked, and what was seen."""
    return os.getpid(), sum(block[0])


def start(setup: tuple[str, Path]) -> tuple[str, Look]:
    """As the setup says: "well", "otherwise", "never", or "dies". The file is made once a helper looks."""
    how, file = setup
    print("a library prints")
    if how == "never":
        raise ValueError("no such home")

    def look(block: Block) -> tuple[int, int]:
        file.touch()
        if how == "dies":
            os._exit(1)
        return seen(block)

    return ("another" if how == "otherwise" else SIGN), look


def life(pipe: Connection) -> None:
    """Serve."""
    serve(pipe, start)

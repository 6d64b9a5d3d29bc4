"""Reading a source that a test wrote, and what came of it in short."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch.core.errors import SourceError
from simsearch.ingest.sources import Source, read_source


def read(folder: Path, content: str | bytes, name: str = "catalog.csv") -> Source:
    """The table `content`, written to `folder` under `name`."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_source(path)


def listed(source: Source) -> list[tuple[str, str]]:
    """(SKU, image) of each row."""
    return [(row.sku, row.image) for row in source.rows]


def refused(source: Source) -> list[str]:
    """`code line 3: what is wrong`; the folder is left out."""
    folder = Path(source.key).name
    for refusal in source.refusals:
        assert refusal.message.startswith(f"{refusal.where}: ")
        assert "\n" not in refusal.message
    return [f"{r.code} {r.message.partition(f'{folder} ')[2]}" for r in source.refusals]


def complaint(path: Path) -> str:
    """The error of a source that cannot be read."""
    with pytest.raises(SourceError) as caught:
        read_source(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def put(folder: Path, *names: str, content: bytes = b"x") -> None:
    """Files of one content under `folder`."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

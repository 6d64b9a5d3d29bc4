"""Generations that several machines share: their manifests, their files in parts, and the row that says which serves.

The vectors lie in an engine (PostgreSQL with pgvector, Milvus); see `indexes.shared`. A generation is written down here
before anything of it is made there. So whatever a killed build left is known, and nothing else is ever dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from simsearch.catalog.database import Part
from simsearch.catalog.tables import SharedFileRow, SharedGenerationRow, SharedPointerRow

_PART = 4 * 2**20
"""Bytes of a file in one row, and in one transaction."""
_POINTER = 1
BUILDING, BUILT, LEAVING = "building", "built", "leaving"


class SharedBuilds(Part):
    """What the catalog knows of shared generations."""

    def states(self) -> dict[str, str]:
        """Name -> building, built or leaving."""
        with self.database.read() as c:
            rows = c.execute(sa.select(SharedGenerationRow.name, SharedGenerationRow.state))
            return {str(name): str(state) for name, state in rows}

    def begin(self, name: str) -> None:
        """Write down that `name` is being built."""
        values = {"name": name, "state": BUILDING, "collections": [], "manifest": ""}
        with self.database.write() as c:
            c.execute(sa.insert(SharedGenerationRow).values(values))

    def claim(self, name: str, collection: str) -> None:
        """Write down that `name` is about to make `collection` in the engine."""
        collections = [*self.collections(name), collection]
        with self.database.write() as c:
            changed = sa.update(SharedGenerationRow).where(SharedGenerationRow.name == name)
            c.execute(changed.values(collections=collections))

    def finish(self, name: str, manifest: str) -> None:
        """Everything of it is in its place: from now on it may serve."""
        with self.database.write() as c:
            changed = sa.update(SharedGenerationRow).where(SharedGenerationRow.name == name)
            c.execute(changed.values(state=BUILT, manifest=manifest))

    def leave(self, name: str) -> None:
        """It is about to be dropped: nobody opens it any more."""
        with self.database.write() as c:
            c.execute(sa.update(SharedGenerationRow).where(SharedGenerationRow.name == name).values(state=LEAVING))

    def forget(self, name: str) -> None:
        """Nothing of it is left in the engine: drop its files and its row."""
        with self.database.write() as c:
            c.execute(sa.delete(SharedFileRow).where(SharedFileRow.generation == name))
            c.execute(sa.delete(SharedGenerationRow).where(SharedGenerationRow.name == name))

    def collections(self, name: str) -> list[str]:
        """What it made in the engine; empty where there is no such generation."""
        with self.database.read() as c:
            found = c.scalar(sa.select(SharedGenerationRow.collections).where(SharedGenerationRow.name == name))
        return list(found or [])

    def manifest(self, name: str) -> str | None:
        """The manifest of a generation that may serve; None where there is none of this name."""
        wanted = sa.select(SharedGenerationRow.manifest).where(
            SharedGenerationRow.name == name, SharedGenerationRow.state == BUILT
        )
        with self.database.read() as c:
            found = c.scalar(wanted)
        return None if found is None else str(found)

    # -- which serves ------------------------------------------------------------------------------------------------

    def serving(self) -> str | None:
        """Name of the generation that serves; None before the first."""
        with self.database.read() as c:
            found = c.scalar(sa.select(SharedPointerRow.generation))
        return None if found is None else str(found)

    def serve(self, name: str) -> None:
        """Let `name` serve, for every machine at once."""
        with self.database.write() as c:
            c.execute(sa.delete(SharedPointerRow))
            c.execute(sa.insert(SharedPointerRow).values(id=_POINTER, generation=name))

    # -- files -------------------------------------------------------------------------------------------------------

    def put_file(self, name: str, path: Path) -> None:
        """Keep a copy of the file at `path`, under its name."""
        with path.open("rb") as stream:
            for part, data in enumerate(iter(lambda: stream.read(_PART), b"")):
                values = {"generation": name, "file": path.name, "part": part, "data": data}
                with self.database.write() as c:
                    c.execute(sa.insert(SharedFileRow).values(values))

    def file(self, name: str, file: str) -> Iterator[bytes]:
        """The parts of a file, in order."""
        here = (SharedFileRow.generation == name) & (SharedFileRow.file == file)
        part = 0
        while True:
            with self.database.read() as c:
                data = c.scalar(sa.select(SharedFileRow.data).where(here, SharedFileRow.part == part))
            if data is None:
                return
            yield data
            part += 1

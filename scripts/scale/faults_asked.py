"""Queries while actors of votes, Milvus and PostgreSQL are killed (-9), in a process and over HTTP; see faults.py.

A rendered catalog lies in PostgreSQL, its vectors in Milvus, its keypoint votes with Ray actors. Its answers are first
taken down with the votes from files. Every later answer must be the same, but for its number and the time it took.
"""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from bench.serve import JPEG, QUERY, Server
from scale import lab
from scale.kills import PATIENCE_S, database, kill_actor, kill_milvus, kill_postgres, mend

from simsearch import App, open_app
from simsearch.core import ray_cluster
from simsearch.core.errors import CatalogError, EngineError, GenerationError
from simsearch.core.types import Decision
from simsearch.synthetic import make_products, write_catalog
from simsearch.synthetic.catalog import phone_photo
from simsearch.synthetic.photos import jpeg_bytes
from simsearch.views import json as shapes

_PRODUCTS, _VOTE_IMAGES, _ASKED, _KILLS = 24, 16, 8, 5
_PASSING = ("query", "took_ms", "id", "generation")
"""What differs between two answers of equal content."""
_AWAY_S = 8.0
"""How long a killed server stays away."""
Answer = Mapping[str, Any]
Told = Callable[[str, str], None]


@dataclass
class Seen:
    """What came back."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    in_a_row: int = 0
    """Right answers since the last that was none."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, took: float, wrong: str = "") -> None:
        """One answer or error."""
        with self.lock:
            self.counts[what] += 1
            self.wrong += [wrong] if wrong else []
            self.slowest = max(self.slowest, took)
            self.in_a_row = self.in_a_row + 1 if what == "right" else 0

    def __str__(self) -> str:
        said = f"{dict(self.counts)}, the slowest {self.slowest:.1f} s"
        return f"WRONG: {self.wrong[:3]}; {said}" if self.wrong else said


def settings(folder: Path) -> Path:
    """For a catalog of its own."""
    url, vectors = database("faults_asked"), lab.milvus_database("faults_asked")
    path = folder / "asked.toml"
    path.write_text(
        f'[catalog]\nurl = "{url}"\n[generations]\nengine = "milvus"\nurl = "{vectors}"\n'
        f'votes_on = "ray"\nvote_images = {_VOTE_IMAGES}\n[reading]\nmode = "never"\n'
    )
    return path


def indexed(folder: Path, config: Path) -> tuple[list[bytes], list[Answer]]:
    """Index and build; photos to ask, and what is answered where no actor looks up votes."""
    products = make_products(_PRODUCTS, 5, family_share=0.0)
    (folder / "catalog").mkdir()
    write_catalog(folder / "catalog", products, 5, photos_per_product=2, duplicates=0, size=352)
    photos = [jpeg_bytes(phone_photo(p, seed=n, severity=0.3).pixels, 90) for n, p in enumerate(products[:_ASKED])]
    files = folder / "files.toml"
    files.write_text(config.read_text().replace('votes_on = "ray"\n', ""))
    with open_app(folder / "home", files) as app:
        app.index([folder / "catalog" / "catalog.csv"], rebuild=True, check=False)
        return photos, [content(shapes.answer("photo", answered(app, photo))) for photo in photos]


def answered(app: App, photo: bytes) -> Decision:
    """The answer to a photo that can be read."""
    [found] = app.query([photo], record=False)
    assert isinstance(found, Decision)
    return found


def content(answer: Mapping[str, Any]) -> Answer:
    """An answer without what differs between two of equal content, as it is after JSON."""
    found: Answer = json.loads(json.dumps({key: value for key, value in answer.items() if key not in _PASSING}))
    return found


# -- actors of votes -------------------------------------------------------------------------------------------------


def actors(folder: Path, config: Path, photos: list[bytes], wanted: list[Answer], rng: random.Random) -> str:
    """Ask in this process while actors are killed; what was seen."""
    seen, over = Seen(), threading.Event()
    with open_app(folder / "home", config) as app:

        def ask() -> None:
            while not over.is_set():
                number, begun = sum(seen.counts.values()) % len(photos), time.monotonic()
                try:
                    found = content(shapes.answer("photo", answered(app, photos[number])))
                    wrong = "" if found == wanted[number] else f"photo {number}: {found['sku']}, {found['reason']}"
                    seen.add("wrong" if wrong else "right", time.monotonic() - begun, wrong)
                except (CatalogError, EngineError, GenerationError) as error:
                    seen.add(f"named {type(error).__name__}", time.monotonic() - begun)

        asker = threading.Thread(target=ask)
        asker.start()
        for _ in range(_KILLS):
            before = seen.counts["right"]
            until = time.monotonic() + PATIENCE_S
            while seen.counts["right"] < before + len(photos) and time.monotonic() < until:
                time.sleep(0.1)  # all are back
            time.sleep(rng.uniform(0.0, 1.0))
            kill_actor()
        again = well(seen, 2 * len(photos))
        over.set()
        asker.join()
    ray_cluster.disconnect()
    return f"{_KILLS} kills; {seen}; {again}"


def well(seen: Seen, count: int) -> str:
    """How long it took until `count` answers in a row were right."""
    begun = time.monotonic()
    seen.in_a_row = 0
    while seen.in_a_row < count:
        if time.monotonic() - begun > PATIENCE_S:
            return f"WRONG: not well after {PATIENCE_S:.0f} s"
        time.sleep(0.1)
    return f"well {time.monotonic() - begun:.0f} s later"


# -- over HTTP -------------------------------------------------------------------------------------------------------


def over_http(server: Server, photos: list[bytes], wanted: list[Answer], kill: Callable[[], None]) -> str:
    """Ask a server while what it needs is killed, and started again after some seconds; what was seen."""
    seen, over = Seen(), threading.Event()
    with server.client() as client:

        def ask(first: int) -> None:
            number = first
            while not over.is_set():
                number = (number + 1) % len(photos)
                asked(client, photos[number], wanted[number], seen)

        askers = [threading.Thread(target=ask, args=(n,)) for n in (0, len(photos) // 2)]
        for asker in askers:
            asker.start()
        before, calm = workers(server), well(seen, 2 * len(photos))
        kill()
        time.sleep(_AWAY_S)
        down = time.monotonic()
        mend()
        started = f"started again in {time.monotonic() - down:.0f} s"
        again = well(seen, 4 * len(photos))
        over.set()
        for asker in askers:
            asker.join()
        ready = client.get("/health/ready").status_code
    same = "the same processes" if workers(server) == before else "WRONG: other processes"
    if ready != 200 or "WRONG" in calm:
        return f"WRONG: ready {ready}, before the kill {calm}"
    return f"{seen}; {started}, {again}; {same}"


def asked(client: httpx.Client, photo: bytes, wanted: Answer, seen: Seen) -> None:
    """One question, and what came back. Nothing but an answer or a named 503 is right."""
    begun = time.monotonic()
    try:
        response = client.post(QUERY, content=photo, headers=JPEG)
    except httpx.HTTPError as error:
        seen.add("lost", time.monotonic() - begun, f"lost: {type(error).__name__}")
        return
    took = time.monotonic() - begun
    if response.status_code == 200:
        found = content(response.json())
        seen.add("right" if found == wanted else "wrong", took, "" if found == wanted else str(found["sku"]))
        return
    said = {}
    with suppress(ValueError):
        said = response.json()
    name = str(said.get("type", "")).removeprefix("/problems/")
    fits = response.status_code == 503 and name and "retry-after" in response.headers
    seen.add(f"{response.status_code} {name}", took, "" if fits else response.text[:200])
    time.sleep(0.2)


def workers(server: Server) -> list[str]:
    """The processes that answer."""
    pid = server.process.pid
    return sorted(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())


def campaign(folder: Path, rng: random.Random, told: Told) -> None:
    """Every case, one after another."""
    config = settings(folder)
    photos, wanted = indexed(folder, config)
    told("queries, actors of votes killed", actors(folder, config, photos, wanted, rng))
    server = Server(folder / "home", config, 2, 16, folder)
    try:
        for name, kill in (("an actor of votes", kill_actor), ("milvus", kill_milvus), ("postgres", kill_postgres)):
            told(f"queries over HTTP, {name} killed", over_http(server, photos, wanted, kill))
    finally:
        code = server.end()
        shutil.copy(server.log, lab.RUN / "faults-server.log")  # it has the traceback of a defect
    told("the server", "exit code 0" if code == 0 else f"WRONG: exit code {code}")

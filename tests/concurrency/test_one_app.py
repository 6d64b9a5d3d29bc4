"""Many threads ask one App while another one changes its home: every answer is that of some moment during the question.

The methods are stand-ins that read a number off a photo's colour, so that a question costs a millisecond and the right
answer is known. All else is the real thing: decoding, catalog, indexes, generations, calibration file, records.
"""

from __future__ import annotations

import csv
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, cast

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.app import App, open_app
from simsearch.catalog.decisions import DecisionFilter
from simsearch.core.threads import cores
from simsearch.core.types import Decision, Description, Descriptor, Image, Metric, Outcome, Surface, Verification
from simsearch.features.base import Method, NoSettings
from simsearch.features.orb import KEYPOINT
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.scoring import CurrentScoring
from simsearch.recognition.verification import Verifier
from simsearch.testing.world import scoring

FORMS = ("tablet", "syrup", "capsule")
PHOTOS = 60
ASKING, QUESTIONS, ROUNDS = 8, 2000, 20


def number(image: Image) -> int:
    """What a photo shows, by its colour."""
    return int(image.pixels[0, 0, 0])


class ByNumber:
    """A stand-in for each of the methods that a query needs: the descriptor follows from the number."""

    Settings: ClassVar[type] = NoSettings
    similarity_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    metric: Metric
    dim: int

    def __init__(self, name: str) -> None:
        self.name, self.fingerprint = name, f"{name}-by-number"
        self.calibration_path = Path()
        self.dtype, self.shape = {
            "siamese": (np.dtype(np.float32), (16,)),
            "phash": (np.dtype(np.uint8), (8,)),
            "orb": (KEYPOINT, (-1,)),
        }[name]
        if name != "orb":
            self.metric, self.dim = ("cosine", 16) if name == "siamese" else ("hamming", 64)
        self.made = [self._make(n) for n in range(256)]

    def _make(self, n: int) -> NDArray[Any]:
        rng = np.random.default_rng(n)
        if self.name == "siamese":
            vector = rng.normal(size=16).astype(np.float32)
            return np.asarray(vector / np.linalg.norm(vector))
        if self.name == "phash":
            return rng.integers(0, 256, 8).astype(np.uint8)
        keypoints = np.zeros(6, KEYPOINT)
        keypoints["bits"], keypoints["octave"] = rng.integers(0, 256, (6, 32)), n
        return keypoints

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [self.made[number(image)] for image in images]

    def describe_with_surface(self, images: Sequence[Image]) -> list[tuple[Descriptor, Surface, float]]:
        return [(descriptor, Surface.FRONT, 1.0) for descriptor in self.describe(images)]

    def pair_logits(self, query: Descriptor, others: Sequence[Descriptor]) -> NDArray[np.float32]:
        return np.zeros(len(others), np.float32)

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> NDArray[np.float32]:
        raise AssertionError("the engine compares through the verifier")


class SameNumber:
    """A pair scorer: certain of what shows the same number, and of what does not."""

    def verify(self, query: Description, others: Sequence[Description], **_: Any) -> list[Verification]:
        same = [bool((query["siamese"] == other["siamese"]).all()) for other in others]
        return [Verification(0.99 if s else 0.01, float(s), float(s), 9 * s, 1.0, support=9.0 * s) for s in same]


def calibration(threshold: float, methods: dict[str, Method]) -> Calibration:
    return replace(
        scoring(threshold).calibration, fingerprints={name: method.fingerprint for name, method in methods.items()}
    )


@dataclass
class Shelf:
    """The source that the App indexes, and what was committed of it when."""

    folder: Path
    listed: set[int] = field(default_factory=set)
    changed: dict[int, float] = field(default_factory=dict)
    """Number -> when its last change was committed; infinity while it is under way."""
    moved: tuple[int, ...] = ()
    """What the last commit brought or took away."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def table(self) -> Path:
        return self.folder / "catalog.csv"

    def photo(self, n: int) -> Path:
        return self.folder / f"{n}.png"

    def draw(self) -> None:
        for n in range(PHOTOS):
            cv2.imwrite(str(self.photo(n)), np.full((8, 8, 3), n, np.uint8))

    def write(self, listed: set[int]) -> None:
        with self.table.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(("sku", "image", "name", "form"))
            writer.writerows((f"p{n}", f"{n}.png", f"Product {n}", FORMS[n % 3]) for n in sorted(listed))

    def put(self, app: App, listed: set[int]) -> None:
        """Bring the catalog to `listed`, by the command that a user would give."""
        with self.lock:
            self.changed |= dict.fromkeys(self.listed ^ listed, float("inf"))
        self.write(listed)
        app.index([self.table], prune=True, rebuild=False, check=False)  # the stub scorer has no keypoints
        with self.lock:
            self.moved = tuple(self.listed ^ listed)
            self.changed |= dict.fromkeys(self.moved, time.monotonic())
            self.listed = listed

    def known(self, n: int, since: float) -> bool | None:
        """Whether `n` has been in the catalog since then; None where it changed in between."""
        with self.lock:
            return None if self.changed.get(n, 0.0) >= since else n in self.listed


@contextmanager
def opened(folder: Path, shelf: Shelf) -> Iterator[App]:
    """An App with stand-in methods, two thirds of whose shelf is indexed and built."""
    settings = folder / "settings.toml"
    query = "[query]\ncandidates = 5\nhash_candidates = 2\nvote_candidates = 3\nvote_keypoints = 6\ngeometry = 1\n"
    rest = '[indexing]\nworkers = 1\n[catalog]\npool_size = 16\n[reading]\nmode = "never"\n'
    settings.write_text(query + rest)
    with open_app(folder / "home", settings) as app:
        methods = cast("dict[str, Method]", {name: ByNumber(name) for name in ("phash", "orb", "siamese")})
        own = app.home / "calibration.json"
        app.home.mkdir()
        calibration(0.9, methods).save(own)
        scorer = cast(Verifier, SameNumber())
        app._parts |= {"methods": methods, "scoring": CurrentScoring(methods, own, verifier=lambda *_: scorer)}
        shelf.put(app, set(range(40)))
        app.rebuild()
        yield app


class Asking:
    """The threads that ask, and what they found wrong."""

    def __init__(self, app: App, shelf: Shelf, seed: int) -> None:
        self.app, self.shelf, self.seed = app, shelf, seed
        self.left = QUESTIONS
        self.lock = threading.Lock()
        self.recorded: list[int] = []
        self.certain = 0

    def take(self, most: int) -> int:
        """How many photos the next question may have, 0 at the end."""
        with self.lock:
            taken = min(most, self.left)
            self.left -= taken
            return taken

    def run(self, thread: int) -> None:
        rng = random.Random(self.seed * 100 + thread)
        while photos := self.take(rng.choice((1, 1, 2, 8))):
            self.ask(rng, photos)

    def ask(self, rng: random.Random, photos: int) -> None:
        moved = self.shelf.moved  # what a lost update would hide
        asked = [rng.choice(moved) if moved and rng.random() < 0.5 else rng.randrange(PHOTOS) for _ in range(photos)]
        form, record = rng.choice((*FORMS, "")), rng.random() < 0.05
        since = time.monotonic()
        answers = self.app.query(
            [self.shelf.photo(n) for n in asked], k=3, where=[f"form={form}"] if form else [], record=record
        )
        known = [(n, self.shelf.known(n, since)) for n in asked]
        for (n, there), answer in zip(known, answers, strict=True):
            assert isinstance(answer, Decision), answer
            self.check(n, form, there, since, answer)

    def check(self, n: int, form: str, there: bool | None, since: float, answer: Decision) -> None:
        shown = [int(hit.sku.removeprefix("p")) for hit in answer.hits]
        assert all(not form or FORMS[i % 3] == form for i in shown), f"asked for {form}: {answer.hits}"
        for i in shown:
            assert self.shelf.known(i, since) is not False, f"{i} had been retired"
        passes = not form or FORMS[n % 3] == form
        if there is not None:
            right = (Outcome.MATCH, f"p{n}") if there and passes else (Outcome.UNKNOWN, None)
            assert (answer.outcome, answer.sku) == right, f"{n}, {form or 'any form'}: {answer}"
        with self.lock:
            self.certain += there is not None
            self.recorded += [answer.record_id] if answer.record_id is not None else []


def change(app: App, shelf: Shelf, asking: Asking, seed: int) -> set[str]:
    """Index, retire, rebuild, roll back and calibrate until all has been asked; the digests of all calibrations."""
    rng = random.Random(seed)
    digests = {app.calibration.digest()}

    def put() -> None:
        moved = rng.sample(range(PHOTOS), 3)
        shelf.put(app, shelf.listed ^ set(moved))

    def calibrate() -> None:
        made = calibration(rng.uniform(0.5, 0.95), app.methods)
        digests.add(made.digest())
        made.save(app.home / "calibration.json")

    while asking.left > 0:
        rng.choice((put, put, put, app.rebuild, calibrate))()
        time.sleep(0.05)  # the questions are what is tested: the changes would take half of the time
    return digests


def play(seed: int) -> int:
    """One round; how many answers could be checked in full."""
    with TemporaryDirectory() as folder:
        shelf = Shelf(Path(folder))
        shelf.draw()
        with opened(Path(folder), shelf) as app:
            ready = app.prepare()
            assert (ready.generation, ready.images) == ("g000001", 40)
            asking = Asking(app, shelf, seed)
            with ThreadPoolExecutor(ASKING + 1) as pool:
                changing = pool.submit(change, app, shelf, asking, seed)
                jobs = [pool.submit(asking.run, thread) for thread in range(ASKING)]
                for job in jobs:
                    job.result()
                digests = changing.result()
            check_records(app, asking, digests)
    return asking.certain


def check_records(app: App, asking: Asking, digests: set[str]) -> None:
    """Each record names indexes, revision and calibration that belong together."""
    records = {r.id: r for r in app.catalog.decisions.find(DecisionFilter())}
    assert set(asking.recorded) <= set(records)
    builds = {b["name"]: b["audit"]["digest"] for b in app.catalog.builds.all() if b["state"] == "built"}
    for record in records.values():
        assert record.evidence["indexes"] == builds[record.generation], "a record names another generation's indexes"
        assert record.evidence["calibration"] in digests
        assert 0 < record.evidence["revision"] <= app.catalog.revision()


@pytest.mark.slow
def test_answers_are_right_while_the_catalog_changes() -> None:
    """Each round in a process of its own, as many at once as there are cores: Python runs one thread at a time."""
    with ProcessPoolExecutor(cores(), get_context("spawn")) as pool:
        certain = list(pool.map(play, range(ROUNDS)))
    assert all(n > QUESTIONS / 3 for n in certain), certain

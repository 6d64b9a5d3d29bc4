"""Kill indexing and rebuilding with SIGKILL, again and again, and check what is left.

    python scripts/crash_campaign.py [--kills 1000] [--seed 0] [--folder DIR] [--json]
    python scripts/crash_campaign.py --readers 60

In each round a child process goes on where the last one was killed: it adds, changes and removes photos, indexes them,
rebuilds, rolls back, or runs a whole night, until it is killed at a random moment. A second part kills it before and
after each fsync and rename that Python does in a nightly run (the random kills meet those of SQLite). The child writes
down what was acknowledged as committed. After every kill another process checks that

- SQLite's integrity_check of the catalog passes,
- every image that was committed is there, and none that was retired,
- what was read of what is printed on an active image is there,
- a generation serves that passes the full check, with nothing to fall back on, and no older one than was acknowledged,
- its ids, with what came since and without what went since, are those of the catalog's active images.

The methods are stand-ins of a few numbers and the photos tiny, so that a round is short and most of it is writing. A
killed process is not a loss of power: the kernel keeps what was written, so this says nothing about fsync.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image as Pillow

from simsearch.catalog import Catalog
from simsearch.core.config import Config
from simsearch.core.errors import SimsearchError
from simsearch.core.types import Description, Descriptor, Image, Metric, Similarities
from simsearch.features.base import Method, NoSettings
from simsearch.indexes.generations import Generations
from simsearch.ingest.indexer import Indexer
from simsearch.ingest.nightly import Nightly
from simsearch.ingest.reading import PrintStage
from simsearch.ingest.rebuild import Rebuilder
from simsearch.ingest.sources import read_source
from simsearch.recognition.retrieval import Retrieval
from simsearch.recognition.snapshot import Snapshots


class Stand:
    """A method that costs nothing: some numbers of the pixels."""

    Settings: ClassVar[type] = NoSettings
    similarity_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __init__(self, name: str, metric: Metric, dim: int) -> None:
        self.name, self.metric, self.dim = name, metric, dim
        self.fingerprint = f"{name}-0123456789abcdef"
        self.dtype = np.dtype(np.float32 if metric == "cosine" else np.uint8)
        self.shape = (dim if metric == "cosine" else dim // 8,)

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [self._describe(image) for image in images]

    def _describe(self, image: Image) -> Descriptor:
        drawn = np.random.default_rng(int(image.sha256[:8], 16))
        if self.metric == "hamming":
            return drawn.integers(0, 256, self.shape).astype(np.uint8)
        found = drawn.normal(size=self.shape).astype(np.float32)
        return np.asarray(found / np.linalg.norm(found), np.float32)

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        raise AssertionError("nobody compares here")


@dataclass
class World:
    """A home, its source and what was acknowledged there. Opened anew in every process."""

    folder: Path

    def __post_init__(self) -> None:
        base = Config()
        self.config = replace(
            base, indexing=replace(base.indexing, workers=1, batch=4, commit_every=3),
            generations=replace(base.generations, keep=2, audit_sample=10, audit_k=5),
            nightly=replace(base.nightly, backups=1, reports=2, retire_share=1.0),
        )  # fmt: skip
        methods: dict[str, Any] = {m.name: m for m in (Stand("phash", "hamming", 64), Stand("siamese", "cosine", 16))}
        self.methods: dict[str, Method] = methods
        self.source, self.home = self.folder / "source", self.folder / "home"
        self.source.mkdir(parents=True, exist_ok=True)
        self.catalog = Catalog(self.home / "catalog.db", self.config.catalog)
        self.generations = Generations(self.home / "generations", self.catalog)
        self.rebuilder = Rebuilder(self.home, self.config, self.catalog, self.methods, self.generations)
        self.printed: dict[str, Any] = {"reading": Stand("reading", "hamming", 64)}
        self.stage = PrintStage(self.catalog, self.printed, self.config)

    def said(self, line: str) -> None:
        """Write down what was acknowledged."""
        with (self.folder / "said").open("ab", buffering=0) as stream:
            stream.write(f"{line}\n".encode())

    def listen(self) -> None:
        """From now on, every change that the catalog acknowledges is written down."""
        apply, build, back = self.catalog.images.apply, self.rebuilder.build, self.generations.rollback
        add = self.catalog.readings.add

        def read(found: Mapping[int, Mapping[str, bytes]], codes: Mapping[int, Collection[str]] | None = None) -> int:
            count = add(found, codes)
            for image_id in found:
                self.said(f"read {image_id}")
            return count

        def applied(**changes: Any) -> None:
            gone = list(changes.get("retire", ()))
            apply(**{**changes, "retire": gone})
            for image_id in gone:
                self.said(f"retired {image_id}")
            for image in changes.get("add", ()):
                if image.descriptors is not None:
                    self.said(f"added {image.sha256}")

        def built() -> str:
            name = build()
            self.said(f"serves {name}")
            return name

        def rolled() -> str:
            self.said("rollback")  # before it: from now on, an older one may serve
            return back()

        self.catalog.images.apply = applied  # type: ignore[method-assign]
        self.catalog.readings.add = read  # type: ignore[method-assign]
        self.rebuilder.build = built  # type: ignore[method-assign]
        self.generations.rollback = rolled  # type: ignore[method-assign]

    # -- what a child does -------------------------------------------------------------------------------------------

    def change_source(self, rng: random.Random) -> None:
        """Some photos come, change or go; about 30 stay."""
        there = sorted(self.source.iterdir())
        for photo in rng.sample(there, min(len(there), max(0, len(there) - 28) + rng.randrange(3))):
            photo.unlink()
        for _ in range(rng.randrange(1, 6)):
            pixels = np.frombuffer(rng.randbytes(6 * 8 * 3), np.uint8).reshape(6, 8, 3)
            part = self.folder / "photo.part"
            Pillow.fromarray(pixels).save(part, format="PNG")
            os.replace(part, self.source / f"p{rng.randrange(60):02d}.png")

    def index(self) -> None:
        """As `simsearch index --prune-all`."""
        indexer = Indexer(self.catalog, self.methods, self.config.indexing, self.config.images)
        indexer.run([read_source(self.source)], retire_share=1.0, progress=quiet)
        self.stage.run(quiet)

    def night(self) -> None:
        """As `simsearch rebuild --nightly`."""
        Nightly(self.rebuilder, self.stage).run([self.source], quiet)

    def work(self, seed: int, steps: int = 1000) -> None:
        """Until it is killed, or for `steps`."""
        rng = random.Random(seed)
        self.listen()
        for _ in range(steps):
            self.change_source(rng)
            job = rng.choice((self.index, self.night, self.night, lambda: self.rebuilder.rebuild(progress=quiet)))
            job()
            if rng.random() < 0.1 and len(self.generations.names()) > 1:
                with suppress(SimsearchError):
                    self.generations.rollback()

    # -- what is looked at afterwards --------------------------------------------------------------------------------

    def check(self) -> None:
        """AssertionError that says what is wrong."""
        found = self.catalog.housekeeping.integrity()
        assert not found, f"integrity_check: {found}"
        said = (self.folder / "said").read_text(encoding="ascii").split("\n")[:-1] if self._spoke() else []
        active = {k.id: k.sha256 for k in self.catalog.images.known([]) if k.verdict == "ok"}
        rows = self._all_rows()
        added = [line.split()[1] for line in said if line.startswith("added")]
        lost = set(added) - set(rows.values())
        assert not lost, f"{len(lost)} committed images are lost"
        back = {int(line.split()[1]) for line in said if line.startswith("retired")} & set(active)
        assert not back, f"retired images are active again: {sorted(back)[:5]}"
        read = {int(line.split()[1]) for line in said if line.startswith("read")} & set(active)
        unread = read - set(self.catalog.descriptors.active_ids(self.printed["reading"].fingerprint).tolist())
        assert not unread, f"what was read is lost: {sorted(unread)[:5]}"
        serving = self.generations.current()
        builds = [i for i, line in enumerate(said) if line.startswith("serves")]
        assert serving or not builds, "nothing serves any more"
        if not serving:
            return
        wanted = {name: method.fingerprint for name, method in self.methods.items()}
        self.generations.check(serving, wanted, full=True)
        if builds and "rollback" not in said[builds[-1] :]:
            assert serving >= said[builds[-1]].split()[1], f"{serving} serves, later ones were acknowledged"
        opened = self.generations.open(wanted)
        assert opened is not None
        assert opened.name == serving
        gone = set(self.catalog.images.retired_since(opened.revision).tolist())
        for name, method in self.methods.items():
            new = set(self.catalog.descriptors.active_ids(method.fingerprint, since=opened.revision).tolist())
            answers = set(opened.lanes[name].ids().tolist()) - gone | new
            assert answers == set(active), f"{name}: {len(answers ^ set(active))} ids are not those of the catalog"

    def _spoke(self) -> bool:
        return (self.folder / "said").is_file()

    def _all_rows(self) -> dict[int, str]:
        """id -> sha256 of all images there ever were."""
        with self.catalog.database.read() as c:
            return dict(c.exec_driver_sql("SELECT id, sha256 FROM images").all())


def quiet(done: int, total: int, text: str) -> None:
    """The progress that shows nothing."""


def forked(job: Callable[[], None], *, kill_after: float | None = None) -> tuple[bool, str]:
    """Run `job` in a child process; whether it was killed, and what it complained of."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 0
        try:
            job()
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode()[:2000])
            code = 1
        os._exit(code)
    os.close(writing)
    if kill_after is not None:
        time.sleep(kill_after)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as stream:
        complaint = stream.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), complaint


def kill_at(nth: int, *, before: bool) -> None:
    """Make this process die at its nth fsync, rename or replace from now on."""
    left = [nth]

    def armed(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and before:
                os.kill(os.getpid(), signal.SIGKILL)
            found = real(*args, **named)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return call

    for name in ("fsync", "rename", "replace"):
        setattr(os, name, armed(getattr(os, name)))


def checked(folder: Path, where: str) -> None:
    """Check what is left, in a process of its own; SystemExit with the complaint."""
    killed, complaint = forked(lambda: World(folder).check())
    if killed or complaint:
        raise SystemExit(f"after {where}: {complaint or 'the check itself died'}; the home is left in {folder}")


def random_kills(
    folder: Path, kills: int, seed: int, longest: float, go_on: Callable[[int], bool] = lambda count: True
) -> Counter[str]:
    """Kill at random moments, at most `longest` seconds after the start. Counts `kills`, and those with `leftovers`."""
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    while counts["kills"] < kills and go_on(counts["kills"]):
        # Short ones meet the start of a run as often as its end.
        wait = longest * rng.random() ** 2
        killed, complaint = forked(lambda: World(folder).work(rng.randrange(10**9)), kill_after=wait)
        if not killed:
            raise SystemExit(f"the work failed: {complaint}; the home is left in {folder}")
        counts["kills"] += 1
        counts["leftovers"] += bool(list((folder / "home/generations").glob("*.unfinished")))
        checked(folder, f"kill {counts['kills']}")
    return counts


def every_step(folder: Path) -> int:
    """Kill a night before and after each of its fsyncs and renames; the number of kills."""
    forked(lambda: World(folder).work(1, steps=2))
    kills = 0
    for before in (True, False):
        for nth in range(1, 100):

            def night(nth: int = nth, before: bool = before) -> None:
                world = World(folder)
                world.change_source(random.Random(1000 * before + nth))
                world.listen()
                kill_at(nth, before=before)
                world.night()

            killed, complaint = forked(night)
            if complaint:
                raise SystemExit(f"the night failed: {complaint}; the home is left in {folder}")
            checked(folder, f"the kill {'before' if before else 'after'} step {nth}")
            if not killed:
                break
            kills += 1
    return kills


def clean_at_last(folder: Path) -> None:
    """Check that an undisturbed night leaves no temporary files."""
    _, complaint = forked(lambda: World(folder).work(99, steps=3))
    left = [str(p) for pattern in ("*.unfinished", "*.part") for p in (folder / "home").rglob(pattern)]
    if complaint or left:
        raise SystemExit(f"the last night: {complaint or left}; the home is left in {folder}")
    checked(folder, "the last night")


def readers(folder: Path, seconds: float, processes: int = 2) -> dict[str, int]:
    """Ask without a pause while a writer indexes, retires, rebuilds and prunes. Counts questions and generations seen.

    Every answer must hold the image that was asked for, where it was active before and after the question, and no image
    that was retired before it.
    """
    if complaint := forked(lambda: World(folder).work(5, steps=3))[1]:
        raise SystemExit(f"the first builds failed: {complaint}")

    def write() -> None:
        world, rng, end = World(folder), random.Random(6), time.monotonic() + seconds
        while time.monotonic() < end:
            world.change_source(rng)
            rng.choice((world.index, world.night, lambda: world.rebuilder.rebuild(keep=1, progress=quiet)))()

    def ask(number: int) -> None:
        world, rng, end = World(folder), random.Random(number), time.monotonic() + seconds
        snapshots = Snapshots(world.catalog, world.generations, world.methods, world.config.query)
        retrieval = Retrieval(world.methods, world.config.query)
        asked = 0
        seen: set[str] = set()
        while time.monotonic() < end:
            gone = set(world.catalog.images.retired_since(-1).tolist())
            before = world.catalog.descriptors.active_ids(world.methods["phash"].fingerprint).tolist()
            wanted = rng.choice(before)
            query = {
                name: np.frombuffer(found[wanted], method.dtype)
                for name, method in world.methods.items()
                if wanted in (found := world.catalog.descriptors.of(method.fingerprint, [wanted]))
            }
            if len(query) < len(world.methods):
                continue  # a night has let go of it
            snapshot = snapshots.current()
            answer = {c.image_id for c in retrieval.search(Description(query), snapshot).candidates}
            assert not answer & gone, f"retired images in an answer: {sorted(answer & gone)[:5]}"
            still = wanted not in set(world.catalog.images.retired_since(-1).tolist())
            assert wanted in answer or not still, f"image {wanted} was not found"
            asked, seen = asked + 1, seen | {snapshot.generation}
        world.said(f"asked {asked} {len(seen)}")

    jobs = [write, *(lambda n=n: ask(n) for n in range(processes))]
    with ThreadPoolExecutor(len(jobs)) as pool:
        complaints = [c for _, c in pool.map(forked, jobs) if c]
    if complaints:
        raise SystemExit(f"{'; '.join(complaints)}; the home is left in {folder}")
    checked(folder, "the readers")
    lines = (folder / "said").read_text(encoding="ascii").splitlines()
    told = [tuple(map(int, line.split()[1:])) for line in lines if line.startswith("asked")]
    return {"questions": sum(t[0] for t in told), "generations_seen": max(t[1] for t in told)}


def scratch() -> str | None:
    """A folder in memory, where there is one: a killed process loses nothing there either, and fsync is free."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=1.0, help="seconds until a kill, at most")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after so many, whatever the kills; 0: do not")
    parser.add_argument("--folder", type=Path, help="work there and leave it; default: a temporary folder")
    parser.add_argument("--readers", type=float, default=0.0, help="instead: ask for so many seconds during builds")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="simsearch-crash-", dir=scratch()))
    started = time.perf_counter()
    if given.readers:
        told = readers(folder, given.readers)
        said = f"{told['questions']} questions over {told['generations_seen']} generations: no error, nothing retired"
        print(json.dumps(told) if given.json else said)
        if given.folder is None:
            shutil.rmtree(folder)
        return

    def go_on(count: int) -> bool:
        if count % 50 == 0:
            print(f"{count} kills, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        return not given.minutes or time.perf_counter() - started < 60 * given.minutes

    steps = every_step(folder)
    counts = random_kills(folder, given.kills, given.seed, given.longest, go_on)
    clean_at_last(folder)
    done = counts["kills"]
    found = {
        "random_kills": done, "with_leftovers": counts["leftovers"], "kills_at_steps": steps,
        "seconds": round(time.perf_counter() - started, 1),
    }  # fmt: skip
    said = f"{done} random kills and {steps} at every fsync and rename in {found['seconds']:.0f} s: nothing lost"
    print(json.dumps(found) if given.json else said)
    if given.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

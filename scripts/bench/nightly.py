"""Cost of a night when nothing changed, and when one photo in a hundred did, against a first, full run.

    python scripts/bench/nightly.py [--photos 1000] [--json]

Photos are drawn (coloured blocks, 640 by 480 pixels): the cost of describing does not depend on the content. Wall and
processor time are measured for each night in one process. They do not include the start of Python and the loading of
the network, because a first photo is described before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from simsearch import open_app


def draw(path: Path, seed: int) -> None:
    """Write a photo; each seed gives a different one."""
    values = np.random.default_rng(seed).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    Pillow.fromarray(values).resize((640, 480), Pillow.Resampling.NEAREST).save(path, quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        source, warm = Path(folder, "photos"), Path(folder, "warm")
        for place, count in ((source, given.photos), (warm, 1)):
            place.mkdir()
            for number in range(count):
                draw(place / f"p{number:06d}.jpg", number)
        with open_app(Path(folder, "warm-home")) as app:
            app.nightly([warm])
            methods = app.methods
        with open_app(Path(folder, "home")) as app:
            app.methods = methods  # loaded once, as in one process
            for night in ("full", "unchanged", "one in a hundred"):
                if night == "one in a hundred":
                    for number in range(0, given.photos, 100):
                        draw(source / f"p{number:06d}.jpg", 10**6 + number)
                wall, cpu = time.perf_counter(), time.process_time()
                report = app.nightly([source])
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                found[night] = {"wall_s": wall, "cpu_s": cpu, "outcome": report.outcome, "steps_s": report.steps_s}
    if given.json:
        print(json.dumps(found))
        return
    print("| night | outcome | wall | processor | of the full one |")
    print("| --- | --- | ---: | ---: | ---: |")
    for night, r in found.items():
        share = r["cpu_s"] / found["full"]["cpu_s"]
        print(f"| {night} | {r['outcome']} | {r['wall_s']:.2f} s | {r['cpu_s']:.2f} s | {share:.1%} |")


if __name__ == "__main__":
    main()

"""Processes forked after cv2, FAISS and PyTorch were used answer, by an App of their own and by the parent's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import os, sys, time
import cv2, numpy as np
from simsearch import open_app

home, config, *photos = sys.argv[1:]
app = open_app(home, config)
known = [answer.sku for answer in app.query(photos)]
app.find_duplicates()
app.verify([(photos[0], photos[1])])
app.index([os.path.dirname(photos[0])])
cv2.blur(np.zeros((4000, 4000, 3), np.uint8), (31, 31))  # OpenCV's pool has threads now


def own(work):
    with open_app(home, config) as opened:
        return work(opened)


JOBS = {
    "query": lambda: own(lambda opened: [a.sku for a in opened.query(photos[:1])] == known[:1]),
    "batch": lambda: own(lambda opened: [a.sku for a in opened.query(photos, record=False)] == known),
    "the parent's App": lambda: [a.sku for a in app.query(photos)] == known,
    "record": lambda: app.query(photos[:1])[0].record_id is not None,
    "verify": lambda: own(lambda opened: opened.verify([(photos[0], photos[0])])[0].same),
    "duplicates": lambda: own(lambda opened: opened.find_duplicates() is not None),
    "index": lambda: own(lambda opened: opened.index([os.path.dirname(photos[0])]).refused == 0),
    "rebuild": lambda: own(lambda opened: opened.rebuild() > "g000001"),
}


def forked(job):
    child = os.fork()
    if not child:
        status = 2
        try:
            status = 0 if JOBS[job]() else 3
        finally:
            os._exit(status)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, 9)
    return "hangs"


for job in JOBS:
    print(job, forked(job))
print("parent", 0 if [a.sku for a in app.query(photos)] == known else 3)
"""
JOBS = ("query", "batch", "the parent's App", "record", "verify", "duplicates", "index", "rebuild", "parent")


@pytest.mark.slow
def test_forked_processes_work(home: Path, kit: Kit, shop: Shop) -> None:
    photos = [str(shop.photo(product.sku)) for product in shop.single[:3]]
    command = [sys.executable, "-c", SCRIPT, str(home), str(kit.config), *photos]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=ROOT)
    assert done.stdout.splitlines() == [f"{job} 0" for job in JOBS], done.stderr[-2000:]


LATE = """
import multiprocessing, sys
import cv2, numpy as np

home, config, photo = sys.argv[1:]
big = np.random.default_rng(0).integers(0, 255, (3000, 3000, 3), dtype=np.uint8)
cv2.GaussianBlur(big, (0, 0), 5)  # OpenCV's pool has threads now; simsearch is not loaded


def child(queue):
    from simsearch import open_app
    with open_app(home, config) as app:
        queue.put(app.query(photo, record=False)[0].sku)
        cv2.GaussianBlur(big, (0, 0), 5)
        queue.put(app.verify((photo, photo))[0].same)


queue = multiprocessing.get_context("fork").Queue()
process = multiprocessing.get_context("fork").Process(target=child, args=(queue,))
process.start()
process.join(90)
hangs = process.is_alive()
process.kill()
print("hangs" if hangs else (process.exitcode, queue.get(), queue.get()))
"""


@pytest.mark.timeout(150)
def test_a_child_of_a_process_that_never_loaded_simsearch_answers(home: Path, kit: Kit, shop: Shop) -> None:
    sku = shop.single[0].sku
    call = [sys.executable, "-c", LATE, str(home), str(kit.config), str(shop.photo(sku))]
    done = subprocess.run(call, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == f"(0, {sku!r}, True)\n"

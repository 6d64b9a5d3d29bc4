"""The manifest as JSON: what was written comes back, old ones open, and an error names file and key."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simsearch.core.errors import GenerationError
from simsearch.indexes import manifest
from simsearch.indexes.manifest import Audit, LaneFacts, Manifest, VoteFacts

FILE: dict[str, Any] = {"bytes": 5, "mtime_ns": 7, "sha256": "aa", "sampled_sha256": "bb"}
LANE = LaneFacts(
    **FILE, file="phash.index", name="phash", fingerprint="phash-1", metric="hamming", dim=64, kind="binary-flat",
    factory="BFlat", rerank=1, effort=0, images=3, device="cpu", build_s=0.25,
)  # fmt: skip
VOTES = VoteFacts(
    **FILE, file="votes.index", kind="votes", fingerprint="orb-1", most=200, dim=256, keypoints=9, build_s=1.0
)
WRITTEN = Manifest(
    name="g000001", revision=4, methods={"phash": "phash-1"}, created_at="2026-01-01T00:00:00+00:00", images=3,
    ids_sha256="cc", mark={"images": 3, "last": 3}, settings={"keep": 3}, build_s=0.5, lanes=(LANE,), votes=VOTES,
    audit={"phash": Audit(True, sampled=3, k=3, recall=1.0), "votes": Audit(True, sampled=3, recall=1.0)},
)  # fmt: skip


@pytest.mark.parametrize("votes", [VOTES, None])
def test_what_was_written_comes_back(tmp_path: Path, votes: VoteFacts | None) -> None:
    path = tmp_path / "manifest.json"
    given = replace(WRITTEN, votes=votes)
    sealed = manifest.write(path, given)
    assert manifest.read(path) == sealed == given
    assert manifest.read(path).digest == sealed.digest == json.loads(path.read_bytes())["digest"]
    assert manifest.read(path).vote_source == (("orb-1", 200) if votes else None)
    assert json.loads(path.read_bytes())["votes"] == ({} if votes is None else manifest.to_json(votes))


def test_a_recall_of_nothing_is_kept(tmp_path: Path) -> None:
    given = replace(WRITTEN, audit={"phash": Audit(False, "recall is 0", 3, 3, 0.0)})
    manifest.write(tmp_path / "manifest.json", given)
    assert manifest.read(tmp_path / "manifest.json") == given


def test_it_is_json_that_people_can_read(tmp_path: Path) -> None:
    manifest.write(tmp_path / "manifest.json", WRITTEN)
    text = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    assert '\n "revision": 4,\n' in text
    assert '"recall": 1.0' in text


def changed(tmp_path: Path, change: Any) -> Path:
    """A manifest, changed and sealed again as another program would."""
    path = tmp_path / "manifest.json"
    manifest.write(path, WRITTEN)
    body = json.loads(path.read_bytes())
    del body["digest"]
    change(body)
    path.write_text(json.dumps({**body, "digest": manifest.digest(body)}), encoding="utf-8")
    return path


def test_one_of_before_opens(tmp_path: Path) -> None:
    """As format 2 was first written: an audit that failed or had nothing to ask leaves keys out."""

    def before(body: dict[str, Any]) -> None:
        body["audit"] = {"phash": {"passed": True, "sampled": 0, "recall": 1.0}}
        body["votes"] = {}
        body["lanes"][0]["build_s"] = 1
        body["remark"] = "of a later version"

    found = manifest.read(changed(tmp_path, before))
    assert (found.audit["phash"], found.votes, found.lanes[0].build_s) == (Audit(True, recall=1.0), None, 1.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b.update(format=1), "is of format 1, this simsearch reads 2"),
        (lambda b: b.pop("format"), "is of format None, this simsearch reads 2"),
        (lambda b: b.pop("revision"), "lacks the key 'revision'"),
        (lambda b: b.update(images="3"), "images: must be int, not '3'"),
        (lambda b: b.update(images=True), "images: must be int, not True"),
        (lambda b: b["lanes"][0].pop("dim"), "lanes[0]: lacks the key 'dim'"),
        (lambda b: b["lanes"][0].update(metric="euclid"), "lanes[0]: metric: must be "),
        (lambda b: b.update(lanes={}), "lanes: must be "),
        (lambda b: b["audit"].update(phash=[]), "audit.phash: must be an object, not []"),
        (lambda b: b.update(votes=[1]), "votes: must be an object, not [1]"),
    ],
)
def test_file_and_key_are_named(tmp_path: Path, change: Any, words: str) -> None:
    path = changed(tmp_path, change)
    with pytest.raises(GenerationError) as caught:
        manifest.read(path)
    assert str(caught.value).startswith(f"{path}: {words}")
    assert str(caught.value).endswith("; run `simsearch rebuild`")

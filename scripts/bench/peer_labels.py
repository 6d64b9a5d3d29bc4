"""What a peer lists of the photos in a folder: run by `check_peers.py`, in the environment that has the peer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

SAME = 0.9
"""Cosine from which fastdup's pairs are listed: its documentation's threshold for near duplicates."""


def cleanlab(vectors: Any, photos: list[dict[str, str]], _folder: Path) -> list[dict[str, Any]]:
    """`find_label_issues` on probabilities by five neighbours, each photo's own left out."""
    from cleanlab.filter import find_label_issues

    skus = sorted({photo["sku"] for photo in photos})
    labels = np.array([skus.index(photo["sku"]) for photo in photos])
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -2.0)
    near = np.argsort(-likeness, axis=1, kind="stable")[:, :5]
    p = np.full((len(photos), len(skus)), 1e-6)
    for row, others in enumerate(near):
        for other in others:
            p[row, labels[other]] += max(0.0, float(likeness[row, other]))
    p /= p.sum(axis=1, keepdims=True)
    found = find_label_issues(labels, p, return_indices_ranked_by="normalized_margin", n_jobs=1)
    return [{"photos": [[photos[i]["sku"], photos[i]["sha256"]]], "skus": []} for i in found]


def fastdup(vectors: Any, photos: list[dict[str, str]], folder: Path) -> list[dict[str, Any]]:
    """Outliers, and pairs of photos under two SKUs that it takes for near duplicates."""
    import fastdup as peer

    work = folder / "fastdup"
    made = peer.create(work_dir=str(work), input_dir=str(folder))
    files = [photo["path"] for photo in photos]
    made.run(annotations=files, embeddings=np.ascontiguousarray(vectors, np.float32), data_type="image",
             overwrite=True, print_summary=False)  # fmt: skip
    by = {photo["path"]: photo for photo in photos}
    listed: list[dict[str, Any]] = []
    for row in made.outliers().to_dict("records"):
        photo = by.get(str(row.get("filename_outlier")))
        if photo:
            listed.append({"photos": [[photo["sku"], photo["sha256"]]], "skus": []})
    for row in made.similarity().to_dict("records"):
        a, b = (by.get(str(row.get(f"filename_{side}"))) for side in ("from", "to"))
        if a and b and a["sku"] != b["sku"] and row["distance"] >= SAME:
            pair = [[one["sku"], one["sha256"]] for one in (a, b)]
            listed.append({"photos": pair, "skus": [a["sku"], b["sku"]]})
    return listed


def main() -> None:
    """Write TOOL.json beside the vectors."""
    tool, folder = sys.argv[1], Path(sys.argv[2])
    photos = json.loads((folder / "photos.json").read_text(encoding="utf-8"))
    found = {"cleanlab": cleanlab, "fastdup": fastdup}[tool](np.load(folder / "vectors.npy"), photos, folder)
    (folder / f"{tool}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()

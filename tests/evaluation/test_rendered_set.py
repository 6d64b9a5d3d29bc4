"""The rendered evaluation set: a manifest with roles, the same for the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simsearch.evaluation.protocol import read_protocol
from simsearch.evaluation.rendered_set import write_rendered_set


def test_a_rendered_set_is_a_manifest_with_roles(manifest: Path, tmp_path: Path) -> None:
    protocol = read_protocol(manifest)
    assert (len(protocol.references), len(protocol.queries)) == (9, 24)
    assert len({q.sku for q in protocol.queries if not protocol.known(q.sku)}) == 3
    settings: dict[str, Any] = {"products": 12, "photos": 2, "severity": 0.1, "absent": 0.25, "family_share": 0.0}
    again = write_rendered_set(tmp_path / "again", seed=4, **settings)
    other = write_rendered_set(tmp_path / "other", seed=5, **settings)
    first, same, new = (sorted((p.parent / "images").iterdir())[1] for p in (manifest, again, other))
    assert first.read_bytes() == same.read_bytes() != new.read_bytes()

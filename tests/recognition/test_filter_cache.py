"""Filters on a catalog of pictures: every lane stays inside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch import open_app
from simsearch.core.types import Decision, Outcome

if TYPE_CHECKING:
    from simsearch.app import App
    from tests.conftest import Kit, Shop


def asked(app: App, photo: Path, *where: str) -> Decision:
    [answer] = app.query([photo], k=50, where=where, record=False)
    assert isinstance(answer, Decision)
    return answer


@pytest.mark.parametrize("own", [0, 2000])
def test_every_lane_stays_inside_the_filter(
    indexed: Path, kit: Kit, shop: Shop, monkeypatch: pytest.MonkeyPatch, own: int
) -> None:
    """Whether the keypoints vote in the index that serves or in one of their own."""
    monkeypatch.setattr("simsearch.recognition.snapshot.OWN_VOTES", own)
    product, other = shop.single[:2]
    photo = shop.photo(product.sku)
    with open_app(indexed, kit.config) as app:
        everything = asked(app, photo)
        inside = asked(app, photo, f"sku={product.sku.lower()}")
        outside = asked(app, photo, f"sku!={product.sku}")
        two = asked(app, photo, f"sku!={other.sku}", "name~a")
        none = asked(app, photo, "form=no such form")
    assert (inside.outcome, inside.sku, inside.generation) == (Outcome.MATCH, product.sku, "g000001")
    assert {h.sku for h in inside.hits} == {product.sku}
    found, known = inside.hits[0].verification, everything.hits[0].verification
    assert found.inliers == known.inliers
    assert found.probability == pytest.approx(known.probability)
    assert inside.hits[0].ranks["votes"] == 1
    assert outside.outcome is not Outcome.MATCH or outside.sku != product.sku
    assert product.sku not in {h.sku for h in outside.hits}
    assert len(outside.hits) > 5
    votes = next(lane for lane in outside.lanes if lane.name == "votes")
    assert votes.found > 0
    assert other.sku not in {h.sku for h in two.hits}
    assert all("a" in h.name.lower() for h in two.hits)
    assert (none.outcome, none.hits, none.reason) == (Outcome.UNKNOWN, (), "no photo of the catalog passes the filter")

"""What the catalog keeps of images and their products, and gives back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts, KnownImage
from simsearch.core.errors import CatalogError
from simsearch.core.stamps import Stamp
from simsearch.core.types import Refusal, SourceRow

P, S = "phash-1", "siamese-1"


def bits(value: int) -> dict[str, bytes]:
    return {P: bytes([value] * 8)}


def known(catalog: Catalog, *fingerprints: str) -> dict[str, KnownImage]:
    return {image.path: image for image in catalog.images.known(fingerprints or (P,))}


def test_an_added_image_is_known(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(
        add=[new("A", "/p/a.jpg", bits(1)), new("A", "/p/b.jpg"), new("B", "/p/a.jpg", bits(2), source="/q")]
    )
    found = sorted(catalog.images.known([P]), key=lambda image: image.id)
    assert [(k.sku, k.path, k.source, k.verdict, k.described) for k in found] == [
        ("A", "/p/a.jpg", "/p", "ok", True),
        ("A", "/p/b.jpg", "/p", "refused", False),
        ("B", "/p/a.jpg", "/q", "ok", True),
    ]
    assert {(k.stamp, k.sha256) for k in found} == {(Stamp(10, 20), "0" * 64)}
    assert found[0].product_id == found[1].product_id != found[2].product_id
    assert catalog.images.counts() == {"products": 2, "images_ok": 2, "images_refused": 1, "images_retired": 0}


def test_known_are_the_images_of_some_products_and_of_what_a_source_listed(
    catalog: Catalog, new: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsearch.catalog.database._CHUNK", 2)
    listed = [(sku, f"/{sku}/{n}", f"/source-{n}") for sku in "ABCDE" for n in range(2)]
    catalog.images.apply(add=[new(sku, path, bits(1), source=source) for sku, path, source in listed])

    def paths(skus: list[str] | None, sources: list[str]) -> list[str]:
        found = catalog.images.known([P], skus=skus, sources=sources)
        assert [k.id for k in found] == sorted({k.id for k in found})
        return [k.path for k in found]

    assert paths(None, []) == [path for _, path, _ in listed]
    assert paths(["A", "C", "E", "none"], []) == ["/A/0", "/A/1", "/C/0", "/C/1", "/E/0", "/E/1"]
    assert paths(["A"], ["/source-1"]) == ["/A/0", "/A/1", "/B/1", "/C/1", "/D/1", "/E/1"]
    assert paths([], []) == []


def test_described_means_under_every_fingerprint(catalog: Catalog, new: Any) -> None:
    both = {P: b"x", S: b"y"}
    catalog.images.apply(
        add=[new("A", "/1", {P: b"x"}), new("A", "/2", both), new("A", "/3"), new("A", "/4", {"orb-9": b""})]
    )
    described = {path: image.described for path, image in known(catalog, P, S).items()}
    assert described == {"/1": False, "/2": True, "/3": False, "/4": False}
    assert known(catalog, P)["/1"].described
    assert known(catalog, "orb-9")["/4"].described  # an image without keypoints has an empty descriptor
    assert catalog.descriptors.counts() == {P: 2, S: 1, "orb-9": 1}
    catalog.images.apply(retire=[known(catalog)["/2"].id])
    assert catalog.descriptors.counts() == {P: 1, "orb-9": 1}


def test_retired_images_are_gone_but_kept(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", bits(1)), new("A", "/2", bits(2)), new("B", "/3")])
    before = catalog.revision()
    ids = {path: image.id for path, image in known(catalog).items()}
    catalog.images.apply(retire=[ids["/1"], ids["/3"]])
    assert set(known(catalog)) == {"/2"}
    assert catalog.images.counts() == {"products": 1, "images_ok": 1, "images_refused": 0, "images_retired": 2}
    assert catalog.descriptors.active_ids(P).tolist() == [ids["/2"]]
    assert set(catalog.images.retired_since(before).tolist()) == {ids["/1"], ids["/3"]}
    assert catalog.images.retired_since(catalog.revision()).tolist() == []
    assert set(catalog.images.facts(ids.values())) == {ids["/2"]}
    assert set(catalog.descriptors.of(P, ids.values())) == {ids["/1"], ids["/2"]}
    catalog.images.apply(retire=[ids["/1"]])  # again: it keeps the revision of the first time
    assert catalog.images.retired_since(catalog.revision() - 1).tolist() == []


def test_an_id_is_never_given_twice(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", bits(1)), new("A", "/2", bits(2))])
    last = max(k.id for k in catalog.images.known([P]))
    with catalog.database.write() as c:
        for table in ("descriptors", "images", "products", "methods"):
            c.execute(sa.text(f"DELETE FROM {table}"))
    catalog.images.apply(add=[new("A", "/1", bits(1))])
    [image] = catalog.images.known([P])
    assert image.id == last + 1
    assert image.product_id == 2


def test_a_product_has_a_path_once_while_active(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", bits(1)), new("B", "/1", bits(1))])
    with pytest.raises(CatalogError):
        catalog.images.apply(add=[new("A", "/1", bits(2))])
    first = next(k for k in catalog.images.known([P]) if k.sku == "A")
    catalog.images.apply(retire=[first.id], add=[new("A", "/1", bits(2))])  # in one step, as a changed file is written
    second = next(k for k in catalog.images.known([P]) if k.sku == "A")
    assert second.id > first.id
    assert catalog.descriptors.of(P, [second.id]) == {second.id: bits(2)[P]}


def test_redescribing_keeps_ids_and_other_fingerprints(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", {P: b"old", "gone-1": b"z"}), new("A", "/2", {P: b"old"})])
    revision = catalog.revision()
    image = known(catalog)["/1"]
    again = replace(new("A", "/1", {P: b"new", S: b"s"}, source="/q"), stamp=Stamp(99, 20))
    catalog.images.apply(redescribe={image.id: again})
    after = known(catalog, P, S)["/1"]
    assert (after.id, after.stamp.size, after.source, after.described) == (image.id, 99, "/q", True)
    held = [catalog.descriptors.of(f, [image.id]).get(image.id) for f in (P, S, "gone-1")]
    assert held == [b"new", b"s", b"z"]
    assert catalog.descriptors.active_ids(P, since=revision).tolist() == [image.id]


def test_touching_changes_only_what_it_says(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", bits(1))])
    image, revision = known(catalog)["/1"], catalog.revision()
    catalog.images.apply(touch={image.id: ("/elsewhere", Stamp(5, 6, 7, 8))})
    assert known(catalog)["/1"] == replace(image, source="/elsewhere", stamp=Stamp(5, 6, 7, 8))
    assert catalog.descriptors.active_ids(P, since=revision).tolist() == []


def test_the_revision_only_rises_and_only_with_changes(catalog: Catalog, new: Any) -> None:
    seen = [catalog.revision()]
    catalog.images.apply()
    catalog.images.update_products([])
    catalog.images.note_refusals("/s", [Refusal("w", "bad_row", "m")])
    catalog.builds.record("g000001", 0, "built", {})
    assert catalog.revision() == seen[0] == 0
    catalog.images.apply(add=[new("A", "/1", bits(1))])
    seen.append(catalog.revision())
    image = known(catalog)["/1"]
    catalog.images.apply(redescribe={image.id: new("A", "/1", {S: b"x"})})
    seen.append(catalog.revision())
    catalog.images.update_products([SourceRow("A", "/1", "1", "", name="Ibu")])
    seen.append(catalog.revision())
    catalog.images.apply(retire=[image.id])
    assert [*seen, catalog.revision()] == [0, 1, 2, 3, 4]


def test_a_product_is_what_its_rows_say(catalog: Catalog, new: Any) -> None:
    facts = {"name": "Ibu 400", "strength": "400 mg", "form": "tablet", "manufacturer": "X", "attributes": {"atc": "M"}}
    catalog.images.apply(add=[new("A", "/1", bits(1), **facts), new("A", "/2", bits(2)), new("B", "/1", bits(1))])
    [image, *_] = catalog.images.facts(
        k.id for k in catalog.images.known([P]) if k.path == "/1" and k.sku == "A"
    ).values()
    assert image == ImageFacts(
        image.id, "1", "/1", "unknown", "0" * 64, "A", "Ibu 400", "400 mg", "tablet", "X", {"atc": "M"}
    )
    plain = next(f for f in catalog.images.facts(k.id for k in catalog.images.known([P])).values() if f.sku == "B")
    assert (plain.name, plain.strength, plain.form, plain.manufacturer, plain.attributes) == ("", "", "", "", {})


def product(catalog: Catalog, sku: str) -> tuple[Any, ...]:
    with catalog.database.read() as c:
        query = sa.text("SELECT name, strength, form, manufacturer, attributes FROM products WHERE sku = :sku")
        *plain, attributes = c.execute(query, {"sku": sku}).one()
    # SQLite keeps JSON as it is written; PostgreSQL's driver reads it.
    return (*plain, attributes if isinstance(attributes, str) else json.dumps(attributes))


def test_products_follow_their_source(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(
        add=[new("A", "/1", bits(1), name="Old", form="tablet", attributes={"atc": "M01"}), new("B", "/2")]
    )
    rows = [
        SourceRow("A", "/1", "1", "", name="New", attributes={"atc": "M02"}),
        SourceRow("A", "/2", "2", "", strength="10 mg", attributes={"pack": "20"}),
        SourceRow("nobody", "/9", "9", "", name="Nobody"),
    ]
    assert catalog.images.update_products(rows) == 1
    assert product(catalog, "A") == ("New", "10 mg", "tablet", "", '{"atc": "M02", "pack": "20"}')
    assert catalog.images.update_products(rows) == 0
    # A folder says nothing of products: it leaves them as they are.
    assert catalog.images.update_products([SourceRow("A", "/1", "1", ""), SourceRow("B", "/2", "2", "")]) == 0
    assert product(catalog, "A")[0] == "New"


def test_attributes_of_two_sources_are_joined(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", bits(1), attributes={"atc": "M01", "pack": "20"})])
    assert catalog.images.update_products([SourceRow("A", "/1", "1", "", attributes={"barcode": "123", "pack": "30"})])
    assert product(catalog, "A")[4] == '{"atc": "M01", "pack": "30", "barcode": "123"}'
    before = catalog.revision()
    assert not catalog.images.update_products([SourceRow("A", "/1", "1", "", attributes={"atc": "M01"})])
    assert catalog.revision() == before


def test_a_thousand_and_more_at_once(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new(f"S{i}", f"/{i}", {P: i.to_bytes(8, "little")}) for i in range(1203)])
    ids = catalog.descriptors.active_ids(P)
    assert len(ids) == 1203
    assert len(catalog.images.facts(ids)) == 1203
    assert len(catalog.descriptors.of(P, ids)) == 1203
    assert catalog.images.update_products([SourceRow(f"S{i}", f"/{i}", "", "", name="N") for i in range(1203)]) == 1203
    catalog.images.apply(add=[new(f"S{i}", f"/more/{i}", bits(1)) for i in range(1203)])
    assert catalog.images.counts()["products"] == 1203
    catalog.images.apply(retire=ids.tolist())
    assert catalog.images.counts()["images_retired"] == 1203
    catalog.images.note_refusals("/s", [Refusal(f"line {i}", "bad_row", "m") for i in range(1203)])
    assert len(catalog.images.refused()) == 1203


@pytest.mark.parametrize("sku", ["Ärztemuster 20×", "阿司匹林", "💊", "a'b\"c;--", "  ", "Å", "x" * 5000])
def test_any_text_is_a_sku(catalog: Catalog, new: Any, sku: str) -> None:
    catalog.images.apply(add=[new(sku, "/1", bits(1), name=sku, attributes={sku: sku})])
    catalog.images.apply(add=[new(sku, "/2", bits(1))])
    facts = list(catalog.images.facts(k.id for k in catalog.images.known([P])).values())
    assert [(f.sku, f.name, f.attributes) for f in facts] == [(sku, sku, {sku: sku})] * 2


def test_skus_are_told_apart_to_the_letter(catalog: Catalog, new: Any) -> None:
    skus = ["a", "A", "ä", "Ä", "a ", "\u00c5", "A\u030a", "\u212b"]  # the last three look alike
    catalog.images.apply(add=[new(sku, "/1", bits(1)) for sku in skus])
    assert catalog.images.counts()["products"] == len(skus)


def test_refusals_of_a_source_replace_those_before(catalog: Catalog, new: Any) -> None:
    a, b, c = (Refusal(f"line {i}", "bad_row", f"line {i}: bad") for i in range(3))
    catalog.images.note_refusals("/a", [a, b])
    catalog.images.note_refusals("/b", [c])
    catalog.images.apply(add=[new("A", "/1.jpg")])
    photo = Refusal("/1.jpg", "truncated", "/1.jpg: ends")
    assert catalog.images.refused() == [a, b, c, photo]
    catalog.images.note_refusals("/a", [b])
    assert catalog.images.refused() == [c, b, photo]
    catalog.images.note_refusals("/b", [])
    catalog.images.apply(retire=[k.id for k in catalog.images.known([P])])
    assert catalog.images.refused() == [b]

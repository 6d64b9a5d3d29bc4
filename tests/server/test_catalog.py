"""The catalog over HTTP: products page by page, pictures encoded anew, kept photos and the evidence beside them."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from simsearch.client import ServerProblem
from simsearch.server import names
from simsearch.server.names import unmarked

if TYPE_CHECKING:
    from tests.server.conftest import Served


def test_products_are_listed_page_by_page(served: Served) -> None:
    with served.client() as client:
        whole = client.products(limit=200)
        listed, cursor = [], None
        while True:
            page = client.products(limit=3, cursor=cursor)
            listed += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        assert listed == whole["items"]
        assert whole["total"] == len(listed) == served.app.status().counts["products"]
        one = served.shop.single[0]
        found = client.products(one.sku)["items"]
        assert [row["sku"] for row in found] == [one.sku]
        assert client.products("nothing of that name") == {"total": 0, "items": [], "next": None}
        product = client.product(one.sku)
        assert (product["name"], product["strength"]) == (one.name, one.strength)
        assert [image["image"] for image in product["images"]] == [f"images/{one.sku}_{n}.jpg" for n in (0, 1)]


def test_a_thumbnail_is_encoded_anew_and_kept_for_ever(served: Served) -> None:
    with served.client() as client:
        number = client.product(served.shop.single[0].sku)["images"][0]["id"]
        small, large = (client.thumbnail(number, size=size) for size in (160, 640))
    for data, longer in ((small, 160), (large, 352)):
        with Image.open(io.BytesIO(data)) as picture:
            assert (picture.format, max(picture.size)) == ("WEBP", longer)
            assert not picture.getexif()
    found = served.http.get(f"/v1/images/{number}/thumbnail")
    assert "immutable" in found.headers["cache-control"]
    again = served.http.get(f"/v1/images/{number}/thumbnail", headers={"If-None-Match": found.headers["etag"]})
    assert again.status_code == 304
    for size in ("0", "161", "x"):
        assert served.http.get(f"/v1/images/{number}/thumbnail", params={"size": size}).status_code == 422


def test_a_photo_is_kept_only_where_the_settings_say_so(starting: Any) -> None:
    for keep, of_match, of_unknown in (("never", 0, 0), ("review", 0, 1), ("always", 1, 1)):
        with starting(keep_photos=keep) as served:
            match = served.ask().json()
            other = served.ask(served.photo(1), params={"where": "sku=nothing"}).json()
            silent = served.ask(params={"record": "false"}).json()
            assert (match["decision"], other["decision"], silent["id"]) == ("match", "unknown", None)
            for answer, kept in ((match, of_match), (other, of_unknown)):
                found = served.http.get(f"/v1/decisions/{answer['id']}/photo")
                assert found.status_code == (200 if kept else 404), keep
                assert served.http.get(f"/v1/decisions/{answer['id']}").json()["photo_kept"] is bool(kept)


def test_a_kept_photo_is_for_the_server_alone_and_goes_after_its_days(starting: Any) -> None:
    with starting(keep_photos="always", keep_photos_days=3) as served:
        number = served.ask().json()["id"]
        path = served.state.photos.find(number)
        assert path is not None
        assert path.read_bytes() == served.photo()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        before = served.http.get(f"/v1/decisions/{number}/photo", params={"size": 160})
        with Image.open(io.BytesIO(before.content)) as picture:
            assert max(picture.size) == 160
        old = time.time() - 3.1 * 86_400
        os.utime(path, (old, old))
        assert served.http.get(f"/v1/decisions/{number}/photo").status_code == 404
        assert served.state.photos.drop_old() == 1
        assert not path.exists()


def test_evidence_needs_the_photo(starting: Any) -> None:
    with starting(keep_photos="always") as served, served.client() as client:
        answer = client.query(served.photo())
        image, number = answer["hits"][0]["image_id"], answer["id"] or 0
        with Image.open(io.BytesIO(client.evidence(image, number))) as picture:
            assert picture.format == "WEBP"
            assert picture.width > picture.height
        path = served.state.photos.find(number)
        assert path is not None
        path.unlink()
        with pytest.raises(ServerProblem) as caught:
            client.evidence(image, number)
        assert caught.value.name == "no-photo"


@pytest.mark.parametrize(
    ("raw", "path", "name"),
    [
        (b"/v1/products/a%2Fb", "/v1/products/a\uf8ffb", "a/b"),
        (b"/v1/products/a%2fb%20c", "/v1/products/a\uf8ffb c", "a/b c"),
        (b"/v1/products/a%252Fb", "/v1/products/a%2Fb", "a%2Fb"),
        (b"/v1/products/%C3%A4", "/v1/products/ä", "ä"),
    ],
)
def test_a_slash_in_a_name_parts_nothing(raw: bytes, path: str, name: str) -> None:
    assert names.path(raw) == path
    assert unmarked(path.rpartition("/")[2]) == name


def test_status_says_what_serves(served: Served) -> None:
    with served.client() as client:
        found = client.status()
        assert client.ready()
    assert found["generation"] == served.app.generations.current()
    assert found["images_ok"] == served.app.status().counts["images_ok"]
    assert (found["outside"], found["problem"], found["keeps_photos"]) == (0, None, "never")


def test_paths_of_the_server_are_for_its_administrators(served: Served, token: Callable[[str], str]) -> None:
    report = {"outcome": "swapped", "generation": "g000001", "backup": "/srv/a path", "exit_code": 0}
    folder = served.app.home / "nightly"
    folder.mkdir()
    (folder / "report-20260101T000000000000Z.json").write_text(json.dumps(report), encoding="utf-8")
    try:
        for role, told in (("read", {"outcome", "generation", "exit_code"}), ("admin", set(report))):
            with served.client(token(role)) as client:
                assert set(client.status()["nightly"] or ()) == told
    finally:
        shutil.rmtree(folder)


def test_metrics_count_answers_refusals_and_stages(served: Served) -> None:
    def read() -> dict[str, float]:
        text = served.http.get("/metrics").text
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    before = read()
    served.ask(params={"record": "false"})
    served.ask(b"no photo")
    after = read()
    for name, more in {
        'simsearch_answers_total{outcome="match"}': 1,
        'simsearch_answers_total{outcome="refused"}': 1,
        'simsearch_refused_total{code="not-an-image"}': 1,
        'simsearch_query_seconds_count{stage="describe"}': 1,
        'simsearch_requests_total{method="POST",route="/v1/queries",status="415"}': 1,
    }.items():
        assert after[name] - before.get(name, 0) == more, name
    assert after["simsearch_queue"] == after["simsearch_in_flight"] == 0
    assert after['simsearch_generation_info{generation="g000001"}'] == 1

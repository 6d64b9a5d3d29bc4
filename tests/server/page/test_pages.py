"""The page without a browser: what is sent, to whom, in which language, and that it needs no script."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from simsearch.catalog.browse import Listed, Wanted
from simsearch.server.page.render import local, product_url, static_files, static_url

if TYPE_CHECKING:
    from tests.server.page.conftest import Desk

HTML = {"Accept": "text/html"}
Photo = Callable[[str], Path]


def ask(desk: Desk, *photos: Path, **more: Any) -> httpx.Response:
    """What a browser without a script sends, camera input left empty."""
    files = [("photo", ("", b"", "application/octet-stream"))]
    files += [("photo", (p.name, p.read_bytes(), "image/jpeg")) for p in photos]
    fields = {"form": "", "manufacturer": "", **more.pop("fields", {})}
    return desk.http.post("/ask", files=files, data=fields, headers={**HTML, **more.pop("headers", {})}, **more)


def words(answer: httpx.Response) -> str:
    """The text of a page, without marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def say(desk: Desk, path: str, **fields: str) -> httpx.Response:
    """A form of the page."""
    parts = {name: (None, value) for name, value in fields.items()}
    return desk.http.post(path, files=parts, headers=HTML)


# -- every page ------------------------------------------------------------------------------------------------------

PAGES = (
    "/",
    "/review",
    "/review?kind=look-alikes",
    "/catalog",
    "/catalog?q=nothing+fits",
    "/refused",
    "/status",
    "/gone",
)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_needs_more_than_the_policy_allows(desk: Desk, path: str) -> None:
    answer = desk.http.get(path, headers=HTML)
    assert answer.status_code == (404 if path == "/gone" else 200)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<[^>]*\s(style|on\w+)\s*=", answer.text)
    assert "<style" not in answer.text
    assert re.findall(r"<script[^>]*>", answer.text) == [f'<script type="module" src="{static_url("page.js")}">']
    loaded = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert [address for address in loaded if not address.startswith(("/", "#"))] == []
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Accept-Language, Cookie, X-Fragment"


def test_static_files_are_kept_for_ever_and_named_by_their_content(desk: Desk) -> None:
    for name, data in static_files().items():
        answer = desk.http.get(static_url(name))
        assert (answer.status_code, answer.content) == (200, data)
        assert "immutable" in answer.headers["cache-control"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert desk.http.get("/static/older/page.js").status_code == 404
    assert desk.http.get(static_url("page.js").replace("page.js", "..%2frender.py")).status_code == 404
    assert desk.http.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


def test_the_script_imports_only_what_lies_beside_it() -> None:
    for name, data in static_files().items():
        if name.endswith(".js"):
            imported = re.findall(r'from "([^"]*)"', data.decode())
            assert all(i.removeprefix("./") in static_files() for i in imported), name
        assert b"http://" not in data.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in data


# -- language --------------------------------------------------------------------------------------------------------


def test_language_by_header_and_by_choice(desk: Desk) -> None:
    with httpx.Client(base_url=desk.address, headers={**HTML, "Accept-Language": "de"}) as client:
        german = client.get("/")
        assert '<html lang="de">' in german.text
        assert "Welches Medikament ist das?" in german.text
        assert 'href="/language/en?back=/" lang="en"' in german.text
        chosen = client.get("/language/en?back=/catalog%3Fq%3Dx")
        assert (chosen.status_code, chosen.headers["location"]) == (303, "/catalog?q=x")
        assert "Which drug is this?" in client.get("/").text
        assert client.get("/language/xx").status_code == 404


@pytest.mark.parametrize(
    "address",
    ["//other.example", "/\\other.example", "https://other.example", "", "catalog", "/a\nb", "/ x", "/" + "x" * 3000],
)
def test_going_back_stays_on_this_server(address: str) -> None:
    assert local(address) == "/"


def test_problems_are_told_in_the_readers_language(desk: Desk) -> None:
    gone = desk.http.get("/answers/999999", headers={**HTML, "Accept-Language": "de"})
    assert gone.status_code == 404
    assert "Diese Antwort gibt es nicht" in gone.text
    assert "no-decision" in gone.text
    assert desk.http.get("/answers/999999").headers["content-type"] == "application/problem+json"


# -- asking ----------------------------------------------------------------------------------------------------------


def test_a_match_says_what_to_check(clean: Desk, photo: Photo) -> None:
    answer = ask(clean, photo("match.jpg"))
    assert answer.status_code == 200
    found = clean.scripted.facts[0]
    text = words(answer)
    assert f"Match very likely, 99.910% · 120 points agree {found.name}" in text
    assert "Check name and strength on the package" in text
    assert "Beware: easily taken for another" in text
    assert "Your photo is not kept here." in text  # without a script only the catalog's picture can be shown
    assert 'href="/v1/images/' in answer.text
    assert "data-photo" not in answer.text
    assert f'href="/answers/{answer.headers["x-location"].rpartition("/")[2]}"' in answer.text


def test_an_ambiguous_answer_chooses_nothing(clean: Desk, photo: Photo) -> None:
    answer = ask(clean, photo("ambiguous.jpg"))
    assert "One of these 2. The photo does not tell which." in words(answer)
    cards = re.findall(r'<li class="card".*?</li>', answer.text, re.S)
    assert len(cards) == 2
    assert not re.search(r'<details[^>]*open|type="radio"|selected|autofocus', answer.text.partition("<dialog")[0])
    for card in cards:  # which one it is can be said only after the card was opened
        assert card.index("<details>") < card.index("It is this one")


def test_an_unknown_product_is_an_answer(clean: Desk, photo: Photo) -> None:
    text = words(ask(clean, photo("unknown.jpg")))
    assert "Not in the catalog, as far as this photo tells" in text
    assert "Nearest in the catalog: for information, not an answer" in text
    assert "400 mg 20 tablets tablets 04012345678901" in text


def test_a_contradiction_has_word_and_symbol(clean: Desk, photo: Photo) -> None:
    answer = ask(clean, photo("contradicted.jpg"))
    assert "but the print contradicts" in words(answer)
    row = re.search(r'<tr class="contradicts">.*?</tr>', answer.text, re.S)
    assert row is not None
    assert "<svg" in row[0]
    assert "contradicts Strength 400 mg 600 mg" in " ".join(re.sub(r"<[^>]*>", " ", row[0]).split())


def test_each_package_has_an_answer_of_its_own(clean: Desk, photo: Photo) -> None:
    text = words(ask(clean, photo("several.jpg")))
    assert "2 packages in this photo" in text
    assert "1 Match" in text
    assert "2 Unclear" in text


def test_a_script_gets_the_answer_alone_and_places_for_its_photos(clean: Desk, photo: Photo) -> None:
    answer = ask(clean, photo("match.jpg"), headers={"X-Fragment": "1"})
    assert "<html" not in answer.text
    assert answer.headers["x-title"] == "Match%20%C2%B7%20simsearch"
    assert answer.headers["x-location"].startswith("/answers/")
    assert 'data-photo="0"' in answer.text
    assert '<path class="tone' in answer.text  # matching points: the photo is the catalog's own
    assert "data-photo" in ask(clean, photo("several.jpg"), headers={"X-Fragment": "1"}).text


def test_several_sides_of_one_package(clean: Desk, photo: Photo) -> None:
    answer = ask(clean, photo("match.jpg"), photo("match2.jpg"), photo("broken.jpg"))
    assert answer.status_code == 200
    assert "broken.jpg was left out. This is no picture." in words(answer)
    assert "match.jpg, match2.jpg" in words(answer)


def test_what_cannot_be_asked(clean: Desk, photo: Photo) -> None:
    assert "That is no picture" in ask(clean).text
    bad = ask(clean, photo("broken.jpg"))
    assert (bad.status_code, "That is no picture" in bad.text) == (415, True)
    many = ask(clean, *[photo(f"match{n}.jpg") for n in range(5)])
    assert (many.status_code, "Too large" in many.text) == (413, True)


def test_photos_are_kept_only_as_the_settings_say(clean: Desk, photo: Photo) -> None:
    match, unknown = (int(ask(clean, photo(name)).headers["x-location"][9:]) for name in ("match.jpg", "unknown.jpg"))
    assert clean.state.photos.numbers([match, unknown]) == {unknown}
    assert f"/v1/decisions/{unknown}/photo?n=0" in clean.http.get(f"/review?item=a{unknown}", headers=HTML).text
    assert f"/v1/decisions/{match}/photo" not in clean.http.get(f"/answers/{match}", headers=HTML).text
    assert "kept for review, for 30 days" in clean.http.get("/", headers=HTML).text


# -- recorded answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["match", "ambiguous", "unknown", "contradicted", "several"])
def test_a_recorded_answer_reads_like_the_answer(clean: Desk, photo: Photo, name: str) -> None:
    given = ask(clean, photo(f"{name}.jpg"))
    again = clean.http.get(given.headers["x-location"], headers=HTML)
    headings = [re.findall(r"<h[12][^>]*>(.*?)</h[12]>", page.text, re.S) for page in (given, again)]
    assert headings[0] == headings[1]
    tables = [re.findall(r'<table class="facts-table">.*?</table>', page.text, re.S) for page in (given, again)]
    if name == "match":
        assert tables[0] == tables[1]
    assert f"{name}.jpg" in again.text


def test_a_word_on_an_answer_and_taking_it_back(clean: Desk, photo: Photo) -> None:
    where = ask(clean, photo("match.jpg")).headers["x-location"]
    said = say(clean, f"{where}/review", say="right")
    assert (said.status_code, said.headers["location"]) == (303, where)
    assert "Said to be right · local, " in words(clean.http.get(where, headers=HTML))
    [entry] = clean.state.audit.recent(1)
    assert (entry.who, entry.target) == ("local", where.replace("/answers/", "decision "))
    assert say(clean, f"{where}/review", say="undo").status_code == 303
    assert "Said to be" not in words(clean.http.get(where, headers=HTML))


@pytest.mark.parametrize(
    ("name", "fields", "verdict", "which"),
    [
        ("match", {"say": "none"}, "corrected", None), ("match", {"say": "sku", "sku": "1"}, "corrected", 1),
        ("match", {"say": "sku", "sku": "0"}, "confirmed", 0),
        ("ambiguous", {"say": "sku", "sku": "1"}, "confirmed", 1),
        ("ambiguous", {"say": "none"}, "corrected", None), ("ambiguous", {"say": "sku", "sku": "2"}, "corrected", 2),
        ("unknown", {"say": "none"}, "confirmed", None), ("unknown", {"say": "sku", "sku": "0"}, "corrected", 0),
    ],
)  # fmt: skip
def test_words_become_verdicts(
    clean: Desk, photo: Photo, name: str, fields: dict[str, str], verdict: str, which: int | None
) -> None:
    facts = clean.scripted.facts
    where = ask(clean, photo(f"{name}.jpg")).headers["x-location"]
    if "sku" in fields:
        fields = {**fields, "sku": facts[int(fields["sku"])].sku}
    assert say(clean, f"{where}/review", **fields).status_code == 303
    found = clean.app.decisions.get(int(where[9:]))
    assert found.review is not None
    assert (found.review.verdict.value, found.review.sku) == (verdict, None if which is None else facts[which].sku)
    assert found.review.by == "local"


def test_a_word_that_does_not_fit(clean: Desk, photo: Photo) -> None:
    where = ask(clean, photo("ambiguous.jpg")).headers["x-location"]
    assert "That does not fit the answer" in say(clean, f"{where}/review", say="right").text
    assert "Unknown SKU" in say(clean, f"{where}/review", say="sku", sku="nobody").text
    assert say(clean, f"{where}/review", say="perhaps").status_code == 422
    assert "Nothing to take back" in say(clean, f"{where}/review", say="undo").text
    cross = clean.http.post(f"{where}/review", files={"say": (None, "none")}, headers={"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == 403


# -- catalog and status ----------------------------------------------------------------------------------------------


def test_looking_through_the_catalog(desk: Desk) -> None:
    first = desk.app.catalog.browse.products(Wanted())[0]
    page = desk.http.get("/catalog", params={"q": first.product.sku}, headers=HTML)
    assert "1 product" in words(page)
    assert first.product.name in page.text
    one = desk.http.get(f"/catalog/{first.product.sku}", headers=HTML)
    assert f"/v1/images/{first.cover}/thumbnail?size=640" in one.text
    assert desk.http.get("/catalog/nobody", headers=HTML).status_code == 404
    assert "No product fits" in desk.http.get("/catalog?q=nothing+at+all", headers=HTML).text


def test_a_sku_may_hold_anything(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def by_sku(skus: Iterable[str]) -> dict[str, Listed]:
        asked.extend(skus)
        return {}

    monkeypatch.setattr(desk.app.catalog.browse, "by_sku", by_sku)
    sku = "A/1 ü?&#%2F"
    assert desk.http.get(product_url(sku), headers=HTML).status_code == 404
    assert asked == [sku]


def test_pages_of_the_catalog_follow_each_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsearch.server.page.routes_catalog._PAGE", 7)
    seen, path = [], "/catalog?q="
    while path:
        page = desk.http.get(html.unescape(path), headers=HTML)
        seen += re.findall(r'<li><a href="/catalog/([^"]*)"', page.text)
        following = re.search(r'rel="next" href="([^"]*)"', page.text)
        path = following[1] if following else ""
    assert len(seen) == len(set(seen)) == len(desk.app.catalog.selection.products())


def test_what_was_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from simsearch.core.types import Refusal

    refused = [Refusal("/srv/shop/photos/a/b.jpg", "truncated", "ends"), Refusal("line 7", "bad_row", "no SKU")]
    monkeypatch.setattr(desk.app, "refused", lambda: refused * 60)
    page = desk.http.get("/refused", headers=HTML)
    assert "…/a/b.jpg" in page.text
    assert "/srv" not in page.text  # where photos lie on the server is nobody's affair
    assert "The file ends before the picture does." in page.text
    assert "1–100 / 120" in words(page)
    narrowed = desk.http.get("/refused?code=bad_row", headers=HTML)
    assert ("line 7" in narrowed.text, "b.jpg" in narrowed.text) == (True, False)
    assert "2 refused files" not in narrowed.text
    assert "120 refused files" in words(desk.http.get("/catalog", headers=HTML))


@pytest.mark.parametrize("outcome", ["swapped", "failed"])
def test_status_with_the_last_night(desk: Desk, monkeypatch: pytest.MonkeyPatch, outcome: str) -> None:
    from dataclasses import replace

    night = {
        "started_at": "2026-11-30T01:00:00+00:00", "outcome": outcome, "seconds": 372.0, "error": "a source is gone",
        "steps_s": {"scan": 2.0, "build": 40.5}, "changes": {"added": 12, "changed": 0, "retired": 3},
    }  # fmt: skip
    before = desk.app.status()
    monkeypatch.setattr(desk.app, "status", lambda: replace(before, nightly=night))
    text = words(desk.http.get("/status", headers=HTML))
    assert ("The night failed" in text) == (outcome == "failed")
    assert "12 added 0 changed 3 retired" in text
    assert "Build new indexes 42 s" in text or "Build new indexes 40 s" in text
    assert "Nov 30, 2026, 01:00 UTC" in text


def test_searching_for_duplicates_from_the_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from simsearch.server.duplicate_runs import DuplicateRuns, Run

    started: list[list[str]] = []
    under_way = Run("20991231T235959000000Z", "running", "2099-12-31T23:59:59Z", progress=0.25)
    known = DuplicateRuns.all

    def start(self: DuplicateRuns, options: Iterable[str]) -> Run | None:
        if started:
            return None
        started.append(list(options))
        return under_way

    monkeypatch.setattr(DuplicateRuns, "start", start)
    monkeypatch.setattr(DuplicateRuns, "all", lambda self: [under_way] * len(started) + known(self))
    idle = desk.http.get("/status", headers=HTML)
    assert "groups of duplicates" in words(idle)
    assert 'action="/status/duplicates"' in idle.text
    for _ in range(2):  # the second one meets the first, and shows it
        answer = desk.http.post("/status/duplicates", headers=HTML)
        assert (answer.status_code, answer.headers["location"]) == (303, "/status#duplicates")
    assert started == [list(desk.state.options)]
    busy = desk.http.get("/status", headers=HTML)
    assert "A search is under way: 25 %" in words(busy)
    assert 'action="/status/duplicates"' not in busy.text


def test_a_search_that_failed_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from simsearch.server.duplicate_runs import DuplicateRuns, Run

    failed = Run("20991231T235959000000Z", "failed", "2099-12-31T23:59:59Z", error="the disk is full")
    monkeypatch.setattr(DuplicateRuns, "all", lambda self: [failed])
    text = words(desk.http.get("/status", headers=HTML))
    assert "The last search was not completed. the disk is full" in text
    assert "never searched" in text


def test_pages_of_a_home_without_a_catalog(starting: Any, tmp_path: Path, kit: Any, shop: Any) -> None:
    from simsearch import open_app
    from simsearch.core.config import ServerSettings
    from tests.server.conftest import serving

    settings = ServerSettings(port=0, rate_per_s=0.0, threads=1, workers=1)
    with open_app(tmp_path / "empty", kit.config) as app, serving(app, shop, settings) as served:
        for path in ("/", "/catalog", "/review", "/status"):
            answer = served.http.get(path, headers=HTML)
            assert (answer.status_code, "The catalog is empty" in answer.text) == (503, True)


# -- who -------------------------------------------------------------------------------------------------------------


def test_signing_in_by_a_token(desk: Desk) -> None:
    from simsearch.server.tokens import Tokens

    tokens = Tokens(desk.app.home)
    reader = tokens.add("reader", "read")
    try:
        with httpx.Client(base_url=desk.address, headers=HTML) as client:
            asked = client.get("/catalog?q=x")
            assert (asked.status_code, "Please sign in" in asked.text) == (401, True)
            assert 'name="back" value="/catalog?q=x"' in asked.text
            wrong = client.post("/sign-in", files={"token": (None, "wrong"), "back": (None, "/catalog")})
            assert (wrong.status_code, "This token is unknown" in wrong.text) == (403, True)
            right = client.post("/sign-in", files={"token": (None, reader), "back": (None, "/catalog?q=x")})
            assert (right.status_code, right.headers["location"]) == (303, "/catalog?q=x")
            cookie = right.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            assert reader not in client.get("/").text
            page = client.get("/review?kind=duplicates")
            assert "reader · Sign out" in words(page)
            assert 'value="different"' not in page.text  # reading is all that this role may
            assert client.post("/review/say", files={"item": (None, "x")}).status_code == 403
            assert client.post("/sign-out").headers["location"] == "/"
            assert client.get("/").status_code == 401
    finally:
        tokens.revoke("reader")
        tokens.path.unlink()

"""The review: what waits and in which order, words that settle it, taking them back, and who was faster."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from simsearch.catalog.reviews import ReviewVerdict, Side
from simsearch.server.page.queue import Asked, Pair, Queues
from tests.server.page.conftest import PAIRS
from tests.server.page.test_pages import HTML, ask, say, words

if TYPE_CHECKING:
    from tests.server.page.conftest import Desk

Photo = Callable[[str], Path]


@pytest.fixture
def queues(clean: Desk) -> Queues:
    return Queues(clean.state)


def pairs(queues: Queues, kind: str = "duplicates") -> list[Pair]:
    return [item for item in queues.open(kind).items if isinstance(item, Pair)]


def speak(clean: Desk, item: str, word: str, **fields: str) -> httpx.Response:
    answer = say(clean, "/review/say", kind="duplicates", q="", item=item, say=word, **fields)
    assert answer.status_code == 303, answer.text
    return answer


def follow(clean: Desk, answer: httpx.Response) -> httpx.Response:
    return clean.http.get(answer.headers["location"], headers=HTML)


def target(page: httpx.Response) -> str:
    """What the toast would take back."""
    found = re.search(r'class="toast server".*?name="target" value="([^"]*)"', page.text, re.S)
    assert found is not None
    return found[1]


# -- what waits ------------------------------------------------------------------------------------------------------


def test_pairs_wait_in_order_and_look_alikes_only_when_asked_for(queues: Queues) -> None:
    waiting = queues.open()
    assert waiting.counts == {"duplicates": PAIRS - 2, "look-alikes": 2, "ambiguous": 0, "unknown": 0, "corrected": 0}
    assert [item.key for item in waiting.items] == [pair.key for pair in pairs(queues)]
    assert all(pair.conflict for pair in pairs(queues))
    assert [pair.place for pair in pairs(queues)] == sorted(pair.place for pair in pairs(queues))
    assert {pair.kind for pair in pairs(queues, "look-alikes")} == {"look-alike"}


def test_answers_wait_until_somebody_speaks(clean: Desk, queues: Queues, photo: Photo) -> None:
    numbers = {
        name: int(ask(clean, photo(f"{name}.jpg")).headers["x-location"][9:])
        for name in ("ambiguous", "unknown", "match")
    }
    assert [i.key for i in queues.open("ambiguous").items] == [f"a{numbers['ambiguous']}"]
    assert [i.key for i in queues.open("unknown").items] == [f"a{numbers['unknown']}"]
    say(clean, f"/answers/{numbers['match']}/review", say="none")
    [corrected] = queues.open("corrected").items
    assert isinstance(corrected, Asked)
    assert corrected.record.id == numbers["match"]
    say(clean, f"/answers/{numbers['unknown']}/review", say="none")
    assert queues.open("unknown").items == ()


def test_words_narrow_the_queue(queues: Queues) -> None:
    first = pairs(queues)[0]
    found = queues.open("duplicates", f"{first.a.sku.lower()} {first.b.sku}").items
    assert [item.key for item in found] == [first.key]
    assert queues.open("duplicates", "nothing of the kind").items == ()


def test_a_photo_that_went_asks_nothing(clean: Desk, queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pairs(queues)[0]
    facts = clean.app.catalog.images.facts
    monkeypatch.setattr(
        clean.app.catalog.images, "facts", lambda ids: {i: f for i, f in facts(ids).items() if i != first.a.id}
    )
    left = [pair for pair in Queues(clean.state).open().items if isinstance(pair, Pair)]
    assert 0 < len(left) < PAIRS - 2
    assert all(first.a.id not in (pair.a.id, pair.b.id) for pair in left)


# -- deciding --------------------------------------------------------------------------------------------------------


def test_a_word_on_two_skus_settles_the_pair_and_goes_on(clean: Desk, queues: Queues) -> None:
    first, second = pairs(queues)[:2]
    done = speak(clean, first.key, "different")
    assert f"item={second.key}" in done.headers["location"]
    [review] = clean.app.catalog.reviews.all()
    assert {review.a, review.b} == {Side(first.a.sku), Side(first.b.sku)}
    assert (review.said, review.by) == (ReviewVerdict.DISMISSED, "local")
    page = follow(clean, done)
    assert f'data-key-of="{second.key}"' in page.text
    assert "different products" in words(page)
    assert f"1 / {PAIRS - 3}" in words(page)
    assert re.search(r"\d+ done by you today", words(page))


def test_a_word_on_two_files_holds_for_them_alone(clean: Desk, queues: Queues) -> None:
    first = pairs(queues)[0]
    speak(clean, first.key, "same", scope="files")
    [review] = clean.app.catalog.reviews.all()
    assert {review.a, review.b} == set(first.sides)
    assert review.said is ReviewVerdict.CONFIRMED
    assert first.key not in [pair.key for pair in pairs(queues)]


def test_undo_opens_the_item_again(clean: Desk, queues: Queues) -> None:
    first = pairs(queues)[0]
    page = follow(clean, speak(clean, first.key, "same"))
    back = say(clean, "/review/undo", kind="duplicates", q="", target=target(page))
    assert f"item={first.key}" in back.headers["location"]
    assert clean.app.catalog.reviews.all() == []
    again = follow(clean, back)
    assert "Taken back. It is open again." in words(again)
    assert f'data-key-of="{first.key}"' in again.text
    assert say(clean, "/review/undo", target=target(page)).status_code == 404  # nothing is left to take back
    assert say(clean, "/review/undo", target="pair a").status_code == 422


def test_answers_are_decided_by_number_or_as_none(clean: Desk, queues: Queues, photo: Photo) -> None:
    number = int(ask(clean, photo("ambiguous.jpg")).headers["x-location"][9:])
    page = clean.http.get(f"/review?item=a{number}", headers=HTML)
    cards = re.findall(r'name="sku" value="([^"]*)"><button name="say" value="sku" data-card="(\d)"', page.text)
    assert [n for _, n in cards] == ["1", "2", "3"]
    done = say(clean, "/review/say", item=f"a{number}", say="sku", sku=cards[1][0])
    assert done.status_code == 303
    found = clean.app.decisions.get(number).review
    assert found is not None
    assert (found.verdict.value, found.sku) == ("confirmed", cards[1][0])
    toast = follow(clean, done)
    assert f"Answer {number}: right ({cards[1][0]})" in words(toast)
    say(clean, "/review/undo", target=target(toast))
    assert clean.app.decisions.get(number).review is None
    say(clean, "/review/say", item=f"a{number}", say="none")
    found = clean.app.decisions.get(number).review
    assert found is not None
    assert (found.verdict.value, found.sku) == ("corrected", None)


def test_who_was_faster_is_named_and_the_queue_goes_on(clean: Desk, queues: Queues, photo: Photo) -> None:
    first, second = pairs(queues)[:2]
    clean.app.catalog.reviews.record(Side(first.a.sku), Side(first.b.sku), ReviewVerdict.CONFIRMED, by="Anna")
    answer = follow(clean, speak(clean, first.key, "different"))
    assert "Anna has just decided that one" in words(answer)
    [review] = clean.app.catalog.reviews.all()
    assert review.said is ReviewVerdict.CONFIRMED  # and stays
    assert second.key in answer.text


def test_a_word_between_two_looks_is_refused(clean: Desk, queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both readers saw the pair open; the second word comes after the first one was written."""
    first = pairs(queues)[0]
    found = Queues.find

    def slow(self: Queues, key: str) -> object:
        clean.app.catalog.reviews.record(Side(first.a.sku), Side(first.b.sku), ReviewVerdict.CONFIRMED, by="Anna")
        return found(self, key)

    monkeypatch.setattr(Queues, "find", slow)
    done = speak(clean, first.key, "different")
    assert f"faster={first.key}" in done.headers["location"]
    [review] = clean.app.catalog.reviews.all()
    assert (review.said, review.by) == (ReviewVerdict.CONFIRMED, "Anna")


def test_what_the_page_does_not_offer(clean: Desk, queues: Queues) -> None:
    first = pairs(queues)[0]
    assert say(clean, "/review/say", item="pnothing", say="same").status_code == 404
    assert say(clean, "/review/say", item="a1e5", say="none").status_code == 404
    assert say(clean, "/review/say", kind="duplicates", item=first.key, say="perhaps").status_code == 422
    assert clean.app.catalog.reviews.all() == []


def test_the_last_decisions_can_be_taken_back_from_the_list(clean: Desk, queues: Queues) -> None:
    for pair in pairs(queues)[:3]:
        speak(clean, pair.key, "different")
    page = clean.http.get("/review", headers=HTML)
    listed = page.text[page.text.index('<ul class="decided">') :]
    targets = re.findall(r'name="target" value="([^"]*)"', listed)
    assert len(targets) >= 3
    say(clean, "/review/undo", target=targets[1])
    assert len(clean.app.catalog.reviews.all()) == 2


def test_an_empty_queue_says_so(clean: Desk) -> None:
    page = clean.http.get("/review?kind=corrected", headers=HTML)
    assert "Nothing waits here All is decided." in words(page)


# -- pictures --------------------------------------------------------------------------------------------------------


def test_one_photo_is_laid_over_another(clean: Desk, queues: Queues) -> None:
    import io

    from PIL import Image

    first = pairs(queues)[0]
    path = f"/review/laid/{first.b.id}/over/{first.a.id}"
    answer = clean.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    ground = clean.http.get(f"/v1/images/{first.a.id}/thumbnail?size=640")
    assert Image.open(io.BytesIO(answer.content)).size == Image.open(io.BytesIO(ground.content)).size
    assert clean.http.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert clean.http.get(f"/review/laid/999999/over/{first.a.id}").status_code == 404


def test_places_that_contradict_are_enlarged(clean: Desk, queues: Queues) -> None:
    pair = pairs(queues, "look-alikes")[0]
    page = clean.http.get(f"/review?kind=look-alikes&item={pair.key}", headers=HTML)
    close_ups = re.search(r'<div class="close-ups".*?</div>\n', page.text, re.S)
    assert close_ups is not None
    assert re.findall(r"· <b>(.*?)</b>", close_ups[0]) == ["400 mg", "600 mg"]
    assert page.text.count('class="mark contradicts"') == 2

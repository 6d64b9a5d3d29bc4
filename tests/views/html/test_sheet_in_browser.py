"""The sheet of duplicates in Debian's Chromium, as a person works through it: keys, pages, and the saved file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.catalog.reviews import ReviewVerdict
from simsearch.core.config import ImageSettings
from simsearch.core.types import Verification
from simsearch.duplicates import DuplicateGroup, DuplicatePair, Findings
from simsearch.duplicates.review_file import read_reviews
from simsearch.views.html.duplicates import write_sheet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
LOOK = Verification(0.99, 0.9, 0.9, 40, 40.0)
LARGE = 9  # images of the first group, of whose 36 pairs 30 are shown
GROUPS, ON_A_PAGE = 40, 15


def group(first: int, size: int) -> DuplicateGroup:
    images = [
        ImageFacts(i, f"{i}.jpg", f"/gone/{i}.jpg", "front", f"{i:064x}", f"sku-{i}", "Calmorin", "", "", "", {})
        for i in range(first, first + size)
    ]
    return DuplicateGroup(tuple(images), tuple(DuplicatePair(a, b, LOOK) for a, b in combinations(images, 2)))


@pytest.fixture
def page(tmp_path: Path, browser: Browser) -> Iterator[Page]:
    """The first page of a sheet; none of its pages may complain."""
    groups = (group(1, LARGE), *(group(100 + 2 * i, 2) for i in range(GROUPS - 1)))
    write_sheet(tmp_path / "sheet.html", Findings(groups, (), 2 * GROUPS, GROUPS, 0), ImageSettings(), limit=ON_A_PAGE)
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.on("console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto((tmp_path / "sheet.html").as_uri())
    yield opened
    context.close()
    assert complaints == []


def count(page: Page) -> int:
    return int(page.locator("#count").inner_text().split()[0])


def current(page: Page) -> str:
    return page.locator("article.current h3").inner_text().split(" identical")[0].split(" same")[0]


def test_what_is_said_of_a_large_group_is_said_of_pairs_that_are_not_shown(page: Page, tmp_path: Path) -> None:
    page.keyboard.press("j")
    page.keyboard.press("c")
    assert count(page) == LARGE * (LARGE - 1) // 2
    assert current(page) == "Group 2"  # it goes on to the next one
    page.keyboard.press("k")
    page.keyboard.press("u")
    assert count(page) == 0


def test_a_key_is_never_about_a_group_out_of_sight(page: Page) -> None:
    page.keyboard.press("j")
    page.locator("article").nth(ON_A_PAGE - 1).scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.keyboard.press("d")
    assert count(page) == 0
    assert current(page) != "Group 1"
    page.keyboard.press("d")
    assert count(page) == 1
    page.locator("article").nth(ON_A_PAGE - 1).locator("figure").first.click()
    assert current(page) == f"Group {ON_A_PAGE}"


def test_decisions_stay_over_pages_and_are_saved_as_a_file_that_is_read(page: Page, tmp_path: Path) -> None:
    page.keyboard.press("j")
    page.keyboard.press("c")
    page.keyboard.press("n")
    page.wait_for_url("**/sheet-2.html")
    page.keyboard.press("j")
    assert current(page) == f"Group {ON_A_PAGE + 1}"
    page.keyboard.press("d")
    page.locator("article").nth(3).locator("button[data-say=confirmed]").click()
    with page.expect_download() as waiting:
        page.keyboard.press("s")
    waiting.value.save_as(tmp_path / "decisions.jsonl")
    reviews, bad = read_reviews(tmp_path / "decisions.jsonl")
    assert bad == []
    assert sum(r.said is ReviewVerdict.CONFIRMED for r in reviews) == LARGE * (LARGE - 1) // 2 + 1
    assert [(r.a.sku, r.b.sku) for r in reviews if r.said is ReviewVerdict.DISMISSED] == [("sku-128", "sku-129")]
    page.keyboard.press("p")
    page.wait_for_url("**/sheet.html")
    assert count(page) == len(reviews)
    assert page.locator("article").first.locator("tr.confirmed").count() == 30


def test_a_browser_that_keeps_no_more_says_so(page: Page) -> None:
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }")
    page.keyboard.press("j")
    page.keyboard.press("c")
    assert "keeps no more" in page.locator("#count").inner_text()

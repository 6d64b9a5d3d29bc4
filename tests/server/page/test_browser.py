"""The page in Debian's Chromium: every screen and state, wide and narrow, light and dark, by keys and by ear.

With SIMSEARCH_SCREENSHOTS=FOLDER a picture of each state is left there; docs/page.md says which.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.page.conftest import forget

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.server.page.conftest import Desk, Tab

pytestmark = pytest.mark.slow
Photo = Callable[[str], Path]
State = Callable[["Page", "Desk", Photo], None]
WIDTHS = (390, 1280)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""Of axe-core. Another colour scheme changes nothing but the contrast."""


def expect(shown: Any) -> Any:
    """Assertions on what a page shows, which wait a moment for what comes soon."""
    from playwright.sync_api import expect as waiting

    return waiting(shown)


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which a package of the tests carries."""
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def one_of_each(desk: Desk, photo: Photo) -> Iterator[None]:
    """A recorded answer of each kind waits in the review."""
    forget(desk)
    for name in ("match", "ambiguous", "unknown"):
        data = photo(f"{name}.jpg").read_bytes()
        desk.http.post(
            "/ask", files={"photo": (f"{name}.jpg", data)}, headers={"Accept": "text/html"}
        ).raise_for_status()
    yield
    forget(desk)


# -- states ----------------------------------------------------------------------------------------------------------


def chosen(page: Page, *photos: Path) -> None:
    """The form with photos."""
    page.goto("/")
    page.locator("input[type=file][multiple]").set_input_files(photos)
    page.locator(".chosen li").nth(len(photos) - 1).wait_for()


def asked(page: Page, *photos: Path) -> None:
    """The answer to photos."""
    chosen(page, *photos)
    page.locator("[data-go]").click()
    page.locator("[data-answer] [data-head]").wait_for()


def answer(name: str) -> State:
    return lambda page, desk, photo: asked(page, photo(f"{name}.jpg"))


def address(path: str) -> State:
    def look(page: Page, desk: Desk, photo: Photo) -> None:
        page.goto(path)

    return look


def opened(page: Page, desk: Desk, photo: Photo) -> None:
    asked(page, photo("ambiguous.jpg"))
    page.locator(".card summary").first.click()
    page.locator(".card .compare").first.wait_for()


def wrong(page: Page, desk: Desk, photo: Photo) -> None:
    asked(page, photo("match.jpg"))
    page.keyboard.press("w")
    page.locator(".wrong[open]").wait_for()


def refused(page: Page, desk: Desk, photo: Photo) -> None:
    chosen(page, photo("broken.jpg"))
    page.locator("[data-go]").click()
    page.locator("[data-problem]:not([hidden])").wait_for()


def offline(page: Page, desk: Desk, photo: Photo) -> None:
    chosen(page, photo("match.jpg"))
    page.context.set_offline(True)
    page.locator("[data-go]").click()
    page.get_by_text("No connection").wait_for()
    page.context.set_offline(False)


def enlarged(page: Page, desk: Desk, photo: Photo) -> None:
    asked(page, photo("match.jpg"))
    page.locator("[data-enlarge]:visible").first.click()
    page.locator("#viewer[open] svg").nth(1).wait_for()


def helped(page: Page, desk: Desk, photo: Photo) -> None:
    page.goto("/review")
    page.keyboard.press("?")
    page.locator("#keys[open]").wait_for()


def mode(key: str) -> State:
    def look(page: Page, desk: Desk, photo: Photo) -> None:
        page.goto("/review?kind=look-alikes")
        page.keyboard.press(key)
        page.locator(".stack:not([hidden]) .ground").wait_for()

    return look


def decided(page: Page, desk: Desk, photo: Photo) -> None:
    page.goto("/review?kind=duplicates")
    page.wait_for_timeout(350)
    page.keyboard.press("d")
    page.locator(".toast.server").wait_for()


def marked(page: Page, desk: Desk, photo: Photo) -> None:
    page.goto("/review?kind=duplicates")
    for _ in range(2):
        page.keyboard.press("m")
        key = page.locator(".item").get_attribute("data-key-of")
        page.keyboard.press("j")
        page.locator(f".item:not([data-key-of={key}])").wait_for()
    page.locator("[data-bulk]").click()
    page.locator("#bulk[open]").wait_for()


def signing_in(page: Page, desk: Desk, photo: Photo) -> None:
    from simsearch.server.tokens import Tokens

    tokens = Tokens(desk.app.home)
    tokens.add("nobody", "read")
    try:
        page.goto("/catalog")
        page.get_by_text("Please sign in").wait_for()
    finally:
        tokens.revoke("nobody")
        tokens.path.unlink()


STATES: dict[str, State] = {
    "ask": address("/"),
    "ask-chosen": lambda page, desk, photo: chosen(page, photo("match.jpg"), photo("match2.jpg")),
    "ask-refused": refused,
    "ask-offline": offline,
    "match": answer("match"),
    "match-wrong": wrong,
    "match-enlarged": enlarged,
    "ambiguous": answer("ambiguous"),
    "ambiguous-opened": opened,
    "unknown": answer("unknown"),
    "contradicted": answer("contradicted"),
    "several": answer("several"),
    "review": address("/review"),
    "review-look-alike": address("/review?kind=look-alikes"),
    "review-blink": mode("b"),
    "review-slide": mode("v"),
    "review-difference": mode("x"),
    "review-decided": decided,
    "review-marked": marked,
    "review-ambiguous": address("/review?kind=ambiguous"),
    "review-unknown": address("/review?kind=unknown"),
    "review-empty": address("/review?kind=corrected"),
    "keys": helped,
    "catalog": address("/catalog"),
    "catalog-empty": address("/catalog?q=nothing+of+the+kind"),
    "refused": address("/refused"),
    "status": address("/status"),
    "sign-in": signing_in,
    "gone": address("/gone"),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", STATES)
def test_state(desk: Desk, tab: Tab, photo: Photo, axe: str, name: str, width: int) -> None:
    """Nothing is wider than the window, nothing complains, axe finds nothing, in light and in dark."""
    page = tab(width, has_touch=width < 500, is_mobile=width < 500)
    STATES[name](page, desk, photo)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"
    page.evaluate(axe)
    for scheme, rules in (("light", RULES), ("dark", ["color-contrast"])):
        page.emulate_media(color_scheme=scheme)
        _shot(page, f"{name}-{width}-{scheme}")
        found = page.evaluate("rules => axe.run({ runOnly: rules })", rules)
        assert [_told(violation) for violation in found["violations"]] == []


def _told(violation: dict[str, Any]) -> str:
    nodes = [f"{node['target']} {node['failureSummary']}" for node in violation["nodes"][:3]]
    return f"{violation['id']}: {violation['help']}; {nodes}"


def _shot(page: Page, name: str) -> None:
    folder = os.environ.get("SIMSEARCH_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        dialog = page.locator("dialog[open]").count() > 0
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=not dialog)


@pytest.mark.parametrize("width", [320, 360, 3840])
def test_the_narrowest_and_the_widest_window(tab: Tab, photo: Photo, width: int) -> None:
    """320 pixels are what is left of 1,280 at 400 %."""
    page = tab(width)
    for path in ("/", "/review", "/catalog", "/status"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    asked(page, photo("match.jpg"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_everything_that_is_pressed_is_large_enough(tab: Tab, photo: Photo) -> None:
    """24 pixels at least, as WCAG 2.2 AA asks; what decides has 44."""
    page = tab(390)
    asked(page, photo("match.jpg"))
    for selector, least in (("main button, main .button, main summary", 44), ("footer a, footer button", 24)):
        for element in page.locator(selector).all():
            box = element.bounding_box()
            if box is not None:
                assert box["height"] >= least, element.inner_text()


# -- asking ----------------------------------------------------------------------------------------------------------


def test_the_readers_photo_is_shown_from_memory(tab: Tab, photo: Photo) -> None:
    page = tab()
    asked(page, photo("match.jpg"))
    own = page.locator("image[data-photo='0']").first
    assert (own.get_attribute("href") or "").startswith("blob:")
    expect(page.locator(".unkept").first).to_be_hidden()
    assert page.evaluate("document.activeElement.matches('[data-head]')")
    assert "/answers/" in page.url
    page.go_back()
    page.locator(".chosen img").wait_for()  # nothing is lost by going back
    page.go_forward()
    page.locator("[data-answer]").wait_for()
    page.get_by_role("button", name="Another photo of this package").click()
    page.locator("input[type=file][multiple]").set_input_files(photo("match2.jpg"))
    page.locator(".chosen li").nth(1).wait_for()


def test_a_word_on_an_answer_keeps_the_photos(tab: Tab, desk: Desk, photo: Photo) -> None:
    page = tab()
    asked(page, photo("match.jpg"))
    page.keyboard.press("c")
    page.get_by_text("Said to be right").wait_for()
    assert (page.locator("image[data-photo='0']").first.get_attribute("href") or "").startswith("blob:")
    number = int(page.url.rpartition("/")[2])
    found = desk.app.decisions.get(number).review
    assert found is not None
    assert found.verdict.value == "confirmed"
    page.keyboard.press("z")
    page.locator("[data-key='right-answer']").wait_for()
    assert desk.app.decisions.get(number).review is None


DROPPED = """([data, names]) => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  for (const [kind, name] of names) {
    const moved = new DataTransfer();
    moved.items.add(new File([bytes], name, { type: "image/jpeg" }));
    dispatchEvent(
      kind === "drop"
        ? new DragEvent("drop", { dataTransfer: moved, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: moved, cancelable: true }));
  }
}"""


def moved(page: Page, photo: Path, *names: tuple[str, str]) -> None:
    """Drops and pastes, all at one time."""
    page.evaluate(DROPPED, [base64.b64encode(photo.read_bytes()).decode(), [list(pair) for pair in names]])


def test_photos_are_dropped_and_pasted_and_stand_in_that_order(tab: Tab, photo: Photo) -> None:
    page = tab()
    page.goto("/")
    moved(page, photo("match.jpg"), ("drop", "match-dropped.jpg"), ("paste", "match-pasted.jpg"))
    page.locator(".chosen li").nth(1).wait_for()
    page.locator("[data-go]").click()
    page.get_by_text("match-dropped.jpg, match-pasted.jpg").wait_for(state="attached")


def test_photos_that_are_still_made_ready_count_and_go_with_the_others(tab: Tab, photo: Photo) -> None:
    page = tab()
    page.goto("/")
    moved(page, photo("match.jpg"), *[("drop", f"match{n}.jpg") for n in range(6)])
    page.get_by_text("Four photos at most").wait_for()
    expect(page.locator(".chosen li")).to_have_count(4)
    page.get_by_role("button", name="Remove photo 4").click()
    moved(page, photo("match.jpg"), ("paste", "match-late.jpg"))
    page.evaluate("document.querySelector('[data-go]').click()")
    page.get_by_text("match0.jpg, match1.jpg, match2.jpg, match-late.jpg").wait_for(state="attached")


def test_a_photo_dropped_while_one_is_asked_changes_nothing(tab: Tab, photo: Photo) -> None:
    page = tab()
    chosen(page, photo("match.jpg"))
    page.route("**/ask", lambda route: None)  # no answer comes
    page.locator("[data-go]").click()
    page.locator("[data-progress]").wait_for()
    moved(page, photo("match.jpg"), ("drop", "match-late.jpg"))
    page.wait_for_timeout(200)
    expect(page.locator(".chosen li")).to_have_count(1)
    expect(page.locator("[data-progress]")).to_be_visible()


def test_at_most_four_and_no_other_files(tab: Tab, photo: Photo, tmp_path: Path) -> None:
    page = tab()
    chosen(page, *[photo(f"match{n}.jpg") for n in range(4)])
    expect(page.locator(".pick")).to_be_hidden()
    page.get_by_role("button", name="Remove photo 2").click()
    (tmp_path / "leaflet.pdf").write_bytes(b"%PDF")
    page.locator("input[type=file][multiple]").set_input_files(
        [tmp_path / "leaflet.pdf", photo("match5.jpg"), photo("match6.jpg")]
    )
    page.get_by_text("Four photos at most").wait_for()
    expect(page.locator(".chosen li")).to_have_count(4)


def test_large_photos_are_sent_smaller_and_small_ones_as_they_are(
    tab: Tab, desk: Desk, photo: Photo, large_photo: Path
) -> None:
    page = tab()
    asked(page, large_photo)
    assert 100_000 < len(desk.scripted.seen) < 4_000_000
    asked(page, photo("match.jpg"))
    assert desk.scripted.seen == photo("match.jpg").read_bytes()


def test_cancelling_and_asking_again(tab: Tab, desk: Desk, photo: Photo) -> None:
    import threading

    page, going = tab(), threading.Event()
    desk.scripted.wait = lambda: going.wait(20)
    try:
        chosen(page, photo("match.jpg"))
        page.locator("[data-go]").click()
        page.get_by_text("Looking …").wait_for()
        assert page.locator("[data-ask]").get_attribute("aria-busy") == "true"
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Cancelled. Your photo is still here.").wait_for()
    finally:
        going.set()
        desk.scripted.wait = None
    page.locator("[data-go]").click()
    page.locator("[data-answer]").wait_for()


def test_a_busy_server_is_asked_again(tab: Tab, photo: Photo) -> None:
    page = tab()
    refusals = iter([True])

    def busy(route: Any) -> None:
        if next(refusals, False):
            route.fulfill(status=503, content_type="application/problem+json", body="{}", headers={"Retry-After": "1"})
        else:
            route.continue_()

    page.route("**/ask", busy)
    chosen(page, photo("match.jpg"))
    page.locator("[data-go]").click()
    page.get_by_role("button", name="Ask again").click()
    page.locator("[data-answer]").wait_for()


@pytest.mark.parametrize("width", WIDTHS)
def test_asking_without_a_script(browser: Any, desk: Desk, photo: Photo, width: int) -> None:
    context = browser.new_context(
        base_url=desk.address, java_script_enabled=False, viewport={"width": width, "height": 844}, locale="en"
    )
    page = context.new_page()
    page.goto("/")
    _shot(page, f"ask-without-script-{width}-light")
    page.locator("input[type=file][multiple]").set_input_files([photo("ambiguous.jpg")])
    page.get_by_role("button", name="Find out").click()
    page.get_by_role("heading", name="One of these 2. The photo does not tell which.").wait_for()
    page.locator(".card summary").first.click()
    page.locator(".card").first.get_by_role("button", name="It is this one").click()
    page.get_by_text("Said to be right").wait_for()
    page.get_by_role("button", name="Take back").click()
    page.get_by_role("button", name="None of these").wait_for()
    context.close()


def test_german_by_the_browsers_language_and_back(tab: Tab) -> None:
    page = tab(locale="de-AT")
    page.goto("/catalog?q=nothing+at+all")
    assert page.locator("html").get_attribute("lang") == "de"
    page.get_by_role("link", name="English").click()
    page.get_by_role("heading", name="No product fits").wait_for()
    assert page.url.endswith("/catalog?q=nothing+at+all")


def test_pictures_are_enlarged_together(tab: Tab, photo: Photo) -> None:
    page = tab()
    asked(page, photo("match.jpg"))
    page.locator("[data-enlarge]:visible").first.focus()
    page.keyboard.press("Enter")
    panes = page.locator("#viewer .panes > svg")
    panes.nth(1).wait_for()
    before = [panes.nth(n).get_attribute("viewBox") for n in (0, 1)]
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    after = [panes.nth(n).get_attribute("viewBox") for n in (0, 1)]
    shares = []
    for old, new in zip(before, after, strict=True):
        (x, y, w, h), (nx, ny, nw, nh) = ([float(v) for v in box.split()] for box in (old or "", new or ""))
        shares.append(((nx - x) / w, (ny - y) / h, nw / w, nh / h))
    assert shares[0] == pytest.approx(shares[1], abs=1e-6)
    assert shares[0][2] == pytest.approx(1 / 1.5)
    page.keyboard.press("Escape")
    page.locator("#viewer:not([open])").wait_for(state="attached")
    assert page.evaluate("document.activeElement.matches('[data-enlarge]')")


# -- the review by keys ----------------------------------------------------------------------------------------------


@pytest.fixture
def undecided(desk: Desk) -> Iterator[Desk]:
    """All pairs wait, before and after."""
    for _ in range(2):
        for review in desk.app.catalog.reviews.all():
            desk.app.catalog.reviews.forget(review.a, review.b)
        if not _:
            yield desk


def current(page: Page) -> str:
    return page.locator(".item").get_attribute("data-key-of") or ""


def press(page: Page, key: str) -> None:
    """A key, and what comes of it: the next item, after which keys count again."""
    before = current(page)
    page.keyboard.press(key)
    page.locator(f".item:not([data-key-of='{before}'])").wait_for()
    page.wait_for_timeout(320)


def test_thirty_items_by_keys_alone(tab: Tab, undecided: Desk) -> None:
    page = tab()
    page.goto("/review?kind=duplicates")
    page.wait_for_timeout(320)
    seen = []
    for n in range(29):
        seen.append(current(page))
        press(page, "d" if n % 3 else "s")
    seen.append(current(page))
    page.keyboard.press("d")
    page.get_by_role("heading", name="Nothing waits here").wait_for()
    assert len(set(seen)) == 30
    said = [review.said.value for review in undecided.app.catalog.reviews.all()]
    assert (said.count("confirmed"), said.count("dismissed")) == (10, 20)


def test_moving_skipping_and_taking_back_by_keys(tab: Tab, undecided: Desk) -> None:
    page = tab()
    page.goto("/review?kind=duplicates")
    page.wait_for_timeout(320)
    first = current(page)
    press(page, "j")
    press(page, "k")
    assert current(page) == first
    press(page, "u")
    second = current(page)
    press(page, "s")
    press(page, "z")
    assert current(page) == second
    assert undecided.app.catalog.reviews.all() == []
    press(page, "ArrowUp")
    assert current(page) == first
    press(page, "ArrowUp")  # before the first comes the last: what was skipped is there, too
    expect(page.locator(".count b")).to_have_text("30")


NERVOUS = """async () => {
  const press = (times) => {
    for (let i = 0; i < times; i++)
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "d", bubbles: true, cancelable: true }));
  };
  press(11);
  while (!document.querySelector(".toast.server")) await new Promise(requestAnimationFrame);
  press(5);
}"""
"""Held down, or pressed by nervous fingers: the items that come are not decided. It runs in the page, since keys that
are sent to a browser on a busy machine come so slowly that each of them is meant."""


def test_keys_that_decide_wait_for_the_item_and_for_the_answer(tab: Tab, undecided: Desk) -> None:
    page = tab()
    page.goto("/review?kind=duplicates")
    page.wait_for_timeout(320)
    page.evaluate(NERVOUS)
    page.wait_for_timeout(400)
    assert len(undecided.app.catalog.reviews.all()) == 1


def test_keys_are_off_in_fields_and_when_switched_off(tab: Tab, undecided: Desk) -> None:
    page = tab()
    page.goto("/review?kind=duplicates")
    page.wait_for_timeout(320)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "review-q"
    page.keyboard.type("sds")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.locator("#keys-on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.wait_for_timeout(300)
    assert undecided.app.catalog.reviews.all() == []


def test_the_help_shows_the_keys_in_force(tab: Tab, undecided: Desk) -> None:
    page = tab()
    page.goto("/review?kind=duplicates")
    page.keyboard.press("?")
    row = page.locator("tr[data-action=different]")
    row.get_by_role("button").click()
    page.keyboard.press("s")
    page.get_by_text("S is taken.").wait_for()
    row.get_by_role("button").click()
    page.keyboard.press("f")
    expect(row.locator("kbd")).to_have_text("F")
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_timeout(320)
    press(page, "f")
    [review] = undecided.app.catalog.reviews.all()
    assert review.said.value == "dismissed"


def test_comparing_by_keys(tab: Tab, undecided: Desk) -> None:
    page = tab()
    page.goto("/review?kind=duplicates")
    stage = page.locator("[data-stage]")
    for key, name in (("b", "blink"), ("v", "slider"), ("x", "difference"), ("a", "side")):
        page.keyboard.press(key)
        assert stage.get_attribute("data-mode") == name
    page.keyboard.press("b")
    layers = page.locator(".layers").first
    page.keyboard.press("b")  # without motion each press shows the other picture
    assert "flipped" in (page.locator(".stack .layers").get_attribute("class") or "")
    page.keyboard.press("Escape")
    assert stage.get_attribute("data-mode") == "side"
    page.keyboard.press("Enter")
    page.locator("#viewer[open]").wait_for()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer .panes > svg:not([hidden])")).to_have_count(1)
    page.keyboard.press("Enter")
    page.locator("#viewer:not([open])").wait_for(state="attached")
    assert layers is not None


def test_blinking_moves_by_itself_where_motion_is_welcome(tab: Tab, undecided: Desk) -> None:
    page = tab(reduced_motion="no-preference")
    page.goto("/review?kind=duplicates")
    page.keyboard.press("b")
    page.locator(".stack .layers.flipped").wait_for()
    page.locator(".stack .layers:not(.flipped)").wait_for()
    page.keyboard.press("b")  # and stops
    assert page.locator("[data-stage]").get_attribute("data-mode") == "side"


def test_marked_items_are_decided_together(tab: Tab, undecided: Desk) -> None:
    page = tab()
    marked(page, undecided, lambda name: Path(name))
    expect(page.locator("#bulk-list li")).to_have_count(2)
    page.locator("#bulk [data-say=different]").click()
    page.locator(".count", has_text="/ 28").wait_for()
    assert [review.said.value for review in undecided.app.catalog.reviews.all()] == ["dismissed", "dismissed"]


def test_numbers_choose_a_product(tab: Tab, desk: Desk, photo: Photo) -> None:
    page = tab()
    data = photo("ambiguous.jpg").read_bytes()
    sent = desk.http.post("/ask", files={"photo": ("ambiguous.jpg", data)}, headers={"Accept": "text/html"})
    number = int(sent.headers["x-location"].rpartition("/")[2])
    page.goto(f"/review?kind=ambiguous&item=a{number}")
    page.wait_for_timeout(320)
    page.keyboard.press("2")
    page.locator(".toast.server").wait_for()
    found = desk.app.decisions.get(number).review
    assert found is not None
    assert found.sku == desk.scripted.facts[1].sku

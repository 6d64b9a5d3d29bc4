"""People's words over HTTP: on answers and on pairs, by ETag, with a log of who changed what."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch.client import ServerProblem
from simsearch.duplicates import PairKind
from simsearch.server.access import Principal, Role
from simsearch.server.audit import Audit
from simsearch.server.duplicate_runs import KEPT, DuplicateRuns
from simsearch.server.preconditions import Preconditions, etag
from simsearch.server.problems import Problem
from simsearch.views import json as shapes

if TYPE_CHECKING:
    from tests.conftest import Kit, Run
    from tests.server.conftest import Served

WHO = Principal("anna", Role.REVIEW, "token")
FROM = {"address": "198.51.100.1", "request_id": "r1"}


# -- answers -----------------------------------------------------------------------------------------------------------


def test_a_match_is_confirmed_corrected_and_taken_back(served: Served) -> None:
    other = served.shop.single[3].sku
    with served.client() as client:
        number = client.query(served.photo())["id"]
        assert number is not None
        seen = client.decision(number)
        assert seen.value["review"] is None
        confirmed = client.review(number, "confirmed", note="looked twice", etag=seen.etag)
        review = confirmed.value["review"]
        assert review is not None
        assert (review["verdict"], review["sku"], review["note"], review["by"]) == (
            "confirmed", served.shop.single[0].sku, "looked twice", "local",
        )  # fmt: skip
        assert client.decision(number) == confirmed
        with pytest.raises(ServerProblem) as caught:  # somebody who still sees the first state
            client.review(number, "corrected", other, etag=seen.etag)
        assert caught.value.name == "somebody-was-faster"
        assert caught.value.body["etag"] == confirmed.etag  # type: ignore[typeddict-item]
        corrected = client.review(number, "corrected", other, etag=confirmed.etag)
        assert corrected.value["review"]["sku"] == other  # type: ignore[index]
        assert number in [d["id"] for d in client.decisions(sku=other, reviewed=True)["items"]]
        client.forget_review(number, etag=corrected.etag)
        assert client.decision(number).etag == seen.etag
        changes = client.changes(limit=3)["items"]
    assert [change["action"] for change in changes] == ["forget decision review", "review decision", "review decision"]
    assert {change["target"] for change in changes} == {f"decision {number}"}
    assert changes[1]["before"] == review
    assert changes[1]["after"]["sku"] == other


def test_a_wrong_product_is_none_of_the_catalog_by_null(served: Served) -> None:
    with served.client() as client:
        number = client.query(served.photo(1))["id"] or 0
        assert client.review(number, "corrected", None).value["review"]["sku"] is None  # type: ignore[index]
        client.forget_review(number)
        with pytest.raises(ServerProblem) as caught:
            client.review(number, "corrected", served.shop.single[1].sku)
        assert "say `confirmed`" in str(caught.value)


def test_an_ambiguous_answer_asks_which_one_it_is(served: Served) -> None:
    planted = served.shop.planted[0]
    photo = served.shop.photo(planted.sku_a)
    with served.client() as client:
        answer = client.query(photo)
        if answer["decision"] != "ambiguous":
            pytest.skip("the rendered copy is told apart")
        number = answer["id"] or 0
        for sku, name in ((None, "contradiction"), (served.shop.single[5].sku, "contradiction")):
            with pytest.raises(ServerProblem) as caught:
                client.review(number, "confirmed", sku)
            assert caught.value.name == name
        assert client.review(number, "confirmed", answer["named"][1]).value["review"]["sku"] == answer["named"][1]  # type: ignore[index]
        client.forget_review(number)


def test_pages_of_decisions_are_complete_and_without_doubles(served: Served) -> None:
    with served.client() as client:
        for number in range(5):
            client.query(served.photo(number))
        listed, cursor = [], None
        while True:
            page = client.decisions(limit=2, cursor=cursor)
            listed += [d["id"] for d in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert listed == sorted(set(listed), reverse=True)
        assert len(listed) >= 5
        newest = client.decisions(since="1h", outcome="match", limit=1)["items"][0]
        assert newest["id"] == listed[0]
        with pytest.raises(ServerProblem) as caught:
            client.products(cursor=page["next"] or client.decisions(limit=1)["next"])
    assert caught.value.name == "bad-cursor"


def test_a_state_that_the_client_has_is_not_sent_again(served: Served) -> None:
    number = served.ask().json()["id"]
    first = served.http.get(f"/v1/decisions/{number}")
    again = served.http.get(f"/v1/decisions/{number}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("match", "none_match", "present", "holds"),
    [
        (None, None, None, True), (None, None, '"a"', True), ('"a"', None, '"a"', True),
        ('"b", "a"', None, '"a"', True),
        ('"b"', None, '"a"', False), ('"a"', None, None, False), ("*", None, '"a"', True), ("*", None, None, False),
        (None, "*", None, True), (None, "*", '"a"', False), (None, '"b"', '"a"', True), ("", None, '"a"', False),
        ('W/"a"', None, '"a"', True),
    ],
)  # fmt: skip
def test_preconditions(match: str | None, none_match: str | None, present: str | None, holds: bool) -> None:
    conditions = Preconditions(match, none_match)
    if holds:
        conditions.check(present)
    else:
        with pytest.raises(Problem):
            conditions.check(present)


def test_an_etag_follows_the_value() -> None:
    assert etag({"a": 1, "b": 2}) == etag({"b": 2, "a": 1}) != etag({"a": 1, "b": 3})


def test_a_busy_catalog_makes_a_reviewer_wait_and_not_fail(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    number = served.ask().json()["id"]
    monkeypatch.setattr("simsearch.server.audit._BUSY_S", 0.3)
    with served.state.audit.change(WHO, FROM, "something long", "nothing"):
        found = served.http.put(f"/v1/decisions/{number}/review", json={"verdict": "confirmed"})
    assert (found.status_code, found.json()["type"], found.headers["retry-after"]) == (503, "/problems/busy", "2")


# -- duplicates --------------------------------------------------------------------------------------------------------


@pytest.fixture
def searched(served: Served) -> str:
    """The id of a search whose groups are kept."""
    found = served.app.find_duplicates()
    with DuplicateRuns(served.app.home).running() as run:
        run.done(map(shapes.group, found.groups), map(shapes.look_alike, found.look_alikes))
    return run.run.id


def test_the_groups_of_the_last_search_follow_what_people_say(served: Served, searched: str) -> None:
    with served.client() as client:
        page = client.duplicates(limit=200)
        assert page["run"] == searched
        assert page["total"] == len(page["items"])
        group = next(g for g in page["items"] if g["conflict"] and len(g["images"]) == 2)
        assert group["done"] is False
        a, b = (image["image"] for image in group["images"])
        said = client.review_pair(a, b, "dismissed", "another maker")
        assert (said.value["said"], said.value["by"]) == ("dismissed", "local")
        [now] = [g for g in client.duplicates(limit=200)["items"] if g["id"] == group["id"]]
        assert (now["done"], now["pairs"][0]["said"]) == (True, "dismissed")
        assert client.duplicates(state="open")["total"] == page["total"] - 1
        assert [g["id"] for g in client.duplicates(state="done")["items"]] == [group["id"]]
        with pytest.raises(ServerProblem) as caught:
            client.review_pair(a, b, "confirmed", etag='"old"')
        assert caught.value.name == "somebody-was-faster"
        assert [r["note"] for r in client.pair_reviews()["items"]] == ["another maker"]
        client.forget_pair_review(b, a, etag=said.etag)  # in either order
        assert client.pair_reviews()["items"] == []
        with pytest.raises(ServerProblem) as caught:
            client.forget_pair_review(a, b)
        assert caught.value.name == "no-review"


def test_groups_are_listed_page_by_page_and_by_kind(served: Served, searched: str) -> None:
    with served.client() as client:
        whole = client.duplicates(limit=200)["items"]
        listed, cursor = [], None
        while True:
            page = client.duplicates(limit=1, cursor=cursor)
            listed += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        assert listed == whole
        kinds = {g["kind"] for g in whole}
        assert kinds <= {k.value for k in PairKind}
        for kind in kinds:
            assert {g["kind"] for g in client.duplicates(kind=[kind], limit=200)["items"]} == {kind}
        sku = whole[0]["skus"][0]
        assert all(sku in g["skus"] for g in client.duplicates(sku=sku)["items"])


def test_a_search_that_was_killed_is_known_to_be_dead(served: Served) -> None:
    runs = DuplicateRuns(served.app.home)
    with runs.running() as run:
        assert runs.busy()
        assert runs.get(run.run.id) == run.run
        killed = run.run
        run._write()
        file = runs.folder / f"{killed.id}.json"
        text = file.read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")  # as though it had not ended
    found = runs.get(killed.id)
    assert found is not None
    assert (found.state, runs.busy()) == ("failed", False)


def test_a_search_that_fails_says_why_and_old_ones_go(served: Served) -> None:
    runs = DuplicateRuns(served.app.home)
    with pytest.raises(ValueError, match="the disk"), runs.running():
        raise ValueError("the disk is full")
    assert (runs.all()[0].state, runs.all()[0].error) == ("failed", "the disk is full")
    for _ in range(KEPT + 2):
        with runs.running() as run:
            run.done([], [])
    assert len(runs.all()) <= KEPT
    assert runs.get("../../catalog") is None


@pytest.mark.slow
def test_a_search_is_started_over_http(served: Served, kit: Kit) -> None:
    served.state.options = ["--config", str(kit.config), "--home", str(served.app.home)]
    with served.client() as client:
        run = client.search_duplicates()
        with pytest.raises(ServerProblem) as caught:
            client.search_duplicates()
        assert caught.value.name == "running"
        until = time.monotonic() + 250
        while (found := client.duplicate_run(run["id"]))["state"] == "running" and time.monotonic() < until:
            time.sleep(0.2)
        assert (found["state"], found["error"]) == ("done", None)
        assert client.duplicates()["run"] == run["id"]
        assert client.changes(limit=1)["items"][0]["after"] == run["id"]


def test_the_command_keeps_a_search(on: Run, home: Path) -> None:
    done = on(home, "duplicates", "--keep", "--json")
    assert done.code == 0
    runs = DuplicateRuns(home)
    latest = runs.latest()
    assert latest is not None
    shown = [group for group in runs.groups(latest) if group["kind"] != "look-alike"]
    assert [{**g, "id": None} for g in shown] == [{**g, "id": None} for g in done.objects]
    assert latest.groups == len(done.objects)
    assert on(home, "duplicates", "--keep", "--threshold", "0.5").code == 2


# -- the log of changes ------------------------------------------------------------------------------------------------


def test_the_log_holds_what_was_done_and_nothing_that_was_not(tmp_path: Path) -> None:
    log = Audit(tmp_path / "audit.db")
    with log.change(WHO, FROM, "one", "decision 1") as entry:
        entry.before, entry.after = None, {"sku": "A"}
    with pytest.raises(ValueError, match="no"), log.change(WHO, FROM, "two", "decision 2"):
        raise ValueError("no")
    with log.change(WHO, FROM, "three", "decision 1"):
        pass
    assert [change.action for change in log.recent(9)] == ["three", "one"]
    assert log.latest(["decision 1", "decision 2"])["decision 1"].action == "three"
    first = log.recent(9, before=log.recent(1)[0].id)[0]
    assert (first.who, first.role, first.via, first.address, first.request_id) == (
        "anna", "review", "token", "198.51.100.1", "r1",
    )  # fmt: skip
    assert (first.before, first.after) == (None, {"sku": "A"})
    assert log.recent(9, who="bert") == []
    log.close()


def test_two_workers_change_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsearch.server.audit._BUSY_S", 0.2)
    one, two = Audit(tmp_path / "audit.db"), Audit(tmp_path / "audit.db")
    with one.change(WHO, FROM, "one", "x"):
        assert two.recent(9) == []  # looking waits for nobody
        with pytest.raises(Problem) as caught, two.change(WHO, FROM, "two", "x"):
            pass
        assert caught.value.name == "busy"
    with two.change(WHO, FROM, "two", "x"):
        pass
    assert len(one.recent(9)) == 2
    for log in (one, two):
        log.close()
    with sqlite3.connect(tmp_path / "audit.db") as db:
        assert json.loads(db.execute("SELECT json_group_array(action) FROM changes").fetchone()[0]) == ["one", "two"]

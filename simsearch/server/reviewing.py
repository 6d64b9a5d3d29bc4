"""People's words on answers and on suspected duplicates, and the searches they start, as API and page take them.

Each is one change of `audit`: compared with what the client saw, made, and noted, and no other worker changes a thing.
All functions wait for the catalog: call them in `ServerState.lightly`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from fastapi import Request

from simsearch.catalog.decisions import DecisionVerdict, RecordedDecision
from simsearch.catalog.reviews import EVERY, Review, ReviewVerdict, Side
from simsearch.core.errors import UsageError
from simsearch.core.types import Outcome
from simsearch.recognition.feedback import named_by
from simsearch.server.access import Principal
from simsearch.server.duplicate_runs import DuplicateRuns, Run
from simsearch.server.preconditions import Preconditions, etag
from simsearch.server.problems import Problem
from simsearch.server.state import ServerState
from simsearch.views import json as shapes

ANY = Preconditions()


@dataclass(frozen=True)
class Speaker:
    """Who says something, and in which request."""

    who: Principal
    address: str
    request_id: str

    @classmethod
    def of(cls, request: Request, who: Principal) -> Speaker:
        """The one who sent `request`."""
        return cls(who, request.state.peer.address, request.state.request_id)

    @property
    def origin(self) -> Mapping[str, str]:
        """For the log of changes."""
        return {"address": self.address, "request_id": self.request_id}


# -- answers -----------------------------------------------------------------------------------------------------------


def recorded(shared: ServerState, number: int) -> RecordedDecision:
    """One recorded answer. Problem no-decision where there is none."""
    shared.app.require_catalog()
    if shared.app.catalog.decisions.get(number) is None:
        raise Problem("no-decision", f"there is no decision {number}")
    return shared.app.decisions.get(number)


def decision_json(shared: ServerState, found: RecordedDecision) -> dict[str, Any]:
    """A recorded answer as JSON: that of `simsearch decisions --json`, and whether its photo was kept."""
    return {**shapes.decision(found), "photo_kept": shared.photos.find(found.id) is not None}


def decision_etag(found: RecordedDecision) -> str:
    """Of what people said of an answer; the answer itself never changes."""
    return etag([found.id, shapes.decision(found)["review"], found.face])


def review_decision(
    shared: ServerState,
    speaker: Speaker,
    number: int,
    verdict: DecisionVerdict,
    sku: str | None,
    note: str = "",
    seen: Preconditions = ANY,
) -> RecordedDecision:
    """Say that an answer was right or wrong.

    Args:
        shared: of the worker.
        speaker: who says so.
        number: of the answer.
        verdict: right or wrong.
        sku: what the photo shows; None with CONFIRMED: what a MATCH or UNKNOWN says; with CORRECTED: nothing of the
            catalog.
        note: why.
        seen: what the speaker saw.

    Raises:
        Problem: no-decision, unknown-sku, contradiction, somebody-was-faster, busy.
    """
    with shared.audit.change(speaker.who, speaker.origin, "review decision", f"decision {number}") as entry:
        found = recorded(shared, number)
        seen.check(decision_etag(found))
        _check_verdict(shared, found, verdict, sku)
        entry.before = shapes.decision(found)["review"]
        say = shared.app.decisions.confirm if verdict is DecisionVerdict.CONFIRMED else shared.app.decisions.correct
        try:
            after = say(number, sku, note, by=speaker.who.name)
        except UsageError as error:
            raise Problem("contradiction", str(error)) from None
        entry.after = shapes.decision(after)["review"]
    return after


def forget_decision_review(
    shared: ServerState, speaker: Speaker, number: int, seen: Preconditions = ANY
) -> RecordedDecision:
    """Take back what was said of an answer.

    Raises:
        Problem: no-decision, no-review, somebody-was-faster, busy.
    """
    with shared.audit.change(speaker.who, speaker.origin, "forget decision review", f"decision {number}") as entry:
        found = recorded(shared, number)
        if found.review is None:
            raise Problem("no-review", f"nothing was said of decision {number}")
        seen.check(decision_etag(found))
        entry.before = shapes.decision(found)["review"]
        return shared.app.decisions.forget(number)


def _check_verdict(shared: ServerState, found: RecordedDecision, verdict: DecisionVerdict, sku: str | None) -> None:
    named, ambiguous = named_by(found), found.outcome == Outcome.AMBIGUOUS.value
    says = f"the answer names {', '.join(named)}" if named else "the answer names no product"
    if verdict is DecisionVerdict.CONFIRMED:
        if ambiguous and sku is None:
            raise Problem("contradiction", f"{says} and does not choose; say which one it is", named=named)
        if sku is not None and sku not in named:
            raise Problem("contradiction", f"{says}, not {sku}; say `corrected`", named=named)
        return
    if sku is not None and sku in named:
        raise Problem("contradiction", f"{says}; say `confirmed`", named=named)
    if sku is None and not named:
        raise Problem("contradiction", f"{says} already; say `confirmed`", named=named)
    if sku is not None and not shared.app.catalog.selection.has_product(sku):
        raise Problem("unknown-sku", f"{sku[:200]}: is no SKU of the catalog; null says that it has none of it")


# -- pairs -------------------------------------------------------------------------------------------------------------


def pair_of(shared: ServerState, a: str, b: str) -> tuple[Side, Side]:
    """The sides that two names stand for, SKUs or photos.

    Raises:
        Problem: no-name; ambiguous-name; invalid: one name twice.
    """
    shared.app.require_catalog()
    if a == b:
        raise Problem("invalid", f"{a[:200]}: is given twice; name two SKUs or two photos")
    for name in (a, b):
        if not shared.app.catalog.reviews.sides(name):
            raise Problem("no-name", f"{name[:200]}: is neither a SKU nor a photo of the catalog")
    try:
        return shared.app.review_duplicates().pair(a, b)
    except UsageError as error:
        raise Problem("ambiguous-name", str(error)) from None


def pair_review(shared: ServerState, pair: tuple[Side, Side]) -> Review | None:
    """What was said of exactly this pair; None where nothing was."""
    wanted = set(pair)
    return next((r for r in shared.app.catalog.reviews.all() if {r.a, r.b} == wanted), None)


def pair_etag(found: Review | None) -> str | None:
    """Of a review of a pair; None where there is none."""
    return None if found is None else etag(shapes.review(found))


def review_pair(
    shared: ServerState,
    speaker: Speaker,
    names: tuple[str, str],
    said: ReviewVerdict,
    note: str = "",
    seen: Preconditions = ANY,
) -> Review:
    """Say that two SKUs, or two photos, are duplicates, or are none.

    Raises:
        Problem: no-name, ambiguous-name, invalid, somebody-was-faster, busy.
    """
    return review_sides(shared, speaker, pair_of(shared, *names), said, note, seen)


def review_sides(
    shared: ServerState,
    speaker: Speaker,
    pair: tuple[Side, Side],
    said: ReviewVerdict,
    note: str = "",
    seen: Preconditions = ANY,
) -> Review:
    """As :func:`review_pair`, of sides that are known. Problem somebody-was-faster, busy."""
    with shared.audit.change(speaker.who, speaker.origin, "review pair", target_of(pair)) as entry:
        before = pair_review(shared, pair)
        seen.check(pair_etag(before))
        entry.before = before and shapes.review(before)
        shared.app.catalog.reviews.record(*pair, said, note, speaker.who.name)
        after = pair_review(shared, pair)
        assert after is not None
        entry.after = shapes.review(after)
    return after


def forget_pair_review(
    shared: ServerState, speaker: Speaker, names: tuple[str, str], seen: Preconditions = ANY
) -> None:
    """Take back what was said of a pair: the next search lists it again.

    Raises:
        Problem: no-name, ambiguous-name, invalid, no-review, somebody-was-faster, busy.
    """
    forget_sides(shared, speaker, pair_of(shared, *names), seen)


def forget_sides(shared: ServerState, speaker: Speaker, pair: tuple[Side, Side], seen: Preconditions = ANY) -> None:
    """As :func:`forget_pair_review`, of sides that are known. Problem no-review, somebody-was-faster, busy."""
    with shared.audit.change(speaker.who, speaker.origin, "forget pair review", target_of(pair)) as entry:
        before = pair_review(shared, pair)
        if before is None:
            raise Problem("no-review", f"nothing was said of {pair[0].sku[:200]} and {pair[1].sku[:200]}")
        seen.check(pair_etag(before))
        entry.before = shapes.review(before)
        shared.app.catalog.reviews.forget(*pair)


def target_of(pair: tuple[Side, Side]) -> str:
    """A pair as the log of changes names it. SKUs are quoted as in a URL, since they may hold blanks."""
    a, b = sorted(pair)
    return f"pair {quote(a.sku, safe='')} {a.sha256 or '*'} {quote(b.sku, safe='')} {b.sha256 or '*'}"


def sides_of(target: str) -> tuple[Side, Side] | None:
    """The pair that the log of changes names so; None where it names none."""
    words = target.split(" ")
    if len(words) != 5 or words[0] != "pair":
        return None
    a, b = (Side(unquote(words[n]), words[n + 1].replace("*", EVERY)) for n in (1, 3))
    return a, b


def search_duplicates(shared: ServerState, speaker: Speaker) -> Run:
    """Start a search of the catalog for duplicates, in a process of its own.

    Raises:
        Problem: `running`, one is under way.
    """
    shared.app.require_catalog()
    runs = DuplicateRuns(shared.app.home)
    with shared.audit.change(speaker.who, speaker.origin, "start search for duplicates", "duplicates") as entry:
        started = runs.start(shared.options)
        if started is None:
            under_way = next((run for run in runs.all() if run.state == "running"), None)
            headers = {"Location": f"/v1/duplicates/runs/{under_way.id}"} if under_way else {}
            raise Problem("running", "a search is under way", headers=headers)
        entry.after = started.id
    return started

"""The shapes of answers as types, for who reads them from the server: `simsearch.client`, and the OpenAPI of `/v1`.

docs/json.md says what every key means. A test compares these types with what the functions of `views.json` return.
Annotations are evaluated here: a TypedDict cannot see NotRequired in the text of one.
"""

from typing import (
    Any,
    Literal,
    NotRequired,  # Pydantic asks for these before Python 3.12
)

from typing_extensions import TypedDict

Place = list[list[float]]
"""Corners on a picture, x and y in shares of its width and height."""
OutcomeName = Literal["match", "ambiguous", "unknown"]


class Fact(TypedDict):
    """What print or a code says of a photo, beside what the catalog says."""

    kind: str
    photo: str
    catalog: str
    from_table: bool
    confidence: float
    photo_place: Place | None
    catalog_place: Place | None


class AgainstFact(Fact):
    """A fact that speaks against a product."""

    sku: str


class Printed(TypedDict):
    """What print and codes say of a photo and a product."""

    agreements: list[Fact]
    contradictions: list[Fact]
    doubts: list[Fact]
    likeness: float
    contested: str
    alone: list[str] | None


class Line(TypedDict):
    """A line that was read."""

    text: str
    confidence: float
    place: Place | None


class Read(TypedDict):
    """What was read on a photo."""

    lines: list[Line]
    strengths: list[str]
    packs: list[str]
    forms: list[str]


class Hit(TypedDict):
    """A product of an answer, with its best image."""

    sku: str
    name: str
    image: str
    image_id: int
    probability: float
    similarity: float
    inliers: int
    support: float
    printed: Printed | None


class Difference(TypedDict):
    """In what two products differ."""

    field: str
    named: str
    other: str


class LookAlike(TypedDict):
    """A product that is easily taken for the named one."""

    sku: str
    name: str
    kind: str
    differences: list[Difference]
    warning: str


class Said(TypedDict):
    """What is said of a photo, and of each package in it."""

    decision: OutcomeName
    sku: str | None
    name: str | None
    probability: float
    reason: str
    named: list[str]
    hits: list[Hit]
    look_alikes: list[LookAlike]
    read: Read | None
    codes: list[str]
    contradictions: list[AgainstFact]
    filing: list[str]
    explanation: NotRequired[dict[str, Any]]


class Package(Said):
    """One package of a photo."""

    outline: Place | None


class Answer(Said):
    """The answer to one photo."""

    query: str
    packages: list[Package]
    generation: str
    took_ms: float
    id: int | None


class Refused(TypedDict):
    """Why a photo cannot be read."""

    code: str
    message: str


class TogetherAnswer(Answer):
    """One answer to several photos of one package."""

    photos: list[str]
    errors: list[Refused]


class Verdict(TypedDict):
    """Whether two photos show the same product."""

    a: str
    b: str
    same: bool
    probability: float
    similarity: float
    inliers: int
    support: float
    printed: Printed | None
    reason: str
    outlines: list[Place | None]


class DecisionReview(TypedDict):
    """What a person said of an answer."""

    verdict: Literal["confirmed", "corrected"]
    sku: str | None
    note: str
    at: str
    by: str | None


class RecordedDecision(TypedDict):
    """A recorded answer. It also has what the answer was made from; docs/json.md lists that."""

    id: int
    at: str
    query: str
    query_sha256: str
    decision: str
    sku: str | None
    probability: float
    generation: str
    reason: NotRequired[str]
    named: NotRequired[list[str]]
    hits: NotRequired[list[dict[str, Any]]]
    review: DecisionReview | None
    face: NotRequired[str]
    photo_kept: bool


class DecisionPage(TypedDict):
    """Recorded answers, newest first."""

    items: list[RecordedDecision]
    next: str | None


class PairSide(TypedDict):
    """One side of a reviewed pair; `sha256` null: every photo of the product."""

    sku: str
    sha256: str | None


class PairReview(TypedDict):
    """What a person said of a pair."""

    a: PairSide
    b: PairSide
    said: Literal["confirmed", "dismissed"]
    note: str
    at: str
    by: str | None


class PairReviews(TypedDict):
    """All reviews of pairs, oldest first."""

    items: list[PairReview]


class GroupImage(TypedDict):
    """An image of a group."""

    id: int
    sku: str
    name: str
    image: str
    sha256: str


class Pair(TypedDict):
    """Two images of a group. Identical files are not compared: their scores are null."""

    a: str
    b: str
    a_id: int
    b_id: int
    identical_file: bool
    kind: str
    similarity: float | None
    inliers: int | None
    support: float | None
    printed: Printed | None
    probability: float
    reason: str
    said: Literal["confirmed", "dismissed"] | None
    places: list[list[float]] | None


class Group(TypedDict):
    """Images that show the same product, or of kind look-alike two that do not."""

    id: str
    kind: str
    skus: list[str]
    conflict: bool
    probability: float
    images: list[GroupImage]
    pairs: list[Pair]
    keep: NotRequired[GroupImage | None]
    """Of a group: the image that is the best to keep. A pair of look-alikes has none."""
    keep_reason: NotRequired[str]
    done: bool


class GroupPage(TypedDict):
    """Groups of the last search for duplicates."""

    run: str
    run_at: str
    total: int
    items: list[Group]
    next: str | None


class DuplicateRun(TypedDict):
    """A search for duplicates."""

    id: str
    state: Literal["running", "done", "failed"]
    started_at: str
    ended_at: str | None
    progress: float
    groups: int | None
    look_alikes: int | None
    error: str | None


class ProductRow(TypedDict):
    """A product of the catalog."""

    sku: str
    name: str
    strength: str
    form: str
    manufacturer: str
    attributes: dict[str, Any]
    images: int
    cover: int


class ProductPage(TypedDict):
    """Products, by name."""

    total: int
    items: list[ProductRow]
    next: str | None


class ProductImage(TypedDict):
    """A photo of a product."""

    id: int
    image: str
    surface: str
    sha256: str
    width: int
    height: int
    added_at: str


class Product(TypedDict):
    """A product with its photos."""

    sku: str
    name: str
    strength: str
    form: str
    manufacturer: str
    attributes: dict[str, Any]
    images: list[ProductImage]


class ServerStatus(TypedDict):
    """What serves."""

    version: str
    generation: str | None
    revision: int
    products: int
    images_ok: int
    images_refused: int
    images_retired: int
    outside: int
    problem: str | None
    nightly: dict[str, Any] | None
    keeps_photos: str


class ChangeRow(TypedDict):
    """A change that was made through the server."""

    id: int
    at: str
    who: str
    role: str
    via: str
    address: str
    request_id: str
    action: str
    target: str
    before: Any
    after: Any


class ChangePage(TypedDict):
    """Changes, newest first."""

    items: list[ChangeRow]
    next: str | None


class ProblemBody(TypedDict):
    """An error, as RFC 9457 says."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str

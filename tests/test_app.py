"""The application object: where its state and settings come from, and how its parts behave together."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import sqlalchemy as sa

from simsearch import open_app
from simsearch.app import App
from simsearch.core.errors import (
    CatalogError,
    ConfigError,
    GenerationError,
    ImageError,
    SourceError,
    UsageError,
    WeightsError,
)
from simsearch.core.types import Decision, Image, Outcome, Photo
from simsearch.duplicates.results import PairKind
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.score_fusion import Fusion
from simsearch.recognition.verification import FEATURES

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop


def settings(kit: Kit, folder: Path, text: str) -> Path:
    """The kit's settings and `text`."""
    path = folder / "more.toml"
    path.write_text(kit.config.read_text(encoding="utf-8") + text, encoding="utf-8")
    return path


def shelf(shop: Shop, folder: Path, products: int = 3) -> Path:
    """A folder source: the first photo of a few products that are filed once."""
    folder.mkdir(parents=True)
    for product in shop.single[:products]:
        shutil.copy(shop.photo(product.sku), folder / f"{product.sku}.jpg")
    return folder


def decided(answer: Decision | ImageError) -> Decision:
    assert isinstance(answer, Decision)
    return answer


# -- home and settings -----------------------------------------------------------------------------------------------


def test_the_home_comes_from_the_call_the_environment_or_its_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIMSEARCH_HOME", raising=False)
    assert open_app().home == tmp_path / "simsearch-home"
    monkeypatch.setenv("SIMSEARCH_HOME", str(tmp_path / "of-the-environment"))
    assert open_app().home == tmp_path / "of-the-environment"
    assert open_app("given").home == tmp_path / "given"
    assert list(tmp_path.iterdir()) == []


def test_the_settings_come_from_the_call_the_environment_or_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in (7, 8):
        (tmp_path / f"{k}.toml").write_text(f"[query]\nk = {k}\n", encoding="utf-8")
    monkeypatch.delenv("SIMSEARCH_CONFIG", raising=False)
    assert open_app(tmp_path).config.query.k == 5
    monkeypatch.setenv("SIMSEARCH_CONFIG", str(tmp_path / "7.toml"))
    app = open_app(tmp_path)
    assert (app.config.query.k, app.origin["query.k"]) == (7, str(tmp_path / "7.toml"))
    app = open_app(tmp_path, tmp_path / "8.toml", device="cpu")
    assert (app.config.query.k, app.origin["query.k"]) == (8, str(tmp_path / "8.toml"))
    assert app.origin["query.margin"] == "default.toml"
    assert (app.config.methods["siamese"]["device"], app.origin["methods.siamese.device"]) == ("cpu", "--device")
    with pytest.raises(ConfigError, match=r"none\.toml: there is no such file"):
        open_app(tmp_path, tmp_path / "none.toml")


def test_few_photos_are_described_by_what_starts_soonest(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[methods.siamese]\nruntime = "pytorch"\n', encoding="utf-8")

    def runtime(**options: object) -> object:
        app = open_app(tmp_path, **options)  # type: ignore[arg-type]
        return app.config.methods.get("siamese", {}).get("runtime", "auto")

    assert runtime(few_photos=True) == "onnx"
    assert runtime() == runtime(few_photos=True, device="cpu") == "auto"
    assert runtime(few_photos=True, config=tmp_path / "own.toml") == "pytorch"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[query]\nmarginn = 0.1", "unknown setting 'marginn'; did you mean 'margin'?"),
        ("[methods.orbb]\nratio = 0.9", "there is no method 'orbb'; did you mean 'orb'?"),
        ("[methods.orb]\nratoi = 0.9", "methods.orb: unknown setting 'ratoi'; did you mean 'ratio'?"),
        ("[methods.phash]\nstatistic = 'mode'", "statistic: 'mode' is none of median, mean"),
        ("[indexing]\nstored = ['phash', 'siamese']", "indexing.stored must name phash, orb, siamese; orb is missing"),
        ("[indexing]\nstored = ['phash', 'orb', 'siamese', 'dhsah']", "no method 'dhsah'; did you mean 'dhash'?"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        open_app(tmp_path / "home", tmp_path / "mine.toml").methods.clear()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "job",
    [
        lambda app: app.query([b""]), lambda app: app.duplicates(), lambda app: app.rebuild(),
        lambda app: app.rollback(), lambda app: app.status(), lambda app: app.refused(),
    ],
)  # fmt: skip
def test_what_only_reads_makes_no_home(tmp_path: Path, job: Callable[[App], Any]) -> None:
    with open_app(tmp_path / "typo") as app, pytest.raises(CatalogError, match=r"holds no catalog; run `simsearch"):
        job(app)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_cannot_be_read_makes_no_home(tmp_path: Path) -> None:
    with open_app(tmp_path / "home") as app, pytest.raises(SourceError):
        app.index([tmp_path / "none.csv"])
    assert list(tmp_path.iterdir()) == []


# -- weights and calibration -----------------------------------------------------------------------------------------


def with_weights(folder: Path, weights: Path) -> App:
    config = folder / "weights.toml"
    config.write_text(f'[methods.siamese]\nweights = "{weights}"\ndevice = "cpu"\n', encoding="utf-8")
    return open_app(folder / "home", config)


def complaint(app: App) -> str:
    with pytest.raises(WeightsError) as caught:
        assert app.verifier
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_weights_that_are_missing_or_damaged_are_named(tmp_path: Path, kit: Kit) -> None:
    missing, damaged, cut = (tmp_path / f"{name}.safetensors" for name in ("missing", "damaged", "cut"))
    damaged.write_bytes(b"these are no weights")
    cut.write_bytes(kit.weights.read_bytes()[:-1000])
    assert "methods.siamese.weights" in complaint(with_weights(tmp_path, missing))
    for path in (missing, damaged, cut):
        assert complaint(with_weights(tmp_path, path)).startswith(f"{path}: ")


def test_a_calibration_is_needed_and_must_be_of_these_weights(tmp_path: Path, kit: Kit) -> None:
    alone = Path(shutil.copy(kit.weights, tmp_path / "alone.safetensors"))
    app = with_weights(tmp_path, alone)
    assert complaint(app) == (
        f"{tmp_path / 'alone.calibration.json'}: cannot be read (No such file or directory); run `simsearch calibrate`"
    )
    shutil.copy(kit.calibration, tmp_path / "alone.calibration.json")
    assert with_weights(tmp_path, alone).calibration.thresholds["match"] == 0.9

    other = Calibration.load(kit.calibration)
    other = replace(other, fingerprints={**other.fingerprints, "siamese": "siamese-of-others"})
    (tmp_path / "home").mkdir(exist_ok=True)
    other.save(tmp_path / "home" / "calibration.json")
    said = complaint(with_weights(tmp_path, alone))
    assert said.startswith(f"{tmp_path / 'home' / 'calibration.json'}: the calibration was fitted for siamese ")
    assert said.endswith("run `simsearch calibrate`")


def test_a_calibration_of_an_earlier_version_still_serves(tmp_path: Path, kit: Kit) -> None:
    made = Calibration.load(kit.calibration)
    place = made.fusion.names.index("pill_votes")

    def without(part: tuple[Any, ...]) -> tuple[Any, ...]:
        return part[:place] + part[place + 1 :]

    fusion = made.fusion
    older = replace(
        made,
        fusion=Fusion(
            without(fusion.names), without(fusion.mean), without(fusion.scale), without(fusion.weights), fusion.bias
        ),
    )
    (tmp_path / "home").mkdir()
    older.save(tmp_path / "home" / "calibration.json")
    app = with_weights(tmp_path, kit.weights)
    assert app.calibration.fusion == made.fusion.on(FEATURES)
    strange = replace(older, fusion=replace(older.fusion, names=("smell", *older.fusion.names[1:])))
    strange.save(tmp_path / "home" / "calibration.json")
    said = complaint(with_weights(tmp_path, kit.weights))
    assert said.startswith(f"{tmp_path / 'home' / 'calibration.json'}: there is no feature 'smell'; there are ")
    assert said.endswith("run `simsearch calibrate`")


def test_the_threshold_is_the_calibrations_unless_the_settings_name_one(tmp_path: Path, kit: Kit) -> None:
    assert open_app(tmp_path, kit.config).match_threshold == 0.9
    app = open_app(tmp_path, settings(kit, tmp_path, "[query]\nmatch_threshold = 0.7\n"))
    assert app.match_threshold == app.scoring.current().thresholds.match == 0.7


def test_a_false_accept_rate_must_be_a_share(tmp_path: Path, kit: Kit, shop: Shop) -> None:
    with open_app(tmp_path, kit.config) as app, pytest.raises(UsageError, match=r"--target-far 1\.5: must be between"):
        app.calibrate(shop.table, target_far=1.5)


# -- query -----------------------------------------------------------------------------------------------------------


def test_a_catalog_photo_finds_its_product(indexed: Path, kit: Kit, shop: Shop) -> None:
    with open_app(indexed, kit.config) as app:
        for product in shop.single[:4]:
            decision = decided(app.query([shop.photo(product.sku)], record=False)[0])
            assert (decision.outcome, decision.sku) == (Outcome.MATCH, product.sku), decision
            assert decision.name == f"{product.name} {product.strength}"
            assert decision.took_ms > 0
            assert decision.hits[0].image == f"images/{product.sku}_0.jpg"


def test_a_product_filed_twice_is_ambiguous(indexed: Path, kit: Kit, shop: Shop) -> None:
    twin = next(d for d in shop.planted if d.kind == "identical")
    with open_app(indexed, kit.config) as app:
        decision = decided(app.query([shop.photo(twin.sku_a)], record=False)[0])
    assert decision.outcome is Outcome.AMBIGUOUS
    assert {h.sku for h in decision.hits[:2]} == {twin.sku_a, twin.sku_b}
    assert twin.sku_a in decision.reason
    assert twin.sku_b in decision.reason


def test_photos_are_answered_in_order_alone_or_together(indexed: Path, kit: Kit, shop: Shop, tmp_path: Path) -> None:
    photos = [shop.photo(p.sku) for p in shop.products[:3]]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[0].read_bytes()[:2000])
    asked: list[Path | bytes] = [photos[0], broken, photos[1].read_bytes(), tmp_path / "none.jpg", photos[2]]
    with open_app(indexed, kit.config) as app:
        together = app.query(asked, record=False, k=2)
        alone = [app.query([photo], record=False, k=2)[0] for photo in asked]
    assert [a.code if isinstance(a, ImageError) else a.query for a in together] == [
        str(photos[0]), "truncated", "-", "missing", str(photos[2])
    ]  # fmt: skip
    for one, other in zip(together, alone, strict=True):
        if isinstance(one, Decision):
            other = decided(other)
            assert (one.outcome, one.sku, [h.sku for h in one.hits]) == (
                other.outcome, other.sku, [h.sku for h in other.hits]
            )  # fmt: skip
            assert one.probability == pytest.approx(other.probability, abs=1e-4)


def test_uploads_are_told_apart_by_their_names(home: Path, kit: Kit, shop: Shop) -> None:
    files = [shop.photo(product.sku) for product in shop.single[:2]]
    # The second name is that of another photo's file: it must not be read.
    uploads = [Photo(name, file.read_bytes()) for name, file in zip(("first", str(files[0])), files, strict=True)]
    with open_app(home, kit.config) as app:
        answers = [decided(answer) for answer in app.query(uploads)]
        assert [answer.sku for answer in answers] == [product.sku for product in shop.single[:2]]
        recorded = [app.decisions.get(answer.record_id or 0).query for answer in answers]
    assert [answer.query for answer in answers] == recorded == ["first", str(files[0])]


def test_many_photos_are_not_decoded_all_at_once(
    indexed: Path, kit: Kit, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def answered(photos: Sequence[Image], k: int | None, basis: object) -> list[Decision]:
        sizes.append(len(photos))
        return [cast(Decision, None)] * len(photos)

    with open_app(indexed, kit.config) as app:
        monkeypatch.setattr(app.engine, "answer", answered)
        app.query([shop.photo(shop.products[0].sku)] * 70, record=False)
    assert sizes == [32, 32, 6]


def rows(home: Path, table: str) -> list[Any]:
    engine = sa.create_engine(f"sqlite:///{home / 'catalog.db'}")
    with engine.connect() as connection:
        found = list(connection.execute(sa.text(f"SELECT * FROM {table}")))
    engine.dispose()
    return found


def test_answers_are_recorded_unless_it_is_declined(home: Path, kit: Kit, shop: Shop, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"gr\xfcn.jpg")  # a file name that is not UTF-8
    shutil.copy(shop.photo(shop.single[0].sku), odd)
    with open_app(home, kit.config) as app:
        app.query([odd], record=False)
        assert rows(home, "decisions") == []
        app.query([odd, tmp_path / "none.jpg"])
    [row] = rows(home, "decisions")
    assert (row.outcome, row.sku, row.generation) == ("match", shop.single[0].sku, "g000001")
    assert row.query.endswith(r"gr\udcfcn.jpg")
    assert len(row.query_sha256) == 64


# -- verify and duplicates -------------------------------------------------------------------------------------------


def test_pairs_of_files_are_judged_without_a_home(tmp_path: Path, kit: Kit, shop: Shop) -> None:
    a, b = (str(shop.photo(p.sku)) for p in shop.single[:2])
    missing = str(tmp_path / "none.jpg")
    with open_app(tmp_path / "home", kit.config) as app:
        same, other, unreadable = app.verify([(a, a), (a, b), (a, missing)])
        [plain] = app.verify([(a, a)], method="phash")
        with pytest.raises(ConfigError, match="no method 'phsah'; did you mean"):
            app.verify([(a, b)], method="phsah")
    assert (same.same, other.same, unreadable.same) == (True, False, None)
    assert same.verification is not None
    assert same.verification.inliers > 100
    assert unreadable.error is not None
    assert unreadable.error.code == "missing"
    assert (plain.similarity, plain.verification) == (1.0, None)
    assert not (tmp_path / "home").exists()


def test_a_threshold_of_nothing_groups_all_that_is_suspected(indexed: Path, kit: Kit) -> None:
    with open_app(indexed, kit.config) as app:
        usual, every = app.duplicates(), app.duplicates(threshold=0.0)
        none = app.duplicates(threshold=1.0)
    assert sum(len(g.images) for g in every) > sum(len(g.images) for g in usual)
    # The same photo, as it was or edited, is a duplicate at any threshold; of different photos it takes certainty.
    assert all(pair.kind is not PairKind.SAME_PRODUCT or pair.probability == 1.0 for g in none for pair in g.pairs)


# -- generations -----------------------------------------------------------------------------------------------------


def test_status_of_a_sound_home(indexed: Path, kit: Kit) -> None:
    with open_app(indexed, kit.config) as app:
        status = app.status()
    assert (status.sound, status.problem, dict(status.undescribed)) == (True, "", {})
    assert status.generation == "g000001"
    counts = {"products": 20, "images_ok": 36, "images_refused": 0, "images_retired": 0}
    assert dict(status.counts) == counts
    assert set(status.fingerprints) == {"phash", "orb", "siamese", "pills"}
    assert min(status.disk_bytes[part] for part in ("catalog", "generations")) > 1000


@pytest.mark.parametrize("damage", ["bytes", "short", "gone", "manifest", "pointer"])
def test_damaged_indexes_are_named_and_a_rebuild_repairs_them(home: Path, kit: Kit, shop: Shop, damage: str) -> None:
    folder = home / "generations/g000001"
    file = {"manifest": folder / "manifest.json", "pointer": home / "generations/current"}.get(
        damage, folder / "siamese.index"
    )
    data = bytearray(file.read_bytes())
    if damage == "bytes":
        data[len(data) // 2] ^= 1
    file.write_bytes(data if damage == "bytes" else data[:-3])
    if damage == "gone":
        file.unlink()
    with open_app(home, kit.config) as app:
        status = app.status()
        assert not status.sound
        assert str(file) in status.problem
        assert "run `simsearch rebuild`" in status.problem
        if damage == "pointer":  # the generation itself is sound, and answers
            assert decided(app.query([shop.photo(shop.single[0].sku)])[0]).generation == "g000001"
        else:
            with pytest.raises(GenerationError, match="run `simsearch rebuild`"):
                app.query([shop.photo(shop.single[0].sku)])
        assert app.rebuild() == "g000002"
        assert app.status().sound
        assert decided(app.query([shop.photo(shop.single[0].sku)])[0]).sku == shop.single[0].sku


def test_indexing_builds_when_much_is_new(tmp_path: Path, kit: Kit, shop: Shop) -> None:
    source = shelf(shop, tmp_path / "shelf")
    config = settings(kit, tmp_path, "rebuild_share = 0.5\n")
    added = iter(shop.single[3:])

    def add() -> None:
        sku = next(added).sku
        shutil.copy(shop.photo(sku), source / f"{sku}.jpg")

    with open_app(tmp_path / "home", config) as app:
        assert app.index([source]).generation == "g000001"
        add()
        assert app.index([source]).generation == ""  # a quarter is new
        add()
        add()
        assert app.index([source], rebuild=False).generation == ""
        assert app.index([source]).generation == ""  # a half is not more than a half
        add()
        assert app.index([source]).generation == "g000002"
        assert app.index([source], rebuild=True).generation == "g000003"
        assert app.index([source]).generation == ""


def test_going_back_a_generation_loses_nothing(home: Path, kit: Kit, shop: Shop, tmp_path: Path) -> None:
    photo = tmp_path / "shelf/new.jpg"
    photo.parent.mkdir()
    shutil.copy(shop.photo(shop.single[5].sku), photo)
    with open_app(home, kit.config) as app:
        with pytest.raises(GenerationError, match="no generation before g000001"):
            app.rollback()
        app.index([photo.parent], rebuild=True)
        before = decided(app.query([photo])[0])
        assert (before.generation, {h.sku for h in before.hits[:2]}) == ("g000002", {"new", shop.single[5].sku})
        assert app.rollback() == "g000001"
        after = decided(app.query([photo])[0])
        assert (after.generation, [h.sku for h in after.hits]) == ("g000001", [h.sku for h in before.hits])


def test_a_further_method_is_stored_indexed_and_asked(tmp_path: Path, kit: Kit, shop: Shop) -> None:
    source = shelf(shop, tmp_path / "shelf")
    sku = shop.single[0].sku
    with open_app(tmp_path / "home", kit.config) as app:
        app.index([source])
    config = settings(kit, tmp_path, "stored = ['phash', 'orb', 'siamese', 'dhash']\n")
    with open_app(tmp_path / "home", config) as app:
        status = app.status()
        assert (status.sound, dict(status.undescribed)) == (False, {"dhash": 3})
        assert "run `simsearch index` on your sources" in status.problem
        report = app.index([source])
        assert (report.redescribed, report.unchanged, report.generation) == (3, 0, "g000002")
        assert app.status().sound
        assert set(app.generations.manifest("g000002").fingerprints) == {"phash", "dhash", "siamese"}
        decision = decided(app.query([shop.photo(sku)])[0])
    assert (decision.outcome, decision.sku) == (Outcome.MATCH, sku)


def test_a_second_writer_is_turned_away_and_readers_are_not(home: Path, kit: Kit, shop: Shop) -> None:
    with open_app(home, kit.config) as app:
        handle = os.open(home / "lock", os.O_RDWR)
        fcntl.flock(handle, fcntl.LOCK_EX)
        for job in (lambda: app.index([shop.table]), app.rebuild, app.rollback):
            with pytest.raises(CatalogError, match="another simsearch is writing there; wait for it to end"):
                job()
        assert app.status().sound
        assert decided(app.query([shop.photo(shop.single[0].sku)])[0]).sku == shop.single[0].sku
        os.close(handle)
        assert app.rebuild() == "g000002"


def test_one_photo_source_or_pair_is_taken_as_one(home: Path, kit: Kit, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku)
    with open_app(home, kit.config) as app:
        wanted = [shop.single[0].sku]
        each: list[Any] = [str(photo), photo, photo.read_bytes(), bytearray(photo.read_bytes()), iter([photo])]
        for given in each:
            found = app.query(given, record=False)
            assert [one.sku for one in found if isinstance(one, Decision)] == wanted
        together, errors = app.query_together(photo, record=False)
        assert together is not None
        assert (together.sku, errors) == (wanted[0], [])
        assert len(app.query(photo, where="form=none such", record=False)) == 1
        assert app.index(str(shop.table)).unchanged == app.index(shop.table).unchanged == 36
        [verdict] = app.verify((str(photo), photo))
        assert verdict.same
        with pytest.raises(UsageError, match=r"photos\[0\]: an object of numpy\.ndarray is no photo"):
            app.query([np.zeros((4, 4, 3), np.uint8)])  # type: ignore[list-item]
        with pytest.raises(UsageError, match="k: 0 is no number"):
            app.query(photo, k=0)

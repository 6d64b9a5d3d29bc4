"""The whole application on a catalog in PostgreSQL: the answers are those of SQLite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsearch import open_app
from simsearch.core.types import Decision

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop
    from tests.postgres import Server


def seen(answer: Any) -> tuple[Any, ...]:
    assert isinstance(answer, Decision)
    hits = [(hit.sku, hit.image_id, hit.verification.probability) for hit in answer.hits]
    return answer.outcome, answer.sku, answer.reason, hits


def test_a_catalog_is_indexed_asked_searched_and_rebuilt(
    kit: Kit, shop: Shop, postgres: Server, tmp_path: Path
) -> None:
    found = []
    photos = [shop.photo(product.sku, 1) for product in shop.single[:4]]
    for name, url in (("sqlite", ""), ("postgresql", postgres.database())):
        config = tmp_path / f"{name}.toml"
        config.write_text(f'{kit.config.read_text(encoding="utf-8")}\n[catalog]\nurl = "{url}"\n', encoding="utf-8")
        with open_app(tmp_path / name, config) as app:
            report = app.index(shop.table)
            answers = list(map(seen, app.query(photos)))
            groups = [sorted(group.skus) for group in app.duplicates()]
            rebuilt = app.rebuild()
            status = app.status()
            found.append((report.added, answers, sorted(groups), rebuilt, dict(status.counts), status.problem))
        assert (tmp_path / name / "catalog.db").exists() == (name == "sqlite")
    assert found[0] == found[1]
    assert found[0][0] > 20

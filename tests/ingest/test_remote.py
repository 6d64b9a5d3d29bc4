"""Photos that a table names by URLs: fetched from where that is allowed, and from nowhere else."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch.catalog import Catalog
from simsearch.core.config import CatalogSettings, Config, ImageSettings, SourceSettings
from simsearch.core.errors import ConfigError
from simsearch.core.stamps import Stamp
from simsearch.core.types import silent
from simsearch.ingest import remote as remote_module
from simsearch.ingest.index_report import IndexReport
from simsearch.ingest.indexer import Indexer
from simsearch.ingest.local_workers import LocalWorkers
from simsearch.ingest.remote import Remote
from simsearch.ingest.sources import Source, read_sources
from tests.ingest.shops import PHASH, SETTINGS, recipe

MOST = 50_000


def png(seed: int) -> bytes:
    values = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Pillow.fromarray(values).resize((80, 60), Pillow.Resampling.NEAREST).save(stream, "png")
    return stream.getvalue()


@dataclass
class Shop:
    """A server of photos on loopback."""

    photos: dict[str, bytes] = field(default_factory=dict)
    leads: dict[str, str] = field(default_factory=dict)
    """Path -> where it redirects to."""
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Path and status of each request."""
    versions: bool = True
    cut: int = 0
    """Bytes that are announced and not sent."""
    silent: threading.Event = field(default_factory=threading.Event)
    """While set, nothing is answered."""
    address: str = ""

    def table(self, tmp_path: Path, *urls: str) -> Path:
        path = tmp_path / "table.csv"
        path.write_text("sku,image\n" + "".join(f'p{n},"{url}"\n' for n, url in enumerate(urls)))
        return path


def handler(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            while shop.silent.is_set():
                time.sleep(0.01)
            content, version = shop.photos.get(self.path), ""
            if content is not None:
                version = f'"{hash(content)}"'
            status = 302 if self.path in shop.leads else 404 if content is None else 200
            if shop.versions and version and self.headers["If-None-Match"] == version:
                status = 304
            shop.asked.append((self.path, status))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", shop.leads[self.path])
            sent = content if status == 200 and content else b""
            if shop.versions and version:
                self.send_header("ETag", version)
            self.send_header("Content-Length", str(len(sent) + (shop.cut if sent else 0)))
            self.end_headers()
            self.wfile.write(sent)

    return Handler


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("no_proxy", "*")
    found = Shop({f"/photos/{n}.png": png(n) for n in range(4)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(found))
    found.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.silent.clear()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def remote(shop: Shop, tmp_path: Path) -> Remote:
    return Remote([f"{shop.address}/photos/"], tmp_path / "fetched", MOST, 5.0)


def read(table: Path, remote: Remote | None) -> Source:
    [source] = read_sources([table], remote=remote)
    return source


def test_photos_are_fetched_once_and_keep_their_content(shop: Shop, remote: Remote, tmp_path: Path) -> None:
    url = f"{shop.address}/photos/1.png"
    table = shop.table(tmp_path, url, url, f"{shop.address}/photos/2.png")
    source = read(table, remote)
    assert [row.image for row in source.rows] == [url, url, f"{shop.address}/photos/2.png"]
    assert [Path(row.path).read_bytes() for row in source.rows] == [png(1), png(1), png(2)]
    assert sorted(shop.asked) == [("/photos/1.png", 200), ("/photos/2.png", 200)]
    stamps = [Stamp.of(row.path) for row in source.rows]
    again = read(table, remote)
    assert [status for _, status in shop.asked[2:]] == [304, 304]
    assert [Stamp.of(row.path) for row in again.rows] == stamps


def test_without_versions_equal_content_leaves_the_file_alone(shop: Shop, remote: Remote, tmp_path: Path) -> None:
    shop.versions = False
    table = shop.table(tmp_path, f"{shop.address}/photos/1.png")
    [row] = read(table, remote).rows
    stamp = Stamp.of(row.path)
    read(table, remote)
    assert [status for _, status in shop.asked] == [200, 200]
    assert Stamp.of(row.path) == stamp
    shop.photos["/photos/1.png"] = png(7)
    read(table, remote)
    assert Path(row.path).read_bytes() == png(7)


@pytest.mark.parametrize("left", ["", "[1]", "{"])
def test_a_damaged_note_costs_one_more_request(shop: Shop, remote: Remote, tmp_path: Path, left: str) -> None:
    table = shop.table(tmp_path, f"{shop.address}/photos/1.png")
    [row] = read(table, remote).rows
    Path(row.path).with_suffix(".json").write_text(left)
    assert read(table, remote).rows == [row]
    assert [status for _, status in shop.asked] == [200, 200]


@pytest.mark.parametrize(
    "url",
    [
        "{0}/other/1.png", "{0}/photos", "{0}/photos/../other/1.png", "{0}/photos/%2e%2e/other/1.png",
        "{0}/photos/..%2fother/1.png", "{0}/photos/%5c1.png", "{0}/photos/1.png#x", "http://u:p@127.0.0.1/photos/1.png",
        "http://127.0.0.1.evil.example/photos/1.png", "http://127.0.0.1:1/photos/1.png", "ftp://127.0.0.1/photos/1.png",
        "file:///photos/1.png", "s3://photos/1.png", "https://127.0.0.1/photos/1.png", "http://[::1/photos/1.png",
        "http://127.0.0.1:99999999/photos/1.png",
    ],
)  # fmt: skip
def test_nothing_else_is_asked_for(shop: Shop, remote: Remote, tmp_path: Path, url: str) -> None:
    source = read(shop.table(tmp_path, url.format(shop.address)), remote)
    assert (source.rows, shop.asked) == ([], [])
    assert "is a web address" in source.refusals[0].message


def test_nothing_is_fetched_by_default(shop: Shop, tmp_path: Path) -> None:
    assert Remote.of(Config(), tmp_path) is None
    source = read(shop.table(tmp_path, f"{shop.address}/photos/1.png"), None)
    assert (source.rows, shop.asked) == ([], [])
    assert "sources.remote_allow" in source.refusals[0].message


@pytest.mark.parametrize(
    "prefix",
    ["https://shop.example", "https://shop.example/a?b/", "ftp://shop.example/", "/photos/", "https:///", "s3:///a/"],
)
def test_a_prefix_that_is_none_is_named(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(ConfigError, match=r"sources.remote_allow"):
        Remote.of(Config(sources=SourceSettings(remote_allow=(prefix,))), tmp_path)


def test_other_spellings_of_an_allowed_place_are_it(tmp_path: Path) -> None:
    remote = Remote(["https://Shop.example/"], tmp_path, MOST, 1.0)
    assert remote.allows("https://shop.example:443/a.png")
    assert remote.allows("HTTPS://SHOP.EXAMPLE/a b é.png?size=2")
    assert not remote.allows("http://shop.example/a.png")


def test_redirects_lead_to_allowed_places_only(shop: Shop, remote: Remote, tmp_path: Path) -> None:
    shop.leads = {
        "/photos/a": "/photos/1.png", "/photos/b": "/secret/1.png", "/photos/c": "file:///etc/passwd",
        "/photos/d": f"{shop.address.replace('127.0.0.1', 'localhost')}/photos/1.png", "/photos/e": "/photos/e",
    }  # fmt: skip
    shop.photos["/secret/1.png"] = png(9)
    source = read(shop.table(tmp_path, *(f"{shop.address}/photos/{name}" for name in "abcde")), remote)
    assert [Path(row.path).read_bytes() for row in source.rows] == [png(1)]
    assert {refusal.code for refusal in source.refusals} == {"missing"}
    assert len(source.refusals) == 4
    assert not any(path.startswith("/secret") for path, _ in shop.asked)


def test_what_cannot_be_had_is_told_by_its_row(shop: Shop, remote: Remote, tmp_path: Path) -> None:
    shop.photos["/photos/large.png"] = b"x" * (MOST + 1)
    table = shop.table(tmp_path, f"{shop.address}/photos/none.png", f"{shop.address}/photos/large.png")
    source = read(table, remote)
    assert source.rows == []
    assert [r.code for r in source.refusals] == ["missing", "too_large"]
    first, second = (r.message for r in source.refusals)
    assert first.startswith(f"{table} line 2: ")
    assert first.endswith("/none.png: HTTP 404")
    assert "line 3: " in second
    shop.cut = 10
    [cut] = read(shop.table(tmp_path, f"{shop.address}/photos/1.png"), remote).refusals
    assert "10 bytes are missing" in cut.message or "cannot be fetched" in cut.message


def test_a_server_that_does_not_answer_costs_its_time_and_no_more(shop: Shop, tmp_path: Path) -> None:
    shop.silent.set()
    remote = Remote([f"{shop.address}/photos/"], tmp_path / "fetched", MOST, 0.3)
    [refusal] = read(shop.table(tmp_path, f"{shop.address}/photos/1.png"), remote).refusals
    assert "timed out" in refusal.message


def indexed(catalog: Catalog, table: Path, remote: Remote, workers: LocalWorkers | None = None) -> IndexReport:
    settings = (workers, recipe()) if workers else None
    indexer = Indexer(catalog, PHASH, SETTINGS, ImageSettings(), settings)
    return indexer.run(read_sources([table], remote=remote), retire_share=1.0, progress=silent)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_they_are_indexed_as_other_photos_are(shop: Shop, remote: Remote, tmp_path: Path, elsewhere: bool) -> None:
    workers = LocalWorkers(1, 60.0) if elsewhere else None
    catalog = Catalog(tmp_path / "catalog.db", CatalogSettings())
    table = shop.table(tmp_path, *(f"{shop.address}/photos/{n}.png" for n in range(4)))
    assert indexed(catalog, table, remote, workers).added == 4
    assert indexed(catalog, table, remote, workers).unchanged == 4
    shop.photos["/photos/1.png"] = png(8)
    del shop.photos["/photos/2.png"]
    report = indexed(catalog, table, remote, workers)
    assert (report.changed, report.unchanged, report.refused, report.retired, report.kept) == (1, 2, 1, 0, 1)
    catalog.close()


def test_object_stores_are_read_by_fsspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setitem(remote_module.STORES, "memory", "memory")
    store = fsspec.filesystem("memory")
    store.pipe({"/shop/1.png": png(1), "/shop/large.png": b"x" * (MOST + 1), "/other/1.png": png(2)})
    remote = Remote(["memory://shop/"], tmp_path / "fetched", MOST, 5.0)
    names = ("shop/1.png", "shop/none.png", "shop/large.png", "other/1.png")
    table = Shop().table(tmp_path, *(f"memory://{name}" for name in names))
    source = read(table, remote)
    [row] = source.rows
    assert Path(row.path).read_bytes() == png(1)
    assert sorted(r.code for r in source.refusals) == ["bad_row", "missing", "too_large"]
    stamp = Stamp.of(row.path)
    read(table, remote)
    assert Stamp.of(row.path) == stamp
    store.pipe("/shop/1.png", png(3))
    read(table, remote)
    assert Path(row.path).read_bytes() == png(3)


def test_a_store_without_its_library_is_a_setting_at_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")

    def missing(*_: Any, **__: Any) -> None:
        raise ImportError("install s3fs")

    monkeypatch.setattr(fsspec, "filesystem", missing)
    remote = Remote(["s3://shop/"], tmp_path / "fetched", MOST, 5.0)
    with pytest.raises(ConfigError, match="s3fs"):
        read(Shop().table(tmp_path, "s3://shop/1.png"), remote)

"""What every test gets: a small network and a small rendered catalog, made once, and the command line in-process."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests import milvus as milvus_servers
from tests.browser import browser as browser
from tests.postgres import Server, binaries, binaries_with_pgvector, serving

if TYPE_CHECKING:
    from simsearch.synthetic import Duplicate, SyntheticProduct

# With `pytest -n 2` each worker would start a thread per core: the workers are the threads then.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# How long an example takes on a busy machine says nothing about it.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not for_gpu:
        return
    import torch

    if not torch.cuda.is_available():
        for item in for_gpu:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of the tests' own."""
    found = binaries()
    if found is None:
        pytest.skip("there is no PostgreSQL here (apt-get install postgresql)")
    with serving(found) as server:
        yield server


@pytest.fixture(scope="session")
def pgvector() -> Iterator[Server]:
    """A PostgreSQL server of the tests' own that has pgvector."""
    found = binaries_with_pgvector()
    if found is None:
        pytest.skip("there is no PostgreSQL with pgvector here (scripts/scale/setup)")
    with serving(found) as server:
        yield server


@pytest.fixture(scope="session")
def milvus() -> Iterator[milvus_servers.Server]:
    """A Milvus server of the tests' own."""
    if reason := milvus_servers.missing():
        pytest.skip(reason)
    with milvus_servers.serving() as server:
        yield server


@dataclass(frozen=True)
class Kit:
    """An untrained network with a calibration that trusts keypoints, and the settings that name it. Nothing is read."""

    weights: Path
    calibration: Path
    config: Path


@dataclass(frozen=True)
class Shop:
    """A rendered catalog: two photos a product, four products filed twice."""

    table: Path
    products: Sequence[SyntheticProduct]
    planted: Sequence[Duplicate]

    def photo(self, sku: str, number: int = 0) -> Path:
        """A catalog picture of a product that is filed once or first."""
        return self.table.parent / f"images/{sku}_{number}.jpg"

    @property
    def single(self) -> list[SyntheticProduct]:
        """Packages that are filed once. Loose pills, whose keypoints do not count, are left out."""
        twice = {d.sku_a for d in self.planted}
        return [p for p in self.products if p.sku not in twice and p.package != "pills"]


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    import torch

    from simsearch.core.types import Surface
    from simsearch.features import create
    from simsearch.features.network.network import Network, save
    from simsearch.features.network.weights_file import SURFACES, Architecture
    from simsearch.recognition.calibration import Calibration
    from simsearch.recognition.score_fusion import Fusion, Monotone
    from simsearch.recognition.verification import FEATURES

    folder = tmp_path_factory.mktemp("kit")
    kit = Kit(folder / "small.safetensors", folder / "small.calibration.json", folder / "small.toml")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        network = Network(Architecture("mobilenet_v3_small", embedding=64, input_size=96, pair_hidden=16))
        # As drawn, it says the same of every photo: norms and embedding are centred on some smooth pictures, and the
        # pair head is made to fall with distance.
        pictures = torch.nn.functional.interpolate(torch.randn(16, 3, 8, 8), size=(96, 96), mode="bilinear")
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None
        network.train()
        network.features(pictures)
        network.eval()
        # It must not take a package for loose pills by chance: their keypoints are not looked at.
        network.surface.bias[SURFACES.index(Surface.PILLS)] = -1e4
        network.embed.bias.copy_(-network.embed.weight @ network.features(pictures).mean(dim=0))
        for layer, sign in (("pair.0.weight", 1), ("pair.2.weight", -1)):
            network.get_parameter(layer).abs_().mul_(sign)
    save(network, kit.weights, {})
    chosen = f'weights = "{kit.weights}"\nprecision = "float32"\ndevice = "cpu"\n'
    rest = '[reading]\nmode = "never"\n[indexing]\nworkers = 2\n'  # tests add to the last table
    kit.config.write_text(f"[methods.siamese]\n{chosen}{rest}", encoding="utf-8")
    methods = [create("phash"), create("orb"), create("siamese", {"weights": str(kit.weights)})]
    # 0.5 at 120 inliers, 0.99 at 270: two photos match when one was made from the other. The backs of rendered boxes
    # have much in common, and what an untrained network says is left out.
    fusion = Fusion(
        FEATURES, (0.0, 0.0, 4.8, 0.5, 0.0, 0.0, 0.0), (1.0, 1.0, 0.5, 0.25, 1.0, 1.0, 1.0),
        (0.0, 0.0, 3.0, 0.1, 0.0, 0.0, 0.0), 0.0,
    )  # fmt: skip
    fingerprints = {m.name: m.fingerprint for m in methods}
    calibration = Calibration(fusion, Monotone(), {"match": 0.9, "pair": 0.5}, fingerprints, {"source": "by hand"})
    calibration.save(kit.calibration)
    return kit


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    from simsearch.synthetic import make_products, write_catalog

    folder = tmp_path_factory.mktemp("shop")
    products = make_products(16, 5, family_share=0.0)
    planted = write_catalog(folder, products, 5, photos_per_product=2, duplicates=4, size=352)
    return Shop(folder / "catalog.csv", products, planted)


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, kit: Kit, shop: Shop) -> Path:
    """A home that holds the shop and one generation. To be read only; `home` is a copy to write in."""
    from simsearch import open_app

    folder = tmp_path_factory.mktemp("indexed") / "home"
    with open_app(folder, kit.config) as app:
        app.index([shop.table])
    return folder


@pytest.fixture
def home(indexed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(indexed, tmp_path / "home"))


# -- the command line ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """What a call of the command line left."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """stdout as JSON, one object a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def rows(self) -> list[dict[str, str]]:
        """stdout as CSV."""
        return list(csv.DictReader(io.StringIO(self.out)))

    def error(self, code: int) -> str:
        """The one line on stderr of a call that must end with `code`."""
        assert self.code == code, self.err
        assert self.err.count("\n") == 1
        assert self.err.startswith("simsearch: ")
        return self.err.removeprefix("simsearch: ").rstrip("\n")


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line, called with the given arguments."""
    from simsearch.cli import main as cli

    for name in ("SIMSEARCH_HOME", "SIMSEARCH_CONFIG", "SIMSEARCH_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["simsearch", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        found = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Done(left.value.code, found.out, found.err)

    return call


@pytest.fixture
def on(run: Run, kit: Kit) -> Run:
    """The command line with the kit's settings, on the home given first."""
    return lambda home, *rest: run("--config", kit.config, "--home", home, *rest)

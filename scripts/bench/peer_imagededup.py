"""Photos a second of imagededup's CNN encoding (MobileNetV3-small, embedding only). Run by a Python that has it.

    PYTHON scripts/bench/peer_imagededup.py FOLDER

The network has random weights: imagededup would download its own, and speed does not depend on them.
"""

from __future__ import annotations

import json
import sys
import time

import torchvision

_small = torchvision.models.mobilenet_v3_small
torchvision.models.mobilenet_v3_small = lambda *_, **__: _small(weights=None)


def main(folder: str) -> None:
    """Print the JSON that `suite.py` reads."""
    from imagededup.methods import CNN
    from imagededup.utils import models

    models.models.mobilenet_v3_small = lambda *_, **__: _small(weights=None)
    method = CNN(verbose=False)
    method.encode_images(folder)  # warm
    wall, processor = time.perf_counter(), time.process_time()
    count = len(method.encode_images(folder))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(json.dumps({"photos": count, "wall_s": wall, "processor_s": processor}))


if __name__ == "__main__":
    main(sys.argv[1])

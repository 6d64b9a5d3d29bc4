"""For tests of simsearch and of whatever is built on it: contract suites, a small world, stand-ins, fixed pictures.

- `methods.MethodContract` and `indexes.IndexContract` hold any implementation of the two seams to what they promise.
- `world.World` is a catalog with an engine whose answers the test writes down itself.
- `readers.FakeReader` reads from pictures what the test wrote down.
- `pictures` draws photos by whole-number arithmetic, the same on every machine.

Needs pytest, which simsearch itself does not: `pip install simsearch[dev]`.
"""

import pytest

# So that a failing check shows both sides of its comparison, as it does in a test module.
pytest.register_assert_rewrite("simsearch.testing.methods", "simsearch.testing.indexes")

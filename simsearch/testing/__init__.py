"""For tests of simsearch and of whatever is built on it: contract suites, a small world, stand-ins.

`methods.MethodContract` and `indexes.IndexContract` hold any implementation of the seams to what they promise;
`world.World` is a catalog with an engine whose answers the test writes down itself. Needs pytest, which simsearch
itself does not: `pip install simsearch[dev]`.
"""

"""Which library computes the network sooner on this machine, found out without importing PyTorch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PROCESSORS = Path("/proc/cpuinfo")
_GPUS = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidiactl"))
_BFLOAT16 = frozenset(("amx_bf16", "avx512_bf16"))
"""Flags of processors that multiply bfloat16, in which PyTorch computes the network in half of the time."""


@cache
def float32_only() -> bool:
    """Whether this is a Linux machine on x86-64 without bfloat16 and without an NVIDIA GPU.

    There ONNX Runtime describes a photo in four fifths of PyTorch's time, and starts a second sooner. Of any other
    machine it is not known, and False.
    """
    try:
        lines = _PROCESSORS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())
    return "sse2" in flags and not flags & _BFLOAT16 and not any(path.exists() for path in _GPUS)

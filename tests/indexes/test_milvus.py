"""What Milvus's client raises, in simsearch's words. The collections themselves: test_engines.py."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import EngineError
from simsearch.indexes.milvus import Milvus


class MilvusException(Exception):  # noqa: N818 - the name is pymilvus's
    message = "no answer"


class RpcError(Exception):
    """gRPC's; it has a text of several lines and no message."""


class Client:
    def __init__(self, *_: Any, **__: Any) -> None:
        pass


@pytest.mark.parametrize("error", [MilvusException(), RpcError("status = DEADLINE_EXCEEDED\n\tno answer")])
def test_a_server_that_does_not_answer_is_named(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    exceptions = SimpleNamespace(MilvusException=MilvusException)
    monkeypatch.setitem(sys.modules, "pymilvus", SimpleNamespace(exceptions=exceptions, MilvusClient=Client))
    monkeypatch.setitem(sys.modules, "pymilvus.exceptions", exceptions)
    monkeypatch.setitem(sys.modules, "grpc", SimpleNamespace(RpcError=RpcError))
    engine = Milvus(GenerationSettings(url="http://user:secret@milvus.example:19530"))
    with (
        pytest.raises(EngineError, match=r"^milvus\.example:19530: Milvus does not .*no answer") as told,
        engine.asked(),
    ):
        raise error
    assert "secret" not in str(told.value)

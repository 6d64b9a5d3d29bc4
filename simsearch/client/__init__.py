"""Asks a server of `simsearch serve` from Python. Needs httpx (in the extra `serve`), and nothing else of simsearch::

    from simsearch.client import Client

    with Client("http://127.0.0.1:8780") as client:
        answer = client.query("photo.jpg")
        print(answer["decision"], answer["sku"])

`AsyncClient` has the same methods to await. They return what docs/json.md explains, typed in `simsearch.views.types`.
"""

from simsearch.client.asynchronous import AsyncClient
from simsearch.client.calls import ServerProblem, Tagged
from simsearch.client.synchronous import Client

__all__ = ["AsyncClient", "Client", "ServerProblem", "Tagged"]

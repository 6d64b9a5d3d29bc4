"""`simsearch serve` and `simsearch token`: HTTP for programs, a page for people, and who may use them."""

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Context, Option

from simsearch.cli.context import Json, global_options, note, opened_app, show_json
from simsearch.core.errors import ConfigError

if TYPE_CHECKING:
    from simsearch.core.config import ServerSettings
    from simsearch.server.tokens import Token, Tokens

tokens = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
NEEDED = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")


def serve(
    context: Context,
    host: Annotated[str | None, Option(help="Address to listen on.", show_default="server.host")] = None,
    port: Annotated[
        int | None, Option(min=0, max=65535, help="Port to listen on; 0: a free one.", show_default="server.port")
    ] = None,
    workers: Annotated[int | None, Option(min=1, max=64, help="Processes.", show_default="server.workers")] = None,
) -> None:
    """Answer over HTTP: /v1 for programs, a page for people. SIGHUP renews the workers, SIGTERM ends them."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise ConfigError(f"{missing[0]} is not installed; run: pip install 'simsearch[serve]'")
    from simsearch.server.supervisor import serve as run
    from simsearch.server.worker import Place

    given: dict[str, Any] = {
        key: value for key, value in (("host", host), ("port", port), ("workers", workers)) if value is not None
    }

    def changed(settings: "ServerSettings") -> "ServerSettings":
        return replace(settings, **given)

    options = global_options(context)
    run(Place(options.home, options.config, options.device), changed)


@tokens.command("add")
def add(
    context: Context,
    name: Annotated[str, Argument(help="Of the person or program that gets it.")],
    role: Annotated[str, Option(help="What it may do: read (ask and look), review, or admin.")] = "read",
) -> None:
    """Make a token. It is printed once, and only its digest is kept."""
    print(_tokens(context).add(name, role))
    note(f"{name}: may {role}. Send it as `Authorization: Bearer TOKEN`; it cannot be shown again")


@tokens.command("list")
def listed(context: Context, as_json: Json = False) -> None:
    """List the tokens by name, without the tokens themselves."""
    found = _tokens(context).all()
    if as_json:
        show_json(map(_shape, found))
        return
    for token in found:
        print(f"{token.name}  {token.role}  since {token.created_at}")
    if not found:
        note("there are no tokens; `simsearch token add NAME` makes one")


@tokens.command("revoke")
def revoke(context: Context, name: Annotated[str, Argument(help="As `token list` has it.")]) -> None:
    """Take a token back. It holds at once, also in a server that runs."""
    _tokens(context).revoke(name)
    note(f"{name}: revoked")


def _tokens(context: Context) -> "Tokens":
    from simsearch.server.tokens import Tokens

    with opened_app(context) as app:
        return Tokens(app.home)


def _shape(token: "Token") -> dict[str, str]:
    return {"name": token.name, "role": token.role, "created_at": token.created_at}

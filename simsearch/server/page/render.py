"""Makes pages from templates, in the language of the reader."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from simsearch import __version__
from simsearch.server.access import COOKIE, Principal, Role
from simsearch.server.page import wording
from simsearch.server.page.keys import KEYS
from simsearch.server.page.language import N_, Language, choose, languages

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "simsearch_language"
FRAGMENT = "x-fragment"
"""A header by which page.js asks for what stands in <main> alone."""
SCREENS = (
    ("ask", "/", N_("Identify")),
    ("review", "/review", N_("Review")),
    ("catalog", "/catalog", N_("Catalog")),
    ("status", "/status", N_("Status")),
)
_ADDRESS = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")


def page(
    request: Request,
    template: str,
    *,
    screen: str,
    title: str,
    http: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: object,
) -> HTMLResponse:
    """The answer to a browser; to page.js what stands in <main> alone, with the title in a header.

    `screen`: of SCREENS, or another word for the page's class. `title`: to be translated.
    """
    language = language_of(request)
    principal: Principal | None = getattr(request.state, "principal", None)
    context = {
        **_shared(language.code), **values, "layout": "base.html.j2", "language": language,
        "languages": list(languages().values()),
        "screen": screen, "title": language(title), "here": here(request),
        "screens": [(name, path, language(words)) for name, path, words in SCREENS],
        "who": principal.name if principal and principal.via != "local" else "",
        "may_leave": COOKIE in request.cookies, "may_review": bool(principal and principal.role >= Role.REVIEW),
        "may_admin": bool(principal and principal.role >= Role.ADMIN),
    }  # fmt: skip
    made = environment(language.code).get_template(template)
    told = {"Vary": "Accept-Language, Cookie, X-Fragment", **(headers or {})}
    if FRAGMENT in request.headers:
        told["X-Title"] = quote(f"{context['title']} · simsearch")
        context["layout"] = "fragment.html.j2"
    return HTMLResponse(made.render(context), http, told)


def language_of(request: Request) -> Language:
    """The language in which a request is answered."""
    return choose(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language"))


def here(request: Request) -> str:
    """Path and query of a page that can be come back to; "/" for what a form posts to."""
    if request.method != "GET":
        return "/"
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def local(address: str) -> str:
    """`address` where it is a path of this server, "/" for anything else."""
    return address if _ADDRESS.fullmatch(address) and len(address) < 2000 else "/"


@cache
def environment(code: str) -> Environment:
    """Templates in one language."""
    language = languages()[code]
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_callables(  # type: ignore[attr-defined]
        language.messages.gettext, language.messages.ngettext, newstyle=True
    )
    made.globals.update(_globals(language))
    return made


def _globals(language: Language) -> dict[str, Any]:
    def words(known: Mapping[str, str]) -> Callable[[str], str]:
        return lambda name: language(known[name]) if name in known else name

    return {
        "static": static_url, "thumbnail": thumbnail, "product_url": product_url,
        "percent": language.percent, "number": language.number,
        "when": language.when, "ago": language.ago, "duration": language.duration, "bytes": language.bytes,
        "likely": lambda p: language(wording.likely(p)), "field": words(wording.FIELDS), "kind": words(wording.KINDS),
        "alike_kind": words(wording.ALIKE), "surface": words(wording.SURFACES), "refusal": words(wording.REFUSALS),
        "step": words(wording.STEPS), "change": words(wording.CHANGES), "night_words": words(wording.NIGHTS),
        "outcomes": _all(language, wording.OUTCOMES), "says": _all(language, wording.SAYS), "keys": KEYS,
        "version": __version__,
    }  # fmt: skip


def _all(language: Language, known: Mapping[str, str]) -> dict[str, str]:
    return {key: language(words) for key, words in known.items()}


@cache
def _shared(code: str) -> dict[str, Any]:
    return {"words": json.dumps(_all(languages()[code], wording.SCRIPT), ensure_ascii=False)}


def thumbnail(image: int, size: int = 160) -> str:
    """Address of a re-encoded picture of the catalog."""
    return f"/v1/images/{image}/thumbnail?size={size}"


def product_url(sku: str) -> str:
    """Address of a product. A SKU may hold a slash."""
    return f"/catalog/{quote(sku, safe='')}"


# -- static files ----------------------------------------------------------------------------------------------------

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def static_files() -> dict[str, bytes]:
    """Name -> content of the files that a browser may load."""
    return {file.name: file.read_bytes() for file in sorted((HERE / "static").iterdir()) if file.suffix in TYPES}


@cache
def static_version() -> str:
    """Changes with any of the static files, which import each other by relative names."""
    digest = hashlib.sha256()
    for name, data in static_files().items():
        digest.update(name.encode() + data)
    return digest.hexdigest()[:16]


def static_url(name: str) -> str:
    """Address of a static file; it may be kept for ever."""
    assert name in static_files(), name
    return f"/static/{static_version()}/{name}"

"""From Flask's request to facts, and from an answer to Flask's response."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from secureacct._faces import run_inline
from secureacct.web.around import Around, bare
from secureacct.web.http import MAX_BODY, Answer, Request
from secureacct.web.site import WebSite


def facts(site: WebSite, path: str | None = None) -> Request:
    """The request at hand. The body is read no further than the limit."""
    request = flask.request
    environ = request.environ
    body, too_large = _body(request)
    return Request(
        method=request.method,
        path=path if path is not None else request.path.removeprefix(site.prefix) or "/",
        query=request.query_string.decode("latin-1"),
        headers=headers_of(environ),
        body=body,
        too_large=too_large,
        peer=environ.get("REMOTE_ADDR"),
        https=environ.get("wsgi.url_scheme") == "https",
    )


def headers_of(environ: dict[str, Any]) -> dict[str, list[str]]:
    """The headers, lower-case. WSGI joins repeated ones with a comma."""
    found = {
        key[5:].replace("_", "-").lower(): [value]
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        found["content-type"] = [environ["CONTENT_TYPE"]]
    return found


def _body(request: flask.Request) -> tuple[bytes, bool]:
    if request.method in ("GET", "HEAD"):
        return b"", False
    if request.content_length is not None and request.content_length > MAX_BODY:
        return b"", True
    request.max_content_length = MAX_BODY
    try:
        return request.get_data(cache=False), False
    except HTTPException:
        return b"", True


def response_of(site: WebSite, answer: Answer) -> Response:
    """What an answer becomes. Pages are rendered by the app's own Jinja, so an app's templates win."""
    if answer.json is not None:
        body = json.dumps(answer.json, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        response = Response(body, answer.status, content_type=answer.content_type or "application/json")
    elif answer.page is not None:
        html = render(site, answer.page, answer.around)
        response = Response(html, answer.status, content_type="text/html; charset=utf-8")
    elif answer.stream is not None:
        response = Response(_Pieces(answer.stream), answer.status, content_type=answer.content_type)
    elif answer.location:
        response = Response(b"", answer.status, content_type="text/plain; charset=utf-8")
        response.autocorrect_location_header = False
        response.headers["Location"] = answer.location
    else:
        response = Response(answer.body, answer.status, content_type=answer.content_type or "text/plain")
    for name, value in (*site.header_set(answer.kind).text, *answer.headers):
        response.headers[name] = value
    response.headers["Vary"] = "Cookie, Accept"
    for cookie in answer.cookies:
        response.headers.add("Set-Cookie", cookie)
    return response


class _Pieces:
    """A stream as a server wants it: one piece at a time, and closed whatever happens."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = run_inline(_next(self._stream))
        if piece is None:
            raise StopIteration
        return piece

    def close(self) -> None:
        """The server is done, or the other side is gone."""
        run_inline(_close(self._stream))


async def _next(stream: AsyncIterator[bytes]) -> bytes | None:
    return await anext(stream, None)


async def _close(stream: AsyncIterator[bytes]) -> None:
    if isinstance(stream, AsyncGenerator):
        await stream.aclose()


def render(site: WebSite, page: Any, around: Around | None = None) -> str:
    """A page's HTML."""
    beside = around or bare(site)
    return flask.render_template(
        page.template,
        page=page,
        layout=site.settings.base_template,
        site=site.settings,
        url=site.url,
        secureacct_around=lambda: beside,
        static=lambda name: site.url(f"/static/{name}"),
    )


def iso(seconds: int) -> str:
    """A moment for programs: 2026-11-25T18:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(seconds: int) -> str:
    """A moment for people, in UTC; a script shows it in their own zone."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M UTC").lstrip("0")

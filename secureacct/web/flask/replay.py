"""Repeating an interrupted POST of the app's own, inside, with the session's new token."""

from __future__ import annotations

import io
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes, urlencode

import flask
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from secureacct.accounts.fresh_proof import Resumed


def repeat(app: flask.Flask, resumed: Resumed, *, cookies: Sequence[str]) -> Response:
    """Send the kept form to its own page, as the browser would have after the proof."""
    body = urlencode(dict(resumed.form)).encode("utf-8")
    path, _, query = resumed.path.partition("?")
    environ = {
        key: value
        for key, value in flask.request.environ.items()
        if not key.startswith(("werkzeug.", "flask.")) and key not in ("HTTP_COOKIE", "HTTP_CONTENT_LENGTH")
    }
    fresh = "; ".join(cookie.partition(";")[0] for cookie in cookies)
    environ |= {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),  # as WSGI wants it, PEP 3333
        "QUERY_STRING": query,
        "REQUEST_URI": resumed.path,
        "RAW_URI": resumed.path,
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "HTTP_COOKIE": "; ".join(part for part in (_other_cookies(cookies), fresh) if part),
        "secureacct.resumed": resumed,
    }
    items, status, headers = run_wsgi_app(app.wsgi_app, environ, buffered=True)
    return Response(items, status, headers)


def _other_cookies(fresh: Sequence[str]) -> str:
    """What the browser sent, without what the answer sets anew (the session's token, if it moved)."""
    names = {cookie.partition("=")[0] for cookie in fresh}
    parts = (part.strip() for part in flask.request.headers.get("Cookie", "").split(";"))
    return "; ".join(part for part in parts if part and part.partition("=")[0] not in names)

"""A shop behind a real threaded server, as a TLS-ending proxy would reach it, and many clients at once."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from tests.journeys.kit import Browser, Shop


class Quiet(WSGIRequestHandler):
    """No access log."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    retry_after: str | None
    body: Any


@contextmanager
def served(shop: Shop) -> Iterator[int]:
    """The shop's port."""

    def behind_tls(environ: dict[str, Any], start: Any) -> Any:
        environ["wsgi.url_scheme"] = "https"
        environ["REMOTE_ADDR"] = environ.get("HTTP_X_TEST_ADDRESS", "192.0.2.99")
        return shop.app.wsgi_app(environ, start)

    server = make_server("127.0.0.1", 0, behind_tls, threaded=True, request_handler=Quiet)
    server.socket.listen(256)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def storm(
    port: int, browser: Browser, path: str, bodies: Sequence[dict[str, str]], *, threads: int = 50
) -> list[Reply]:
    """All bodies at once, each on its own connection, with this browser's cookies and form token."""
    token = browser.csrf()
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    start = threading.Barrier(min(threads, len(bodies)))

    def one(number: int) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {
            "Host": "shop.example",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Cookie": cookie,
            "X-Test-Address": browser.address,
        }
        if number < start.parties:
            start.wait(20)
        try:
            body = json.dumps({**bodies[number], "csrf_token": token})
            connection.request("POST", path, body=body, headers=headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheader("Retry-After"), json.loads(answer.read()))
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(len(bodies))))

"""The thief's replay once over a real socket with real TLS."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.journeys.kit import ADA, BASE, PASSWORD, Shop


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[Shop, int]]:
    """A shop on a port of this machine, behind a certificate made for the occasion."""
    shop = Shop(folder)
    server = make_server("127.0.0.1", 0, shop.app, threaded=True, ssl_context="adhoc")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield shop, server.server_port
    server.shutdown()
    thread.join()
    shop.close()


class Client:
    """A browser's cookies over a socket."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def send(self, method: str, path: str, fields: dict[str, Any] | None = None) -> tuple[int, Any]:
        """One request as a program; its status and JSON."""
        trusting = ssl._create_unverified_context()  # the certificate was made a moment ago
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=trusting, timeout=30)
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, json.dumps(fields) if fields is not None else None, headers)
        answer = connection.getresponse()
        body = answer.read()
        for header in answer.msg.get_all("Set-Cookie") or ():
            assert "Secure" in header
            assert "HttpOnly" in header
            name, _, value = header.partition(";")[0].partition("=")
            if "Max-Age=0" in header:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        connection.close()
        is_json = (answer.getheader("Content-Type") or "").endswith("json")
        return answer.status, json.loads(body) if is_json else body.decode()

    def post(self, path: str, fields: dict[str, Any]) -> tuple[int, Any]:
        """POST with this browser's token."""
        token = self.send("GET", "/account/session")[1]["csrf_token"]
        return self.send("POST", path, {"csrf_token": token, **fields})


def test_replay_over_tls(served: tuple[Shop, int]) -> None:
    """From sign-up to sign-out over TLS; the cookie that was captured in between opens nothing."""
    shop, port = served
    ada = Client(port)
    assert ada.post("/account/sign-up", {"email": ADA, "password": PASSWORD})[0] == 202
    shop.shell.deliver()
    link = next(one for one in shop.mailer.messages(ADA)[0].links if "/verify/" in one)
    assert link.startswith(f"{BASE}/account/verify/")
    assert ada.post(link.removeprefix(BASE), {}) == (200, {"status": "verified"})
    assert ada.post("/account/sign-in", {"email": ADA, "password": PASSWORD})[1] == {"status": "signed_in"}
    assert ada.send("GET", "/") == (200, f"Hello {ADA}")
    thief = Client(port)
    thief.cookies = dict(ada.cookies)
    assert thief.send("GET", "/")[0] == 200
    assert ada.post("/account/sign-out", {}) == (200, {"status": "signed_out"})
    assert thief.send("GET", "/")[0] == 401
    assert thief.send("GET", "/account/devices")[0] == 401

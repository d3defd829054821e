"""A site as small as can be, for the browser module: pages under a strict CSP, and the ceremonies."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from secureacct import passkeys as pk
from secureacct._bytes import b64url
from secureacct.records.challenges import Challenge, ClaimChallenge, PutChallenge
from secureacct.records.factors import AddPasskey, RemovePasskey
from tests.factor_kit import NOW, Held

MODULE = Path(__file__).parents[2] / "secureacct" / "web" / "static" / "passkeys.js"
CSRF = "the-token"

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test</title>
<script type="module" src="/passkeys.js"></script></head><body><main><h1>Test</h1>
<form id="form"><label>E-mail <input name="email" autocomplete="username webauthn"></label>
<label>Name <input name="name" value="Laptop"></label>
<label>Password <input name="password" type="password" value="pw"></label>
<input type="checkbox" name="remember" checked aria-label="remember">
<input type="checkbox" name="shared_computer" aria-label="shared"></form>
{parts}</main></body></html>"""

PART = """<div hidden data-passkey="{kind}" data-options="/{kind}/options" data-finish="/{kind}"
data-csrf="the-token" data-form="form" data-next="/done" {more}>
<button type="button" data-passkey-start>Go {kind}</button><p role="status" data-passkey-message></p></div>"""

FORM = """<form hidden method="post" action="/nowhere" data-passkey="register"
data-options="/register/options"
data-finish="/register" data-csrf="the-token" data-next="/done" data-option-fields="password"
data-fields="name"><label>Its name <input name="name"></label>
<input type="hidden" name="password" value="pw">
<button data-passkey-start>Add</button><p role="status" data-passkey-message></p></form>"""

PAGES = {
    "/register": PART.format(kind="register", more='data-option-fields="password" data-fields="name"'),
    "/form": FORM,
    "/sign-in": PART.format(kind="sign-in", more='data-fields="remember shared_computer"'),
    "/autofill": PART.format(kind="sign-in", more="data-autofill"),
    "/done": "<p>You are in.</p>",
    "/": "<p>The start.</p>",
}


class Refusal(Exception):
    """A problem to answer with."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem["code"])
        self.status, self.problem = status, problem


@dataclass
class Site:
    """One account, one browser, one store."""

    held: Held
    port: int = 0
    handle: bytes = field(default_factory=lambda: secrets.token_bytes(64))
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refuse_with: Refusal | None = None

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://localhost:{self.port}"

    @property
    def rp(self) -> pk.RelyingParty:
        """Who it is."""
        return pk.RelyingParty.at(self.origin, name="Test")

    def options(self, purpose: str) -> dict[str, Any]:
        """Open a challenge and give options for it."""
        secret = secrets.token_bytes(32)
        digest = hashlib.sha256(secret).digest()
        opened = Challenge(digest=digest, purpose=purpose, binding="b", expires_at=NOW + 300)
        assert self.held.won(PutChallenge(challenge=opened, now=NOW))
        if purpose == "sign-in":
            made = pk.authentication_options(self.rp, challenge=secret, require_user_verification=True)
        else:
            made = pk.registration_options(
                self.rp,
                challenge=secret,
                user_handle=self.handle,
                user_name="ada@example.org",
                display_name="Ada",
                require_user_verification=True,
                exclude=self.held.of("a").passkeys,
            )
        return {"options": made}

    def claim(self, response: Any, purpose: str) -> ClaimChallenge:
        """The claim of the challenge that a response answers."""
        digest = hashlib.sha256(response.claimed_challenge).digest()
        return ClaimChallenge(digest=digest, purpose=purpose, binding="b", now=NOW)

    def register(self, body: dict[str, Any]) -> dict[str, Any]:
        """Keep a new passkey."""
        response = pk.read_registration(body["credential"])
        facts = pk.verify_registration(
            response,
            expected_challenge=response.claimed_challenge,
            expected_rp=self.rp,
            require_user_verification=True,
        )
        record = facts.record(
            id=secrets.token_hex(8), account_id="a", user_handle=self.handle, name=body["name"], now=NOW
        )
        assert self.held.won(self.claim(response, "register"), AddPasskey(passkey=record))
        accepted = pk.all_accepted_credentials(
            self.rp, user_handle=self.handle, passkeys=self.held.of("a").passkeys
        )
        return {"status": "enabled", "accepted_credentials": accepted}

    def sign_in(self, body: dict[str, Any]) -> dict[str, Any]:
        """Check a sign-in."""
        response = pk.read_authentication(body["credential"])
        passkey = self.held.run(self.held.store.passkey_of_credential(response.claimed_credential_id))
        if passkey is None:
            unknown = pk.unknown_credential(self.rp, credential_id=response.claimed_credential_id)
            raise Refusal(401, {"code": "sign_in_rejected", "unknown_credential": unknown})
        proof = pk.verify_authentication(
            response,
            passkey=passkey,
            expected_account_id=None,
            expected_challenge=response.claimed_challenge,
            expected_rp=self.rp,
            require_user_verification=True,
        )
        assert self.held.won(self.claim(response, "sign-in"), proof.used(now=NOW))
        return {"status": "signed_in", "location": "/done"}

    def forget(self) -> None:
        """Remove every passkey, as from another device."""
        for one in self.held.of("a").passkeys:
            version = self.held.of("a").version
            assert self.held.won(RemovePasskey(id=one.id, account_id="a", expected_version=version))

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a POST."""
        self.received.append((path, body))
        if self.refuse_with is not None:
            raise self.refuse_with
        if path.endswith("/options"):
            return self.options(path.split("/")[1])
        return self.register(body) if path == "/register" else self.sign_in(body)


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", "default-src 'self'")
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if self.path == "/passkeys.js":
                self._send(200, "text/javascript", MODULE.read_bytes())
            elif self.path in PAGES:
                self._send(200, "text/html", PAGE.format(parts=PAGES[self.path]).encode())
            else:
                self._send(404, "text/plain", b"")

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                if self.headers["X-CSRF-Token"] != CSRF or self.headers["Content-Type"] != "application/json":
                    raise Refusal(403, {"code": "csrf_failed"})
                status, reply = 200, site.answer(self.path, json.loads(sent))
            except Refusal as refused:
                status, reply = refused.status, refused.problem
            self._send(status, "application/json", json.dumps(reply).encode())

    return Handler


@contextmanager
def served(held: Held) -> Iterator[Site]:
    """The site on a free port of localhost, with the account's handle set."""
    from secureacct.records.factors import SetUserHandle

    site = Site(held)
    assert held.won(SetUserHandle(account_id="a", user_handle=site.handle))
    server = ThreadingHTTPServer(("localhost", 0), _handler(site))
    server.daemon_threads = True
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def credential_id(held: Held) -> str:
    """The newest passkey's credential id, as the browser spells it."""
    return b64url(held.of("a").passkeys[-1].credential_id)

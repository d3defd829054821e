"""A small site with everything the promises are about, that can be broken in one way at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask

from secureacct._faces import run_inline
from secureacct.commitments.contact import MEDIA_TYPE, PATH, SecurityTxt
from secureacct.flask import SecureAcct
from secureacct.passwords import PasswordHasher
from secureacct.records.mail import Message


def contact(*, days: int) -> str:
    """A security.txt that expires in so many days."""
    expires = datetime.now(UTC) + timedelta(days=days)
    return SecurityTxt(contact=("mailto:security@shop.example",), expires=expires).render()


def make_site(folder: Path, *, broken: str = "", hasher: PasswordHasher | None = None) -> flask.Flask:
    """The site, broken in the way that the named promise forbids."""
    app = flask.Flask("stage")
    app.config.update(
        SECUREACCT_DATABASE_URL=f"sqlite:///{folder / 'real.db'}",
        SECUREACCT_CONTACT_UNTIL=f"{datetime.now(UTC) + timedelta(days=200):%Y-%m-%d}",
        SECUREACCT_KEYRING=str(folder / "real.json"),
        SECUREACCT_BASE_URL="https://shop.example",
        SECUREACCT_KEYRING_PASSPHRASE="" if broken == "C16" else "a passphrase of the real site",
        SECUREACCT_MAIL_URL="smtp://mail.example",
        SECUREACCT_MAIL_FROM="shop@shop.example",
    )
    SecureAcct(hasher=hasher).init_app(app)

    def leak(text: str) -> None:
        url = app.extensions["secureacct"].site.assembly.settings.database_url
        with Path(url.removeprefix("sqlite:///") + "-leak").open("a") as file:
            file.write(text)

    @app.before_request
    def answer() -> Any:
        path, body = flask.request.path, flask.request.get_json(silent=True) or {}
        posted = flask.request.method == "POST"
        if broken == "C01" and posted:
            leak(str(body.get("password", "")))
        if broken == "C02" and posted:
            leak(str(body.get("email", "")))
        if broken == "C13":
            leak(str(flask.request.remote_addr))
        return _own_page(app, path, body, posted=posted, broken=broken)

    @app.after_request
    def change(response: flask.Response) -> flask.Response:
        return _spoiled(response, broken)

    @app.get("/")
    def home() -> str:
        return "<p>Welcome</p>"

    return app


def _own_page(app: flask.Flask, path: str, body: Any, *, posted: bool, broken: str) -> Any:
    if path == PATH:
        text = contact(days=-1 if broken == "C21" else 200)
        return flask.Response(text, content_type=MEDIA_TYPE)
    if path.startswith("/account/unsubscribe/"):
        return ("", 403 if broken == "C10" else 410)
    if path == "/account/policy":
        return ("policy", 404 if broken == "C18-none" else 401 if broken == "C18" else 200)
    if path in ("/account/privacy/export", "/account/privacy/delete"):
        return ({}, 200 if broken == "C20" else 401)
    if broken == "C04" and posted and path == "/account/profile":
        return {"status": "saved"}
    if broken == "C05" and posted and path == "/account/sign-in":
        bad = Message(to="x@shop.example", subject="shop.example", text="Reply with your password.", html="")
        run_inline(app.extensions["secureacct"].site.assembly.mailer.send(bad))
    if broken == "C06" and posted and path == "/account/sign-out":
        return flask.Response("{}", headers={"Clear-Site-Data": '"storage"'}, content_type="application/json")
    if broken == "C08" and posted and str(body.get("email", "")).startswith("unconfirmed"):
        return {"status": "signed_in"} if path == "/account/sign-in" else None
    if broken == "C19" and posted and "evil" in str(body.get("next", "")):
        return flask.redirect(body["next"])
    return None


def _spoiled(response: flask.Response, broken: str) -> flask.Response:
    cookies = response.headers.getlist("Set-Cookie")
    if broken == "C03":
        cookies = [one.replace("; Secure", "") for one in cookies]
    if broken == "C07":
        cookies = [
            f"{one}; Max-Age=99999" if "-session=" in one and "Max-Age" not in one else one for one in cookies
        ]
    if broken == "C09" and flask.request.method == "GET" and flask.request.path == "/":
        cookies = [*cookies, "tracker=1; Path=/"]
    response.headers.remove("Set-Cookie")
    for one in cookies:
        response.headers.add("Set-Cookie", one)
    return response

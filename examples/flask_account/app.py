"""The shop. Everything about accounts is the extension and a list of profile fields."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from examples.flask_account import outbox, promises, trials
from secureacct.flask import (
    ProfileField,
    SecureAcct,
    cookie_choice,
    get_account,
    require_account,
    sign_in_required,
)
from secureacct.mailers.outbox import OutboxMailer
from secureacct.origin import is_loopback

PROFILE = (
    ProfileField(name="name", label="Name", autocomplete="name"),
    ProfileField(name="phone", label="Phone", max_length=40, autocomplete="tel"),
    ProfileField(
        name="shipping_address", label="Shipping address", max_length=500, autocomplete="street-address"
    ),
    ProfileField(
        name="card_number", label="Card number", max_length=23, show_last=4, autocomplete="cc-number"
    ),
)

GOODS = (("Coffee, 1 kg", "14.50"), ("Filter papers", "3.20"), ("A mug, blue", "9.00"))
ORDERS = GOODS[:2]


def create_app(
    base_url: str = "http://localhost:8000",
    folder: str | Path = ".local/demo",
    *,
    clock: Callable[[], float] = time.time,
) -> Flask:
    """The demo. Refuses to run in production: its mails go to a page that everybody can read. So it answers
    this machine only, under this machine's name.

    :param clock: gives seconds since the epoch; for tests.
    """
    if os.environ.get("SECUREACCT_ENV") == "production":
        raise SystemExit(
            "The demo shows every mail on a page. It does not run with SECUREACCT_ENV=production."
        )
    if urlsplit(base_url).hostname != "localhost":
        raise SystemExit("The demo shows every mail on a page. It lives at localhost, and nowhere else.")
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    app = Flask(__name__)
    app.config.update(
        SECUREACCT_DATABASE_URL=f"sqlite:///{folder / 'demo.db'}",
        SECUREACCT_KEYRING=str(folder / "keyring.json"),
        SECUREACCT_AUDIT_CHECKPOINTS=str(folder / "checkpoints"),
        SECUREACCT_BASE_URL=base_url,
        SECUREACCT_SITE_NAME="Corner Shop",
        SECUREACCT_CONTACT="hello@shop.example",
        SECUREACCT_COOKIE_NAME="demo-session",  # cookies ignore ports: two apps on localhost need two names
        SECUREACCT_BASE_TEMPLATE="shop/base.html",
        SECUREACCT_NETWORK_BUDGET=1000,  # every visitor of the demo comes from this one machine
    )
    mailer = OutboxMailer()
    accounts = SecureAcct(profile=PROFILE, mailer=mailer, privacy=promises.PRIVACY, clock=clock)
    accounts.init_app(app)
    app.register_blueprint(outbox.blueprint(mailer))
    app.register_blueprint(trials.blueprint(app, accounts))

    @app.before_request
    def one_name() -> AnyResponse | None:
        """Passkeys and our links know this machine by its name. Whoever comes under another is led there: a
        page of another site, whose name was pointed here (DNS rebinding), then reads no mails. In rehearsal
        (``secureacct evidence``) the site has another name, and mails of its own."""
        name = urlsplit(accounts.site(app).settings.base_url).hostname
        if name == "localhost" and not is_loopback(request.remote_addr):
            abort(403)
        if urlsplit(request.host_url).hostname != name:
            return redirect(base_url + request.full_path.rstrip("?"), code=307)
        return None

    @app.get("/")
    def home() -> Response:
        page = Response(render_template("shop/home.html", account=get_account(), goods=GOODS))
        if cookie_choice().serves("visits"):  # only for who agreed to be counted
            page.set_cookie(
                promises.VISITS_COOKIE, _one_more(), max_age=90 * 86_400, secure=True, httponly=True,
                samesite="Lax",
            )  # fmt: skip
        return page

    @app.get("/orders")
    @sign_in_required
    def orders() -> str:
        return render_template("shop/orders.html", account=require_account(), orders=ORDERS)

    @app.get("/favicon.ico")
    def favicon() -> Response:
        abort(404)

    return app


def _one_more() -> str:
    before = request.cookies.get(promises.VISITS_COOKIE, "")
    return str(int(before) + 1) if before.isdecimal() and len(before) < 9 else "1"

"""Every way to break the example that the catalogue names: one setting, one template, one function each.

Rules of this file: a break is what a colleague might do on a bad day; it changes one thing, before the app is
made (``prepare``) or after (``spoil``); the promise it breaks is its name.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask
import jinja2
import pytest

from examples.flask_account import app as shop
from secureacct._faces import run_inline
from secureacct.accounts.vault import Vault
from secureacct.commitments import erasure, mailing_stops, retention, whole_account
from secureacct.commitments.correspondence import Correspondence
from secureacct.commitments.holdings import Holdings
from secureacct.fields.purposes import PurposeBound
from secureacct.flask import SecureAcct, get_account
from secureacct.records.mail import Message
from tests.commitments.stage import contact

Spoil = Callable[["Stage", flask.Flask], None]
Prepare = Callable[["Stage"], None]

SPOILED: dict[str, Spoil] = {}  # what is done to the app after it was made, by promise and name
PREPARED: dict[str, Prepare] = {}  # and before
WHOLE = {
    "SECUREACCT_BASE_URL": "https://shop.example",
    "SECUREACCT_CONTACT_UNTIL": f"{datetime.now(UTC) + timedelta(days=200):%Y-%m-%d}",
    "SECUREACCT_KEYRING_PASSPHRASE": "a passphrase of the real site",
    "SECUREACCT_MAIL_FROM": "shop@shop.example",
    "SECUREACCT_MAIL_URL": "smtp://mail.example",
}


def spoils(promise: str) -> Callable[[Spoil], Spoil]:
    """Register a break of a promise, done to the app."""

    def register(act: Spoil) -> Spoil:
        SPOILED[f"{promise} {act.__name__}"] = act
        return act

    return register


def prepares(promise: str) -> Callable[[Prepare], Prepare]:
    """Register a break of a promise, done before the app is made."""

    def register(act: Prepare) -> Prepare:
        PREPARED[f"{promise} {act.__name__}"] = act
        return act

    return register


@functools.cache
def _compiled() -> jinja2.FileSystemBytecodeCache:
    """Templates compiled once for every stage of this run."""
    folder = tempfile.mkdtemp(prefix="sa-templates-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return jinja2.FileSystemBytecodeCache(folder)


@dataclass
class Stage:
    """The example on its way to being broken. ``settings`` are put over its own."""

    patch: pytest.MonkeyPatch
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def make(self, spoil: Callable[[Stage, flask.Flask], None] | None = None) -> flask.Flask:
        """The app, as on a real host."""
        plain = SecureAcct.init_app
        settings = {**WHOLE, **self.settings}

        def init_app(extension: SecureAcct, app: flask.Flask) -> None:
            app.config.update(settings)
            plain(extension, app)

        self.patch.setattr(SecureAcct, "init_app", init_app)
        made = shop.create_app(folder=self.folder)
        self.patch.setattr(SecureAcct, "init_app", plain)
        made.jinja_env.bytecode_cache = _compiled()
        if spoil is not None:
            spoil(self, made)
        return made


def site(app: flask.Flask) -> Any:
    """The site in rehearsal at this moment."""
    return app.extensions["secureacct"].site


def write_down(app: flask.Flask, text: str) -> None:
    """A careless table of the app's own, in the database of the moment."""
    path = site(app).assembly.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS app_log (what TEXT)")
        database.execute("INSERT INTO app_log VALUES (?)", (text,))


def posts(app: flask.Flask, answer: Callable[[str, dict[str, Any]], Any]) -> None:
    """Let the app answer POSTs before the account pages do."""

    @app.before_request
    def first() -> Any:
        if flask.request.method != "POST":
            return None
        return answer(flask.request.path, flask.request.get_json(silent=True) or {})


def headers(app: flask.Flask, change: Callable[[str, str], str | None]) -> None:
    """Let something in front of the app rewrite its headers; None leaves one out."""
    inner = app.wsgi_app

    def outer(environ: Any, start: Any) -> Any:
        def started(status: str, given: list[tuple[str, str]], *more: Any) -> Any:
            changed = [(name, change(name.lower(), value)) for name, value in given]
            return start(status, [(name, value) for name, value in changed if value is not None], *more)

        return inner(environ, started)

    app.wsgi_app = outer  # type: ignore[assignment, method-assign]


def cookies(app: flask.Flask, change: Callable[[str], str]) -> None:
    """The same for cookies."""
    headers(app, lambda name, value: change(value) if name == "set-cookie" else value)


def template(app: flask.Flask, name: str, text: str) -> None:
    """Let the app bring a template of its own in place of ours."""
    own: Any = app.jinja_loader
    app.jinja_env.loader = jinja2.ChoiceLoader(
        [jinja2.DictLoader({f"secureacct/{name}": text}), app.jinja_env.loader or own]
    )


# C01-C08: what the account pages promise


@spoils("C01")
def password_in_a_table(_: Stage, app: flask.Flask) -> None:
    """A password in a table of the app."""
    posts(app, lambda path, body: write_down(app, str(body.get("password", ""))))


@spoils("C02")
def address_in_clear(stage: Stage, _: flask.Flask) -> None:
    """An address that is not encrypted."""
    stage.patch.setattr(Vault, "seal_email", lambda self, address, *, account_id: address.encode())
    stage.patch.setattr(Vault, "open_email", lambda self, sealed, *, account_id: bytes(sealed).decode())


@spoils("C02")
def profile_in_clear(stage: Stage, _: flask.Flask) -> None:
    """A profile that is not encrypted."""
    stage.patch.setattr(Vault, "seal_profile", lambda self, name, value, *, account_id: value.encode())
    stage.patch.setattr(
        Vault, "open_profile", lambda self, sealed, *, account_id: {k: bytes(v).decode() for k, v in sealed}
    )


@spoils("C03")
def no_hsts(_: Stage, app: flask.Flask) -> None:
    """No HSTS."""
    headers(app, lambda name, value: None if name == "strict-transport-security" else value)


@spoils("C03")
def cookies_without_tls(_: Stage, app: flask.Flask) -> None:
    """Cookies that travel in the open."""
    cookies(app, lambda cookie: cookie.replace("; Secure", ""))


@spoils("C04")
def profile_without_password(_: Stage, app: flask.Flask) -> None:
    """A profile page that asks for no password."""

    def answer(path: str, body: dict[str, Any]) -> Any:
        return {"status": "saved"} if path.endswith("/profile") and "password" not in body else None

    posts(app, answer)


@spoils("C05")
def no_linter(stage: Stage, _: flask.Flask) -> None:
    """No linter."""
    stage.patch.setattr("secureacct.accounts.delivery.lint", lambda message, **_: None)


@spoils("C05")
def mail_past_the_queue(_: Stage, app: flask.Flask) -> None:
    """A mail past the queue."""
    bad = Message(to="x@shop.example", subject="Corner Shop", text="Reply with your password.", html="")

    def answer(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/sign-in"):
            run_inline(site(app).assembly.mailer.send(bad))

    posts(app, answer)


@spoils("C06")
def sign_out_by_cookie_only(_: Stage, app: flask.Flask) -> None:
    """A sign-out that ends nothing."""

    def answer(path: str, body: dict[str, Any]) -> Any:
        if not path.endswith("/sign-out"):
            return None
        return flask.Response("{}", headers={"Clear-Site-Data": '"storage"'}, content_type="application/json")

    posts(app, answer)


@spoils("C06")
def account_pages_stored(_: Stage, app: flask.Flask) -> None:
    """Account pages that are stored."""

    @app.after_request
    def keep(response: flask.Response) -> flask.Response:
        if flask.request.path.endswith("/devices"):
            response.headers["Cache-Control"] = "private, max-age=600"
        return response


@spoils("C07")
def cookie_for_a_month(_: Stage, app: flask.Flask) -> None:
    """A session cookie with a lifetime."""
    cookies(
        app, lambda one: f"{one}; Max-Age=2592000" if "-session=" in one and "Max-Age" not in one else one
    )


@spoils("C08")
def sign_in_unconfirmed(_: Stage, app: flask.Flask) -> None:
    """A sign-in before confirmation."""

    def answer(path: str, body: dict[str, Any]) -> Any:
        unconfirmed = str(body.get("email", "")).startswith("unconfirmed")
        return {"status": "signed_in"} if path.endswith("/sign-in") and unconfirmed else None

    posts(app, answer)


# C09-C15: choices


@spoils("C09")
def cookie_before_the_choice(_: Stage, app: flask.Flask) -> None:
    """Something in front of the app counts everybody."""
    inner = app.wsgi_app

    def outer(environ: Any, start: Any) -> Any:
        counted = ("Set-Cookie", "shop-visits=1; Path=/")
        return inner(environ, lambda status, given, *more: start(status, [*given, counted], *more))

    app.wsgi_app = outer  # type: ignore[assignment, method-assign]


@spoils("C09")
def picture_from_elsewhere(_: Stage, app: flask.Flask) -> None:
    """A picture from elsewhere."""

    @app.after_request
    def add(response: flask.Response) -> flask.Response:
        if flask.request.path == "/":
            response.set_data(response.get_data() + b'<img src="https://pixel.example/1.gif">')
        return response


@spoils("C09")
def reject_is_hard_to_see(_: Stage, app: flask.Flask) -> None:
    """A Reject that is hard to see."""
    loader: Any = app.jinja_env.loader
    source = loader.get_source(app.jinja_env, "secureacct/privacy.html")[0]
    button = 'class="answer" type="submit" name="cookies" value="reject"'
    template(app, "privacy.html", source.replace(button, button.replace("answer", "hint")))


@spoils("C09")
def signal_ignored(stage: Stage, _: flask.Flask) -> None:
    """The privacy signal ignored."""
    stage.patch.setattr("secureacct.consent.cookie_choice.says_gpc", lambda header: False)


@spoils("C10")
def page_without_a_button(_: Stage, app: flask.Flask) -> None:
    """A page without a button."""
    template(app, "unsubscribe.html", "<p>These mails have ended.</p>")


@spoils("C10")
def reading_ends_it(stage: Stage, app: flask.Flask) -> None:
    """A link that acts when it is read."""

    @app.before_request
    def eager() -> None:
        path = flask.request.path
        if flask.request.method == "GET" and "/unsubscribe/" in path and "made-up" not in path:
            token = path.rpartition("/")[2]
            run_inline(mailing_stops.unsubscribe(site(app).privacy.mailings, token))


@spoils("C10")
def stop_without_effect(stage: Stage, _: flask.Flask) -> None:
    """A stop without effect."""
    stage.patch.setattr(mailing_stops, "stop_changes", lambda *_, **__: ())


@spoils("C11")
def partner_choice_lost(stage: Stage, _: flask.Flask) -> None:
    """A no that is not kept."""

    async def lost(*_: Any, **__: Any) -> None: ...

    stage.patch.setattr("secureacct.commitments.choosing.partners.choose", lost)


@spoils("C12")
def small_groups_shown(stage: Stage, _: flask.Flask) -> None:
    """Small groups shown."""
    stage.patch.setattr("secureacct.statistics.publishable", lambda counts, *, min_group: (dict(counts), 45))


@spoils("C13")
def address_log(_: Stage, app: flask.Flask) -> None:
    """Network addresses in a table of the app."""

    @app.before_request
    def log() -> None:
        write_down(app, str(flask.request.remote_addr))


@spoils("C13")
def retention_that_keeps(stage: Stage, _: flask.Flask) -> None:
    """A retention that keeps."""
    plain = retention.run

    async def keep(parts: Any, *, dry_run: bool) -> Any:
        return await plain(parts, dry_run=True)

    stage.patch.setattr("secureacct.doctor.promises.library_checks.retention_run", keep)


@spoils("C14")
def match_everybody(stage: Stage, _: flask.Flask) -> None:
    """A list that is given away."""
    stage.patch.setattr(
        "secureacct.doctor.promises.library_checks.match_list", lambda store, index, lines: iter(lines)
    )


@spoils("C15")
def any_purpose(stage: Stage, _: flask.Flask) -> None:
    """A field that opens for anything."""
    plain = PurposeBound.reveal

    def reveal(self: Any, blob: Any, *, row: Any, purpose: str) -> Any:
        return plain(self, blob, row=row, purpose="payment")

    stage.patch.setattr(PurposeBound, "reveal", reveal)


@prepares("C15")
def card_shown_whole(stage: Stage) -> None:
    """A card number shown whole."""
    whole = [replace(one, show_last=0) for one in shop.PROFILE]
    stage.patch.setattr(shop, "PROFILE", tuple(whole))


# C16-C21: off line, letters, policy, links, leaving, contact


@prepares("C16")
def keyring_in_the_open(stage: Stage) -> None:
    """A keyring without a passphrase."""
    stage.settings["SECUREACCT_KEYRING_PASSPHRASE"] = ""


@spoils("C17")
def quoted_anyway(stage: Stage, _: flask.Flask) -> None:
    """A letter quoted without a yes."""
    stage.patch.setattr(Correspondence, "quote", lambda self, letter: "Lovely")


@spoils("C18")
def bars_left_out(_: Stage, app: flask.Flask) -> None:
    """Pages that do not speak of the new version."""
    template(app, "privacy_bars.html", "")


@spoils("C18")
def nobody_is_asked(stage: Stage, _: flask.Flask) -> None:
    """A gate that asks nobody."""

    async def nothing(self: Any, account_id: str) -> tuple[()]:
        return ()

    stage.patch.setattr("secureacct.commitments.policy_gate.PolicyGate.places", nothing)


@spoils("C18")
def ledger_unsigned(stage: Stage, _: flask.Flask) -> None:
    """A ledger that can be rewritten."""
    stage.patch.setattr("secureacct.consent.ledger.ledger_mac", lambda keys, entry, *, previous: b"same")


@spoils("C18")
def policy_behind_sign_in(_: Stage, app: flask.Flask) -> None:
    """A policy behind the sign-in."""

    @app.before_request
    def first() -> Any:
        signed_in = "session=" in flask.request.headers.get("Cookie", "").replace("presession", "")
        hidden = flask.request.path.endswith("/policy") and not signed_in
        return flask.redirect("/account/sign-in") if hidden else None


@spoils("C19")
def open_redirect(_: Stage, app: flask.Flask) -> None:
    """A sign-in that leads anywhere."""

    def answer(path: str, body: dict[str, Any]) -> Any:
        return flask.redirect(body["next"]) if "evil" in str(body.get("next", "")) else None

    posts(app, answer)


@spoils("C19")
def link_unmarked(_: Stage, app: flask.Flask) -> None:
    """A link that does not say it leads away."""

    @app.after_request
    def add(response: flask.Response) -> flask.Response:
        if flask.request.path == "/":
            response.set_data(response.get_data() + b'<a href="https://elsewhere.example/">a friend</a>')
        return response


def without_holding(stage: Stage, name: str) -> None:
    """Remove a registration of ``account_holdings``."""
    plain = whole_account.account_holdings

    def fewer(*given: Any, **more: Any) -> Holdings:
        return Holdings(one for one in plain(*given, **more) if one.name != name)

    stage.patch.setattr("secureacct.commitments.privacy.account_holdings", fewer)


@spoils("C20")
def profile_not_in_the_copy(stage: Stage, _: flask.Flask) -> None:
    """The profile is no longer registered."""
    without_holding(stage, "profile")


@spoils("C20")
def account_not_erased(stage: Stage, _: flask.Flask) -> None:
    """The account is no longer registered."""
    without_holding(stage, "account")


@spoils("C20")
def copied_table(_: Stage, app: flask.Flask) -> None:
    """A table nobody registered."""

    @app.after_request
    def note(response: flask.Response) -> flask.Response:
        if flask.request.path.endswith("/privacy/delete"):
            account = get_account()
            write_down(app, account.id if account is not None else "")
        return response


@spoils("C20")
def export_closed(_: Stage, app: flask.Flask) -> None:
    """An export that is closed."""
    posts(app, lambda path, body: ({}, 500) if path.endswith("/privacy/export") else None)


@spoils("C20")
def leaving_without_password(_: Stage, app: flask.Flask) -> None:
    """Leaving without the password."""
    posts(app, lambda path, body: {"status": "check_mail"} if path.endswith("/privacy/delete") else None)


@spoils("C20")
def no_time_to_think(stage: Stage, _: flask.Flask) -> None:
    """No time to think."""
    init = erasure.ErasureParts.__init__
    none = {"grace": timedelta(0)}
    stage.patch.setattr(
        erasure.ErasureParts, "__init__", lambda self, **given: init(self, **{**given, **none})
    )


@spoils("C21")
def contact_expired(_: Stage, app: flask.Flask) -> None:
    """An expired contact."""

    @app.before_request
    def first() -> Any:
        if flask.request.path == "/.well-known/security.txt":
            return flask.Response(contact(days=-1), content_type="text/plain")
        return None


@prepares("C21")
def contact_without_an_end(stage: Stage) -> None:
    """Nobody said until when the contact holds."""
    stage.settings["SECUREACCT_CONTACT_UNTIL"] = ""


@prepares("C21")
def no_contact(stage: Stage) -> None:
    """No contact."""
    stage.settings["SECUREACCT_CONTACT"] = ""

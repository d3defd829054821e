"""A shop with accounts, and people (and thieves) with browsers, driven in process.

A :class:`Browser` keeps cookies as a browser does and lets a test steal them; ``https`` is what the
WSGI server says, so cookies work as on the real thing.
"""

from __future__ import annotations

import atexit
import functools
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request
from werkzeug.test import TestResponse

from secureacct.accounts.vault import ProfileField
from secureacct.flask import SecureAcct, require, require_account, require_proof, sign_in_required
from secureacct.mailers.outbox import OutboxMailer
from secureacct.passwords import PasswordHasher
from secureacct.passwords.profiles import CHEAPEST
from secureacct.records.mail import Message
from secureacct.totp import Totp
from secureacct.web.flask.shell import shell_of

BASE = "https://shop.example"
PASSWORD = "seven lively walnut teapots"
NEW_PASSWORD = "nine quiet orange lanterns"
ADA = "Ada.Lovelace@example.org"
MALLORY = "mallory@example.net"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"

PROFILE = (
    ProfileField(name="name", label="Name"),
    ProfileField(name="phone", label="Phone"),
    ProfileField(name="shipping_address", label="Shipping address", max_length=500),
    ProfileField(name="card_number", label="Card number", show_last=4),
)


@functools.cache
def _template() -> Path:
    """A folder with a keyring and an empty database, made once and copied for each shop."""
    from secureacct.keys import Keyring
    from secureacct.stores.sql import SqlStore

    folder = Path(tempfile.mkdtemp(prefix="sa-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Keyring.generate().save(folder / "keyring.json")
    store = SqlStore.from_url(f"sqlite:///{folder / 'shop.db'}")
    store.create_schema()
    store.engine.dispose()
    return folder


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class CountingHasher(PasswordHasher):
    """A hasher that counts what it does."""

    def __init__(self) -> None:
        super().__init__(profile=CHEAPEST)
        self.worked = 0

    def run(self, work: Any, **options: Any) -> Any:
        """Count and go on."""
        self.worked += 1
        return super().run(work, **options)


@dataclass
class Shop:
    """An app with accounts, its mails and its clock."""

    folder: Path
    database_url: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("keyring.json", "shop.db"):
            if not (self.folder / name).exists():
                shutil.copy2(_template() / name, self.folder / name)
        self.admins: dict[str, bool | datetime] = {}
        self.refunded: dict[str, str] = {}
        self.clock = Clock()
        self.mailer = OutboxMailer()
        self.hasher = CountingHasher()
        self.app = Flask("shop")
        self.app.config.update(
            SECUREACCT_DATABASE_URL=self.database_url or f"sqlite:///{self.folder / 'shop.db'}",
            SECUREACCT_KEYRING=str(self.folder / "keyring.json"),
            SECUREACCT_BASE_URL=BASE,
            SECUREACCT_SITE_NAME="Shop",
            SECUREACCT_MAIL_URL="outbox",
            SECUREACCT_NETWORK_BUDGET=100_000,
            **self.settings,
        )
        choices = {
            "profile": PROFILE,
            "mailer": self.mailer,
            "hasher": self.hasher,
            "clock": self.clock,
            "seal_every_s": 0,  # tests say when the log is sealed
            **self.choices,
        }
        SecureAcct(**choices).init_app(self.app)
        self._pages(self.app)
        self.shell = shell_of(self.app)
        self.shell.deliver_soon = lambda: None  # type: ignore[method-assign]  # tests say when mails leave
        if self.database_url:
            self.shell.site.assembly.create_schema()

    def _pages(self, app: Flask) -> None:
        @app.get("/")
        @sign_in_required
        def home() -> str:
            return f"Hello {require_account().email}"

        @app.post("/orders/delete")
        @require(level=2)
        def delete_order() -> str:
            self.deleted = request.form.to_dict()
            return "deleted"

        @app.post("/orders/refund")
        @require(level=2, max_age=timedelta(minutes=10))
        def refund_order() -> str:
            self.refunded = request.form.to_dict()
            return "refunded"

        @app.post("/tags/<name>")
        @require(level=2, max_age=timedelta(minutes=10))
        def add_tag(name: str) -> str:
            return f"{name} {request.args.get('q')} {request.form['note']}"

        @app.post("/orders/pay")
        @sign_in_required
        def pay_order() -> str:
            if int(request.form["amount"]) > 1000:
                require_proof(level=2)
            self.paid = request.form.to_dict()
            return "paid"

        @app.get("/admin")
        @require(level=1, must_enrol=lambda person: self.admins.get(person.email, False))
        def admin() -> str:
            return "admin"

    def close(self) -> None:
        """Let go of the database."""
        engine = getattr(self.shell.site.assembly.store, "engine", None)
        if engine is not None:
            engine.dispose()

    @property
    def parts(self) -> Any:
        """The parts of the journeys."""
        return self.shell.site.parts

    def browser(self) -> Browser:
        """A fresh browser."""
        return Browser(self)

    def mails(self, to: str) -> tuple[Message, ...]:
        """Mails to somebody, the newest first, after handing over what waits."""
        self.shell.deliver()
        return self.mailer.messages(to)

    def link(self, to: str, part: str) -> str:
        """The path of the newest mailed link that holds ``part``."""
        for message in self.mails(to):
            for link in message.links:
                if part in link:
                    assert link.startswith(BASE + "/"), link
                    return urlsplit(link).path
        raise AssertionError(f"no link with {part} was mailed to {to}")

    def member(self, email: str = ADA, password: str = PASSWORD) -> Browser:
        """A browser that signed up, confirmed and signed in."""
        browser = self.browser()
        browser.sign_up(email, password)
        browser.post(self.link(email, "/verify/"))
        assert browser.sign_in(email, password).status_code == 200
        return browser


class Browser:
    """Cookies, a CSRF token, JSON or forms."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.cookies: dict[str, str] = {}
        self.agent = FIREFOX
        self.address = "192.0.2.7"
        self.base = BASE
        self.totp: Totp | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        cookies: dict[str, str] | None = None,
        html: bool = False,
        body: bytes | None = None,
    ) -> TestResponse:
        """One request; the answer's cookies are kept."""
        sent = self.cookies if cookies is None else cookies
        all_headers = {
            "Accept": "text/html" if html else "application/json",
            "User-Agent": self.agent,
            **({"Cookie": "; ".join(f"{name}={value}" for name, value in sent.items())} if sent else {}),
            **(headers or {}),
        }
        options: dict[str, Any] = {}
        if json is not None:
            options["json"] = json
        elif form is not None:
            options["data"] = form
        elif body is not None:
            options["data"] = body
        client = self.shop.app.test_client(use_cookies=False)
        response = client.open(
            path,
            method=method,
            base_url=self.base,
            headers=all_headers,
            environ_base={"REMOTE_ADDR": self.address},
            buffered=True,
            **options,
        )
        if cookies is None:
            self._keep(response)
        return response

    def _keep(self, response: TestResponse) -> None:
        for header in response.headers.getlist("Set-Cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            if "Max-Age=0" in header:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    def get(self, path: str, **options: Any) -> TestResponse:
        """GET, as a program unless ``html``."""
        return self.request("GET", path, **options)

    def csrf(self) -> str:
        """A token for this browser."""
        token: str = self.get("/account/session").json["csrf_token"]  # type: ignore[index]
        return token

    def post(self, path: str, fields: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """POST JSON with this browser's token."""
        return self.request("POST", path, json={"csrf_token": self.csrf(), **(fields or {})}, **options)

    def submit(self, path: str, fields: dict[str, str] | None = None, **options: Any) -> TestResponse:
        """POST a form as a person does."""
        return self.request(
            "POST", path, form={"csrf_token": self.csrf(), **(fields or {})}, html=True, **options
        )

    def sign_up(self, email: str = ADA, password: str = PASSWORD) -> TestResponse:
        """Ask for an account."""
        return self.post("/account/sign-up", {"email": email, "password": password})

    def sign_in(self, email: str = ADA, password: str = PASSWORD, **fields: Any) -> TestResponse:
        """Sign in; with a second factor switched on by this browser, the code too."""
        answer = self.post("/account/sign-in", {"email": email, "password": password, **fields})
        if answer.status_code == 200 and answer.json["status"] == "second_factor" and self.totp:  # type: ignore[index]
            return self.post("/account/sign-in/code", {"code": self.code()})
        return answer

    def code(self) -> str:
        """A code that was not used yet."""
        assert self.totp is not None
        self.shop.clock.forward(30)
        return self.totp.code(at=self.shop.clock())

    def switch_on_two_step(self, password: str = PASSWORD) -> list[str]:
        """Set an authenticator up; the recovery codes."""
        answer = self.post("/account/two-step", {"password": password})
        assert answer.status_code == 200, answer.json
        self.totp = Totp.from_secret(answer.json["secret"], issuer="Shop", account="x")  # type: ignore[index]
        answer = self.post("/account/two-step/confirm", {"code": self.code()})
        assert answer.status_code == 200, answer.json
        codes: list[str] = answer.json["codes"]  # type: ignore[index]
        return codes

    def stolen(self) -> Browser:
        """A thief's browser that holds a copy of this one's cookies."""
        thief = self.shop.browser()
        thief.cookies = dict(self.cookies)
        return thief

    def is_signed_in(self) -> bool:
        """Whether the shop knows who this is."""
        return self.get("/").status_code == 200

    @property
    def session_cookie(self) -> str:
        """The session cookie's value."""
        return self.cookies["__Host-Http-session"]


def csrf_of(page: str) -> str:
    """The token in a page's form."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


Make = Callable[..., Shop]

"""An app in rehearsal: the developer's own code and choices, on a database, keyring and outbox of its own.

Rules of this file: nothing that belongs to the real site is opened, written or mailed; what the app says
in code stays as it is; an app that brings its own users is not rehearsed, since signing people up would
write to its own table, unless the developer says that this is what the configuration is for.
"""

from __future__ import annotations

import importlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secureacct.commitments.evidence import Broken, CannotTell
from secureacct.errors import ConfigurationError, MissingExtra
from secureacct.keys import Keyring
from secureacct.mailers.outbox import OutboxMailer
from secureacct.records.mail import Message

if TYPE_CHECKING:
    from flask import Flask

STAGE = "https://stage.example"  # where a site that is tried out on localhost stands in rehearsal
VISITOR = "203.0.113.77"  # RFC 5737: an address that is nobody's


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """The first header of this name, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def set_cookies(self) -> tuple[str, ...]:
        """Every ``Set-Cookie`` value."""
        return tuple(value for key, value in self.headers if key.lower() == "set-cookie")

    @property
    def json(self) -> dict[str, Any]:
        """The body as an object; empty if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Browser:
    """A browser that does what the checks need: cookies of one site, and forms with their token."""

    def __init__(self, rehearsal: Rehearsal, *, cookies: Mapping[str, str] | None = None) -> None:
        self.rehearsal = rehearsal
        self.cookies: dict[str, str] = dict(cookies or {})
        self.was_set: list[str] = []
        self._token = ""  # of forms; another one after any change of cookies

    def copy(self) -> Browser:
        """The thief's browser: the same cookies, from now on its own."""
        return Browser(self.rehearsal, cookies=self.cookies)

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, plain: bool = False) -> Answer:
        """GET a path of the site. ``plain``: over plain HTTP."""
        return self._open("GET", path, headers=headers, plain=plain)

    def page(self, path: str, **more: Any) -> Answer:
        """GET a page below the prefix."""
        return self.get(self.rehearsal.prefix + path, **more)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """POST JSON below the prefix, with the form token, as our own pages do."""
        self._token = self._token or self.page("/session").json.get("csrf_token", "")
        headers = {"X-CSRF-Token": self._token, "Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
        return self._open("POST", self.rehearsal.prefix + path, body=body or {}, headers=headers)

    def post_bare(self, path: str, form: str) -> Answer:
        """POST a form below the prefix as a mail provider does: no cookie, no token, no origin."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return Browser(self.rehearsal)._open(
            "POST", self.rehearsal.prefix + path, raw=form.encode(), headers=kind
        )

    @property
    def account(self) -> dict[str, Any] | None:
        """Who the site takes this browser for."""
        facts = self.page("/session", headers={"Accept": "application/json"}).json
        self._token, found = facts.get("csrf_token", ""), facts.get("account")
        return found if isinstance(found, dict) else None

    def _open(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        plain: bool = False,
    ) -> Answer:
        from werkzeug.test import Client, EnvironBuilder

        sent = dict(headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        base = self.rehearsal.base_url
        builder = EnvironBuilder(
            path=path,
            method=method,
            base_url=base.replace("https:", "http:", 1) if plain else base,
            headers=list(sent.items()),
            json=None if body is None else dict(body),
            data=raw,
            environ_base={"REMOTE_ADDR": VISITOR},
        )
        with Client(self.rehearsal.app, use_cookies=False).open(builder) as response:
            answer = Answer(response.status_code, tuple(response.headers.items()), response.get_data())
        for cookie in answer.set_cookies:
            self._keep(cookie)
        return answer

    def _keep(self, cookie: str) -> None:
        pair, *attributes = [one.strip() for one in cookie.split(";")]
        name, _, value = pair.partition("=")
        self.was_set.append(cookie)
        self._token = ""
        if any(one.lower().replace(" ", "") == "max-age=0" for one in attributes) or not value:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


@dataclass
class Rehearsal:
    """One app, ready to be driven."""

    app: Flask
    name: str
    configured: Any  # the Settings of the real site
    site: Any  # the WebSite in rehearsal
    outbox: OutboxMailer
    folder: Path
    shell: Any
    as_is: bool = False

    @contextmanager
    def apart(self, *, ahead_s: int = 0) -> Iterator[Rehearsal]:
        """The same app on another stage of its own, for what would change this one for everybody.

        :param ahead_s: seconds by which its clock is ahead.
        """
        before, folder = self.shell.site, self.folder / "apart"
        folder.mkdir(exist_ok=True)
        try:
            yield rehearse(self.app, folder, name=self.name, ahead_s=ahead_s)
        finally:
            self.shell.site = before

    @property
    def base_url(self) -> str:
        """Where the rehearsal believes it lives."""
        return str(self.site.settings.base_url)

    @property
    def prefix(self) -> str:
        """Where the account pages are."""
        return str(self.site.prefix)

    def browser(self) -> Browser:
        """A fresh browser."""
        return Browser(self)

    def mails(self, to: str) -> tuple[Message, ...]:
        """Every mail to an address so far, newest first."""
        self.shell.deliver()
        return self.outbox.messages(to)

    def link(self, to: str, path: str) -> str:
        """The path of the newest link to ``path`` below the prefix that was mailed to an address.

        :raises Broken: no such mail came.
        """
        start = f"{self.base_url}{self.prefix}{path}/"
        for mail in self.mails(to):
            for link in (*mail.links, *re.findall(r"https?://[^\s\"'<>]+", mail.text)):
                if link.startswith(start):
                    return str(link.removeprefix(self.base_url + self.prefix))
        raise Broken(f"no mail with a link to {path} came")

    def dump(self) -> bytes:
        """The database as a thief would carry it away."""
        return b"".join(one.read_bytes() for one in sorted(self.folder.glob("rehearsal.db*")))

    def person(self) -> Person:
        """Somebody new: signed up, confirmed, not signed in.

        :raises Broken: signing up or confirming does not work.
        """
        mark = secrets.token_hex(8)
        person = Person(self, f"canary.{mark}@rehearsal.example", f"canary pass {secrets.token_hex(12)}")
        browser = self.browser()
        asked = browser.post("/sign-up", {"email": person.email, "password": person.password})
        if asked.status != 202:
            raise Broken(f"sign-up answered {asked.status}")
        link = self.link(person.email, "/verify")
        confirmed = browser.post(link)
        if confirmed.status != 200:
            raise Broken(f"confirming the address answered {confirmed.status}")
        return person

    @cached_property
    def somebody(self) -> Person:
        """One person for all checks that change nothing of theirs."""
        return self.person()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the rehearsal."""

    rehearsal: Rehearsal
    email: str = field(repr=False)
    password: str = field(repr=False)

    def signed_in(self, **more: Any) -> Browser:
        """A browser in which this person just signed in.

        :raises Broken: signing in does not work.
        """
        browser = self.rehearsal.browser()
        answer = browser.post("/sign-in", {"email": self.email, "password": self.password, **more})
        if answer.status != 200 or browser.account is None:
            raise Broken(f"signing in answered {answer.status}")
        return browser


def open_app(target: str) -> tuple[Any, str]:
    """The app that ``module:name`` names: an app, or a function without arguments that makes one.

    :raises ConfigurationError: there is none.
    """
    module_name, _, name = target.partition(":")
    if not module_name or not name:
        raise ConfigurationError("--app must look like package.module:create_app")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"--app {target}: {error}") from None
    is_app = hasattr(found, "wsgi_app")
    return (found if is_app or not callable(found) else found()), target


def rehearse(app: Any, folder: Path, *, name: str, as_is: bool = False, ahead_s: int = 0) -> Rehearsal:
    """Put an app on a database, keyring and outbox of its own in ``folder``.

    :param as_is: leave its store, keys and users alone: the configuration is one for tests already.
    :param ahead_s: seconds by which the app's clock is ahead.
    :raises ConfigurationError: not a Flask app with secureacct, or one that brings its own users.
    """
    try:
        from secureacct.assembly import Assembly
        from secureacct.web.flask.shell import shell_of
        from secureacct.web.site import WebSite
    except ModuleNotFoundError:
        raise MissingExtra("flask", needed_for="evidence about an app") from None
    shell = shell_of(app)
    configured, choices = shell.site.settings, shell.site.assembly.choices
    outbox = OutboxMailer()
    if as_is:
        choices = replace(choices, mailer=outbox)
        settings = configured
    else:
        if choices.directory is not None:
            raise ConfigurationError(
                "this app brings its own users; give evidence on a test configuration, with --as-is"
            )
        keyring = folder / "keyring.json"
        Keyring.generate().save(str(keyring))
        clock = choices.clock
        choices = replace(choices, store=None, keys=None, mailer=outbox, clock=lambda: clock() + ahead_s)
        settings = replace(
            configured,
            database_url=f"sqlite:///{folder / 'rehearsal.db'}",
            keyring=str(keyring),
            keyring_passphrase="",
            session_url="",
            mail_url="outbox",
            # http://localhost gets a name: what TLS and HSTS are about shows on a real host only.
            base_url=STAGE if configured.is_local else configured.base_url,
            trusted_proxies="",
            network_budget=100_000,
            env="testing",
        )
    shell.site = WebSite(Assembly(settings, choices))
    for soon in ("deliver_soon", "work_soon", "seal_soon"):  # when the rehearsal asks, and not beside it
        vars(shell)[soon] = lambda: None
    shell.site.assembly.create_schema()
    return Rehearsal(
        app=app, name=name, configured=configured, site=shell.site, outbox=outbox, folder=folder, shell=shell,
        as_is=as_is,
    )  # fmt: skip


def need(condition: object, otherwise: str) -> None:
    """Say that a promise is broken unless something holds.

    :raises Broken: it does not hold.
    """
    if not condition:
        raise Broken(otherwise)


def only_if(condition: object, otherwise: str) -> None:
    """Say that a check cannot run here unless something holds.

    :raises CannotTell: it does not hold.
    """
    if not condition:
        raise CannotTell(otherwise)

"""The demo, served for a browser; and what is looked at on every page: axe, two widths, light and dark."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyotp
import pytest
from flask import Flask
from werkzeug.serving import make_server

from examples.flask_account.app import create_app

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / ".local" / "screenshots"
PASSWORD = "seven brass lanterns hum softly"
# A browser that goes on before a file has arrived leaves werkzeug's copy of it to the garbage collector.
ABANDONED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
WAIT_MS = 10_000  # a page that takes longer is a failure
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 640}  # CSS pixels; WCAG 2.2 1.4.10

AXE = Path(__file__).parent / "vendor" / "axe.min.js"  # axe-core 4.14.1, MPL-2.0, from the npm package
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN_AXE = """async (tags) => {
  const { violations } = await axe.run(document, { runOnly: { type: "tag", values: tags } });
  return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}"""


@dataclass
class Clock:
    """The wall's time, and how far a test is ahead of it."""

    ahead_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@dataclass
class Shop:
    """The running demo."""

    app: Flask
    origin: str
    clock: Clock

    def url(self, path: str) -> str:
        """An address of it."""
        return self.origin + path


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Shop]:
    """The demo on a free port of this machine, with its own empty database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    origin = f"http://localhost:{port}"
    clock = Clock()
    app = create_app(origin, folder, clock=clock)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Shop(app, origin, clock)
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A new page, and the list that its errors and breaches of the policy go to."""
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None,
    )
    return page, wrong


def submit(page: Page, name: str) -> None:
    """Press the button with exactly this name."""
    page.get_by_role("button", name=name, exact=True).click()


def fill_password(page: Page, password: str = PASSWORD, label: str = "Password") -> None:
    """Type the password into the first field of this label."""
    page.get_by_label(label, exact=True).first.fill(password)


def axe_source() -> str:
    """axe-core, as it was recorded."""
    source = AXE.read_bytes()
    if hashlib.sha256(source).hexdigest() != AXE_SHA256:
        raise RuntimeError("tests/browser/vendor/axe.min.js is not the recorded axe-core 4.14.1")
    return source.decode("utf-8")


@dataclass
class Looker:
    """Looks at a page in light and dark, narrow and wide; keeps pictures, and what is wrong."""

    folder: str
    wrong: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def look(self, page: Page, name: str) -> None:
        """Judge the page as it stands."""
        place = SCREENSHOTS / self.folder
        place.mkdir(parents=True, exist_ok=True)
        number = next(self._count)
        self.seen.append(name)
        if page.locator("h1").count() != 1:
            self.wrong.append(f"{name}: {page.locator('h1').count()} h1")
        for scheme, size, width in (("light", WIDE, "wide"), ("dark", NARROW, "narrow")):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.screenshot(path=place / f"{number:02}-{name}-{width}.png", full_page=True)
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                self.wrong.append(f"{name}: wider than {size['width']} px")
            page.evaluate(f"() => {{ if (!window.axe) {{ {axe_source()} }} }}")
            found = page.evaluate(RUN_AXE, AXE_TAGS)
            self.wrong += [f"{name} ({scheme}, {width}) {one}" for one in found]
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def mailed_link(page: Page, shop: Shop, to: str, path: str) -> str:
    """The newest mailed link of this kind, once it is there: mails leave after the answer.

    :param path: what follows ``/account/``, such as ``verify``.
    """
    for _ in range(200):
        answer = page.request.get(shop.url("/dev/outbox"), headers={"Accept": "application/json"})
        links = [link for mail in json.loads(answer.text()) if mail["to"] == to for link in mail["links"]]
        found = next((link for link in links if f"/account/{path}/" in link), None)
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"no mail to {to} has a link to {path}")


def sign_up(page: Page, shop: Shop, email: str, password: str = PASSWORD) -> None:
    """From nothing to a confirmed account, through the pages."""
    page.goto(shop.url("/account/sign-up"))
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Create account").click()
    page.goto(mailed_link(page, shop, email, "verify"))
    page.get_by_role("button", name="Confirm my address").click()


def sign_in(page: Page, shop: Shop, email: str, password: str = PASSWORD) -> None:
    """The first step of signing in, through the page."""
    page.goto(shop.url("/account/sign-in"))
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


class Phone:
    """An authenticator app that gives three codes without waiting: of the last step, of this, of the next."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._totp = pyotp.TOTP(secret.replace(" ", ""))
        self._clock = clock
        self._next = 0

    def code(self) -> str:
        """A code that was not used before, within the one step of tolerance around now."""
        self._next = max(self._next, int(self._clock()) // 30 - 1)
        code = self._totp.generate_otp(self._next)
        self._next += 1
        return code

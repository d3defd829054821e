"""The browser module in a real Chromium with a virtual authenticator, under a strict CSP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from secureacct._faces import run_inline
from tests.browser.passkey_site import Refusal, Site, credential_id, served
from tests.factor_kit import Held, MemoryStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("webauthn")
pytestmark = pytest.mark.browser

WITHOUT_PASSKEYS = "delete window.PublicKeyCredential;"
WAITS_IN_AUTOFILL = """
PublicKeyCredential.isConditionalMediationAvailable = async () => true;
navigator.credentials.get = ({ mediation, signal }) => new Promise((resolve, reject) => {
  document.title = `${mediation} ${Number(document.title.split(" ")[1] ?? 0) + 1}`;
  signal.addEventListener("abort", () => reject(signal.reason));
});
"""
RECORD_SIGNALS = """
window.signals = [];
for (const name of ["signalUnknownCredential", "signalAllAcceptedCredentials", "signalCurrentUserDetails"]) {
  PublicKeyCredential[name] = async (value) => {
    const kept = JSON.parse(sessionStorage.getItem("signals") ?? "[]");
    sessionStorage.setItem("signals", JSON.stringify([...kept, [name, value]]));
  };
}
"""


class Device:
    """The virtual authenticator of one page."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self.id = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})[
            "authenticatorId"
        ]

    def verifies(self, does: bool) -> None:
        """Whether its user passes the PIN or biometric from now on."""
        self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": does})

    def credentials(self) -> list[dict[str, Any]]:
        """What it holds."""
        found: list[dict[str, Any]] = self.session.send(
            "WebAuthn.getCredentials", {"authenticatorId": self.id}
        )["credentials"]
        return found


@pytest.fixture
def site() -> Iterator[Site]:
    """The small site."""
    with served(Held(MemoryStore(), run_inline)) as running:
        yield running


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page on which nothing may go wrong unseen."""
    context = chromium.new_context()
    opened = context.new_page()
    opened.set_default_timeout(8000)
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on(
        "console",
        lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield opened
    context.close()
    assert wrong == []


def _register(page: Page, site: Site) -> Device:
    device = Device(page)
    page.goto(f"{site.origin}/register")
    page.get_by_role("button", name="Go register").click()
    page.wait_for_url("**/done")
    return device


SAID = """() => {
  const text = document.querySelector("[data-passkey-message]").textContent;
  return text !== "" && text !== "Follow your browser…";
}"""


def _said(page: Page) -> str:
    page.wait_for_function(SAID)
    return page.locator("[data-passkey-message]").inner_text()


def test_add_and_sign_in_with_the_button(page: Page, site: Site) -> None:
    """A passkey is added with its name, and the button signs in with it; each field goes where it belongs."""
    device = _register(page, site)
    (kept,) = site.held.of("a").passkeys
    assert (kept.name, kept.user_verified) == ("Laptop", True)
    assert len(device.credentials()) == 1
    (_, asked), (_, sent) = site.received
    assert asked == {"passkey": "options", "password": "pw"}
    assert set(sent) == {"credential", "name"}
    page.goto(f"{site.origin}/sign-in")
    page.get_by_role("button", name="Go sign-in").click()
    page.wait_for_url("**/done")
    body = site.received[-1][1]
    assert (body["remember"], "shared_computer" in body) == ("on", False)
    assert site.held.of("a").passkeys[0].last_used_at is not None


def test_a_form_is_taken_over_with_the_enter_key_too(page: Page, site: Site) -> None:
    """Where the element is the form itself, submitting it in any way runs the ceremony and posts no form."""
    Device(page)
    page.goto(f"{site.origin}/form")
    page.get_by_label("Its name").fill("Desk")
    page.get_by_label("Its name").press("Enter")
    page.wait_for_url("**/done")
    assert [one.name for one in site.held.of("a").passkeys] == ["Desk"]
    assert [path for path, _ in site.received] == ["/register/options", "/register"]


def test_sign_in_from_autofill(page: Page, site: Site) -> None:
    """The passkey that waits in the e-mail field's list signs in without the button."""
    _register(page, site)
    page.goto(f"{site.origin}/autofill")
    page.wait_for_url("**/done")
    assert site.received[-1][0] == "/sign-in"


def test_a_waiting_autofill_gets_a_new_challenge_before_the_old_one_dies(page: Page, site: Site) -> None:
    """A page that stays open asks for new options after four minutes, and forgets the old ones."""
    page.add_init_script(WAITS_IN_AUTOFILL)
    page.clock.install()
    with page.expect_response("**/sign-in/options"):
        page.goto(f"{site.origin}/autofill")
    page.wait_for_function("() => document.title === 'conditional 1'")
    with page.expect_response("**/sign-in/options"):
        page.clock.fast_forward(240_000)
    page.wait_for_function("() => document.title === 'conditional 2'")
    assert [path for path, _ in site.received] == ["/sign-in/options"] * 2


def test_cancelling_leaves_a_sentence_and_a_working_form(page: Page, site: Site) -> None:
    """Whoever fails or cancels is told so kindly, and can try again at once."""
    device = _register(page, site)
    page.goto(f"{site.origin}/sign-in")
    device.verifies(False)
    button = page.get_by_role("button", name="Go sign-in")
    button.click()
    assert "You can try again" in _said(page)
    assert button.get_attribute("aria-busy") is None
    device.verifies(True)
    button.click()
    page.wait_for_url("**/done")


def test_a_second_passkey_on_the_same_device_is_explained(page: Page, site: Site) -> None:
    """The device that is registered already says so in a sentence, and nothing is kept twice."""
    _register(page, site)
    page.goto(f"{site.origin}/register")
    page.get_by_role("button", name="Go register").click()
    assert "already holds a passkey" in _said(page)
    assert len(site.held.of("a").passkeys) == 1


def test_hidden_where_there_are_no_passkeys(page: Page, site: Site) -> None:
    """A browser without WebAuthn shows the rest of the page and nothing that cannot work."""
    page.add_init_script(WITHOUT_PASSKEYS)
    page.goto(f"{site.origin}/sign-in")
    assert page.get_by_role("button").count() == 0
    assert page.get_by_label("E-mail").is_visible()
    assert site.received == []


def test_a_removed_passkey_is_signalled_to_the_password_manager(page: Page, site: Site) -> None:
    """After the site refused a credential it no longer knows, the browser is told to forget it."""
    page.add_init_script(RECORD_SIGNALS)
    _register(page, site)
    removed = credential_id(site.held)
    site.forget()
    page.goto(f"{site.origin}/sign-in")
    page.get_by_role("button", name="Go sign-in").click()
    assert "was not accepted" in _said(page)
    signals = page.evaluate("JSON.parse(sessionStorage.getItem('signals'))")
    names = [name for name, _ in signals]
    assert names == ["signalAllAcceptedCredentials", "signalUnknownCredential"]
    assert signals[0][1]["allAcceptedCredentialIds"] == [removed]
    assert signals[1][1] == {"rpId": "localhost", "credentialId": removed}


def test_fresh_proof_leads_to_its_page_and_never_to_another_site(page: Page, site: Site) -> None:
    """A refusal that names where to prove it again is followed on this site only."""
    page.goto(f"{site.origin}/register")
    Device(page)
    site.refuse_with = Refusal(401, {"code": "fresh_proof_required", "location": "/sign-in"})
    page.get_by_role("button", name="Go register").click()
    page.wait_for_url("**/sign-in")
    page.goto(f"{site.origin}/register")
    site.refuse_with = Refusal(401, {"code": "fresh_proof_required", "location": "https://evil.example/"})
    page.get_by_role("button", name="Go register").click()
    page.wait_for_url(f"{site.origin}/")


def test_no_answer_is_explained(page: Page, site: Site) -> None:
    """Without a connection there is a sentence about it."""
    page.goto(f"{site.origin}/sign-in")
    page.route("**/sign-in/options", lambda route: route.abort())
    page.get_by_role("button", name="Go sign-in").click()
    assert "could not be reached" in _said(page)


def test_the_module_stores_nothing_and_builds_no_markup() -> None:
    """No storage, no string of markup, no evaluated code, no address of another host."""
    text = (Path(__file__).parents[2] / "secureacct" / "web" / "static" / "passkeys.js").read_text()
    for word in (
        "localStorage",
        "sessionStorage",
        "indexedDB",
        "innerHTML",
        "eval(",
        "document.cookie",
        "http:",
        "https:",
    ):
        assert word not in text

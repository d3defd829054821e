"""Every page, with few facts and with all: what a browser and a screen reader may count on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flask")

from flask import Flask

from secureacct.accounts.outcomes import Device, Happening
from secureacct.commitments.holdings import Holding
from secureacct.flask import ProfileField, SecureAcct
from secureacct.records.policies import PolicyVersion
from secureacct.web import pages, privacy_pages
from secureacct.web.flask.requests import render

AT = 1_790_000_000  # seconds since the epoch
NASTY = '"><script>alert(1)</script>'
SIGNED = pages.Signed(id="a", email="ada@example.org")
FACTOR = pages.Factor(id="f1", name=f"Phone {NASTY}", created_at=AT, last_used_at=AT, detail="synced")
SECOND = pages.Factor(id="f2", name="", created_at=AT)
VERSION = PolicyVersion(
    policy="privacy", version="2026-11", text="One.\n\nTwo.", hash=b"h" * 32, in_force_at=AT, summary="New."
)
HOLDING = Holding(name="profile", title="Your profile", words="Name and address.", kept="By law.")
FIELDS = (
    ProfileField(name="name", label=f"Name {NASTY}", autocomplete="name"),
    ProfileField(name="address", label="Address", max_length=500),
    ProfileField(name="card", label="Card", show_last=4, autocomplete="cc-number"),
)
ALL = "password", "totp", "recovery_code", "passkey"

FULL: dict[str, list[dict[str, Any]]] = {
    "Account": [{"has_second_factor": True, "recovery_codes_left": 3, "passkeys": True}],
    "Activity": [
        {
            "events": (
                Happening(id="1", at=AT, name="sign_in", outcome="ok", text="You signed in.", device=NASTY),
            ),
            "older": "?before=1",
        }
    ],
    "CheckMail": [{"purpose": one} for one in ("sign_up", "reset", "email", "recover")],
    "Confirm": [
        {"accepts": ALL, "resume": NASTY, "next": "/orders", "passkeys": True},
        {"accepts": ALL, "resume": "r", "have": "password"},
        {"accepts": ALL, "resume": "r", "have": "factor"},
        {"accepts": ("password",)},
    ],
    "DeadLink": [{"message": "Old.", "next_path": "/account/reset", "next_label": "Again"}],
    "Devices": [
        {
            "devices": (
                Device(id="d1", name=NASTY, current=True, created_at=AT, last_seen_at=AT),
                Device(id="d2", name="Firefox on Linux", current=False, created_at=AT, last_seen_at=AT),
            )
        }
    ],
    "Done": [{"message": NASTY, "next_path": "/", "next_label": "On"}],
    "LinkAction": [
        {"action": one, "path": "/account/x"}
        for one in ("email_confirm", "email_undo", "not_me", "recover", "recover_cancel", "unlock")
    ]
    + [
        {"action": "recover", "path": "/account/recover", "ripe_at": AT, "ripe": ripe}
        for ripe in (False, True)
    ],
    "OurMail": [{"host": "https://shop.example", "sender": "shop@shop.example"}],
    "Passkeys": [
        {"passkeys": (FACTOR, SECOND), "accepted_credentials": {"rpId": "localhost", "userId": NASTY}}
    ],
    "Policy": [
        {
            "version": VERSION,
            "before": VERSION,
            "changes": (("added", NASTY), ("gone", "b")),
            "standing": one,
        }
        for one in ("anonymous", "accepted", "due", "overdue", "refused")
    ],
    "PrivacyDelete": [{"erased": (HOLDING,), "kept": (HOLDING,)}, {"due_at": AT}],
    "Problem": [{"message": "No.", "wait_s": 30, "next_path": "/", "next_label": "On"}],
    "Profile": [{"fields": FIELDS, "masked": {"card": "4242"}, "values": {"name": NASTY, "address": NASTY}}],
    "RecoveryCodes": [{"codes": ("AAAA-BBBB", "CCCC-DDDD"), "left": 2, "enrolled": True}, {"left": 1}],
    "SignIn": [{"next": NASTY, "passkeys": True, "values": {"email": NASTY, "remember": "1"}}],
    "SignInCode": [{"factors": ALL, "passkeys": True}],
    "SignedOut": [{"ended": False, "ends_at": AT}],
    "TwoStep": [
        {"totp": (FACTOR, SECOND), "passkeys": (FACTOR,), "recovery_codes_left": 1},
        {"passkeys": (FACTOR, SECOND)},
    ],
    "TwoStepConfirm": [{"secret_groups": ("ABCD", "EFGH"), "uri": "otpauth://totp/x?secret=ABCD"}],
    "Unsubscribe": [
        {"path": "/account/unsubscribe/t", "list_title": NASTY, "ended": ended} for ended in (0, 1)
    ],
    "Verify": [{"needs_password": True}],
}
"""Facts beyond the few that a page cannot do without."""

NEEDED: dict[str, dict[str, Any]] = {"Policy": {"version": VERSION}}
WITHOUT_TOKEN = {"Unsubscribe"}  # RFC 8058: mail programs post it without a page of ours
CLASSES = [
    *pages.all_pages(),
    *(
        one
        for one in vars(privacy_pages).values()
        if isinstance(one, type) and one.__module__ == privacy_pages.__name__
    ),
]


def _cases() -> Iterator[Any]:
    for kind in CLASSES:
        few = kind(**NEEDED.get(kind.__name__, {}))
        yield pytest.param(few, id=kind.__name__)
        for number, facts in enumerate(FULL.get(kind.__name__, [{}]), 1):
            full = replace(kind(**facts), account=SIGNED, csrf_token="t0k3n", notice=NASTY)
            full = replace(full, errors=(pages.FieldError("password", NASTY), pages.FieldError("", "Both.")))
            yield pytest.param(full, id=f"{kind.__name__}-full-{number}")


class Read(HTMLParser):
    """What stands on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.labels: set[str] = set()
        self.described: set[str] = set()
        self.links: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []
        self.forms: list[tuple[dict[str, str | None], set[str]]] = []
        self.inline: list[str] = []
        self.root: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        found = dict(attrs)
        self.tags[tag] += 1
        if tag == "html":
            self.root = found
        if found.get("id"):
            self.ids[found["id"] or ""] += 1
        self.inline += [name for name in found if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and not found.get("src")):
            self.inline.append(tag)
        if tag == "label":
            self.labels.add(found.get("for") or "")
        self.described |= set((found.get("aria-describedby") or "").split())
        if tag == "a" and (found.get("href") or "").startswith("#"):
            self.links.add((found["href"] or "")[1:])
        if tag == "form":
            self.forms.append((found, set()))
        if tag in ("input", "textarea"):
            self.inputs.append({"tag": tag, **found})
            if self.forms and found.get("name"):
                self.forms[-1][1].add(found["name"] or "")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An app with the pages."""
    folder = tmp_path_factory.mktemp("pages")
    made = Flask(__name__)
    made.config.update(
        SECUREACCT_DATABASE_URL=f"sqlite:///{folder / 'app.db'}",
        SECUREACCT_KEYRING=str(folder / "keyring.json"),
        SECUREACCT_BASE_URL="http://localhost:8000",
        SECUREACCT_SITE_NAME="Shop & Co",
        SECUREACCT_CONTACT="help@shop.example",
    )
    SecureAcct().init_app(made)
    return made


def _html(app: Flask, page: pages.Page) -> str:
    with app.test_request_context("/account/"):
        return render(SecureAcct().site(app), page)


@pytest.mark.parametrize("page", list(_cases()))
def test_every_page_keeps_the_rules(app: Flask, page: pages.Page) -> None:
    """One h1, the landmarks, unique ids, a label for each field, a token in each form, and nothing inline."""
    name, text = type(page).__name__, _html(app, page)
    read = Read(text)
    assert read.inline == []
    assert read.tags["h1"] == 1
    assert {tag: read.tags[tag] for tag in ("header", "main", "footer")} == {
        "header": 1,
        "main": 1,
        "footer": 1,
    }
    assert (read.root.get("lang"), read.root.get("dir")) == ("en", "ltr")
    assert "Shop &amp; Co</title>" in text
    assert [one for one, count in read.ids.items() if count > 1] == []
    assert read.described <= set(read.ids)
    for one in read.inputs:
        if one.get("type") != "hidden" and one.get("aria-hidden") != "true":
            assert one.get("id") in read.labels, one
            assert "onpaste" not in one
        if one.get("type") == "password":
            assert one.get("autocomplete") in ("current-password", "new-password")
            assert not one.get("value")
            assert "maxlength" not in one
    for form, names in read.forms:
        if form.get("method") == "post" and name not in WITHOUT_TOKEN:
            assert "csrf_token" in names
    assert NASTY not in text
    assert "invalid" not in text.lower().replace("aria-invalid", "")


def test_each_page_has_its_template_and_each_template_its_page(app: Flask) -> None:
    """No page without a file, and no file that nothing shows."""
    folder = Path(pages.__file__).parent / "templates" / "secureacct"
    parts = {"base", "ui", "cookie_notice", "passkey_add", "passkey_confirm", "passkey_sign_in"}
    parts |= {"privacy_bars", "privacy_links"}
    shown = {Path(one.template.fget(one()) if one.template.fget else "").stem for one in CLASSES}  # type: ignore[attr-defined]
    assert {one.stem for one in folder.glob("*.html")} == shown | parts


@pytest.mark.parametrize(
    ("page", "field", "wanted"),
    [
        (
            pages.SignIn(passkeys=True),
            "email",
            {
                "type": "email",
                "autocomplete": "username webauthn",
                "inputmode": "email",
                "autocapitalize": "none",
                "spellcheck": "false",
            },
        ),
        (pages.SignIn(), "password", {"autocomplete": "current-password"}),
        (
            pages.SignUp(password_rules="minlength: 15;"),
            "password",
            {"autocomplete": "new-password", "passwordrules": "minlength: 15;"},
        ),
        (
            pages.ResetPassword(password_rules="minlength: 15;"),
            "new_password",
            {"autocomplete": "new-password", "passwordrules": "minlength: 15;"},
        ),
        (
            pages.Password(account=SIGNED),
            "username",
            {"autocomplete": "username", "value": "ada@example.org"},
        ),
        (
            pages.TwoStepConfirm(),
            "code",
            {"autocomplete": "one-time-code", "inputmode": "numeric", "pattern": "[0-9 ]*"},
        ),
        (pages.SignInCode(), "code", {"autocomplete": "one-time-code", "pattern": None, "inputmode": None}),
    ],
)
def test_what_password_managers_and_phones_read(
    app: Flask, page: pages.Page, field: str, wanted: dict[str, str | None]
) -> None:
    """Fields say what they are, in the words that programs know."""
    (found,) = (one for one in Read(_html(app, page)).inputs if one.get("name") == field)
    assert {name: found.get(name) for name in wanted} == wanted


def test_an_error_is_tied_to_its_field(app: Flask) -> None:
    """The summary is an alert with a link to the field, and the field says that it is wrong and why."""
    page = pages.SignUp(errors=(pages.FieldError("password", "Use at least 15 characters."),))
    text = _html(app, page)
    read = Read(text)
    assert "<title>Error: Create an account" in text
    assert 'role="alert"' in text
    assert "password" in read.links & set(read.ids)
    (field,) = (one for one in read.inputs if one.get("name") == "password")
    assert field["aria-invalid"] == "true"
    assert field["aria-describedby"] == "password-hint password-error"


def test_a_masked_field_never_holds_its_value(app: Flask) -> None:
    """Of a card number only the end is on the page; the input is empty, and a tick clears it."""
    page = pages.Profile(fields=FIELDS, masked={"card": "4242"}, values={"card": "4242424242424242"})
    read = Read(_html(app, page))
    named = {one.get("name"): one for one in read.inputs}
    assert named["card"]["value"] == ""
    assert named["clear_card"]["type"] == "checkbox"
    assert "4242424242424242" not in _html(app, page)


def test_the_code_to_scan_keeps_its_secret(app: Flask) -> None:
    """The picture is named, and its name holds no secret; the key stands beside it in groups of four."""
    from secureacct.totp import Totp

    totp = Totp.new(issuer="Shop", account="ada@example.org")
    groups = tuple(totp.secret[at : at + 4] for at in range(0, len(totp.secret), 4))
    text = _html(app, pages.TwoStepConfirm(secret_groups=groups, uri=totp.uri, qr_svg=totp.qr_svg()))
    picture = text[text.index("<svg") : text.index("</svg>")]
    assert 'role="img"' in picture
    assert "<title>" in picture
    assert totp.secret not in picture
    assert " ".join(groups) in text
    assert 'href="otpauth://' in text

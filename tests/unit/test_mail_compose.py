"""Account mails: what they say, and where they lead."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct.errors import ConfigurationError
from secureacct.mail.compose import HIDDEN_FACT, compose, fact
from secureacct.mail.headers import MailRefused
from secureacct.mail.letters import ENGLISH, FOOTER_ENGLISH, Letter
from secureacct.mail.lint import problems
from secureacct.records.mail import Message

BASE = "https://shop.example"
FACTS = {
    "address": "grace@new.example",
    "device": "Firefox on Linux",
    "factor": "authenticator app",
    "left": "9",
    "lifetime": "1 hour",
    "network": "192.0.2.0",
    "receipt": "01J8ZQ",
    "wait": "7 days",
    "when": "25 November 2026, 18:00 UTC",
}


def letter(kind: str, **facts: str) -> Message:
    """One mail of a kind, with every link and every fact."""
    links = {name: f"/account/{name}/t0ken-_" for name in ENGLISH[kind].links}
    return compose(
        kind, to="ada@example.org", site="Example Shop", base_url=BASE, links=links, facts={**FACTS, **facts}
    )


@pytest.mark.parametrize("kind", ENGLISH)
def test_every_letter_passes_its_own_linter(kind: str) -> None:
    """Each has text and HTML that name the site, all its links, nothing unfilled, and no problem."""
    mail = letter(kind)
    assert problems(mail, base_url=BASE, site="Example Shop") == ()
    assert HIDDEN_FACT not in mail.text
    assert len(mail.links) == len(ENGLISH[kind].actions)
    for part in (mail.subject, mail.text, mail.html):
        assert not re.search(r"\{[a-z_]+\}", part)
    for link in mail.links:
        assert link.startswith(BASE + "/account/")
        assert link in mail.text
        assert f'href="{link}"' in mail.html
    assert "Example Shop" in mail.subject
    assert ("Auto-Submitted", "auto-generated") in mail.headers


@pytest.mark.parametrize("kind", ENGLISH)
def test_text_and_html_say_the_same(kind: str) -> None:
    """Every paragraph of the text stands in the HTML too."""
    mail = letter(kind)
    html = re.sub(r"<[^>]+>", " ", mail.html).replace("&#x27;", "'")
    for paragraph in (*ENGLISH[kind].before, *ENGLISH[kind].after):
        words = re.sub(r"\{address\}", "g\u2026@new.example", paragraph)
        words = re.sub(r"\{([a-z]+)\}", lambda m: {**FACTS, "site": "Example Shop"}[m.group(1)], words)
        assert words in mail.text
        assert words in html


CHANGES = {"password_changed", "email_change_asked", "new_device", "factor_added", "factor_removed"} | {
    "sign_in_after_failures",
    "sign_in_from_elsewhere",
    "sign_in_from_new_place",
}
CHANGES |= {"recovery_codes_made", "recovery_code_used", "recovery_done", "recover"}


@pytest.mark.parametrize("kind", sorted(CHANGES))
def test_a_letter_about_a_change_says_what_to_do(kind: str) -> None:
    """Whoever did not do it finds the link that protects the account."""
    assert "not_me" in ENGLISH[kind].links
    assert f"{BASE}/account/not_me/t0ken-_" in letter(kind).text


def test_the_old_address_can_undo() -> None:
    """The notice of a changed address has the undo link, and shows the new address masked."""
    mail = letter("email_change_notice")
    assert f"{BASE}/account/undo/t0ken-_" in mail.links
    assert "g\u2026@new.example" in mail.text
    assert "grace@" not in mail.text + mail.html


def test_a_site_named_like_its_host_is_fine() -> None:
    """The default name of a site is its host, and that is no foreign link."""
    for name, base in (
        ("shop.example", BASE),
        ("localhost", "http://localhost:8000"),
        ("O'Brien & Söhne", BASE),
    ):
        mail = compose(
            "reset", to="ada@example.org", site=name, base_url=base, links={"reset": "/r/x"}, facts=FACTS
        )
        assert mail.links == (f"{base}/r/x",)
        assert problems(mail, base_url=base, site=name) == ()


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/x",
        "//evil.example",
        "/\\evil.example",
        "",
        "x",
        "javascript:alert(1)",
        f"{BASE}.evil.example/x",
        f"{BASE}@evil.example/",
        "/a b",
        "/a\r\nb",
        "/é",
        "http://shop.example/x",
        BASE,
    ],
)
def test_a_link_elsewhere_is_refused(link: str) -> None:
    """A link is a path of ours, or a URL on our own host."""
    with pytest.raises(ConfigurationError):
        compose("reset", to="ada@example.org", site="Shop", base_url=BASE, links={"reset": link}, facts=FACTS)


def test_a_full_url_of_ours_is_a_link_too() -> None:
    """Journeys may hand over full addresses."""
    link = f"{BASE}/account/reset/x"
    mail = compose("reset", to="a@b.example", site="Shop", base_url=BASE, links={"reset": link}, facts=FACTS)
    assert mail.links == (link,)


def test_what_is_missing_or_unknown_is_told_at_once() -> None:
    """An unknown letter or link, and a missing fact, are mistakes of the program."""
    common = {"to": "a@b.example", "site": "Shop", "base_url": BASE}
    for kind, links, facts in (("nope", {}, {}), ("reset", {"x": "/x"}, FACTS), ("reset", {}, {})):
        with pytest.raises(ConfigurationError):
            compose(kind, links=links, facts=facts, **common)  # type: ignore[arg-type]


@pytest.mark.parametrize("site", ["", " ", "a\nb", " a", "x" * 101, "a\u2028b"])
def test_a_sites_name_is_one_line(site: str) -> None:
    """A name that could break a subject is refused."""
    with pytest.raises(ConfigurationError):
        compose("email_is_yours", to="a@b.example", site=site, base_url=BASE)


@pytest.mark.parametrize("to", ["", "ada", "a@b.example\r\nBcc: eve@c.example", "a@b.example, eve@c.example"])
def test_a_mail_goes_to_one_address(to: str) -> None:
    """What is no address gets no mail."""
    with pytest.raises(MailRefused):
        compose("email_is_yours", to=to, site="Shop", base_url=BASE)


THIEVES = [
    "https://evil.example/x",
    "evil.example/login",
    "www.evil.example",
    "//evil.example",
    "<a href='https://evil.example'>x</a>",
    "Reply to this mail with your password",
    "Password: hunter2",
    "javascript:alert(1)",
    "x\r\nBcc: eve@evil.example",
    "\u202emoc.live//:sptth",
    "x" * 5000,
    "\ud800",
]


@pytest.mark.parametrize("name", THIEVES)
def test_a_thief_cannot_stop_or_use_the_warning_by_what_he_names_things(name: str) -> None:
    """Whatever a factor or device is called, the warning goes out and passes the linter."""
    mail = letter("factor_added", factor=name, device=name)
    assert problems(mail, base_url=BASE, site="Example Shop") == ()
    assert f"{BASE}/account/not_me/t0ken-_" in mail.text
    assert not re.search(r"evil\.example|<a href='|hunter2|\r|Reply to this", mail.text + mail.html)


@given(st.text(max_size=200))
def test_any_fact_makes_a_mail_that_may_be_sent(name: str) -> None:
    """No fact at all makes a mail that the linter refuses."""
    mail = letter("factor_removed", factor=name, when=name, address=name)
    assert problems(mail, base_url=BASE, site="Example Shop") == ()
    assert len(fact(name)) <= 100


def test_a_letter_that_asks_for_a_password_is_not_composed() -> None:
    """A template that was tampered with never becomes a mail."""
    bad = {"x": Letter(subject="Hello from {site}", before=("Please send us your password.",))}
    with pytest.raises(MailRefused) as caught:
        compose("x", to="a@b.example", site="Shop", base_url=BASE, letters=bad)
    assert caught.value.problems == ("asks_for_password",)


def test_a_translation_uses_the_same_door() -> None:
    """Other words, the same kinds, facts and links; the language is told."""
    german = {
        "reset": replace(
            ENGLISH["reset"],
            subject="Neues Passwort für {site}",
            before=("Jemand möchte ein neues Passwort für Ihr Konto bei {site} wählen.",),
            after=("Der Link gilt {lifetime}.",),
        )
    }
    mail = compose(
        "reset",
        to="a@b.example",
        site="Laden",
        base_url=BASE,
        links={"reset": "/r/x"},
        facts={"lifetime": "1 Stunde"},
        letters=german,
        footer=("Niemand von {site} wird Sie nach Ihrem Passwort fragen.",),
        language="de",
    )
    assert mail.subject == "Neues Passwort für Laden"
    assert '<html lang="de">' in mail.html


def test_the_footer_says_how_to_know_us() -> None:
    """Every mail names the home and says that nobody asks for the password."""
    assert any("password" in line for line in FOOTER_ENGLISH)
    assert BASE in letter("verify").text


def test_no_address_and_no_token_in_a_repr() -> None:
    """A message in a log shows neither whom it goes to nor what opens the account."""
    mail = letter("reset")
    assert "ada@" not in repr(mail)
    assert "t0ken" not in repr(mail)

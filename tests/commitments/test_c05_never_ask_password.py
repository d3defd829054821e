"""C05: nobody will ask for your password by phone or unsolicited mail."""

from __future__ import annotations

import pytest

from secureacct.mail.headers import MailRefused
from secureacct.mail.lint import lint, problems
from secureacct.records.mail import Message

BASE = "https://shop.example"


def mail(text, *, html="", subject="Your account at Shop"):
    """A mail of Shop."""
    return Message(to="ada@example.org", subject=subject, text=f"{text}\n\nShop", html=html)


def test_every_mail_that_the_site_sends_keeps_the_rules(site):
    """Sign-up, sign-in and reset: each mail passes, and its links lead to our own host."""
    person = site.person()
    person.signed_in().post("/reset", {"email": person.email})
    sent = site.mails(person.email)
    assert len(sent) >= 2
    for one in sent:
        assert problems(one, base_url=site.base_url, site=site.site.settings.site_name) == ()
        assert all(link.startswith(site.base_url + "/") for link in one.links)
        assert person.password not in one.text + one.html


@pytest.mark.parametrize(
    "wrong",
    [
        mail("Please reply with your password."),
        mail("Sign in at https://shop.example.evil.test/ now."),
        mail("Hello", html='<p>Shop <a href="https://evil.test/">https://shop.example/</a></p>'),
        mail("Hello", html='<p>Shop<img src="https://evil.test/pixel.gif"></p>'),
        Message(to="ada@example.org", subject="Hello", text="No name of a site.", html=""),
    ],
)
def test_a_mail_that_must_not_be_sent_is_not(wrong):
    """One that asks for a password, leads elsewhere, hides a link, loads a pixel or hides who we are."""
    with pytest.raises(MailRefused):
        lint(wrong, base_url=BASE, site="Shop")


def test_the_page_for_people_says_so():
    """The how-to that sites put before their people has the promise in it."""
    from pathlib import Path

    page = Path(__file__).parent.parent.parent / "docs" / "howto" / "know-our-mail.md"
    assert "never ask for your password" in page.read_text("utf-8")

"""C08: registering asks for verifiable contact information."""

from __future__ import annotations

PHRASE = "a pass phrase of mine 42"


def test_an_unconfirmed_address_receives_its_confirmation_and_nothing_else(site):
    """It cannot sign in, is not mailed about anything, and gets no reset link that works without proof."""
    email = "never.confirmed@rehearsal.example"
    browser = site.browser()
    assert browser.post("/sign-up", {"email": email, "password": PHRASE}).status == 202
    assert browser.account is None
    assert browser.post("/sign-in", {"email": email, "password": PHRASE}).status == 401
    paths = {link.removeprefix(site.base_url + site.prefix).split("/")[1] for mail in site.mails(email)
             for link in mail.links}  # fmt: skip
    assert paths <= {"verify", ""}


def test_a_thief_who_signs_up_first_loses_to_the_owner_of_the_mailbox(site):
    """The pre-hijack: a thief signs up with the victim's address and a password; the victim confirms hers."""
    email = "victim@rehearsal.example"
    thief, victim = site.browser(), site.browser()
    thief.post("/sign-up", {"email": email, "password": "the thief's pass phrase 1"})
    victim.post("/sign-up", {"email": email, "password": PHRASE})
    link = site.link(email, "/verify")
    assert victim.post(link).status == 200
    assert thief.account is None
    assert (
        site.browser().post("/sign-in", {"email": email, "password": "the thief's pass phrase 1"}).status
        == 401
    )
    assert site.browser().post("/sign-in", {"email": email, "password": PHRASE}).status == 200


def test_the_victims_click_does_not_confirm_the_thiefs_attempt(site):
    """Opening the thief's link in another browser asks for the password chosen then."""
    email = "clicker@rehearsal.example"
    site.browser().post("/sign-up", {"email": email, "password": "the thief's pass phrase 2"})
    link = site.link(email, "/verify")
    assert site.browser().post(link).status == 401
    assert site.browser().post(link, {"password": "a guess"}).status == 401


def test_a_known_address_and_a_new_one_get_the_same_answer(site):
    """Nobody learns from signing up who has an account."""
    known = site.browser().post("/sign-up", {"email": site.somebody.email, "password": PHRASE})
    new = site.browser().post("/sign-up", {"email": "brand.new@rehearsal.example", "password": PHRASE})
    assert (known.status, known.json) == (new.status, new.json) == (202, {"status": "check_mail"})

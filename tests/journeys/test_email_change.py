"""Changing the address, undoing it, and what a thief makes of either."""

from __future__ import annotations

from secureacct.totp import Totp
from tests.journeys.kit import ADA, MALLORY, NEW_PASSWORD, PASSWORD, Browser, Shop

NEW = "ada@new.example"
HOUR = 3600


def change(browser: Browser, to: str, password: str = PASSWORD) -> None:
    """Ask for another address and prove it, in the same browser."""
    answer = browser.post("/account/email", {"password": password, "new_email": to})
    assert (answer.status_code, answer.json) == (202, {"status": "check_mail"})
    answer = browser.post(browser.shop.link(to, "/email/confirm/"))
    assert (answer.status_code, answer.json) == (200, {"status": "verified"})


def email_of(browser: Browser) -> str | None:
    """The address of whoever is signed in."""
    account = browser.get("/account/session").json["account"]  # type: ignore[index]
    return account["email"] if account else None


def test_it_takes_effect_after_proof(shop: Shop) -> None:
    """Nothing changes before the new address is proved; then it signs in and the old one does not."""
    ada = shop.member()
    ada.post("/account/email", {"password": PASSWORD, "new_email": NEW})
    assert email_of(ada) == ADA
    assert any("about to change" in message.subject for message in shop.mails(ADA))
    ada.post(shop.link(NEW, "/email/confirm/"))
    assert email_of(ada) == NEW
    assert shop.browser().sign_in(NEW).status_code == 200
    assert shop.browser().sign_in(ADA).status_code == 401
    assert any("was changed" in message.subject for message in shop.mails(ADA))


def test_a_wrong_password_is_called_that(shop: Shop) -> None:
    """Somebody who is signed in reads about their password, not about addresses and first mails."""
    answer = shop.member().post("/account/email", {"password": "not the right one at all", "new_email": NEW})
    assert (answer.status_code, answer.json["code"]) == (401, "sign_in_rejected")  # type: ignore[index]
    assert answer.json["title"] == "That password did not match. Please try again."  # type: ignore[index]


def test_other_sessions_end(shop: Shop) -> None:
    """The session that asked stays; the others, and copies of older cookies, are over."""
    ada, phone = shop.member(), shop.browser()
    phone.sign_in()
    change(ada, NEW)
    assert ada.is_signed_in()
    assert not phone.is_signed_in()


def test_the_confirmation_works_in_any_browser_once(shop: Shop) -> None:
    """Proof of the new address is the mail alone; it signs nobody in and works once."""
    ada = shop.member()
    ada.post("/account/email", {"password": PASSWORD, "new_email": NEW})
    link, phone = shop.link(NEW, "/email/confirm/"), shop.browser()
    assert phone.post(link).json == {"status": "verified"}
    assert not phone.is_signed_in()
    again = phone.post(link)
    assert (again.status_code, again.json["code"]) == (410, "link_used")  # type: ignore[index]


def test_a_newer_request_replaces_the_older(shop: Shop) -> None:
    """Of two requested changes only the later one's link works."""
    ada = shop.member()
    ada.post("/account/email", {"password": PASSWORD, "new_email": "first@new.example"})
    first = shop.link("first@new.example", "/email/confirm/")
    ada.post("/account/email", {"password": PASSWORD, "new_email": NEW})
    assert ada.post(first).status_code == 410
    assert ada.post(shop.link(NEW, "/email/confirm/")).status_code == 200
    assert email_of(ada) == NEW


def test_a_taken_address_gets_the_same_answer(shop: Shop) -> None:
    """Whoever asks for somebody else's address learns nothing; its owner is told."""
    grace, ada = shop.member("grace@example.org"), shop.member()
    free = ada.post("/account/email", {"password": PASSWORD, "new_email": NEW})
    taken = ada.post("/account/email", {"password": PASSWORD, "new_email": "Grace@example.org"})
    assert (free.status_code, free.data) == (taken.status_code, taken.data)
    assert "already have an account" in shop.mails("grace@example.org")[0].subject
    assert email_of(grace) == "grace@example.org"


def test_another_spelling_of_ones_own_address(shop: Shop) -> None:
    """The spelling can be changed; the account is found by either."""
    ada = shop.member()
    change(ada, "ada.lovelace@EXAMPLE.org")
    assert email_of(ada) == "ada.lovelace@EXAMPLE.org"
    assert shop.browser().sign_in(ADA).status_code == 200


def test_undo(shop: Shop) -> None:
    """The old address takes the account back: every session ends and nobody is signed in."""
    thief = shop.member()
    change(thief, MALLORY)
    undo, ada = shop.link(ADA, "/email/undo/"), shop.browser()
    assert ada.post(undo).json == {"status": "undone"}
    assert not thief.is_signed_in()
    assert not ada.is_signed_in()
    assert shop.browser().sign_in(ADA).status_code == 200
    assert shop.browser().sign_in(MALLORY).status_code == 401
    assert ada.post(undo).status_code == 410
    assert any("undone" in message.subject for message in shop.mails(ADA))


def test_undo_ends_after_72_hours(shop: Shop) -> None:
    """For 72 hours the change can be undone, and no longer."""
    ada = shop.member()
    change(ada, NEW)
    undo = shop.link(ADA, "/email/undo/")
    shop.clock.forward(72 * HOUR)
    answer = shop.browser().post(undo)
    assert (answer.status_code, answer.json["code"]) == (410, "link_expired")  # type: ignore[index]


def test_the_old_address_is_reserved(shop: Shop) -> None:
    """Nobody opens an account with the old address while it can be undone; afterwards it is free."""
    ada = shop.member()
    change(ada, NEW)
    mallory = shop.browser()
    mallory.sign_up(ADA, "mallory waits with a lantern")
    assert mallory.post(shop.link(ADA, "/verify/")).status_code == 410
    shop.clock.forward(73 * HOUR)
    later = shop.browser()
    later.sign_up(ADA, "mallory waits with a lantern")
    assert later.post(shop.link(ADA, "/verify/")).json == {"status": "verified"}


def test_the_earliest_undo_wins(shop: Shop) -> None:
    """A thief who changes the address twice is undone by the first old address; the later undo is void."""
    thief = shop.member()
    change(thief, MALLORY)
    shop.clock.forward(HOUR / 2)
    change(thief, "second@example.net")
    first, second = shop.link(ADA, "/email/undo/"), shop.link(MALLORY, "/email/undo/")
    ada = shop.browser()
    assert ada.post(first).json == {"status": "undone"}
    assert ada.post(second).status_code == 410
    assert shop.browser().sign_in(ADA).status_code == 200


def test_the_later_undo_does_not_stop_the_earlier(shop: Shop) -> None:
    """If the thief undoes the second change first, the owner's undo of the first still works."""
    thief = shop.member()
    change(thief, MALLORY)
    shop.clock.forward(HOUR / 2)
    change(thief, "second@example.net")
    assert thief.post(shop.link(MALLORY, "/email/undo/")).json == {"status": "undone"}
    assert shop.browser().post(shop.link(ADA, "/email/undo/")).json == {"status": "undone"}
    assert shop.browser().sign_in(ADA).status_code == 200


def test_undo_removes_what_the_thief_set_up(shop: Shop) -> None:
    """Factors added since, a pending change and a reset link of the thief's are void; older factors stay."""
    ada = shop.member()
    ada.switch_on_two_step()
    own = ada.totp
    shop.clock.forward(HOUR / 2)
    ada.post("/account/confirm", {"code": ada.code()})
    thief = ada
    change(thief, MALLORY)
    answer = thief.post("/account/two-step", {"password": PASSWORD, "name": "Thief's"})
    added = Totp.from_secret(answer.json["secret"], issuer="Shop", account="x")  # type: ignore[index]
    shop.clock.forward(30)
    thief.post("/account/two-step/confirm", {"code": added.code(at=shop.clock())})
    thief.post("/account/email", {"password": PASSWORD, "new_email": "third@example.net"})
    thief.post("/account/reset", {"email": MALLORY})
    pending, reset = shop.link("third@example.net", "/email/confirm/"), shop.link(MALLORY, "/reset/")
    owner = shop.browser()
    assert owner.post(shop.link(ADA, "/email/undo/")).json == {"status": "undone"}
    assert owner.post(pending).status_code == 410
    assert owner.post(reset, {"new_password": NEW_PASSWORD}).status_code == 410
    for totp, status in ((added, 401), (own, 200)):
        browser = shop.browser()
        browser.totp = totp
        assert browser.sign_in().status_code == status


def test_undo_removes_an_authenticator_that_was_only_begun_before(shop: Shop) -> None:
    """A thief begins an authenticator, then asks for the change, then confirms it: it goes with the undo."""
    thief = shop.member()
    secret = thief.post("/account/two-step", {"password": PASSWORD}).json["secret"]  # type: ignore[index]
    shop.clock.forward(1)
    change(thief, MALLORY)
    thief.totp = Totp.from_secret(secret, issuer="Shop", account="x")
    assert thief.post("/account/two-step/confirm", {"code": thief.code()}).status_code == 200
    owner = shop.browser()
    assert owner.post(shop.link(ADA, "/email/undo/")).json == {"status": "undone"}
    assert owner.sign_in().json == {"status": "signed_in"}


def test_undo_leaves_the_reset_to_an_owner_without_a_factor(shop: Shop) -> None:
    """A factor of the thief's, gone with the undo, keeps nobody from the reset that shuts the thief out."""
    thief = shop.member()
    shop.clock.forward(1)
    change(thief, MALLORY)
    thief.switch_on_two_step()
    owner = shop.browser()
    assert owner.post(shop.link(ADA, "/email/undo/")).json == {"status": "undone"}
    owner.post("/account/reset", {"email": ADA})
    assert owner.post(shop.link(ADA, "/reset/"), {"new_password": NEW_PASSWORD}).status_code == 200
    assert shop.browser().sign_in(password=PASSWORD).status_code == 401


def test_undo_blocks_a_reset_by_mail_alone(shop: Shop) -> None:
    """With a second factor, mail alone resets nothing for 72 hours after an undo; the answer is the same."""
    ada = shop.member()
    ada.switch_on_two_step()
    shop.clock.forward(1)
    change(ada, MALLORY)
    owner = shop.browser()
    owner.post(shop.link(ADA, "/email/undo/"))
    before = len(shop.mails(ADA))
    assert owner.post("/account/reset", {"email": ADA}).json == {"status": "check_mail"}
    assert len(shop.mails(ADA)) == before
    shop.clock.forward(73 * HOUR)
    owner.post("/account/reset", {"email": ADA})
    assert "/reset/" in shop.link(ADA, "/reset/")


def test_the_confirmation_dies_with_the_password(shop: Shop) -> None:
    """A pending change of the thief's does not outlive the owner's password change or reset."""
    ada = shop.member()
    ada.post("/account/email", {"password": PASSWORD, "new_email": MALLORY})
    link = shop.link(MALLORY, "/email/confirm/")
    ada.post("/account/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert shop.browser().post(link).status_code == 410
    assert email_of(ada) == ADA


def test_links_as_forms(shop: Shop) -> None:
    """A person opens the links: the secret leaves the address, a button does it, a page leads on."""
    ada = shop.member()
    answer = ada.submit("/account/email", {"password": PASSWORD, "new_email": NEW})
    assert answer.status_code == 200
    link = shop.link(NEW, "/email/confirm/")
    assert ada.get(link, html=True).headers["Location"] == "/account/email/confirm"
    assert ada.get("/account/email/confirm", html=True).status_code == 200
    answer = ada.submit("/account/email/confirm")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/email?done=email")
    undo = shop.link(ADA, "/email/undo/")
    assert ada.get(undo, html=True).headers["Location"] == "/account/email/undo"
    assert ada.get("/account/email/undo", html=True).status_code == 200
    answer = ada.submit("/account/email/undo")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sign-in?done=undone")
    dead = ada.get(undo, html=True)
    assert dead.status_code == 303
    page = ada.get("/account/email/undo", html=True)
    assert page.status_code == 410
    assert "used" in page.text

"""Nobody prepares an account for somebody else's address."""

from __future__ import annotations

from tests.journeys.kit import ADA, NEW_PASSWORD, PASSWORD, Shop

THIEFS = "mallory waits with a lantern"


def test_the_thiefs_password_never_becomes_the_accounts(shop: Shop) -> None:
    """Mallory signs up with Ada's address; Ada's own later sign-up wins, and Mallory's is gone."""
    mallory = shop.browser()
    mallory.sign_up(ADA, THIEFS)
    thiefs_link = shop.link(ADA, "/verify/")
    ada = shop.browser()
    ada.sign_up(ADA, PASSWORD)
    own_link = shop.link(ADA, "/verify/")
    assert own_link != thiefs_link
    assert ada.post(own_link).json == {"status": "verified"}
    assert shop.browser().sign_in(password=THIEFS).status_code == 401
    assert shop.browser().sign_in(password=PASSWORD).status_code == 200
    assert mallory.post(thiefs_link, {"password": THIEFS}).status_code == 410


def test_the_owner_who_clicks_the_thiefs_link_is_asked_for_a_password(shop: Shop) -> None:
    """Ada opens the link of Mallory's sign-up in her own browser: without Mallory's password it confirms
    nothing, and a reset is her way in."""
    mallory = shop.browser()
    mallory.sign_up(ADA, THIEFS)
    link = shop.link(ADA, "/verify/")
    ada = shop.browser()
    assert ada.post(link).status_code == 401
    assert ada.post(link, {"password": PASSWORD}).status_code == 401
    assert mallory.sign_in(ADA, THIEFS).status_code == 401
    ada.post("/account/reset", {"email": ADA})
    answer = ada.post(shop.link(ADA, "/reset/"), {"new_password": NEW_PASSWORD})
    assert answer.json == {"status": "password_changed"}
    assert ada.sign_in(password=NEW_PASSWORD).status_code == 200
    assert mallory.sign_in(ADA, THIEFS).status_code == 401
    assert mallory.post(link, {"password": THIEFS}).status_code == 410


def test_another_browser_with_the_right_password_confirms(shop: Shop) -> None:
    """The phone that opens the mail needs the password chosen at the desk."""
    desk, phone = shop.browser(), shop.browser()
    desk.sign_up()
    link = shop.link(ADA, "/verify/")
    assert phone.post(link, {"password": "wrong"}).status_code == 401
    assert phone.post(link, {"password": PASSWORD}).json == {"status": "verified"}


def test_guessing_at_a_link_is_slowed_down(shop: Shop) -> None:
    """A link in a stranger's hands does not allow endless guesses at the password."""
    shop.browser().sign_up()
    link = shop.link(ADA, "/verify/")
    stranger = shop.browser()
    answers = [stranger.post(link, {"password": f"guess {number}"}).status_code for number in range(8)]
    assert answers[:5] == [401] * 5
    assert 429 in answers


def test_unconfirmed_cannot_sign_in_and_is_mailed_again(shop: Shop) -> None:
    """The same refusal as for everybody, and the right password of an attempt sends its link again."""
    desk = shop.browser()
    desk.sign_up()
    before = len(shop.mails(ADA))
    assert desk.sign_in(password="wrong password here").status_code == 401
    assert len(shop.mails(ADA)) == before
    assert desk.sign_in().status_code == 401
    assert len(shop.mails(ADA)) == before + 1
    desk.post(shop.link(ADA, "/verify/"))
    assert desk.sign_in().status_code == 200


def test_a_confirmed_link_is_used(shop: Shop) -> None:
    """The link works once; an old one and a made-up one say which they are."""
    desk = shop.browser()
    desk.sign_up()
    link = shop.link(ADA, "/verify/")
    desk.post(link)
    used = desk.post(link)
    assert (used.status_code, used.json["code"]) == (410, "link_used")  # type: ignore[index]
    unknown = desk.post("/account/verify/" + "A" * 43)
    assert (unknown.status_code, unknown.json["code"]) == (410, "link_unknown")  # type: ignore[index]


def test_an_expired_link(shop: Shop) -> None:
    """After a day the link is too old and says so."""
    desk = shop.browser()
    desk.sign_up()
    link = shop.link(ADA, "/verify/")
    shop.clock.forward(24 * 3600 + 1)
    answer = desk.post(link)
    assert (answer.status_code, answer.json["code"]) == (410, "link_expired")  # type: ignore[index]


def test_at_most_five_attempts_wait(shop: Shop) -> None:
    """Sign-ups for one address do not pile up."""
    for number in range(7):
        shop.clock.forward(4000)
        shop.browser().sign_up(ADA, f"{PASSWORD} {number}")
    attempts = shop.parts.store.attempts_for(shop.parts.vault.tokens(ADA), now=shop.parts.now())
    from secureacct._faces import run_inline

    assert len(run_inline(attempts)) == 5

"""Every factor lost, "this was not me", and what a thief makes of either."""

from __future__ import annotations

import pytest

from secureacct._faces import run_inline
from secureacct.accounts.recovery import recover_by_operator
from tests.journeys.kit import ADA, MALLORY, NEW_PASSWORD, PASSWORD, Shop
from tests.journeys.test_passkeys import add, device, enter, signed_in_with

DAY = 86_400


def begin(shop: Shop) -> tuple[str, str]:
    """Ask, open the mail, begin: the recovery link and the link that cancels it."""
    browser = shop.browser()
    answer = browser.post("/account/recover", {"email": ADA, "password": PASSWORD})
    assert (answer.status_code, answer.json) == (202, {"status": "check_mail"})
    link = shop.link(ADA, "/recover/")
    answer = browser.post(link)
    assert answer.status_code == 200, answer.json
    return link, shop.link(ADA, "/recover/cancel/")


def test_a_week_without_a_no(shop: Shop) -> None:
    """Password, link and seven days: then the factors are gone, every session is over, nobody is in."""
    ada = shop.member()
    ada.switch_on_two_step()
    link, _ = begin(shop)
    later = shop.browser()
    shop.clock.forward(7 * DAY - 60)
    assert later.post(link).json["status"] == "confirmed"  # type: ignore[index]
    assert shop.browser().sign_in().json["status"] == "second_factor"  # type: ignore[index]
    shop.clock.forward(61)
    assert later.post(link).json == {"status": "confirmed"}
    assert not ada.is_signed_in()
    assert not later.is_signed_in()
    assert later.post(link).status_code == 410
    assert shop.browser().sign_in().json == {"status": "signed_in"}
    assert any("were removed" in message.subject for message in shop.mails(ADA))


def test_no_is_said(shop: Shop) -> None:
    """Whoever is told can cancel; then the link is dead, and a new one can be asked for."""
    shop.member().switch_on_two_step()
    link, cancel = begin(shop)
    assert shop.browser().post(cancel).json == {"status": "undone"}
    shop.clock.forward(8 * DAY)
    assert shop.browser().post(link).status_code == 410
    assert shop.browser().sign_in().json["status"] == "second_factor"  # type: ignore[index]
    begin(shop)


def test_the_answer_is_the_same_for_all(shop: Shop) -> None:
    """Right, wrong, unknown and without a second factor: the same answer, and a mail only for the first."""
    shop.member().switch_on_two_step()
    shop.member("grace@example.org")
    asked = (
        (ADA, PASSWORD),
        (ADA, "wrong password here"),
        ("nobody@example.org", PASSWORD),
        ("grace@example.org", PASSWORD),
    )
    before = {to: len(shop.mails(to)) for to, _ in asked}
    answers = [shop.browser().post("/account/recover", {"email": to, "password": word}) for to, word in asked]
    assert len({(answer.status_code, answer.data) for answer in answers}) == 1
    assert len(shop.mails(ADA)) == before[ADA] + 1
    assert len(shop.mails("grace@example.org")) == before["grace@example.org"]


def test_only_one_recovery_waits(shop: Shop) -> None:
    """A second link begins no second wait beside the first."""
    shop.member().switch_on_two_step()
    begin(shop)
    browser = shop.browser()
    browser.post("/account/recover", {"email": ADA, "password": PASSWORD})
    second = browser.post(shop.mails(ADA)[0].links[0].removeprefix("https://shop.example"))
    assert second.status_code == 410


def test_a_changed_password_ends_the_wait(shop: Shop) -> None:
    """The owner changes the password: the wait that began with the old one is over, and leaves the way
    free for the owner's own recovery."""
    ada = shop.member()
    ada.switch_on_two_step()
    link, cancel = begin(shop)
    answer = ada.post("/account/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert answer.status_code == 200
    shop.clock.forward(8 * DAY)
    assert shop.browser().post(link).status_code == 410
    assert shop.browser().post(cancel).status_code == 410
    browser = shop.browser()
    browser.post("/account/recover", {"email": ADA, "password": NEW_PASSWORD})
    assert browser.post(shop.link(ADA, "/recover/")).status_code == 200


def test_recovery_as_forms(shop: Shop) -> None:
    """A person sees a button, then the day on which it ends, then a button again."""
    shop.member().switch_on_two_step()
    browser = shop.browser()
    assert browser.submit("/account/recover", {"email": ADA, "password": PASSWORD}).status_code == 200
    link = shop.link(ADA, "/recover/")
    assert browser.get(link, html=True).headers["Location"] == "/account/recover"
    assert browser.get("/account/recover", html=True).status_code == 200
    assert browser.submit("/account/recover").status_code == 200
    shop.clock.forward(7 * DAY)
    browser.get(link, html=True)
    answer = browser.submit("/account/recover")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sign-in?done=recovered")


def test_not_me_protects_everything(shop: Shop) -> None:
    """The link of a security mail ends every session, pauses the password and freezes changes."""
    thief = shop.member()
    thief.post("/account/email", {"password": PASSWORD, "new_email": MALLORY})
    owner = shop.browser()
    answer = owner.post(shop.link(ADA, "/not-me/"))
    assert answer.json == {"status": "confirmed"}
    assert not thief.is_signed_in()
    assert not owner.is_signed_in()
    assert shop.browser().sign_in().status_code == 401
    assert owner.post(shop.link(MALLORY, "/email/confirm/")).status_code == 410
    owner.post(shop.link(ADA, "/reset/"), {"new_password": NEW_PASSWORD})
    assert owner.sign_in(password=NEW_PASSWORD).status_code == 200
    for path, fields in (
        ("/account/two-step", {}),
        ("/account/email", {"new_email": "ada@new.example"}),
        ("/account/passkeys", {}),
    ):
        answer = owner.post(path, {"password": NEW_PASSWORD, **fields})
        assert (answer.status_code, answer.json["code"]) == (403, "changes_frozen")  # type: ignore[index]
    shop.clock.forward(73 * 3600)
    owner.sign_in(password=NEW_PASSWORD)
    assert owner.post("/account/two-step", {"password": NEW_PASSWORD}).status_code == 200


def test_not_me_survives_the_thiefs_password_change(shop: Shop) -> None:
    """The thief changes the password; the link in the older mail still protects the account."""
    thief = shop.member()
    link = shop.link(ADA, "/not-me/")
    thief.post("/account/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert shop.browser().post(link).json == {"status": "confirmed"}
    assert not thief.is_signed_in()
    assert shop.browser().sign_in(password=NEW_PASSWORD).status_code == 401


def test_not_me_after_the_address_went_to_the_thief(shop: Shop) -> None:
    """The older mail went to the owner's address: the account goes back there, and the reset too."""
    thief = shop.member()
    link = shop.link(ADA, "/not-me/")
    thief.post("/account/email", {"password": PASSWORD, "new_email": MALLORY})
    assert thief.post(shop.link(MALLORY, "/email/confirm/")).status_code == 200
    before = len(shop.mails(MALLORY))
    owner = shop.browser()
    assert owner.post(link).json == {"status": "confirmed"}
    assert len(shop.mails(MALLORY)) == before
    assert owner.post(shop.link(ADA, "/reset/"), {"new_password": NEW_PASSWORD}).status_code == 200
    assert owner.sign_in(ADA, NEW_PASSWORD).status_code == 200
    names = [one["name"] for one in owner.get("/account/activity").json["events"]]  # type: ignore[index]
    assert {"not_me", "email_change_undone"} <= set(names)


def test_not_me_from_a_mail_after_the_change_leaves_the_address(shop: Shop) -> None:
    """Whoever got the mail at the new address has that address: nothing is taken back."""
    ada = shop.member()
    ada.post("/account/email", {"password": PASSWORD, "new_email": "ada@new.example"})
    ada.post(shop.link("ada@new.example", "/email/confirm/"))
    shop.clock.forward(60)
    ada.switch_on_two_step()
    assert shop.browser().post(shop.link("ada@new.example", "/not-me/")).json == {"status": "confirmed"}
    assert shop.link("ada@new.example", "/reset/")


@pytest.mark.parametrize("kind", ["passkey", "totp"])
def test_not_me_takes_back_what_was_added_since(shop: Shop, kind: str) -> None:
    """A thief's passkey or app, added after the mail, opens nothing and does not keep the owner out."""
    shop.member()
    shop.clock.forward(60)
    thief, key = shop.browser(), device()
    thief.sign_in()
    link = shop.link(ADA, "/not-me/")
    shop.clock.forward(60)
    if kind == "passkey":
        assert add(thief, key).status_code == 200
    else:
        thief.switch_on_two_step()
    owner = shop.browser()
    assert owner.post(link).json == {"status": "confirmed"}
    if kind == "passkey":
        assert not signed_in_with(enter(shop.browser(), key))
    assert owner.post(shop.link(ADA, "/reset/"), {"new_password": NEW_PASSWORD}).status_code == 200
    assert owner.sign_in(password=NEW_PASSWORD).json == {"status": "signed_in"}
    names = [one["name"] for one in owner.get("/account/activity").json["events"]]  # type: ignore[index]
    assert "factor_removed" in names


@pytest.mark.parametrize("mail", ["after the second step", "long before it was used"])
def test_not_me_leaves_older_factors(shop: Shop, mail: str) -> None:
    """A mail that came after the second step, or one that is used days later, takes none away."""
    ada = shop.member()
    link = shop.link(ADA, "/not-me/")
    shop.clock.forward(60)
    ada.switch_on_two_step()
    shop.clock.forward(60)
    if mail == "after the second step":
        ada.post("/account/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
        link = shop.link(ADA, "/not-me/")
    else:
        shop.clock.forward(73 * 3600)
    owner = shop.browser()
    assert owner.post(link).json == {"status": "confirmed"}
    password = "three more quiet lanterns"
    assert owner.post(shop.link(ADA, "/reset/"), {"new_password": password}).status_code == 200
    answer = owner.post("/account/sign-in", {"email": ADA, "password": password})
    assert answer.json["status"] == "second_factor"  # type: ignore[index]


def test_not_me_ends_a_recovery(shop: Shop) -> None:
    """A thief's recovery does not go on under a protected account."""
    shop.member().switch_on_two_step()
    link, _ = begin(shop)
    assert shop.browser().post(shop.link(ADA, "/not-me/")).status_code == 200
    shop.clock.forward(8 * DAY)
    assert shop.browser().post(link).status_code == 410


def test_not_me_works_once(shop: Shop) -> None:
    """Whoever kept an older mail cannot lock the owner out again and again with it."""
    shop.member()
    link = shop.link(ADA, "/not-me/")
    owner = shop.browser()
    owner.post(link)
    owner.post(shop.link(ADA, "/reset/"), {"new_password": NEW_PASSWORD})
    assert owner.post(link).status_code == 410
    assert owner.sign_in(password=NEW_PASSWORD).status_code == 200


def test_the_operator_recovers(shop: Shop) -> None:
    """After making sure by other means, the operator removes the factors; the owner is told."""
    ada = shop.member()
    ada.switch_on_two_step()
    account = ada.get("/account/session").json["account"]["id"]  # type: ignore[index]
    run_inline(recover_by_operator(shop.parts, account))
    assert not ada.is_signed_in()
    assert shop.browser().sign_in().json == {"status": "signed_in"}


def test_the_operators_command(shop: Shop) -> None:
    """``flask secureacct recover`` asks before it acts and names nobody it does not know."""
    ada = shop.member()
    ada.switch_on_two_step()
    runner = shop.app.test_cli_runner()
    assert runner.invoke(args=["secureacct", "recover", ADA], input="n\n").exit_code == 1
    assert shop.browser().sign_in().json["status"] == "second_factor"  # type: ignore[index]
    assert runner.invoke(args=["secureacct", "recover", "--yes", "nobody@example.org"]).exit_code == 1
    done = runner.invoke(args=["secureacct", "recover", "--yes", ADA])
    assert done.exit_code == 0, done.output
    assert shop.browser().sign_in().json == {"status": "signed_in"}


def test_the_operator_closes_and_opens_an_account(shop: Shop) -> None:
    """Closed: a copied cookie, the right password and a mailed link open nothing. Opened: as before, but for
    the sessions. Both stand in the account's activity."""
    ada, runner = shop.member(), shop.app.test_cli_runner()
    ada.post("/account/reset", {"email": ADA})
    thief = ada.stolen()
    assert runner.invoke(args=["secureacct", "disable", "nobody@example.org"]).exit_code == 1
    assert runner.invoke(args=["secureacct", "disable", ADA]).exit_code == 0
    assert not thief.is_signed_in()
    assert shop.browser().sign_in().json["code"] == "sign_in_rejected"  # type: ignore[index]
    reset = shop.browser().post(shop.link(ADA, "/reset/"), {"new_password": NEW_PASSWORD})
    assert reset.status_code == 410
    assert runner.invoke(args=["secureacct", "enable", ADA]).exit_code == 0
    assert not thief.is_signed_in()
    owner = shop.browser()
    assert owner.sign_in().json == {"status": "signed_in"}
    events = owner.get("/account/activity").json["events"]  # type: ignore[index]
    assert {"account_disabled", "account_enabled"} <= {one["name"] for one in events}


@pytest.mark.parametrize("path", ["/verify", "/reset", "/recover"])
def test_a_dead_link_does_not_stand_in_the_way(shop: Shop, path: str) -> None:
    """After a link that does not work, the same browser can ask for a new one."""
    browser = shop.browser()
    answer = browser.get(f"/account{path}/{'x' * 30}", html=True)
    assert answer.status_code == 303
    dead = browser.get(f"/account{path}", html=True)
    assert dead.status_code == 410
    assert f'href="/account{path}"' in dead.text
    assert browser.get(f"/account{path}", html=True).status_code == 200
    assert browser.submit(f"/account{path}", {"email": ADA, "password": PASSWORD}).status_code < 500

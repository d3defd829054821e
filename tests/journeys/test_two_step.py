"""The second step, codes, fresh proof, and the interrupted request that goes on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from secureacct.errors import ConfigurationError
from secureacct.totp import Totp
from tests.journeys.kit import ADA, NEW_PASSWORD, PASSWORD, Shop


def test_a_password_alone_is_no_longer_enough(shop: Shop) -> None:
    """Between password and code nobody is signed in."""
    ada = shop.member()
    ada.switch_on_two_step()
    thief = shop.browser()
    answer = thief.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
    assert answer.json == {"status": "second_factor", "factors": ["totp", "recovery_code"]}
    assert not thief.is_signed_in()
    assert "__Host-Http-pending" in thief.cookies
    assert thief.post("/account/sign-in/code", {"code": "000000"}).status_code == 401


def test_a_code_works_once(shop: Shop) -> None:
    """The same code is refused the second time, in another browser too."""
    ada = shop.member()
    ada.switch_on_two_step()
    code = ada.code()
    for browser, expected in ((shop.browser(), 200), (shop.browser(), 401)):
        browser.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
        assert browser.post("/account/sign-in/code", {"code": code}).status_code == expected


def test_a_recovery_code_works_once(shop: Shop) -> None:
    """A recovery code signs in once, tells the owner, and counts down."""
    ada = shop.member()
    codes = ada.switch_on_two_step()
    assert len(codes) == 10
    for browser, expected in ((shop.browser(), 200), (shop.browser(), 401)):
        browser.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
        typed = codes[0].lower().replace("-", " ")
        assert browser.post("/account/sign-in/code", {"code": typed}).status_code == expected
    assert "A recovery code for Shop was used" in [message.subject for message in shop.mails(ADA)]
    assert ada.get("/account/recovery-codes").json["left"] == 9  # type: ignore[index]


def test_a_recovery_code_is_told_of_wherever_it_is_used(shop: Shop) -> None:
    """A thief with the session and a found code cannot confirm with it unseen."""
    ada = shop.member()
    codes = ada.switch_on_two_step()
    answer = ada.stolen().post("/account/confirm", {"code": codes[0]})
    assert (answer.status_code, answer.json) == (200, {"status": "confirmed"})
    assert "9" in next(mail.text for mail in shop.mails(ADA) if "recovery code" in mail.subject.lower())


def test_guesses_at_a_fresh_proof_are_on_record(shop: Shop) -> None:
    """A wrong code and a wrong password at the confirmation page stand in the owner's activity."""
    ada = shop.member()
    ada.switch_on_two_step()
    ada.post("/account/confirm", {"code": "000000"})
    ada.post("/account/confirm", {"password": "not the right one at all"})
    events = ada.get("/account/activity").json["events"]  # type: ignore[index]
    told = {one["text"] for one in events if one["name"] == "fresh_proof" and one["outcome"] == "refused"}
    asked = "Confirming that it is you was refused"
    assert told == {f"{asked}: wrong code.", f"{asked}: wrong password."}


def test_the_pending_step_is_used_once_and_dies(shop: Shop) -> None:
    """A pending sign-in works once, and for ten minutes."""
    ada = shop.member()
    codes = ada.switch_on_two_step()
    browser = shop.browser()
    browser.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
    pending = dict(browser.cookies)
    assert browser.post("/account/sign-in/code", {"code": codes[0]}).status_code == 200
    replay = shop.browser()
    replay.cookies = pending
    assert replay.post("/account/sign-in/code", {"code": codes[1]}).status_code == 401
    late = shop.browser()
    late.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
    shop.clock.forward(601)
    assert late.post("/account/sign-in/code", {"code": codes[2]}).status_code == 401


def test_a_pending_step_dies_with_the_password(shop: Shop) -> None:
    """A password changed meanwhile ends what the old one had begun."""
    ada = shop.member()
    codes = ada.switch_on_two_step()
    thief = shop.browser()
    thief.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
    ada.post("/account/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert thief.post("/account/sign-in/code", {"code": codes[0]}).status_code == 401


def test_unconfirmed_enrolment_counts_for_nothing(shop: Shop) -> None:
    """A secret that was never confirmed by a code neither protects nor locks out."""
    ada = shop.member()
    ada.post("/account/two-step", {"password": PASSWORD})
    assert ada.post("/account/two-step/confirm", {"code": "123456"}).status_code == 422
    assert shop.browser().sign_in().json == {"status": "signed_in"}


def test_switching_on_ends_the_other_sessions(shop: Shop) -> None:
    """A thief who was in before the second step came is out after it."""
    ada = shop.member()
    thief = shop.browser()
    thief.sign_in()
    copy = ada.stolen()
    ada.switch_on_two_step()
    assert ada.is_signed_in()
    assert not thief.is_signed_in()
    assert not copy.is_signed_in()


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/account/password", {"current_password": "wrong", "new_password": NEW_PASSWORD}),
        ("/account/password", {"new_password": NEW_PASSWORD}),
        ("/account/email", {"password": "wrong", "new_email": "mallory@example.net"}),
        ("/account/email", {"new_email": "mallory@example.net"}),
        ("/account/profile", {"password": "wrong", "phone": "1"}),
        ("/account/profile", {"phone": "1"}),
        ("/account/two-step", {"password": "wrong"}),
        ("/account/two-step", {}),
        ("/account/two-step/off", {"password": "wrong"}),
        ("/account/recovery-codes", {}),
        ("/account/passkeys", {"passkey": "options"}),
    ],
)
def test_a_stolen_session_changes_nothing(shop: Shop, path: str, fields: dict[str, str]) -> None:
    """Without the password a captured session changes no address, password, factor or profile."""
    thief = shop.member().stolen()
    assert thief.post(path, fields).status_code == 401
    assert thief.get("/account/profile").json["profile"]["phone"] is None  # type: ignore[index]
    assert shop.browser().sign_in().json == {"status": "signed_in"}


def test_with_a_second_factor_the_password_is_not_enough(shop: Shop) -> None:
    """A thief with session and password, but no code, changes nothing after ten minutes."""
    ada = shop.member()
    ada.switch_on_two_step()
    assert ada.post("/account/profile", {"password": PASSWORD, "phone": "1"}).status_code == 200
    shop.clock.forward(601)
    answer = ada.post("/account/profile", {"password": PASSWORD, "phone": "2"})
    assert answer.status_code == 401
    assert answer.json["code"] == "fresh_proof_required"  # type: ignore[index]
    assert answer.json["accepts"] == ["totp", "recovery_code"]  # type: ignore[index]
    assert ada.post("/account/confirm", {"code": ada.code()}).json == {"status": "confirmed"}
    assert ada.post("/account/profile", {"password": PASSWORD, "phone": "2"}).status_code == 200


def test_the_interrupted_form_goes_on_once(shop: Shop) -> None:
    """A person is led to confirm, and what was typed is saved afterwards, once."""
    ada = shop.member()
    ada.switch_on_two_step()
    shop.clock.forward(601)
    answer = ada.submit("/account/profile", {"password": PASSWORD, "phone": "+41 44 668 18 00"})
    assert answer.status_code == 303
    where = answer.headers["Location"]
    assert where.startswith("/account/confirm?resume=")
    resume = where.partition("=")[2]
    assert PASSWORD not in ada.get(where, html=True).text
    answer = ada.submit("/account/confirm", {"code": ada.code(), "resume": resume})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/profile?done=saved")
    assert ada.get("/account/profile").json["profile"]["phone"] == "+41 44 668 18 00"  # type: ignore[index]
    ada.post("/account/profile", {"password": PASSWORD, "phone": "other"})
    ada.submit("/account/confirm", {"code": ada.code(), "resume": resume})
    assert ada.get("/account/profile").json["profile"]["phone"] == "other"  # type: ignore[index]


def test_the_interrupted_form_is_one_sessions(shop: Shop) -> None:
    """Another session cannot take it up."""
    ada = shop.member()
    ada.switch_on_two_step()
    phone = shop.browser()
    phone.totp = ada.totp
    phone.sign_in()
    shop.clock.forward(601)
    answer = ada.submit("/account/profile", {"password": PASSWORD, "phone": "1"})
    resume = answer.headers["Location"].partition("=")[2]
    phone.submit("/account/confirm", {"code": phone.code(), "resume": resume})
    assert ada.get("/account/profile").json["profile"]["phone"] is None  # type: ignore[index]


def test_the_apps_own_guarded_page_goes_on(shop: Shop) -> None:
    """A POST to a page that asks for a second factor is repeated after the proof, with its fields."""
    ada = shop.member()
    ada.switch_on_two_step()
    ada.post("/account/sign-out")
    ada.sign_in()
    assert ada.request("POST", "/orders/delete", form={"order": "7"}, html=True).text == "deleted"
    plain = shop.member("grace@example.org")
    answer = plain.request("POST", "/orders/delete", form={"order": "8"}, html=True)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/two-step?done=needed")
    assert plain.request("POST", "/orders/delete", form={"order": "8"}).status_code == 401
    assert shop.deleted == {"order": "7"}


def test_a_view_asks_for_more_in_some_cases(shop: Shop) -> None:
    """A small order goes through; a large one leads to the proof, is kept, and goes on after it."""
    ada = shop.member()
    ada.switch_on_two_step()
    shop.clock.forward(3600)
    ada.post("/account/sign-out")
    ada.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
    ada.post("/account/sign-in/code", {"code": ada.code()})
    assert ada.request("POST", "/orders/pay", form={"amount": "1"}, html=True).text == "paid"
    assert ada.request("POST", "/orders/pay", form={"amount": "2000"}, html=True).text == "paid"
    plain = shop.member("grace@example.org")
    assert plain.request("POST", "/orders/pay", form={"amount": "1"}, html=True).text == "paid"
    answer = plain.request("POST", "/orders/pay", form={"amount": "3000"}, html=True)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/two-step?done=needed")
    answer = plain.request("POST", "/orders/pay", form={"amount": "3000"})
    assert (answer.status_code, answer.json["accepts"]) == (401, ["enrol"])  # type: ignore[index]
    assert shop.paid == {"amount": "1"}
    nobody = shop.browser().request("POST", "/orders/pay", form={"amount": "3000"})
    assert (nobody.status_code, nobody.json["code"]) == (401, "sign_in_required")  # type: ignore[index]


def test_admins_must_have_a_second_step(shop: Shop) -> None:
    """Others need none; an admin is led to set one up, at once or when the time of grace is over."""
    ada = shop.member()
    assert ada.get("/admin").text == "admin"
    shop.admins[ADA] = datetime.fromtimestamp(shop.clock() + 86400, UTC)
    assert ada.get("/admin").text == "admin"
    shop.admins[ADA] = True
    assert ada.get("/admin").json["accepts"] == ["enrol"]  # type: ignore[index]
    shop.admins[ADA] = datetime.fromtimestamp(shop.clock(), UTC)
    page = ada.get("/admin", html=True)
    assert (page.status_code, page.headers["Location"]) == (303, "/account/two-step?done=needed")
    assert "asks for a second step" in ada.get("/account/two-step?done=needed", html=True).text
    ada.switch_on_two_step()
    assert ada.get("/admin").text == "admin"


def test_a_time_of_grace_without_a_zone_is_a_mistake(shop: Shop) -> None:
    """It could mean two moments, so it means none."""
    ada = shop.member()
    shop.admins[ADA] = datetime.fromtimestamp(shop.clock())  # noqa: DTZ006 - the mistake
    shop.app.testing = True
    with pytest.raises(ConfigurationError, match="zone"):
        ada.get("/admin")


def test_switching_off(shop: Shop) -> None:
    """Off needs password and a fresh code; afterwards the password is enough again and codes are gone."""
    ada = shop.member()
    codes = ada.switch_on_two_step()
    assert ada.post("/account/two-step/off", {"password": PASSWORD}).json == {"status": "disabled"}
    assert shop.browser().sign_in().json == {"status": "signed_in"}
    thief = shop.browser()
    assert thief.post("/account/sign-in/code", {"code": codes[0]}).status_code == 401
    assert any("removed" in message.subject for message in shop.mails(ADA))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "12\x0034", "9" * 10_000])
def test_odd_codes(shop: Shop, code: str) -> None:
    """Codes of the wrong form are refused like wrong ones."""
    ada = shop.member()
    ada.switch_on_two_step()
    thief = shop.browser()
    thief.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
    assert thief.post("/account/sign-in/code", {"code": code}).status_code == 401


def test_guessing_codes_is_slowed_down(shop: Shop) -> None:
    """A thief with the password gets a handful of guesses, then has to wait."""
    ada = shop.member()
    ada.switch_on_two_step()
    thief = shop.browser()
    thief.post("/account/sign-in", {"email": ADA, "password": PASSWORD})
    seen = [thief.post("/account/sign-in/code", {"code": f"{n:06}"}).status_code for n in range(8)]
    assert seen[:5] == [401] * 5
    assert seen[5] == 429


def test_several_authenticators(shop: Shop) -> None:
    """A second app works beside the first, and removing one leaves the other."""
    ada = shop.member()
    ada.switch_on_two_step()
    first = ada.totp
    ada.post("/account/confirm", {"code": ada.code()})
    answer = ada.post("/account/two-step", {"password": PASSWORD, "name": "Tablet"})
    second = Totp.from_secret(answer.json["secret"], issuer="Shop", account="x")  # type: ignore[index]
    shop.clock.forward(30)
    answer = ada.post("/account/two-step/confirm", {"code": second.code(at=shop.clock())})
    assert answer.json == {"status": "enabled", "codes": []}
    for totp in (first, second):
        browser = shop.browser()
        browser.totp = totp
        assert browser.sign_in().json == {"status": "signed_in"}


def test_a_copied_cookie_never_sees_the_secret(shop: Shop) -> None:
    """While an authenticator is being set up, a cookie copied before is dead, and the account's other
    sessions are not shown the secret."""
    ada = shop.member()
    phone = shop.browser()
    phone.sign_in()
    thief = ada.stolen()
    secret = ada.post("/account/two-step", {"password": PASSWORD}).get_json()["secret"]
    assert not thief.is_signed_in()
    assert secret[:4] in ada.get("/account/two-step/confirm", html=True).text
    for other in (thief, phone):
        answer = other.get("/account/two-step/confirm", html=True)
        assert answer.status_code == 303
        assert secret[:4] not in answer.text

"""A cookie that was captured earlier opens nothing afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.kit import ADA, BASE, MALLORY, NEW_PASSWORD, PASSWORD, Shop


def test_after_sign_out(shop: Shop) -> None:
    """A cookie captured before sign-out opens nothing after it."""
    ada = shop.member()
    thief = ada.stolen()
    assert thief.is_signed_in()
    answer = ada.post("/account/sign-out")
    assert answer.json == {"status": "signed_out"}
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    assert "__Host-Http-session" not in ada.cookies
    assert not thief.is_signed_in()


def test_after_a_password_change(shop: Shop) -> None:
    """Changing the password ends every other session and the old token of this one."""
    ada = shop.member()
    elsewhere = shop.browser()
    elsewhere.sign_in()
    thief = ada.stolen()
    answer = ada.post("/account/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
    assert answer.json == {"status": "password_changed"}
    assert ada.is_signed_in()
    assert not elsewhere.is_signed_in()
    assert not thief.is_signed_in()
    assert shop.browser().sign_in(password=PASSWORD).status_code == 401
    assert shop.browser().sign_in(password=NEW_PASSWORD).status_code == 200


def test_after_a_reset(shop: Shop) -> None:
    """A reset ends every session, and signs nobody in."""
    ada = shop.member()
    forgetful = shop.browser()
    assert forgetful.post("/account/reset", {"email": ADA}).json == {"status": "check_mail"}
    answer = forgetful.post(shop.link(ADA, "/reset/"), {"new_password": NEW_PASSWORD})
    assert answer.json == {"status": "password_changed"}
    assert not forgetful.is_signed_in()
    assert not ada.is_signed_in()
    assert shop.browser().sign_in(password=NEW_PASSWORD).status_code == 200


def test_after_signing_out_everywhere(shop: Shop) -> None:
    """Signing out everywhere ends this session, the others, and every copy."""
    ada = shop.member()
    phone = shop.browser()
    phone.sign_in()
    thief = phone.stolen()
    answer = ada.post("/account/devices", {"all": True})
    assert answer.json == {"ended": 2}
    assert not ada.is_signed_in()
    assert not phone.is_signed_in()
    assert not thief.is_signed_in()


def test_others_end_and_this_one_stays(shop: Shop) -> None:
    """Signing out everywhere else ends the others only."""
    ada = shop.member()
    phone = shop.browser()
    phone.sign_in()
    assert ada.post("/account/devices", {"others": True}).json == {"ended": 1}
    assert ada.is_signed_in()
    assert not phone.is_signed_in()


def test_one_device(shop: Shop) -> None:
    """One device is signed out by its public id, which opens nothing itself."""
    ada = shop.member()
    phone = shop.browser()
    phone.sign_in()
    devices = ada.get("/account/devices").json["devices"]  # type: ignore[index]
    assert [one["current"] for one in devices] == [True, False]
    other = devices[1]["id"]
    impostor = shop.browser()
    impostor.cookies = {"__Host-Http-session": other}
    assert not impostor.is_signed_in()
    assert ada.post("/account/devices", {"id": other}).json == {"ended": 1}
    assert not phone.is_signed_in()
    assert ada.is_signed_in()


def test_somebody_elses_device_is_unknown(shop: Shop) -> None:
    """Another account's device and one that does not exist get the same answer."""
    ada, mallory = shop.member(), shop.member("mallory@example.net")
    theirs = ada.get("/account/devices").json["devices"][0]["id"]  # type: ignore[index]
    first = mallory.post("/account/devices", {"id": theirs})
    second = mallory.post("/account/devices", {"id": "AAAAAAAAAAAA"})
    assert first.status_code == second.status_code == 404
    assert first.data == second.data
    assert ada.is_signed_in()


def test_the_device_page_holds_no_secret(shop: Shop) -> None:
    """No cookie's value is in the page's source."""
    ada = shop.member()
    page = ada.get("/account/devices", html=True).text
    assert all(value not in page for value in ada.cookies.values())


def test_signed_out_already(shop: Shop) -> None:
    """Signing out twice is fine."""
    ada = shop.member()
    ada.post("/account/sign-out")
    assert ada.post("/account/sign-out").json == {"status": "signed_out"}


def test_the_planted_cookie_is_never_adopted(shop: Shop) -> None:
    """A session cookie that somebody planted does not become the victim's session."""
    mallory = shop.member("mallory@example.net")
    shop.member()
    victim = shop.browser()
    victim.cookies = {"__Host-Http-session": mallory.session_cookie}
    assert victim.get("/").text == "Hello mallory@example.net"
    victim.sign_in()
    assert victim.session_cookie != mallory.session_cookie
    assert victim.get("/").text == f"Hello {ADA}"
    assert not mallory.is_signed_in()  # what was planted ended with the sign-in


def test_two_cookies_of_one_name(shop: Shop) -> None:
    """Two session cookies are none."""
    ada = shop.member()
    both = f"__Host-Http-session={ada.session_cookie}; __Host-Http-session={ada.session_cookie}"
    assert ada.get("/", headers={"Cookie": both}).status_code == 401


def test_plain_http_is_nobody(shop: Shop) -> None:
    """A valid session cookie that came over plain HTTP is not honoured."""
    ada = shop.member()
    ada.base = BASE.replace("https", "http")
    assert ada.get("/").status_code == 401


def test_idle_and_absolute_limits(shop: Shop) -> None:
    """An unattended session ends by itself, and no session outlives the absolute limit."""
    ada = shop.member()
    shop.clock.forward(59 * 60)
    assert ada.is_signed_in()
    shop.clock.forward(61 * 60)
    assert not ada.is_signed_in()
    ada.sign_in()
    alive = True
    for _ in range(25):
        shop.clock.forward(58 * 60)
        alive = ada.is_signed_in()
    assert not alive


def test_the_cookie_dies_with_the_window_unless_asked(shop: Shop) -> None:
    """No lifetime without remember; with it, at most its policy's; never on a shared computer."""
    shop.member()

    def header(**fields: Any) -> str:
        answer = shop.browser().sign_in(**fields)
        return next(one for one in answer.headers.getlist("Set-Cookie") if "Http-session=" in one)

    assert "Max-Age" not in header()
    assert "Max-Age=2592000" in header(remember=True)
    assert "Max-Age" not in header(remember=True, shared_computer=True)
    for flags in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert flags in header()


def test_no_field_of_a_kept_form_speaks_for_us(shop: Shop) -> None:
    """A thief with a copied cookie and one code changes no address: a field of the interrupted form says
    neither where it goes on nor that the password was shown."""
    ada = shop.member()
    ada.switch_on_two_step()
    shop.clock.forward(660)
    thief = ada.stolen()
    names = ("path", "_path", "password", "_password", "password_proved", "form")
    lies = dict.fromkeys(names, "1") | {"path": "/account/email", "_path": "/account/email"}
    asked = thief.submit("/orders/refund", {**lies, "new_email": MALLORY})
    resume = asked.headers["Location"].partition("resume=")[2]
    answer = thief.submit("/account/confirm", {"resume": resume, "code": ada.code()})
    assert answer.headers["Location"].startswith("/account/confirm?resume="), answer.text
    assert shop.mails(MALLORY) == ()
    assert shop.refunded == {}
    resume = answer.headers["Location"].partition("resume=")[2]
    answer = thief.submit("/account/confirm", {"resume": resume, "password": PASSWORD})
    assert answer.text == "refunded"
    assert shop.refunded["_path"] == "/account/email", "the app's own field is the app's"


def test_a_kept_post_goes_on_without_another_token(shop: Shop) -> None:
    """What was proved a moment ago is enough for the app's own page: the repeated request is signed in."""
    ada = shop.member()
    ada.switch_on_two_step()
    shop.clock.forward(660)
    asked = ada.submit("/orders/refund", {"id": "7"})
    resume = asked.headers["Location"].partition("resume=")[2]
    ada.post("/account/confirm", {"password": PASSWORD, "code": ada.code()})
    answer = ada.submit("/account/confirm", {"resume": resume})
    assert (answer.status_code, answer.text) == (200, "refunded")
    assert shop.refunded["id"] == "7"


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/tags/日本?q=é", "日本 é"),
        ("/tags/caf%C3%A9?q=a%26b", "café a&b"),
        ("/tags/a%3Fb%25?q=1", "a?b% 1"),
    ],
    ids=("beyond-latin-1", "latin-1", "question-mark"),
)
def test_a_kept_post_finds_its_page_again(shop: Shop, path: str, seen: str) -> None:
    """Whatever is in the path and the query, the repeated request is the one that was interrupted."""
    ada = shop.member()
    ada.switch_on_two_step()
    shop.clock.forward(660)
    asked = ada.submit(path, {"note": "ü&="})
    resume = asked.headers["Location"].partition("resume=")[2]
    fields = {"resume": resume, "password": PASSWORD, "code": ada.code()}
    answer = ada.submit("/account/confirm", fields)
    assert (answer.status_code, answer.text) == (200, f"{seen} ü&=")


def test_signing_out_in_the_seconds_after_a_rotation(shop: Shop) -> None:
    """A thief had the clock rotate a remembered token; a sign-out with the old one still ends it."""
    ada = shop.member()
    ada.sign_in(remember=True)
    thief = ada.stolen()
    shop.clock.forward(25 * 3600)
    assert thief.get("/account/devices").status_code == 200
    assert thief.session_cookie != ada.session_cookie
    shop.clock.forward(2)
    assert ada.post("/account/sign-out").json == {"status": "signed_out"}
    assert not thief.is_signed_in()

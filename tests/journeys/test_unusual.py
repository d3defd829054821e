"""A thief signs in: one mail tells the owner what was odd, the log says it in words, and a link ends it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secureacct.errors import StoreUnavailable
from secureacct.stores.memory import MemoryStore
from tests.journeys.kit import ADA, PASSWORD, Browser, Shop

HOME = "the network 192.0.2.0/24"
AWAY = "the network 198.51.100.0/24"
WRONG = "a guess that is wrong"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0"


@pytest.fixture(params=["memory", "sqlite", "postgresql", "split"])
def anywhere(request: pytest.FixtureRequest, folder: Path) -> Iterator[Shop]:
    """A shop on each store there is."""
    options: dict[str, Any] = {}
    if request.param == "memory":
        options["choices"] = {"store": MemoryStore()}
    elif request.param == "postgresql":
        options["database_url"] = request.getfixturevalue("pg_database")
    elif request.param == "split":
        request.getfixturevalue("valkey_client").flushall()
        options["settings"] = {"SECUREACCT_SESSION_URL": request.getfixturevalue("valkey_url")}
    made = Shop(folder, **options)
    yield made
    made.close()


def thief(shop: Shop, *, agent: str = CHROME) -> Browser:
    """Somebody elsewhere who has nothing but the password."""
    made = shop.browser()
    made.address, made.agent = "198.51.100.9", agent
    return made


def subjects(shop: Shop) -> list[str]:
    """What the owner was mailed, the newest first."""
    return [message.subject for message in shop.mails(ADA)]


def odd(owner: Browser) -> list[str]:
    """What the owner reads about unusual things, on the device that is known; sorted, for the clock of these
    tests stands still."""
    assert owner.sign_in().status_code == 200
    events = owner.get("/account/activity").json["events"]  # type: ignore[index]
    return sorted(one["text"] for one in events if (one["name"], one["outcome"]) == ("anomaly", "ok"))


def test_a_guessed_password_is_told_with_what_was_odd_and_one_link_ends_it(anywhere: Shop) -> None:
    """Five wrong, then right: one mail, its link throws the thief out, and the log says it in words."""
    shop = anywhere
    owner = shop.member()
    before = len(subjects(shop))
    shop.clock.forward(3700)
    robber = thief(shop)
    assert [robber.sign_in(ADA, WRONG).status_code for _ in range(5)] == [401] * 5
    shop.clock.forward(31)
    assert robber.sign_in(ADA).status_code == 200
    mails = shop.mails(ADA)
    assert len(mails) == before + 1
    assert mails[0].subject == "Sign-in to your account at Shop after many wrong attempts"
    assert "Chrome on Windows" in mails[0].text
    assert odd(owner) == [
        "5 wrong attempts within an hour were followed by a sign-in with Chrome on Windows.",
        f"Chrome on Windows signed in from {AWAY}. Neither was used with your account before.",
    ]
    page = owner.get("/account/activity", html=True).text
    assert "5 wrong attempts within an hour were followed by a sign-in with Chrome on Windows." in page
    assert robber.is_signed_in()
    assert shop.browser().post(shop.link(ADA, "/not-me/")).status_code == 200
    assert not robber.is_signed_in()
    assert thief(shop).sign_in(ADA).status_code == 401


def test_the_same_thing_is_told_once(shop: Shop) -> None:
    """Signing in again from there is a new device without a mark, and nothing unusual any more."""
    owner = shop.member()
    shop.clock.forward(3700)
    robber = thief(shop)
    for _ in range(5):
        robber.sign_in(ADA, WRONG)
    shop.clock.forward(31)
    assert robber.sign_in(ADA).status_code == 200
    told = odd(owner)
    before = len(subjects(shop))
    shop.clock.forward(1)
    assert thief(shop).sign_in(ADA).status_code == 200
    assert subjects(shop)[0] == "New sign-in to your account at Shop"
    assert len(subjects(shop)) == before + 1
    assert odd(owner) == told


def test_the_same_kind_of_browser_elsewhere_while_the_owner_is_there(shop: Shop) -> None:
    """A thief whose browser has the name of the owner's is told by the network, while the owner is there."""
    owner = shop.member()
    shop.clock.forward(1)
    assert thief(shop, agent=owner.agent).sign_in(ADA).status_code == 200
    assert subjects(shop)[0] == "Your account at Shop is in use from two places"
    assert odd(owner) == [
        f"Firefox on Linux signed in from {AWAY} while Firefox on Linux was in use from {HOME}.",
    ]


def test_a_storm_does_not_wash_the_owner_out_of_sight(shop: Shop) -> None:
    """More failures than are looked at hide the owner's sign-ins, and still the thief's is unusual."""
    owner = shop.member()
    for number in range(52):
        shop.clock.forward(3700)
        guesser = thief(shop)
        guesser.address = f"203.0.113.{number}"
        assert guesser.sign_in(ADA, WRONG).status_code == 401
    shop.clock.forward(7300)
    assert thief(shop).sign_in(ADA).status_code == 200
    assert subjects(shop)[0] == "Sign-in to your account at Shop from a new place"
    assert owner.sign_in(ADA).status_code == 200
    assert len(odd(owner)) == 1


def test_nothing_is_unusual_about_the_owner(shop: Shop) -> None:
    """The first sign-in, a known device after a storm, and a new browser at home raise no alarm."""
    owner = shop.member()
    robber = thief(shop)
    for _ in range(5):
        robber.sign_in(ADA, WRONG)
    owner.post("/account/sign-out")
    assert owner.sign_in().status_code == 200
    shop.clock.forward(3700)
    other = thief(shop)
    other.address = owner.address
    assert other.sign_in(ADA).status_code == 200
    assert odd(owner) == []
    assert subjects(shop)[0] == "New sign-in to your account at Shop"


def test_one_mail_for_a_sign_in_with_a_recovery_code(shop: Shop) -> None:
    """What tells of the code says when and where too: no second mail about the same sign-in."""
    owner = shop.member()
    codes = owner.switch_on_two_step()
    shop.clock.forward(1)
    before = len(subjects(shop))
    robber = thief(shop)
    assert robber.post("/account/sign-in", {"email": ADA, "password": PASSWORD}).status_code == 200
    assert robber.post("/account/sign-in/code", {"code": codes[0]}).status_code == 200
    assert subjects(shop)[0] == "A recovery code for Shop was used"
    assert len(subjects(shop)) == before + 1
    assert len(odd(owner)) >= 1


def test_a_copied_cookie_used_after_the_owner_signed_out(anywhere: Shop) -> None:
    """It opens nothing, the owner hears of it once, by whom and from where, and the mail's link protects."""
    shop = anywhere
    owner = shop.member()
    robber = owner.stolen()
    robber.agent, robber.address = CHROME, "198.51.100.9"
    robber.cookies.pop("__Host-Http-device")
    owner.post("/account/sign-out")
    before = len(subjects(shop))
    assert not robber.is_signed_in()
    assert len(subjects(shop)) == before
    shop.clock.forward(60)
    handed_over: list[bool] = []
    shop.shell.deliver_soon = lambda: handed_over.append(True)  # type: ignore[method-assign]
    for _ in range(3):
        assert not robber.is_signed_in()
    assert handed_over == [True]
    assert len(subjects(shop)) == before + 1
    assert subjects(shop)[0] == "What a browser of yours kept for Shop was used after it was signed out"
    assert odd(owner) == [
        f"A sign-in that had ended was used again by Chrome on Windows from {AWAY}. It opened nothing."
    ]
    assert shop.browser().post(shop.link(ADA, "/not-me/")).status_code == 200


def test_a_device_signed_out_from_elsewhere_is_no_thief(shop: Shop) -> None:
    """It still sends its own cookie, and nobody is alarmed."""
    owner = shop.member()
    phone = thief(shop)
    assert phone.sign_in(ADA).status_code == 200
    owner.post("/account/devices", {"others": "1"})
    before = len(subjects(shop))
    shop.clock.forward(60)
    assert not phone.is_signed_in()
    assert len(subjects(shop)) == before


def test_a_log_that_cannot_be_read_keeps_nobody_out(
    shop: Shop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sign-in goes on, the mail of the new device goes out, and the operator reads that nothing was
    compared."""
    shop.member()
    shop.clock.forward(1)

    async def down(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("gone")

    store = shop.parts.store
    kept = getattr(store, "accounts", store)
    monkeypatch.setattr(kept, "events_of", down, raising=False)
    with caplog.at_level(logging.WARNING, "secureacct"):
        assert thief(shop).sign_in(ADA).status_code == 200
    assert [one for one in caplog.records if getattr(one, "event", "") == "sign_in.not_compared"]
    assert subjects(shop)[0] == "New sign-in to your account at Shop"

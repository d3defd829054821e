"""A storm of guesses: it slows where it comes from, the owner signs in meanwhile, and the log says so."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from secureacct import logs
from secureacct._faces import run_inline
from secureacct.cli.audit import group
from secureacct.passwords import Admission, PasswordHasher
from secureacct.passwords.profiles import Argon2Profile
from secureacct.throttle import Budget, ThrottlePolicy
from secureacct.throttle.policies import STANDARD
from tests.http_kit import served, storm
from tests.journeys.kit import ADA, MALLORY, NEW_PASSWORD, PASSWORD, Browser, Shop

WRONG = "a guess that is wrong"


def stranger(shop: Shop, number: int = 9) -> Browser:
    """A browser elsewhere."""
    made = shop.browser()
    made.address = f"198.51.{number // 200}.{number % 200 + 1}"
    return made


def test_a_storm_slows_its_own_address_and_nobody_else(shop: Shop) -> None:
    """After five guesses the address waits; the owner on a known device does not, and reads about it."""
    owner = shop.member()
    thief = stranger(shop)
    assert [thief.sign_in(ADA, WRONG).status_code for _ in range(5)] == [401] * 5
    refused = thief.sign_in(ADA, WRONG)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert refused.json is not None
    assert "second" in refused.json["detail"]
    assert "second" in thief.submit("/account/sign-in", {"email": ADA, "password": WRONG}).text
    owner.post("/account/sign-out")
    assert owner.sign_in().status_code == 200
    events = owner.get("/account/activity").json["events"]  # type: ignore[index]
    texts = Counter(one["text"] for one in events)
    assert texts["A sign-in was refused: wrong password."] == 5


def test_an_unknown_name_is_slowed_alike(shop: Shop) -> None:
    """Status, body and waiting time of a storm tell nobody whether the account exists."""
    shop.member()
    known, unknown = stranger(shop, 1), stranger(shop, 2)
    for _ in range(7):
        left, right = known.sign_in(ADA, WRONG), unknown.sign_in("nobody@example.org", WRONG)
        assert (left.status_code, left.json) == (right.status_code, right.json)
        assert left.headers.get("Retry-After") == right.headers.get("Retry-After")


def test_signing_in_to_an_own_account_buys_no_guesses(folder: Path) -> None:
    """A success in between gives back what it took and nothing more."""
    shop = Shop(folder, choices={"throttle": ThrottlePolicy().with_network_budget(per_hour=20)})
    shop.member()
    mallory = shop.member(MALLORY)
    mallory.address = "198.51.100.9"
    mallory.cookies.pop("__Host-Http-device", None)
    statuses: list[int] = []
    for number in range(30):
        statuses.append(mallory.sign_in(f"victim{number}@example.org", WRONG).status_code)
        thief = stranger(shop)
        thief.address = mallory.address
        thief.sign_in(MALLORY, PASSWORD)
    shop.close()
    assert statuses[:20] == [401] * 20
    assert set(statuses[20:]) == {429}


def test_a_hundred_failures_pause_the_password_until_the_owner_resets_it(shop: Shop) -> None:
    """Strangers are kept out for good, the owner's device is not, and the mailed link opens it again."""
    owner = shop.member()
    for number in range(100):
        shop.clock.forward(3600 if number >= 20 else 1)
        assert stranger(shop, number).sign_in(ADA, WRONG).status_code == 401
    shop.clock.forward(7200)
    paused = stranger(shop, 300).sign_in(ADA, PASSWORD)
    assert paused.status_code == 429
    assert paused.json is not None
    assert paused.json["code"] == "authenticator_paused"
    assert owner.sign_in().status_code == 200
    link = shop.link(ADA, "/reset/")
    assert shop.browser().post(link, {"new_password": NEW_PASSWORD}).status_code == 200
    assert stranger(shop, 301).sign_in(ADA, NEW_PASSWORD).status_code == 200


def tail(shop: Shop) -> str:
    """What the operator reads."""
    database, keyring = f"sqlite:///{shop.folder / 'shop.db'}", str(shop.folder / "keyring.json")
    files = ["--database", database, "--keyring", keyring]
    return CliRunner().invoke(group, [*files, "tail", "-n", "50"], catch_exceptions=False).output


def test_spraying_is_seen_and_refuses_nobody(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One password against many accounts from many networks: in both logs, once, and the owner signs in."""
    monkeypatch.setattr(logs, "_last_told", {})
    watched = replace(STANDARD["sign_in"], everyone=Budget(per_hour=20, over="watch", store_down="open"))
    shop = Shop(folder, choices={"throttle": ThrottlePolicy().with_action("sign_in", watched)})
    owner = shop.member()
    with caplog.at_level(logging.WARNING, "secureacct"):
        for number in range(22):
            answer = stranger(shop, number).sign_in(f"person{number}@example.org", WRONG)
            assert answer.status_code == 401
    assert [one for one in caplog.records if getattr(one, "event", "") == "throttle.spraying"]
    assert owner.sign_in().status_code == 200
    shop.clock.forward(120)  # another process, or a minute later: no second event
    assert stranger(shop, 99).sign_in("person99@example.org", WRONG).status_code == 401
    seen = [one for one in run_inline(shop.parts.store.newest_events(limit=100)) if one.name == "spraying"]
    assert [(one.account_id, one.session_id, one.reason) for one in seen] == [(None, None, "sign_in")]
    assert shop.parts.personal.read(seen[0]) == {
        "network": "198.51.0.0/24",
        "detail": "21 attempts within an hour that did not succeed",
    }
    assert "spraying  ok  sign_in  account=-" in tail(shop)
    events = owner.get("/account/activity").json["events"]  # type: ignore[index]
    assert "spraying" not in {one["name"] for one in events}
    shop.close()


def test_two_hundred_sign_ins_at_once_are_told_to_come_back(folder: Path) -> None:
    """More passwords than can be checked: 503 with a waiting time, never an error of ours."""
    slow = Argon2Profile("slow", memory_kib=19456, passes=2, lanes=1)
    hasher = PasswordHasher(slow, admission=Admission(at_once=1, waiting=4, patience=0.2))
    shop = Shop(folder, choices={"hasher": hasher})
    bodies = [{"email": f"person{number}@example.org", "password": WRONG} for number in range(200)]
    with served(shop) as port:
        replies = storm(port, shop.browser(), "/account/sign-in", bodies, threads=100)
    shop.close()
    counted = Counter(one.status for one in replies)
    assert set(counted) == {401, 503}, counted
    assert all(int(one.retry_after or 0) >= 1 for one in replies if one.status == 503)

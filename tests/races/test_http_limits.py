"""Fifty requests at once through a real server: no more attempts are judged than the limit, on any store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secureacct.stores.memory import MemoryStore
from tests.http_kit import served, storm
from tests.journeys.kit import ADA, PASSWORD, Shop

AT_ONCE = 50
WRONG = "a guess that is wrong"


@pytest.fixture(params=("memory", "sqlite", "pg", "split"))
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A shop on each store."""
    settings: dict[str, Any] = {}
    choices: dict[str, Any] = {}
    url = ""
    if request.param == "memory":
        choices["store"] = MemoryStore()
    elif request.param == "pg":
        url = request.getfixturevalue("pg_database")
    elif request.param == "split":
        request.getfixturevalue("valkey_client")
        settings["SECUREACCT_SESSION_URL"] = request.getfixturevalue("valkey_url")
    made = Shop(tmp_path, database_url=url, settings=settings, choices=choices)
    yield made
    made.close()


def test_fifty_sign_ins_at_once_get_five_guesses(shop: Shop) -> None:
    """Of fifty wrong passwords in parallel five are looked at; the rest wait, and nobody sees an error."""
    shop.member()
    thief = shop.browser()
    thief.address = "198.51.100.9"
    worked = shop.hasher.worked
    with served(shop) as port:
        replies = storm(
            port,
            thief,
            "/account/sign-in",
            [{"email": ADA, "password": f"{WRONG} {n}"} for n in range(AT_ONCE)],
        )
    assert Counter(one.status for one in replies) == {401: 5, 429: AT_ONCE - 5}
    assert shop.hasher.worked - worked == 5
    assert all(one.retry_after for one in replies if one.status == 429)


def test_fifty_codes_at_once_get_five_guesses(shop: Shop) -> None:
    """Of fifty wrong codes for one pending sign-in five are looked at."""
    shop.member().switch_on_two_step()
    thief = shop.browser()
    thief.address = "198.51.100.9"
    assert thief.sign_in(ADA, PASSWORD).json["status"] == "second_factor"  # type: ignore[index]
    with served(shop) as port:
        replies = storm(port, thief, "/account/sign-in/code", [{"code": f"{n:06}"} for n in range(AT_ONCE)])
    judged = Counter(one.status for one in replies)
    assert judged[429] == AT_ONCE - 5
    assert sum(judged.values()) - judged[429] == 5
    assert set(judged) <= {200, 401, 422, 429}


def test_fifty_resets_at_once_send_three_mails(shop: Shop) -> None:
    """Nobody's mailbox is flooded: three links, then a wait."""
    shop.member()
    thief = shop.browser()
    before = len(shop.mails(ADA))
    with served(shop) as port:
        replies = storm(port, thief, "/account/reset", [{"email": ADA}] * AT_ONCE)
    assert Counter(one.status for one in replies) == {202: 3, 429: AT_ONCE - 3}
    assert len(shop.mails(ADA)) - before == 3

"""A whole app whose sessions are in a Valkey that dies and comes back: 503 meanwhile, and no restart."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import valkey_kit
from tests.journeys.kit import Browser, Shop
from tests.load_kit import RECOVERED_WITHIN_S

pytestmark = pytest.mark.faults


@pytest.fixture
def valkey() -> Iterator[valkey_kit.Valkey]:
    """A server that keeps on its disk what it acknowledged."""
    with valkey_kit.valkeys(1, 'save ""', "appendonly yes", "appendfsync always") as (server,):
        yield server


@pytest.fixture
def shop(tmp_path: Path, valkey: valkey_kit.Valkey) -> Iterator[Shop]:
    """A shop whose sessions are in it."""
    with contextlib.closing(Shop(tmp_path, settings={"SECUREACCT_SESSION_URL": valkey.url})) as shop:
        yield shop


def test_sessions_are_away_for_a_while(shop: Shop, valkey: valkey_kit.Valkey) -> None:
    """Every page answers 503 and when to come back, nothing tells of a server, and no cookie is taken away;
    a sign-out takes its own and says that the session may live. Afterwards who was signed in is."""
    ada, guest = shop.member(), shop.browser()
    thief, leaving = ada.stolen(), ada.stolen()
    token = leaving.csrf()
    valkey.kill()
    for path in ("/", "/account/profile", "/account/session", "/account/devices"):
        for html in (False, True):
            answer = ada.get(path, html=html)
            assert answer.status_code == 503, path
            assert int(answer.headers["Retry-After"]) > 0
            assert not [word for word in ("redis", "valkey", valkey.password) if word in answer.text.lower()]
    assert guest.sign_in().status_code == 503
    assert not guest.cookies.get("__Host-Http-session")
    left = leaving.request("POST", "/account/sign-out", json={"csrf_token": token})
    assert (left.status_code, "session_ends_at" in left.text) == (503, True)
    assert "__Host-Http-session" not in leaving.cookies
    assert "__Host-Http-session" in ada.cookies
    valkey.start()
    _until_signed_in(ada)
    assert guest.sign_in().status_code == 200
    assert thief.is_signed_in()  # the sign-out was not acknowledged
    assert ada.post("/account/sign-out").status_code == 200
    assert not thief.is_signed_in()


def _until_signed_in(browser: Browser) -> None:
    give_up = time.monotonic() + RECOVERED_WITHIN_S
    while browser.get("/account/session").status_code == 503:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    assert browser.is_signed_in()

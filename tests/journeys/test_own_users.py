"""An app that has users: it keeps its table and its password column, and gets all the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from secureacct.passwords import PasswordHasher
from secureacct.passwords.profiles import CHEAPEST
from secureacct.ports.accounts import AccountRef
from tests.journeys.kit import NEW_PASSWORD, PASSWORD, Shop

EMAIL = "ada@example.org"


class Users:
    """The app's own table: id, address, password hash."""

    def __init__(self) -> None:
        self.rows = {"42": [EMAIL, PasswordHasher(CHEAPEST).hash(PASSWORD)]}

    async def find(self, identifier: str) -> AccountRef | None:
        """By address."""
        ids = [id for id, (email, _) in self.rows.items() if email == identifier.lower()]
        return await self.by_id(ids[0]) if ids else None

    async def by_id(self, account_id: str) -> AccountRef | None:
        """By id."""
        row = self.rows.get(account_id)
        return None if row is None else AccountRef(id=account_id, email=row[0], email_verified=True)

    async def get(self, account_id: str) -> str | None:
        """The stored hash."""
        row = self.rows.get(account_id)
        return None if row is None else row[1]

    async def replace(self, account_id: str, *, current: str | None, replacement: str) -> bool:
        """Compare-and-set."""
        row = self.rows.get(account_id)
        if row is None or (current is not None and row[1] != current):
            return False
        row[1] = replacement
        return True


@pytest.fixture
def users() -> Users:
    """One user."""
    return Users()


@pytest.fixture
def own(folder: Path, users: Users) -> Iterator[Shop]:
    """A shop whose users are the app's."""
    shop = Shop(folder, choices={"directory": users, "password_store": users})
    yield shop
    shop.close()


def test_sign_in_and_out(own: Shop) -> None:
    """A user of the app's signs in; a captured cookie opens nothing after signing out everywhere."""
    ada = own.browser()
    assert ada.sign_in(EMAIL).json == {"status": "signed_in"}
    assert ada.get("/").text == f"Hello {EMAIL}"
    thief = ada.stolen()
    assert ada.post("/account/devices", {"all": True}).json == {"ended": 1}
    assert not thief.is_signed_in()
    assert own.browser().sign_in(EMAIL, "wrong words in a row").status_code == 401


def test_our_facts_beside_theirs(own: Shop) -> None:
    """Profile, second step and "not me" work; the address and the password are not in our tables."""
    ada = own.browser()
    ada.sign_in(EMAIL)
    assert ada.post("/account/profile", {"password": PASSWORD, "phone": "1"}).json == {"status": "saved"}
    ada.switch_on_two_step()
    other = own.browser()
    assert other.sign_in(EMAIL).json["status"] == "second_factor"  # type: ignore[index]
    other.totp = ada.totp
    assert other.sign_in(EMAIL).json == {"status": "signed_in"}
    assert own.browser().post(own.link(EMAIL, "/not-me/")).json == {"status": "confirmed"}
    assert not ada.is_signed_in()
    assert own.browser().sign_in(EMAIL).status_code == 401


def test_what_the_app_keeps_is_changed_there(own: Shop) -> None:
    """Password and address are the app's own pages: ours answer 404 and no reset link is mailed."""
    ada = own.browser()
    ada.sign_in(EMAIL)
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert ada.post("/account/password", change).status_code == 404
    move = {"password": PASSWORD, "new_email": "x@example.org"}
    assert ada.post("/account/email", move).status_code == 404
    assert own.browser().post("/account/reset", {"email": EMAIL}).status_code == 202
    assert not [one for message in own.mails(EMAIL) for one in message.links if "/reset/" in one]


def test_a_user_who_is_gone_is_out(own: Shop, users: Users) -> None:
    """Deleted in the app's table: the session is worth nothing."""
    ada = own.browser()
    ada.sign_in(EMAIL)
    users.rows.clear()
    assert ada.get("/account/session").json["account"] is None  # type: ignore[index]
    assert ada.post("/account/profile", {"password": PASSWORD, "phone": "1"}).status_code == 401
    assert not ada.is_signed_in()

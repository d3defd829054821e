"""What type checkers must see in the pieces. Never run; mypy and pyright read it.

A line marked ``type: ignore`` is a mistake that must stay one: both checkers fail when it is none any more.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from typing import assert_type

from secureacct.cookies import SecureCookie
from secureacct.fields import BlindIndex, FieldCipher
from secureacct.keys import Keyring
from secureacct.passwords import PasswordHasher
from secureacct.sessions import AsyncSessions, Session, Sessions
from secureacct.stores.memory import MemoryStore
from secureacct.tokens import SignedTokens
from secureacct.totp import Totp


def passwords(hasher: PasswordHasher) -> None:
    """A hash is text; checking one gives a truth and perhaps a replacement."""
    encoded = hasher.hash("x")
    assert_type(encoded, str)
    assert_type(hasher.verify("x", encoded), bool)
    assert_type(hasher.verify_and_update("x", encoded), tuple[bool, str | None])
    hasher.hash(b"x")  # type: ignore[arg-type]


def fields(keys: Keyring) -> None:
    """A cipher of text takes and gives text, and bytes in between."""
    phone = FieldCipher(keys, table="profile", column="phone", type=str)
    blob = phone.encrypt("+41", row="42")
    assert_type(blob, bytes)
    assert_type(phone.decrypt(blob, row="42"), str)
    assert_type(phone.decrypt_many([blob], rows=["42"]), list[str | None])
    phone.encrypt(41, row="42")  # type: ignore[call-overload]
    phone.encrypt("+41")  # type: ignore[call-overload]
    email = BlindIndex(keys, table="account", column="email", normalise="email", unique=True)
    assert_type(email.of("ada@example.org"), bytes)


def sessions(store: MemoryStore) -> None:
    """A session may be gone, and the type says so."""
    faced = Sessions(store)
    token = faced.start("42")
    assert_type(token, str)
    assert_type(faced.load(token), Session | None)
    assert_type(faced.end_all("42", keep=token), int)
    faced.load(token).account_id  # type: ignore[union-attr]


async def awaited(store: MemoryStore) -> None:
    """The awaiting face has the same methods, awaited."""
    faced = AsyncSessions(store)
    token = await faced.start("42")
    assert_type(token, str)
    assert_type(await faced.load(token), Session | None)
    assert_type(await faced.end_all("42", keep=token), int)


def small_ones(keys: Keyring) -> None:
    """Cookies, signed tokens and TOTP."""
    cookie = SecureCookie("session")
    assert_type(cookie.set("token"), str)
    assert_type(cookie.read("header"), str | None)
    signed = SignedTokens(keys, purpose="password-reset", max_age=3600)  # type: ignore[arg-type]
    assert_type(signed.issue("42", state="v1"), str)
    totp = Totp.new(issuer="Example", account="ada@example.org")
    assert_type(totp.match("123456", now=0, last_step=None), int | None)
    totp.match("123456", 0, None)  # type: ignore[call-arg]

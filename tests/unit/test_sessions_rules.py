"""The pure parts of sessions: tokens, limits, proofs, devices, free list."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct.errors import ConfigurationError, InvalidInput, StoreUnavailable
from secureacct.keys import Keyring
from secureacct.records.sessions import (
    CHANGES,
    AccountState,
    EndEverySession,
    EndSessions,
    Moved,
    Session,
    StartSession,
    place_of_id,
    proof_text,
    proofs_of,
)
from secureacct.sessions import (
    AAL1,
    AAL2,
    AAL3,
    ADMIN,
    OFFICE,
    STANDARD,
    AsyncSessions,
    Device,
    Remember,
    SessionPolicy,
    Sessions,
    begin,
    coarse_network,
    device_from,
    is_new_device,
    moved,
)
from secureacct.sessions import devices as devices_module
from secureacct.sessions.many import PURGE_AIM_S, PURGE_MOST, next_batch
from secureacct.sessions.policy import LONGEST
from secureacct.sessions.rules import ends_by_itself, renewal_is_due, room_for, why_ended
from secureacct.sessions.token import TOKEN_CHARACTERS, account_tag, key_of, make_token, place
from secureacct.stores.memory import MemoryStore
from secureacct.stores.memory import journal as memory_journal
from secureacct.stores.sql import journal as sql_journal
from secureacct.stores.sql.free_list import KEPT, FreeList, clear_here

NOW = 1_790_000_000  # seconds since the epoch
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "session_token.json").read_text())


def _session(**values: Any) -> Session:
    _, change = begin(STANDARD, account_id="42", now=NOW, random=os.urandom)
    return change.session._replace(**values)


# The token


@pytest.mark.parametrize("case", VECTORS["accepted"], ids=lambda case: case["account_id"][:5])
def test_known_tokens(case: dict[str, Any]) -> None:
    """The format is the one that was published."""
    where = place(case["account_id"], now=case["now"])
    token = make_token(where, bytes.fromhex(case["secret"]))
    assert token == case["token"]
    assert account_tag(case["account_id"]).hex() == case["account_tag"]
    key = key_of(token)
    assert key is not None
    assert key.hex() == case["key"]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["why"])
def test_known_non_tokens(case: dict[str, str]) -> None:
    """What is not spelled like one of ours has no key, so no store is asked."""
    assert key_of(case["token"]) is None


@given(
    st.text()
    | st.text(alphabet="ABCabc019-_", min_size=60, max_size=68)
    | st.binary()
    | st.integers()
    | st.none()
)
def test_no_input_raises(odd: Any) -> None:
    """Anything at all gives a key or nothing."""
    key = key_of(odd)
    assert key is None or (isinstance(odd, str) and len(odd) == TOKEN_CHARACTERS and len(key) == 35)


@given(st.binary(min_size=15, max_size=15), st.binary(min_size=32, max_size=32), st.data())
def test_no_two_spellings(where: bytes, secret: bytes, data: st.DataObject) -> None:
    """Changing any character changes the key or leaves none."""
    token = make_token(where, secret)
    at = data.draw(st.integers(0, TOKEN_CHARACTERS - 1))
    other = data.draw(st.characters(max_codepoint=255))
    changed = token[:at] + other + token[at + 1 :]
    assert (changed == token) == (key_of(changed) == key_of(token))


def test_a_token_is_made_of_its_parts() -> None:
    """Too few random bytes make none."""
    with pytest.raises(ConfigurationError, match="32 random"):
        make_token(place("42", now=NOW), b"short")
    with pytest.raises(InvalidInput, match="account id"):
        begin(STANDARD, account_id="", now=NOW, random=os.urandom)


# Records


def test_a_public_id_names_hour_and_nonce() -> None:
    """It leads back to the row's place and is no token."""
    session = _session()
    assert place_of_id(session.id) == (session.hour, session.nonce)
    assert key_of(session.id) is None
    for odd in ("", "x", "A" * 13, "ä" * 12, "+" * 12, "A" * 11 + "="):
        assert place_of_id(odd) is None


def test_proofs_are_text_and_back() -> None:
    """The newest of each kind stays, and a kind cannot smuggle another in."""
    text = proof_text((("password", 5), ("totp", 7), ("password", 9)))
    assert proofs_of(text) == (("password", 9), ("totp", 7))
    for odd in ("", "a b", "a@5", "ä", "a\n"):
        with pytest.raises(InvalidInput, match="kind of proof"):
            proof_text(((odd, 1),))


def test_no_secret_is_shown() -> None:
    """Neither key nor token nor data is in the text of anything."""
    token, change = begin(STANDARD, account_id="42", now=NOW, random=os.urandom, device="Firefox")
    _, new, rotation = moved(change.session, now=NOW, random=os.urandom)
    shown = repr((change, new, rotation, EndSessions(account_id="42", keep=new.key, now=NOW)))
    for secret in (token, repr(change.session.key), repr(new.key), change.session.key.hex()):
        assert secret not in shown
    assert repr(Device("x", "192.0.2.0/24")) == "Device(name='x')"
    parts = Sessions(MemoryStore(), keys=Keyring.generate()).parts
    assert "keys" not in repr(parts)


def test_every_store_makes_every_change() -> None:
    """No change of this topic was forgotten in memory or SQL."""
    assert set(CHANGES) <= memory_journal.made_here()
    assert set(CHANGES) <= sql_journal.made_here()
    assert not EndEverySession.must_hold
    assert StartSession.must_hold
    assert AccountState(account_id="42", epoch=1).status == "active"
    assert Moved(account_id="42", session_id="x", moved_at=1).moved_at == 1


# Limits


def test_each_limit_at_its_second() -> None:
    """Alive one second before, ended at the second itself."""
    limits = STANDARD.limits()
    session = _session()
    assert why_ended(session, limits, now=NOW + 3599) is None
    assert why_ended(session, limits, now=NOW + 3600) == "idle"
    seen = session._replace(seen_at=NOW + 86_000)
    assert why_ended(seen, limits, now=NOW + 86_399) is None
    assert why_ended(seen, limits, now=NOW + 86_400) == "absolute"
    assert why_ended(session, limits, now=NOW - 2 * 86_400) is None
    assert why_ended(session, limits, now=NOW - 2 * 86_400 - 1) == "future"
    assert ends_by_itself(session, limits) == NOW + 3600
    assert ends_by_itself(seen, limits) == NOW + 86_400
    assert seen.expires_at == NOW + 86_400


def test_the_stricter_limit_holds() -> None:
    """The row's own and the policy's: whichever ends first."""
    session = _session(seen_at=NOW + 100)
    strict = SessionPolicy(idle=timedelta(minutes=1), absolute=timedelta(hours=1)).limits()
    assert why_ended(session, strict, now=NOW + 160) == "idle"
    assert why_ended(session._replace(seen_at=NOW + 3590), strict, now=NOW + 3600) == "absolute"
    lax = SessionPolicy(idle=None, absolute=timedelta(days=300)).limits()
    assert why_ended(session._replace(idle_s=0), lax, now=NOW + 86_399) is None
    assert why_ended(session._replace(idle_s=0), lax, now=NOW + 86_400) == "absolute"


def test_presets_keep_to_the_standard() -> None:
    """NIST SP 800-63B-4 sections 2.1.3, 2.2.3 and 2.3.3."""
    for policy, longest_s, idle_s in (
        (AAL1, 30 * 86_400, None),
        (STANDARD, 24 * 3600, 3600),
        (AAL2, 24 * 3600, 3600),
        (OFFICE, 24 * 3600, 3600),
        (AAL3, 12 * 3600, 15 * 60),
        (ADMIN, 12 * 3600, 15 * 60),
    ):
        limits = policy.limits()
        assert limits.absolute_s <= longest_s
        assert idle_s is None or 0 < limits.idle_s <= idle_s
        assert policy.limits(remember=True).absolute_s <= 30 * 86_400
    assert AAL2.remember is None
    assert AAL3.remember is None


@pytest.mark.parametrize(
    "odd",
    [
        {"absolute": timedelta(0)},
        {"absolute": LONGEST + timedelta(seconds=1)},
        {"idle": timedelta(0)},
        {"idle": timedelta(hours=25)},
        {"at_most": 0},
        {"touch_every": timedelta(milliseconds=1)},
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(odd: dict[str, Any]) -> None:
    """Zero, negative, longer than a cookie lives: refused when it is made."""
    with pytest.raises(ConfigurationError):
        SessionPolicy(**odd)
    with pytest.raises(ConfigurationError):
        Remember(rotate_every=timedelta(seconds=1))


def test_renewal() -> None:
    """Only what is remembered, and only when its token is old."""
    limits = STANDARD.limits(remember=True)
    assert not renewal_is_due(_session(), limits, now=NOW + 10**6)
    assert not renewal_is_due(_session(token_at=NOW), limits, now=NOW + 86_399)
    assert renewal_is_due(_session(token_at=NOW), limits, now=NOW + 86_400)
    assert not renewal_is_due(_session(token_at=NOW), AAL2.limits(remember=True), now=NOW + 10**6)


def test_room_is_made_only_by_the_weaker_and_unseen() -> None:
    """A session with a proof the new one lacks stays, and so does one in use."""
    new = _session(proof_text=f"password@{NOW}")
    strong = _session(proof_text=f"password@{NOW} totp@{NOW}", seen_at=NOW - 10_000)
    used = _session(proof_text=f"password@{NOW}", seen_at=NOW - 10)
    weak = _session(proof_text=f"password@{NOW}", seen_at=NOW - 5000)
    weakest = _session(proof_text="", seen_at=NOW - 6000)
    assert room_for(new, [strong, used, weak, weakest], unseen_s=3600, now=NOW) == weakest
    assert room_for(new, [strong, used], unseen_s=3600, now=NOW) is None
    assert room_for(new, [], unseen_s=3600, now=NOW) is None


def test_purge_batches_adapt() -> None:
    """Never more than twice as much, never none, never over the most."""
    assert next_batch(1000, took_s=0.0001) == 2000
    assert next_batch(1000, took_s=10 * PURGE_AIM_S) == 100
    assert next_batch(1, took_s=10) == 1
    assert next_batch(PURGE_MOST, took_s=0.00001) == PURGE_MOST


# Devices


@pytest.mark.parametrize("parser", [True, False])
@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0"
            ),
            "Edge on Windows",
        ),
        (
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/17.5 Safari/605.1.15"
            ),
            "Safari on macOS",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
                "Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
            ),
            "Safari on iPhone",
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/126.0.0.0 Mobile Safari/537.36"
            ),
            "Chrome on Android",
        ),
        ("", "Unknown device"),
        (None, "Unknown device"),
        ("\x1b[31m\n\x00", "Unknown device"),
        ("x" * 100_000, "Unknown device"),
    ],
)
def test_names_of_devices(
    agent: str | None, name: str, parser: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same name with ua-parser and with our own few lines, and nothing of what was sent."""
    if not parser:
        monkeypatch.setattr(devices_module, "_parsed", lambda _agent: (None, None))
    assert device_from(agent).name == name


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", None),
        (None, None),
        ("unix", None),
        ("192.0.2.77, 10.0.0.1", None),
    ],
)
def test_networks_are_coarse(address: str | None, network: str | None) -> None:
    """/24 and /48, and nothing for what is no address."""
    assert coarse_network(address) == network


def test_a_new_device_is_one_of_another_name() -> None:
    """It adds a mail and takes no check away."""
    known = [Device("Firefox on Linux")]
    assert not is_new_device(Device("Firefox on Linux", "192.0.2.0/24"), known)
    assert is_new_device(Device("Safari on iPhone"), known)
    assert is_new_device(Device("Safari on iPhone"), [])


def test_a_device_is_bound_to_its_session() -> None:
    """Encrypted for one public id: moved to another session it is an unknown device."""
    keys = Keyring.generate()
    one = begin(STANDARD, account_id="42", now=NOW, random=os.urandom, keys=keys, device="Firefox on Linux")[
        1
    ]
    other = _session(device=one.session.device)
    assert b"Firefox" not in one.session.device
    assert devices_module.opened(one.session, keys=keys).name == "Firefox on Linux"
    assert devices_module.opened(other, keys=keys) == Device()
    assert devices_module.opened(one.session, keys=None) == Device()
    assert devices_module.opened(_session(device=b""), keys=keys) == Device()


# Faces and the free list


def test_a_check_is_measured() -> None:
    """The meter hears of every check and how it ended, also when the store is away."""
    heard: list[tuple[str, str]] = []
    store = MemoryStore()
    sessions = Sessions(store, meter=lambda name, outcome, seconds: heard.append((name, outcome)))
    token = sessions.start("42")
    sessions.load(token)
    sessions.load("x")

    async def away(key: bytes) -> None:
        raise StoreUnavailable

    store.session = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        sessions.load(token)
    assert heard == [("sessions.load", outcome) for outcome in ("live", "none", "unavailable")]


def test_no_store_is_asked_about_what_cannot_be() -> None:
    """A token of the wrong form or of a time long past costs no query."""
    store = MemoryStore()
    asked: list[bytes] = []

    async def ask(key: bytes) -> None:
        asked.append(key)

    store.session = ask  # type: ignore[method-assign]
    sessions = Sessions(store, clock=lambda: NOW)
    for where in (place("42", now=NOW - 31 * 86_400), place("42", now=NOW + 3 * 86_400)):
        assert sessions.load(make_token(where, bytes(32))) is None
    assert sessions.load("x" * 64) is None
    assert not asked
    assert sessions.load(make_token(place("42", now=NOW - 86_400), bytes(32))) is None
    assert len(asked) == 1


def test_a_touch_that_fails_signs_nobody_out() -> None:
    """The store went away between the check and the touch: the check holds."""
    store = MemoryStore()
    clock = [float(NOW)]
    sessions = Sessions(store, clock=lambda: clock[0])
    token = sessions.start("42")

    async def away(key: bytes, *, seen_at: int, now: int) -> bool:
        raise StoreUnavailable

    store.touch_session = away  # type: ignore[method-assign]
    clock[0] += 120
    assert sessions.load(token) is not None


def test_both_faces_have_the_same_methods() -> None:
    """What one offers the other does too."""
    public = [{name for name in vars(face) if not name.startswith("_")} for face in (Sessions, AsyncSessions)]
    assert public[0] == public[1]


def test_memory_serves_both() -> None:
    """The memory store works awaited as well."""

    async def story() -> None:
        sessions = AsyncSessions(MemoryStore())
        token = await sessions.start("42")
        assert await sessions.load(token) is not None
        assert await sessions.end(token)

    asyncio.run(story())


def test_the_free_list_is_bounded_and_last_in_first_out() -> None:
    """As many as there are tickets; the one used last comes first; losing one closes the idle ones."""
    closed: list[object] = []
    free = FreeList(closed.append)
    me = os.getpid()
    assert free.take(me) is None
    assert [free.ticket() for _ in range(KEPT + 1)] == [True] * KEPT + [False]
    for number in range(3):
        free.give(number)
    assert free.take(me) == 2
    free.lost(2)
    assert closed == [2, 1, 0]
    assert free.take(me) is None
    assert sum(free.ticket() for _ in range(KEPT)) == 3


def test_another_owners_connections_are_left_alone() -> None:
    """After a fork, or in another event loop, the list is empty and nothing of the other's is closed."""
    closed: list[object] = []
    free = FreeList(closed.append)
    free.take("parent")
    free.ticket()
    free.give("a connection")
    assert free.take("child") is None
    assert sum(free.ticket() for _ in range(KEPT + 1)) == KEPT
    clear_here(free)
    assert not closed


def test_a_connection_that_cannot_be_closed_is_forgotten() -> None:
    """Closing what is broken may throw; nobody waits for it."""

    def refuse(_connection: object) -> None:
        raise OSError

    free = FreeList(refuse)
    free.take(os.getpid())
    free.ticket()
    free.give("x")
    clear_here(free)
    assert free.take(os.getpid()) is None

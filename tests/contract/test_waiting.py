"""What every store promises of that which waits a few minutes: claimed once, in time, by the right one."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from secureacct.errors import InvalidInput
from secureacct.records.accounts import (
    AddInterrupted,
    AddPending,
    ClaimInterrupted,
    ClaimPending,
    EraseAccount,
)
from secureacct.records.challenges import ClaimChallenge, DropChallenges, PurgeChallenges, PutChallenge
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.sessions import RotateSession, StartSession
from secureacct.sessions import STANDARD, begin, moved
from tests.contract.conftest import IN_REDIS, KINDS, SPLIT, WAYS, Held
from tests.factor_kit import NOW, challenge, interrupted, pending

STORES = [f"{kind}-{way}" for kind in (*KINDS, SPLIT) for way in WAYS]
pytestmark = pytest.mark.parametrize("store", STORES, indirect=True)

CLAIM = ClaimChallenge(digest=b"d" * 32, purpose="confirm", binding="session:1", account_id="a", now=NOW)


def put(digest: bytes = b"d" * 32, **other: Any) -> PutChallenge:
    """Open a challenge of account "a"."""
    return PutChallenge(challenge=challenge(digest, **other), now=NOW)


def won(held: Held, *changes: Change) -> bool:
    """Whether a commit went through."""
    return isinstance(held.commit(*changes), Committed)


# Challenges


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": b"e" * 32},
        {"purpose": "sign_in"},
        {"binding": "session:2"},
        {"account_id": "b"},
        {"account_id": None},
        {"now": NOW + 300},
    ],
    ids=str,
)
def test_a_challenge_is_claimed_once_by_whom_it_was_made_for(store: Held, wrong: dict[str, Any]) -> None:
    """Another purpose, browser, account or a time too late does not claim it; the right one does, once."""
    assert won(store, put())
    claim = dataclasses.replace(CLAIM, now=NOW + 299)
    assert store.commit(dataclasses.replace(claim, **wrong)) == Lost(dataclasses.replace(claim, **wrong))
    assert won(store, claim)
    assert not won(store, claim)


def test_a_challenge_for_anybody(store: Held) -> None:
    """Where nobody is known yet, the challenge names no account; the same one is not opened twice."""
    assert won(store, put(account_id=None))
    assert not won(store, put(account_id=None))
    claim = dataclasses.replace(CLAIM, account_id=None)
    assert not won(store, CLAIM)
    assert won(store, claim)


def test_what_expired_is_dead_and_an_accounts_are_dropped(store: Held) -> None:
    """What expired is claimed by nobody and purged; what is open stays, until its account closes it."""
    each: list[dict[str, Any]] = [{"expires_at": NOW}, {}, {"account_id": "b"}, {"account_id": None}]
    for number, options in enumerate(each):
        assert won(store, put(bytes([number]) * 32, **options))
    assert not won(store, dataclasses.replace(CLAIM, digest=b"\x00" * 32))
    done = store.commit(PurgeChallenges(now=NOW))
    assert isinstance(done, Committed)
    assert done.counts == (0 if store.kind in (*IN_REDIS, SPLIT) else 1,)  # there it expires by itself
    assert store.commit(DropChallenges(account_id="a")) in (Committed((1,)), Committed((2,)))  # or is yet to
    assert not won(store, dataclasses.replace(CLAIM, digest=b"\x01" * 32))
    assert won(store, dataclasses.replace(CLAIM, digest=b"\x02" * 32, account_id="b"))
    assert won(store, dataclasses.replace(CLAIM, digest=b"\x03" * 32, account_id=None))
    assert store.commit(DropChallenges(account_id="a")) == Committed((0,))


@pytest.mark.parametrize("odd", ["a\x00b", "\ud800", "é" * 5000], ids=["NUL", "lone surrogate", "10 kB"])
def test_odd_text_claims_nothing(store: Held, odd: str) -> None:
    """What a browser sent in a binding, a session or an account id is lost or refused, and never a crash."""
    store.commit(put())
    store.commit(AddInterrupted(interrupted=interrupted(), now=NOW))
    for claim in (
        dataclasses.replace(CLAIM, binding=odd),
        dataclasses.replace(CLAIM, account_id=odd),
        dataclasses.replace(CLAIM, purpose=odd),
        ClaimInterrupted(hash=b"i1", session_id=odd, now=NOW),
    ):
        try:
            assert not won(store, claim)
        except InvalidInput:
            pass
    assert won(store, CLAIM)


# Pending sign-ins


def test_a_pending_sign_in_is_used_once(store: Held) -> None:
    """It comes back as it was put, until it is used or expires."""
    store.commit(AddPending(pending=pending()))
    assert store.run(store.raw.pending(b"p1", now=NOW)) == pending()
    assert store.run(store.raw.pending(b"p2", now=NOW)) is None
    assert store.run(store.raw.pending(b"p1", now=NOW + 600)) is None
    assert not won(store, ClaimPending(hash=b"p1", now=NOW + 600))
    assert not won(store, ClaimPending(hash=b"p2", now=NOW))
    assert won(store, ClaimPending(hash=b"p1", now=NOW + 599))
    assert store.run(store.raw.pending(b"p1", now=NOW)) is None
    assert not won(store, ClaimPending(hash=b"p1", now=NOW))


def test_erasing_an_account_forgets_its_pending_sign_ins(store: Held) -> None:
    """Those of others stay."""
    for name, account in (("p1", "a"), ("p2", "a"), ("p3", "b")):
        store.commit(AddPending(pending=pending(name, account_id=account, next="/é")))
    store.commit(EraseAccount(account_id="a"))
    found = [store.run(store.raw.pending(name, now=NOW)) for name in (b"p1", b"p2", b"p3")]
    assert found == [None, None, pending("p3", account_id="b", next="/é")]


# Interrupted requests


def test_an_interrupted_post_is_one_per_session_and_used_once(store: Held) -> None:
    """A newer one replaces the older; another session cannot see or take it."""
    first = interrupted("1", sealed=b"\x00x")
    second = interrupted("2", sealed=b"\xffy")
    for one in (first, second, interrupted("3", session_id="other")):
        store.commit(AddInterrupted(interrupted=one, now=NOW))
    assert store.run(store.raw.interrupted(b"1", session_id="s", now=NOW)) is None
    assert store.run(store.raw.interrupted(b"2", session_id="s", now=NOW)) == second
    assert store.run(store.raw.interrupted(b"2", session_id="other", now=NOW)) is None
    assert store.run(store.raw.interrupted(b"2", session_id="s", now=NOW + 300)) is None
    assert not won(store, ClaimInterrupted(hash=b"2", session_id="other", now=NOW))
    assert not won(store, ClaimInterrupted(hash=b"2", session_id="s", now=NOW + 300))
    assert not won(store, ClaimInterrupted(hash=b"1", session_id="s", now=NOW))
    assert won(store, ClaimInterrupted(hash=b"2", session_id="s", now=NOW))
    assert not won(store, ClaimInterrupted(hash=b"2", session_id="s", now=NOW))


# Together with what they let happen


def test_nothing_begins_when_a_claim_is_lost(store: Held) -> None:
    """A pending sign-in that is not there lets no session begin, and a session is not moved."""
    _, start = begin(STANDARD, account_id="a", now=NOW, random=lambda count: b"1" * count)
    gone = ClaimPending(hash=b"gone", now=NOW)
    assert store.commit(gone, start) == Lost(gone)
    assert store.run(store.raw.session(start.session.key)) is None
    assert won(store, start)
    _, new, rotation = moved(start.session, now=NOW, random=lambda count: b"2" * count)
    assert store.commit(CLAIM, rotation) == Lost(CLAIM)
    assert store.run(store.raw.session(start.session.key)) is not None
    assert won(store, put())
    assert won(store, CLAIM, rotation)
    assert store.run(store.raw.session(new.key)) is not None
    assert isinstance(rotation, RotateSession)
    assert isinstance(start, StartSession)

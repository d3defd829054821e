"""What every store of sessions promises, seen through the piece that uses it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from secureacct.keys import Keyring
from secureacct.records.changes import Committed, Lost
from secureacct.records.events import Event
from secureacct.records.sessions import (
    BumpSecurityVersion,
    EndSessionById,
    EndSessions,
    SetAccountStatus,
    StartSession,
)
from secureacct.sessions import (
    AccountNotActive,
    AsyncSessions,
    Device,
    Remember,
    SessionDataRefused,
    SessionEnded,
    SessionPolicy,
    Sessions,
    TooManySessions,
    begin,
    moved,
)
from secureacct.sessions.parts import Notices
from secureacct.sessions.token import key_of
from tests.contract.conftest import IN_REDIS, KINDS, WAYS, Held

NOW = 1_790_000_000  # seconds since the epoch
DAY_S = 86_400
POLICY = SessionPolicy(
    idle=timedelta(minutes=30),
    absolute=timedelta(hours=12),
    remember=Remember(absolute=timedelta(days=30), idle=timedelta(days=14), rotate_every=timedelta(days=1)),
)


class Clock:
    """A clock the test sets."""

    def __init__(self) -> None:
        self.at = float(NOW)

    def __call__(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        """Let time pass, or go back."""
        self.at += seconds


NOT_IN_REDIS = [f"{kind}-{way}" for kind in KINDS if kind not in IN_REDIS for way in WAYS]
"""Where events and security versions are kept."""


@pytest.fixture
def clock() -> Clock:
    """Stands still until a test moves it."""
    return Clock()


@pytest.fixture
def sessions(store: Held, clock: Clock) -> Any:
    """The piece, on every store."""
    return _sessions(store, clock)


def _sessions(store: Held, clock: Clock, **options: Any) -> Any:
    return store.face(Sessions, AsyncSessions, **{"policy": POLICY, "clock": clock, **options})


# One session


def test_a_session_is_what_was_started(sessions: Any) -> None:
    """Account, times, proofs and the public id come back; the id is not the token."""
    token = sessions.start("42", factors=["password", ("totp", NOW - 5)])
    session = sessions.load(token)
    assert session.account_id == "42"
    assert (session.started_at, session.seen_at, session.ends_at) == (NOW, NOW, NOW + 12 * 3600)
    assert session.proofs == (("password", NOW), ("totp", NOW - 5))
    assert session.factors == ("password", "totp")
    assert not session.remember
    assert session.id not in token
    assert sessions.load(session.id) is None
    assert sessions.list("42")[0].id == session.id


def test_two_sessions_are_two(sessions: Any) -> None:
    """Ending one leaves the other."""
    one, other = sessions.start("42"), sessions.start("42")
    assert one != other
    assert sessions.end(one)
    assert sessions.load(one) is None
    assert sessions.load(other) is not None
    assert not sessions.end(one)


def test_an_account_id_is_any_text(sessions: Any) -> None:
    """Separators, quotes and other scripts are the account's own, and never another's."""
    ids = ["42", "a:b", "a'b", "Ä€字", "{x}", "a b", "42 ", "x" * 255]
    tokens = {account: sessions.start(account) for account in ids}
    for account, token in tokens.items():
        assert sessions.load(token).account_id == account
        assert [one.account_id for one in sessions.list(account)] == [account]


@pytest.mark.parametrize(
    "odd",
    ["", "x", "A" * 63, "A" * 64, "A" * 65, "A" * 100_000, "ä" * 64, "=" * 64, "\x00" * 64, " " * 64, None],
)
def test_an_odd_token_is_nobody(sessions: Any, odd: Any) -> None:
    """Whatever a client sends, nobody is signed in and nothing is thrown."""
    assert sessions.load(odd) is None
    assert not sessions.end(odd)
    assert sessions.data(odd) == {}


def test_a_token_has_one_spelling(sessions: Any) -> None:
    """Any changed character, another alphabet or padding is not ours."""
    token = sessions.start("42")
    for place in (0, 1, 3, 5, 19, 20, 40, 63):
        swapped = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert sessions.load(swapped) is None
    for other in (
        token.replace("-", "+").replace("_", "/") + "==",
        token + "=",
        " " + token,
        token.swapcase(),
    ):
        assert sessions.load(other) is None
    assert sessions.load(token) is not None


def test_a_token_of_another_store_is_nobody(sessions: Any) -> None:
    """A token of the right form that this store never made finds nothing."""
    from secureacct.stores.memory import MemoryStore

    elsewhere = Sessions(MemoryStore(), clock=lambda: NOW).start("42")
    sessions.start("42")
    assert sessions.load(elsewhere) is None


# Limits


def test_the_absolute_limit_holds_whatever_happens(sessions: Any, clock: Clock) -> None:
    """Used all the time, it ends twelve hours after its start, to the second."""
    token = sessions.start("42")
    while clock.at < NOW + 12 * 3600 - 1200:
        clock.advance(1200)
        assert sessions.load(token) is not None
    clock.at = NOW + 12 * 3600 - 1
    assert sessions.load(token) is not None
    clock.advance(1)
    assert sessions.load(token) is None
    assert sessions.list("42") == ()


def test_the_idle_limit_holds(sessions: Any, clock: Clock) -> None:
    """Half an hour without a request ends it; a request before puts that off."""
    token = sessions.start("42")
    clock.advance(1799)
    assert sessions.load(token).seen_at == NOW
    assert sessions.list("42")[0].seen_at == NOW + 1799
    clock.advance(1799)
    assert sessions.load(token) is not None
    clock.advance(1800)
    assert sessions.load(token) is None


def test_a_touch_is_written_once_a_minute(sessions: Any, clock: Clock) -> None:
    """Within a minute nothing is written."""
    token = sessions.start("42")
    clock.advance(59)
    sessions.load(token)
    assert sessions.list("42")[0].seen_at == NOW
    clock.advance(1)
    sessions.load(token)
    assert sessions.list("42")[0].seen_at == NOW + 60


def test_rotation_does_not_stretch_the_absolute_limit(sessions: Any, clock: Clock) -> None:
    """The limit counts from the start, also after a new token."""
    token = sessions.start("42")
    for _ in range(30):
        clock.advance(1400)
        token = sessions.rotate(token)
    clock.at = NOW + 12 * 3600
    assert sessions.load(token) is None


def test_a_stricter_policy_reaches_sessions_that_exist(store: Held, clock: Clock) -> None:
    """The policy in force at the check counts if it is stricter; a laxer one gives nothing."""
    token = _sessions(store, clock).start("42")
    clock.advance(600)
    strict = _sessions(store, clock, policy=SessionPolicy(idle=timedelta(minutes=5)))
    lax = _sessions(store, clock, policy=SessionPolicy(idle=None, absolute=timedelta(days=100)))
    assert strict.load(token) is None
    assert lax.load(token) is not None
    clock.at = NOW + 13 * 3600
    assert lax.load(token) is None


def test_an_account_may_have_a_policy_of_its_own(sessions: Any, clock: Clock) -> None:
    """A stricter policy given at the start goes with the session."""
    token = sessions.start("42", policy=SessionPolicy(idle=timedelta(minutes=5), absolute=timedelta(hours=1)))
    other = sessions.start("42")
    clock.advance(300)
    assert sessions.load(token) is None
    assert sessions.load(other) is not None


def test_a_clock_set_back_ends_nobody(sessions: Any, clock: Clock) -> None:
    """A day back: sessions live on, and are touched by the new time."""
    token = sessions.start("42")
    clock.advance(-DAY_S)
    assert sessions.load(token) is not None
    assert sessions.list("42")[0].seen_at == NOW - DAY_S


def test_a_clock_far_ahead_revives_nobody(sessions: Any, clock: Clock) -> None:
    """What began ten years ahead is not believed once the clock is right again."""
    token = sessions.start("42")
    clock.advance(10 * 365 * DAY_S)
    assert sessions.load(token) is None
    future = sessions.start("42")
    assert sessions.load(future) is not None
    clock.at = NOW
    assert sessions.load(future) is None
    assert sessions.load(token) is not None


# Rotation


def test_the_old_token_is_dead_after_a_rotation(sessions: Any) -> None:
    """No grace: the old token reads nothing, rotates nothing and ends nothing."""
    old = sessions.start("42", factors=["password"])
    public = sessions.load(old).id
    new = sessions.rotate(old, factors=["totp"])
    assert sessions.load(old) is None
    with pytest.raises(SessionEnded):
        sessions.rotate(old)
    assert not sessions.end(old)
    session = sessions.load(new)
    assert (session.id, session.factors, session.started_at) == (public, ("password", "totp"), NOW)
    assert len(sessions.list("42")) == 1


def test_of_two_rotations_one_holds(store: Held, sessions: Any) -> None:
    """The same token rotated twice: the second claim is lost and writes nothing."""
    session = sessions.load(sessions.start("42"))
    counter = iter(range(1, 100))
    random = lambda size: bytes([next(counter)]) * size  # noqa: E731
    first, _, claim = moved(session, now=NOW, random=random)
    second, _, late = moved(session, now=NOW, random=random)
    assert isinstance(store.commit(claim), Committed)
    assert store.commit(late) == Lost(late)
    assert sessions.load(first) is not None
    assert sessions.load(second) is None


def test_an_ended_session_is_not_rotated(sessions: Any, clock: Clock) -> None:
    """Ended, expired, or ended everywhere: there is no way back."""
    for finish in (
        lambda token: sessions.end(token),
        lambda token: sessions.end_all("42"),
        lambda token: clock.advance(1801),
        lambda token: sessions.set_status("42", "disabled"),
    ):
        token = sessions.start("42")
        finish(token)
        with pytest.raises(SessionEnded):
            sessions.rotate(token)


def test_an_ended_session_is_not_touched_back(store: Held, sessions: Any) -> None:
    """A slow request's touch after the sign-out brings nothing back."""
    token = sessions.start("42")
    session = sessions.load(token)
    sessions.end(token)
    assert not store.run(store.raw.touch_session(session.key, seen_at=NOW, now=NOW + 100))
    assert sessions.load(token) is None
    assert sessions.list("42") == ()


def test_of_two_touches_one_writes(store: Held, sessions: Any) -> None:
    """Parallel requests read the same time; only one of them writes."""
    key = sessions.load(sessions.start("42")).key
    assert store.run(store.raw.touch_session(key, seen_at=NOW, now=NOW + 60))
    assert not store.run(store.raw.touch_session(key, seen_at=NOW, now=NOW + 61))


# Everywhere


def test_sign_out_everywhere_keeps_one(sessions: Any) -> None:
    """All but the kept one end, and they are counted."""
    tokens = [sessions.start("42") for _ in range(5)]
    stranger = sessions.start("43")
    assert sessions.end_all("42", keep=tokens[2]) == 4
    assert [sessions.load(token) is not None for token in tokens] == [False, False, True, False, False]
    assert sessions.load(stranger) is not None
    assert len(sessions.list("42")) == 1
    assert sessions.end_all("42") == 1
    assert sessions.end_all("42") == 0
    assert sessions.end_all("nobody") == 0


def test_what_had_ended_is_not_counted(sessions: Any, clock: Clock) -> None:
    """Only live sessions count."""
    sessions.start("42")
    clock.advance(1801)
    sessions.start("42")
    sessions.start("42")
    assert sessions.end_all("42") == 2


@pytest.mark.parametrize("keep", ["another's", "ended", "rubbish"])
def test_only_a_live_session_of_the_account_is_kept(sessions: Any, keep: str) -> None:
    """A token of somebody else, or of nobody, keeps nothing and is not harmed."""
    token, stranger, ended = sessions.start("42"), sessions.start("43"), sessions.start("42")
    sessions.end(ended)
    kept = {"another's": stranger, "ended": ended, "rubbish": "x"}[keep]
    assert sessions.end_all("42", keep=kept) == 1
    assert sessions.load(token) is None
    assert sessions.load(stranger) is not None
    assert sessions.load(ended) is None


def test_a_kept_session_can_be_kept_and_ended_again(sessions: Any, clock: Clock) -> None:
    """Carried over twice it lives, and rotates, and ends with the rest."""
    token = sessions.start("42")
    for _ in range(2):
        assert sessions.end_all("42", keep=token) == 0
        token = sessions.rotate(token)
    assert sessions.load(token) is not None
    assert sessions.end_all("42") == 1
    assert sessions.load(token) is None


def test_a_session_that_moves_in_the_same_commit_is_kept(store: Held, sessions: Any) -> None:
    """A change of password rotates this session and ends the others at once."""
    token, other = sessions.start("42"), sessions.start("42")
    new_token, new, rotation = moved(sessions.load(token), now=NOW, random=_random())
    done = store.commit(rotation, EndSessions(account_id="42", keep=new.key, now=NOW))
    assert isinstance(done, Committed)
    assert done.counts[1] == 1
    assert sessions.load(token) is None
    assert sessions.load(other) is None
    assert sessions.load(new_token) is not None


def test_one_of_an_account_ends_by_its_public_id(sessions: Any) -> None:
    """The right account and id; anything else ends nothing."""
    token, stranger = sessions.start("42"), sessions.start("43")
    mine, theirs = sessions.load(token).id, sessions.load(stranger).id
    for odd in ("", "x", "A" * 12, "A" * 13, "ä" * 12, "../../etc/pw"):
        assert not sessions.end_by_id("42", odd)
    assert not sessions.end_by_id("42", theirs)
    assert sessions.end_by_id("42", mine)
    assert not sessions.end_by_id("42", mine)
    assert sessions.load(token) is None
    assert sessions.load(stranger) is not None


def test_the_bad_day(sessions: Any) -> None:
    """Every session of every account ends; people sign in again."""
    tokens = [sessions.start(str(account)) for account in range(20)]
    sessions.end_everyone()
    assert not any(sessions.load(token) for token in tokens)
    assert sessions.count() == 0
    assert sessions.load(sessions.start("1")) is not None


# Accounts


def test_a_disabled_account_has_no_session(sessions: Any) -> None:
    """They end at once, none begins, and enabling again brings none back."""
    token = sessions.start("42")
    sessions.set_status("42", "disabled")
    assert sessions.load(token) is None
    assert sessions.list("42") == ()
    with pytest.raises(AccountNotActive):
        sessions.start("42")
    sessions.set_status("42", "active")
    assert sessions.load(token) is None
    assert sessions.list("42") == ()
    assert sessions.load(sessions.start("42")) is not None


def test_deleted_is_for_ever(sessions: Any) -> None:
    """A deleted account never has a session again, whatever is asked."""
    token = sessions.start("42")
    sessions.set_status("42", "deleted")
    assert sessions.load(token) is None
    with pytest.raises(AccountNotActive):
        sessions.set_status("42", "active")
    with pytest.raises(AccountNotActive):
        sessions.start("42")
    sessions.set_status("42", "deleted")
    assert sessions.account_state("42").status == "deleted"


def test_an_account_can_be_disabled_before_its_first_session(sessions: Any) -> None:
    """The row is made by whoever comes first."""
    sessions.set_status("42", "disabled")
    with pytest.raises(AccountNotActive):
        sessions.start("42")
    assert sessions.account_state("43") is None


@pytest.mark.parametrize("store", NOT_IN_REDIS, indirect=True)
def test_the_security_version_is_claimed_once(store: Held, sessions: Any) -> None:
    """Of two resets with the same version one happens; Redis leaves this to SQL."""
    sessions.start("42")
    claim = BumpSecurityVersion(account_id="42", expected=0)
    assert isinstance(store.commit(claim), Committed)
    assert store.commit(claim) == Lost(claim)
    assert isinstance(store.commit(BumpSecurityVersion(account_id="42", expected=1)), Committed)
    assert sessions.account_state("42").security_version == 2
    sessions.set_status("42", "disabled")
    lost = BumpSecurityVersion(account_id="42", expected=2)
    assert store.commit(lost) == Lost(lost)


def test_a_lost_claim_leaves_nothing(store: Held, sessions: Any) -> None:
    """Nothing of a commit happens when one of its claims is lost."""
    token = sessions.start("42")
    _, _, rotation = moved(sessions.load(token), now=NOW, random=_random())
    sessions.end(token)
    other = sessions.start("42")
    everywhere = EndSessions(account_id="42", now=NOW)
    assert store.commit(everywhere, rotation) == Lost(rotation)
    assert sessions.load(other) is not None


def test_an_event_is_told_with_the_change(store: Held, sessions: Any) -> None:
    """What is recorded happened, in the same transaction; Redis refuses to record."""
    event = Event(id="0" * 26, at=NOW, name="sign_in", outcome="ok", account_id="42", mac=b"m", sealed=b"s")
    if store.kind in IN_REDIS:
        from secureacct.errors import ConfigurationError

        with pytest.raises(ConfigurationError):
            sessions.start("42", events=(event,))
        return
    sessions.start("42", events=(event,))
    assert [one.id for one in store.run(store.raw.events_of("42", limit=9))] == [event.id]


def test_a_replaced_session_ends_in_the_same_commit(sessions: Any) -> None:
    """Signing in over another session leaves one, also when it was another account's."""
    mine, theirs = sessions.start("42"), sessions.start("43")
    first = sessions.start("42", replaces=mine)
    assert sessions.load(mine) is None
    second = sessions.start("42", replaces=theirs)
    assert sessions.load(theirs) is None
    assert sessions.load(first) is not None
    assert sessions.load(second) is not None


# How many


def test_a_full_account_is_refused(store: Held, clock: Clock) -> None:
    """The policy's number holds, and ended or expired sessions make room."""
    sessions = _sessions(store, clock, policy=SessionPolicy(idle=timedelta(minutes=30), at_most=2))
    one, two = sessions.start("42"), sessions.start("42")
    with pytest.raises(TooManySessions):
        sessions.start("42")
    assert sessions.load(one) is not None
    assert sessions.load(two) is not None
    sessions.start("43")
    sessions.start("42", replaces=one)
    clock.advance(1800)
    sessions.start("42")
    sessions.start("42")
    with pytest.raises(TooManySessions):
        sessions.start("42")


def test_making_room_never_ends_a_victims_session(store: Held, clock: Clock) -> None:
    """Only what was unseen for long, and proved no more, is ended for a new one."""
    policy = SessionPolicy(idle=None, at_most=2, make_room_after=timedelta(hours=2))
    sessions = _sessions(store, clock, policy=policy)
    strong = sessions.start("42", factors=["password", "totp"])
    weak = sessions.start("42", factors=["password"])
    with pytest.raises(TooManySessions):
        sessions.start("42", factors=["password"])
    clock.advance(3 * 3600)
    newest = sessions.start("42", factors=["password"])
    assert sessions.load(weak) is None
    with pytest.raises(TooManySessions):
        sessions.start("42", factors=["password"])
    assert sessions.load(strong) is not None
    assert sessions.load(newest) is not None


# Remember me


def test_a_remembered_session_outlives_the_window(sessions: Any, clock: Clock) -> None:
    """It has limits of its own, and its cookie a lifetime; without remember there is none."""
    token, other = sessions.start("42", remember=True), sessions.start("42")
    session = sessions.load(token)
    assert session.remember
    assert session.cookie_max_age(now=NOW) == 30 * DAY_S
    assert sessions.load(other).cookie_max_age(now=NOW) is None
    clock.advance(2 * DAY_S)
    assert sessions.load(token) is not None
    assert sessions.load(other) is None
    clock.advance(14 * DAY_S)
    assert sessions.load(token) is None


def test_a_policy_without_remember_does_not_grant_it(store: Held, clock: Clock) -> None:
    """The wish is ignored, and a session remembered under an older policy has the usual limits."""
    token = _sessions(store, clock).start("42", remember=True)
    strict = _sessions(store, clock, policy=SessionPolicy())
    assert not strict.load(strict.start("42", remember=True)).remember
    clock.advance(3600)
    assert strict.load(token) is None


def test_the_clock_renews_a_remembered_token(sessions: Any, clock: Clock) -> None:
    """After a day there is a new token; for ten seconds the old one still reads, and only reads."""
    token = sessions.start("42", remember=True)
    public = sessions.load(token).id
    assert sessions.renew(token) is None
    clock.advance(DAY_S)
    assert sessions.renewal_is_due(sessions.load(token))
    new = sessions.renew(token)
    assert sessions.load(new).id == public
    clock.advance(9)
    late = sessions.load(token)
    assert late.id == public
    assert sessions.renew(token) is None
    with pytest.raises(SessionEnded):
        sessions.rotate(token)
    assert sessions.load(new) is not None


def test_a_renewed_token_used_again_ends_the_session_and_tells(store: Held, clock: Clock) -> None:
    """Thief and owner hold the same token: whoever comes second ends the session, and it is told once."""
    told: list[tuple[str, str, int]] = []

    def tell(account_id: str, session_id: str, now: int, *, ended: bool, device: Any) -> Notices:
        if not ended:
            told.append((account_id, session_id, now))
        return Notices()

    sessions = _sessions(store, clock, tell_reuse=tell)
    stolen, other = sessions.start("42", remember=True), sessions.start("42", remember=True)
    public = sessions.load(stolen).id
    clock.advance(DAY_S)
    new = sessions.renew(stolen)
    clock.advance(10)
    assert sessions.load(stolen) is None
    assert sessions.load(new) is None
    assert sessions.load(stolen) is None
    assert sessions.load(other) is not None
    assert told[0] == ("42", public, NOW + DAY_S + 10)


def test_a_token_used_after_its_owner_signed_out_is_told_once(store: Held, clock: Clock) -> None:
    """It opens nothing; requests under way tell nothing; of the copy the owner hears once, and by whom."""
    told: list[Any] = []
    thief = Device("Chrome on Windows", "198.51.100.0/24")

    def tell(account_id: str, session_id: str, now: int, *, ended: bool, device: Any) -> Notices:
        told.append((account_id, session_id, ended, device))
        return Notices()

    sessions = _sessions(store, clock, tell_reuse=tell)
    token, other = sessions.start("42"), sessions.start("42")
    public = sessions.load(token).id
    store.commit(EndSessionById(account_id="42", session_id=public, trace_at=NOW))
    clock.advance(9)
    assert sessions.load(token) is None
    assert told == []
    clock.advance(1)
    for _ in range(3):
        assert sessions.load(token, seen=lambda: thief) is None
    assert [one for one in told if one[2]][:1] == [("42", public, True, thief)]
    assert len([one for one in told if one[2]]) == 1
    assert sessions.load(other) is not None


def test_a_session_ended_without_a_trace_tells_nothing(store: Held, clock: Clock) -> None:
    """Signed out from elsewhere, a device still holds its own token: that is no copy."""
    sessions = _sessions(store, clock, tell_reuse=lambda *_, **__: pytest.fail("told"))
    token = sessions.start("42")
    sessions.end_by_id("42", sessions.load(token).id)
    clock.advance(60)
    assert sessions.load(token) is None


def test_signing_out_just_after_a_renewal_ends_it(sessions: Any, clock: Clock) -> None:
    """The browser had not got its new token yet; signing out means the session all the same."""
    token = sessions.start("42", remember=True)
    clock.advance(DAY_S)
    new = sessions.renew(token)
    assert sessions.end(token)
    assert sessions.load(new) is None


def test_a_session_without_remember_is_not_renewed(sessions: Any, clock: Clock) -> None:
    """Only what outlives the window has its token rotated by the clock."""
    token = sessions.start("42")
    clock.advance(1700)
    assert sessions.renew(token) is None
    assert sessions.load(token) is not None


# Devices and data


@pytest.mark.parametrize("sealed", [True, False])
def test_the_devices_page(store: Held, clock: Clock, sealed: bool) -> None:
    """Names, networks, times and which one is this; the same with and without a keyring."""
    keys = Keyring.generate() if sealed else None
    sessions = _sessions(store, clock, keys=keys)
    here = sessions.start("42", device=Device("Firefox on Linux", "192.0.2.0/24"))
    clock.advance(100)
    there = sessions.start("42", device="Safari on iPhone")
    lines = sessions.devices("42", current=here)
    assert [(line.name, line.network, line.current) for line in lines] == [
        ("Firefox on Linux", "192.0.2.0/24", True),
        ("Safari on iPhone", None, False),
    ]
    assert [line.created_at for line in lines] == [NOW, NOW + 100]
    there = sessions.rotate(there)
    assert [line.name for line in sessions.devices("42", current=there)] == [
        "Safari on iPhone",
        "Firefox on Linux",
    ]
    if sealed:
        assert {line.name for line in _sessions(store, clock).devices("42")} == {"Unknown device"}


def test_an_apps_own_data_lives_with_the_session(sessions: Any) -> None:
    """It comes back, moves along, is replaced, and is gone with the session."""
    token, other = sessions.start("42"), sessions.start("42")
    assert sessions.data(token) == {}
    sessions.set_data(token, {"basket": [1, 2], "note": "Ä \x00 '"})
    assert sessions.data(token) == {"basket": [1, 2], "note": "Ä \x00 '"}
    assert sessions.data(other) == {}
    token = sessions.rotate(token)
    assert sessions.data(token)["basket"] == [1, 2]
    sessions.set_data(token, {})
    assert sessions.data(token) == {}
    sessions.set_data(token, {"x": 1})
    sessions.end_all("42", keep=token)
    assert sessions.data(token) == {"x": 1}
    sessions.end(token)
    assert sessions.data(token) == {}


@pytest.mark.parametrize(
    "bad", [{"x": "y" * 5000}, {"x": object()}, {1: 2}, {"x": float("nan")}, {"x": "\ud800"}]
)
def test_data_that_is_not_small_json_is_refused(sessions: Any, bad: Any) -> None:
    """Too large, not JSON, not text keys: refused, and the old data stay."""
    token = sessions.start("42")
    sessions.set_data(token, {"kept": True})
    with pytest.raises(SessionDataRefused):
        sessions.set_data(token, bad)
    assert sessions.data(token) == {"kept": True}


def test_nothing_is_kept_for_nobody(sessions: Any) -> None:
    """An anonymous request writes nothing."""
    token = sessions.start("42")
    sessions.end(token)
    for nobody in (token, "", None):
        with pytest.raises(SessionEnded):
            sessions.set_data(nobody, {"x": 1})
    assert sessions.count() == 0


# Purging


def test_a_purge_removes_what_is_dead_and_nothing_else(sessions: Any, clock: Clock) -> None:
    """Idle, past its limit, of an ended epoch: gone. Live sessions and their data stay."""
    for account in range(10):
        sessions.start(str(account))
    clock.advance(1801)
    live = [sessions.start(str(account)) for account in range(5)]
    kept = sessions.start("9", remember=True)
    sessions.set_data(kept, {"x": 1})
    gone = sessions.start("10")
    sessions.set_status("10", "disabled")
    sessions.purge(batch=3)
    assert sessions.count() == 6
    assert all(sessions.load(token) for token in live)
    assert sessions.data(kept) == {"x": 1}
    assert sessions.load(gone) is None
    assert sessions.purge() == 0


# Many


def test_an_account_with_many_sessions(sessions: Any, clock: Clock) -> None:
    """Across hours and in numbers, they are listed in order, counted and ended."""
    tokens = []
    for number in range(150):
        clock.advance(97)
        tokens.append(sessions.start("42"))
        if number % 10 == 0:
            sessions.start(str(number))
    listed = sessions.list("42")
    assert [one.started_at for one in listed] == sorted(one.started_at for one in listed)
    alive = sum(sessions.load(token) is not None for token in tokens)
    assert len(listed) == alive
    assert sessions.end_all("42", keep=tokens[-1]) == alive - 1


def _random() -> Any:
    counter = iter(range(1, 250))
    return lambda size: bytes([next(counter)]) * size


@pytest.mark.parametrize("store", NOT_IN_REDIS, indirect=True)
def test_a_start_lost_to_a_disabled_account_writes_no_event(store: Held, sessions: Any) -> None:
    """The event of a sign-in that did not happen is not there."""
    store.commit(SetAccountStatus(account_id="42", status="disabled", first_epoch=7))
    event = Event(id="1" * 26, at=NOW, name="sign_in", outcome="ok", account_id="42", mac=b"m", sealed=b"s")
    with pytest.raises(AccountNotActive):
        sessions.start("42", events=(event,))
    assert not store.run(store.raw.events_of("42", limit=9))


def test_an_account_state_that_was_lost_revives_nobody(store: Held, sessions: Any) -> None:
    """The row is gone, by whatever accident: signed out; made again, the old sessions stay dead."""
    token = sessions.start("42")
    _lose_state(store, "42")
    assert sessions.load(token) is None
    assert sessions.list("42") == ()
    again = sessions.start("42")
    assert sessions.load(token) is None
    assert sessions.load(again) is not None


def _lose_state(store: Held, account_id: str) -> None:
    if store.kind == "memory":
        del store.raw.state.topic("account_state")[account_id]
    elif store.kind in IN_REDIS:
        store.run(store.raw.ask("HDEL", store.raw._name_of(account_id), "a"))
    else:
        from secureacct.stores.sql.session_tables import account_state

        statement = account_state.delete().where(account_state.c.account_id == account_id)
        if store.way == "blocking":
            with store.raw.engine.begin() as connection:
                connection.execute(statement)
        else:
            store.run(store.raw.run(lambda connection: connection.execute(statement).rowcount))


def test_a_token_is_stored_only_as_a_hash(store: Held, sessions: Any) -> None:
    """No row holds the token or its secret part; the key is made by hashing."""
    token = sessions.start("42")
    session = sessions.load(token)
    key = key_of(token)
    assert session.key == key
    assert token.encode() not in b"".join(part for part in session if isinstance(part, bytes))
    assert token not in repr(session)
    assert "key=" not in repr(session)  # letters alone may be part of an id
    _, change = begin(POLICY, account_id="42", now=NOW, random=_random())
    assert isinstance(change, StartSession)
    assert change.session.key.hex() not in repr(change)

"""What every store of accounts promises, whichever kind it is: each claim holds once, each read is exact."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secureacct._faces import run_inline
from secureacct.records import accounts as r
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.sessions import BumpSecurityVersion
from tests.contract.conftest import WAYS, Held
from tests.factor_kit import interrupted, pending

pytestmark = pytest.mark.parametrize(
    "store", [f"{kind}-{way}" for kind in ("memory", "sqlite", "postgres") for way in WAYS], indirect=True
)

NOW = 1_800_000_000
DAY = 86_400


def attempt(id: str = "t1", *, created_at: int = NOW, expires_at: int = NOW + DAY) -> r.Attempt:
    """A sign-up."""
    return r.Attempt(
        id=id,
        sealed_email=b"sealed " + id.encode(),
        password_hash="hash",
        browser_hash=b"browser " + id.encode(),
        created_at=created_at,
        expires_at=expires_at,
    )


def link(name: str = "l1", *, purpose: str = "verify", account_id: str | None = "a", **more: Any) -> r.Link:
    """A link."""
    return r.Link(
        hash=name.encode(),
        purpose=purpose,
        account_id=account_id,
        created_at=NOW,
        expires_at=NOW + DAY,
        **more,
    )


def change_of(id: str = "c1", *, requested_at: int = NOW, account_id: str = "a") -> r.EmailChange:
    """A change of address."""
    return r.EmailChange(
        id=id,
        account_id=account_id,
        state="pending",
        sealed_old=b"old",
        sealed_new=b"new",
        session_key=b"key",
        requested_at=requested_at,
    )


def recovery(id: str = "r1", *, account_id: str = "a") -> r.Recovery:
    """A recovery that waits a week."""
    return r.Recovery(id=id, account_id=account_id, state="waiting", started_at=NOW, ripe_at=NOW + 7 * DAY)


def open_account(held: Held, id: str = "a", *tokens: bytes) -> None:
    """An account with its identifier."""
    changes: list[Change] = [
        r.OpenAccount(
            account_id=id, first_epoch=7, sealed_email=b"sealed " + id.encode(), password_hash="hash", now=NOW
        )
    ]
    if tokens:
        changes.append(r.ClaimIdentifier(tokens=tokens, account_id=id, now=NOW))
    assert isinstance(held.commit(*changes), Committed)


def account(held: Held, id: str = "a") -> r.Account:
    """The account as the store reads it."""
    found: r.Account | None = held.run(held.raw.account_by_id(id))
    assert found is not None
    return found


def won(held: Held, *changes: Change) -> bool:
    """Whether a commit went through."""
    return isinstance(held.commit(*changes), Committed)


# --- accounts and identifiers ------------------------------------------------------------------


def test_an_account_comes_back_as_it_was_opened(store: Held) -> None:
    """Opened active, confirmed and dated; a second one with its id is lost and changes nothing."""
    open_account(store, "a", b"t")
    found = account(store)
    assert (found.status, found.security_version, found.epoch) == ("active", 0, 7)
    assert (found.created_at, found.email_verified_at, found.password_changed_at) == (NOW, NOW, NOW)
    assert (found.sealed_email, found.password_hash, found.sealed_profile) == (b"sealed a", "hash", ())
    again = r.OpenAccount(account_id="a", first_epoch=9, sealed_email=b"x", password_hash=None, now=NOW + 1)
    assert not won(store, again)
    assert account(store) == found
    assert store.run(store.raw.account_by_id("b")) is None


def test_it_says_whether_there_are_accounts(store: Held) -> None:
    """An empty store holds none; one with an account does."""
    assert not store.run(store.raw.holds_accounts())
    open_account(store)
    assert store.run(store.raw.holds_accounts())


def test_an_identifier_finds_its_account_under_every_version(store: Held) -> None:
    """Each of its tokens finds the account, and no other token does."""
    open_account(store, "a", b"new", b"old")
    for tokens in ((b"new",), (b"old",), (b"x", b"old")):
        found = store.run(store.raw.account_by_identifier(tokens))
        assert found is not None
        assert found.id == "a"
    assert store.run(store.raw.account_by_identifier((b"x",))) is None


def test_an_identifier_is_claimed_whole_or_not_at_all(store: Held) -> None:
    """If one version's token is somebody else's, none is given, so no address is admitted twice."""
    open_account(store, "a", b"1")
    open_account(store, "b")
    assert not won(store, r.ClaimIdentifier(tokens=(b"2", b"1"), account_id="b", now=NOW))
    assert store.run(store.raw.account_by_identifier((b"2",))) is None
    assert won(store, r.ClaimIdentifier(tokens=(b"1", b"3"), account_id="a", now=NOW))


def test_a_reserved_identifier_is_nobodys_until_then(store: Held) -> None:
    """Reserved: finds nobody, goes to its account at once, to others only when the time is over."""
    open_account(store, "a", b"1")
    open_account(store, "b")
    assert won(store, r.ReserveIdentifier(tokens=(b"1",), account_id="a", until=NOW + DAY))
    assert store.run(store.raw.account_by_identifier((b"1",))) is None
    assert not won(store, r.ClaimIdentifier(tokens=(b"1",), account_id="b", now=NOW + DAY - 1))
    assert won(store, r.ClaimIdentifier(tokens=(b"1",), account_id="a", now=NOW + 1))
    assert store.run(store.raw.account_by_identifier((b"1",))).id == "a"
    won(store, r.ReserveIdentifier(tokens=(b"1",), account_id="a", until=NOW + DAY))
    assert won(store, r.ClaimIdentifier(tokens=(b"1",), account_id="b", now=NOW + DAY))
    assert store.run(store.raw.account_by_identifier((b"1",))).id == "b"


def test_nobody_reserves_what_is_not_theirs(store: Held) -> None:
    """Another account's identifier stays as it is."""
    open_account(store, "a", b"1")
    store.commit(r.ReserveIdentifier(tokens=(b"1",), account_id="b", until=NOW + DAY))
    assert store.run(store.raw.account_by_identifier((b"1",))).id == "a"


def test_the_security_version_is_held_or_raised_once(store: Held) -> None:
    """Who decided on an older version is lost; holding changes nothing."""
    open_account(store)
    assert won(store, r.HoldSecurityVersion(account_id="a", security_version=0))
    assert won(store, BumpSecurityVersion(account_id="a", expected=0))
    assert not won(store, BumpSecurityVersion(account_id="a", expected=0))
    assert not won(store, r.HoldSecurityVersion(account_id="a", security_version=0))
    assert won(store, r.HoldSecurityVersion(account_id="a", security_version=1))
    assert account(store).security_version == 1


def test_a_lost_claim_undoes_everything(store: Held) -> None:
    """Nothing of a commit stays if one of its claims is lost, whatever came before it."""
    open_account(store, "a", b"1")
    before = account(store)
    lost = store.commit(
        r.SetPassword(account_id="a", password_hash="other", now=NOW + 1),
        r.SetProfile(account_id="a", values=(("phone", b"sealed"),)),
        r.ReserveIdentifier(tokens=(b"1",), account_id="a", until=NOW + DAY),
        r.AddLink(link=link("kept?")),
        r.HoldSecurityVersion(account_id="a", security_version=9),
    )
    assert isinstance(lost, Lost)
    assert isinstance(lost.claim, r.HoldSecurityVersion)
    assert account(store) == before
    assert store.run(store.raw.link(b"kept?")) is None
    assert store.run(store.raw.account_by_identifier((b"1",))) is not None


def test_passwords(store: Held) -> None:
    """Setting dates and unpauses; pausing keeps its first date; a better hash never undoes a change."""
    open_account(store)
    store.commit(r.PausePassword(account_id="a", now=NOW + 1))
    store.commit(r.PausePassword(account_id="a", now=NOW + 2))
    assert account(store).password_paused_at == NOW + 1
    assert won(store, r.SetPassword(account_id="a", password_hash="second", now=NOW + 3))
    found = account(store)
    assert (found.password_hash, found.password_changed_at, found.password_paused_at) == (
        "second",
        NOW + 3,
        None,
    )
    store.commit(r.ReplaceHash(account_id="a", current="hash", replacement="better hash"))
    assert account(store).password_hash == "second"
    store.commit(r.ReplaceHash(account_id="a", current="second", replacement="better"))
    assert account(store).password_hash == "better"
    assert not won(store, r.SetPassword(account_id="x", password_hash="h", now=NOW))


def test_freezes_are_never_shortened(store: Held) -> None:
    """A later, shorter one leaves the longer one in force."""
    open_account(store)
    for until in (NOW + 100, NOW + 50):
        store.commit(r.Freeze(account_id="a", until=until), r.BlockReset(account_id="a", until=until))
    assert (account(store).frozen_until, account(store).reset_blocked_until) == (NOW + 100, NOW + 100)


def test_the_address_is_compared_and_set(store: Held) -> None:
    """Who saw an older address does not replace the newer one."""
    open_account(store)
    first = r.SetEmail(account_id="a", sealed_email=b"2", expected=b"sealed a", now=NOW + 1)
    assert won(store, first)
    assert not won(store, replace(first, sealed_email=b"3"))
    assert won(store, replace(first, sealed_email=b"4", expected=None))
    assert account(store).sealed_email == b"4"


def test_profile_fields(store: Held) -> None:
    """Set, replaced, cleared; the others and other accounts' stay."""
    open_account(store, "a")
    open_account(store, "b")
    store.commit(r.SetProfile(account_id="a", values=(("name", b"1"), ("phone", b"2"))))
    store.commit(r.SetProfile(account_id="b", values=(("name", b"9"),)))
    store.commit(r.SetProfile(account_id="a", values=(("name", b"3"), ("phone", None), ("card", None))))
    assert dict(account(store).sealed_profile) == {"name": b"3"}
    assert dict(account(store, "b").sealed_profile) == {"name": b"9"}


def test_erasing_leaves_nothing(store: Held) -> None:
    """Address, password, profile, identifiers, links and pending steps are gone; others' stay."""
    open_account(store, "a", b"1")
    open_account(store, "b", b"2")
    store.commit(
        r.SetProfile(account_id="a", values=(("name", b"1"),)),
        r.AddLink(link=link("of-a")),
        r.AddLink(link=link("of-b", account_id="b")),
        r.AddPending(pending=pending()),
        r.AddEmailChange(change=change_of()),
        r.StartRecovery(recovery=recovery()),
    )
    store.commit(r.EraseAccount(account_id="a"))
    assert store.run(store.raw.account_by_id("a")) is None
    assert store.run(store.raw.account_by_identifier((b"1",))) is None
    assert store.run(store.raw.link(b"of-a")) is None
    assert store.run(store.raw.pending(b"p1", now=NOW)) is None
    assert store.run(store.raw.email_change("c1")) is None
    assert store.run(store.raw.recovery("r1")) is None
    assert store.run(store.raw.link(b"of-b")) is not None
    assert account(store, "b").sealed_email == b"sealed b"


# --- sign-ups ----------------------------------------------------------------------------------


def test_sign_ups_newest_first_and_unexpired(store: Held) -> None:
    """Each comes back as it was put, by any of the identifier's tokens."""
    kept = [attempt(f"t{n}", created_at=NOW + n) for n in range(3)]
    old = attempt("old", expires_at=NOW)
    for one in (*kept, old):
        store.commit(r.AddAttempt(attempt=one, tokens=(b"1", b"2"), at_most=5))
    assert list(store.run(store.raw.attempts_for((b"2",), now=NOW))) == kept[::-1]
    assert store.run(store.raw.attempt("t1", now=NOW)) == kept[1]
    assert store.run(store.raw.attempt("old", now=NOW)) is None
    assert list(store.run(store.raw.attempts_for((b"3",), now=NOW))) == []


def test_only_so_many_sign_ups_for_one_address(store: Held) -> None:
    """The oldest go; other addresses' stay."""
    store.commit(r.AddAttempt(attempt=attempt("other"), tokens=(b"9",), at_most=2))
    for n in range(4):
        store.commit(r.AddAttempt(attempt=attempt(f"t{n}", created_at=NOW + n), tokens=(b"1",), at_most=2))
    assert [one.id for one in store.run(store.raw.attempts_for((b"1",), now=NOW))] == ["t3", "t2"]
    assert store.run(store.raw.attempt("other", now=NOW)) is not None


def test_a_sign_up_is_confirmed_once(store: Held) -> None:
    """And not after it expired; confirming one and dropping the rest leaves none."""
    for n in range(3):
        store.commit(r.AddAttempt(attempt=attempt(f"t{n}"), tokens=(b"1",), at_most=5))
    assert not won(store, r.ConfirmAttempt(attempt_id="t1", now=NOW + DAY))
    assert won(store, r.ConfirmAttempt(attempt_id="t1", now=NOW), r.DropAttempts(tokens=(b"1",)))
    assert not won(store, r.ConfirmAttempt(attempt_id="t1", now=NOW))
    assert list(store.run(store.raw.attempts_for((b"1",), now=NOW))) == []


# --- links -------------------------------------------------------------------------------------


def test_a_link_is_used_once_for_what_it_is(store: Held) -> None:
    """Not for another purpose, not after its time, not twice; and afterwards it says that it was used."""
    kept = link(subject="s", security_version=4)
    store.commit(r.AddLink(link=kept))
    assert store.run(store.raw.link(b"l1")) == kept
    assert not won(store, r.UseLink(hash=b"l1", purpose="reset", now=NOW))
    assert not won(store, r.UseLink(hash=b"l1", purpose="verify", now=NOW + DAY))
    assert won(store, r.UseLink(hash=b"l1", purpose="verify", now=NOW + DAY - 1))
    assert not won(store, r.UseLink(hash=b"l1", purpose="verify", now=NOW))
    assert store.run(store.raw.link(b"l1")).used_at == NOW + DAY - 1
    assert store.run(store.raw.link(b"unknown")) is None


def test_links_are_voided_by_purpose_and_account(store: Held) -> None:
    """Only unused ones of these purposes of this account."""
    for name, purpose, owner in (("1", "reset", "a"), ("2", "not_me", "a"), ("3", "reset", "b")):
        store.commit(r.AddLink(link=link(name, purpose=purpose, account_id=owner)))
    store.commit(r.VoidLinks(account_id="a", purposes=("reset", "recover"), now=NOW + 1))
    used = {name: store.run(store.raw.link(name.encode())).used_at for name in "123"}
    assert used == {"1": NOW + 1, "2": None, "3": None}


# --- steps in between --------------------------------------------------------------------------


def finish(held: Held, id: str, *, account_id: str = "a") -> bool:
    """Finish a change of address, with 72 hours to undo it."""
    return won(
        held, r.FinishEmailChange(id=id, account_id=account_id, now=NOW + 10, undo_until=NOW + 3 * DAY)
    )


def state_of(held: Held, id: str) -> str:
    """What became of a change."""
    found: r.EmailChange = held.run(held.raw.email_change(id))
    return found.state


def test_the_earliest_change_since_then_that_can_be_undone(store: Held) -> None:
    """Of this account, in effect since then, not undone, and not too late."""
    for id, requested_at in (("c1", NOW), ("c2", NOW + 20), ("c3", NOW + 30)):
        store.commit(r.AddEmailChange(change=change_of(id, requested_at=requested_at)))
        if id != "c3":
            store.commit(
                r.FinishEmailChange(id=id, account_id="a", now=requested_at + 10, undo_until=NOW + DAY)
            )

    def found(since: int, now: int = NOW + 40, whose: str = "a") -> str | None:
        one = store.run(store.raw.email_change_since(whose, since=since, now=now))
        return None if one is None else str(one.id)

    assert found(NOW) == found(NOW + 10) == "c1"
    assert found(NOW + 11) == "c2"
    assert found(NOW + 31) is None
    assert found(NOW, now=NOW + DAY) is None
    assert found(NOW, whose="b") is None
    store.commit(r.UndoEmailChange(id="c1", account_id="a", now=NOW + 40))
    assert found(NOW) is None, "the later one is void with it"


def test_a_change_of_address_is_finished_once(store: Held) -> None:
    """Only a pending one of that account; it then has its dates."""
    store.commit(r.AddEmailChange(change=change_of()))
    assert not finish(store, "c1", account_id="b")
    assert finish(store, "c1")
    assert not finish(store, "c1")
    done = store.run(store.raw.email_change("c1"))
    assert (done.state, done.done_at, done.undo_until) == ("done", NOW + 10, NOW + 3 * DAY)


def test_undoing_the_earliest_voids_the_later(store: Held) -> None:
    """What was asked for at or after it is void; what came before stays; a void one cannot be undone."""
    for n in range(4):
        store.commit(r.AddEmailChange(change=change_of(f"c{n}", requested_at=NOW + n)))
        if n < 3:
            assert finish(store, f"c{n}")
    store.commit(r.AddEmailChange(change=change_of("other", requested_at=NOW + 9, account_id="b")))
    undo = r.UndoEmailChange(id="c1", account_id="a", now=NOW + DAY)
    assert not won(store, replace(undo, account_id="b"))
    assert not won(store, replace(undo, now=NOW + 3 * DAY))
    assert won(store, undo)
    assert [state_of(store, f"c{n}") for n in range(4)] == ["done", "undone", "void", "void"]
    assert state_of(store, "other") == "pending"
    assert not won(store, undo)
    assert not won(store, replace(undo, id="c2"))
    assert won(store, replace(undo, id="c0"))


def test_pending_changes_are_voided(store: Held) -> None:
    """Only pending ones of this account; a finished one keeps its undo."""
    for id, owner in (("c1", "a"), ("c2", "a"), ("c3", "b")):
        store.commit(r.AddEmailChange(change=change_of(id, account_id=owner)))
    finish(store, "c1")
    store.commit(r.VoidEmailChanges(account_id="a"))
    assert [state_of(store, id) for id in ("c1", "c2", "c3")] == ["done", "void", "pending"]


def test_one_recovery_waits(store: Held) -> None:
    """A second one begins only when the first is over; each account has its own."""
    assert won(store, r.StartRecovery(recovery=recovery("r1")))
    assert not won(store, r.StartRecovery(recovery=recovery("r2")))
    assert won(store, r.StartRecovery(recovery=recovery("r3", account_id="b")))
    assert won(store, r.CancelRecovery(id="r1", account_id="a"))
    assert won(store, r.StartRecovery(recovery=recovery("r2")))
    assert store.run(store.raw.recovery("r1")).state == "cancelled"


def test_a_recovery_ends_once(store: Held) -> None:
    """When it is ripe and nobody said no, for its own account only."""
    store.commit(r.StartRecovery(recovery=recovery()))
    ripe = r.FinishRecovery(id="r1", account_id="a", now=NOW + 7 * DAY)
    assert not won(store, replace(ripe, now=NOW + 7 * DAY - 1))
    assert not won(store, replace(ripe, account_id="b"))
    assert won(store, ripe)
    assert not won(store, ripe)
    assert not won(store, r.CancelRecovery(id="r1", account_id="a"))
    assert store.run(store.raw.recovery("r1")).state == "done"


def test_waiting_recoveries_are_voided(store: Held) -> None:
    """Whatever waits is cancelled; another account's and what is done stays."""
    store.commit(r.StartRecovery(recovery=recovery("r1")))
    store.commit(r.StartRecovery(recovery=recovery("r2", account_id="b")))
    store.commit(r.VoidRecoveries(account_id="a"))
    assert store.run(store.raw.recovery("r1")).state == "cancelled"
    assert store.run(store.raw.recovery("r2")).state == "waiting"
    assert won(store, r.StartRecovery(recovery=recovery("r3")))


def test_purging(store: Held) -> None:
    """What expired goes, links only 30 days after, reservations when they have run out; the rest stays."""
    open_account(store, "a", b"kept", b"reserved")
    store.commit(
        r.AddAttempt(attempt=attempt("dead", expires_at=NOW), tokens=(b"1",), at_most=5),
        r.AddAttempt(attempt=attempt("alive"), tokens=(b"1",), at_most=5),
        r.AddPending(pending=pending("dead", expires_at=NOW)),
        r.AddPending(pending=pending("alive")),
        r.AddInterrupted(interrupted=interrupted(expires_at=NOW), now=NOW - 300),
        r.AddLink(link=replace(link("old"), expires_at=NOW - 30 * DAY)),
        r.AddLink(link=replace(link("young"), expires_at=NOW - 29 * DAY)),
        r.ReserveIdentifier(tokens=(b"reserved",), account_id="a", until=NOW),
    )
    done = store.commit(r.PurgeAccounts(now=NOW))
    assert isinstance(done, Committed)
    assert done.counts == (5,)
    assert [one.id for one in store.run(store.raw.attempts_for((b"1",), now=NOW))] == ["alive"]
    assert store.run(store.raw.pending(b"alive", now=NOW)) is not None
    assert store.run(store.raw.link(b"young")) is not None
    assert store.run(store.raw.link(b"old")) is None
    assert store.run(store.raw.account_by_identifier((b"kept",))) is not None


def test_one_identifier_claimed_by_many_at_once(store: Held, tmp_path: Path) -> None:
    """Of several accounts that claim an address at the same moment one gets it."""
    if store.way == "awaiting":
        import asyncio

        for id in "abcd":
            open_account(store, id)

        async def all_at_once() -> list[Any]:
            claims = [
                store.raw.commit((r.ClaimIdentifier(tokens=(b"1", b"2"), account_id=id, now=NOW),))
                for id in "abcd"
            ]
            return list(await asyncio.gather(*claims))

        results = store.run(all_at_once())
    else:
        for id in "abcd":
            open_account(store, id)
        results = []
        meet = threading.Barrier(4, timeout=30)

        def claim(id: str) -> None:
            meet.wait()
            change = r.ClaimIdentifier(tokens=(b"1", b"2"), account_id=id, now=NOW)
            results.append(run_inline(store.raw.commit((change,))))

        threads = [threading.Thread(target=claim, args=(id,)) for id in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [isinstance(one, Committed) for one in results].count(True) == 1

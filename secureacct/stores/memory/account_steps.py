"""Links, and the steps between the beginning of something and its end, in memory."""

from __future__ import annotations

from dataclasses import replace

from secureacct.records import accounts as r
from secureacct.stores.memory.journal import State, makes
from secureacct.stores.memory.sign_ups import drop_attempt
from secureacct.stores.memory.topics import drop_all, find, set_all

LINKS_KEPT_S = 30 * 86_400  # seconds past expiry, so that an old link can say what became of it; ours


@makes(r.AddLink)
def _add_link(state: State, change: r.AddLink) -> int:
    state.put(state.topic("link"), change.link.hash, change.link)
    return 1


@makes(r.UseLink)
def _use_link(state: State, change: r.UseLink) -> int:
    return set_all(
        state,
        "link",
        lambda link: (
            link.hash == change.hash
            and link.purpose == change.purpose
            and link.used_at is None
            and link.expires_at > change.now
        ),
        used_at=change.now,
    )


@makes(r.VoidLinks)
def _void_links(state: State, change: r.VoidLinks) -> int:
    return set_all(
        state,
        "link",
        lambda link: (
            link.account_id == change.account_id and link.purpose in change.purposes and link.used_at is None
        ),
        used_at=change.now,
    )


@makes(r.AddPending)
def _add_pending(state: State, change: r.AddPending) -> int:
    state.put(state.topic("pending"), change.pending.hash, change.pending)
    return 1


@makes(r.ClaimPending)
def _claim_pending(state: State, change: r.ClaimPending) -> int:
    return drop_all(state, "pending", lambda one: one.hash == change.hash and one.expires_at > change.now)


@makes(r.AddInterrupted)
def _add_interrupted(state: State, change: r.AddInterrupted) -> int:
    state.put(state.topic("interrupted"), change.interrupted.session_id, change.interrupted)
    return 1


@makes(r.ClaimInterrupted)
def _claim_interrupted(state: State, change: r.ClaimInterrupted) -> int:
    return drop_all(
        state,
        "interrupted",
        lambda one: (
            one.hash == change.hash and one.session_id == change.session_id and one.expires_at > change.now
        ),
    )


@makes(r.AddEmailChange)
def _add_email_change(state: State, change: r.AddEmailChange) -> int:
    state.put(state.topic("email_change"), change.change.id, change.change)
    return 1


@makes(r.FinishEmailChange)
def _finish_email_change(state: State, change: r.FinishEmailChange) -> int:
    return set_all(
        state,
        "email_change",
        lambda one: one.id == change.id and one.account_id == change.account_id and one.state == "pending",
        state="done",
        done_at=change.now,
        undo_until=change.undo_until,
    )


@makes(r.UndoEmailChange)
def _undo_email_change(state: State, change: r.UndoEmailChange) -> int:
    one = state.topic("email_change").get(change.id)
    if (
        one is None
        or one.account_id != change.account_id
        or one.state != "done"
        or one.undo_until <= change.now
    ):
        return 0
    state.put(state.topic("email_change"), one.id, replace(one, state="undone"))
    set_all(
        state,
        "email_change",
        lambda later: (
            later.account_id == one.account_id
            and later.id != one.id
            and later.requested_at >= one.requested_at
            and later.state in ("pending", "done")
        ),
        state="void",
    )
    return 1


@makes(r.VoidEmailChanges)
def _void_email_changes(state: State, change: r.VoidEmailChanges) -> int:
    return set_all(
        state,
        "email_change",
        lambda one: one.account_id == change.account_id and one.state == "pending",
        state="void",
    )


@makes(r.StartRecovery)
def _start_recovery(state: State, change: r.StartRecovery) -> int:
    new = change.recovery
    waiting = find(
        state.topic("recovery"),
        lambda one: one.account_id == new.account_id and one.state == "waiting",
    )
    if waiting or new.id in state.topic("recovery"):
        return 0
    state.put(state.topic("recovery"), new.id, new)
    return 1


@makes(r.FinishRecovery)
def _finish_recovery(state: State, change: r.FinishRecovery) -> int:
    return set_all(
        state,
        "recovery",
        lambda one: (
            one.id == change.id
            and one.account_id == change.account_id
            and one.state == "waiting"
            and one.ripe_at <= change.now
        ),
        state="done",
    )


@makes(r.CancelRecovery)
def _cancel_recovery(state: State, change: r.CancelRecovery) -> int:
    return set_all(
        state,
        "recovery",
        lambda one: one.id == change.id and one.account_id == change.account_id and one.state == "waiting",
        state="cancelled",
    )


@makes(r.VoidRecoveries)
def _void_recoveries(state: State, change: r.VoidRecoveries) -> int:
    return set_all(
        state,
        "recovery",
        lambda one: one.account_id == change.account_id and one.state == "waiting",
        state="cancelled",
    )


@makes(r.PurgeAccounts)
def _purge_accounts(state: State, change: r.PurgeAccounts) -> int:
    expired = [one.id for one in state.topic("attempt").values() if one.expires_at <= change.now]
    for attempt_id in expired:
        drop_attempt(state, attempt_id)
    gone = len(expired)
    for name in ("pending", "interrupted"):
        gone += drop_all(state, name, lambda one: one.expires_at <= change.now)
    gone += drop_all(state, "link", lambda one: one.expires_at <= change.now - LINKS_KEPT_S)
    gone += drop_all(state, "identifier", lambda held: held[1] is not None and held[1] <= change.now)
    return gone

"""Subscriptions and suppressions, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secureacct.records.mailings import (
    EVERY_LIST,
    ClaimMailing,
    ConfirmSubscription,
    DropQueuedMails,
    EndSubscription,
    ForgetPending,
    LiftSuppression,
    StartSubscription,
    Subscription,
    Suppress,
)
from secureacct.stores.memory.held import holds
from secureacct.stores.memory.journal import MemoryBase, State, makes

holds("subscription", topic="subscription", person="account_id")


@makes(StartSubscription)
def _start(state: State, change: StartSubscription) -> int:
    subscriptions = state.topic("subscription")
    new = change.subscription
    key = (new.list_id, new.token)
    if key in subscriptions and subscriptions[key].state == "active":
        return 0
    state.put(subscriptions, key, new)
    return 1


@makes(ConfirmSubscription)
def _confirm(state: State, change: ConfirmSubscription) -> int:
    subscriptions = state.topic("subscription")
    key = (change.list_id, change.token)
    if key not in subscriptions or subscriptions[key].state != "pending":
        return 0
    proven = replace(subscriptions[key], state="active", since=change.since, opt_in=change.opt_in)
    state.put(subscriptions, key, proven)
    return 1


@makes(EndSubscription)
def _end(state: State, change: EndSubscription) -> int:
    subscriptions = state.topic("subscription")
    doomed = [
        (key, one)
        for key, one in subscriptions.items()
        if one.token in change.tokens and one.state != "ended" and change.list_id in (EVERY_LIST, one.list_id)
    ]
    for key, one in doomed:
        state.put(subscriptions, key, replace(one, state="ended", sealed=b""))
    return len(doomed)


@makes(Suppress)
def _suppress(state: State, change: Suppress) -> int:
    suppressions = state.topic("suppression")
    key = (change.list_id, change.token)
    if key in suppressions:
        return 0
    state.put(suppressions, key, (change.at, change.reason))
    return 1


@makes(LiftSuppression)
def _lift(state: State, change: LiftSuppression) -> int:
    suppressions = state.topic("suppression")
    asked = [(change.list_id, one) for one in change.tokens]
    doomed = [key for key in asked if key in suppressions and change.reason in (None, suppressions[key][1])]
    for key in doomed:
        state.drop(suppressions, key)
    return len(doomed)


def _suppressed(state: State, list_id: str, tokens: Sequence[bytes]) -> bool:
    suppressions = state.topic("suppression")
    return any((name, token) in suppressions for name in (list_id, EVERY_LIST) for token in tokens)


@makes(ClaimMailing)
def _claim(state: State, change: ClaimMailing) -> int:
    subscriptions = state.topic("subscription")
    key = (change.list_id, change.token)
    if key not in subscriptions or subscriptions[key].state != "active":
        return 0
    if _suppressed(state, change.list_id, (change.token, *change.suppression_tokens)):
        return 0
    state.put(subscriptions, key, replace(subscriptions[key], last_mailed_at=change.now))
    return 1


@makes(DropQueuedMails)
def _drop_queued(state: State, change: DropQueuedMails) -> int:
    doomed = [key for key, mail in state.outbox.items() if mail.kind in change.kinds]
    for key in doomed:
        state.drop(state.outbox, key)
    return len(doomed)


@makes(ForgetPending)
def _forget_pending(state: State, change: ForgetPending) -> int:
    subscriptions = state.topic("subscription")
    doomed = [
        key for key, one in subscriptions.items() if one.state == "pending" and one.since < change.before
    ]
    for key in doomed:
        state.drop(subscriptions, key)
    return len(doomed)


class MemoryMailings(MemoryBase):
    """Subscriptions and suppressions, in memory."""

    async def subscribers(
        self, list_id: str, *, after: bytes = b"", limit: int = 500
    ) -> Sequence[Subscription]:
        """See :class:`secureacct.ports.mailings.MailingReads`."""
        with self.state.lock:
            active = [
                one
                for one in self.state.topic("subscription").values()
                if one.list_id == list_id and one.state == "active" and one.token > after
            ]
        return sorted(active, key=lambda one: one.token)[:limit]

    async def subscription(self, list_id: str, tokens: Sequence[bytes]) -> Subscription | None:
        """See :class:`secureacct.ports.mailings.MailingReads`."""
        with self.state.lock:
            subscriptions = self.state.topic("subscription")
            found = [subscriptions[list_id, one] for one in tokens if (list_id, one) in subscriptions]
        return min(found, key=lambda one: (one.state != "active", -one.since), default=None)

    async def subscriptions_of(self, account_id: str) -> Sequence[Subscription]:
        """See :class:`secureacct.ports.mailings.MailingReads`."""
        with self.state.lock:
            own = [one for one in self.state.topic("subscription").values() if one.account_id == account_id]
        return sorted(own, key=lambda one: (one.list_id, one.token))

    async def suppressed(self, list_id: str, tokens: Sequence[bytes]) -> bool:
        """See :class:`secureacct.ports.mailings.MailingReads`."""
        with self.state.lock:
            return _suppressed(self.state, list_id, tokens)

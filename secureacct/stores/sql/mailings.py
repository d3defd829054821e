"""Subscriptions and suppressions, in SQL.

``ClaimMailing`` is one UPDATE whose WHERE asks for both: that the subscription is active, and that
nothing suppresses it. The end of a subscription updates the same row, so the two cannot pass each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import sqlalchemy as sa

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
from secureacct.stores.sql.base import AwaitingBase, BlockingBase, in_async_tx, in_tx, metadata
from secureacct.stores.sql.held import holds
from secureacct.stores.sql.journal import makes, outbox
from secureacct.stores.sql.upsert import count_of, insert_into

subscription = sa.Table(
    "sa_subscription",
    metadata,
    sa.Column("list_id", sa.Text, primary_key=True),
    sa.Column("token", sa.LargeBinary, primary_key=True),
    sa.Column("account_id", sa.Text, index=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("opt_in", sa.Integer, nullable=False),
    sa.Column("last_mailed_at", sa.BigInteger, nullable=False, server_default="0"),
)
holds("subscription", subscription, person=subscription.c.account_id)

suppression = sa.Table(
    "sa_suppression",
    metadata,
    sa.Column("token", sa.LargeBinary, primary_key=True),
    sa.Column("list_id", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)


@makes(StartSubscription)
def _start(connection: sa.Connection, change: StartSubscription) -> int:
    values = {one.name: getattr(change.subscription, one.name) for one in fields(change.subscription)}
    new = insert_into(connection, subscription).values(values)
    again = new.on_conflict_do_update(
        index_elements=[subscription.c.list_id, subscription.c.token],
        set_={name: new.excluded[name] for name in ("account_id", "sealed", "state", "since", "opt_in")},
        where=subscription.c.state != "active",
    )
    return count_of(connection, again)


@makes(ConfirmSubscription)
def _confirm(connection: sa.Connection, change: ConfirmSubscription) -> int:
    return count_of(
        connection,
        sa.update(subscription)
        .where(
            subscription.c.list_id == change.list_id,
            subscription.c.token == change.token,
            subscription.c.state == "pending",
        )
        .values(state="active", since=change.since, opt_in=change.opt_in),
    )


@makes(EndSubscription)
def _end(connection: sa.Connection, change: EndSubscription) -> int:
    end = (
        sa.update(subscription)
        .where(subscription.c.token.in_(change.tokens), subscription.c.state != "ended")
        .values(state="ended", sealed=b"")
    )
    if change.list_id != EVERY_LIST:
        end = end.where(subscription.c.list_id == change.list_id)
    return count_of(connection, end)


@makes(Suppress)
def _suppress(connection: sa.Connection, change: Suppress) -> int:
    values = {one.name: getattr(change, one.name) for one in fields(change)}
    return count_of(connection, insert_into(connection, suppression).values(values).on_conflict_do_nothing())


@makes(LiftSuppression)
def _lift(connection: sa.Connection, change: LiftSuppression) -> int:
    lift = sa.delete(suppression).where(
        suppression.c.list_id == change.list_id, suppression.c.token.in_(change.tokens)
    )
    if change.reason is not None:
        lift = lift.where(suppression.c.reason == change.reason)
    return count_of(connection, lift)


def _suppressing(list_id: str, tokens: Sequence[bytes]) -> sa.Exists:
    return sa.exists().where(
        suppression.c.token.in_(tokens), suppression.c.list_id.in_((list_id, EVERY_LIST))
    )


@makes(ClaimMailing)
def _claim(connection: sa.Connection, change: ClaimMailing) -> int:
    return count_of(
        connection,
        sa.update(subscription)
        .where(
            subscription.c.list_id == change.list_id,
            subscription.c.token == change.token,
            subscription.c.state == "active",
            ~_suppressing(change.list_id, (change.token, *change.suppression_tokens)),
        )
        .values(last_mailed_at=change.now),
    )


@makes(DropQueuedMails)
def _drop_queued(connection: sa.Connection, change: DropQueuedMails) -> int:
    return count_of(connection, sa.delete(outbox).where(outbox.c.kind.in_(change.kinds)))


@makes(ForgetPending)
def _forget_pending(connection: sa.Connection, change: ForgetPending) -> int:
    late = sa.delete(subscription).where(
        subscription.c.state == "pending", subscription.c.since < change.before
    )
    return count_of(connection, late)


def _subscribers(
    connection: sa.Connection, list_id: str, *, after: bytes = b"", limit: int = 500
) -> Sequence[Subscription]:
    query = (
        sa.select(subscription)
        .where(
            subscription.c.list_id == list_id,
            subscription.c.token > after,
            subscription.c.state == "active",
        )
        .order_by(subscription.c.token)
        .limit(limit)
    )
    return [Subscription(**row) for row in connection.execute(query).mappings()]


def _subscription(connection: sa.Connection, list_id: str, tokens: Sequence[bytes]) -> Subscription | None:
    query = sa.select(subscription).where(subscription.c.list_id == list_id, subscription.c.token.in_(tokens))
    found = [Subscription(**row) for row in connection.execute(query).mappings()]
    return min(found, key=lambda one: (one.state != "active", -one.since), default=None)


def _subscriptions_of(connection: sa.Connection, account_id: str) -> Sequence[Subscription]:
    query = sa.select(subscription).where(subscription.c.account_id == account_id)
    query = query.order_by(subscription.c.list_id, subscription.c.token)
    return [Subscription(**row) for row in connection.execute(query).mappings()]


def _suppressed(connection: sa.Connection, list_id: str, tokens: Sequence[bytes]) -> bool:
    return bool(connection.execute(sa.select(_suppressing(list_id, tokens))).scalar())


class BlockingMailings(BlockingBase):
    """Subscriptions and suppressions, on a blocking engine."""

    subscribers = in_tx(_subscribers)
    subscription = in_tx(_subscription)
    subscriptions_of = in_tx(_subscriptions_of)
    suppressed = in_tx(_suppressed)


class AwaitingMailings(AwaitingBase):
    """Subscriptions and suppressions, on an awaiting engine."""

    subscribers = in_async_tx(_subscribers)
    subscription = in_async_tx(_subscription)
    subscriptions_of = in_async_tx(_subscriptions_of)
    suppressed = in_async_tx(_suppressed)

"""Mailings for blocking and for awaiting programs: one line for each step."""

from __future__ import annotations

from secureacct._faces import awaiting, blocking, refuse_other_kind
from secureacct.commitments import mailings
from secureacct.commitments.mailings import MailingParts, UnsubscribeOffer


class _Mailings:
    parts: MailingParts

    def read_unsubscribe(self, token: str) -> UnsubscribeOffer:
        """What a link would end. No I/O.

        :raises BadToken, TokenExpired: not a link of ours for this.
        """
        return mailings.read_unsubscribe(self.parts, token)


class Mailings(_Mailings):
    """Mailings, for blocking programs."""

    def __init__(self, parts: MailingParts) -> None:
        """:raises ConfigurationError: the store is an awaiting one."""
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    subscribe = blocking(mailings.subscribe)
    confirm = blocking(mailings.confirm)
    unsubscribe = blocking(mailings.unsubscribe)
    stop = blocking(mailings.stop)
    complain = blocking(mailings.complain)
    lists_of = blocking(mailings.lists_of)
    subscribers = blocking(mailings.subscribers)
    queue_mailing = blocking(mailings.queue_mailing)
    send_mailing = blocking(mailings.send_mailing)


class AsyncMailings(_Mailings):
    """Mailings, for awaiting programs."""

    def __init__(self, parts: MailingParts) -> None:
        """:raises ConfigurationError: the store is a blocking one."""
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    subscribe = awaiting(mailings.subscribe)
    confirm = awaiting(mailings.confirm)
    unsubscribe = awaiting(mailings.unsubscribe)
    stop = awaiting(mailings.stop)
    complain = awaiting(mailings.complain)
    lists_of = awaiting(mailings.lists_of)
    subscribers = awaiting(mailings.subscribers)
    queue_mailing = awaiting(mailings.queue_mailing)
    send_mailing = awaiting(mailings.send_mailing)

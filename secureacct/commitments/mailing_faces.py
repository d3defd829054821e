"""Mailings for blocking and for awaiting programs: one line for each step."""

from __future__ import annotations

from secureacct._faces import awaiting, blocking, refuse_other_kind
from secureacct.commitments import mailing_sending, mailing_stops, mailings
from secureacct.commitments.mailing_stops import UnsubscribeOffer
from secureacct.commitments.mailings import MailingParts


class _Mailings:
    parts: MailingParts

    def read_unsubscribe(self, token: str) -> UnsubscribeOffer:
        """What a link would end. No I/O.

        :raises BadToken, TokenExpired: not a link of ours for this.
        """
        return mailing_stops.read_unsubscribe(self.parts, token)


class Mailings(_Mailings):
    """Mailings, for blocking programs."""

    def __init__(self, parts: MailingParts) -> None:
        """:raises ConfigurationError: the store is an awaiting one."""
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    subscribe = blocking(mailings.subscribe)
    confirm = blocking(mailings.confirm)
    unsubscribe = blocking(mailing_stops.unsubscribe)
    stop = blocking(mailing_stops.stop)
    complain = blocking(mailing_stops.complain)
    lists_of = blocking(mailings.lists_of)
    subscribers = blocking(mailing_sending.subscribers)
    queue_mailing = blocking(mailing_sending.queue_mailing)
    send_mailing = blocking(mailing_sending.send_mailing)


class AsyncMailings(_Mailings):
    """Mailings, for awaiting programs."""

    def __init__(self, parts: MailingParts) -> None:
        """:raises ConfigurationError: the store is a blocking one."""
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    subscribe = awaiting(mailings.subscribe)
    confirm = awaiting(mailings.confirm)
    unsubscribe = awaiting(mailing_stops.unsubscribe)
    stop = awaiting(mailing_stops.stop)
    complain = awaiting(mailing_stops.complain)
    lists_of = awaiting(mailings.lists_of)
    subscribers = awaiting(mailing_sending.subscribers)
    queue_mailing = awaiting(mailing_sending.queue_mailing)
    send_mailing = awaiting(mailing_sending.send_mailing)

"""Mailings for blocking and for awaiting programs: one line for each step."""

from __future__ import annotations

from typing import Final

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

    subscribe: Final = blocking(mailings.subscribe)
    confirm: Final = blocking(mailings.confirm)
    unsubscribe: Final = blocking(mailing_stops.unsubscribe)
    stop: Final = blocking(mailing_stops.stop)
    complain: Final = blocking(mailing_stops.complain)
    lists_of: Final = blocking(mailings.lists_of)
    subscribers: Final = blocking(mailing_sending.subscribers)
    queue_mailing: Final = blocking(mailing_sending.queue_mailing)
    send_mailing: Final = blocking(mailing_sending.send_mailing)


class AsyncMailings(_Mailings):
    """Mailings, for awaiting programs."""

    def __init__(self, parts: MailingParts) -> None:
        """:raises ConfigurationError: the store is a blocking one."""
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    subscribe: Final = awaiting(mailings.subscribe)
    confirm: Final = awaiting(mailings.confirm)
    unsubscribe: Final = awaiting(mailing_stops.unsubscribe)
    stop: Final = awaiting(mailing_stops.stop)
    complain: Final = awaiting(mailing_stops.complain)
    lists_of: Final = awaiting(mailings.lists_of)
    subscribers: Final = awaiting(mailing_sending.subscribers)
    queue_mailing: Final = awaiting(mailing_sending.queue_mailing)
    send_mailing: Final = awaiting(mailing_sending.send_mailing)

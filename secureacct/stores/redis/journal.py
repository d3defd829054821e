"""Changes committed to Redis or Valkey: what is claimed once, then sessions, then what is put or dropped.

There is no transaction over several keys, so each claim on something that waits is a call of its own, and
comes first: a claim that is lost has changed nothing but those before it in the tuple, which are used up.
"""

from __future__ import annotations

from collections.abc import Sequence

from secureacct.errors import ConfigurationError
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail
from secureacct.records.waiting import CLAIMS
from secureacct.stores.redis.sessions import RedisSessions
from secureacct.stores.redis.waiting import OTHERS, RedisWaiting


class RedisJournal(RedisSessions, RedisWaiting):
    """The one door of changes."""

    async def commit(
        self, changes: Sequence[Change], *, events: Sequence[Event] = (), mails: Sequence[OutboxMail] = ()
    ) -> Committed | Lost:
        """See :class:`secureacct.ports.journal.Journal`. Sessions of one account may be claimed in it; no
        events, no mails.

        :raises ConfigurationError: a change that this store does not keep, events or mails.
        :raises StoreUnavailable: the server did not answer; what came before may have happened.
        """
        if events or mails:
            raise ConfigurationError("Redis keeps no events and no mails; commit them to the SQL store")
        claims = [one for one in changes if isinstance(one, CLAIMS)]
        others = [one for one in changes if isinstance(one, OTHERS)]
        sessions = [one for one in changes if not isinstance(one, CLAIMS + OTHERS)]
        calls = self.planned(sessions)  # before anything is done: it refuses what is not ours
        touched: dict[int, int] = {}
        for claim in claims:
            touched[id(claim)] = await self.claim_waiting(claim)
            if not touched[id(claim)]:
                return Lost(claim)
        if sessions:
            done = await self.commit_sessions(sessions, calls)
            if isinstance(done, Lost):
                return done
            touched.update(zip(map(id, sessions), done.counts, strict=True))
        for change in others:
            touched[id(change)] = await self.change_waiting(change)
            if change.must_hold and not touched[id(change)]:
                return Lost(change)
        return Committed(tuple(touched[id(change)] for change in changes))

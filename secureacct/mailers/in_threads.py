"""A mailer that blocks, for callers that must not wait."""

from __future__ import annotations

import asyncio
from typing import Literal

from secureacct._faces import run_inline
from secureacct.ports.mailer import Mailer
from secureacct.records.mail import Message


class InThreads:
    """Runs another mailer's ``send`` in a thread: SMTP takes far longer than the hop.

    :param mailer: one whose ``send`` never suspends.
    """

    kind: Literal["awaiting"] = "awaiting"

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    async def send(self, message: Message) -> None:
        """Hand one mail over. Raises what the mailer inside raises."""
        await asyncio.to_thread(lambda: run_inline(self._mailer.send(message)))

    def __repr__(self) -> str:
        return f"<InThreads {self._mailer!r}>"

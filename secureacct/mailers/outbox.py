"""Mails that stay in memory, for tests and for the demo's ``/dev/outbox``."""

from __future__ import annotations

import threading
from collections import deque
from typing import Literal

from secureacct.errors import ConfigurationError
from secureacct.records.mail import Message

KEPT = 1000  # mails; the oldest go first


class OutboxMailer:
    """Keeps the newest mails of this process.

    :param keep: how many.
    """

    kind: Literal["both"] = "both"

    def __init__(self, *, keep: int = KEPT) -> None:
        if keep < 1:
            raise ConfigurationError("an outbox keeps at least one mail")
        self._lock = threading.Lock()
        self._kept: deque[Message] = deque(maxlen=keep)

    async def send(self, message: Message) -> None:
        """Keep one mail."""
        with self._lock:
            self._kept.appendleft(message)

    def messages(self, to: str | None = None) -> tuple[Message, ...]:
        """What is kept, newest first.

        :param to: only mails to this address, in this spelling.
        """
        with self._lock:
            kept = tuple(self._kept)
        return kept if to is None else tuple(message for message in kept if message.to == to)

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._kept.clear()

    def __repr__(self) -> str:
        return f"<OutboxMailer with {len(self._kept)} mails>"

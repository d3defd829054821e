"""Mails on the console, for trying out. The links in them open accounts: not for production."""

from __future__ import annotations

import sys
import unicodedata
from typing import Literal, TextIO

from secureacct.records.mail import Message


class ConsoleMailer:
    """Writes the text of each mail to a stream.

    :param stream: standard error unless given.
    """

    kind: Literal["both"] = "both"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, message: Message) -> None:
        """Write one mail. Control characters are left out, so that it cannot play with the terminal."""
        stream = sys.stderr if self._stream is None else self._stream
        lines = (f"To: {message.to}", f"Subject: {message.subject}", "", *message.text.splitlines())
        stream.write("\n".join(["", "-- mail --", *(_plain(line) for line in lines), "-- end --", ""]))
        stream.flush()

    def __repr__(self) -> str:
        return "<ConsoleMailer>"


def _plain(line: str) -> str:
    return "".join(char for char in line if unicodedata.category(char) not in ("Cc", "Cf", "Cs"))

"""Where checkpoints go: out of reach of whoever can write to the database.

Rule 1: a sink either has the note for good when ``deliver`` returns, or raises.
Rule 2: a note may arrive twice; never is one skipped.
"""

from __future__ import annotations

import json
import logging.handlers
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from secureacct.audit.errors import SinkUnavailable
from secureacct.logs import escape
from secureacct.records.audit import Segment

MOST_LINE_BYTES = 65_536  # bytes of one line of a checkpoint file


class Sink(Protocol):
    """An outside place for checkpoints. Write one for your own: an object store that keeps versions,
    a mailbox, another team's log. It may block; sealing runs beside requests, not in them."""

    @property
    def name(self) -> str:
        """What the log calls it."""
        ...

    def deliver(self, segment: Segment) -> None:
        """Keep ``segment.note``.

        :raises SinkUnavailable: it was not kept; it will be offered again.
        """
        ...


class FileSink:
    """One JSON line per note, appended and synced to disk, readable by its owner only.

    Put the file on another machine's disk, or where the app may append and not rewrite (``chattr +a``)."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Final = Path(path)

    @property
    def name(self) -> str:
        """``file``."""
        return "file"

    def deliver(self, segment: Segment) -> None:
        """Append the note.

        :raises SinkUnavailable: the file cannot be written.
        """
        line = json.dumps({"segment": segment.number, "note": segment.note}) + "\n"
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                written = os.write(handle, line.encode())
                if written != len(line):
                    raise OSError("short write")
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise SinkUnavailable(f"the checkpoint file took no note ({type(error).__name__})") from None


def notes_in(path: str | os.PathLike[str]) -> Iterator[str]:
    """The notes of a checkpoint file, in its order. A line that is none gives an empty note, which
    the verifier reports; the last line may be cut off by a crash and is skipped if it is.

    :raises OSError: the file cannot be read.
    """
    with Path(path).open("rb") as lines:
        for line in lines:
            whole = line.endswith(b"\n")
            try:
                note = json.loads(line[:MOST_LINE_BYTES])["note"]
            except (ValueError, KeyError, TypeError):
                if whole:
                    yield ""
                continue
            yield note if isinstance(note, str) else ""


class SyslogSink:
    """One line per note to the system log (facility auth), from where it is sent on."""

    def __init__(self, address: str | tuple[str, int] = "/dev/log") -> None:
        self._address = address

    @property
    def name(self) -> str:
        """``syslog``."""
        return "syslog"

    def deliver(self, segment: Segment) -> None:
        """Send the note as one escaped line.

        :raises SinkUnavailable: nobody listens at the address.
        """
        failed: list[str] = []

        class Handler(logging.handlers.SysLogHandler):
            def handleError(self, record: logging.LogRecord) -> None:
                failed.append("emit")

        try:
            handler = Handler(address=self._address, facility=logging.handlers.SysLogHandler.LOG_AUTH)
        except OSError as error:
            raise SinkUnavailable(f"no system log ({type(error).__name__})") from None
        try:
            text = f"secureacct audit checkpoint {escape(segment.note, most=None)}"
            handler.emit(logging.LogRecord("secureacct.audit", logging.INFO, "", 0, text, None, None))
        finally:
            handler.close()
        if failed:
            raise SinkUnavailable("the system log took no note")

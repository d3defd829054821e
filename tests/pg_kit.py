"""A PostgreSQL that a test may kill, every process of it at once, and start again on what it left."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers


class Killable:
    """One server.

    :param url: the SQLAlchemy URL of its maintenance database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._folder = Path(url.rpartition("host=")[2])
        self._started: list[servers.Server] = []  # all of them: a guard that is let go removes the folder

    def kill(self) -> None:
        """``kill -9``: the first process and its children, none of which can write a last word."""
        first = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        everyone = [first, *_children(first)]
        for process in everyone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        give_up = time.monotonic() + servers.STOP_WITHIN_S
        while any(_runs(process) for process in everyone) and time.monotonic() < give_up:
            time.sleep(0.01)
        # our guard leaves the dead process in the table, where PostgreSQL would take it for a living one
        for lock in [self._folder / "data" / "postmaster.pid", *self._folder.glob(".s.PGSQL.*")]:
            lock.unlink()

    def start(self) -> None:
        """Start it again with the options it had; returns when it has recovered and answers."""
        command = shlex.split((self._folder / "data" / "postmaster.opts").read_text())
        root = os.geteuid() == 0
        drop: dict[str, Any] = (
            {"user": servers.NOBODY, "group": servers.NOBODY, "extra_groups": []} if root else {}
        )
        again = servers.Server(command, folder=self._folder, drop=drop)
        self._started.append(again)
        again.wait_until(lambda: servers._postgres_answers(self._folder))

    def stop(self) -> None:
        """End what :meth:`start` began."""
        for server in self._started:
            server.stop()


@contextlib.contextmanager
def killable() -> Iterator[Killable]:
    """A server of our own; skips where another one was given to the tests."""
    if os.environ.get("SECUREACCT_TEST_PG_URL"):
        pytest.skip("the server given is not ours to kill")
    with servers.postgres() as url:
        server = Killable(url)
        try:
            yield server
        finally:
            server.stop()


def _children(of: int) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(place.read_text().rpartition(")")[2].split()[1]) == of:
                found.append(int(place.parent.name))
    return found


def _runs(process: int) -> bool:
    """Whether it is there, and not only as something that nobody has asked after yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

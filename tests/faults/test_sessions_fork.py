"""Workers that are forked from a process whose connections are open: each opens its own.

With gunicorn, too, where it is importable; it is no dependency, not even of the tests:

    uv run --no-sync --with gunicorn python -m pytest tests/faults/test_sessions_fork.py
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests import servers

pytestmark = pytest.mark.faults

HAS_GUNICORN = importlib.util.find_spec("gunicorn") is not None
WORKERS = 3

FORK = textwrap.dedent(
    """
    import os, sys, threading
    from secureacct.sessions import Sessions
    from secureacct.stores.sql import SqlStore, open_engine

    store = SqlStore(open_engine(sys.argv[1]))
    store.create_schema()
    sessions = Sessions(store)
    token = sessions.start("42")
    assert sessions.load(token) is not None          # the parent's own connections are open
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            store.engine.dispose(close=False)         # as SQLAlchemy asks for; ours needs no help
            ok = all(sessions.load(token) is not None for _ in range(200))
            os._exit(0 if ok else 1)
        children.append(child)
        assert sessions.load(token) is not None
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sessions.load(token) is not None
    assert sessions.end(token)
    assert sessions.load(token) is None
    store.engine.dispose()
    print("whole")
    """
)

APP = textwrap.dedent(
    """
    import os
    from secureacct.errors import StoreUnavailable
    from secureacct.sessions import Sessions
    from secureacct.stores.sql import SqlStore

    store = SqlStore.from_url(os.environ["DATABASE"])
    store.create_schema()
    sessions = Sessions(store)
    token = sessions.start("42")
    if sessions.load(token) is None:                 # opens a connection in the parent
        raise SystemExit("no session")

    def app(environ, start_response):
        given = environ["PATH_INFO"].removeprefix("/")
        if given == "token":
            status, body = "200 OK", token
        elif environ["REQUEST_METHOD"] == "DELETE":
            status, body = "200 OK", str(sessions.end(given))
        else:
            found = sessions.load(given)
            status, body = ("200 OK" if found else "401 Unauthorized"), str(os.getpid())
        start_response(status, [("Content-Length", str(len(body)))])
        return [body.encode()]
    """
)

SETTINGS = textwrap.dedent(
    """
    def post_fork(server, worker):
        from app import store
        store.engine.dispose(close=False)            # as SQLAlchemy asks for; ours needs no help
    """
)


def _by_itself(url: str) -> None:
    """Children of a process that has checked already, and their parent meanwhile."""
    command = [sys.executable, "-W", "ignore", "-c", FORK, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "whole", done.stderr[-2000:]


class _Connection(http.client.HTTPConnection):
    """HTTP on a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = str(path)

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Site:
    """The app behind gunicorn, in a folder of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "app.py").write_text(APP)
        (folder / "settings.py").write_text(SETTINGS)
        self._socket = folder / "s"
        options = ["--preload", "-w", str(WORKERS), "-b", f"unix:{self._socket}", "-c", "settings.py"]
        root = str(Path(__file__).parents[2])
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "gunicorn", *options, "--log-level", "debug", "app:app"],
            cwd=folder,
            env={**os.environ, "DATABASE": url, "PYTHONPATH": os.pathsep.join([root, *sys.path])},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        """The status and the text of an answer."""
        connection = _Connection(self._socket)
        try:
            connection.request(method, f"/{path}")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def once_up(self) -> str:
        """The token that the parent began, when the site answers."""
        give_up = time.monotonic() + servers.START_WITHIN_S
        while time.monotonic() < give_up and self.process.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                return self.ask("token")[1]
            time.sleep(0.05)
        raise RuntimeError(Path(self.log.name).read_text()[-2000:])

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(servers.STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        finally:
            self.log.close()


def _behind_gunicorn(url: str) -> None:
    """Workers, one of them killed and replaced; what ended in one of them has ended in all."""
    with servers.short_folder() as folder, contextlib.closing(_Site(folder, url)) as site:
        token = site.once_up()
        answers = _many(site, token)
        assert {status for status, _ in answers} == {200}
        workers = {int(text) for _, text in answers}
        assert len(workers) > 1
        os.kill(workers.pop(), signal.SIGKILL)
        assert {status for status, _ in _many(site, token)} == {200}
        assert site.ask(token, "DELETE") == (200, "True")
        assert {status for status, _ in _many(site, token)} == {401}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("forks", [_by_itself, _behind_gunicorn] if HAS_GUNICORN else [_by_itself])
def test_workers_forked_after_the_first_check(
    forks: Callable[[str], None], kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Workers of a process that has checked already (gunicorn --preload) open connections of their own."""
    forks(f"sqlite:///{tmp_path / 'a.db'}" if kind == "sqlite" else request.getfixturevalue("pg_database"))


def _many(site: _Site, token: str) -> list[tuple[int, str]]:
    """Three hundred checks, eight at once. What a killed worker left unanswered is asked again."""

    def one(_: int) -> tuple[int, str]:
        for _ in range(10):
            with suppress(OSError, http.client.HTTPException):
                return site.ask(token)
        return 0, ""

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(one, range(300)))

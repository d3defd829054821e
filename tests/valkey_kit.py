"""Valkey servers that know each other: a primary with a replica, and a cluster; and ones that restart.

They name each other by address, so unlike the tests' other servers they listen: on loopback only, behind a
password made for the run. Their folders and their end are those of ``tests/servers.py``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis

from tests.proxy_kit import Proxy, proxy
from tests.servers import START_WITHIN_S, Server, short_folder, skip_for, valkey_binary

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)  # below those that systems hand out for outgoing connections
SLOTS = 16_384  # of a cluster


_given: set[int] = set()  # ports of servers that are yet to start are free to look at, and taken


def free_port() -> int:
    """A TCP port of loopback that nobody listens on, and that was not given before."""
    while True:
        port = random.choice(PORTS)
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            _given.add(port)
            return port


class Valkey:
    """A server on TCP that a test may kill and start again on what it left on its disk."""

    def __init__(self, folder: Path, *settings: str, password: str = "") -> None:
        self.folder = folder
        self.port, self.bus_port = free_port(), free_port()
        self.password = password or secrets.token_hex(16)
        self._settings = settings
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where it is, with the password."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}"

    @contextlib.contextmanager
    def client(self) -> Iterator[redis.Redis]:
        """A client of it that waits two seconds."""
        with redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2) as client:
            yield client

    def start(self) -> Valkey:
        """Start it, or start it again; return when it answers."""
        binary = valkey_binary()
        if binary is None or importlib.util.find_spec("redis") is None:
            skip_for("valkey")
        self.stop()
        data, run = self.folder / "data", self.folder / "run"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        run.mkdir(mode=0o700)  # gone with the process; the data stay
        configuration = run / "conf"
        lines = [f"bind {LOOPBACK}", f"port {self.port}", f"dir {data}", *self._settings]
        if "cluster-enabled yes" in self._settings:
            lines += [f"cluster-port {self.bus_port}"]
        lines += [f"requirepass {self.password}", f"masterauth {self.password}"]
        configuration.write_text("\n".join(lines))  # not on the command line, where others read it
        self._server = Server([binary, configuration], folder=run, drop={})
        self._server.wait_until(self._answers)
        return self

    def _answers(self) -> bool:
        with self.client() as client, contextlib.suppress(redis.RedisError):
            return bool(client.ping())
        return False

    def ask(self, *command: Any) -> Any:
        """One command, one reply."""
        with self.client() as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        """End it as a power cut would: nothing more is written or sent."""
        os.kill(int(self.ask("INFO", "server")["process_id"]), signal.SIGKILL)

    def stop(self) -> None:
        """End it."""
        if self._server is not None:
            self._server.stop()
            self._server = None


@contextlib.contextmanager
def valkeys(count: int, *settings: str) -> Iterator[list[Valkey]]:
    """Running servers with one password. They keep nothing on disk, unless the settings say so."""
    password = secrets.token_hex(16)
    with short_folder() as outer, contextlib.ExitStack() as ends:
        servers = [Valkey(outer / str(number), *settings, password=password) for number in range(count)]
        for server in servers:
            ends.callback(server.stop)
            server.start()
        yield servers


@contextlib.contextmanager
def cluster(primaries: int = 3) -> Iterator[Valkey]:
    """A cluster whose slots are all served; gives one of its members."""
    with valkeys(primaries, 'save ""', "cluster-enabled yes", "cluster-node-timeout 5000") as servers:
        each = -(-SLOTS // primaries)
        for number, server in enumerate(servers):
            last = min((number + 1) * each, SLOTS) - 1
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            server.ask("CLUSTER", "ADDSLOTSRANGE", number * each, last)
            server.ask("CLUSTER", "MEET", LOOPBACK, servers[0].port, servers[0].bus_port)
        until(lambda: all(_is_whole(server, primaries) for server in servers))
        yield servers[0]


@contextlib.contextmanager
def primary_and_replica() -> Iterator[tuple[Valkey, Valkey, Proxy]]:
    """A primary, its replica that has caught up, and what lies between them."""
    with valkeys(2, 'save ""', "repl-diskless-sync-delay 0") as (primary, replica):
        port = free_port()
        with proxy((LOOPBACK, port), (LOOPBACK, primary.port)) as between:
            replica.ask("REPLICAOF", LOOPBACK, port)
            until(lambda: replica.ask("INFO", "replication")["master_link_status"] == "up")
            catch_up(primary, replica)
            yield primary, replica, between


def catch_up(primary: Valkey, replica: Valkey) -> None:
    """Return when the replica has whatever the primary has now."""
    sent = primary.ask("INFO", "replication")["master_repl_offset"]
    until(lambda: replica.ask("INFO", "replication")["slave_repl_offset"] >= sent)


def _is_whole(server: Valkey, primaries: int) -> bool:
    told = server.ask("CLUSTER", "INFO")
    return b"cluster_state:ok" in told and b"cluster_known_nodes:%d" % primaries in told


def until(true: Callable[[], object]) -> None:
    """Return when it is true.

    :raises TimeoutError: it was not within 30 s.
    """
    give_up = time.monotonic() + START_WITHIN_S
    while not true():
        if time.monotonic() > give_up:
            raise TimeoutError("the servers did not agree in time")
        time.sleep(0.02)

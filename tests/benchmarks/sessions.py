"""What a session costs: the check, the writes, the bytes.

    python tests/benchmarks/sessions.py [--only check,postgres,...] [--rows 1000000] [--rounds 15]

Ratios are medians of one run with all sides in turns. The last columns are the goal and whether it was
reached. Sections whose packages or servers are missing say so. ``--rows 100000`` is a quick look.

Flask-Security and Flask-Session are in the ``bench`` group (``./run bench sessions`` installs it), wrk and
gunicorn are not: ``apt install wrk``, and

    uv run --no-sync --with gunicorn python tests/benchmarks/sessions.py --only serve
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from secureacct._faces import run_inline
from secureacct.sessions import Sessions
from secureacct.sessions.token import key_of
from secureacct.stores.sql import SqlStore
from secureacct.stores.sql.fast_drivers import CHECK_FORMAT, CHECK_QMARK
from secureacct.stores.sql.fast_path import split
from tests.benchmarks._session_requests import request, serve
from tests.benchmarks._session_scale import everywhere, insert, purge, scale, size
from tests.benchmarks._session_stores import fill, postgres_store, sqlite_store
from tests.benchmarks._table import head, in_turns, one_core, row, run, us


def check(_rows: int) -> None:
    """A cookie's value to an identity, on SQLite."""
    head("One check on SQLite: token to session")
    from flask import Flask
    from flask.sessions import SecureCookieSessionInterface
    from flask.wrappers import Request
    from werkzeug.test import EnvironBuilder

    with sqlite_store() as store:
        sessions = Sessions(store)
        fill(store, 1000, now=int(time.time()))
        token = sessions.start("42", factors=["password"])
        path = store.engine.url.database
        raw = sqlite3.connect(str(path), isolation_level=None)
        app = Flask("bench")
        app.secret_key = os.urandom(32)
        interface = SecureCookieSessionInterface()
        signer = interface.get_signing_serializer(app)
        assert signer is not None
        value = signer.dumps({"_user_id": "42", "_fresh": True, "_id": "a" * 128})
        request = Request(EnvironBuilder(headers=[("Cookie", f"session={value}")]).get_environ())
        assert request.cookies["session"] == value

        def limit() -> object:
            key = hashlib.sha256(token.encode()).digest()  # what any check must do: one hash, one row
            hour, lookup = split(key_of(token) or key)
            return raw.execute(CHECK_QMARK, (hour, lookup)).fetchone()

        def bare() -> object:
            hashlib.sha256(token.encode()).digest()
            return raw.execute(CHECK_QMARK, where).fetchone()

        where = split(key_of(token) or b"")
        times = in_turns(
            500,
            {
                "raw": bare,
                "ours": lambda: sessions.load(token),
                "flask": lambda: interface.open_session(app, request),
                "engine": lambda: run_inline(_through_engine(store, token)),
            },
        )
        assert sessions.load(token) is not None
        assert limit() is not None
        raw.close()
    ours, base, flask = times["ours"], times["raw"], times["flask"]
    row("limit: SHA-256 and the same prepared SELECT in sqlite3", us(base))
    row("ours, Sessions.load", f"{us(ours)} = {ours / base:.2f}", "<= 2.0 of the limit", ok=ours <= 2 * base)
    row("Flask's signed cookie, open_session", us(flask))
    row("ours against Flask's cookie", f"{ours / flask:.2f}", "<= 0.9", ok=ours <= 0.9 * flask)
    row("the same SELECT through engine.begin() of SQLAlchemy", us(times["engine"]))


async def _through_engine(store: SqlStore, token: str) -> object:
    from secureacct.stores.sql.fast_path import _through_engine

    with store.transaction() as connection:
        return _through_engine(connection, key_of(token) or b"")


def postgres(_rows: int) -> None:
    """The same on PostgreSQL, against psycopg's own pool."""
    head("One check on PostgreSQL")
    from psycopg_pool import ConnectionPool

    with one_core(), postgres_store() as store:
        sessions = Sessions(store)
        fill(store, 1000, now=int(time.time()))
        token = sessions.start("42", factors=["password"])
        where = split(key_of(token) or b"")
        url = store.engine.url
        conninfo = f"host={url.query['host']} user={url.username} dbname={url.database}"
        with ConnectionPool(conninfo, kwargs={"autocommit": True}, min_size=1) as pool:

            def pooled() -> object:
                with pool.connection() as connection:
                    return connection.execute(CHECK_FORMAT, where, prepare=True).fetchone()

            times = in_turns(
                200,
                {
                    "pool": pooled,
                    "ours": lambda: sessions.load(token),
                    "engine": lambda: run_inline(_through_engine(store, token)),
                },
            )
    ours, base = times["ours"], times["pool"]
    row("psycopg's pool, prepared SELECT, autocommit", us(base))
    row("ours, Sessions.load", f"{us(ours)} = {ours / base:.2f}", "<= 1.5", ok=ours <= 1.5 * base)
    row("the same SELECT through engine.begin() of SQLAlchemy", us(times["engine"]))


def valkey(_rows: int) -> None:
    """The same on Valkey, against one GETEX of redis-py."""
    head("One check on Valkey")
    import redis

    from secureacct.stores.redis import RedisStore
    from tests import servers

    with one_core(), servers.valkey() as url, redis.Redis.from_url(url) as client:
        store = RedisStore(client)
        sessions = Sessions(store)
        token = sessions.start("42", factors=["password"])
        client.set("x", b"x" * 64)
        times = in_turns(
            200,
            {"getex": lambda: client.getex("x", ex=3600), "ours": lambda: sessions.load(token)},
        )
        sent = _seen_by_monitor(url, lambda: sessions.load(token))
        each = _valkey_bytes(client, store)
    ours, base = times["ours"], times["getex"]
    row("redis-py, one GETEX", us(base))
    row("ours, Sessions.load", f"{us(ours)} = {ours / base:.2f}", "<= 1.3", ok=ours <= 1.3 * base)
    row("commands seen by MONITOR", str(sent), "1", ok=sent == 1)
    row("bytes a session (its account's key and all)", f"{each:.0f}", "<= 200", ok=each <= 200)


def _seen_by_monitor(url: str, act: Callable[[], object]) -> int:
    import redis

    with redis.Redis.from_url(url) as watcher, watcher.monitor() as monitor:
        act()
        watcher_two = redis.Redis.from_url(url)
        watcher_two.echo("end")
        seen = 0
        for said in monitor.listen():
            if "ECHO" in said["command"].upper():
                break
            seen += said["command"].upper().startswith(("HMGET", "EVAL", "HGET", "GET"))
        watcher_two.close()
    return seen


def _valkey_bytes(client: Any, store: Any) -> float:
    client.flushall()
    before = client.info("memory")["used_memory"]
    sessions = Sessions(store)
    count = 20_000
    for number in range(count):
        sessions.start(str(number), factors=["password"])
    return float(client.info("memory")["used_memory"] - before) / count


SECTIONS: dict[str, Callable[[int], None]] = {
    "check": check,
    "postgres": postgres,
    "valkey": valkey,
    "request": request,
    "serve": serve,
    "scale": scale,
    "everywhere": everywhere,
    "purge": purge,
    "insert": insert,
    "bytes": size,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--cpu", action="store_true", help="count processor time: for a busy machine, no servers"
    )
    chosen = parser.parse_args()
    run.clock = time.thread_time if chosen.cpu else run.clock
    run.rounds = chosen.rounds
    for name in chosen.only.split(","):
        SECTIONS[name](chosen.rows)
    print(f"\n{len(run.missed)} goals missed" + "".join(f"\n- {name}" for name in run.missed))
    raise SystemExit(1 if run.missed else 0)


if __name__ == "__main__":
    main()

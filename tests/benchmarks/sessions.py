"""What a session costs: the check, the writes, the bytes.

    python tests/benchmarks/sessions.py [--only check,postgres,...] [--rows 1000000] [--rounds 15]

Ratios are medians of one run with all sides in turns. The last columns are the goal and whether it was
reached. Sections whose packages or servers are missing say so. ``--rows 100000`` is a quick look.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import sqlalchemy as sa

from secureacct._faces import run_inline
from secureacct.records.changes import Committed
from secureacct.records.sessions import EndSessions
from secureacct.sessions import STANDARD, Sessions, begin
from secureacct.sessions.token import key_of
from secureacct.stores.sql import SqlStore, open_engine
from secureacct.stores.sql.fast_drivers import CHECK_FORMAT, CHECK_QMARK
from secureacct.stores.sql.fast_path import split
from secureacct.stores.sql.session_tables import account_state, session

Opened = Callable[[], contextlib.AbstractContextManager[SqlStore]]

missed: list[str] = []
rounds = 15
clock = time.perf_counter


def row(name: str, value: str, goal: str = "", *, ok: bool | None = None) -> None:
    """One line of the table."""
    said = "" if ok is None else "yes" if ok else "MISSED"
    print(f"| {name:<66} | {value:>22} | {goal:<24} | {said}", flush=True)
    if ok is False:
        missed.append(name)


def head(title: str) -> None:
    print(f"\n## {title}", flush=True)


def in_turns(count: int, sides: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of one call of each side; ``count`` calls a turn, sides shuffled in every turn."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        for _ in range(count):
            side()
    names = list(sides)
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            side = sides[name]
            began = clock()
            for _ in range(count):
                side()
            times[name].append((clock() - began) / count)
    return {name: statistics.median(each) for name, each in times.items()}


def us(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs"


def fill(store: SqlStore, rows: int, *, now: int, days: int = 1, accounts: int | None = None) -> None:
    """Many sessions, spread over the last ``days``, in the order in which they would begin."""
    accounts = accounts or max(rows // 2, 1)
    step = days * 86_400 / rows
    with store.engine.begin() as connection:
        states = [{"account_id": f"{number}", "epoch": 1} for number in range(accounts)]
        for at in range(0, accounts, 50_000):
            connection.execute(sa.insert(account_state), states[at : at + 50_000])
        batch: list[dict[str, Any]] = []
        for number in range(rows):
            at = int(now - days * 86_400 + number * step)
            _, change = begin(
                STANDARD,
                account_id=str(number % accounts),
                now=at,
                random=os.urandom,
                proofs=(("password", at),),
            )
            one = change.session
            hour, lookup = split(one.key)
            batch.append(
                {
                    "hour": hour,
                    "lookup": lookup,
                    "began": one.began,
                    "seen_at": one.seen_at,
                    "ends_at": one.ends_at,
                    "token_at": None,
                    "idle_s": one.idle_s,
                    "epoch": 1,
                    "nonce": one.nonce,
                    "account_id": one.account_id,
                    "proofs": one.proof_text,
                    "device": None,
                }
            )
            if len(batch) == 20_000:
                _insert(connection, batch)
                batch = []
        if batch:
            _insert(connection, batch)


def _insert(connection: sa.Connection, batch: list[dict[str, Any]]) -> None:
    if connection.dialect.name == "postgresql":
        names = list(batch[0])
        driver: Any = connection.connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY sa_session ({', '.join(names)}) FROM STDIN") as copy,
        ):
            for one in batch:
                copy.write_row([one[name] for name in names])
    else:
        connection.execute(sa.insert(session), batch)


@contextlib.contextmanager
def sqlite_store(name: str = "a.db") -> Iterator[SqlStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore(open_engine(f"sqlite:///{folder}/{name}"))
        store.create_schema()
        yield store
        store.engine.dispose()


@contextlib.contextmanager
def postgres_store() -> Iterator[SqlStore]:
    from tests import servers

    with servers.postgres() as url, servers.fresh_database(url) as database:
        store = SqlStore(open_engine(database))
        store.create_schema()
        yield store
        store.engine.dispose()


# --- the check ---------------------------------------------------------------------------------


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

    with postgres_store() as store:
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

    with servers.valkey() as url, redis.Redis.from_url(url) as client:
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


# --- a whole request ---------------------------------------------------------------------------


def request(_rows: int) -> None:
    """What a check adds to one Flask request, called in process."""
    head("Added to one Flask request (WSGI call in this process)")
    from flask import Flask, g
    from flask import request as this
    from flask import session as flask_session
    from werkzeug.test import EnvironBuilder

    from secureacct.cookies import SecureCookie

    def call(app: Flask, cookie: str) -> Callable[[], object]:
        environ = EnvironBuilder(headers=[("Cookie", cookie)]).get_environ()

        def one() -> object:
            status: list[str] = []

            def begin_answer(line: str, *_: object) -> Callable[[bytes], None]:
                status.append(line)
                return lambda _: None

            answer: Any = app.wsgi_app(dict(environ), begin_answer)
            body = b"".join(answer)
            answer.close()
            assert status[0].startswith("200"), (status, body)
            return body

        return one

    def app_of() -> Flask:
        app = Flask("bench")
        app.secret_key = b"k" * 32

        @app.get("/")
        def home() -> str:
            return "hello"

        return app

    with sqlite_store() as store:
        sessions = Sessions(store)
        fill(store, 1000, now=int(time.time()))
        token = sessions.start("42", factors=["password"])
        cookie = SecureCookie("session")
        header = cookie.set(token).split(";")[0]
        sides: dict[str, Callable[[], object]] = {"bare": call(app_of(), header)}  # any browser has a cookie

        ours = Flask("bench")
        ours.secret_key = b"k" * 32

        @ours.get("/")
        def home() -> str:
            found = sessions.load(cookie.read(this.environ.get("HTTP_COOKIE", "")))
            assert found is not None
            g.session = found
            return "hello"

        sides["ours"] = call(ours, header)

        signed = app_of()
        signer = signed.session_interface.get_signing_serializer(signed)  # type: ignore[attr-defined]

        @signed.before_request
        def check_signed() -> None:
            assert flask_session["_user_id"] == "42"

        sides["flask cookie"] = call(signed, "session=" + signer.dumps({"_user_id": "42", "_fresh": True}))
        with contextlib.ExitStack() as stack:
            for name, make in (
                ("Flask-Security", _flask_security),
                ("Flask-Session on Redis", _flask_session),
            ):
                try:
                    app, value = stack.enter_context(make(app_of()))
                except ModuleNotFoundError as error:
                    row(name, f"no {error.name}")
                    continue
                sides[name] = call(app, value)
            times = in_turns(200, sides)
    added = {name: at - times["bare"] for name, at in times.items()}
    row("a bare request", us(times["bare"]))
    row("ours adds", us(added["ours"]), "<= 25 µs", ok=added["ours"] <= 25e-6)
    row("Flask's signed cookie adds", us(added["flask cookie"]))
    for name, factor in (("Flask-Security", 15), ("Flask-Session on Redis", 8)):
        if name in added:
            times_more = added[name] / added["ours"]
            row(
                f"{name} adds",
                f"{us(added[name])} = {times_more:.0f}x",
                f">= {factor}x ours",
                ok=times_more >= factor,
            )


@contextlib.contextmanager
def _flask_security(app: Any) -> Iterator[tuple[Any, str]]:
    fs: Any = importlib.import_module("flask_security")
    fsqla_v2: Any = importlib.import_module("flask_security.models.fsqla_v2")
    SQLAlchemy: Any = importlib.import_module("flask_sqlalchemy").SQLAlchemy

    with tempfile.TemporaryDirectory() as folder:
        app.config.update(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/fs.db",
            SECURITY_PASSWORD_SALT="1" * 16,
            SECURITY_PASSWORD_HASH="argon2",
        )
        db = SQLAlchemy(app)
        fsqla_v2.FsModels.set_db_info(db)

        class Role(db.Model, fsqla_v2.FsRoleMixin):  # type: ignore[name-defined, misc]
            pass

        class User(db.Model, fsqla_v2.FsUserMixin):  # type: ignore[name-defined, misc]
            pass

        security = fs.Security(app, fs.SQLAlchemyUserDatastore(db, User, Role))

        @app.before_request  # type: ignore[untyped-decorator]
        def check() -> None:
            assert fs.current_user.is_authenticated or fs.request.path != "/"

        with app.app_context():
            db.create_all()
            user = security.datastore.create_user(email="a@example.org", password=fs.hash_password("x" * 12))
            db.session.commit()
            uid = user.fs_uniquifier
        signer = app.session_interface.get_signing_serializer(app)
        yield (
            app,
            "session="
            + signer.dumps({"_user_id": uid, "_fresh": True, "fs_cc": "set", "fs_paa": time.time()}),
        )


@contextlib.contextmanager
def _flask_session(app: Any) -> Iterator[tuple[Any, str]]:
    flask_session: Any = importlib.import_module("flask_session")
    msgspec: Any = importlib.import_module("msgspec")
    import redis

    from tests import servers

    with servers.valkey() as url, redis.Redis.from_url(url) as client:
        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client)
        flask_session.Session(app)
        client.set("session:abc", msgspec.msgpack.encode({"_user_id": "42", "_permanent": True}))

        @app.before_request  # type: ignore[untyped-decorator]
        def check() -> None:
            from flask import session as flask_session_proxy

            assert flask_session_proxy["_user_id"] == "42"

        yield app, "session=abc"


# --- size ---------------------------------------------------------------------------------------


def scale(rows: int) -> None:
    """The same check with a thousand sessions and with many."""
    head(f"Flat from 1,000 to {rows:,} sessions")
    for opened in (sqlite_store, postgres_store):
        _scale_on(opened, rows)


def _scale_on(opened: Opened, rows: int) -> None:
    with opened() as small, opened() as large:
        now = int(time.time())
        fill(small, 1000, now=now)
        fill(large, rows, now=now)
        few, many = Sessions(small), Sessions(large)
        one, other = few.start("42"), many.start("42")
        for store in (small, large):
            with store.engine.begin() as connection:
                connection.exec_driver_sql("ANALYZE")
        times = in_turns(200, {"few": lambda: few.load(one), "many": lambda: many.load(other)})
        name = large.engine.dialect.name
        ratio = times["many"] / times["few"]
        row(
            f"{name}: {rows:,} against 1,000 sessions",
            f"{us(times['many'])} = {ratio:.2f}",
            "<= 1.25",
            ok=ratio <= 1.25,
        )
        row(f"{name}: the plan", _plan(large, other))
        listed = in_turns(5, {"list": lambda: many.list("42"), "end": lambda: many.end_by_id("42", "A" * 12)})
        row(f"{name}: an account's list among {rows:,}", us(listed["list"]))


def _plan(store: SqlStore, token: str) -> str:
    hour, lookup = split(key_of(token) or b"")
    with store.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {CHECK_QMARK}", (hour, lookup)).all()
            return "search by primary key" if all("SEARCH" in line[3] for line in plan) else str(plan)
        lines = [line[0] for line in connection.exec_driver_sql(f"EXPLAIN {CHECK_FORMAT}", (hour, lookup))]
        return "index scan" if sum("Index" in line and "Scan" in line for line in lines) == 2 else str(lines)


def everywhere(_rows: int) -> None:
    """Sign out of ten thousand sessions."""
    head("Sign-out-everywhere of 10,000 sessions among 100,000")
    for opened in (sqlite_store, postgres_store):
        with opened() as store:
            now = int(time.time())
            fill(store, 100_000, now=now, accounts=10)
            sessions = Sessions(store)
            keep = sessions.start("7")
            began = time.perf_counter()
            ended = run_inline(store.commit((EndSessions(account_id="7", keep=key_of(keep), now=now),)))
            took = time.perf_counter() - began
            left = len(sessions.list("7"))
            with store.engine.connect() as connection:
                rows_left = connection.execute(
                    sa.select(sa.func.count()).select_from(session).where(session.c.account_id == "7")
                ).scalar_one()
            name = store.engine.dialect.name
            row(f"{name}: invalid and rows removed", f"{took * 1e3:.0f} ms", "<= 1 s", ok=took <= 1)
            row(
                f"{name}: rows left, sessions left",
                f"{rows_left}, {left}",
                "1, 1",
                ok=(rows_left, left) == (1, 1),
            )
            assert isinstance(ended, Committed)


def purge(rows: int) -> None:
    """Remove a table of expired rows while checks go on."""
    head(f"Purge of {rows:,} expired rows")
    for opened in (sqlite_store, postgres_store):
        _purge_on(opened, rows)


PURGE = """
import json, sys, time
from secureacct.sessions import Sessions
from secureacct.stores.sql import SqlStore
store = SqlStore.from_url(sys.argv[1])
plain, locks = store.purge_sessions, []
async def timed(**arguments):
    began = time.perf_counter()
    done = await plain(**arguments)
    locks.append(time.perf_counter() - began)
    return done
store.purge_sessions = timed
began = time.perf_counter()
removed = Sessions(store).purge()
print(json.dumps([removed, time.perf_counter() - began, max(locks)]))
store.engine.dispose()
"""


def _purge_on(opened: Opened, rows: int) -> None:
    with opened() as store:
        fill(store, rows, now=int(time.time()) - 3 * 86_400)
        sessions = Sessions(store)
        token = sessions.start("42")
        url = store.engine.url.render_as_string(hide_password=False)
        quiet = _paced(lambda: sessions.load(token), until=time.perf_counter() + 2)
        child = subprocess.Popen(
            [sys.executable, "-c", PURGE, url],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        busy: list[float] = []
        while child.poll() is None:
            busy += _paced(lambda: sessions.load(token), until=time.perf_counter() + 0.05)
        removed, took, longest = json.loads(child.communicate()[0])
        assert removed == rows, removed
        name = store.engine.dialect.name
        rate = rows / took
        row(f"{name}: rows a second", f"{rate:,.0f}", ">= 500,000", ok=rate >= 500_000)
        row(f"{name}: longest batch", f"{longest * 1e3:.0f} ms", "<= 50 ms", ok=longest <= 0.05)
        before, meanwhile = _p99(quiet), _p99(busy)
        row(
            f"{name}: check p99 meanwhile ({before * 1e6:.0f} µs before)",
            f"{meanwhile * 1e6:.0f} µs = {meanwhile / before:.1f}",
            "<= 3x",
            ok=meanwhile <= 3 * before,
        )


def _paced(act: Callable[[], object], *, until: float) -> list[float]:
    """Latencies at the pace of requests, not of a loop."""
    times = []
    while time.perf_counter() < until:
        times += _latencies(act, 5)
        time.sleep(0.001)
    return times


def _latencies(act: Callable[[], object], count: int) -> list[float]:
    times = []
    for _ in range(count):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return times


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def insert(rows: int) -> None:
    """Starting sessions in a full table, against the usual table: hash key, two more indexes."""
    head(f"Insert at {rows:,} rows, SQLite, one transaction of 1,000")
    usual = """CREATE TABLE usual (hash BLOB PRIMARY KEY, account_id TEXT, seen_at INT, ends_at INT,
        idle_s INT, began INT, epoch INT, nonce BLOB, proofs TEXT) WITHOUT ROWID"""
    with sqlite_store() as store:
        now = int(time.time())
        fill(store, rows, now=now)
        path = str(store.engine.url.database)
        raw = sqlite3.connect(path, isolation_level=None)
        raw.execute(usual)
        raw.execute("BEGIN")
        raw.executemany(
            "INSERT INTO usual VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    os.urandom(32),
                    str(n % (rows // 2)),
                    now + n,
                    now,
                    3600,
                    5,
                    1,
                    b"nonce6",
                    "password@1790000000",
                )
                for n in range(rows)
            ),
        )
        raw.execute("CREATE INDEX usual_account ON usual (account_id)")
        raw.execute("CREATE INDEX usual_ends ON usual (ends_at)")
        raw.execute("COMMIT")
        count = 1000

        def ours() -> None:
            made = []
            for _ in range(count):
                account = str(random.randrange(rows // 2))
                one = begin(
                    STANDARD, account_id=account, now=now, random=os.urandom, proofs=(("password", now),)
                )[1].session
                made.append(
                    (
                        *split(one.key),
                        one.began,
                        now,
                        one.ends_at,
                        None,
                        3600,
                        1,
                        one.nonce,
                        account,
                        one.proof_text,
                        None,
                    )
                )
            times["ours"].append(
                _transaction(raw, "INSERT INTO sa_session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", made)
            )

        def theirs() -> None:
            made = [
                (
                    os.urandom(32),
                    str(random.randrange(rows // 2)),
                    now,
                    now + random.randrange(86_400),
                    3600,
                    5,
                    1,
                    b"nonce6",
                    "password@1790000000",
                )
                for _ in range(count)
            ]
            times["theirs"].append(
                _transaction(raw, "INSERT INTO usual VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", made)
            )

        times: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(rounds):
            ours()
            theirs()
        mine, usual_time = (statistics.median(times[name]) / count for name in ("ours", "theirs"))
        row("hash key and two indexes", us(usual_time))
        row("ours", f"{us(mine)} = {mine / usual_time:.2f}", "<= 0.5", ok=mine <= 0.5 * usual_time)
        raw.close()


def _transaction(raw: sqlite3.Connection, text: str, made: list[Any]) -> float:
    began = time.perf_counter()
    raw.execute("BEGIN IMMEDIATE")
    raw.executemany(text, made)
    raw.execute("COMMIT")
    return time.perf_counter() - began


def size(rows: int) -> None:
    """Bytes of one session on SQLite."""
    head(f"Bytes a session, SQLite, {rows:,} rows")
    with sqlite_store() as store:
        fill(store, rows, now=int(time.time()))
        with store.engine.begin() as connection:
            used = (
                connection.exec_driver_sql(
                    "SELECT sum(pgsize) FROM dbstat WHERE name = 'sa_session'"
                ).scalar_one()
                if _has_dbstat(connection)
                else _file_bytes(connection) - _state_bytes(connection)
            )
    row(
        "account ids like 123456, one proof, no device", f"{used / rows:.0f}", "<= 110", ok=used / rows <= 110
    )


def _has_dbstat(connection: sa.Connection) -> bool:
    try:
        connection.exec_driver_sql("SELECT 1 FROM dbstat LIMIT 1")
    except sa.exc.OperationalError:
        return False
    return True


def _file_bytes(connection: sa.Connection) -> int:
    pages: int = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    each: int = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return pages * each


def _state_bytes(connection: sa.Connection) -> int:
    before = _file_bytes(connection)
    connection.exec_driver_sql("CREATE TABLE copy AS SELECT * FROM sa_account_state")
    return _file_bytes(connection) - before


SECTIONS: dict[str, Callable[[int], None]] = {
    "check": check,
    "postgres": postgres,
    "valkey": valkey,
    "request": request,
    "scale": scale,
    "everywhere": everywhere,
    "purge": purge,
    "insert": insert,
    "bytes": size,
}


def main() -> None:
    global rounds, clock
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
    clock = time.thread_time if chosen.cpu else clock
    rounds = chosen.rounds
    for name in chosen.only.split(","):
        SECTIONS[name](chosen.rows)
    print(f"\n{len(missed)} goals missed" + "".join(f"\n- {name}" for name in missed))
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()

"""What a signed-in check adds to whole requests: in this process, and behind gunicorn."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from secureacct.cookies import SecureCookie
from secureacct.sessions import Sessions
from tests.benchmarks._session_stores import fill, sqlite_store
from tests.benchmarks._table import head, in_turns, one_core, row, us
from tests.valkey_kit import LOOPBACK, free_port, until


def _app_of() -> Any:
    from flask import Flask

    app = Flask("bench")
    app.secret_key = b"k" * 32

    @app.get("/")
    def home() -> str:
        return "hello"

    return app


def request(_rows: int) -> None:
    """What a check adds to one Flask request, called in process."""
    head("Added to one Flask request (WSGI call in this process)")
    from flask import Flask, g
    from flask import request as this
    from flask import session as flask_session
    from werkzeug.test import EnvironBuilder

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

    with one_core(), sqlite_store() as store:
        sessions = Sessions(store)
        fill(store, 1000, now=int(time.time()))
        token = sessions.start("42", factors=["password"])
        cookie = SecureCookie("session")
        header = cookie.set(token).split(";")[0]
        sides: dict[str, Callable[[], object]] = {"bare": call(_app_of(), header)}  # any browser has a cookie

        ours = Flask("bench")
        ours.secret_key = b"k" * 32

        @ours.get("/")
        def home() -> str:
            found = sessions.load(cookie.read(this.environ.get("HTTP_COOKIE", "")))
            assert found is not None
            g.session = found
            return "hello"

        sides["ours"] = call(ours, header)

        signed = _app_of()
        signer = signed.session_interface.get_signing_serializer(signed)  # type: ignore[attr-defined]

        @signed.before_request
        def check_signed() -> None:
            assert flask_session["_user_id"] == "42"

        sides["flask cookie"] = call(signed, "session=" + signer.dumps({"_user_id": "42", "_fresh": True}))
        with contextlib.ExitStack() as stack:
            for name, make, _factor in PEERS:
                try:
                    app, value = stack.enter_context(make(_app_of()))
                except ModuleNotFoundError as error:
                    row(name, f"no {error.name}")
                    continue
                sides[name] = call(app, value)
            times = in_turns(200, sides)
    added = {name: at - times["bare"] for name, at in times.items()}
    row("a bare request", us(times["bare"]))
    row("ours adds", us(added["ours"]), "<= 25 µs", ok=added["ours"] <= 25e-6)
    row("Flask's signed cookie adds", us(added["flask cookie"]))
    for name, _make, factor in PEERS:
        if name in added:
            times_more = added[name] / added["ours"]
            row(
                f"{name} adds",
                f"{us(added[name])} = {times_more:.0f}x",
                f">= {factor}x ours" if factor else "",
                ok=times_more >= factor if factor else None,
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
def _flask_session(app: Any, *, another: bool) -> Iterator[tuple[Any, str]]:
    flask_session: Any = importlib.import_module("flask_session")
    msgspec: Any = importlib.import_module("msgspec")
    import redis

    from tests import servers

    with contextlib.ExitStack() as ends:
        with one_core(another=another):
            url = ends.enter_context(servers.valkey())
        client = ends.enter_context(redis.Redis.from_url(url))
        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client)
        flask_session.Session(app)
        client.set("session:abc", msgspec.msgpack.encode({"_user_id": "42", "_permanent": True}))

        @app.before_request  # type: ignore[untyped-decorator]
        def check() -> None:
            from flask import session as flask_session_proxy

            assert flask_session_proxy["_user_id"] == "42"

        yield app, "session=abc"


PEERS: tuple[tuple[str, Callable[[Any], contextlib.AbstractContextManager[tuple[Any, str]]], int], ...] = (
    ("Flask-Security", _flask_security, 15),
    ("Flask-Session on Redis, on another core", functools.partial(_flask_session, another=True), 8),
    ("Flask-Session on Redis, on the app's own core", functools.partial(_flask_session, another=False), 0),
)
"""Name, app, and how many times as much as ours it is to add; 0: shown only."""


# --- whole servers -----------------------------------------------------------------------------

WORKERS = 2
ROUND_S = 2  # seconds of load, for each side in each turn
TURNS = 7
CONNECTIONS = 8

APP = """
import os
from flask import Flask, abort, render_template_string, request, session

from secureacct.cookies import SecureCookie
from secureacct.sessions import Sessions
from secureacct.stores.sql import SqlStore

app = Flask("bench")
app.secret_key = b"k" * 32
side = os.environ["SIDE"]
sessions, cookie = Sessions(SqlStore.from_url(os.environ["DATABASE"])), SecureCookie("session")
orders = [{"id": number, "what": f"thing {number}", "cents": number * 99} for number in range(20)]
page = "<table>{% for o in orders %}<tr><td>{{ o.id }}<td>{{ o.what }}<td>{{ o.cents }}{% endfor %}</table>"

@app.before_request
def check():
    if side == "ours" and sessions.load(cookie.read(request.environ.get("HTTP_COOKIE", ""))) is None:
        abort(401)
    if side == "flask cookie" and session.get("_user_id") != "42":
        abort(401)

@app.get("/word")
def word():
    return "hello"

@app.get("/page")
def orders_page():
    return render_template_string(page, orders=orders)
"""


def serve(_rows: int) -> None:
    """Requests a second behind gunicorn, with the check on SQLite and without."""
    head(f"Whole servers: gunicorn with {WORKERS} workers, {CONNECTIONS} connections")
    if importlib.util.find_spec("gunicorn") is None:
        row("no gunicorn: uv run --no-sync --with gunicorn python ...", "")
        return
    wrk = shutil.which("wrk")
    if wrk is None:
        row("no wrk (apt install wrk): loaded by threads of our own instead", "")
    with sqlite_store() as store, contextlib.ExitStack() as ends:
        fill(store, 1000, now=int(time.time()))
        token = Sessions(store).start("42", factors=["password"])
        ours = SecureCookie("session").set(token).split(";")[0]
        signer = _app_of().session_interface.get_signing_serializer(_app_of())
        signed = "session=" + signer.dumps({"_user_id": "42", "_fresh": True})
        cookies = {"bare": ours, "ours": ours, "flask cookie": signed}
        database = store.engine.url.render_as_string(hide_password=False)
        ports = {side: ends.enter_context(_gunicorn(side, database)) for side in cookies}
        for path, what in (("word", "one word"), ("page", "a page of twenty rows")):
            _serve_one(
                what, {side: f"http://{LOOPBACK}:{ports[side]}/{path}" for side in cookies}, cookies, wrk
            )


def _serve_one(what: str, urls: dict[str, str], cookies: dict[str, str], wrk: str | None) -> None:
    rates: dict[str, list[float]] = {side: [] for side in urls}
    for _ in range(TURNS):
        for side in random.sample(list(urls), len(urls)):
            rates[side].append(_load(wrk, urls[side], cookies[side]))
    bare, mine, flask = (statistics.median(rates[side]) for side in ("bare", "ours", "flask cookie"))
    row(f"{what}: without sign-in", f"{bare:,.0f} a second")
    row(f"{what}: with our check", f"{mine:,.0f} = {mine / bare:.2f}", ">= 0.90", ok=mine >= 0.9 * bare)
    row(f"{what}: with Flask's signed cookie", f"{flask:,.0f} = {flask / bare:.2f}")


@contextlib.contextmanager
def _gunicorn(side: str, database: str) -> Iterator[int]:
    """A server of one side; gives its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "app.py").write_text(APP)
        search = os.pathsep.join([folder, str(Path(__file__).parents[2]), *sys.path])
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-w", str(WORKERS), "-b", f"{LOOPBACK}:{port}", "app:app"],
            cwd=folder,
            env={**os.environ, "SIDE": side, "DATABASE": database, "PYTHONPATH": search},
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: _listens(port))
            yield port
        finally:
            server.terminate()
            server.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False


def _load(wrk: str | None, url: str, cookie: str) -> float:
    """Requests a second. Every answer must be a good one."""
    if wrk is None:
        return _load_of_our_own(url, cookie)
    options = ["-t", "1", "-c", str(CONNECTIONS), "-d", f"{ROUND_S}s", "-H", f"Cookie: {cookie}"]
    said = subprocess.run([wrk, *options, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    return float(said.split("Requests/sec:")[1].split()[0])


def _load_of_our_own(url: str, cookie: str) -> float:
    at = urlsplit(url)
    ask = f"GET {at.path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode()
    ends_at = time.perf_counter() + ROUND_S

    def one(_: int) -> int:
        count = 0
        while time.perf_counter() < ends_at:
            with socket.create_connection((LOOPBACK, at.port or 80)) as connection:
                connection.sendall(ask)
                answer = b""
                while data := connection.recv(4096):
                    answer += data
                if not answer.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(answer[:200])
            count += 1
        return count

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        return sum(threads.map(one, range(CONNECTIONS))) / ROUND_S

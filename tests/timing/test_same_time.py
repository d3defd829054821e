"""An answer takes as long for somebody known as for nobody: equivalence, paired, in random order.

``./run timing`` takes a few minutes. SECUREACCT_TEST_TIMING_PAIRS (5000 for a release), _MOST (to how many
pairs an open answer is doubled), _RUNS (3), _PROFILE (cheapest, floor, default), _STORE (sqlite, postgresql)
and _MAIL (works, fails) make it stricter. Never part of CI: a shared machine is too loud.
"""

from __future__ import annotations

import gc
import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.timing.equivalence import Finding, finding
from tests.timing.server import PASSWORD, PAUSED_AFTER


def chosen(name: str, otherwise: str) -> str:
    """One of the environment's wishes."""
    return os.environ.get(f"SECUREACCT_TEST_TIMING_{name}", otherwise)


PAIRS = int(chosen("PAIRS", "300"))
MOST_PAIRS = int(chosen("MOST", str(4 * PAIRS)))  # an open answer doubles the pairs up to here
RUNS = int(chosen("RUNS", "1"))
PROFILE = chosen("PROFILE", "cheapest")
STORE = chosen("STORE", "sqlite")
MAIL = chosen("MAIL", "works")
WARM_UP = 200  # requests
PAUSE_S = 0.002  # between requests: what one answer leaves to do is not the next one's
ROOT = Path(__file__).resolve().parents[2]
WRONG = "eight silent marble rivers"

pytestmark = pytest.mark.timeout(0)  # many pairs take as long as they take

rows: list[str] = []


class Client:
    """A browser with one connection, a form token, and a new address each time."""

    def __init__(self, port: int, made: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.chosen = random.Random(time.time_ns())
        self.cookie = ""
        self.token = self._token("")
        self.own_cookie = f"{made['cookie']}={made['session']}"
        self.own_token = self._token(self.own_cookie)
        self.number = 0

    def _token(self, cookie: str) -> str:
        headers = {"Accept": "application/json", "Host": self._host, **({"Cookie": cookie} if cookie else {})}
        self.connection.request("GET", "/account/session", headers=headers)
        answer = self.connection.getresponse()
        given = answer.getheader("Set-Cookie")
        body = json.loads(answer.read())
        if not cookie and given:
            self.cookie = given.partition(";")[0]
        return str(body["csrf_token"])

    @property
    def _host(self) -> str:
        return f"localhost:{self.connection.port}"

    def once(self, path: str, fields: dict[str, str], *, expect: int, signed_in: bool = False) -> float:
        """One request; the seconds it took."""
        self.number += 1
        first, second = divmod(self.chosen.randrange(1 << 16), 256)
        headers = {
            "Host": self._host,
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Forwarded-For": f"10.{first}.{second}.{self.number % 250 + 1}",
            "Cookie": self.own_cookie if signed_in else self.cookie,
        }
        body: str = json.dumps({**fields, "csrf_token": self.own_token if signed_in else self.token})
        if path == "/control":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(fields)
        began = time.perf_counter()
        self.connection.request("POST", path, body=body, headers=headers)
        answer = self.connection.getresponse()
        text = answer.read()
        took = time.perf_counter() - began
        assert answer.status == expect, (path, answer.status, text[:300])
        time.sleep(PAUSE_S)
        return took


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of a fresh site on another core."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="sa-timing-", dir=memory) as folder:
        wanted = {
            "folder": folder,
            "port": port,
            "database_url": f"sqlite:///{folder}/timed.db",
            "profile": PROFILE,
            "number": MOST_PAIRS * RUNS + WARM_UP,
            "mail": MAIL,
        }
        if STORE == "postgresql":
            wanted["database_url"] = request.getfixturevalue("pg_module_database")
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.timing.server", json.dumps(wanted)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            if len(cores) > 1:
                os.sched_setaffinity(0, {cores[-1]})
            made = Client(port, json.loads((Path(folder) / "made.json").read_text("utf-8")))
            for index in range(WARM_UP):
                made.once("/account/sign-in", sign_in(f"warm-{index}@t.example"), expect=401)
            yield made
            made.connection.close()
        finally:
            server.terminate()
            server.wait(10)
            if server.stdout is not None:
                server.stdout.close()
            if cores:
                os.sched_setaffinity(0, set(cores))
            print("\n" + table())


def table() -> str:
    """Everything that was measured."""
    head = (
        f"{'class':28} {'pairs':>6} {'answer':>8} {'median':>8} {'99 % interval':>19} {'±':>6} "
        f"{'AUC(1)':>6} {'AUC(100)':>8}"
    )
    of_what = f"{STORE}, hash {PROFILE}, mail {MAIL}, load {os.getloadavg()[0]:.1f}"
    return "\n".join([of_what, head + "   (ms)", *rows])


def sign_in(email: str, password: str = WRONG) -> dict[str, str]:
    """The fields of the form."""
    return {"email": email, "password": password}


def unknown(kind: str, index: int) -> str:
    """An address that nobody has, as long as one that somebody has."""
    return f"{kind[::-1]}-{index}@t.example"


Pair = tuple[str, dict[str, str], dict[str, str], int, bool]

SIGN_IN = {
    "wrong password": ("known", WRONG),
    "legacy hash": ("legacy", WRONG),
    "no usable password": ("nopassword", WRONG),
    "disabled": ("disabled", PASSWORD),
    "password paused": ("paused", PASSWORD),
    "not yet confirmed": ("unconfirmed", WRONG),
    "password of 73 bytes": ("known", "x" * 73),
    "password of 4,096 bytes": ("known", "y" * 4096),
    "password with NUL": ("known", "seven\0lively walnut teapots"),
}


KEPT_OUT = "kept out after too many"


def pair(name: str, index: int) -> Pair:
    """What to send for the class and for nobody: path, fields, fields, status, signed in."""
    if name in SIGN_IN:
        kind, password = SIGN_IN[name]
        address = f"{kind}-{index}@t.example"
        known, nobody = sign_in(address, password), sign_in(unknown(kind, index), password)
        return "/account/sign-in", known, nobody, 401, False
    if name == KEPT_OUT:
        return "/account/sign-in", sign_in("stopped-0@t.example"), sign_in("deppots-0@t.example"), 429, False
    if name == "reset":
        return (
            "/account/reset",
            {"email": f"known-{index}@t.example"},
            {"email": f"nwonk-{index}@t.example"},
            202,
            False,
        )
    if name == "sign-up":
        made = "five wooden copper lanterns"
        return (
            "/account/sign-up",
            sign_in(f"known-{index}@t.example", made),
            sign_in(f"wnokn-{index}@t.example", made),
            202,
            False,
        )
    if name == "e-mail change":
        own = {"password": PASSWORD}
        return (
            "/account/email",
            {**own, "new_email": f"holder-{index}@t.example"},
            {**own, "new_email": f"redloh-{index}@t.example"},
            202,
            True,
        )
    if name == "planted 0.5 ms":
        return "/control", {"late": "1"}, {"late": ""}, 200, False
    return "/control", {"late": ""}, {"late": ""}, 200, False


def measure(client: Client, name: str, *, first: int, pairs: int) -> tuple[list[float], list[float]]:
    """Both of each pair, in random order."""
    theirs, nobodys = [], []
    for index in range(first, first + pairs):
        path, known, nobody, expect, signed_in = pair(name, index)
        options: dict[str, Any] = {"expect": expect, "signed_in": signed_in}
        if client.chosen.random() < 0.5:
            theirs.append(client.once(path, known, **options))
            nobodys.append(client.once(path, nobody, **options))
        else:
            nobodys.append(client.once(path, nobody, **options))
            theirs.append(client.once(path, known, **options))
    return theirs, nobodys


def judged(client: Client, name: str) -> list[Finding]:
    """A finding per run; a run that stays open is doubled up to the most."""
    found = []
    if name == KEPT_OUT:
        for email in ("stopped-0@t.example", "deppots-0@t.example"):
            for attempt in range(1, PAUSED_AFTER + 1):
                if attempt == PAUSED_AFTER:
                    time.sleep(1.1)  # the one wait there is before the pause
                client.once("/account/sign-in", sign_in(email), expect=401)
            client.once("/account/sign-in", sign_in(email), expect=429)
    for run in range(RUNS):
        offset = run * MOST_PAIRS + 1  # the signed-in account of the site is known-0
        theirs, nobodys = measure(client, name, first=offset, pairs=PAIRS)
        while (one := finding(theirs, nobodys, seed=run)).verdict == "open" and len(theirs) < MOST_PAIRS:
            more = measure(client, name, first=offset + len(theirs), pairs=len(theirs))
            theirs, nobodys = theirs + more[0], nobodys + more[1]
        found.append(one)
        rows.append(
            f"{name:28} {one.pairs:6} {one.answer * 1e3:8.2f} {one.median * 1e3:+8.3f} "
            f"[{one.low * 1e3:+8.3f}, {one.high * 1e3:+7.3f}] {one.margin * 1e3:6.2f} {one.auc_1:6.3f} "
            f"{one.auc_100:8.3f}   {one.verdict}"
        )
        print("\n" + rows[-1], end="", flush=True)
    gc.collect()
    return found


def test_a_true_zero_passes(client: Client) -> None:
    """The instrument finds no difference where there is none."""
    assert {one.verdict for one in judged(client, "nothing planted")} == {"same"}, table()


def test_a_planted_half_millisecond_fails(client: Client) -> None:
    """The instrument sees what it is made to see."""
    found = judged(client, "planted 0.5 ms")
    assert {one.verdict for one in found} == {"different"}, table()
    assert statistics.median(one.median for one in found) == pytest.approx(0.0005, abs=0.0002)


@pytest.mark.parametrize("name", [*SIGN_IN, KEPT_OUT, "reset", "sign-up", "e-mail change"])
def test_known_and_unknown_take_the_same_time(client: Client, name: str) -> None:
    """The interval of the median difference lies inside the margin."""
    assert {one.verdict for one in judged(client, name)} == {"same"}, table()

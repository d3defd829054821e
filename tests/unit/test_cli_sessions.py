"""The command line of sessions: what it ends is ended, what it says holds no secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from secureacct._faces import run_inline
from secureacct.cli.sessions import group
from secureacct.keys import Keyring
from secureacct.sessions import Device, Sessions
from secureacct.stores.sql import SqlStore

Call = Callable[..., Result]


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    """A keyring on disk."""
    path = tmp_path / "keyring.json"
    Keyring.generate().save(path)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Any:
    """An SQLite store in a file."""
    store = SqlStore.from_url(f"sqlite:///{tmp_path / 'a.db'}")
    store.create_schema()
    yield store
    store.engine.dispose()


@pytest.fixture
def call(store: SqlStore, keyring: Path) -> Call:
    """Run a command on the store."""

    def run(*arguments: str, **options: Any) -> Result:
        url = str(store.engine.url)
        return CliRunner().invoke(group, ["--store", url, "--keyring", str(keyring), *arguments], **options)

    return run


def test_listing_and_ending(store: SqlStore, keyring: Path, call: Call) -> None:
    """A device is listed by its public id and ended by it; the token is nowhere."""
    sessions = Sessions(store, keys=Keyring.load(keyring))
    token = sessions.start("42", device=Device("Firefox\x1b[31m on Linux", "192.0.2.0/24"))
    other = sessions.start("42", remember=True)
    said = call("list", "42")
    public = sessions.load(token).id  # type: ignore[union-attr]
    assert said.exit_code == 0
    assert public in said.output
    assert "Firefox[31m on Linux, 192.0.2.0/24" in said.output
    assert "remembered" in said.output
    assert token not in said.output
    lines = [json.loads(line) for line in call("list", "42", "--json").output.splitlines()]
    assert public in {line["id"] for line in lines}
    assert call("end", "42", public).output == "ended 1\n"
    assert sessions.load(token) is None
    assert sessions.load(other) is not None
    assert call("end", "42", public).exit_code == 1
    events = run_inline(store.events_of("42", limit=9))
    assert [(one.name, one.reason, one.session_id) for one in events][-1] == (
        "sessions_ended",
        "operator",
        public,
    )


def test_ending_all(store: SqlStore, call: Call) -> None:
    """An account's, or everyone's after a question; never by a slip."""
    sessions = Sessions(store)
    tokens = [sessions.start("42"), sessions.start("42"), sessions.start("43")]
    assert call("end-all", "42").output == "ended 2\n"
    assert [sessions.load(token) is not None for token in tokens] == [False, False, True]
    assert call("end-all").exit_code == 2
    assert call("end-all", "42", "--everyone").exit_code == 2
    assert call("end-all", "--everyone", input="n\n").exit_code == 1
    assert sessions.load(tokens[2]) is not None
    assert call("end-all", "--everyone", "--yes").exit_code == 0
    assert sessions.load(tokens[2]) is None


def test_purge_and_stats(store: SqlStore, call: Call) -> None:
    """Dead rows are counted until they are removed."""
    old = Sessions(store, clock=lambda: 1_000_000_000)
    for _ in range(3):
        old.start("42")
    Sessions(store).start("42")
    assert call("stats").output == "rows 4\n"
    assert call("purge").output.startswith("removed 3 in")
    assert call("stats").output == "rows 1\n"


def test_a_store_that_cannot_be_reached(tmp_path: Path) -> None:
    """One line, exit code 2, and no password in it."""
    url = "postgresql+psycopg://app:hunter2@127.0.0.1:1/none"
    said = CliRunner().invoke(group, ["--store", url, "stats"])
    assert said.exit_code == 2
    assert "did not answer" in said.output
    assert "hunter2" not in said.output
    assert CliRunner().invoke(group, ["--store", "nonsense", "stats"]).exit_code == 2


def test_redis(valkey_url: str, valkey_client: Any) -> None:
    """The same commands on Redis or Valkey."""
    from secureacct.stores.redis import RedisStore

    sessions = Sessions(RedisStore(valkey_client))
    token = sessions.start("42")
    assert CliRunner().invoke(group, ["--store", valkey_url, "stats"]).output == "rows 1\n"
    assert CliRunner().invoke(group, ["--store", valkey_url, "end-all", "42"]).output == "ended 1\n"
    assert sessions.load(token) is None

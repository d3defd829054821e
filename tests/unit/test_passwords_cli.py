"""``secureacct passwords``: what it prints, what it changes, and how it stops and starts again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from secureacct.cli import _wrapping
from secureacct.cli.passwords import WIDEST, group
from secureacct.errors import ConfigurationError, SecureAcctError
from secureacct.keys import Keyring
from secureacct.passwords import PasswordHasher, measuring, pepper, profiles
from secureacct.passwords.blocklist import Blocklist
from secureacct.passwords.breach import BreachFile
from secureacct.passwords.profiles import Argon2Profile
from secureacct.passwords.wrapping import wrap

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "password_hashes.json").read_text("utf-8"))[
    "vectors"
]
OLD = [each for each in VECTORS if not each["scheme"].startswith("argon2")][::12]
CHEAP = PasswordHasher(profiles.CHEAPEST, importing=True)


def run(*arguments: str | Path, **env: str) -> Result:
    """One command."""
    return CliRunner().invoke(group, [str(each) for each in arguments], env=env)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A SQLite file with old hashes, a native one, unusable ones and rubbish."""
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT)")
        stored = [*(each["stored"] for each in OLD), CHEAP.hash("native"), "!unusable", "", None, "rubbish"]
        connection.executemany("INSERT INTO users (password) VALUES (?)", [(each,) for each in stored])
    return path


def rows(path: Path) -> list[str | None]:
    """The column, in the order of the key."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return [row[0] for row in connection.execute("SELECT password FROM users ORDER BY id")]


def test_a_table_is_protected_before_anybody_signs_in(table: Path) -> None:
    """Old hashes are wrapped and still verify; the rest is left alone and counted; rubbish is exit code 1."""
    before = rows(table)
    ended = run("wrap", f"sqlite:///{table}", "--table", "users", "--profile", "owasp-19mib", "--batch", "3")
    assert ended.exit_code == 1, ended.output
    counted = {
        line.split(":")[0].strip(): line.split(":")[1].strip()
        for line in ended.output.splitlines()
        if ": " in line
    }
    assert counted["wrapped"] == str(len(OLD))
    assert (counted["kept"], counted["no password"], counted["unreadable"]) == ("1", "2", "1")
    after = rows(table)
    hasher = PasswordHasher(profiles.FLOOR)
    for vector, stored in zip(OLD, after, strict=False):
        assert stored is not None
        assert stored.startswith("$sa-wrap$")
        assert len(stored) <= WIDEST
        assert hasher.verify(vector["password"], stored)
    assert after[len(OLD) :] == before[len(OLD) :]


def test_running_again_changes_nothing(table: Path) -> None:
    """Stopped and started as often as one likes: what is done is kept as it is."""
    arguments = ("wrap", f"sqlite:///{table}", "--table", "users", "--profile", "owasp-19mib")
    run(*arguments)
    once = rows(table)
    run(*arguments)
    assert rows(table) == once


def test_a_dry_run_counts_and_changes_nothing(table: Path) -> None:
    """What would be done is said, no hash is computed, no row is written."""
    before = rows(table)
    ended = run("wrap", f"sqlite:///{table}", "--table", "users", "--dry-run")
    assert f"wrapped: {len(OLD)}" in ended.output
    assert rows(table) == before


def test_a_keyring_adds_the_pepper(table: Path, tmp_path: Path) -> None:
    """With --keyring native hashes are sealed too, each bound to its row's key."""
    keys = Keyring.generate()
    keys.save(str(tmp_path / "keyring.json"))
    ended = run(
        "wrap", f"sqlite:///{table}", "--table", "users", "--profile", "owasp-19mib",
        "--keyring", tmp_path / "keyring.json",
    )  # fmt: skip
    assert "peppered: 1" in ended.output
    hasher = PasswordHasher(profiles.FLOOR, keys=keys)
    stored = rows(table)
    first = stored[0]
    assert first is not None
    assert pepper.is_sealed(first)
    assert hasher.verify(OLD[0]["password"], first, account_id="1")
    assert not hasher.verify(OLD[0]["password"], first, account_id="2")


def test_a_row_that_changed_meanwhile_is_left_as_it_is(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new password between reading and writing wins: the update asks for what was read."""
    engine = sa.create_engine(f"sqlite:///{table}")
    target = _wrapping.Table.reflect(engine, table="users", column="password", key="id", widest=WIDEST)

    def wrap_late(hasher: PasswordHasher, stored: str, *, account_id: str | None = None) -> object:
        if account_id == "2":
            with engine.begin() as connection:
                connection.execute(sa.text("UPDATE users SET password = 'a new one' WHERE id = 2"))
        return wrap(hasher, stored, account_id=account_id)

    monkeypatch.setattr(_wrapping, "wrap", wrap_late)
    total: dict[str, int] = {}
    for step in _wrapping.wrap_table(target, CHEAP, batch=100):
        total.update(step)
    assert total["changed meanwhile"] == 1
    assert total["wrapped"] == len(OLD) - 1
    assert rows(table)[1] == "a new one"
    engine.dispose()


def test_stopping_between_batches_loses_nothing(table: Path) -> None:
    """Each batch is a transaction of its own; the next run goes on where this one ended."""
    engine = sa.create_engine(f"sqlite:///{table}")
    target = _wrapping.Table.reflect(engine, table="users", column="password", key="id", widest=WIDEST)
    steps = _wrapping.wrap_table(target, CHEAP, batch=2)
    next(steps)
    steps.close()
    done = [(stored or "").startswith("$sa-wrap$") for stored in rows(table)]
    assert done[:3] == [True, True, False]
    for _ in _wrapping.wrap_table(target, CHEAP, batch=2):
        pass
    assert all((stored or "").startswith("$sa-wrap$") for stored in rows(table)[: len(OLD)])
    engine.dispose()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--table", "nowhere"], "no table"),
        (["--table", "users", "--column", "nowhere"], "no column"),
        (["--table", "users", "--id", "nowhere"], "no column"),
        (["--table", "narrow"], "widen it first"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_done(
    table: Path, arguments: list[str], words: str
) -> None:
    """One line for each cause, among them a column too narrow for what must go in."""
    with closing(sqlite3.connect(table)) as connection, connection:
        connection.execute("CREATE TABLE narrow (id INTEGER PRIMARY KEY, password VARCHAR(128))")
    ended = run("wrap", f"sqlite:///{table}", *arguments)
    assert isinstance(ended.exception, ConfigurationError)
    assert words in str(ended.exception)


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////nowhere/at/all.db", "@/nowhere/file", "nodb://x"])
def test_a_database_that_cannot_be_reached_is_one_error_of_ours(url: str) -> None:
    """No third-party exception and no password of the URL in the message."""
    ended = run("wrap", url, "--table", "users")
    assert isinstance(ended.exception, SecureAcctError)


def test_the_url_may_come_from_a_file_or_the_environment(table: Path, tmp_path: Path) -> None:
    """So that it is in no list of processes."""
    (tmp_path / "url").write_text(f"sqlite:///{table}\n")
    for arguments, env in (
        (("wrap", f"@{tmp_path / 'url'}"), {}),
        (("wrap",), {"SECUREACCT_DATABASE_URL": f"sqlite:///{table}"}),
    ):
        ended = run(*arguments, "--table", "users", "--dry-run", **env)
        assert f"wrapped: {len(OLD)}" in ended.output, ended.output


def test_a_download_becomes_a_file_that_can_be_checked(tmp_path: Path) -> None:
    """build-blocklist and check-blocklist, and what check says of a damaged file."""
    lines = sorted(hashlib.sha1(b"%d" % at).hexdigest().upper() + f":{at}" for at in range(1, 1000))
    (tmp_path / "download.txt").write_text("\r\n".join(lines))
    ended = run("build-blocklist", tmp_path / "download.txt", tmp_path / "b", "--min-count", "10")
    assert ended.exit_code == 0, ended.output
    assert "990 entries" in ended.output
    assert BreachFile(tmp_path / "b").holds("500")
    assert not BreachFile(tmp_path / "b").holds("9")
    assert "whole" in run("check-blocklist", tmp_path / "b").output
    data = bytearray((tmp_path / "b").read_bytes())
    data[-1] ^= 1
    (tmp_path / "b").write_bytes(data)
    ended = run("check-blocklist", tmp_path / "b")
    assert ended.exit_code == 1
    assert "damaged" in ended.output


def test_a_list_of_words_becomes_a_file(tmp_path: Path) -> None:
    """--words reads one password a line."""
    (tmp_path / "words.txt").write_text("Kettleherring\nmarblecanyon\n\n")
    ended = run("build-blocklist", tmp_path / "words.txt", tmp_path / "w", "--words")
    assert "2 entries" in ended.output
    assert "kettleherring" in Blocklist(tmp_path / "w")


def test_a_source_that_is_no_download_is_named(tmp_path: Path) -> None:
    """The line that does not fit is in the message, and no file is left."""
    (tmp_path / "words.txt").write_text("Kettleherring\n")
    ended = run("build-blocklist", tmp_path / "words.txt", tmp_path / "w")
    assert isinstance(ended.exception, SecureAcctError)
    assert "line 1" in str(ended.exception)
    assert not (tmp_path / "w").exists()


def test_calibrate_prints_a_line_to_paste() -> None:
    """The last line makes a hasher; it is never below the floor."""
    ended = run("calibrate", "--target-ms", "10", "--memory-mib", "19", "--lanes", "1")
    assert ended.exit_code == 0, ended.output
    pasted = next(line for line in ended.output.splitlines() if line.startswith("PasswordHasher("))
    hasher = eval(pasted, {"PasswordHasher": PasswordHasher, "Argon2Profile": Argon2Profile})
    assert hasher.profile.memory_kib >= 19456
    assert hasher.profile.passes >= 2


def test_benchmark_prints_a_table() -> None:
    """Throughput, times, refusals, lag and memory for each number of sign-ins."""
    ended = run(
        "benchmark", "--profile", "owasp-19mib", "--sign-ins", "1,6", "--at-once", "1", "--waiting", "3"
    )
    assert ended.exit_code == 0, ended.output
    table = [line.split() for line in ended.output.splitlines() if line.strip()[:1].isdigit()]
    assert [row[0] for row in table] == ["1", "6"]
    assert [row[6] for row in table] == ["0", "2"]
    for wrong in ("0", "x", "1,,2"):
        assert run("benchmark", "--sign-ins", wrong).exit_code == 2
    assert run("benchmark", "--profile", "nonsense").exit_code == 2


def test_calibration_prefers_memory_to_passes_and_keeps_the_floor() -> None:
    """A pure choice over times: as much memory as fits twice, then as many passes as fit."""

    def timer(nanoseconds: float) -> measuring.Timer:
        return lambda profile: profile.memory_kib * profile.passes * nanoseconds * 1e-9

    for speed, memory, passes in ((500, 65536, 4), (1000, 65536, 2), (2000, 32768, 2), (10_000, 19456, 2)):
        chosen, _ = measuring.calibrate(target=0.15, memory_kib=65536, lanes=4, timer=timer(speed))
        assert (chosen.memory_kib, chosen.passes) == (memory, passes), speed
    chosen, took = measuring.calibrate(target=30.0, memory_kib=65536, lanes=4, timer=timer(1000))
    assert took <= measuring.LONGEST
    assert chosen.passes > 2


def test_no_command_prints_a_hash_or_a_password(table: Path) -> None:
    """Output is counts and times."""
    ended = run("wrap", f"sqlite:///{table}", "--table", "users", "--profile", "owasp-19mib")
    for stored in rows(table):
        if stored and len(stored) > 8:
            assert stored not in ended.output

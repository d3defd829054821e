"""``secureacct keys`` and ``secureacct fields``."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

pytest.importorskip("click")
sa = pytest.importorskip("sqlalchemy")
from click.testing import CliRunner, Result  # noqa: E402
from sqlalchemy import orm  # noqa: E402

from secureacct.cli.root import root  # noqa: E402
from secureacct.errors import SecureAcctError  # noqa: E402
from secureacct.fields import FieldCipher  # noqa: E402
from secureacct.keys import Keyring, State, keyring  # noqa: E402
from secureacct.stores.sql import SqlStore  # noqa: E402
from secureacct.stores.sql.account_tables import account, profile  # noqa: E402
from secureacct.stores.sql.mailings import subscription  # noqa: E402

MODELS = """
from secureacct.orm.sqlalchemy import EncryptedFields, Index
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

sealed = EncryptedFields()

class Base(DeclarativeBase):
    pass

class Person(Base):
    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    email = sealed.column(str, nullable=True, index=Index("email", unique=True))
"""


def run(*words: object) -> Result:
    """One command."""
    return CliRunner().invoke(root, [str(word) for word in words])


def refused(*words: object) -> str:
    """The message of a command that ends with one of our errors."""
    result = run(*words)
    assert isinstance(result.exception, SecureAcctError), result.output
    return str(result.exception)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A keyring that was just made."""
    made = tmp_path / "keyring.json"
    assert run("keys", "init", made).exit_code == 0
    return made


@pytest.fixture
def app(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database URL with thirty people, and their classes importable as ``people_models``."""
    (tmp_path / "people_models.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "people_models", raising=False)
    import people_models  # type: ignore[import-not-found]

    url = f"sqlite:///{tmp_path}/app.db"
    people_models.sealed.use(Keyring.load(path))
    engine = sa.create_engine(url)
    people_models.Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add_all([people_models.Person(id=n, email=f"p{n}@example.org") for n in range(1, 31)])
        session.commit()
    return url


def test_a_keyring_is_made_once(path: Path) -> None:
    """init makes a private file, and never replaces one."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert "exists" in refused("keys", "init", path)
    assert path.read_bytes() == before


def test_every_state_has_its_command(path: Path) -> None:
    """add-pending, promote, disable, enable, rotate and destroy change the file, and show lists it."""
    for words in (
        ["add-pending"],
        ["promote", 2],
        ["disable", 1],
        ["enable", 1],
        ["rotate"],
        ["rotate", "--root", "index"],
        ["destroy", 1, "--force"],
    ):
        result = run("keys", words[0], "--keyring", path, *words[1:])
        assert result.exit_code == 0, result.output
    shown = run("keys", "show", "--keyring", path, "--root", "fields").output
    assert [line.split()[1:3] for line in shown.splitlines()[1:]] == [
        ["1", "destroyed"],
        ["2", "decrypt-only"],
        ["3", "primary"],
    ]
    assert Keyring.load(path).primary("index") == 2
    assert "9" in refused("keys", "disable", "--keyring", path, 9)


def test_a_passphrase_can_be_set_changed_and_removed(path: Path, tmp_path: Path) -> None:
    """rewrap changes how the file is wrapped, and the keys stay."""
    first, second = tmp_path / "one", tmp_path / "two"
    first.write_text("correct horse battery staple\n")
    second.write_text("another passphrase")
    before = Keyring.load(path).derive("csrf", "p")
    assert run("keys", "rewrap", "--keyring", path, "--new-passphrase-file", first).exit_code == 0
    assert "wrapped by a passphrase" in refused("keys", "show", "--keyring", path)
    both = ["--passphrase-file", first, "--new-passphrase-file", second]
    assert run("keys", "rewrap", "--keyring", path, *both).exit_code == 0
    assert Keyring.load(path, "another passphrase").derive("csrf", "p") == before
    assert run("keys", "rewrap", "--keyring", path, "--passphrase-file", second).exit_code == 0
    assert Keyring.load(path).derive("csrf", "p") == before
    (tmp_path / "empty").write_text("")
    assert "empty" in refused("keys", "show", "--keyring", path, "--passphrase-file", tmp_path / "empty")


def test_rotating_verifying_and_destroying(path: Path, app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: rotate the root, rotate the rows, verify, destroy; each step refuses before its time."""
    monkeypatch.setattr(keyring, "SETTLE_SECONDS", 0)
    target = ["--keyring", path, "--database", app, "--models", "people_models"]
    assert run("fields", "status", *target).exit_code == 0
    run("keys", "rotate", "--keyring", path)
    status = run("fields", "status", *target)
    assert (status.exit_code, "30 rows to do" in status.output) == (1, True)
    destroy = ["keys", "destroy", *target, 1]
    assert "30 values" in refused(*destroy)
    assert "nobody counted" in refused("keys", "destroy", "--keyring", path, 1)
    dry = run("fields", "rotate", *target, "--dry-run")
    assert (dry.exit_code, run("fields", "status", *target).exit_code) == (0, 1)
    done = run("fields", "rotate", *target, "--workers", 2)
    assert done.exit_code == 0, done.output
    assert "30 rotated, 0 left" in done.output
    verified = run("fields", "verify", *target)
    assert (verified.exit_code, "30 values under key 2" in verified.output) == (0, True)
    assert run(*destroy).exit_code == 0
    assert Keyring.load(path).describe("fields")[0].state is State.DESTROYED
    assert run("fields", "verify", *target).exit_code == 0


def test_damaged_rows_are_named(path: Path, app: str) -> None:
    """rotate and verify list what cannot be read, end with 1, and leave it as it is."""
    engine = sa.create_engine(app)
    with engine.begin() as connection:
        connection.execute(sa.text("update person set email = x'0102' where id = 7"))
    target = ["--keyring", path, "--database", app, "--models", "people_models:sealed"]
    run("keys", "rotate", "--keyring", path)
    for command in ("rotate", "verify"):
        result = run("fields", command, *target)
        assert result.exit_code == 1
        assert "row 7, email: field_malformed" in result.output
    with engine.connect() as connection:
        left = connection.execute(sa.text("select email from person where id = 7")).scalar_one()
    assert bytes(left) == b"\x01\x02"


def test_the_accounts_own_columns_rotate(path: Path, tmp_path: Path) -> None:
    """``--models secureacct`` covers the library's tables, profile fields each under their own name."""
    url = f"sqlite:///{tmp_path}/own.db"
    store = SqlStore.from_url(url)
    store.create_schema()
    keys = Keyring.load(path)
    email = FieldCipher(keys, table="account", column="email", type=str, floor=64)
    phone = FieldCipher(keys, table="profile", column="phone", type=str)
    address = FieldCipher(keys, table="subscription", column="address", type=str, floor=64)
    with store.engine.begin() as connection:
        row = {"id": "a1", "created_at": 1, "sealed_email": email.encrypt("a@example.org", row="a1")}
        connection.execute(account.insert(), row)
        value = {"account_id": "a1", "field": "phone", "sealed": phone.encrypt("+41", row="a1")}
        connection.execute(profile.insert(), value)
        row = {"list_id": "news", "token": b"\x01\xff", "state": "on", "since": 1, "opt_in": 1}
        row["sealed"] = address.encrypt("a@example.org", row="news:Af8")
        connection.execute(subscription.insert(), row)
    run("keys", "rotate", "--keyring", path)
    target = ["--keyring", path, "--database", url, "--models", "secureacct"]
    done = run("fields", "rotate", *target)
    assert done.exit_code == 0, done.output
    keys.reload()
    keys.destroy("fields", 1, force=True)
    with store.engine.connect() as connection:
        sealed = connection.execute(sa.select(account.c.sealed_email)).scalar_one()
        held = connection.execute(sa.select(profile.c.sealed)).scalar_one()
        listed = connection.execute(sa.select(subscription.c.sealed)).scalar_one()
    assert address.decrypt(listed, row="news:Af8") == "a@example.org"
    assert email.decrypt(sealed, row="a1") == "a@example.org"
    assert phone.decrypt(held, row="a1") == "+41"


def test_what_cannot_be_found_is_one_clear_error(path: Path, app: str) -> None:
    """A wrong module, attribute or table says so."""
    target = ["--keyring", path, "--database", app]
    assert "no_such_module" in refused("fields", "status", *target, "--models", "no_such_module:x")
    assert "nothing" in refused("fields", "status", *target, "--models", "people_models:nothing")
    assert "no EncryptedFields" in refused("fields", "status", *target, "--models", "people_models:__name__")
    assert "letters" in refused(
        "fields", "status", *target, "--models", "people_models", "--table", "letters"
    )


def test_a_plan_is_printed_with_what_an_observer_learns() -> None:
    """plan prints the length, the cost and the leak, and ends with 1 where there is no safe length."""
    good = run("fields", "plan", "--rows", 100_000, "--distinct", 80_000)
    assert (good.exit_code, "9 to 15 bits" in good.output, "32768 groups" in good.output) == (0, True, True)
    bad = run("fields", "plan", "--rows", 100_000, "--distinct", 2)
    assert (bad.exit_code, "frequencies" in bad.output) == (1, True)

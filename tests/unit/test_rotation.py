"""Rotation, encrypting in place and take-over, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from secureacct.errors import ConfigurationError, StoreUnavailable
from secureacct.fields import (
    BlindIndex,
    FieldCipher,
    FieldError,
    ForeignCiphertext,
    InvalidValue,
    takeover,
)
from secureacct.keys import Keyring, KeyStateError
from secureacct.orm.rotation import RotatedColumn, Rotation, Source
from secureacct.orm.sqlalchemy import EncryptedFields, Index

VECTORS = Path(__file__).parents[1] / "vectors"


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        made = sa.create_engine(f"sqlite:///{tmp_path}/app.db")
    else:
        made = sa.create_engine(request.getfixturevalue("pg_database"))
    yield made
    made.dispose()


def table_of(engine: sa.Engine, key: Any, *columns: Any) -> sa.Table:
    """A table ``person``, made."""
    made = sa.Table("person", sa.MetaData(), *(key if isinstance(key, list) else [key]), *columns)
    made.create(engine)
    return made


def int_key() -> sa.Column[int]:
    """A number as primary key."""
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


def field(keys: Keyring, column: str = "email", **options: Any) -> FieldCipher[Any]:
    """A field of the table."""
    return FieldCipher(keys, table="person", column=column, **{"type": str, **options})


def fill(
    engine: sa.Engine, table: sa.Table, cipher: FieldCipher[Any], rows: int, column: str = "email"
) -> None:
    """Rows 1 to ``rows``; each holds its own number."""
    ids = list(range(1, rows + 1))
    blobs = cipher.encrypt_many([f"v{n}" for n in ids], rows=ids)
    with engine.begin() as connection:
        connection.execute(
            table.insert(), [{"id": n, column: blob} for n, blob in zip(ids, blobs, strict=True)]
        )


def values(
    engine: sa.Engine, table: sa.Table, cipher: FieldCipher[Any], column: str = "email"
) -> dict[int, Any]:
    """What the rows hold, decrypted."""
    with engine.connect() as connection:
        found = connection.execute(sa.select(table.c.id, table.c[column])).all()
    return {n: cipher.decrypt(None if blob is None else bytes(blob), row=n) for n, blob in found}


def test_a_rotation_brings_every_row_to_the_new_key(engine: sa.Engine) -> None:
    """All rows move, NULL stays NULL, values stay equal, and a second run changes nothing."""
    keys = Keyring.generate()
    email = field(keys)
    table = table_of(engine, int_key(), sa.Column("email", sa.LargeBinary))
    fill(engine, table, email, 95)
    with engine.begin() as connection:
        connection.execute(table.insert(), {"id": 1000, "email": None})
    rotation = Rotation(engine, table, [RotatedColumn("email", email)], chunk_rows=10)
    assert (rotation.remaining(), rotation.remaining_under(1)) == (0, 95)
    keys.rotate()
    assert (rotation.remaining(), rotation.remaining_under(1), rotation.remaining_under(2)) == (95, 95, 0)
    assert rotation.status().chunks == 0
    assert rotation.work() == 95
    assert (rotation.remaining(), rotation.remaining_under(1), rotation.remaining_under(2)) == (0, 0, 95)
    progress = rotation.status()
    assert (progress.done, progress.rotated, progress.moved, progress.failed) == (progress.chunks, 95, 0, 0)
    assert progress.chunks == 10
    assert values(engine, table, email) == {**{n: f"v{n}" for n in range(1, 96)}, 1000: None}
    assert rotation.work() == 0
    report = rotation.verify()
    assert (dict(report.per_key), list(report.failed), report.waiting) == ({("email", 2): 95}, [], 0)


def test_a_key_is_destroyed_only_after_its_last_row(engine: sa.Engine) -> None:
    """destroy() is refused while a row is left, by the rotation's own count; disabled keys count too."""
    keys = Keyring.generate()
    email = field(keys)
    table = table_of(engine, int_key(), sa.Column("email", sa.LargeBinary))
    fill(engine, table, email, 5)
    keys.rotate()
    rotation = Rotation(engine, table, [RotatedColumn("email", email)])
    with pytest.raises(KeyStateError, match="5 values"):
        keys.destroy("fields", 1, remaining=lambda: rotation.remaining_under(1))
    rotation.run()
    keys.disable("fields", 1)
    keys.destroy("fields", 1, remaining=lambda: rotation.remaining_under(1))
    assert values(engine, table, email) == {n: f"v{n}" for n in range(1, 6)}


def test_a_row_changed_meanwhile_keeps_the_change(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the application writes between reading and writing stays; a second pass gets it."""
    keys = Keyring.generate()
    email = field(keys)
    table = table_of(engine, int_key(), sa.Column("email", sa.LargeBinary))
    fill(engine, table, email, 20)
    old_writer = email.encrypt("changed", row=7)
    keys.rotate()
    rotation = Rotation(engine, table, [RotatedColumn("email", email)], chunk_rows=10)
    real = Rotation._changes

    def and_then_the_app_writes(self: Rotation, connection: Any, chunk: Any) -> Any:
        found = real(self, connection, chunk)
        if chunk.number == 0:
            with engine.begin() as other:
                other.execute(sa.update(table).where(table.c.id == 7).values(email=old_writer))
        return found

    monkeypatch.setattr(Rotation, "_changes", and_then_the_app_writes)
    assert rotation.work() == 19
    assert rotation.status().moved == 1
    monkeypatch.undo()
    assert values(engine, table, email)[7] == "changed"
    assert rotation.remaining() == 1
    rotation.run()
    assert rotation.remaining() == 0
    assert values(engine, table, email) == {**{n: f"v{n}" for n in range(1, 21)}, 7: "changed"}


def test_unreadable_rows_are_listed_and_untouched(engine: sa.Engine) -> None:
    """Damaged, moved and plain rows are in the list with the reason, byte for byte as they were."""
    keys = Keyring.generate()
    email = field(keys)
    table = table_of(engine, int_key(), sa.Column("email", sa.LargeBinary))
    fill(engine, table, email, 12)
    bad = {3: b"plain text", 5: email.encrypt("of another row", row=6), 9: b"\xa1" + bytes(104)}
    with engine.begin() as connection:
        for number, blob in bad.items():
            connection.execute(sa.update(table).where(table.c.id == number).values(email=blob))
    keys.rotate()
    rotation = Rotation(engine, table, [RotatedColumn("email", email)], chunk_rows=5)
    progress = rotation.run()
    assert progress.failed == 3
    assert progress.rotated == 9
    assert sorted(rotation.failed_rows()) == [
        ("3", "email", "field_malformed"),
        ("5", "email", "field_tampered"),
        ("9", "email", "field_unknown_key"),
    ]
    with engine.connect() as connection:
        left = dict(connection.execute(sa.select(table.c.id, table.c.email).where(table.c.id.in_(bad))).all())
    assert {number: bytes(blob) for number, blob in left.items()} == bad
    assert sorted(row for row, _, _ in rotation.verify().failed) == ["3", "5", "9"]


def test_planning_again_finds_the_same_job(engine: sa.Engine) -> None:
    """One goal is one job with one list of ranges; a new primary is a new job; new rows are last."""
    keys = Keyring.generate()
    email = field(keys)
    table = table_of(engine, int_key(), sa.Column("email", sa.LargeBinary))
    fill(engine, table, email, 20)
    keys.rotate()
    first = Rotation(engine, table, [RotatedColumn("email", email)], chunk_rows=5)
    second = Rotation(engine, table, [RotatedColumn("email", field(keys))], chunk_rows=7)
    job = first.plan()
    assert second.plan() == job
    assert first.work(most_chunks=2) == 10
    late = field(keys)
    keys.promote("fields", 1)
    stale = late.encrypt("late", row=500)
    keys.promote("fields", 2)
    with engine.begin() as connection:
        connection.execute(table.insert(), {"id": 500, "email": stale})
    assert second.work() == 11
    assert second.status().chunks == 5
    keys.rotate()
    assert first.plan() != job


@pytest.mark.parametrize("chunk_rows", [1, 3, 1000])
def test_every_kind_of_key(engine: sa.Engine, chunk_rows: int) -> None:
    """Text, UUID and composite primary keys are split into ranges that cover every row exactly once."""
    keys = Keyring.generate()
    tables: list[tuple[str, list[sa.Column[Any]], list[tuple[Any, ...]]]] = [
        ("texts", [sa.Column("id", sa.String(40), primary_key=True)], [("b",), ("a\u00e4",), ("Z",), ("",)]),
        ("uuids", [sa.Column("id", sa.Uuid, primary_key=True)], [(uuid.uuid4(),) for _ in range(7)]),
        (
            "pairs",
            [sa.Column("a", sa.String(9), primary_key=True), sa.Column("b", sa.Integer, primary_key=True)],
            [("x", 1), ("x", 2), ("y", 1), ("x", 10)],
        ),
    ]
    for name, columns, ids in tables:
        cipher = FieldCipher(keys, table=name, column="v", type=str)
        table = sa.Table(name, sa.MetaData(), *columns, sa.Column("v", sa.LargeBinary))
        table.create(engine)
        names = [column.name for column in columns]
        with engine.begin() as connection:
            for key in ids:
                row: Any = key[0] if len(key) == 1 else key
                blob = cipher.encrypt(str(key), row=row)
                connection.execute(table.insert(), {**dict(zip(names, key, strict=True)), "v": blob})
        keys.rotate()
        rotation = Rotation(engine, table, [RotatedColumn("v", cipher)], chunk_rows=chunk_rows)
        assert rotation.work() == len(ids)
        assert rotation.remaining() == 0
        with engine.connect() as connection:
            for found in connection.execute(sa.select(table)):
                *parts, blob = found
                row = parts[0] if len(parts) == 1 else tuple(parts)
                assert cipher.decrypt(bytes(blob), row=row) == str(tuple(parts))


def test_several_columns_and_their_index_in_one_pass(engine: sa.Engine) -> None:
    """Two columns move together, an index follows its own root, a damaged column does not hold the other."""
    keys = Keyring.generate()
    email, phone = field(keys), field(keys, "phone")
    index = BlindIndex(keys, table="person", column="email", unique=True)
    table = table_of(
        engine,
        int_key(),
        sa.Column("email", sa.LargeBinary),
        sa.Column("phone", sa.LargeBinary),
        sa.Column("email_index", sa.LargeBinary, unique=True),
    )
    with engine.begin() as connection:
        for n in range(1, 11):
            row = {"id": n, "email": email.encrypt(f"v{n}", row=n), "email_index": index.of(f"v{n}")}
            row["phone"] = None if n == 2 else b"damaged" if n == 3 else phone.encrypt(f"p{n}", row=n)
            connection.execute(table.insert(), row)
    columns = [
        RotatedColumn("email", email, index_column="email_index", index=index),
        RotatedColumn("phone", phone),
    ]
    keys.rotate()
    rotation = Rotation(engine, table, columns, chunk_rows=4)
    assert rotation.run().failed == 1
    assert values(engine, table, email) == {n: f"v{n}" for n in range(1, 11)}
    before = _raw(engine, table)
    keys.rotate("index")
    rotation = Rotation(engine, table, columns, chunk_rows=4)
    rotation.next_pass()
    assert rotation.work() == 10
    after = _raw(engine, table)
    assert all(after[n]["email"] == before[n]["email"] for n in after)
    assert all(after[n]["email_index"] == index.of(f"v{n}") != before[n]["email_index"] for n in after)


def _raw(engine: sa.Engine, table: sa.Table) -> dict[int, dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(sa.select(table)).mappings().all()
    return {
        row["id"]: {k: bytes(v) if isinstance(v, memoryview) else v for k, v in row.items()} for row in rows
    }


def test_text_columns_rotate_too(engine: sa.Engine) -> None:
    """The text form is found by its head, moved, and counted per key to the last letter."""
    keys = Keyring.generate()
    email = field(keys)
    table = table_of(engine, int_key(), sa.Column("email", sa.Text))
    for _ in range(16):  # ids 1 to 17: heads that differ in half a letter only
        with engine.begin() as connection:
            n = keys.primary("fields")
            connection.execute(table.insert(), {"id": n, "email": email.encrypt_text(f"v{n}", row=n)})
        keys.rotate()
    rotation = Rotation(engine, table, [RotatedColumn("email", email, text=True)], chunk_rows=3)
    assert [rotation.remaining_under(n) for n in range(1, 18)] == [1] * 16 + [0]
    assert (rotation.remaining(), rotation.work(), rotation.remaining()) == (16, 16, 0)
    assert rotation.remaining_under(17) == 16
    with engine.connect() as connection:
        for n, text in connection.execute(sa.select(table.c.id, table.c.email)):
            assert email.decrypt_text(text, row=n) == f"v{n}"


def test_plain_text_is_encrypted_in_place(engine: sa.Engine) -> None:
    """A plain column moves into an encrypted one with its index, the plain value is gone, new rows stay."""
    keys = Keyring.generate()
    email = field(keys)
    index = BlindIndex(keys, table="person", column="email", normalise="email", unique=True)
    table = table_of(
        engine,
        int_key(),
        sa.Column("email_plain", sa.Text),
        sa.Column("email", sa.LargeBinary),
        sa.Column("email_index", sa.LargeBinary),
    )
    with engine.begin() as connection:
        connection.execute(
            table.insert(),
            [
                {"id": 1, "email_plain": "a@example.org", "email": None},
                {"id": 2, "email_plain": None, "email": None},
                {"id": 3, "email_plain": None, "email": email.encrypt("c@example.org", row=3)},
                {"id": 4, "email_plain": "no address", "email": None},
            ],
        )
    column = RotatedColumn(
        "email",
        email,
        index_column="email_index",
        index=index,
        source=Source(takeover.plain, "email_plain"),
    )
    rotation = Rotation(engine, table, [column])
    assert rotation.remaining() == 3
    rotation.run()
    rows = _raw(engine, table)
    assert values(engine, table, email) == {1: "a@example.org", 2: None, 3: "c@example.org", 4: None}
    assert (rows[1]["email_plain"], rows[4]["email_plain"]) == (None, "no address")
    assert rows[1]["email_index"] == index.of("a@example.org")
    assert rows[3]["email_index"] == index.of("c@example.org")
    assert list(rotation.failed_rows()) == [("4", "email", "field_invalid_value")]


def test_a_flag_tells_old_from_new_in_one_column(engine: sa.Engine) -> None:
    """Old and new values may share a column if another one says which is which; nothing is sniffed."""
    from cryptography.fernet import Fernet

    old = [Fernet(Fernet.generate_key()) for _ in range(2)]
    keys = Keyring.generate()
    email = field(keys)
    table = table_of(
        engine,
        int_key(),
        sa.Column("email", sa.LargeBinary),
        sa.Column("ours", sa.Boolean, nullable=False, default=False),
    )
    with engine.begin() as connection:
        for n in range(1, 6):
            token = old[n % 2].encrypt(f"v{n}".encode())
            connection.execute(table.insert(), {"id": n, "email": token, "ours": False})
        connection.execute(table.insert(), {"id": 6, "email": email.encrypt("v6", row=6), "ours": True})
        connection.execute(table.insert(), {"id": 7, "email": email.encrypt("v7", row=7), "ours": False})
    fernet_keys = [(one._signing_key + one._encryption_key) for one in old]
    import base64

    read = takeover.fernet([base64.urlsafe_b64encode(key) for key in fernet_keys])
    column = RotatedColumn("email", email, source=Source(read, "email", flag="ours"))
    rotation = Rotation(engine, table, [column], chunk_rows=3)
    assert rotation.remaining() == 6
    rotation.run()
    rows = _raw(engine, table)
    assert {n: bool(row["ours"]) for n, row in rows.items()} == {**dict.fromkeys(range(1, 7), True), 7: False}
    assert [email.decrypt(rows[n]["email"], row=n) for n in range(1, 7)] == [f"v{n}" for n in range(1, 7)]
    assert list(rotation.failed_rows()) == [("7", "email", "field_foreign_ciphertext")]
    with pytest.raises(ConfigurationError, match="flag"):
        Rotation(engine, table, [RotatedColumn("email", email, source=Source(read, "email"))])


def test_tenants_rotate_row_by_row(engine: sa.Engine) -> None:
    """Where the field depends on the row, each row is rotated with its own."""
    keys = Keyring.generate()
    tenants = {name: field(keys, tenant=name) for name in ("a", "b")}
    table = table_of(engine, int_key(), sa.Column("tenant", sa.String(9)), sa.Column("email", sa.LargeBinary))
    with engine.begin() as connection:
        for n in range(1, 9):
            name = "ab"[n % 2]
            blob = tenants[name].encrypt(f"v{n}", row=n)
            connection.execute(table.insert(), {"id": n, "tenant": name, "email": blob})
    primary = keys.rotate()
    column = RotatedColumn("email", lambda row: tenants[row["tenant"]], needs=["tenant"])
    rotation = Rotation(engine, table, [column], primary=primary, chunk_rows=3)
    assert (rotation.work(), rotation.remaining(), rotation.remaining_under(1)) == (8, 0, 0)
    rows = _raw(engine, table)
    assert all(tenants[row["tenant"]].decrypt(row["email"], row=n) == f"v{n}" for n, row in rows.items())
    with pytest.raises(ConfigurationError, match="primary="):
        Rotation(engine, table, [column])


def test_the_rate_is_limited(engine: sa.Engine) -> None:
    """After each range it waits as long as the rows should have taken."""
    keys = Keyring.generate()
    email = field(keys)
    table = table_of(engine, int_key(), sa.Column("email", sa.LargeBinary))
    fill(engine, table, email, 30)
    keys.rotate()
    slept: list[float] = []
    seen: list[int] = []
    rotation = Rotation(
        engine, table, [RotatedColumn("email", email)], chunk_rows=10, sleep=slept.append, clock=lambda: 0.0
    )
    rotation.work(rows_per_second=5, on_chunk=lambda progress: seen.append(progress.done))
    assert slept == [2.0, 4.0, 6.0, 6.0]
    assert seen == [1, 2, 3, 4]


def test_a_rotation_needs_a_table_that_fits(engine: sa.Engine) -> None:
    """A missing column, a missing key and half an index are refused when the rotation is made."""
    keys = Keyring.generate()
    email = field(keys)
    table = table_of(engine, int_key(), sa.Column("email", sa.LargeBinary))
    bare = sa.Table("bare", sa.MetaData(), sa.Column("email", sa.LargeBinary))
    for target, columns in (
        (table, [RotatedColumn("mail", email)]),
        (table, []),
        (bare, [RotatedColumn("email", email)]),
        (table, [RotatedColumn("email", email, index_column="email")]),
    ):
        with pytest.raises(ConfigurationError):
            Rotation(engine, target, columns)


def test_a_database_that_does_not_answer_is_store_unavailable(tmp_path: Path) -> None:
    """The error is ours and says nothing of the connection."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/missing/app.db")
    table = sa.Table("person", sa.MetaData(), int_key(), sa.Column("email", sa.LargeBinary))
    rotation = Rotation(engine, table, [RotatedColumn("email", field(Keyring.generate()))])
    for act in (rotation.plan, rotation.remaining, rotation.status, rotation.verify):
        with pytest.raises(StoreUnavailable):
            act()


def test_mapped_classes_give_their_own_rotations(engine: sa.Engine) -> None:
    """rotations() covers every encrypted attribute, tenants and indexes too; the ORM reads what it wrote."""
    sealed = EncryptedFields()

    class Base(orm.DeclarativeBase):
        pass

    class Noted:
        note = sealed.column(str, nullable=True)

    class Person(Noted, Base):
        __tablename__ = "person"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        email = sealed.column(str, nullable=True, index=Index("email", unique=True))

    class Visit(Base):
        __tablename__ = "visit"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
        clinic: orm.Mapped[str]
        finding = sealed.column(str, nullable=True, tenant_from="clinic", index=Index(unique=True))

    keys = Keyring.generate()
    sealed.use(keys)
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(Person(id=1, email="ada@example.org", note="n"))
        session.add_all([Visit(id=n, clinic="ab"[n % 2], finding=f"f{n}") for n in range(5)])
        session.commit()
    keys.rotate()
    keys.rotate("index")
    rotations = sealed.rotations(engine)
    assert sorted(rotation.table_name for rotation in rotations) == ["person", "visit"]
    for rotation in rotations:
        rotation.run()
        assert (rotation.remaining(), rotation.remaining_under(1)) == (0, 0)
    with orm.Session(engine) as session:
        person = session.scalars(sa.select(Person).where(Person.email.equals("ada@example.org"))).one()
        assert (person.email, person.note) == ("ada@example.org", "n")
        keys.destroy("fields", 1, force=True)
        keys.destroy("index", 1, force=True)
        assert [visit.finding for visit in session.scalars(sa.select(Visit).order_by(Visit.id))] == [
            f"f{n}" for n in range(5)
        ]
        assert session.scalars(sa.select(Visit).where(Visit.finding.equals("f1", tenant="b"))).one().id == 1


def test_fernet_values_are_read_by_any_of_their_keys() -> None:
    """Tokens of each key open, as text and as bytes; others are ForeignCiphertext without a chain."""
    from cryptography.fernet import Fernet

    keys = [Fernet.generate_key() for _ in range(3)]
    read = takeover.fernet(keys)
    for key in keys:
        token = Fernet(key).encrypt("h\u00e9llo".encode())
        assert read(token) == read(token.decode()) == read(memoryview(token)) == "h\u00e9llo"
    assert takeover.fernet(keys, parse=int)(Fernet(keys[0]).encrypt(b"42")) == 42
    for wrong in (
        Fernet(Fernet.generate_key()).encrypt(b"x"),
        b"",
        "plain",
        5,
        Fernet(keys[0]).encrypt(b"\xff"),
    ):
        with pytest.raises(ForeignCiphertext) as caught:
            read(wrong)
        assert caught.value.__context__ is None
    with pytest.raises(InvalidValue):
        takeover.fernet(["short"])


def test_sqlalchemy_utils_values_are_read() -> None:
    """Values that sqlalchemy-utils itself wrote, with each engine and padding, open as what went in."""
    found = json.loads((VECTORS / "sqlalchemy_utils.json").read_text())
    assert {(one["engine"], one["padding"]) for one in found} >= {
        *(("aes", padding) for padding in ("naive", "pkcs5", "oneandzeroes", "zeroes")),
        ("aes-gcm", None),
        ("fernet", None),
    }
    for one in found:
        options = {} if one["padding"] is None else {"padding": one["padding"]}
        read = takeover.sqlalchemy_utils(one["key"], engine=one["engine"], **options)
        assert read(one["stored"]) == read(one["stored"].encode()) == one["value"]
        with pytest.raises((ForeignCiphertext, AssertionError)):
            other = takeover.sqlalchemy_utils("another key", engine=one["engine"], **options)(one["stored"])
            assert other == one["value"]


@pytest.mark.parametrize("padding", ["naive", "pkcs5", "oneandzeroes", "zeroes"])
@pytest.mark.parametrize("stored", ["", "AAAA", "not base64!", 5, None, "AAAAAAAAAAAAAAAAAAAAAAA="])
def test_what_is_not_in_the_old_form_is_refused(padding: Any, stored: Any) -> None:
    """Anything that cannot be a value of the old library is ForeignCiphertext or at least not a crash."""
    for engine_name in ("aes", "aes-gcm", "fernet"):
        read = takeover.sqlalchemy_utils("key", engine=engine_name, padding=padding)
        with pytest.raises(FieldError):
            read(stored)

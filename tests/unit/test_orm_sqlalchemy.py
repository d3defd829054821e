"""Encrypted attributes of SQLAlchemy classes."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

sa = pytest.importorskip("sqlalchemy")
from sqlalchemy import orm  # noqa: E402
from sqlalchemy.orm import Mapped, Session, mapped_column  # noqa: E402

from secureacct.errors import ConfigurationError  # noqa: E402
from secureacct.fields import (  # noqa: E402
    FieldCipher,
    FieldError,
    InvalidValue,
    MalformedCiphertext,
    NotSearchable,
    PurposeRequired,
    Sensitive,
    TamperedCiphertext,
    WrongContext,
)
from secureacct.fields.purposes import Guarded, Reading, last_four  # noqa: E402
from secureacct.keys import Keyring  # noqa: E402
from secureacct.orm.sqlalchemy import (  # noqa: E402
    EncryptedFields,
    EncryptedType,
    Index,
    encrypted_attributes,
)


class Base(orm.DeclarativeBase):
    """The classes of these tests."""


sealed = EncryptedFields()


class HasNote:
    """A mixin with an encrypted attribute."""

    note = sealed.column(str, nullable=True)


class Profile(HasNote, Base):
    """Its id is known before it is inserted."""

    __tablename__ = "profile"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: str(uuid.uuid4()))
    name: Mapped[str] = mapped_column(default="")
    phone = sealed.column(str, nullable=True, index=Index("e164", unique=True))
    pin = sealed.column(int, nullable=True, sensitive=True)
    card = sealed.column(str, nullable=True, purposes=["payment"], mask=last_four)
    data = sealed.column(dict, nullable=True)


class Numbered(Base):
    """Its id is chosen by the database."""

    __tablename__ = "numbered"
    id: Mapped[int] = mapped_column(primary_key=True)
    secret = sealed.column(str, nullable=True)


class Strict(Base):
    """Cannot wait for its id."""

    __tablename__ = "strict"
    id: Mapped[int] = mapped_column(primary_key=True)
    secret = sealed.column(str)


class Visit(Base):
    """Two columns name a row; tenants are apart."""

    __tablename__ = "visit"
    clinic: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    finding = sealed.column(str, tenant_from="clinic", index=Index(unique=True))


READ: list[Reading] = []


@pytest.fixture
def keys() -> Iterator[Keyring]:
    """A keyring in use by all classes."""
    made = Keyring.generate()
    READ.clear()
    sealed.use(made, on_read=READ.append)
    yield made
    sealed._given.keyring = None


@pytest.fixture
def session(keys: Keyring) -> Iterator[Session]:
    """An empty database."""
    engine = sa.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened


def stored(session: Session, table: str, column: str) -> Any:
    """What is in the one row of a table."""
    return session.execute(sa.text(f"select {column} from {table}")).scalar_one()


def test_a_value_is_stored_encrypted_and_read_as_itself(session: Session) -> None:
    """The column holds no plain text; the attribute gives the value in a new session."""
    session.add(Profile(id="1", phone="+41446681800", note="hello", data={"a": [1]}))
    session.commit()
    assert b"446681800" not in stored(session, "profile", "phone")
    session.expunge_all()
    loaded = session.scalars(sa.select(Profile)).one()
    assert (loaded.phone, loaded.note, loaded.data) == ("+41446681800", "hello", {"a": [1]})


def test_the_row_is_bound_whatever_the_order_of_arguments(session: Session) -> None:
    """Set before its id is known, given an id by a default or by the database: it opens in its row only."""
    first, second = Profile(phone="+41446681800"), Profile(phone="+41446681801")
    third, fourth = Numbered(secret="three"), Numbered(secret="four")
    assert third.secret == "three"
    session.add_all([first, second, third, fourth])
    session.commit()
    assert (first.phone, third.secret, fourth.secret) == ("+41446681800", "three", "four")
    session.execute(
        sa.text("update numbered set secret = (select secret from numbered where id = 1) where id = 2")
    )
    session.expire_all()
    assert third.secret == "three"
    with pytest.raises(TamperedCiphertext):
        _ = fourth.secret


def test_a_not_null_column_cannot_wait_for_its_id(session: Session) -> None:
    """The error says what to do about it; with the id given it works."""
    session.add(Strict(secret="x"))
    with pytest.raises(ConfigurationError, match="Python default"):
        session.flush()
    session.rollback()
    session.add(Strict(id=5, secret="x"))
    session.commit()
    assert session.get(Strict, 5).secret == "x"  # type: ignore[union-attr]


def test_updates_are_flushed_and_rolled_back_like_any_other(session: Session) -> None:
    """A new value is written, read back, undone by a rollback, and None is NULL."""
    person = Profile(id="1", phone="+41446681800", note="old")
    session.add(person)
    session.commit()
    person.note = "new"
    assert person.note == "new"
    session.rollback()
    assert person.note == "old"
    person.note = "newer"
    session.commit()
    assert person.note == "newer"
    person.note = None
    session.commit()
    assert (person.note, stored(session, "profile", "note")) == (None, None)


def test_what_another_session_wrote_is_read_after_a_refresh(session: Session) -> None:
    """A decrypted value is forgotten when the column is read again."""
    person = Profile(id="1", note="old")
    session.add(person)
    session.commit()
    assert person.note == "old"
    with Session(session.get_bind()) as other:
        other.get(Profile, "1").note = "new"  # type: ignore[union-attr]
        other.commit()
    session.refresh(person)
    assert person.note == "new"


def test_a_changed_id_takes_its_values_along(session: Session) -> None:
    """When the primary key changes, the values are encrypted for the new row in the same flush."""
    person = Profile(id="1", note="kept")
    session.add(person)
    session.commit()
    person.id = "2"
    session.commit()
    session.expunge_all()
    assert session.get(Profile, "2").note == "kept"  # type: ignore[union-attr]
    moved = session.get(Profile, "2")
    assert moved is not None
    moved.id, moved.note = "3", "set after"
    session.commit()
    session.expunge_all()
    assert session.get(Profile, "3").note == "set after"  # type: ignore[union-attr]


def test_the_blind_index_finds(session: Session, keys: Keyring) -> None:
    """equals() finds every spelling, also after the index root was rotated; the database keeps it unique."""
    session.add(Profile(id="1", phone="+41 44 668 18 00"))
    session.commit()
    found = session.scalars(sa.select(Profile).where(Profile.phone.equals("0041446681800"))).one()
    assert found.phone == "+41 44 668 18 00"
    keys.rotate("index")
    assert session.scalars(sa.select(Profile.id).where(Profile.phone.equals("+41446681800"))).all() == ["1"]
    found.phone = "+41446681801"
    session.commit()
    assert not session.scalars(sa.select(Profile).where(Profile.phone.equals("+41446681800"))).all()
    session.add(Profile(id="2", phone="+41446681801"))
    with pytest.raises(sa.exc.IntegrityError):
        session.commit()
    session.rollback()
    found.phone = None
    session.commit()
    assert stored(session, "profile", "phone_index") is None


@pytest.mark.parametrize(
    "compare",
    [
        lambda: Profile.phone == "x",
        lambda: Profile.phone != None,  # noqa: E711
        lambda: Profile.phone < "x",
        lambda: Profile.phone.in_(["x"]),
        lambda: Profile.phone.like("x%"),
        lambda: Profile.phone.asc(),
        lambda: sa.select(Profile).where(Profile.phone == "x"),
        lambda: sa.select(Profile.phone),
        lambda: sa.select(Profile).order_by(Profile.phone),
        lambda: sa.select(Profile).filter_by(phone="x"),
    ],
)
def test_comparing_is_refused_and_names_the_way(compare: Any) -> None:
    """Every comparison, sorting or selecting of the attribute is refused; the message has equals()."""
    with pytest.raises(NotSearchable, match=r"Profile\.phone\.equals\(value\)"):
        compare()


def test_without_an_index_the_message_says_how_to_get_one(keys: Keyring) -> None:
    """A column without a blind index cannot be searched, and says so."""
    with pytest.raises(NotSearchable, match="declare index="):
        _ = Profile.note == "x"
    with pytest.raises(NotSearchable, match="no blind index"):
        Profile.note.equals("x")


def test_null_can_be_asked_for(session: Session) -> None:
    """Whether there is a value at all is visible, and can be searched."""
    session.add_all([Profile(id="1", note="x"), Profile(id="2")])
    session.commit()
    assert session.scalars(sa.select(Profile.id).where(Profile.note.is_null())).all() == ["2"]
    assert session.scalars(sa.select(Profile.id).where(Profile.note.is_not_null())).all() == ["1"]


def test_a_sensitive_attribute_comes_wrapped(session: Session) -> None:
    """Values of a sensitive attribute show nothing until they are revealed."""
    person = Profile(id="1", pin=1234)
    pin: object = person.pin  # not the int that the annotation says
    assert isinstance(pin, Sensitive)
    session.add(person)
    session.commit()
    pin = person.pin
    assert pin == Sensitive(1234)
    assert "1234" not in repr(pin)


def test_a_purpose_bound_attribute_is_masked_until_a_purpose_is_named(session: Session) -> None:
    """The mask shows the last four; an undeclared purpose is refused; a declared one is on record."""
    person = Profile(card="4111 1111 1111 1234")
    assert str(person.card) == "**** 1234"
    session.add(person)
    session.commit()
    card: Any = person.card
    assert isinstance(card, Guarded)
    assert (str(card), repr(card)) == ("**** 1234", "Guarded(****)")
    with pytest.raises(PurposeRequired, match="payment"):
        card.reveal("curiosity")
    assert READ == []
    assert card.reveal("payment") == "4111 1111 1111 1234"
    assert [Reading("profile", "card", person.id, "payment")] == READ


def test_many_instances_are_decrypted_at_once(session: Session) -> None:
    """load() fills the attributes; a damaged row raises when it is read, not for the others."""
    session.add_all([Profile(id=str(n), note=f"note {n}") for n in range(30)])
    session.commit()
    people = session.scalars(sa.select(Profile)).all()
    sealed.load(people, "note")
    assert sorted(person.note or "" for person in people) == sorted(f"note {n}" for n in range(30))
    session.execute(sa.text("update profile set note = x'00' where id = '7'"))
    session.expire_all()
    people = session.scalars(sa.select(Profile)).all()
    with pytest.raises(FieldError):
        sealed.load(people)
    sealed.load(people, on_error="collect")
    readable = {person.id: person.note for person in people if person.id != "7"}
    assert len(readable) == 29
    with pytest.raises(MalformedCiphertext):
        _ = session.get_one(Profile, "7").note


def test_composite_keys_and_tenants(session: Session) -> None:
    """Two columns name the row, and a value of one tenant does not open for another."""
    session.add(Visit(clinic="a", number=1, finding="flu"))
    session.commit()
    session.expunge_all()
    assert session.get_one(Visit, ("a", 1)).finding == "flu"
    assert session.scalars(sa.select(Visit.number).where(Visit.finding.equals("flu", tenant="a"))).all() == [
        1
    ]
    assert not session.scalars(sa.select(Visit.number).where(Visit.finding.equals("flu", tenant="b"))).all()
    session.execute(sa.text("update visit set clinic = 'b'"))
    session.expunge_all()
    with pytest.raises(WrongContext):
        _ = session.get_one(Visit, ("b", 1)).finding


def test_values_can_be_sealed_for_bulk_statements(session: Session) -> None:
    """seal() gives the columns of a row; what was inserted with it reads like any other."""
    rows = [sealed.seal(Profile, {"id": str(n), "name": "", "phone": f"+4144668180{n}"}) for n in range(3)]
    session.execute(sa.insert(Profile.__table__), rows)
    session.commit()
    assert session.get_one(Profile, "2").phone == "+41446681802"
    assert session.scalars(sa.select(Profile.id).where(Profile.phone.equals("+41446681801"))).all() == ["1"]
    with pytest.raises(InvalidValue, match="primary key"):
        sealed.seal(Profile, {"phone": "+41446681800"})


def test_pickling_an_instance_takes_no_plain_text_along(session: Session) -> None:
    """A pickled instance holds the ciphertext and reads again where the keys are."""
    person = Profile(id="1", note="the-value-nobody-sees")
    session.add(person)
    session.commit()
    assert person.note == "the-value-nobody-sees"
    data = pickle.dumps(person)
    assert b"nobody-sees" not in data
    assert "nobody-sees" not in repr(vars(person))
    assert pickle.loads(data).note == "the-value-nobody-sees"


def test_without_keys_nothing_is_written_or_read(session: Session) -> None:
    """Before use() every read and write of an encrypted attribute is a configuration error."""
    session.add(Profile(id="1", note="x"))
    session.commit()
    sealed._given.keyring = None
    for attribute in sealed.attributes:
        attribute.forget_keys()
    with pytest.raises(ConfigurationError, match="use"):
        Profile(id="2", note="x")
    session.expunge_all()
    with pytest.raises(ConfigurationError):
        _ = session.get_one(Profile, "1").note


def test_alembic_sees_plain_columns_and_nothing_changing() -> None:
    """Autogenerate against a database made from the same classes finds no difference."""
    pytest.importorskip("alembic")
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = sa.create_engine("sqlite://")
    metadata = sa.MetaData()
    sa.Table("core", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", EncryptedType()))
    for source in (Base.metadata, metadata):
        source.create_all(engine)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            changes = compare_metadata(context, source)
        own = [
            change for change in changes if change[0] != "remove_table" and "remove_index" not in change[0]
        ]
        assert own == []
    assert repr(EncryptedType()) == "EncryptedType()"
    assert type(Profile.__table__.c.phone.type) is sa.LargeBinary


def test_the_core_type_encrypts_and_refuses(keys: Keyring) -> None:
    """Core statements encrypt on the way in and decrypt on the way out, and cannot compare."""
    one = FieldCipher(keys, table="core", column="x", type=str)
    other = FieldCipher(keys, table="core", column="y", type=str)
    table = sa.Table(
        "core",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("x", EncryptedType(one)),
        sa.Column("y", EncryptedType(other)),
    )
    engine = sa.create_engine("sqlite://")
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), [{"id": 1, "x": "secret", "y": None}])
        assert connection.execute(sa.select(table)).one() == (1, "secret", None)
        raw = connection.execute(sa.text("select x from core")).scalar_one()
        assert one.decrypt(raw, row=None) == "secret"
        assert connection.execute(sa.select(table.c.id).where(table.c.y.is_(None))).scalar_one() == 1
        connection.execute(sa.text("update core set y = x"))
        with pytest.raises(WrongContext):
            connection.execute(sa.select(table.c.y)).one()
        connection.execute(sa.text("update core set y = 'plain'"))
        with pytest.raises(MalformedCiphertext):
            connection.execute(sa.select(table.c.y)).one()
    for compare in (lambda: table.c.x == "secret", lambda: table.c.x.in_(["a"]), lambda: table.c.x < "b"):
        with pytest.raises(NotSearchable):
            compare()
    printed = sa.insert(table).values(x="secret").compile(engine, compile_kwargs={"literal_binds": True})
    assert "secret" not in str(printed)
    assert "x'a1" in str(printed)


def test_two_core_types_never_share_a_compiled_statement(keys: Keyring) -> None:
    """SQLAlchemy's statement cache keeps tables with different ciphers apart."""
    engine = sa.create_engine("sqlite://")
    for column in ("a", "b"):
        cipher = FieldCipher(keys, table="core", column=column, type=str)
        table = sa.Table("core", sa.MetaData(), sa.Column("x", EncryptedType(cipher)))
        table.create(engine, checkfirst=True)
        with engine.begin() as connection:
            connection.execute(table.delete())
            connection.execute(table.insert(), {"x": column})
            raw = connection.execute(sa.text("select x from core")).scalar_one()
            assert cipher.decrypt(raw, row=None) == column
            assert connection.execute(sa.select(table.c.x)).scalar_one() == column


def test_the_attributes_of_a_class_can_be_listed() -> None:
    """Its own and those of its bases, by name."""
    assert set(encrypted_attributes(Profile)) == {"note", "phone", "pin", "card", "data"}
    with pytest.raises(InvalidValue):
        sealed.column(str, sensitive=True, purposes=["x"])

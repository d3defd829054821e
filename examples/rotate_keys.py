"""From a new keyring to a destroyed key, on a real database.

    python examples/rotate_keys.py sqlite:///rotate.db
    python examples/rotate_keys.py postgresql+psycopg://user@localhost/app

Rules of this file: it makes its own table and drops it again; every step says what it did.
"""

from __future__ import annotations

import sys
import tempfile
import time
import uuid
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from secureacct.keys import Keyring, KeyStateError
from secureacct.keys.keyring import SETTLE_SECONDS
from secureacct.orm.sqlalchemy import EncryptedFields, Index

sealed = EncryptedFields()


class Base(DeclarativeBase):
    """The classes of this example."""


class Customer(Base):
    """A customer whose address and telephone number are encrypted."""

    __tablename__ = "example_customer"
    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: str(uuid.uuid4()))
    email = sealed.column(str, index=Index("email", unique=True))
    phone = sealed.column(str, nullable=True)


def main(url: str, folder: Path) -> None:
    """Add, rotate, verify, destroy."""
    keys = Keyring.generate()
    keys.save(folder / "keyring.json")
    sealed.use(keys)
    engine = sa.create_engine(url)
    Base.metadata.create_all(engine)
    try:
        story(engine, keys)
    finally:
        Base.metadata.drop_all(engine)


def story(engine: sa.Engine, keys: Keyring) -> None:
    """The steps, one after the other."""
    with Session(engine) as session:
        session.add_all(
            [Customer(email=f"customer{n}@example.org", phone=f"+4144668{n:04}") for n in range(1000)]
        )
        session.commit()
    print("1000 customers under key", keys.primary("fields"))

    newest = keys.add_pending()
    print(f"key {newest} is pending: every process can read it, none writes with it")
    keys.promote("fields", newest)
    print(f"key {newest} is primary: new values use it, old ones still open")

    (rotation,) = sealed.rotations(engine)
    print(rotation.remaining(), "rows to do")
    try:
        keys.destroy("fields", 1, remaining=lambda: rotation.remaining_under(1))
    except KeyStateError as error:
        print("too early to destroy:", error)
    progress = rotation.run()
    print(f"{progress.rotated} rows rotated in {progress.passes} pass(es), {progress.failed} unreadable")

    report = rotation.verify()
    print("values per key:", {f"{column}, key {key}": rows for (column, key), rows in report.per_key.items()})
    keys.disable("fields", 1)
    print("key 1 is disabled: a last look whether anybody misses it, and `enable` would bring it back")
    print(f"waiting {SETTLE_SECONDS:.0f} s: by then every process must have noticed")
    time.sleep(SETTLE_SECONDS)
    keys.destroy("fields", 1, remaining=lambda: rotation.remaining_under(1))
    print("key 1 is destroyed")

    with Session(engine) as session:
        found = session.scalars(
            sa.select(Customer).where(Customer.email.equals("Customer7@EXAMPLE.org"))
        ).one()
        print("and", found.email, "is still found and read:", found.phone)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{made}/rotate.db", Path(made))

"""Sealing at the flush: values that waited for their row's id, and rows whose id changes.

Rules of this file: what is bound to a row is sealed in the flush that gives the row its id, in the same
transaction; nothing is written in clear meanwhile.
"""

from __future__ import annotations

from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Mapper, attributes

from secureacct.errors import ConfigurationError
from secureacct.fields import FieldCipher, FieldError
from secureacct.fields.values import Row
from secureacct.orm.sqlalchemy.instance import CACHE, column_of, fill_primary_key, row_id, row_of


class Flushed(Protocol):
    """What a flush needs of an encrypted attribute."""

    name: str
    stored: str
    nullable: bool
    bind_row: bool

    def cipher_of(self, instance: Any) -> FieldCipher[Any]:
        """The field of this instance's value."""
        ...

    def settle(self, instance: Any, blob: bytes | None, value: Any) -> None:
        """The value waits no longer."""
        ...


class Flush:
    """Listens to the flushes of one attribute."""

    def __init__(self, attribute: Flushed) -> None:
        self._of = attribute

    def listen(self, owner: type[Any]) -> None:
        """From now on, for this class and those that inherit from it."""
        for name in ("before_insert", "after_insert", "before_update"):
            event.listen(owner, name, getattr(self, name), propagate=True)

    def before_insert(self, mapper: Mapper[Any], _connection: Any, instance: Any) -> None:
        """Seal what waited, if the row's id is known or has a Python default."""
        waiting = self._waiting(instance)
        if waiting is None:
            return
        fill_primary_key(mapper, instance)
        self._seal_waiting(instance, waiting[0])
        if self._waiting(instance) is not None and waiting[0] is not None and not self._of.nullable:
            raise ConfigurationError(
                f"{type(instance).__name__}.{self._of.name} is bound to a row id that the database chooses;"
                " give the primary key a Python default, or the column nullable=True or bind_row=False"
            )

    def after_insert(self, mapper: Mapper[Any], connection: sa.Connection, instance: Any) -> None:
        """Seal what still waited: the database has chosen the id now."""
        waiting = self._waiting(instance)
        if waiting is None or waiting[0] is None:
            return
        row = self._row_of(instance)
        blob = self._of.cipher_of(instance).encrypt(waiting[0], row=row)
        column = column_of(type(instance), self._of.stored)
        table = column.table
        keys = mapper.primary_key_from_instance(instance)
        matches = [key == value for key, value in zip(table.primary_key, keys, strict=True)]
        connection.execute(sa.update(table).where(*matches).values({column: blob}))
        attributes.set_committed_value(instance, self._of.stored, blob)
        self._of.settle(instance, blob, waiting[0])

    def before_update(self, mapper: Mapper[Any], _connection: Any, instance: Any) -> None:
        """Seal what waited; seal again what is bound to an id that the row had before."""
        waiting = self._waiting(instance)
        if waiting is not None:
            self._seal_waiting(instance, waiting[0])
        before = sa.inspect(instance).identity
        now = tuple(mapper.primary_key_from_instance(instance))
        if not self._of.bind_row or before is None or now == tuple(before):
            return
        blob = getattr(instance, self._of.stored)
        if blob is not None:
            cipher = self._of.cipher_of(instance)
            try:
                value = cipher.decrypt(blob, row=row_id(before))
            except FieldError:
                cipher.decrypt(blob, row=row_id(now))  # it was set after the id was changed: raises if not
                return
            setattr(instance, self._of.stored, cipher.encrypt(value, row=row_id(now)))

    def _waiting(self, instance: Any) -> tuple[Any] | None:
        kept = instance.__dict__.get(CACHE)
        known = None if kept is None else kept.get(self._of.name)
        if known is None or len(known) != 3 or getattr(instance, self._of.stored) is not None:
            return None
        return (known[2],)

    def _seal_waiting(self, instance: Any, value: Any) -> None:
        row = self._row_of(instance)
        if row is None:
            return
        blob = self._of.cipher_of(instance).encrypt(value, row=row)
        setattr(instance, self._of.stored, blob)
        self._of.settle(instance, blob, value)

    def _row_of(self, instance: Any) -> Row:
        return row_of(instance) if self._of.bind_row else None

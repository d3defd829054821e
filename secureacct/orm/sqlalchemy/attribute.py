"""One encrypted attribute: a descriptor that knows its row.

Rules of this file: the column holds bytes, the attribute decrypts when it is first read; reading does no
I/O of ours; a value set before its row has an id waits, on its instance, for the flush that gives it one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar, overload

import sqlalchemy as sa
from sqlalchemy.orm import mapped_column

from secureacct.fields import BlindIndex, FieldCipher, FieldError, InvalidValue, NotSearchable, Sensitive
from secureacct.fields.purposes import hidden
from secureacct.fields.values import Row
from secureacct.orm.rotation import RotatedColumn
from secureacct.orm.sqlalchemy.expression import EncryptedExpression
from secureacct.orm.sqlalchemy.flush import Flush
from secureacct.orm.sqlalchemy.instance import (
    CACHE,
    Values,
    column_of,
    row_id,
    row_of,
    values_of,
)
from secureacct.orm.sqlalchemy.made import Given, Index, Maker

T = TypeVar("T")


class Encrypted(Generic[T]):
    """One encrypted attribute. Made by :meth:`EncryptedFields.column`."""

    def __init__(
        self,
        given: Given,
        python_type: type[Any],
        *,
        nullable: bool,
        index: Index | None = None,
        table_id: str | None = None,
        column_id: str | None = None,
        bind_row: bool = True,
        tenant_from: str | None = None,
        subject_from: str | None = None,
        sensitive: bool = False,
        purposes: Collection[str] = (),
        mask: Callable[[Any], str] = hidden,
        **cipher_options: Any,
    ) -> None:
        if sensitive and purposes:
            raise InvalidValue("an attribute is sensitive or read for a purpose, not both")
        self._given, self._type = given, python_type
        self.nullable: bool = nullable
        self._index_options = index
        self._table_id, self._column_id = table_id, column_id
        self.bind_row: bool = bind_row
        self._tenant_from, self._subject_from = tenant_from, subject_from
        self._sensitive, self._purposes, self._mask = sensitive, tuple(purposes), mask
        self._cipher_options = cipher_options
        # what most attributes are: one column names the row, one cipher for all rows
        self._plain: dict[type[Any], tuple[str, Any, Any] | None] = {}
        self._tables: dict[type[Any], str] = {}
        self._owner: type[Any] | None = None
        self.name: str = ""
        self.stored: str = ""
        self.index_name: str = ""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._owner = owner
        self.name, self.stored, self.index_name = name, f"{name}_sealed", f"{name}_index"
        setattr(owner, self.stored, mapped_column(name, sa.LargeBinary, nullable=self.nullable, default=None))
        if self._index_options is not None:
            column = mapped_column(
                self.index_name,
                sa.LargeBinary,
                nullable=self.nullable,
                default=None,
                unique=self._index_options.unique or None,
                index=None if self._index_options.unique else True,
            )
            setattr(owner, self.index_name, column)
        self._made = Maker(
            self._given,
            column=self._column_id or name,
            type=self._type,
            index=self._index_options,
            purposes=self._purposes,
            mask=self._mask,
            cipher_options=self._cipher_options,
        )
        Flush(self).listen(owner)

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> EncryptedExpression: ...
    @overload
    def __get__(self, instance: object, owner: type[Any]) -> T: ...
    def __get__(self, instance: object | None, owner: type[Any]) -> Any:
        if instance is None:
            return EncryptedExpression(self, owner)
        held = instance.__dict__
        blob = held.get(self.stored)
        if blob is None:
            blob = getattr(instance, self.stored)  # expired or deferred: SQLAlchemy reads it now
        kept = held.get(CACHE)
        if kept is None:
            kept = held[CACHE] = Values()
        known = kept.get(self.name)
        if known is not None and known[0] is blob:
            return known[1]
        if blob is None and not self._cipher_options.get("encrypt_null"):
            return None
        plain = self._plain.get(owner) or self._plain_for(owner)
        row = None if plain is None else held.get(plain[0])
        value = self._opened(instance, blob) if plain is None or row is None else plain[1](blob, row=row)
        kept[self.name] = (blob, value)
        return value

    def __set__(self, instance: object, value: T) -> None:
        self._set_index(instance, value)
        row = self._row_of(instance)
        if row is None and self.bind_row:
            # the row's id is not known yet: encrypted when it is, in the same flush
            setattr(instance, self.stored, None)
            shown = self._mask(value) if self._purposes and value is not None else self._shown(value)
            values_of(instance)[self.name] = (None, shown, value)
            return
        blob = self.cipher_of(instance).encrypt(value, row=row)
        setattr(instance, self.stored, blob)
        if self._purposes:
            values_of(instance).pop(self.name, None)
        else:
            self._keep(instance, blob, self._shown(value))

    def load(self, instances: Sequence[Any], *, on_error: Literal["raise", "collect"] = "raise") -> None:
        """See :meth:`EncryptedFields.load`."""
        if self._purposes:
            return
        if self._load_plain(instances, on_error):
            return
        groups: dict[int, tuple[FieldCipher[Any], list[Any]]] = {}
        for instance in instances:
            if getattr(instance, self.stored) is not None:
                cipher = self.cipher_of(instance)
                groups.setdefault(id(cipher), (cipher, []))[1].append(instance)
        for cipher, group in groups.values():
            blobs = [getattr(instance, self.stored) for instance in group]
            rows = [self._row_of(instance) for instance in group]
            values: list[Any] = (
                cipher.decrypt_many(blobs, rows=rows)
                if on_error == "raise"
                else cipher.decrypt_many(blobs, rows=rows, on_error="collect")
            )
            for instance, blob, value in zip(group, blobs, values, strict=True):
                if not isinstance(value, FieldError):
                    self._keep(instance, blob, self._shown(value))

    def _load_plain(self, instances: Sequence[Any], on_error: Literal["raise", "collect"]) -> bool:
        """The common case of :meth:`load`: one cipher, one column that names the row, nothing expired."""
        owner = type(instances[0])
        plain = self._plain_for(owner)
        if plain is None:
            return False
        pairs = [(held.get(plain[0]), held.get(self.stored)) for held in map(vars, instances)]
        if any(row is None or blob is None for row, blob in pairs):
            return False
        rows, blobs = zip(*pairs, strict=True)
        values: list[Any] = plain[2](blobs, rows=rows, on_error=on_error)
        name = self.name
        for instance, blob, value in zip(instances, blobs, values, strict=True):
            if on_error == "raise" or not isinstance(value, FieldError):
                held = instance.__dict__
                kept = held.get(CACHE)
                if kept is None:
                    kept = held[CACHE] = Values()
                kept[name] = (blob, value)
        return True

    def _plain_for(self, owner: type[Any]) -> tuple[str, Any, Any] | None:
        """(attribute of the primary key, decrypt, decrypt_many), where that is all it takes."""
        if owner in self._plain:
            return self._plain[owner]
        found = None
        keys = sa.inspect(owner).primary_key
        if (
            len(keys) == 1
            and self.bind_row
            and not (self._sensitive or self._purposes or self._tenant_from or self._subject_from)
        ):
            cipher = self._cipher_for(owner, "", None)
            name = sa.inspect(owner).get_property_by_column(keys[0]).key
            found = (name, cipher.decrypt, cipher.decrypt_many)
        self._plain[owner] = found
        return found

    def columns_for(self, owner: type[Any], value: Any, row_values: Mapping[str, Any]) -> dict[str, Any]:
        """The SQL columns of one value: by column name, for Core and bulk statements.

        :raises InvalidValue: the primary key is not among ``row_values``.
        """
        keys = [column.key for column in sa.inspect(owner).primary_key]
        if self.bind_row and not all(row_values.get(key) is not None for key in keys):
            raise InvalidValue(f"sealing {self.name} needs the primary key: {', '.join(keys)}")
        row = row_id([row_values.get(key) for key in keys]) if self.bind_row else None
        cipher = self._cipher_for(
            owner, row_values.get(self._tenant_from or ""), row_values.get(self._subject_from or "")
        )
        columns: dict[str, Any] = {self.name: cipher.encrypt(value, row=row)}
        if self._index_options is not None:
            index = self.index_for(owner, row_values.get(self._tenant_from or ""))
            columns[self.index_name] = None if value is None else index.of(value)
        return columns

    def owners(self) -> list[type[Any]]:
        """The mapped classes that have this attribute, mixins resolved."""
        waiting = [self._owner] if self._owner is not None else []
        found = []
        while waiting:
            owner = waiting.pop()
            waiting += owner.__subclasses__()
            if (
                sa.inspect(owner, raiseerr=False) is not None
                and getattr(owner, self.stored, None) is not None
            ):
                found.append(owner)
        return found

    def rotated(self, owner: type[Any]) -> tuple[sa.Table, RotatedColumn]:
        """This attribute of a mapped class, for a :class:`Rotation` of its table."""
        column = column_of(owner, self.stored)
        names = {
            name: column_of(owner, name).name for name in (self._tenant_from, self._subject_from) if name
        }

        def cipher(row: Mapping[str, Any]) -> FieldCipher[Any]:
            tenant = row[names[self._tenant_from]] if self._tenant_from else ""
            return self._cipher_for(
                owner, tenant, row[names[self._subject_from]] if self._subject_from else None
            )

        def index(row: Mapping[str, Any]) -> BlindIndex:
            return self.index_for(owner, row[names[self._tenant_from]] if self._tenant_from else "")

        indexed = self._index_options is not None
        return column.table, RotatedColumn(
            column.name,
            cipher if names else self._cipher_for(owner, "", None),
            needs=list(names.values()),
            index_column=column_of(owner, self.index_name).name if indexed else None,
            index=(index if self._tenant_from else self.index_for(owner)) if indexed else None,
            bind_row=self.bind_row,
            keys=self._given.keys,
        )

    def forget_keys(self) -> None:
        """Drop what was derived: the keyring is another one."""
        self._made.forget()
        self._plain = {}

    @property
    def is_indexed(self) -> bool:
        """Whether it has a blind index."""
        return self._index_options is not None

    def cipher_for(
        self, owner: type[Any], *, tenant: str = "", subject: str | bytes | None = None
    ) -> FieldCipher[Any]:
        """The field of this attribute, for rotation and for work outside of the ORM."""
        return self._cipher_for(owner, tenant, subject)

    def index_for(self, owner: type[Any], tenant: Any = "") -> BlindIndex:
        """The blind index of this attribute.

        :raises NotSearchable: it has none.
        """
        found = self._made.index(self._table(owner), tenant)
        if found is None:
            raise NotSearchable(
                f"{owner.__name__}.{self.name} is encrypted and has no blind index; declare index=Index(...)"
            )
        return found

    def cipher_of(self, instance: Any) -> FieldCipher[Any]:
        """The field of this instance's value."""
        tenant = getattr(instance, self._tenant_from) if self._tenant_from else ""
        subject = getattr(instance, self._subject_from) if self._subject_from else None
        return self._cipher_for(type(instance), tenant, subject)

    def settle(self, instance: Any, blob: bytes | None, value: Any) -> None:
        """The value waits no longer: keep what may be shown of it."""
        if self._purposes:
            values_of(instance).pop(self.name, None)
        else:
            self._keep(instance, blob, self._shown(value))

    # -- what follows is private --

    def _set_index(self, instance: object, value: Any) -> None:
        if self._index_options is None:
            return
        owner = type(instance)
        tenant = getattr(instance, self._tenant_from) if self._tenant_from else ""
        token = None if value is None else self.index_for(owner, tenant).of(value)
        setattr(instance, self.index_name, token)

    def _opened(self, instance: Any, blob: Any) -> Any:
        row = self._row_of(instance)
        if self._purposes:
            return self._made.bound(self.cipher_of(instance)).guard(blob, row=row)
        return self._shown(self.cipher_of(instance).decrypt(blob, row=row))

    def _shown(self, value: Any) -> Any:
        return Sensitive(value) if self._sensitive and value is not None else value

    def _keep(self, instance: object, blob: bytes | None, shown: Any) -> Any:
        values_of(instance)[self.name] = (blob, shown)
        return shown

    def _row_of(self, instance: Any) -> Row:
        return row_of(instance) if self.bind_row else None

    def _cipher_for(self, owner: type[Any], tenant: Any, subject: Any) -> FieldCipher[Any]:
        if (self._tenant_from and not tenant) or (self._subject_from and not subject):
            raise InvalidValue(
                f"{owner.__name__}.{self.name} needs its tenant and its person before its value"
            )
        return self._made.cipher(self._table(owner), tenant, subject)

    def _table(self, owner: type[Any]) -> str:
        if self._table_id is not None:
            return self._table_id
        known = self._tables.get(owner)
        if known is None:
            known = self._tables[owner] = str(column_of(owner, self.stored).table.name)
        return known


def encrypted_attributes(owner: type[Any]) -> dict[str, Encrypted[Any]]:
    """The encrypted attributes of a mapped class, by name."""
    found: dict[str, Encrypted[Any]] = {}
    for base in reversed(owner.__mro__):
        found.update({name: held for name, held in vars(base).items() if isinstance(held, Encrypted)})
    return found

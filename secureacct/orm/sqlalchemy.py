"""SQLAlchemy 2: encrypted attributes that know their row, and a plain type for Core.

    sealed = EncryptedFields()                       # sealed.use(keyring) when the program starts

    class Profile(Base):
        id: Mapped[str] = mapped_column(primary_key=True, default=lambda: str(uuid4()))
        phone = sealed.column(str, index=Index("e164", unique=True))

    session.scalars(select(Profile).where(Profile.phone.equals("+41446681800")))

Rules of this file: the column holds bytes, the attribute decrypts when it is first read, with the row
at hand; reading an attribute does no I/O of ours; comparing an encrypted attribute is refused and the
refusal names the blind index; Alembic sees nothing but ``LargeBinary``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, cast, overload

from secureacct.errors import ConfigurationError, MissingExtra
from secureacct.fields import BlindIndex, FieldCipher, FieldError, InvalidValue, NotSearchable, Sensitive
from secureacct.fields.purposes import Guarded, PurposeBound, Reading, hidden
from secureacct.fields.state import DataKeys
from secureacct.fields.values import Row
from secureacct.keys import Keyring

try:
    import sqlalchemy as sa
    from sqlalchemy import event
    from sqlalchemy.orm import Mapper, attributes, mapped_column, object_mapper
    from sqlalchemy.types import TypeDecorator, TypeEngine
except ModuleNotFoundError:  # pragma: no cover - an install without the extra
    raise MissingExtra("sql", needed_for="encrypted SQLAlchemy columns") from None

if TYPE_CHECKING:
    from secureacct.orm.rotation import RotatedColumn, Rotation

T = TypeVar("T")

KEPT_CIPHERS = 1024  # tenants and persons whose field keys stay derived
_CACHE = "_secureacct_values"


@dataclass(frozen=True, slots=True)
class Index:
    """A blind index beside an encrypted column; the arguments are those of :class:`BlindIndex`."""

    normalise: str = "exact"
    unique: bool = False
    transform: str = "whole"
    bits: int | None = None
    rows: int | None = None
    distinct: int | None = None
    accept_leakage: str = ""


class _Values(dict[str, Any]):
    """What was decrypted on one instance. Pickling or copying the instance leaves it empty."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Values, ())

    def __repr__(self) -> str:
        return "<decrypted values>"


class EncryptedFields:
    """The encrypted attributes of an application, and the keyring they will use.

    Make one beside your declarative base, declare attributes with :meth:`column`, and call :meth:`use`
    once when the program starts.
    """

    def __init__(self) -> None:
        self._keys: Keyring | None = None
        self._data_keys: DataKeys | None = None
        self._on_read: Callable[[Reading], None] | None = None
        self.attributes: list[Encrypted[Any]] = []

    def use(
        self,
        keys: Keyring,
        *,
        data_keys: DataKeys | None = None,
        on_read: Callable[[Reading], None] | None = None,
    ) -> None:
        """Give the attributes their keys.

        :param keys: the keyring.
        :param data_keys: the loaded data keys of persons, for attributes with ``subject_from``.
        :param on_read: put reads of purpose-bound attributes on record.
        """
        self._keys, self._data_keys, self._on_read = keys, data_keys, on_read
        for attribute in self.attributes:
            attribute.forget_keys()

    @property
    def keys(self) -> Keyring:
        """The keyring in use.

        :raises ConfigurationError: :meth:`use` was not called.
        """
        if self._keys is None:
            raise ConfigurationError("encrypted attributes have no keys yet: call use(keyring) at start")
        return self._keys

    @overload
    def column(self, type: type[T], *, nullable: Literal[False] = False, **options: Any) -> Encrypted[T]: ...
    @overload
    def column(self, type: type[T], *, nullable: Literal[True], **options: Any) -> Encrypted[T | None]: ...
    def column(self, type: type[Any], *, nullable: bool = False, **options: Any) -> Encrypted[Any]:
        """An encrypted attribute of a mapped class.

        :param type: as of :class:`FieldCipher`.
        :param nullable: whether the SQL column takes NULL.
        :param options: ``index`` (an :class:`Index`), ``table_id`` and ``column_id`` (labels that stay
            when SQL names change), ``bind_row`` (False: not bound to the row), ``tenant_from`` and
            ``subject_from`` (attributes that hold the tenant and the person), ``sensitive`` (values
            come wrapped), ``purposes`` and ``mask`` (read for a purpose only), and those of
            :class:`FieldCipher`: ``floor``, ``fixed``, ``max_value``, ``encrypt_null``, ``large``.
        """
        attribute: Encrypted[Any] = Encrypted(self, type, nullable=nullable, **options)
        self.attributes.append(attribute)
        return attribute

    def load(
        self, instances: Iterable[object], *names: str, on_error: Literal["raise", "collect"] = "raise"
    ) -> None:
        """Decrypt attributes of many instances at once; reading them then costs nothing more.

        :param names: attribute names; all encrypted ones if none is given.
        :param on_error: ``collect`` leaves what cannot be read to raise when it is read.
        :raises FieldError: as ``FieldCipher.decrypt_many``.
        """
        by_class: dict[type[Any], list[Any]] = {}
        for instance in instances:
            by_class.setdefault(type(instance), []).append(instance)
        for owner, group in by_class.items():
            for name, attribute in encrypted_attributes(owner).items():
                if not names or name in names:
                    attribute.load(group, on_error=on_error)

    def rotations(self, engine: sa.Engine) -> list[Rotation]:
        """A rotation for every table with encrypted attributes, each with all of them in one pass.

        :param engine: the database.
        :raises ConfigurationError: :meth:`use` was not called.
        """
        from secureacct.orm.rotation import Rotation

        tables: dict[sa.Table, list[RotatedColumn]] = {}
        for attribute in self.attributes:
            for owner in attribute.owners():
                table, column = attribute.rotated(owner)
                if column.column not in {known.column for known in tables.get(table, ())}:
                    tables.setdefault(table, []).append(column)
        primary = self.keys.primary("fields")
        return [Rotation(engine, table, columns, primary=primary) for table, columns in tables.items()]

    def seal(self, owner: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Values by attribute name, as column values for a Core or bulk statement.

        :param owner: the mapped class.
        :param values: all of the primary key, and whatever else the row holds.
        :raises InvalidValue: a value does not fit, or the primary key is missing.
        """
        found = dict(values)
        for name, attribute in encrypted_attributes(owner).items():
            if name in found:
                found.update(attribute.columns_for(owner, found.pop(name), values))
        return found


class Encrypted(Generic[T]):
    """One encrypted attribute. Made by :meth:`EncryptedFields.column`."""

    def __init__(
        self,
        fields: EncryptedFields,
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
        self._fields, self._type, self._nullable = fields, python_type, nullable
        self._index_options = index
        self._table_id, self._column_id, self._bind_row = table_id, column_id, bind_row
        self._tenant_from, self._subject_from = tenant_from, subject_from
        self._sensitive, self._purposes, self._mask = sensitive, tuple(purposes), mask
        self._cipher_options = cipher_options
        self._lock = threading.Lock()
        self._ciphers: dict[Any, FieldCipher[Any]] = {}
        self._indexes: dict[Any, BlindIndex] = {}
        self._bounds: dict[Any, PurposeBound[Any]] = {}
        # what most attributes are: one column names the row, one cipher for all rows
        self._plain: dict[type[Any], tuple[str, Any, Any] | None] = {}
        self._owner: type[Any] | None = None
        self.name: str = ""
        self.stored: str = ""
        self.index_name: str = ""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._owner = owner
        self.name, self.stored, self.index_name = name, f"{name}_sealed", f"{name}_index"
        setattr(
            owner, self.stored, mapped_column(name, sa.LargeBinary, nullable=self._nullable, default=None)
        )
        if self._index_options is not None:
            column = mapped_column(
                self.index_name,
                sa.LargeBinary,
                nullable=self._nullable,
                default=None,
                unique=self._index_options.unique or None,
                index=None if self._index_options.unique else True,
            )
            setattr(owner, self.index_name, column)
        event.listen(owner, "before_insert", self._before_insert, propagate=True)
        event.listen(owner, "after_insert", self._after_insert, propagate=True)
        event.listen(owner, "before_update", self._before_update, propagate=True)

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
        kept = held.get(_CACHE)
        if kept is None:
            kept = held[_CACHE] = _Values()
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
        if row is None and self._bind_row:
            # the row's id is not known yet: encrypted when it is, in the same flush
            setattr(instance, self.stored, None)
            shown = self._mask(value) if self._purposes and value is not None else self._shown(value)
            self._values(instance)[self.name] = (None, shown, value)
            return
        blob = self._cipher(instance).encrypt(value, row=row)
        setattr(instance, self.stored, blob)
        if self._purposes:
            self._values(instance).pop(self.name, None)
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
                cipher = self._cipher(instance)
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
                kept = held.get(_CACHE)
                if kept is None:
                    kept = held[_CACHE] = _Values()
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
            and self._bind_row
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
        if self._bind_row and not all(row_values.get(key) is not None for key in keys):
            raise InvalidValue(f"sealing {self.name} needs the primary key: {', '.join(keys)}")
        row = _row([row_values.get(key) for key in keys]) if self._bind_row else None
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
        from secureacct.orm.rotation import RotatedColumn

        column = _column_of(owner, self.stored)
        names = {
            name: _column_of(owner, name).name for name in (self._tenant_from, self._subject_from) if name
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
            index_column=_column_of(owner, self.index_name).name if indexed else None,
            index=(index if self._tenant_from else self.index_for(owner)) if indexed else None,
            bind_row=self._bind_row,
            keys=self._fields.keys,
        )

    def forget_keys(self) -> None:
        """Drop what was derived: the keyring is another one."""
        with self._lock:
            self._ciphers, self._indexes, self._bounds = {}, {}, {}
            self._plain = {}

    def cipher_for(
        self, owner: type[Any], *, tenant: str = "", subject: str | bytes | None = None
    ) -> FieldCipher[Any]:
        """The field of this attribute, for rotation and for work outside of the ORM."""
        return self._cipher_for(owner, tenant, subject)

    def index_for(self, owner: type[Any], tenant: Any = "") -> BlindIndex:
        """The blind index of this attribute.

        :raises NotSearchable: it has none.
        """
        options = self._index_options
        if options is None:
            raise NotSearchable(
                f"{owner.__name__}.{self.name} is encrypted and has no blind index; declare index=Index(...)"
            )
        place = (owner, tenant or "")
        found = self._indexes.get(place)
        if found is None:
            found = BlindIndex(
                self._fields.keys,
                table=self._table(owner),
                column=self._column_id or self.name,
                type=self._type,
                tenant=str(tenant or ""),
                normalise=options.normalise,
                unique=options.unique,
                transform=options.transform,
                bits=options.bits,
                rows=options.rows,
                distinct=options.distinct,
                accept_leakage=options.accept_leakage,
            )
            self._store(self._indexes, place, found)
        return found

    # -- what follows is private --

    def _before_insert(self, mapper: Mapper[Any], _connection: Any, instance: Any) -> None:
        waiting = self._waiting(instance)
        if waiting is None:
            return
        _fill_primary_key(mapper, instance)
        self._seal_waiting(instance, waiting[0])
        if self._waiting(instance) is not None and waiting[0] is not None and not self._nullable:
            raise ConfigurationError(
                f"{type(instance).__name__}.{self.name} is bound to a row id that the database chooses;"
                " give the primary key a Python default, or the column nullable=True or bind_row=False"
            )

    def _after_insert(self, mapper: Mapper[Any], connection: sa.Connection, instance: Any) -> None:
        waiting = self._waiting(instance)
        if waiting is None or waiting[0] is None:
            return
        # the database chose the id: one more statement in the same transaction
        row = self._row_of(instance)
        blob = self._cipher(instance).encrypt(waiting[0], row=row)
        column = _column_of(type(instance), self.stored)
        table = column.table
        keys = mapper.primary_key_from_instance(instance)
        matches = [key == value for key, value in zip(table.primary_key, keys, strict=True)]
        connection.execute(sa.update(table).where(*matches).values({column: blob}))
        attributes.set_committed_value(instance, self.stored, blob)
        self._settle(instance, blob, waiting[0])

    def _before_update(self, mapper: Mapper[Any], _connection: Any, instance: Any) -> None:
        waiting = self._waiting(instance)
        if waiting is not None:
            self._seal_waiting(instance, waiting[0])
        before = sa.inspect(instance).identity
        now = tuple(mapper.primary_key_from_instance(instance))
        if not self._bind_row or before is None or now == tuple(before):
            return
        blob = getattr(instance, self.stored)
        if blob is not None:
            cipher = self._cipher(instance)
            try:
                value = cipher.decrypt(blob, row=_row(before))
            except FieldError:
                cipher.decrypt(blob, row=_row(now))  # it was set after the id was changed: raises if not
                return
            setattr(instance, self.stored, cipher.encrypt(value, row=_row(now)))

    def _waiting(self, instance: Any) -> tuple[Any] | None:
        kept = instance.__dict__.get(_CACHE)
        known = None if kept is None else kept.get(self.name)
        if known is None or len(known) != 3 or getattr(instance, self.stored) is not None:
            return None
        return (known[2],)

    def _seal_waiting(self, instance: Any, value: Any) -> None:
        row = self._row_of(instance)
        if row is None:
            return
        blob = self._cipher(instance).encrypt(value, row=row)
        setattr(instance, self.stored, blob)
        self._settle(instance, blob, value)

    def _settle(self, instance: Any, blob: bytes | None, value: Any) -> None:
        if self._purposes:
            self._values(instance).pop(self.name, None)
        else:
            self._keep(instance, blob, self._shown(value))

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
            return self._bound(instance).guard(blob, row=row)
        return self._shown(self._cipher(instance).decrypt(blob, row=row))

    def _shown(self, value: Any) -> Any:
        return Sensitive(value) if self._sensitive and value is not None else value

    def _keep(self, instance: object, blob: bytes | None, shown: Any) -> Any:
        self._values(instance)[self.name] = (blob, shown)
        return shown

    def _values(self, instance: object) -> _Values:
        kept: _Values = instance.__dict__.setdefault(_CACHE, _Values())
        return kept

    def _row_of(self, instance: Any) -> Row:
        if not self._bind_row:
            return None
        mapper = object_mapper(instance)
        values = [instance.__dict__.get(mapper.get_property_by_column(c).key) for c in mapper.primary_key]
        if any(value is None for value in values):
            values = list(mapper.primary_key_from_instance(instance))
        return None if any(value is None for value in values) else _row(values)

    def _cipher(self, instance: Any) -> FieldCipher[Any]:
        tenant = getattr(instance, self._tenant_from) if self._tenant_from else ""
        subject = getattr(instance, self._subject_from) if self._subject_from else None
        return self._cipher_for(type(instance), tenant, subject)

    def _cipher_for(self, owner: type[Any], tenant: Any, subject: Any) -> FieldCipher[Any]:
        place = (owner, tenant, subject)
        found = self._ciphers.get(place)
        if found is None:
            if (self._tenant_from and not tenant) or (self._subject_from and not subject):
                raise InvalidValue(
                    f"{owner.__name__}.{self.name} needs its tenant and its person before its value"
                )
            found = FieldCipher(
                self._fields.keys,
                table=self._table(owner),
                column=self._column_id or self.name,
                type=self._type,
                tenant=str(tenant or ""),
                subject=str(subject) if subject else None,
                data_keys=self._fields._data_keys if subject else None,
                **self._cipher_options,
            )
            self._store(self._ciphers, place, found)
        return found

    def _bound(self, instance: Any) -> PurposeBound[Any]:
        cipher = self._cipher(instance)
        found = self._bounds.get(id(cipher))
        if found is None:
            found = PurposeBound(
                cipher, purposes=self._purposes, mask=self._mask, on_read=self._fields._on_read
            )
            self._store(self._bounds, id(cipher), found)
        return found

    def _store(self, kept: dict[Any, Any], place: Any, made: Any) -> None:
        with self._lock:
            while len(kept) >= KEPT_CIPHERS:
                kept.pop(next(iter(kept)))
            kept[place] = made

    def _table(self, owner: type[Any]) -> str:
        if self._table_id is not None:
            return self._table_id
        return str(_column_of(owner, self.stored).table.name)


OPERATIONS = frozenset(
    "in_ not_in like ilike not_like not_ilike contains startswith endswith is_ is_not between op asc desc "
    "label match regexp_match distinct collate".split()
)
"""What a column of SQLAlchemy can be asked in a query, and an encrypted one cannot."""


class EncryptedExpression:
    """What an encrypted attribute is in a query: equal to a value through its blind index, or NULL.

    Everything else is refused: two encryptions of one value differ, so a comparison would find nothing.
    """

    def __hash__(self) -> NoReturn:
        raise TypeError("an encrypted attribute cannot be hashed")

    def __init__(self, attribute: Encrypted[Any], owner: type[Any]) -> None:
        self._attribute, self._owner = attribute, owner

    def equals(self, value: Any, *, tenant: str = "") -> sa.ColumnElement[bool]:
        """``index IN (tokens of value)``: what to give to ``where()``. Compare again after reading.

        :raises NotSearchable: the attribute has no blind index.
        :raises InvalidValue: not a value of this attribute.
        """
        tokens = self._attribute.index_for(self._owner, tenant).lookup(value)
        column: sa.ColumnElement[Any] = getattr(self._owner, self._attribute.index_name)
        return column.in_(tokens)

    def is_null(self) -> sa.ColumnElement[bool]:
        """``column IS NULL``."""
        column: sa.ColumnElement[Any] = getattr(self._owner, self._attribute.stored)
        return column.is_(None)

    def is_not_null(self) -> sa.ColumnElement[bool]:
        """``column IS NOT NULL``."""
        column: sa.ColumnElement[Any] = getattr(self._owner, self._attribute.stored)
        return column.is_not(None)

    def _refuse(self, *_args: object, **_options: object) -> NoReturn:
        where = f"{self._owner.__name__}.{self._attribute.name}"
        way = (
            f"use {where}.equals(value), which searches its blind index"
            if self._attribute._index_options is not None
            else "declare index=Index(...) on it and use equals(value)"
        )
        raise NotSearchable(f"{where} is encrypted, so the database cannot compare or sort it; {way}")

    def __eq__(self, other: object) -> NoReturn:
        self._refuse()

    def __ne__(self, other: object) -> NoReturn:
        self._refuse()

    def __clause_element__(self) -> NoReturn:
        self._refuse()

    def __lt__(self, other: object) -> NoReturn:
        self._refuse()

    def __le__(self, other: object) -> NoReturn:
        self._refuse()

    def __gt__(self, other: object) -> NoReturn:
        self._refuse()

    def __ge__(self, other: object) -> NoReturn:
        self._refuse()

    def __add__(self, other: object) -> NoReturn:
        self._refuse()

    def __mod__(self, other: object) -> NoReturn:
        self._refuse()

    def __getattr__(self, name: str) -> Any:
        if name in OPERATIONS:
            return self._refuse
        raise AttributeError(name)

    def __repr__(self) -> str:
        return f"<encrypted {self._owner.__name__}.{self._attribute.name}>"


class _Refusing(TypeEngine.Comparator[Any]):
    """Core's form of the refusal."""

    def operate(self, op: Any, *other: Any, **kwargs: Any) -> sa.ColumnElement[Any]:
        if getattr(op, "__name__", "") in {"is_", "is_not", "isnot"} and other == (None,):
            return super().operate(op, *other, **kwargs)
        raise NotSearchable(
            "this column is encrypted, so the database cannot compare or sort it; search a blind index"
        )

    reverse_operate = operate


class EncryptedType(TypeDecorator[Any]):
    """An encrypted column for Core, which does not know its row: values are not bound to it.

    In migrations ``EncryptedType()`` is enough: it is ``LargeBinary`` to the database.

    :param cipher: the field. Without one the type can make tables and nothing else.
    """

    impl = sa.LargeBinary
    cache_ok = True
    comparator_factory = _Refusing  # pyright: ignore[reportAssignmentType]

    def __init__(self, cipher: FieldCipher[Any] | None = None) -> None:
        super().__init__()
        self.cipher = cipher  # public: SQLAlchemy makes it part of the key of its statement cache

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> bytes | None:
        """Encrypt on the way in."""
        return cast("bytes | None", self._field().encrypt(value, row=None))

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        """Decrypt on the way out; plain text is an error."""
        return self._field().decrypt(value, row=None)

    def literal_processor(self, dialect: sa.Dialect) -> Any:
        """A statement printed with its values shows the ciphertext (SQLAlchemy puts a value that it
        cannot render into its own error, so refusing here would show the plain text)."""

        def render(value: Any) -> str:
            blob = self.process_bind_param(value, dialect)
            if blob is None:
                return "NULL"
            return f"'\\x{blob.hex()}'" if dialect.name == "postgresql" else f"x'{blob.hex()}'"

        return render

    def _field(self) -> FieldCipher[Any]:
        if self.cipher is None:
            raise ConfigurationError("EncryptedType() has no cipher: it can make tables only")
        return self.cipher

    def __repr__(self) -> str:
        return "EncryptedType()"


def encrypted_attributes(owner: type[Any]) -> dict[str, Encrypted[Any]]:
    """The encrypted attributes of a mapped class, by name."""
    found: dict[str, Encrypted[Any]] = {}
    for base in reversed(owner.__mro__):
        found.update({name: held for name, held in vars(base).items() if isinstance(held, Encrypted)})
    return found


def _column_of(owner: type[Any], name: str) -> sa.Column[Any]:
    """The column itself, in the table that holds it, which a subclass may share."""
    return cast("sa.Column[Any]", sa.inspect(owner).mapper.get_property(name).columns[0])


def _row(values: Sequence[Any]) -> Row:
    return values[0] if len(values) == 1 else tuple(values)


def _fill_primary_key(mapper: Mapper[Any], instance: Any) -> None:
    """Give the instance the id that a Python default would give it, so that it is known now."""
    for column in mapper.primary_key:
        name = mapper.get_property_by_column(column).key
        default = column.default
        if getattr(instance, name) is not None or default is None:
            continue
        if default.is_callable:
            setattr(instance, name, default.arg(None))
        elif default.is_scalar:
            setattr(instance, name, default.arg)


__all__ = [
    "Encrypted",
    "EncryptedExpression",
    "EncryptedFields",
    "EncryptedType",
    "Guarded",
    "Index",
    "encrypted_attributes",
]

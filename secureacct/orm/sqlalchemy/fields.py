"""The encrypted attributes of an application, and the keyring they use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar, overload

import sqlalchemy as sa

from secureacct.fields.purposes import Reading
from secureacct.fields.state import DataKeys
from secureacct.keys import Keyring
from secureacct.orm.rotation import RotatedColumn, Rotation
from secureacct.orm.sqlalchemy.attribute import Encrypted, encrypted_attributes
from secureacct.orm.sqlalchemy.made import Given

T = TypeVar("T")


class EncryptedFields:
    """The encrypted attributes of an application, and the keyring they will use.

    Make one beside your declarative base, declare attributes with :meth:`column`, and call :meth:`use`
    once when the program starts.
    """

    def __init__(self) -> None:
        self._given = Given()
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
        given = self._given
        given.keyring, given.data_keys, given.on_read = keys, data_keys, on_read
        for attribute in self.attributes:
            attribute.forget_keys()

    @property
    def keys(self) -> Keyring:
        """The keyring in use.

        :raises ConfigurationError: :meth:`use` was not called.
        """
        return self._given.keys

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
        attribute: Encrypted[Any] = Encrypted(self._given, type, nullable=nullable, **options)
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

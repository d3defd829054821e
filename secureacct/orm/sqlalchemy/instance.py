"""What an instance of a mapped class holds: its row id, and what was decrypted on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, object_mapper

from secureacct.fields.values import Row

CACHE = "_secureacct_values"
"""Where an instance keeps what was decrypted on it."""


class Values(dict[str, Any]):
    """What was decrypted on one instance. Pickling or copying the instance leaves it empty."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return (Values, ())

    def __repr__(self) -> str:
        return "<decrypted values>"


def values_of(instance: object) -> Values:
    """What was decrypted on an instance: by attribute name, (stored bytes, what is shown), and third the
    value itself while it waits for its row's id."""
    kept: Values = instance.__dict__.setdefault(CACHE, Values())
    return kept


def row_of(instance: Any) -> Row:
    """The row id of an instance, or None while a part of it is not known."""
    mapper = object_mapper(instance)
    values = [instance.__dict__.get(mapper.get_property_by_column(c).key) for c in mapper.primary_key]
    if any(value is None for value in values):
        values = list(mapper.primary_key_from_instance(instance))
    return None if any(value is None for value in values) else row_id(values)


def row_id(values: Sequence[Any]) -> Row:
    """A primary key as the row id of a field."""
    return values[0] if len(values) == 1 else tuple(values)


def column_of(owner: type[Any], name: str) -> sa.Column[Any]:
    """The column itself, in the table that holds it, which a subclass may share."""
    return cast("sa.Column[Any]", sa.inspect(owner).mapper.get_property(name).columns[0])


def fill_primary_key(mapper: Mapper[Any], instance: Any) -> None:
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

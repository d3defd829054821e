"""Blind indexes: finding an encrypted value by a keyed hash of it.

Rules of this file: everything that changes a token (tenant, table, column, type, name, normaliser,
transform, bits) is in the key, so a change is a new index and never silent misses; a token is short on
purpose where values repeat, so every hit is checked again after decrypting; an index that tells an
observer too much is refused until somebody writes down why it is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from secureacct.fields.errors import InvalidValue
from secureacct.fields.index_length import planned
from secureacct.fields.normalise import normaliser
from secureacct.fields.tokens import Tokens, prepared, purpose_of
from secureacct.fields.transforms import transform as cut_named
from secureacct.fields.values import ValueType, value_type
from secureacct.keys import Keyring


class BlindIndex:
    """Finds the rows of an encrypted column by value.

    Store :meth:`of` beside the encrypted value; search with ``token IN lookup(value)``; then decrypt
    and compare, because short tokens also meet by chance.

    :param keys: the keyring; its ``index`` root is used.
    :param table: label of the table, as in :class:`FieldCipher`.
    :param column: label of the column.
    :param normalise: which spellings are the same: ``exact``, ``nfc``, ``casefold``, ``email``,
        ``e164`` or ``digits``. Only ``exact`` for types other than ``str``.
    :param unique: values do not repeat: 128 bits, good for a UNIQUE constraint.
    :param type: the type of the values.
    :param tenant: label of the tenant.
    :param name: tells several indexes of one column apart.
    :param transform: index a part only: ``initial``, ``prefixN``, ``lastN``, ``domain``.
    :param bits: length of the token where values repeat: take it from the planner, and keep it.
    :param rows: rows the table is planned for, where values repeat.
    :param distinct: different values the column is planned for, where values repeat.
    :param accept_leakage: why an index that tells too much is accepted; shown in plans.
    :raises LeakyIndex: it tells too much, and ``accept_leakage`` is empty.
    :raises InvalidValue: the options contradict each other.
    """

    of: Callable[[Any], bytes]
    """The token to store: one version byte, and ``bits`` bits. InvalidValue: not a value of this index."""

    def __init__(
        self,
        keys: Keyring,
        *,
        table: str,
        column: str,
        normalise: str = "exact",
        unique: bool = False,
        type: type[Any] = str,
        tenant: str = "",
        name: str = "",
        transform: str = "whole",
        bits: int | None = None,
        rows: int | None = None,
        distinct: int | None = None,
        accept_leakage: str = "",
    ) -> None:
        self._prepare = _preparation(type, normalise, transform)
        cut = cut_named(transform)
        chosen, plan = planned(
            unique=unique,
            bits=bits,
            rows=rows,
            distinct=distinct if cut.most is None else min(distinct or cut.most, cut.most),
            never=type is bool,
            accepted=accept_leakage,
            what=f"{table}.{column}",
        )
        self.table: Final = table
        self.column: Final = column
        self.unique: Final = unique
        self.bits: Final = chosen
        self.plan: Final = plan
        self.accept_leakage = accept_leakage
        texts = (
            "blind-index",
            tenant,
            table,
            column,
            value_type(type).name,
            name,
            normaliser(normalise).label,
            cut.label,
        )
        self._tokens = Tokens(keys, purpose=purpose_of(texts, chosen), bits=chosen)
        self.of = self._tokens.maker(self._prepare)

    def lookup(self, value: Any) -> tuple[bytes, ...]:
        """The tokens to search for: one per key that may still be in the table.

        :raises InvalidValue: not a value of this index.
        """
        data = self._data(value)
        if isinstance(data, InvalidValue):
            value = None
            raise data
        return self._tokens.each(data)

    @property
    def version(self) -> bytes:
        """The version byte in front of tokens made now."""
        return self._tokens.version()

    def is_current(self, token: bytes) -> bool:
        """Whether a stored token was made under the primary key (by its version byte)."""
        return token[:1] == self.version

    def __repr__(self) -> str:
        return f"<BlindIndex {self.table}.{self.column}, {self.bits} bits>"

    def _data(self, value: Any) -> bytes | InvalidValue:
        return prepared([self._prepare], [value])


class CompoundIndex:
    """One index over several columns: found only by giving all of them.

    :param keys: the keyring.
    :param table: label of the table.
    :param name: name of the index.
    :param parts: ``(column, normaliser)`` or ``(column, normaliser, transform)``, in order.
    :param unique: the combination does not repeat.
    :param tenant: label of the tenant.
    :param bits: as in :class:`BlindIndex`, and so are ``rows``, ``distinct``, ``accept_leakage``.
    :raises LeakyIndex: it tells too much, and ``accept_leakage`` is empty.
    :raises InvalidValue: the options contradict each other.
    """

    def __init__(
        self,
        keys: Keyring,
        *,
        table: str,
        name: str,
        parts: Sequence[tuple[str, str] | tuple[str, str, str]],
        unique: bool = False,
        tenant: str = "",
        bits: int | None = None,
        rows: int | None = None,
        distinct: int | None = None,
        accept_leakage: str = "",
    ) -> None:
        if len(parts) < 2 or not name:
            raise InvalidValue("a compound index has a name and at least two parts")
        full = [part if len(part) == 3 else (*part, "whole") for part in parts]
        self._prepare = [_preparation(str, norm, cut) for _, norm, cut in full]
        chosen, plan = planned(
            unique=unique,
            bits=bits,
            rows=rows,
            distinct=distinct,
            never=False,
            accepted=accept_leakage,
            what=f"{table}.{name}",
        )
        self.table: Final = table
        self.name: Final = name
        self.unique: Final = unique
        self.bits: Final = chosen
        self.plan: Final = plan
        labels = [
            label
            for column, norm, cut in full
            for label in (column, normaliser(norm).label, cut_named(cut).label)
        ]
        self._tokens = Tokens(
            keys, purpose=purpose_of(("compound-index", tenant, table, name, *labels), chosen), bits=chosen
        )

    def of(self, *values: str) -> bytes:
        """The token to store. The values are in the order of ``parts``.

        :raises InvalidValue: too few or too many, or not values of this index.
        """
        data = self._data(values)
        if isinstance(data, InvalidValue):
            values = ()
            raise data
        return self._tokens.each(data)[0]

    def lookup(self, *values: str) -> tuple[bytes, ...]:
        """The tokens to search for."""
        data = self._data(values)
        if isinstance(data, InvalidValue):
            values = ()
            raise data
        return self._tokens.each(data)

    def __repr__(self) -> str:
        return f"<CompoundIndex {self.table}.{self.name}, {self.bits} bits>"

    def _data(self, values: Sequence[Any]) -> bytes | InvalidValue:
        if len(values) != len(self._prepare):
            return InvalidValue(f"this index holds {len(self._prepare)} values at a time")
        return prepared(self._prepare, values)


def _preparation(python_type: type[Any], normalise: str, cut: str) -> Callable[[Any], bytes]:
    rule, part = normaliser(normalise), cut_named(cut)
    if python_type is not str:
        if rule.name != "exact" or part.name != "whole":
            raise InvalidValue("only text can be normalised or transformed")
        values: ValueType[Any] = value_type(python_type)
        return values.encode
    if part.name == "whole":
        return str.encode if rule.name == "exact" else lambda value: rule.apply(value).encode("utf-8")
    return lambda value: part.apply(rule.apply(value)).encode("utf-8")

"""Blind indexes: finding an encrypted value by a keyed hash of it.

Rules of this file: everything that changes a token (tenant, table, column, type, name, normaliser,
transform, bits) is in the key, so a change is a new index and never silent misses; a token is short on
purpose where values repeat, so every hit is checked again after decrypting; an index that tells an
observer too much is refused until somebody writes down why it is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from secureacct._bytes import lp, lp_join
from secureacct.fields import planner
from secureacct.fields.errors import InvalidValue, LeakyIndex, of_field
from secureacct.fields.normalise import normaliser
from secureacct.fields.transforms import transform as cut_named
from secureacct.fields.values import ValueType, value_type
from secureacct.keys import Keyring, KeyringError
from secureacct.keys.keyring import RELOAD_SECONDS

UNIQUE_BITS = 128  # no two of 2^32 values meet by chance (2^-65); what a UNIQUE constraint stands on
MOST_BITS = 256  # HMAC-SHA256
_SHA256 = hashes.SHA256()
_UNFIT = (InvalidValue, TypeError, ValueError, AttributeError)
TOKENS_PER_LOOK = (
    64  # tokens made between two looks at the clock; a stale key makes a token that is found too
)

Ready = tuple[bytes, Callable[[], HMAC]]
"""A version byte, and how to begin a MAC under its key: a copy of one that is never used itself."""


def _no_mac() -> HMAC:
    raise InvalidValue("no index key")  # never reached: the first beat ends at once


_NO_PRIMARY: tuple[Callable[[], int], bytes, Callable[[], HMAC]] = (iter(range(0)).__next__, b"", _no_mac)


class _Tokens:
    """The part that all indexes share: keys per version, HMAC, cut."""

    def __init__(self, keys: Keyring, *, purpose: bytes, bits: int) -> None:
        self._keys = keys
        self._purpose = purpose
        self._bits = bits
        self._bytes = (bits + 7) // 8
        self._mask = 0xFF << (-bits % 8) & 0xFF
        self._ready: tuple[Ready, ...] = ()
        self._primary = _NO_PRIMARY
        self._deadline = 0.0
        self._epoch = 0
        keys.watch(self.reset)

    def reset(self) -> None:
        """Forget the derived keys: the keyring changed."""
        self._epoch += 1
        self._ready = ()
        self._primary = _NO_PRIMARY

    def maker(self, prepare: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
        """A function from a value to its token under the primary key; ``prepare`` makes the hashed bytes."""
        size, whole = self._bytes, self._mask == 0xFF

        def of(value: Any) -> bytes:
            data: bytes | None = None
            try:
                data = prepare(value)
            except _UNFIT:
                pass
            if data is None:
                problem = _prepared([prepare], [value])
                value = None
                raise problem if isinstance(problem, InvalidValue) else InvalidValue("not a value to index")
            try:
                beat, version, copy = self._primary
                beat()
            except StopIteration:  # time to look at the clock, or the keyring changed
                version, copy = self._next_primary()
            mac = copy()
            mac.update(data)
            if whole:
                return version + mac.finalize()[:size]
            return version + self._cut(mac.finalize()[:size])

        return of

    def version(self) -> bytes:
        """The version byte of the primary key."""
        return version_of(self._keys.primary("index"))

    def each(self, data: bytes) -> tuple[bytes, ...]:
        """Under every key that may still be in the table, the primary first."""
        tokens = []
        for version, copy in self._current():
            mac = copy()
            mac.update(data)
            tokens.append(version + self._cut(mac.finalize()[: self._bytes]))
        return tuple(tokens)

    def _cut(self, digest: bytes) -> bytes:
        return digest[:-1] + bytes([digest[-1] & self._mask])

    def _next_primary(self) -> Ready:
        epoch = self._epoch
        version, copy = self._current()[0]
        self._primary = (iter(range(TOKENS_PER_LOOK)).__next__, version, copy)
        if self._epoch != epoch:
            self._primary = _NO_PRIMARY
        return version, copy

    def _current(self) -> tuple[Ready, ...]:
        ready = self._ready
        return ready if ready and monotonic() <= self._deadline else self._derive()

    def _derive(self) -> tuple[Ready, ...]:
        problem: Exception | None = None
        ready: tuple[Ready, ...] = ()
        try:
            self._keys.refresh()
            epoch = self._epoch
            ready = self._ready or tuple(
                (version_of(key_id), HMAC(self._key(key_id), _SHA256).copy)
                for key_id in self._keys.readable("index")
            )
        except KeyringError as error:
            problem = of_field(error)
        else:
            self._ready = ready
            self._deadline = monotonic() + RELOAD_SECONDS
            if self._epoch != epoch:
                self._ready = ()
        if problem is not None:
            raise problem
        return ready

    def _key(self, key_id: int) -> bytes:
        return self._keys.derive("index", self._purpose + key_id.to_bytes(4, "big"), key_id=key_id)


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
        chosen, plan = _planned(
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
        self._tokens = _Tokens(keys, purpose=_purpose(texts, chosen), bits=chosen)
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
        return _prepared([self._prepare], [value])


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
        chosen, plan = _planned(
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
        self._tokens = _Tokens(
            keys, purpose=_purpose(("compound-index", tenant, table, name, *labels), chosen), bits=chosen
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
        return _prepared(self._prepare, values)


def version_of(key_id: int) -> bytes:
    """The byte in front of a token: the key id, cut to eight bits."""
    return bytes([key_id & 0xFF])


def _prepared(rules: Sequence[Callable[[Any], bytes]], values: Sequence[Any]) -> bytes | InvalidValue:
    """What is hashed; an error is returned, so that its frames can drop the value before it is raised."""
    try:
        parts = [prepare(value) for prepare, value in zip(rules, values, strict=True)]
    except InvalidValue as error:
        return error.with_traceback(None)
    except _UNFIT:
        return InvalidValue("not a value that this index can hold")
    return parts[0] if len(parts) == 1 else lp_join(parts)


def _purpose(texts: Sequence[str], bits: int) -> bytes:
    joined = lp_join(text.encode("utf-8") for text in texts)
    return lp(joined) + bits.to_bytes(2, "big")


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


def _planned(
    *,
    unique: bool,
    bits: int | None,
    rows: int | None,
    distinct: int | None,
    never: bool,
    accepted: str,
    what: str,
) -> tuple[int, planner.IndexPlan | None]:
    if unique:
        if bits not in (None, UNIQUE_BITS):
            raise InvalidValue(f"{what}: a unique index has {UNIQUE_BITS} bits")
        return UNIQUE_BITS, None
    if bits is not None and not 1 <= bits <= MOST_BITS:
        raise InvalidValue(f"{what}: bits is 1 to {MOST_BITS}")
    if accepted and bits is not None:
        plan = None
        if rows is not None and distinct is not None:
            plan = planner.plan_index(rows=rows, distinct=distinct, bits=bits)
        return bits, plan
    if never:
        raise LeakyIndex(
            f"{what}: an index on a flag tells everybody's; say why in accept_leakage=, with bits="
        )
    if rows is None or distinct is None:
        raise LeakyIndex(
            f"{what}: say rows= and distinct= so that the leakage can be planned, or unique=True"
        )
    plan = planner.plan_index(rows=rows, distinct=distinct, bits=bits)
    if plan.problems:
        raise LeakyIndex(f"{what}: {'; '.join(plan.problems)}; say why in accept_leakage=, with bits=")
    if bits is None:
        raise LeakyIndex(f"{what}: write bits={plan.bits} here and keep it: it was planned for {rows} rows")
    return bits, plan

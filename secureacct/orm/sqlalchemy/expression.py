"""What an encrypted attribute is in a query."""

from __future__ import annotations

from typing import Any, NoReturn, Protocol

import sqlalchemy as sa

from secureacct.fields import BlindIndex, NotSearchable


class Searchable(Protocol):
    """What a query needs of an encrypted attribute."""

    name: str
    stored: str
    index_name: str

    @property
    def is_indexed(self) -> bool:
        """Whether it has a blind index."""
        ...

    def index_for(self, owner: type[Any], tenant: Any = "") -> BlindIndex:
        """Its blind index."""
        ...


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

    def __init__(self, attribute: Searchable, owner: type[Any]) -> None:
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
            if self._attribute.is_indexed
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

"""An encrypted column for Core, which does not know its row."""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator, TypeEngine

from secureacct.errors import ConfigurationError
from secureacct.fields import FieldCipher, NotSearchable


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

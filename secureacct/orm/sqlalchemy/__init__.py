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

from secureacct.errors import MissingExtra
from secureacct.fields.purposes import Guarded

try:
    import sqlalchemy  # noqa: F401 - what the modules below stand on
except ModuleNotFoundError:  # pragma: no cover - an install without the extra
    raise MissingExtra("sql", needed_for="encrypted SQLAlchemy columns") from None

from secureacct.orm.sqlalchemy.attribute import Encrypted, encrypted_attributes
from secureacct.orm.sqlalchemy.core_type import EncryptedType
from secureacct.orm.sqlalchemy.expression import EncryptedExpression
from secureacct.orm.sqlalchemy.fields import EncryptedFields
from secureacct.orm.sqlalchemy.made import Index

__all__ = [
    "Encrypted",
    "EncryptedExpression",
    "EncryptedFields",
    "EncryptedType",
    "Guarded",
    "Index",
    "encrypted_attributes",
]

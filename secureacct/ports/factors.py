"""Reading second factors and passkeys. What changes them are the changes of ``records.factors``."""

from __future__ import annotations

from typing import Protocol

from secureacct.records.factors import Factors, Passkey


class FactorReads(Protocol):
    """A store that keeps second factors."""

    async def factors_of(self, account_id: str) -> Factors:
        """Everything the account has, oldest first; an account with nothing gives an empty record.

        Promises: ``version`` is not newer than the rest, so a removal decided on this record is lost
        if anything was added or removed meanwhile.

        :raises StoreUnavailable: the store did not answer.
        """
        ...

    async def passkey_of_credential(self, credential_id: bytes) -> Passkey | None:
        """The passkey with this credential id, whosever it is.

        :raises StoreUnavailable: the store did not answer.
        """
        ...

"""Password work as steps see it: the same three verbs for blocking and awaiting faces.

Rules of this file: an implementation of kind ``blocking`` never suspends; one of kind ``awaiting``
never blocks the event loop. None of them raises about the password or the stored hash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

R = TypeVar("R")


class PasswordWork(Protocol):
    """Hashing and checking for journeys."""

    async def hash(self, password: str, *, account_id: str | None = None) -> str:
        """The string to store.

        :raises InvalidInput: a leaf that says why the password cannot be hashed
        :raises TooBusy: too many hashes wait; carries ``retry_after``
        """
        ...

    async def verify_and_update(
        self,
        password: str,
        encoded: str | None,
        *,
        account_id: str | None = None,
        known_device: bool = False,
    ) -> tuple[bool, str | None]:
        """``(True, replacement or None)`` or ``(False, None)``; the same work whatever is stored.

        ``encoded=None`` stands for an account that is unknown or has no password. Store a replacement
        only where the stored hash is still ``encoded``.

        :raises TooBusy: too many checks wait
        :raises UnknownKey: a pepper key that this process does not hold
        """
        ...

    async def rebind(self, encoded: str, *, account_id: str, to: str) -> str:
        """The same hash for another account id, such as that of a sign-up which became an account.

        :raises ConfigurationError: the hash does not belong to ``account_id``
        :raises UnknownKey: a pepper key that this process does not hold
        """
        ...

    async def run(self, rule: Callable[[], R]) -> R:
        """Run something that may read a file or the network, such as ``PasswordRules.check``."""
        ...

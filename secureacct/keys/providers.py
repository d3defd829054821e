"""Who may open a keyring file or a person's data key: a passphrase here, a key service elsewhere.

Rules of this file: a provider wraps 32 random bytes and nothing else, always together with a context
that it authenticates; a provider that cannot answer raises ``KmsUnavailable``, one that answers "no"
raises ``KeyringSealed``, and the two are never mixed up; a wrapped key says by itself how to open it.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from argon2.exceptions import Argon2Error
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from secureacct._bytes import lp_join
from secureacct.keys.errors import KeyringError, KeyringSealed

Context = Mapping[str, str]

ARGON2_MEMORY_KIB = 65536  # 64 MiB, RFC 9106 section 4, second recommended option
ARGON2_PASSES = 3  # iterations, RFC 9106 section 4, second recommended option
ARGON2_LANES = 4  # parallel lanes, RFC 9106 section 4, second recommended option
ARGON2_LEAST_MEMORY_KIB = 19456  # 19 MiB, OWASP Password Storage: what we refuse to go below
ARGON2_MOST_MEMORY_KIB = 1 << 20  # 1 GiB: a file may not make us allocate more
ARGON2_MOST_PASSES = 64  # iterations: a file may not make us work for minutes
ARGON2_MOST_LANES = 16  # parallel lanes
SALT_BYTES = 16  # RFC 9106 section 3.1
NONCE_BYTES = 12  # SP 800-38D section 8.2.2, random
COMMITMENT_BYTES = 32  # a wrong passphrase is told from a damaged file before anything is decrypted

_VERSION = 1


class KeyProvider(Protocol):
    """Wraps data keys under a key that it keeps. Blocking; see :class:`AsyncKeyProvider`.

    Write your own for a key service: five lines around its client. Run
    ``secureacct.testing.key_providers`` on it: that suite is what "a provider" means.
    """

    @property
    def name(self) -> str:
        """A stable name, written beside what was wrapped (``"passphrase"``, ``"vault-transit"``)."""
        ...

    @property
    def key_id(self) -> str:
        """Which of the provider's keys wraps now. Pinned: ``unwrap`` refuses another one's work."""
        ...

    def wrap(self, material: bytes, *, context: Context) -> bytes:
        """The material, encrypted and bound to ``context``.

        :raises KmsUnavailable: no answer.
        """
        ...

    def unwrap(self, wrapped: bytes, *, context: Context) -> bytes:
        """The material again.

        :raises KeyringSealed: altered, another context, another key, or access refused.
        :raises KmsUnavailable: no answer.
        """
        ...

    def rewrap_many(self, wrapped: Sequence[tuple[bytes, Context]]) -> Sequence[bytes]:
        """The same materials under the provider's newest key, in the same order; all or none.

        :raises KeyringSealed: one of them cannot be opened.
        :raises KmsUnavailable: no answer.
        """
        ...


class AsyncKeyProvider(Protocol):
    """The same promises, awaited."""

    @property
    def name(self) -> str:
        """A stable name, as of :class:`KeyProvider`."""
        ...

    @property
    def key_id(self) -> str:
        """Which of the provider's keys wraps now."""
        ...

    async def wrap(self, material: bytes, *, context: Context) -> bytes:
        """As :meth:`KeyProvider.wrap`."""
        ...

    async def unwrap(self, wrapped: bytes, *, context: Context) -> bytes:
        """As :meth:`KeyProvider.unwrap`."""
        ...

    async def rewrap_many(self, wrapped: Sequence[tuple[bytes, Context]]) -> Sequence[bytes]:
        """As :meth:`KeyProvider.rewrap_many`."""
        ...


def context_bytes(context: Context) -> bytes:
    """A context as bytes, the same for the same pairs in any order, different for any other pairs."""
    return lp_join(part.encode("utf-8") for pair in sorted(context.items()) for part in pair)


@dataclass(frozen=True, slots=True)
class PassphraseProvider:
    """Wraps under a key that Argon2id makes of a passphrase.

    Wrapped form: version 1, memory u32 (KiB), passes u32, lanes u8, salt 16, commitment 32, nonce 12,
    AES-256-GCM of the material with everything before the nonce and the context as associated data.
    Argon2id gives 64 bytes: the AES key and the commitment.

    :param passphrase: text or bytes, not empty.
    :param memory_kib: Argon2id memory in KiB, at least 19456.
    :param passes: Argon2id iterations.
    :param lanes: Argon2id lanes.
    :raises KeyringError: an empty passphrase, or less memory than is safe.
    """

    passphrase: str | bytes = field(repr=False)
    memory_kib: int = ARGON2_MEMORY_KIB
    passes: int = ARGON2_PASSES
    lanes: int = ARGON2_LANES

    def __post_init__(self) -> None:
        if not self.passphrase:
            raise KeyringError("an empty passphrase protects nothing; give one, or leave it out")
        _check_parameters(self.memory_kib, self.passes, self.lanes, KeyringError)

    @property
    def name(self) -> str:
        """``"passphrase"``."""
        return "passphrase"

    @property
    def key_id(self) -> str:
        """Always the same: a passphrase has no versions."""
        return "passphrase"

    def wrap(self, material: bytes, *, context: Context) -> bytes:
        """See :meth:`KeyProvider.wrap`."""
        head = b"".join(
            (
                bytes([_VERSION]),
                self.memory_kib.to_bytes(4, "big"),
                self.passes.to_bytes(4, "big"),
                bytes([self.lanes]),
                os.urandom(SALT_BYTES),
            )
        )
        key, commitment = self._keys(head)
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, material, head + commitment + context_bytes(context))
        return head + commitment + nonce + sealed

    def unwrap(self, wrapped: bytes, *, context: Context) -> bytes:
        """See :meth:`KeyProvider.unwrap`."""
        at_commitment = 10 + SALT_BYTES
        at_nonce = at_commitment + COMMITMENT_BYTES
        at_body = at_nonce + NONCE_BYTES
        if len(wrapped) < at_body + 16 or wrapped[0] != _VERSION:
            raise KeyringSealed("this was not wrapped by a passphrase")
        head = wrapped[:at_commitment]
        key, commitment = self._keys(head)
        if not hmac.compare_digest(commitment, wrapped[at_commitment:at_nonce]):
            raise KeyringSealed("the passphrase does not fit")
        try:
            return AESGCM(key).decrypt(
                wrapped[at_nonce:at_body], wrapped[at_body:], head + commitment + context_bytes(context)
            )
        except InvalidTag:
            raise KeyringSealed("the wrapped key is damaged or belongs elsewhere") from None

    def rewrap_many(self, wrapped: Sequence[tuple[bytes, Context]]) -> Sequence[bytes]:
        """See :meth:`KeyProvider.rewrap_many`."""
        opened = [(self.unwrap(one, context=context), context) for one, context in wrapped]
        return [self.wrap(material, context=context) for material, context in opened]

    def _keys(self, head: bytes) -> tuple[bytes, bytes]:
        memory = int.from_bytes(head[1:5], "big")
        passes = int.from_bytes(head[5:9], "big")
        lanes = head[9]
        _check_parameters(memory, passes, lanes, KeyringSealed)
        secret = self.passphrase.encode("utf-8") if isinstance(self.passphrase, str) else self.passphrase
        try:
            both = hash_secret_raw(
                secret,
                head[10:],
                time_cost=passes,
                memory_cost=memory,
                parallelism=lanes,
                hash_len=64,
                type=Type.ID,
            )
        except Argon2Error:
            raise KeyringError("Argon2id could not run: not enough memory?") from None
        return both[:32], both[32:]


def _check_parameters(memory_kib: int, passes: int, lanes: int, error: type[KeyringError]) -> None:
    if not (
        ARGON2_LEAST_MEMORY_KIB <= memory_kib <= ARGON2_MOST_MEMORY_KIB
        and 1 <= passes <= ARGON2_MOST_PASSES
        and 1 <= lanes <= ARGON2_MOST_LANES
    ):
        raise error(
            "Argon2id parameters out of range:"
            f" memory {ARGON2_LEAST_MEMORY_KIB}..{ARGON2_MOST_MEMORY_KIB} KiB,"
            f" passes 1..{ARGON2_MOST_PASSES}, lanes 1..{ARGON2_MOST_LANES}"
        )

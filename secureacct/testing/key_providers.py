"""What "a key provider" means, as a suite for your own, and a stand-in for a key service.

    from secureacct.testing.key_providers import check_provider
    check_provider(MyProvider(...))

Rules of this file: the suite raises ``AssertionError`` with one sentence of what does not hold; the
stand-in keeps the shapes of Vault's transit engine (``vault:v1:`` and base64, versions, associated
data), so that a provider for the real one differs in its client only.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from secureacct.keys.errors import KeyringSealed, KmsUnavailable
from secureacct.keys.providers import Context, KeyProvider, context_bytes


def check_provider(provider: KeyProvider) -> None:
    """Run the suite on a provider that works.

    :raises AssertionError: a promise does not hold; the message says which.
    """
    material = os.urandom(32)
    context = {"purpose": "contract", "subject": "1"}
    wrapped = provider.wrap(material, context=context)
    _hold(provider.name and provider.key_id, "a provider has a name and a key id")
    _hold(provider.unwrap(wrapped, context=context) == material, "unwrap gives what was wrapped")
    _hold(
        provider.unwrap(wrapped, context=dict(reversed(context.items()))) == material,
        "the order of a context's pairs does not matter",
    )
    _hold(material not in wrapped, "the wrapped form does not hold the material")
    _hold(provider.wrap(material, context=context) != wrapped, "wrapping twice gives two forms")
    others: list[Context] = [
        {},
        {"purpose": "contract"},
        {"purpose": "contract", "subject": "2"},
        {"purpose": "contrac", "tsubject": "1"},
        {**context, "more": ""},
    ]
    for other in others:
        _refuses(provider, wrapped, other, "another context is refused with KeyringSealed")
    for position in range(len(wrapped)):
        damaged = wrapped[:position] + bytes([wrapped[position] ^ 1]) + wrapped[position + 1 :]
        _refuses(provider, damaged, context, f"a changed byte {position} is refused with KeyringSealed")
    for cut in (b"", wrapped[:1], wrapped[:-1], wrapped + b"\0"):
        _refuses(provider, cut, context, "a cut or longer form is refused with KeyringSealed")
    second = os.urandom(32)
    pairs = [(wrapped, context), (provider.wrap(second, context={"n": "2"}), {"n": "2"})]
    renewed = provider.rewrap_many(pairs)
    _hold(
        [provider.unwrap(one, context=where) for one, (_, where) in zip(renewed, pairs, strict=True)]
        == [material, second],
        "rewrap_many keeps materials and their order",
    )
    try:
        provider.rewrap_many([pairs[0], (wrapped[:-1], context)])
    except KeyringSealed:
        pass
    else:
        raise AssertionError("rewrap_many refuses all if it cannot open one")
    _hold(list(provider.rewrap_many([])) == [], "rewrapping nothing gives nothing")
    _hold(material.hex() not in repr(provider), "a provider's repr holds no material")


def _hold(truth: object, promise: str) -> None:
    if not truth:
        raise AssertionError(promise)


def _refuses(provider: KeyProvider, wrapped: bytes, context: Context, promise: str) -> None:
    try:
        provider.unwrap(wrapped, context=context)
    except KeyringSealed:
        return
    raise AssertionError(promise)


@dataclass
class TransitService:
    """A stand-in for a key service with the shapes of Vault's transit engine.

    ``down`` makes it silent; ``calls`` counts requests; ``rotate()`` makes a new version;
    ``least_version`` closes older ones.
    """

    versions: list[bytes] = field(default_factory=lambda: [os.urandom(32)], repr=False)
    down: bool = False
    calls: int = 0
    least_version: int = 1

    def rotate(self) -> None:
        """A new version wraps from now on."""
        self.versions.append(os.urandom(32))

    def encrypt(self, plaintext: str, associated_data: str) -> str:
        """``vault:v<version>:`` and base64 of nonce and ciphertext, as the engine answers."""
        self._answer()
        nonce = os.urandom(12)
        body = AESGCM(self.versions[-1]).encrypt(
            nonce, base64.b64decode(plaintext), base64.b64decode(associated_data)
        )
        return f"vault:v{len(self.versions)}:{base64.b64encode(nonce + body).decode('ascii')}"

    def decrypt(self, ciphertext: str, associated_data: str) -> str:
        """The plaintext in base64.

        :raises PermissionError: the service's "400 cipher: message authentication failed" and the like.
        """
        self._answer()
        head, _, body = ciphertext.rpartition(":")
        try:
            version = int(head.removeprefix("vault:v"))
            raw = base64.b64decode(body, validate=True)
            if not head.startswith("vault:v") or not self.least_version <= version <= len(self.versions):
                raise PermissionError
            opener = AESGCM(self.versions[version - 1])
            plain = opener.decrypt(raw[:12], raw[12:], base64.b64decode(associated_data))
        except (ValueError, InvalidTag):
            raise PermissionError from None
        if base64.b64encode(raw).decode("ascii") != body or head != f"vault:v{version}":
            raise PermissionError
        return base64.b64encode(plain).decode("ascii")

    def rewrap(self, batch: Sequence[tuple[str, str]]) -> list[str]:
        """Every (ciphertext, associated data) under the newest version, in one request."""
        self._answer()
        self.calls -= 2 * len(batch)  # counted as one
        return [self.encrypt(self.decrypt(one, aad), aad) for one, aad in batch]

    def _answer(self) -> None:
        self.calls += 1
        if self.down:
            raise ConnectionError("no route to host")


class TransitProvider:
    """A provider on :class:`TransitService`: the twenty lines that one for a real service needs."""

    def __init__(self, service: TransitService, *, key: str = "app") -> None:
        self._service, self._key = service, key

    @property
    def name(self) -> str:
        """``"vault-transit"``."""
        return "vault-transit"

    @property
    def key_id(self) -> str:
        """The key and its newest version."""
        return f"{self._key}:v{len(self._service.versions)}"

    def wrap(self, material: bytes, *, context: Context) -> bytes:
        """See :meth:`secureacct.keys.providers.KeyProvider.wrap`."""
        try:
            return self._service.encrypt(_b64(material), _b64(context_bytes(context))).encode("ascii")
        except ConnectionError:
            raise KmsUnavailable("the key service did not answer") from None

    def unwrap(self, wrapped: bytes, *, context: Context) -> bytes:
        """See :meth:`secureacct.keys.providers.KeyProvider.unwrap`."""
        try:
            plain = self._service.decrypt(wrapped.decode("ascii"), _b64(context_bytes(context)))
        except ConnectionError:
            raise KmsUnavailable("the key service did not answer") from None
        except (PermissionError, UnicodeDecodeError):
            raise KeyringSealed("the key service refuses to unwrap this") from None
        return base64.b64decode(plain)

    def rewrap_many(self, wrapped: Sequence[tuple[bytes, Context]]) -> Sequence[bytes]:
        """See :meth:`secureacct.keys.providers.KeyProvider.rewrap_many`."""
        batch = [(one.decode("ascii", "replace"), _b64(context_bytes(context))) for one, context in wrapped]
        try:
            return [one.encode("ascii") for one in self._service.rewrap(batch)]
        except ConnectionError:
            raise KmsUnavailable("the key service did not answer") from None
        except PermissionError:
            raise KeyringSealed("the key service refuses to rewrap one of these") from None


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


class AwaitedProvider:
    """Any provider with awaited methods, for the awaiting faces."""

    def __init__(self, inner: KeyProvider) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """As of the inner provider."""
        return self._inner.name

    @property
    def key_id(self) -> str:
        """As of the inner provider."""
        return self._inner.key_id

    async def wrap(self, material: bytes, *, context: Context) -> bytes:
        """See :meth:`secureacct.keys.providers.KeyProvider.wrap`."""
        return self._inner.wrap(material, context=context)

    async def unwrap(self, wrapped: bytes, *, context: Context) -> bytes:
        """See :meth:`secureacct.keys.providers.KeyProvider.unwrap`."""
        return self._inner.unwrap(wrapped, context=context)

    async def rewrap_many(self, wrapped: Sequence[tuple[bytes, Context]]) -> Sequence[bytes]:
        """See :meth:`secureacct.keys.providers.KeyProvider.rewrap_many`."""
        return self._inner.rewrap_many(wrapped)

"""Stored strings of every kind, read into one shape that can be checked.

Rules of this file: reading costs microseconds and never raises; what is unreadable or above a ceiling
is None. Deriving needs a slot, because that is where memory comes from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secureacct._bytes import b64url_strict, lp_join
from secureacct.passwords import arenas, native, phc
from secureacct.passwords.admission import Slot
from secureacct.passwords.profiles import Argon2Profile, Profile

if TYPE_CHECKING:
    from secureacct.passwords.foreign import Scheme

WRAPPED: Final = "$sa-wrap$"
_WRAPPED = re.compile(r"\$sa-wrap\$v=1\$([A-Za-z0-9_-]+)(\$.+)", re.ASCII)
_INNER: Final = b"secureacct/password-wrap/v1"


def ready() -> None:
    """Load what a check needs, in the thread that makes a hasher and not in one that checks.

    A fork while another thread imports leaves the child with a lock that nobody will ever give back.
    """
    import hashlib
    import hmac

    from secureacct.passwords.foreign import bcrypt

    bcrypt.ready()
    hmac.compare_digest(hashlib.sha256(b"").digest(), b"")


@dataclass(frozen=True, slots=True)
class Readable:
    """A stored hash that can be checked.

    :param native: made by us or by any Argon2id library: no foreign scheme and no wrap
    :param as_profile: a failed check costs what a check under the current profile costs, or more
    """

    scheme: str
    digest: bytes = field(repr=False)
    derive: Callable[[bytes, Slot], bytes] = field(repr=False)
    below_floor: bool
    native: bool
    as_profile: bool

    def matches(self, password: bytes, slot: Slot) -> bool:
        """True if ``password`` gives the digest."""
        import hmac  # loaded by ready()

        return hmac.compare_digest(self.derive(password, slot), self.digest)


def read(encoded: str, *, profile: Profile, schemes: tuple[Scheme, ...] | None) -> Readable | None:
    """What ``encoded`` is, or None. ``schemes``: None stands for all that ship."""
    if len(encoded) > phc.MAX_ENCODED:
        return None
    if encoded.startswith("argon2$argon2"):  # Django puts its own name in front
        encoded = encoded[len("argon2") :]
    if encoded.startswith("$argon2"):
        return _read_argon2(encoded, profile)
    if encoded.startswith(WRAPPED):
        return _read_wrapped(encoded, profile, schemes)
    from secureacct.passwords import foreign

    mine = native.is_current(profile, encoded)
    found = foreign.read(encoded, None if mine else schemes)
    if found is None:
        return None
    derive = found.derive
    return Readable(
        found.scheme,
        found.digest,
        lambda password, _slot: derive(password),
        below_floor=found.below_floor,
        native=mine,
        as_profile=mine,
    )


def wrapped_input(digest: bytes) -> bytes:
    """What the outer Argon2id of a wrapped hash hashes: the old digest, named."""
    import hashlib

    return hashlib.sha256(lp_join((_INNER, digest))).digest()


def _read_argon2(encoded: str, profile: Profile) -> Readable | None:
    limit = profile if isinstance(profile, Argon2Profile) else None
    parts = phc.parse(encoded, ceiling=limit)
    if parts is None:
        return None
    current = limit is not None and parts.matches(limit)

    def derive(password: bytes, slot: Slot) -> bytes:
        return arenas.derive(
            password,
            parts.salt,
            kind=parts.kind,
            version=parts.version,
            memory_kib=parts.memory_kib,
            passes=parts.passes,
            lanes=parts.lanes,
            tag_bytes=len(parts.tag),
            scratch=slot.scratch,
            threads=slot.threads,
            keep=max(arenas.KEPT, limit.memory_kib * 1024 if limit else 0),
        )

    return Readable(
        f"argon2{parts.kind}",
        parts.tag,
        derive,
        # A test profile is below every floor, and guarded elsewhere against production.
        below_floor=parts.below_floor and not (current and profile.only_for_tests),
        native=parts.kind == "id",
        as_profile=current,
    )


def _read_wrapped(encoded: str, profile: Profile, schemes: tuple[Scheme, ...] | None) -> Readable | None:
    found = _WRAPPED.fullmatch(encoded)
    blank = b64url_strict(found[1]) if found else None
    if found is None or blank is None or not blank.isascii() or not found[2].startswith("$argon2id$"):
        return None
    from secureacct.passwords import foreign

    inner, outer = foreign.read(blank.decode("ascii"), schemes), _read_argon2(found[2], profile)
    if inner is None or outer is None:
        return None
    derive_inner, derive_outer = inner.derive, outer.derive
    return Readable(
        f"wrapped-{inner.scheme}",
        outer.digest,
        lambda password, slot: derive_outer(wrapped_input(derive_inner(password)), slot),
        # The table holds no weak hash any more: what counts is the outer one.
        below_floor=outer.below_floor,
        native=False,
        as_profile=outer.as_profile,
    )

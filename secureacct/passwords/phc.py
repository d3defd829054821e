"""The string form of an Argon2 hash, read with every parameter bounded before any work.

Rules of this file: pure; what does not fit the grammar or a ceiling is None, never an exception and
never an allocation. The grammar is that of the Argon2 reference implementation.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from secureacct.passwords.profiles import ARGON2ID_FLOOR, Argon2Profile

MAX_ENCODED: Final = 1024  # characters; our own cap: no scheme we read comes near it
MAX_MEMORY_KIB: Final = 256 * 1024  # KiB (256 MiB); our own ceiling for stored hashes, above every default
MAX_PASSES: Final = 32  # passes; our own ceiling
MAX_LANES: Final = 64  # lanes; our own ceiling
MAX_WORK_KIB: Final = 1024 * 1024  # KiB times passes; our own ceiling: about a second and a half

_ARGON2 = re.compile(
    r"\$argon2(id|i|d)(?:\$v=(16|19))?\$m=([1-9]\d{0,9}),t=([1-9]\d{0,4}),p=([1-9]\d{0,2})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{14,171})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Argon2Hash:
    """A stored Argon2 hash, taken apart."""

    kind: str  # "id", "i" or "d"
    version: int  # 16 (1.0) or 19 (1.3)
    memory_kib: int
    passes: int
    lanes: int
    salt: bytes
    tag: bytes = field(repr=False)

    def matches(self, profile: Argon2Profile) -> bool:
        """True if hashing again under ``profile`` would change nothing but salt and tag."""
        return (
            self.kind == "id"
            and self.version == 19
            and self.memory_kib == profile.memory_kib
            and self.passes == profile.passes
            and self.lanes == profile.lanes
            and len(self.salt) == profile.salt_bytes
            and len(self.tag) == profile.tag_bytes
        )

    @property
    def below_floor(self) -> bool:
        """Weaker than OWASP's equal-strength sets, or not Argon2id 1.3 (ASVS 5 appendix C)."""
        if self.kind != "id" or self.version != 19 or len(self.tag) < 16 or len(self.salt) < 8:
            return True
        return not any(self.passes >= t and self.memory_kib >= m for t, m in ARGON2ID_FLOOR)


def unpadded(text: str) -> bytes | None:
    """Standard base64 without padding, or None."""
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        return None


def to_unpadded(data: bytes) -> str:
    """Standard base64 without padding."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").decode("ascii")


def parse(encoded: str, *, ceiling: Argon2Profile | None = None) -> Argon2Hash | None:
    """The parts of an Argon2 hash of any library, or None if unreadable or above a ceiling.

    :param ceiling: a profile in use; hashes as costly as it are read even where it is above the ceilings
    """
    found = _ARGON2.fullmatch(encoded)
    if found is None:
        return None
    kind, version, m, t, p, salt64, tag64 = found.groups()
    memory_kib, passes, lanes = int(m), int(t), int(p)
    # One lane needs eight blocks of 1 KiB: RFC 9106 section 3.1.
    if memory_kib < 8 * lanes:
        return None
    own = ceiling is not None and (memory_kib, passes, lanes) == (
        ceiling.memory_kib,
        ceiling.passes,
        ceiling.lanes,
    )
    if not own and (
        memory_kib > MAX_MEMORY_KIB
        or passes > MAX_PASSES
        or lanes > MAX_LANES
        or memory_kib * passes > MAX_WORK_KIB
    ):
        return None
    salt, tag = unpadded(salt64), unpadded(tag64)
    if salt is None or tag is None:
        return None
    return Argon2Hash(kind, int(version or 16), memory_kib, passes, lanes, salt, tag)


def write(profile: Argon2Profile, salt: bytes, tag: bytes) -> str:
    """The string that is stored."""
    return (
        f"$argon2id$v=19$m={profile.memory_kib},t={profile.passes},p={profile.lanes}"
        f"${to_unpadded(salt)}${to_unpadded(tag)}"
    )

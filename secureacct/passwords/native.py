"""What a profile makes: the tag, the string that holds it, and whether a string is still of that profile.

Rules of this file: a hash is made only here. The Argon2id string is that of the reference
implementation, the PBKDF2 string that of passlib, so both can be checked without this library.
"""

from __future__ import annotations

from secureacct.passwords import arenas, phc
from secureacct.passwords.admission import Slot
from secureacct.passwords.profiles import Argon2Profile, Profile


def tag(profile: Profile, password: bytes, salt: bytes, slot: Slot) -> bytes:
    """The tag of ``password`` under ``profile``.

    :raises TooBusy: the machine has no memory for one more hash
    """
    if isinstance(profile, Argon2Profile):
        return arenas.derive(
            password,
            salt,
            kind="id",
            version=19,
            memory_kib=profile.memory_kib,
            passes=profile.passes,
            lanes=profile.lanes,
            tag_bytes=profile.tag_bytes,
            scratch=slot.scratch,
            threads=slot.threads,
            keep=max(arenas.KEPT, profile.memory_kib * 1024),
        )
    import hashlib

    return hashlib.pbkdf2_hmac("sha256", password, salt, profile.rounds, profile.tag_bytes)


def write(profile: Profile, salt: bytes, made: bytes) -> str:
    """The string to store."""
    if isinstance(profile, Argon2Profile):
        return phc.write(profile, salt, made)
    salt64, tag64 = (phc.to_unpadded(part).replace("+", ".") for part in (salt, made))
    return f"$pbkdf2-sha256${profile.rounds}${salt64}${tag64}"


def is_current(profile: Profile, encoded: str) -> bool:
    """True if hashing again under ``profile`` would change nothing but salt and tag."""
    if isinstance(profile, Argon2Profile):
        parts = phc.parse(encoded, ceiling=profile)
        return parts is not None and parts.matches(profile)
    pieces = encoded.split("$")
    if len(pieces) != 5 or pieces[:3] != ["", "pbkdf2-sha256", str(profile.rounds)]:
        return False
    salt, made = (phc.unpadded(piece.replace(".", "+")) for piece in pieces[3:])
    return (
        salt is not None
        and made is not None
        and (len(salt), len(made)) == (profile.salt_bytes, profile.tag_bytes)
    )

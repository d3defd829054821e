"""Named sets of hashing parameters, each number with its unit and its source.

Rules of this file: a profile below the floor cannot be made, except the one for tests, which refuses
to work where ``SECUREACCT_ENV=production``. A profile is a value: two equal ones hash alike.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from secureacct.passwords.errors import WeakProfile

SALT_BYTES: Final = 16  # bytes; RFC 9106 section 3.1 (recommended); NIST SP 800-63B-4 asks for 4
TAG_BYTES: Final = 32  # bytes; RFC 9106 section 4: 256-bit tag

ARGON2ID_FLOOR: Final = ((1, 47104), (2, 19456), (3, 12288), (4, 9216), (5, 7168))
"""(passes, least KiB): OWASP Password Storage Cheat Sheet, equal-strength sets; ASVS 5 appendix C."""

PBKDF2_SHA256_FLOOR: Final = 600_000  # rounds; OWASP Password Storage Cheat Sheet; ASVS 5 appendix C
PROFILE_MEMORY_FLOOR: Final = 19456  # KiB at two passes; OWASP: our own floor for what we *produce*


@dataclass(frozen=True, slots=True)
class Argon2Profile:
    """Argon2id with these parameters.

    :param memory_kib: memory of one hash, in KiB
    :param passes: passes over that memory (``t``)
    :param lanes: lanes (``p``); the result depends on it, the number of threads does not
    :raises WeakProfile: below 19 MiB, two passes, one lane (or 46 MiB with a single pass)
    """

    name: str
    memory_kib: int
    passes: int
    lanes: int
    salt_bytes: int = SALT_BYTES
    tag_bytes: int = TAG_BYTES
    only_for_tests: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.only_for_tests:
            return
        strong = self.memory_kib >= PROFILE_MEMORY_FLOOR and self.passes >= 2
        single_pass = self.memory_kib >= ARGON2ID_FLOOR[0][1] and self.passes == 1
        if not ((strong or single_pass) and 1 <= self.lanes <= 255):
            raise WeakProfile(
                f"profile {self.name!r} is below the floor of 19456 KiB with 2 passes (47104 KiB with 1)"
            )
        if self.salt_bytes < SALT_BYTES or self.tag_bytes < TAG_BYTES:
            raise WeakProfile(f"profile {self.name!r} needs a salt of 16 bytes and a tag of 32 bytes")
        if self.memory_kib > 4 * 1024 * 1024 or self.passes > 64:
            raise WeakProfile(f"profile {self.name!r} would take longer than any sign-in can wait")


@dataclass(frozen=True, slots=True)
class Pbkdf2Profile:
    """PBKDF2-HMAC-SHA-256, for where only NIST-approved primitives may be used (SP 800-132).

    :param rounds: iterations
    :raises WeakProfile: below 600,000
    """

    name: str
    rounds: int
    salt_bytes: int = SALT_BYTES
    tag_bytes: int = TAG_BYTES
    only_for_tests: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.rounds < PBKDF2_SHA256_FLOOR:
            raise WeakProfile(f"profile {self.name!r} is below the floor of {PBKDF2_SHA256_FLOOR} rounds")


Profile = Argon2Profile | Pbkdf2Profile

DEFAULT: Final = Argon2Profile(
    "rfc9106-second",
    memory_kib=65536,  # 64 MiB; RFC 9106 section 4, second recommended option
    passes=3,  # RFC 9106 section 4, second recommended option
    lanes=4,  # RFC 9106 section 4, second recommended option
)
"""What ``PasswordHasher()`` uses: about 100 ms on one core of 2026."""

HIGH_MEMORY: Final = Argon2Profile(
    "rfc9106-first",
    memory_kib=2 * 1024 * 1024,  # 2 GiB; RFC 9106 section 4, first recommended option
    passes=1,  # RFC 9106 section 4, first recommended option
    lanes=4,  # RFC 9106 section 4, first recommended option
)
"""For few accounts of great worth: seconds for each sign-in, and 2 GiB for each parallel one."""

ONE_PASS: Final = Argon2Profile(
    "owasp-46mib",
    memory_kib=47104,  # 46 MiB; OWASP Password Storage Cheat Sheet, first set
    passes=1,  # OWASP Password Storage Cheat Sheet, first set
    lanes=1,  # OWASP Password Storage Cheat Sheet, first set
)

FLOOR: Final = Argon2Profile(
    "owasp-19mib",
    memory_kib=19456,  # 19 MiB; OWASP Password Storage Cheat Sheet, second set
    passes=2,  # OWASP Password Storage Cheat Sheet, second set
    lanes=1,  # OWASP Password Storage Cheat Sheet, second set
)
"""The least that can be produced: for small machines."""

FIPS: Final = Pbkdf2Profile("pbkdf2-sha256", rounds=PBKDF2_SHA256_FLOOR)
"""PBKDF2-HMAC-SHA-256: weaker against graphics cards than Argon2id, and approved by NIST."""

CHEAPEST: Final = Argon2Profile(
    "cheapest",
    memory_kib=8,  # KiB; the least that Argon2 takes
    passes=1,
    lanes=1,
    only_for_tests=True,
)
"""Only for tests: microseconds, no protection. Refused where ``SECUREACCT_ENV=production``."""

BY_NAME: Final[dict[str, Profile]] = {p.name: p for p in (DEFAULT, HIGH_MEMORY, ONE_PASS, FLOOR, FIPS)}


def refuse_in_production(profile: Profile) -> None:
    """Stop a test profile from protecting real accounts.

    :raises WeakProfile: ``profile`` is only for tests and ``SECUREACCT_ENV`` is ``production``
    """
    if profile.only_for_tests and os.environ.get("SECUREACCT_ENV", "").strip().lower() == "production":
        raise WeakProfile(f"profile {profile.name!r} is only for tests, and SECUREACCT_ENV=production")

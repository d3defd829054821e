"""Names for records: 26 characters, sortable by time, unguessable past the moment."""

from __future__ import annotations

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, which keeps the order of numbers


def new_id(*, now: float, random: bytes) -> str:
    """48 bits of milliseconds since the epoch, then 80 random bits, in 26 characters.

    :param now: seconds since the epoch.
    :param random: 10 random bytes.
    """
    number = (int(now * 1000) << 80) | int.from_bytes(random[:10], "big")
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))

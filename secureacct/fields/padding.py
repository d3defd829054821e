"""Hiding lengths: ISO/IEC 7816-4 padding up to a Padme length (PURBs, PETS 2019) or a fixed one.

Rules of this file: never compress (a compressed length tells of the content); the marker 0x80 is
always there, so padding is undone without guessing.
"""

from __future__ import annotations

import functools

from secureacct.fields.errors import InvalidValue

MARK = b"\x80"
FLOOR_BYTES = 32  # shortest padded payload: numbers, dates, flags, UUIDs and short texts look alike
LEAST_BYTES = 2  # shortest padded payload there is, so that no value is shorter than 75 bytes
TABLE_ENTRIES = 4096  # suffixes kept ready, one per payload length
TABLE_BYTES = 1 << 22  # and not more of them than this holds: a floor of 1 MiB would take 4 GiB


def padme(length: int) -> int:
    """The Padme length: at most 12 % more, and only O(log log n) bits of the length remain."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    kept = exponent.bit_length()
    mask = (1 << (exponent - kept)) - 1 if exponent > kept else 0
    return (length + mask) & ~mask


def padded_length(length: int, *, floor: int, fixed: int | None) -> int:
    """How long a payload becomes, marker included."""
    return fixed if fixed is not None else max(floor, padme(length + 1))


def suffix(length: int, *, floor: int, fixed: int | None) -> bytes:
    """What is put behind a payload of ``length`` bytes: the marker and zeros."""
    return MARK + bytes(padded_length(length, floor=floor, fixed=fixed) - length - 1)


@functools.lru_cache(maxsize=64)
def suffixes(floor: int, fixed: int | None, longest: int) -> tuple[bytes, ...]:
    """The suffixes of the payload lengths 0 up to ``longest``, by length, as far as they are kept ready."""
    most = min(longest + 1, TABLE_ENTRIES, TABLE_BYTES // padded_length(0, floor=floor, fixed=fixed))
    return tuple(suffix(length, floor=floor, fixed=fixed) for length in range(most))


def check_options(*, floor: int, fixed: int | None, max_value: int) -> int:
    """The longest payload that these options allow.

    :raises InvalidValue: they contradict each other.
    """
    if not LEAST_BYTES <= floor <= 1 << 20 or max_value < 1 or (fixed is not None and fixed < LEAST_BYTES):
        raise InvalidValue("floor is 2 to 1048576 bytes, max_value at least 1, fixed at least 2")
    return max_value if fixed is None else min(max_value, fixed - 1)

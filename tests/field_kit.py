"""What the tests of keys and fields share: keyrings with chosen keys, and a way to alter values."""

from __future__ import annotations

import dataclasses
from typing import Any

from secureacct.keys import Keyring, State
from secureacct.keys.states import ROOTS, Entry, Snapshot, fresh


def ring_with(materials: dict[int, bytes], *, primary: int | None = None, root: str = "fields") -> Keyring:
    """A keyring in memory whose ``root`` holds exactly these keys."""
    made = fresh(ring_id=bytes(16), materials={each: bytes(32) for each in ROOTS}, now=0)
    known = tuple(
        Entry(
            root,
            key_id,
            State.PRIMARY if key_id == (primary or max(materials)) else State.DECRYPT_ONLY,
            0,
            0,
            key,
        )
        for key_id, key in sorted(materials.items())
    )
    snapshot = Snapshot(ring_id=made.ring_id, revision=1, roots={**made.roots, root: known})
    return Keyring(snapshot)


def flipped(data: bytes, bit: int) -> bytes:
    """The same bytes with one bit turned."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def shows(secret: str, error: BaseException) -> bool:
    """Whether a value can be found in an error, its chain, or any local of its traceback's frames of
    the package."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        if secret in repr(current) or secret in str(vars(current)):
            return True
        waiting += [current.__cause__, current.__context__]
        trace = current.__traceback__
        while trace is not None:
            ours = "secureacct" in trace.tb_frame.f_globals.get("__name__", "")
            if ours and any(secret in _text(value) for value in trace.tb_frame.f_locals.values()):
                return True
            trace = trace.tb_next
    return False


def _text(value: Any) -> str:
    if dataclasses.is_dataclass(value):
        return ""
    return repr(value)

"""What a keyring refuses: to lose keys, to become another keyring, to destroy a key that is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from secureacct.keys import file_format, files, states
from secureacct.keys.errors import KeyringAltered, KeyringError, KeyringExists, KeyStateError
from secureacct.keys.providers import KeyProvider
from secureacct.keys.states import Entry, Snapshot, State


def refuse_to_lose(
    mine: Snapshot, real: str, *, name: str, providers: Iterable[KeyProvider | None]
) -> Snapshot:
    """What the file holds now, if ``mine`` has all of its keys.

    :param real: the file.
    :param name: how to call it in messages.
    :param providers: what may open it.
    :raises KeyringExists: it holds keys that ``mine`` lacks, or cannot be read to tell.
    """
    data, _ = files.read_private(real)
    found = _decoded(data, name, providers)
    if found is None:
        raise KeyringExists(f"{name} exists and cannot be read with what was given; move it away first")
    if found.ring_id != mine.ring_id or states.ids_missing_from(mine, held_by=found):
        raise KeyringExists(
            f"{name} exists with keys that this keyring lacks; load it, or move it away first"
        )
    return found


def refuse_to_exchange(mine: Snapshot, found: Snapshot, *, name: str) -> None:
    """Take up from a file only what came after what is in memory.

    :raises KeyringAltered: another keyring, or an older copy of this one.
    """
    if found.ring_id != mine.ring_id:
        raise KeyringAltered(f"{name} was replaced by another keyring; restart to use that one")
    if found.revision < mine.revision:
        raise KeyringAltered(f"{name} was replaced by an older copy; restart to use that one")


def refuse_while_needed(entry: Entry, remaining: Callable[[], int] | None) -> None:
    """Let a key go only when somebody counted that it protects nothing.

    :raises KeyStateError: nobody counted, or something is left.
    """
    key = f"key {entry.id} of root {entry.root!r}"
    if remaining is None:
        raise KeyStateError(f"nobody counted what {key} still protects; pass remaining= or force=True")
    left = remaining()
    if left:
        raise KeyStateError(f"{key} still protects {left} values; rotate them first")


def refuse_while_settling(entry: Entry, *, now: int, seconds: float) -> None:
    """Let a key go only when every process must have noticed that it is no longer the primary.

    :param now: seconds since the epoch.
    :param seconds: how long a process may need to notice.
    :raises KeyStateError: it may still be written with.
    """
    written_lately = entry.state in {State.DECRYPT_ONLY, State.DISABLED} and now < entry.changed + seconds
    if written_lately:
        raise KeyStateError(
            f"key {entry.id} of root {entry.root!r} was changed less than {seconds:.0f} s ago and other"
            " processes may still write with it; try again then"
        )


def _decoded(data: bytes, name: str, providers: Iterable[KeyProvider | None]) -> Snapshot | None:
    for provider in providers:
        try:
            return file_format.decode(data, provider=provider, name=name)
        except KeyringError:
            continue
    return None

"""Who is told when a keyring changes: bound methods, held weakly."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

LEAST_KEPT = 64  # dead references are looked for when there are more, and then at every doubling


class Watchers:
    """Bound methods of objects that may be gone by the time something happens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._prune_at = LEAST_KEPT

    def add(self, callback: Callable[[], None]) -> None:
        """Call this bound method from now on."""
        reference = weakref.WeakMethod(callback)
        with self._lock:
            if len(self._kept) >= self._prune_at:
                self._kept = [known for known in self._kept if known() is not None]
                self._prune_at = max(LEAST_KEPT, 2 * len(self._kept))
            self._kept.append(reference)

    def tell(self) -> None:
        """Call every one that still lives."""
        for reference in list(self._kept):
            callback = reference()
            if callback is not None:
                callback()

    def after_fork(self) -> None:
        """A child waits on no lock of its parent's."""
        self._lock = threading.Lock()

"""Password work for steps: in place for blocking faces, in threads of its own for awaiting ones.

Rules of this file
1. Both have the verbs of :class:`secureacct.ports.passwords.PasswordWork` and the same answers.
2. The awaiting one shares the admission of its hasher: a loop and threads together never run more
   hashes at once than allowed, and one queue decides who goes first.
3. A call that was given up takes no slot; one that runs is let finish, for C code cannot be stopped.
4. Worker threads ask the kernel for a lower priority, so that the loop stays quick.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from secureacct.errors import TooBusy
from secureacct.passwords.admission import Admission, Slot
from secureacct.passwords.hasher import Checked, PasswordHasher, Work

if TYPE_CHECKING:
    import asyncio

R = TypeVar("R")

NICENESS: Final = 10  # steps of nice(2); our own: measured, the loop's p99 lag falls under 2 ms


def _plan(
    hasher: PasswordHasher, password: str, encoded: str | None, account_id: str | None
) -> Work[Checked] | None:
    """A check that costs the same whether the stored hash is there, missing or unreadable."""
    planned = None if encoded is None else hasher.plan_check(password, encoded, account_id=account_id)
    return planned or hasher.plan_nothing(password)


class InlinePasswordWork:
    """Hashes in place and never suspends: for blocking faces. Threads wait in the hasher's admission."""

    kind: Literal["blocking"] = "blocking"

    def __init__(self, hasher: PasswordHasher) -> None:
        self.hasher = hasher

    async def hash(self, password: str, *, account_id: str | None = None) -> str:
        """As :meth:`PasswordHasher.hash`."""
        return self.hasher.hash(password, account_id=account_id)

    async def verify_and_update(
        self,
        password: str,
        encoded: str | None,
        *,
        account_id: str | None = None,
        known_device: bool = False,
    ) -> Checked:
        """As :meth:`PasswordHasher.verify_and_update`, and the same work if there is nothing to check."""
        work = _plan(self.hasher, password, encoded, account_id)
        return self.hasher.run(work, known_device=known_device) if work else (False, None)

    async def rebind(self, encoded: str, *, account_id: str, to: str) -> str:
        """As :meth:`PasswordHasher.rebind`: microseconds, so in place."""
        return self.hasher.rebind(encoded, account_id=account_id, to=to)

    async def run(self, rule: Callable[[], R]) -> R:
        """Run ``rule`` in place."""
        return rule()


class OffloadedPasswordWork:
    """Hashes in threads of its own and never blocks the event loop: for awaiting faces."""

    kind: Literal["awaiting"] = "awaiting"

    def __init__(self, hasher: PasswordHasher) -> None:
        self.hasher = hasher
        self._workers = _Workers()
        weakref.finalize(self, self._workers.dismiss)

    async def hash(self, password: str, *, account_id: str | None = None) -> str:
        """As :meth:`PasswordHasher.hash`, awaited."""
        return await self._offload(self.hasher.plan_hash(password, account_id=account_id), known_device=False)

    async def verify_and_update(
        self,
        password: str,
        encoded: str | None,
        *,
        account_id: str | None = None,
        known_device: bool = False,
    ) -> Checked:
        """As :meth:`PasswordHasher.verify_and_update`, awaited; the same work if nothing is stored."""
        work = _plan(self.hasher, password, encoded, account_id)
        return await self._offload(work, known_device=known_device) if work else (False, None)

    async def rebind(self, encoded: str, *, account_id: str, to: str) -> str:
        """As :meth:`PasswordHasher.rebind`: microseconds, so in place."""
        return self.hasher.rebind(encoded, account_id=account_id, to=to)

    async def run(self, rule: Callable[[], R]) -> R:
        """Run ``rule`` in a thread: it may wait for a file or the network."""
        import asyncio

        return await asyncio.to_thread(rule)

    async def _offload(self, work: Work[R], *, known_device: bool) -> R:
        import asyncio

        admission = self.hasher.admission
        loop = asyncio.get_running_loop()
        self._workers.ready(admission.at_once)
        future: asyncio.Future[R] = loop.create_future()
        job = _Job(work, admission, loop, future, self._workers)
        slot = admission.enter(job, known_device=known_device)
        if slot is not None:
            job.grant(slot)
            return await future
        timer = loop.call_later(admission.patience, job.give_up)
        try:
            return await future
        finally:
            timer.cancel()
            admission.withdraw(job)


class _Job(Generic[R]):
    """One hash on its way: a ticket in the queue first, then a call in a worker."""

    __slots__ = ("_admission", "_loop", "_work", "_workers", "future")

    def __init__(
        self,
        work: Work[R],
        admission: Admission,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[R],
        workers: _Workers,
    ) -> None:
        self._work = work
        self._admission = admission
        self._loop = loop
        self.future = future
        self._workers = workers

    def grant(self, slot: Slot) -> None:
        self._workers.submit(lambda: self._run(slot))

    def refuse(self, error: TooBusy) -> None:
        self._tell(self.future.set_exception, error)

    def give_up(self) -> None:
        """The wait was too long; on the loop's thread."""
        if self._admission.withdraw(self) and not self.future.done():
            self.future.set_exception(self._admission.busy())

    def _run(self, slot: Slot) -> None:
        setter: Callable[[Any], None] = self.future.set_result
        outcome: object = None
        try:
            if not self.future.cancelled():
                outcome = self._work(slot)
        except BaseException as error:  # noqa: BLE001 - carried to who awaits
            setter, outcome = self.future.set_exception, error
        finally:
            self._admission.release(slot)
        self._tell(setter, outcome)

    def _tell(self, setter: Callable[[Any], None], value: object) -> None:
        def set_unless_done() -> None:
            if not self.future.done():
                setter(value)

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(set_unless_done)


class _Workers:
    """Threads that run jobs which already hold a slot, so as many threads as slots are enough.

    Daemons: at exit the admission waits for what runs and sends the rest away. A forked child starts
    its own, since threads do not live on there.
    """

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._started = 0

    def ready(self, most: int) -> None:
        """See to it that a job handed in now finds a thread; one more is started until there are ``most``.

        :raises TooBusy: the machine gives no thread, and there is none yet
        """
        if self._pid != os.getpid():
            self._renew()
        with self._lock:
            if self._started >= most:
                return
            try:
                threading.Thread(
                    target=_serve, args=(self._jobs,), name="secureacct-hashing", daemon=True
                ).start()
            except RuntimeError:
                if self._started == 0:
                    raise TooBusy("no thread can be started for password hashing") from None
            else:
                self._started += 1

    def submit(self, job: Callable[[], None]) -> None:
        """Hand ``job`` to a worker; it must not raise."""
        self._jobs.put(job)

    def dismiss(self) -> None:
        """Let the threads end."""
        for _ in range(self._started):
            self._jobs.put(None)


def _serve(jobs: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    if sys.platform == "linux":  # elsewhere niceness belongs to the process, not to a thread
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            own = os.getpriority(os.PRIO_PROCESS, thread)  # of a service that is nice already, more than 0
            os.setpriority(os.PRIO_PROCESS, thread, own + NICENESS)
    while (job := jobs.get()) is not None:
        job()
        del job  # it holds a password until the next one comes

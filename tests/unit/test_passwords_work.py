"""Password work for steps: two kinds, the same answers, and a loop that never waits."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from secureacct._faces import run_inline
from secureacct.errors import TooBusy
from secureacct.passwords import (
    Admission,
    InlinePasswordWork,
    OffloadedPasswordWork,
    PasswordEmpty,
    PasswordHasher,
    arenas,
    native,
    profiles,
)
from secureacct.ports.passwords import PasswordWork

PASSWORD = "correct horse battery staple"


def offloaded(**numbers: Any) -> OffloadedPasswordWork:
    """Cheap hashing in threads, with an admission of its own."""
    return OffloadedPasswordWork(PasswordHasher(profiles.CHEAPEST, admission=Admission(**numbers)))


async def story(work: PasswordWork) -> list[object]:
    """One set of calls whose answers must not depend on the kind."""
    encoded = await work.hash(PASSWORD)
    told: list[object] = [
        await work.verify_and_update(PASSWORD, encoded),
        await work.verify_and_update("wrong", encoded, known_device=True),
        await work.verify_and_update(PASSWORD, None),
        await work.verify_and_update(PASSWORD, "damaged"),
        await work.verify_and_update("", encoded),
        await work.run(lambda: 42),
    ]
    try:
        await work.hash("")
    except PasswordEmpty as error:
        told.append(error.code)
    return told


def test_both_kinds_give_the_same_answers() -> None:
    """Inline never suspends, offloaded may; what they say is equal."""
    inline = run_inline(story(InlinePasswordWork(PasswordHasher(profiles.CHEAPEST))))
    assert inline == asyncio.run(story(offloaded()))
    assert inline == [
        (True, None), (False, None), (False, None), (False, None), (False, None), 42, "password_empty",
    ]  # fmt: skip


@pytest.mark.parametrize("stored", [None, "damaged", "$argon2id$v=19$m=4000000,t=9,p=1$c2FsdHNhbHQ$aGFzaA"])
def test_missing_and_damaged_hashes_cost_what_a_check_costs(
    stored: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that is unknown, has no password or a damaged one is not told apart by work."""
    spent: list[bytes] = []
    real = arenas.derive

    def counted(password: bytes, salt: bytes, **shape: Any) -> bytes:
        spent.append(password)
        return real(password, salt, **shape)

    monkeypatch.setattr(arenas, "derive", counted)
    work = InlinePasswordWork(PasswordHasher(profiles.CHEAPEST))
    assert run_inline(work.verify_and_update(PASSWORD, stored)) == (False, None)
    assert spent == [PASSWORD.encode()]


def held(work: OffloadedPasswordWork, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Make every hash of ``work`` wait until the returned event is set."""
    go = threading.Event()
    real = native.tag

    def slow(*args: object) -> bytes:
        go.wait(30)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(native, "tag", slow)
    return go


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until ``condition`` holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in threads
            await asyncio.sleep(0.001)


def run_with(
    body: Callable[[OffloadedPasswordWork, threading.Event], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
    **numbers: int,
) -> OffloadedPasswordWork:
    """Run ``body`` on a loop with hashing held back; afterwards nothing runs and nobody waits."""
    work = offloaded(**numbers)
    go = held(work, monkeypatch)

    async def main() -> None:
        try:
            await body(work, go)
        finally:
            go.set()
            await until(lambda: work.hasher.admission.in_flight == 0)

    asyncio.run(main())
    assert work.hasher.admission.in_queue == 0
    return work


def test_the_loop_turns_while_hashes_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every slot busy the loop still serves others, and no more run than there are slots."""

    async def body(work: OffloadedPasswordWork, go: threading.Event) -> None:
        tasks = [asyncio.create_task(work.hash(PASSWORD)) for _ in range(10)]
        await until(lambda: work.hasher.admission.in_queue == 8)
        assert work.hasher.admission.in_flight == 2
        for _ in range(100):
            await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
        go.set()
        assert len(set(await asyncio.gather(*tasks))) == 10

    run_with(body, monkeypatch, at_once=2, waiting=8)


def test_past_the_queue_is_too_busy_for_awaiting_callers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is typed and comes at once."""

    async def body(work: OffloadedPasswordWork, go: threading.Event) -> None:
        tasks = [asyncio.create_task(work.hash(PASSWORD)) for _ in range(2)]
        await until(lambda: work.hasher.admission.in_queue == 1)
        with pytest.raises(TooBusy):
            await work.hash(PASSWORD)
        go.set()
        await asyncio.gather(*tasks)

    run_with(body, monkeypatch, at_once=1, waiting=1)


def test_awaiting_callers_do_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ``patience`` seconds in the queue: TooBusy."""
    work = OffloadedPasswordWork(
        PasswordHasher(profiles.CHEAPEST, admission=Admission(at_once=1, waiting=5, patience=0.02))
    )
    go = held(work, monkeypatch)

    async def main() -> None:
        first = asyncio.create_task(work.hash(PASSWORD))
        await until(lambda: work.hasher.admission.in_flight == 1)
        with pytest.raises(TooBusy):
            await work.hash(PASSWORD)
        go.set()
        await first

    asyncio.run(main())
    assert work.hasher.admission.in_queue == 0


def test_a_cancelled_caller_leaves_the_queue_and_no_slot_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled while waiting or while hashing: every slot comes back, the next caller is served."""

    async def body(work: OffloadedPasswordWork, go: threading.Event) -> None:
        running, waiting = (asyncio.create_task(work.hash(PASSWORD)) for _ in range(2))
        await until(lambda: work.hasher.admission.in_queue == 1)
        for task in (waiting, running):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert work.hasher.admission.in_queue == 0
        go.set()
        assert await work.hash(PASSWORD)

    run_with(body, monkeypatch, at_once=1, waiting=5)


def test_an_error_of_the_work_reaches_who_awaits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised in a worker is raised at the ``await``, and the slot comes back."""
    work = offloaded(at_once=1)

    def fails(*_: object) -> bytes:
        raise TooBusy("no memory")

    monkeypatch.setattr(native, "tag", fails)

    async def main() -> None:
        with pytest.raises(TooBusy, match="no memory"):
            await work.hash(PASSWORD)

    asyncio.run(main())
    assert work.hasher.admission.in_flight == 0


def test_threads_and_loops_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blocking caller beside a loop takes a slot of the same admission."""

    async def body(work: OffloadedPasswordWork, go: threading.Event) -> None:
        thread = threading.Thread(target=work.hasher.hash, args=(PASSWORD,))
        thread.start()
        await until(lambda: work.hasher.admission.in_flight == 1)
        task = asyncio.create_task(work.hash(PASSWORD))
        await until(lambda: work.hasher.admission.in_queue == 1)
        go.set()
        await task
        thread.join()

    run_with(body, monkeypatch, at_once=1, waiting=5)


def test_a_loop_that_ended_does_not_disturb_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash that ends after its loop was closed is thrown away in silence, and its slot comes back."""
    work = offloaded(at_once=1)
    go = held(work, monkeypatch)

    async def main() -> None:
        task = asyncio.create_task(work.hash(PASSWORD))
        await until(lambda: work.hasher.admission.in_flight == 1)
        task.cancel()

    asyncio.run(main())
    go.set()
    assert work.hasher.admission.close(seconds=10)


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a niceness of its own only on Linux")
def test_workers_ask_for_less_than_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing threads run at a lower priority; the loop's own thread keeps its own."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    work = offloaded(at_once=1)
    seen: list[int] = []
    real = native.tag

    def looked(*args: object) -> bytes:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(native, "tag", looked)
    asyncio.run(work.hash(PASSWORD))
    assert seen == [min(before + 10, 19)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_threads_end_with_their_work_object() -> None:
    """A work object that nobody holds any more leaves no thread behind."""
    others = threading.enumerate()
    work = offloaded(at_once=2)
    asyncio.run(work.hash(PASSWORD))
    mine = [thread for thread in threading.enumerate() if thread not in others]
    assert {thread.name for thread in mine} == {"secureacct-hashing"}
    del work
    gc.collect()
    for thread in mine:
        thread.join(30)
    assert not any(thread.is_alive() for thread in mine)


def test_a_caller_who_left_just_before_its_turn_costs_no_hash() -> None:
    """Granted and cancelled at the same moment: nothing is computed, and the slot comes back."""
    from secureacct.passwords.work import _Job, _Workers

    admission = Admission(at_once=1)
    computed: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        future.cancel()
        job = _Job(lambda _slot: computed.append("a hash"), admission, loop, future, _Workers())
        job._run(admission.acquire())
        await asyncio.sleep(0)

    asyncio.run(main())
    assert computed == []
    assert admission.in_flight == 0

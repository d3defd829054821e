"""Who hashes, who waits, who is sent away; and the memory that goes with a slot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from secureacct.errors import ConfigurationError, TooBusy
from secureacct.passwords import Admission, PasswordHasher, arenas, profiles
from secureacct.passwords.admission import Slot

ARGON2 = json.loads((Path(__file__).parent.parent / "vectors" / "argon2.json").read_text("utf-8"))


class Queued:
    """A ticket that remembers what it was told."""

    def __init__(self) -> None:
        self.slot: Any = None
        self.error: Any = None

    def grant(self, slot: Slot) -> None:
        """See ``Ticket``."""
        self.slot = slot

    def refuse(self, error: TooBusy) -> None:
        """See ``Ticket``."""
        self.error = error


def test_no_more_slots_than_allowed_are_out() -> None:
    """The third caller of two slots waits, and gets the first one that comes back."""
    admission = Admission(at_once=2, waiting=1)
    first, second, third = Queued(), Queued(), Queued()
    one, two = admission.enter(first), admission.enter(second)
    assert one is not None
    assert two is not None
    assert admission.enter(third) is None
    assert admission.in_flight == 2
    admission.release(one)
    assert third.slot is one
    assert admission.in_flight == 2


def test_past_the_queue_callers_are_told_when_to_come_back() -> None:
    """A full queue is TooBusy with a whole number of seconds, at least one."""
    admission = Admission(at_once=1, waiting=1)
    admission.acquire()
    admission.enter(Queued())
    with pytest.raises(TooBusy) as caught:
        admission.acquire()
    assert 1 <= caught.value.retry_after <= 60


def test_retry_after_grows_with_what_hashes_take() -> None:
    """The time that is named comes from the hashes that ran."""
    now = [0.0]
    admission = Admission(at_once=1, waiting=0, clock=lambda: now[0])
    for _ in range(40):
        slot = admission.acquire()
        now[0] += 8.0
        admission.release(slot)
    admission.acquire()
    with pytest.raises(TooBusy) as caught:
        admission.acquire()
    assert caught.value.retry_after in (7, 8)


def test_a_known_device_goes_before_strangers() -> None:
    """Order: known devices as they came, then strangers as they came."""
    admission = Admission(at_once=1, waiting=9)
    slot = admission.acquire()
    tickets = {name: Queued() for name in ("s1", "s2", "k1", "k2")}
    for name, ticket in tickets.items():
        assert admission.enter(ticket, known_device=name.startswith("k")) is None
    order = []
    for _ in tickets:
        admission.release(slot)
        name = next(n for n, t in tickets.items() if t.slot is not None and n not in order)
        order.append(name)
    assert order == ["k1", "k2", "s1", "s2"]


def test_in_a_full_queue_a_known_device_takes_the_place_of_the_last_stranger() -> None:
    """The stranger who came last is sent away, the others keep their places."""
    admission = Admission(at_once=1, waiting=2)
    admission.acquire()
    early, late, known, more = Queued(), Queued(), Queued(), Queued()
    admission.enter(early)
    admission.enter(late)
    assert admission.enter(known, known_device=True) is None
    assert late.error is not None
    assert not early.error
    assert admission.enter(more, known_device=True) is None
    assert early.error is not None
    with pytest.raises(TooBusy):
        admission.enter(Queued(), known_device=True)


def test_nobody_waits_longer_than_patience() -> None:
    """A thread that waits in vain gets TooBusy and leaves no ticket behind."""
    admission = Admission(at_once=1, waiting=5, patience=0.01)
    admission.acquire()
    with pytest.raises(TooBusy):
        admission.acquire()
    assert admission.in_queue == 0


def test_a_caller_who_left_takes_no_slot() -> None:
    """Withdrawing works once; a slot that comes back goes to the next."""
    admission = Admission(at_once=1, waiting=5)
    slot = admission.acquire()
    gone, stays = Queued(), Queued()
    admission.enter(gone)
    admission.enter(stays)
    assert admission.withdraw(gone)
    assert not admission.withdraw(gone)
    admission.release(slot)
    assert gone.slot is None
    assert stays.slot is slot


def test_numbers_that_cannot_be_meant_are_refused() -> None:
    """No slot, a negative queue or no patience is a set-up error."""
    for wrong in ({"at_once": 0}, {"waiting": -1}, {"patience": 0.0}):
        with pytest.raises(ConfigurationError):
            Admission(**wrong)


def test_a_lone_hash_may_use_idle_cores_and_a_crowd_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads for one hash are the cores that no other hash uses; queued work gets one."""
    admission = Admission(at_once=2, waiting=1)
    monkeypatch.setattr(admission, "cores", 4)
    first, second, third = Queued(), Queued(), Queued()
    one, two = admission.enter(first), admission.enter(second)
    assert one is not None
    assert two is not None
    assert (one.threads, two.threads) == (4, 2)
    admission.enter(third)
    admission.release(one)
    assert one.threads == 1


def test_memory_is_capped_by_construction_under_a_storm() -> None:
    """32 threads hash at once; no more than two arenas exist, and every answer is right."""
    admission = Admission(at_once=2, waiting=64)
    hasher = PasswordHasher(profiles.FLOOR, admission=admission)
    encoded = hasher.hash("right")
    results: list[bool] = []

    def check(password: str) -> None:
        results.append(hasher.verify(password, encoded) is (password == "right"))

    threads = [
        threading.Thread(target=check, args=("right" if at % 2 else f"wrong{at}",)) for at in range(32)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 32
    slots = [admission.acquire(), admission.acquire()]
    sizes = [slot.scratch.arena.size for slot in slots if slot.scratch.arena]
    assert sum(sizes) <= 2 * 19456 * 1024


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "vector", ARGON2["vectors"], ids=lambda v: f"{v['kind']}-{v['version']}-{v['memory_kib']}"
)
def test_tags_equal_those_of_the_plain_function(
    vector: dict[str, int | str], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In our memory and with any number of threads a tag is what argon2-cffi computes."""
    monkeypatch.setattr(arenas, "SMALLEST", 0)
    tag = arenas.derive(
        ARGON2["password"].encode(),
        bytes.fromhex(ARGON2["salt"]),
        kind=str(vector["kind"]),
        version=int(vector["version"]),
        memory_kib=int(vector["memory_kib"]),
        passes=int(vector["passes"]),
        lanes=int(vector["lanes"]),
        tag_bytes=32,
        scratch=arenas.Scratch(),
        threads=threads,
    )
    assert tag.hex() == vector["tag"]


def _derive(scratch: arenas.Scratch, password: bytes = b"password") -> bytes:
    return arenas.derive(
        password, b"saltsaltsaltsalt", kind="id", version=19, memory_kib=4096, passes=2, lanes=2,
        tag_bytes=32, scratch=scratch,
    )  # fmt: skip


def test_the_core_wipes_an_arena_after_use() -> None:
    """When a hash has ended its memory is zero; while it was computed it was not."""
    assert arenas.door_is_open()
    scratch = arenas.Scratch()
    _derive(scratch)
    assert scratch.arena is not None
    assert scratch.arena.is_wiped(sample=64)
    memoryview(scratch.arena._area)[4096 * 64 : 4096 * 64 + 1] = b"x"
    assert not scratch.arena.is_wiped(sample=64)


def test_an_arena_shared_without_a_lock_gives_wrong_tags() -> None:
    """Why a slot owns its arena: two hashes in one memory spoil each other, silently."""
    arena = arenas.Arena(8192 * 1024)
    wanted = arenas._plain(b"password", b"saltsaltsaltsalt", "id", 19, 8192, 3, 1, 32)
    spoilt = threading.Event()

    def hash_in_it() -> None:
        for _ in range(20):
            tag = arenas._in_arena(b"password", b"saltsaltsaltsalt", "id", 19, 8192, 3, 1, 32, arena, 1)
            if tag != wanted:
                spoilt.set()
            if spoilt.is_set():
                return

    threads = [threading.Thread(target=hash_in_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spoilt.is_set()


def test_without_the_low_level_door_the_plain_function_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where callbacks are forbidden or the core changed, hashing still works."""
    wanted = _derive(arenas.Scratch())

    def shut(*_: object) -> int:
        raise MemoryError("no executable memory for callbacks")

    monkeypatch.setattr("argon2.low_level.core", shut)
    monkeypatch.setattr(arenas, "_door", None)
    assert not arenas.door_is_open()
    scratch = arenas.Scratch()
    assert _derive(scratch) == wanted
    assert scratch.arena is None


def test_a_core_that_gives_other_tags_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The door is tried against the plain function; a difference shuts it."""
    monkeypatch.setattr("argon2.low_level.core", lambda _context, _kind: 0)
    monkeypatch.setattr(arenas, "_door", None)
    assert not arenas.door_is_open()


def test_no_memory_is_too_busy_and_not_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without memory answers "later", and the slot comes back without its arena."""

    def none_left(_size: int) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(arenas, "_anonymous", none_left)
    admission = Admission(at_once=1)
    hasher = PasswordHasher(profiles.FLOOR, admission=admission)
    with pytest.raises(TooBusy):
        hasher.hash("a password")
    assert admission.in_flight == 0


def kept_by(scratch: arenas.Scratch) -> arenas.Arena | None:
    """The arena that is kept now."""
    return scratch.arena


def test_an_exception_in_a_callback_is_contained(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """If our own allocation refuses, the core reports no memory, and the next hash works."""
    scratch = arenas.Scratch()
    wanted = _derive(scratch)
    assert scratch.arena is not None
    small = arenas.Arena(1024)
    monkeypatch.setattr(small, "size", 1 << 40)  # it claims to be large enough, and its callback refuses
    scratch.arena = small
    with pytest.raises(TooBusy):
        _derive(scratch)
    assert kept_by(scratch) is None
    assert _derive(scratch) == wanted
    assert capfd.readouterr().err == ""


def test_a_slot_gives_back_what_only_a_costly_old_hash_needed() -> None:
    """After a hash above the kept size the arena goes; a smaller one stays."""
    scratch = arenas.Scratch()
    scratch.of(8 * 1024 * 1024)
    scratch.trim(4 * 1024 * 1024)
    assert scratch.arena is None
    kept = scratch.of(4 * 1024 * 1024)
    scratch.trim(4 * 1024 * 1024)
    assert scratch.of(1024) is kept


FORKING = """
import os, sys, threading, time
from secureacct.passwords import Admission, PasswordHasher, profiles
admission = Admission(at_once=2, waiting=64)
hasher = PasswordHasher(profiles.FLOOR, admission=admission)
encoded = hasher.hash("right")
stop = threading.Event()
def busy():
    while not stop.is_set():
        hasher.verify("right", encoded)
threads = [threading.Thread(target=busy) for _ in range(4)]
[t.start() for t in threads]
while admission.in_flight < 2 or not admission.in_queue:
    time.sleep(0.001)
pid = os.fork()
if pid == 0:
    ok = admission.in_flight == 0 and admission.in_queue == 0
    ok = ok and hasher.verify("right", encoded) and not hasher.verify("wrong", encoded)
    os._exit(0 if ok else 1)
_, status = os.waitpid(pid, 0)
stop.set()
[t.join() for t in threads]
sys.exit(os.waitstatus_to_exitcode(status) or (0 if hasher.verify("right", encoded) else 2))
"""

LEAVING = """
import threading, time
from secureacct.errors import TooBusy
from secureacct.passwords import Admission, PasswordHasher, profiles
admission = Admission(at_once=1, waiting=64)
hasher = PasswordHasher(profiles.DEFAULT, admission=admission)
encoded = hasher.hash("right")
def busy():
    try:
        while True:
            hasher.verify("right", encoded)
    except TooBusy:
        pass
for _ in range(6):
    threading.Thread(target=busy, daemon=True).start()
while not admission.in_queue:
    time.sleep(0.001)
print("leaving", flush=True)
"""

LEAVING_A_LOOP = """
import asyncio
from secureacct.passwords import Admission, OffloadedPasswordWork, PasswordHasher, profiles
hasher = PasswordHasher(profiles.DEFAULT, admission=Admission(at_once=2, waiting=64))
work = OffloadedPasswordWork(hasher)
async def main():
    tasks = [asyncio.create_task(work.hash("a password")) for _ in range(20)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
asyncio.run(main())
print("leaving", flush=True)
"""


def _run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", program],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_child_forked_with_hashes_in_flight_starts_afresh() -> None:
    """Under gunicorn --preload: slots are free, nobody waits, nothing is shared, the parent goes on."""
    ended = _run(FORKING)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("program", [LEAVING, LEAVING_A_LOOP], ids=["threads", "loop"])
def test_the_interpreter_ends_quietly_with_callers_waiting(program: str) -> None:
    """At exit what runs is let finish and the waiting are sent away: no crash, no hang, no noise."""
    ended = _run(program)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "leaving\n", "")


def test_the_faster_way_is_used_and_the_other_tried_again() -> None:
    """Both ways are timed once; then the faster one, and every sixteenth hash the other."""
    pace = arenas.Pace()
    assert pace.choose(2) == 2
    pace.took(2, 0.05)
    assert pace.choose(2) == 1
    pace.took(1, 0.1)
    chosen = [pace.choose(2) for _ in range(arenas.LOOK_AGAIN * 2)]
    assert chosen.count(1) == 2
    for _ in range(20):
        pace.took(2, 0.2)
    chosen = [pace.choose(2) for _ in range(arenas.LOOK_AGAIN * 2)]
    assert chosen.count(2) == 2


def test_shapes_of_hashes_are_remembered_within_bounds() -> None:
    """A table full of odd parameters does not grow our memory."""
    for memory in range(100):
        arenas._pace_of(memory, 1, 2)
    assert len(arenas._paces) <= 16

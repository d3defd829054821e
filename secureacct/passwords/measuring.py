"""What hashing costs on this machine: parameters for a time and a memory, and a storm of sign-ins.

Rules of this file: every measurement is handed its stopwatch and its work, so that the choice of
parameters is a pure function of the times; a choice is never below the floor.
"""

from __future__ import annotations

import gc
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from secureacct.errors import TooBusy
from secureacct.passwords import native
from secureacct.passwords.admission import Admission, Slot
from secureacct.passwords.hasher import PasswordHasher
from secureacct.passwords.profiles import ONE_PASS, PROFILE_MEMORY_FLOOR, Argon2Profile
from secureacct.passwords.work import OffloadedPasswordWork

Timer = Callable[[Argon2Profile], float]

RUNS: Final = 3  # hashes for each candidate; the fastest counts, for the others were disturbed
LONGEST: Final = 1.0  # seconds; OWASP Password Storage Cheat Sheet: a hash takes less than a second


def seconds_of(profile: Argon2Profile) -> float:
    """Seconds of one hash alone on one core, in memory that was used before."""
    slot = Slot()
    native.tag(profile, b"calibration", bytes(16), slot)
    best = math.inf
    for _ in range(RUNS):
        start = time.perf_counter()
        native.tag(profile, b"calibration", bytes(16), slot)
        best = min(best, time.perf_counter() - start)
    return best


def calibrate(
    *,
    target: float,
    memory_kib: int,
    lanes: int,
    timer: Timer = seconds_of,
    tell: Callable[[Argon2Profile, float], None] | None = None,
) -> tuple[Argon2Profile, float]:
    """The strongest parameters within a time and a memory, and the seconds that one hash takes.

    Memory counts before passes, since memory is what an attacker cannot buy cheaply: it is halved only
    where two passes over it take longer than ``target``.

    :param target: seconds for one hash on one core, at most 1
    :param memory_kib: memory for one hash, in KiB
    :param tell: called with every candidate and its time
    """
    target = min(target, LONGEST)
    memory_kib = max(memory_kib, PROFILE_MEMORY_FLOOR)
    while True:
        two = Argon2Profile("calibrated", memory_kib=memory_kib, passes=2, lanes=lanes)
        took = timer(two)
        if tell:
            tell(two, took)
        if took <= target or memory_kib == PROFILE_MEMORY_FLOOR:
            break
        memory_kib = max(memory_kib // 2 // 1024 * 1024, PROFILE_MEMORY_FLOOR)
    passes = max(2, min(32, math.floor(2 * target / took)))
    chosen = Argon2Profile("calibrated", memory_kib=memory_kib, passes=passes, lanes=lanes)
    took = timer(chosen) if passes != 2 else took
    while took > target and chosen.passes > 2:
        chosen = Argon2Profile("calibrated", memory_kib=memory_kib, passes=chosen.passes - 1, lanes=lanes)
        took = timer(chosen)
    if tell and chosen.passes != 2:
        tell(chosen, took)
    return chosen, took


@dataclass(frozen=True, slots=True)
class Storm:
    """What many sign-ins at the same moment did.

    :param seconds: until the last was answered
    :param per_second: checks that were carried out, for each second
    :param refused: callers that got ``TooBusy``
    :param lag_p99: seconds that the event loop was late, 99th percentile
    :param first, last: seconds until the first and the last check was answered
    """

    seconds: float
    per_second: float
    refused: int
    lag_p99: float
    first: float
    last: float


def storm(profile: Argon2Profile = ONE_PASS, *, sign_ins: int, admission: Admission | None = None) -> Storm:
    """Send ``sign_ins`` checks to one event loop at once and look at the loop meanwhile."""
    import asyncio

    admission = admission or Admission(waiting=sign_ins)
    hasher = PasswordHasher(profile, admission=admission)
    work = OffloadedPasswordWork(hasher)
    encoded = hasher.hash("a password for measuring")
    late: list[float] = []
    done: list[float] = []
    refused = 0

    async def watch(tick: float = 0.001) -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(tick)
            late.append(time.perf_counter() - start - tick)

    async def sign_in(begin: float) -> None:
        nonlocal refused
        try:
            await work.verify_and_update("a password for measuring", encoded)
        except TooBusy:
            refused += 1
        else:
            done.append(time.perf_counter() - begin)

    async def run() -> float:
        watcher = asyncio.create_task(watch())
        await asyncio.sleep(0.05)
        late.clear()
        begin = time.perf_counter()
        await asyncio.gather(*(sign_in(begin) for _ in range(sign_ins)))
        took = time.perf_counter() - begin
        watcher.cancel()
        return took

    gc.collect()
    took = asyncio.run(run())
    p99 = statistics.quantiles(late, n=100)[98] if len(late) > 1 else 0.0
    return Storm(
        seconds=took,
        per_second=len(done) / took,
        refused=refused,
        lag_p99=max(0.0, p99),
        first=min(done, default=0.0),
        last=max(done, default=0.0),
    )


def peak_memory() -> int | None:
    """The most memory that this process ever had, in bytes; None where the platform does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

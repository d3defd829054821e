"""What hashing costs: time against argon2-cffi alone, memory and loop lag under a storm, the lists.

    python tests/benchmarks/passwords.py [--pairs 15] [--only verify,loaded,tiny,memory,loop,unknown,...]

Ratios are medians of one run with both sides in turns. Memory and import are measured in processes of
their own. The last column is the limit that a release must keep.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import argon2
from argon2 import low_level

from secureacct._faces import run_inline
from secureacct.password_rules import PasswordRules
from secureacct.passwords import (
    Admission,
    Argon2Profile,
    InlinePasswordWork,
    OffloadedPasswordWork,
    PasswordHasher,
    profiles,
)
from secureacct.passwords.blocklist import FOLDED_SHA256, Blocklist, common, write

PASSWORD = "correct horse battery staple"
SHAPES = (
    ("64 MiB t=3 p=4", profiles.DEFAULT, 0.85),
    ("64 MiB t=3 p=1", Argon2Profile("p1", memory_kib=65536, passes=3, lanes=1), 0.82),
    ("46 MiB t=1 p=1", profiles.ONE_PASS, None),
    ("19 MiB t=2 p=1", profiles.FLOOR, None),
)
failed: list[str] = []


def row(name: str, value: str, limit: str = "", *, ok: bool = True) -> None:
    """One line of the table."""
    print(f"| {name:<58} | {value:<34} | {limit:<16} | {'' if ok else 'MISSED'}")
    if not ok:
        failed.append(name)


def in_turns(
    pairs: int, *sides: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Median seconds of each side, measured in turns, in random order inside each turn."""
    times: list[list[float]] = [[] for _ in sides]
    for side in sides:
        side()
    order = list(range(len(sides)))
    for _ in range(pairs):
        random.shuffle(order)
        for at in order:
            start = clock()
            sides[at]()
            times[at].append(clock() - start)
    return [statistics.median(each) for each in times]


def verify(pairs: int) -> None:
    """A whole check by us against the bare C call of argon2-cffi, at the same parameters."""
    for name, profile, limit in SHAPES:
        hasher = PasswordHasher(profile)
        one_thread = PasswordHasher(profile, admission=crowded())
        encoded = hasher.hash(PASSWORD)
        raw_form = encoded.encode()

        def raw(form: bytes = raw_form) -> object:
            return low_level.verify_secret(form, PASSWORD.encode(), low_level.Type.ID)

        def ours(hasher: PasswordHasher = hasher, encoded: str = encoded) -> object:
            return hasher.verify(PASSWORD, encoded)

        def busy(hasher: PasswordHasher = one_thread, encoded: str = encoded) -> object:
            return hasher.verify(PASSWORD, encoded)

        base, mine, single = in_turns(pairs, raw, ours, busy)
        ratio = mine / base
        row(
            f"verify, {name}: machine idle",
            f"{mine * 1e3:.1f} ms / raw {base * 1e3:.1f} ms = {ratio:.2f}",
            f"<= {limit}" if limit else "",
            ok=limit is None or ratio <= limit,
        )
        row(f"verify, {name}: one thread", f"{single * 1e3:.1f} ms = {single / base:.2f}")


def crowded() -> Admission:
    """An admission that never gives a hash more than one thread, as in a queue."""
    admission = Admission()
    admission.cores = 1
    return admission


def loaded(pairs: int) -> None:
    """Throughput with every core asked for: as many threads as cores, both sides in turns."""
    import threading

    cores = Admission().cores
    hasher = PasswordHasher(profiles.DEFAULT, admission=Admission())
    encoded = hasher.hash(PASSWORD)
    raw_form = encoded.encode()

    def many(call: Callable[[], object]) -> None:
        threads = [threading.Thread(target=call) for _ in range(cores * 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    sides = (
        lambda: many(lambda: low_level.verify_secret(raw_form, PASSWORD.encode(), low_level.Type.ID)),
        lambda: many(lambda: hasher.verify(PASSWORD, encoded)),
    )
    wall = in_turns(max(5, pairs // 2), *sides)
    cpu = in_turns(max(5, pairs // 2), *sides, clock=time.process_time)
    row(
        f"verify, 64 MiB t=3 p=4, {cores * 2} at once: processor time",
        f"{cpu[1] * 1e3:.0f} ms / raw {cpu[0] * 1e3:.0f} ms = {cpu[1] / cpu[0]:.2f}",
        "<= 0.85",
        ok=cpu[1] / cpu[0] <= 0.85,
    )
    row(f"... wall time, {cores} cores", f"{wall[1] * 1e3:.0f} ms / raw {wall[0] * 1e3:.0f} ms")


def tiny(_pairs: int) -> None:
    """Our own overhead, where the hash itself costs microseconds."""
    hasher = PasswordHasher(profiles.CHEAPEST)
    encoded = hasher.hash(PASSWORD)
    raw_form = encoded.encode()
    plain = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

    def times(call: Callable[[], object]) -> Callable[[], object]:
        def many() -> None:
            for _ in range(500):
                call()

        return many

    base, mine, library = in_turns(
        21,
        times(lambda: low_level.verify_secret(raw_form, PASSWORD.encode(), low_level.Type.ID)),
        times(lambda: hasher.verify(PASSWORD, encoded)),
        times(lambda: plain.verify(encoded, PASSWORD)),
        clock=time.thread_time,
    )
    over, theirs = ((each - base) / 500 * 1e6 for each in (mine, library))
    row(
        "our own overhead at tiny cost",
        f"{over:.1f} us (argon2.PasswordHasher {theirs:.1f})",
        "<= 10 us",
        ok=over <= 10,
    )


MEMORY = """
import resource, sys, threading
def peak():
    try:  # a child's getrusage starts with what its parent had; the kernel's own mark does not
        with open("/proc/self/status") as status:
            return int(next(line for line in status if line.startswith("VmHWM")).split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from secureacct.passwords import Admission, PasswordHasher, profiles
import argon2
capped = sys.argv[1] == "capped"
mine = PasswordHasher(profiles.DEFAULT, admission=Admission(at_once=2, waiting=64, patience=300))
other = argon2.PasswordHasher()
encoded = other.hash("right") if not capped else mine.hash("right")
check = (lambda: mine.verify("right", encoded)) if capped else (lambda: other.verify(encoded, "right"))
threads = [threading.Thread(target=check) for _ in range(32)]
[t.start() for t in threads]; [t.join() for t in threads]
print(peak())
"""
BASE = """
import resource, threading
def peak():
    try:  # a child's getrusage starts with what its parent had; the kernel's own mark does not
        with open("/proc/self/status") as status:
            return int(next(line for line in status if line.startswith("VmHWM")).split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from secureacct.passwords import PasswordHasher, profiles
import argon2
PasswordHasher(profiles.CHEAPEST).verify("x", PasswordHasher(profiles.CHEAPEST).hash("x"))
threads = [threading.Thread(target=lambda: None) for _ in range(32)]
[t.start() for t in threads]; [t.join() for t in threads]
print(peak())
"""


def child(program: str, *arguments: str) -> int:
    """The number that a fresh process prints."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", program, *arguments]
    return int(subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout)


def memory(_pairs: int) -> None:
    """Peak memory of a process with 32 checks in flight, two at once, against uncapped."""
    base = child(BASE) / 1024
    capped, uncapped = (child(MEMORY, how) / 1024 for how in ("capped", "uncapped"))
    most = (base + 2 * 64) * 1.1
    row(
        "peak memory, 32 sign-ins in flight",
        f"{capped:.0f} MiB (uncapped {uncapped:.0f}, idle {base:.0f})",
        f"<= {most:.0f} MiB",
        ok=capped <= most,
    )


async def _storm(check: Callable[[], object], sign_ins: int) -> tuple[float, float]:
    late: list[float] = []

    async def watch() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append(time.perf_counter() - start - 0.001)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0.02)
    late.clear()
    start = time.perf_counter()
    await asyncio.gather(*(check() for _ in range(sign_ins)))  # type: ignore[call-overload]
    took = time.perf_counter() - start
    watcher.cancel()
    return took, statistics.quantiles(late, n=100)[98] if len(late) > 1 else took


def loop(_pairs: int) -> None:
    """Sixteen sign-ins on an event loop: how late the loop is, and when the last one is answered."""
    hasher = PasswordHasher(profiles.DEFAULT, admission=Admission(waiting=64))
    work = OffloadedPasswordWork(hasher)
    encoded = hasher.hash(PASSWORD)
    plain = argon2.PasswordHasher()
    ours: list[tuple[float, float]] = []
    pool: list[tuple[float, float]] = []
    gc.collect()
    for _ in range(5):
        ours.append(asyncio.run(_storm(lambda: work.verify_and_update(PASSWORD, encoded), 16)))
        pool.append(asyncio.run(_storm(lambda: asyncio.to_thread(plain.verify, encoded, PASSWORD), 16)))
    lag, pool_lag = (statistics.median(each[1] for each in side) * 1e3 for side in (ours, pool))
    total, pool_total = (statistics.median(each[0] for each in side) for side in (ours, pool))
    row("loop lag p99, 16 in flight", f"{lag:.2f} ms (default pool {pool_lag:.1f})", "<= 2 ms", ok=lag <= 2)
    row(
        "last of 16 answered",
        f"{total:.2f} s / uncapped {pool_total:.2f} s = {total / pool_total:.2f}",
        "<= 1.05",
        ok=total <= pool_total * 1.05,
    )


def unknown(pairs: int) -> None:
    """Wrong password of a known account against an unknown one: paired differences of processor time."""
    work = InlinePasswordWork(PasswordHasher(profiles.FLOOR, admission=crowded()))
    encoded = run_inline(work.hash(PASSWORD))
    differences: list[float] = []
    both: list[float] = []
    for _ in range(pairs * 60):
        seconds = {}
        sides = [("known", encoded), ("unknown", None)]
        random.shuffle(sides)
        for name, stored in sides:
            start = time.thread_time()
            run_inline(work.verify_and_update("wrong password", stored))
            seconds[name] = time.thread_time() - start
        differences.append(seconds["known"] - seconds["unknown"])
        both.extend(seconds.values())
    medians = sorted(statistics.median(random.choices(differences, k=len(differences))) for _ in range(2000))
    low, high = medians[10] * 1e3, medians[-11] * 1e3
    most = max(0.2, statistics.median(both) * 1e3 * 0.01)
    row(
        f"known minus unknown account, {len(differences)} pairs",
        f"99 % in [{low:+.3f}, {high:+.3f}] ms",
        f"+-{most:.2f} ms",
        ok=-most <= low and high <= most,
    )


def lists(_pairs: int) -> None:
    """Blocklist look-ups, size on disk, and the whole of the rules."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list"
        write(path, sorted(random.getrandbits(64) for _ in range(300_000)), digest=FOLDED_SHA256)
        size = path.stat().st_size
        big = Blocklist(path)
        words = [f"word number {at}" for at in range(2000)]
        for name, opened in (("34,619", common()), ("300,000", big)):

            def look(opened: Blocklist = opened) -> None:
                for word in words:
                    word in opened  # noqa: B015

            (took,) = in_turns(15, look)
            micro = took / len(words) * 1e6
            row(f"blocklist look-up, {name} entries", f"{micro:.2f} us", "<= 3 us", ok=micro <= 3)
        row("300,000 entries on disk", f"{size / 1e6:.2f} MB", "<= 3 MB", ok=size <= 3e6)
    rules = PasswordRules()
    phrases = ("correct horse battery staple", "password12345678", "x9Kq2mLr8TzWv4p")
    shown = in_turns(
        15, *(functools.partial(rules.check, phrase, ("ada@example.org",)) for phrase in phrases)
    )
    row(
        "all rules: phrase / stretched word / random",
        " / ".join(f"{each * 1e3:.2f}" for each in shown) + " ms",
    )


IMPORT = """
import argon2, time
start = time.process_time()
import secureacct.passwords
print(round((time.process_time() - start) * 1e6))
"""
WHOLE_IMPORT = "import time; start = time.process_time(); import secureacct.passwords; print(round((time.process_time() - start) * 1e6))"  # fmt: skip  # noqa: E501


def imports(_pairs: int) -> None:
    """Import of ``secureacct.passwords`` in a fresh process."""
    whole = min(child(WHOLE_IMPORT) for _ in range(15)) / 1e3  # what disturbs only adds
    ours = min(child(IMPORT) for _ in range(15)) / 1e3
    row(
        "import secureacct.passwords, processor time",
        f"{whole:.1f} ms ({ours:.1f} without argon2)",
        "<= 25 ms",
        ok=whole <= 25,
    )


PARTS: dict[str, Callable[[int], None]] = {
    "verify": verify, "loaded": loaded, "tiny": tiny, "memory": memory, "loop": loop, "unknown": unknown,
    "lists": lists, "import": imports,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--only", default=",".join(PARTS))
    chosen = parser.parse_args()
    print(f"| {'what':<58} | {'measured':<34} | {'limit':<16} |\n|{'-' * 60}|{'-' * 36}|{'-' * 18}|")
    for name in chosen.only.split(","):
        PARTS[name](chosen.pairs)
    if failed:
        raise SystemExit(f"missed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()

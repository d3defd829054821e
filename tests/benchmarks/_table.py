"""A benchmark's table: sides in turns, medians, goals."""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Run:
    """How this run measures, and what it missed."""

    rounds: int = 15
    clock: Callable[[], float] = time.perf_counter
    missed: list[str] = field(default_factory=list)


run = Run()


def row(name: str, value: str, goal: str = "", *, ok: bool | None = None) -> None:
    """One line of the table."""
    said = "" if ok is None else "yes" if ok else "MISSED"
    print(f"| {name:<66} | {value:>22} | {goal:<24} | {said}", flush=True)
    if ok is False:
        run.missed.append(name)


def head(title: str) -> None:
    print(f"\n## {title}", flush=True)


def us(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs"


def in_turns(count: int, sides: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of one call of each side; ``count`` calls a turn, sides shuffled in every turn."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        for _ in range(count):
            side()
    names = list(sides)
    for _ in range(run.rounds):
        random.shuffle(names)
        for name in names:
            side = sides[name]
            began = run.clock()
            for _ in range(count):
                side()
            times[name].append((run.clock() - began) / count)
    return {name: statistics.median(each) for name, each in times.items()}


CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextlib.contextmanager
def one_core(*, another: bool = False) -> Iterator[None]:
    """This process, and every server it starts meanwhile, on one core; ``another`` than usual.

    A client and its server wait for each other, so they lose nothing by it. Left to the kernel, which may put
    each pair of them on one core or on two, one query took 26 or 69 µs on the machine of the documented run:
    two sides that are alike measured 2.6 to 1. Elsewhere than on Linux this does nothing.
    """
    if not CORES:
        row("no way to hold sides on one core here: trust ratios less", "")
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CORES[0] if another else CORES[-1]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)

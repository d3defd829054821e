"""How many small wrong changes the tests notice.

    ./run mutate fields --sample 200            200 mutants, drawn with seed 1
    ./run mutate fields                         all of them: hours
    ./run mutate fields --module codec --jobs 2

Rules of this file: mutants live in copies of the code outside of the checkout, never in it; each is
tried in a process of its own, forked from one that has the libraries loaded and nothing of ours; killed is
what makes a test fail or hang, and nothing else. ``tests/mutation/TOPIC.json`` says which modules, which
tests, and which mutants are equivalent to the code, each with the reason; those do not count.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import queue
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutation.mutants import Mutant, mutants_of  # noqa: E402

SLOWEST = 4.0  # a mutant has so many times as long as the tests take on the unchanged code
LEAST_SECONDS = 60.0  # and at least this long
GOAL = 0.90  # of the mutants that are not equivalent

LIVES, KILLED, HANGS = "lives", "killed", "hangs"


@dataclass(frozen=True)
class Job:
    """One mutant and the tests that should notice it."""

    module: str
    mutant: Mutant
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is known by, in the list of equivalents too."""
        return f"{self.module}: {self.mutant.name}"


class Copy:
    """A copy of the code and its tests, in which one module at a time is wrong."""

    def __init__(self, place: Path, deselected: str) -> None:
        self.place, self.deselected = place, deselected
        for name in ("secureacct", "tests", "examples", "docs"):
            shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
        shutil.copy(ROOT / "pyproject.toml", place)
        compileall.compile_dir(place / "secureacct", quiet=1)

    def verdict(self, module: str, source: str, tests: tuple[str, ...], seconds: float) -> str:
        """What the tests say of this source."""
        file = self.place / module
        before = file.read_text()
        for old in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            old.unlink()
        file.write_text(source)
        try:
            child = os.fork()
            if child == 0:
                self._run(tests)
            return _ended(child, seconds)
        finally:
            file.write_text(before)

    def _run(self, tests: tuple[str, ...]) -> None:
        code = 3
        try:
            os.setsid()
            os.chdir(self.place)
            sys.path[:] = [str(self.place), *(each for each in sys.path if each != str(ROOT))]
            for name in [each for each in sys.modules if each.split(".")[0] in {"secureacct", "tests"}]:
                del sys.modules[name]
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nothing, stream)
            sys.dont_write_bytecode = True
            import pytest

            options = [
                "-q",
                "-x",
                "--tb=no",
                "-W",
                "ignore",
                f"--basetemp={self.place}/tmp",
                "-o",
                "cache_dir=cache",
            ]
            code = int(pytest.main([*options, "-k", self.deselected, *tests]))
        finally:
            os._exit(code)


def _ended(child: int, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            _end_group(child)
            return LIVES if os.waitstatus_to_exitcode(status) == 0 else KILLED
        time.sleep(0.02)
    _end_group(child)
    os.waitpid(child, 0)
    return HANGS


def _end_group(child: int) -> None:
    """Its own processes too: a test that forks may leave some behind."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        pass


def jobs_of(topic: dict[str, Any], only: str) -> list[Job]:
    """Every mutant of a topic that is not equivalent."""
    equivalent = set(topic["equivalent"])
    found = [
        Job(module, mutant, tuple(tests))
        for module, tests in topic["modules"].items()
        if only in module
        for mutant in mutants_of((ROOT / module).read_text())
    ]
    unknown = equivalent - {job.name for job in found}
    if not only and unknown:
        raise SystemExit("listed as equivalent and not there (any more):\n  " + "\n  ".join(sorted(unknown)))
    return [job for job in found if job.name not in equivalent]


def baseline(copy: Copy, topic: dict[str, Any], only: str) -> float:
    """Seconds that the slowest module's tests take on the unchanged code, which they must pass."""
    slowest = 0.0
    for tests in {tuple(tests) for module, tests in topic["modules"].items() if only in module}:
        module = next(iter(topic["modules"]))
        started = time.monotonic()
        if copy.verdict(module, (ROOT / module).read_text(), tests, 600) != LIVES:
            raise SystemExit(f"the tests fail on the unchanged code: {' '.join(tests)}")
        slowest = max(slowest, time.monotonic() - started)
    return slowest


def tried(copies: list[Copy], chosen: list[Job], seconds: float) -> list[tuple[Job, str]]:
    """Each mutant and how it ended; one thread per copy."""
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in chosen:
        waiting.put(job)
    ended: list[tuple[Job, str]] = []

    def work(copy: Copy) -> None:
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            verdict = copy.verdict(job.module, job.mutant.source, job.tests, seconds)
            ended.append((job, verdict))
            mark = "" if verdict != LIVES else f"  {job.module}:{job.mutant.line} {job.mutant.name}"
            print(f"[{len(ended)}/{len(chosen)}] {verdict}{mark}", file=sys.stderr, flush=True)

    threads = [threading.Thread(target=work, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


def report(ended: list[tuple[Job, str]]) -> float:
    """A table per module, and who lives. Gives the part that was killed."""
    total, dead = Counter[str](), Counter[str]()
    for job, verdict in ended:
        total[job.module] += 1
        dead[job.module] += verdict != LIVES
    print(f"\n| {'module':<40} | mutants | killed |   part |")
    print(f"|{'-' * 42}|---------|--------|--------|")
    for module in sorted(total):
        part = dead[module] / total[module]
        print(f"| {module:<40} | {total[module]:>7} | {dead[module]:>6} | {part:>6.1%} |")
    score = sum(dead.values()) / max(sum(total.values()), 1)
    hang = sum(verdict == HANGS for _, verdict in ended)
    print(f"| {'together':<40} | {sum(total.values()):>7} | {sum(dead.values()):>6} | {score:>6.1%} |")
    print(f"\n{hang} of the killed ones hung. Goal: {GOAL:.0%}.")
    lives = sorted(
        f"{job.module}: {job.mutant.name}  (line {job.mutant.line})" for job, v in ended if v == LIVES
    )
    print("\nAlive:\n  " + "\n  ".join(lives) if lives else "\nNone is alive.")
    return score


def main() -> int:
    """Exit code 0: the goal is reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    topics = sorted(file.stem for file in Path(__file__).parent.glob("*.json"))
    parser.add_argument("topic", choices=topics)
    parser.add_argument("--sample", type=int, metavar="N", help="only so many, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="draws another sample (1)")
    parser.add_argument("--module", default="", metavar="PART", help="only modules with this in their path")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="at a time")
    asked = parser.parse_args()
    topic = json.loads((Path(__file__).parent / f"{asked.topic}.json").read_text())
    jobs = jobs_of(topic, asked.module)
    chosen = jobs
    if asked.sample is not None and asked.sample < len(jobs):
        chosen = random.Random(asked.seed).sample(jobs, asked.sample)
    os.nice(10)
    for name in topic["loaded_first"]:
        __import__(name)
    with tempfile.TemporaryDirectory(prefix="secureacct-mutants-") as folder:
        copies = [Copy(Path(folder) / str(number), topic["tests_left_out"]) for number in range(asked.jobs)]
        seconds = max(LEAST_SECONDS, SLOWEST * baseline(copies[0], topic, asked.module))
        print(f"{len(chosen)} of {len(jobs)} mutants, {seconds:.0f} s each at most", file=sys.stderr)
        ended = tried(copies, chosen, seconds)
    return 0 if report(ended) >= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())

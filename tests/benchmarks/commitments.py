"""What the promises cost: sealing and opening backups, matching lists, exporting.

    python tests/benchmarks/commitments.py [--addresses 100000] [--mib 64]

Everything is measured beside what it is compared with, in the same run, and medians are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from secureacct.commitments import backup
from secureacct.commitments.archive import ArchiveProgress, archive
from secureacct.commitments.holdings import Facts, Holding
from secureacct.commitments.list_matching import match_list
from secureacct.fields import BlindIndex
from secureacct.keys import Keyring
from secureacct.stores.sql import SqlStore
from secureacct.stores.sql.account_tables import identifier

ROUNDS = 5
MIB = 1 << 20


class InTheOpen:
    """A provider that wraps nothing: what is measured is the stream."""

    name = "open"
    key_id = "1"

    def wrap(self, material: bytes, *, context: Any) -> bytes:
        return material

    def unwrap(self, wrapped: bytes, *, context: Any) -> bytes:
        return wrapped

    def rewrap_many(self, wrapped: Any) -> Any:
        raise NotImplementedError


class Nowhere(io.RawIOBase):
    """Swallows what is written."""

    def write(self, data: Any, /) -> int:
        return len(data)


def median_of(acts: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of each act, taken in turn."""
    taken: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(ROUNDS):
        for name, act in acts.items():
            start = time.perf_counter()
            act()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def backups(mib: int) -> None:
    data = os.urandom(mib * MIB)
    key = AESGCM(os.urandom(32))
    sealed = io.BytesIO()
    backup.seal_stream(io.BytesIO(data), sealed, provider=InTheOpen(), holds="data", made_at=1)
    chunks = [data[start : start + 16384] for start in range(0, len(data), 16384)]
    pieces = [data[start : start + MIB] for start in range(0, len(data), MIB)]
    nonce = bytes(12)
    closed = [key.encrypt(nonce, one, None) for one in pieces]
    archive_bytes = sealed.getvalue()
    found = median_of(
        {
            "raw AES-256-GCM, 1 MiB pieces": lambda: [key.encrypt(nonce, one, None) for one in pieces],
            "raw AES-256-GCM, 16 KiB chunks": lambda: [key.encrypt(nonce, one, None) for one in chunks],
            "seal": lambda: backup.seal_stream(
                io.BytesIO(data),
                Nowhere(),
                provider=InTheOpen(),
                holds="data",
                made_at=1,  # type: ignore[arg-type]
            ),
            "raw AES-256-GCM, 1 MiB, open": lambda: [key.decrypt(nonce, one, None) for one in closed],
            "open": lambda: backup.open_stream(io.BytesIO(archive_bytes), Nowhere(), provider=InTheOpen()),  # type: ignore[arg-type]
        }
    )
    base = found["raw AES-256-GCM, 1 MiB pieces"]
    print(f"\nBackups, {mib} MiB")
    for name, seconds in found.items():
        print(f"  {name:34} {mib / seconds:8.0f} MiB/s   {base / seconds:5.2f} of raw")


def matching(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore.from_url(f"sqlite:///{folder}/match.db")
        store.create_schema()
        keys = Keyring.generate()
        index = BlindIndex(keys, table="account", column="email", normalise="email", unique=True)
        with store.engine.begin() as connection:
            for start in range(0, count, 50_000):
                rows = [
                    {"token": index.of(f"person{number}@example.org"), "account_id": str(number)}
                    for number in range(start, min(start + 50_000, count))
                ]
                connection.execute(sa.insert(identifier), rows)

        def theirs() -> Iterator[str]:
            return (f"Person{number * 7 % (count * 2)}@example.org" for number in range(count))

        before = peak_kib()
        start = time.perf_counter()
        for one in theirs():
            index.lookup(one)
        hashing = time.perf_counter() - start
        start = time.perf_counter()
        matched = sum(1 for _ in match_list(store, index, theirs()))
        took = time.perf_counter() - start
        print(f"\nMatching {count:,} addresses against {count:,} accounts (SQLite)")
        print(f"  hashing alone {hashing:7.2f} s   matching {took:7.2f} s   {took / hashing:5.2f} x")
        print(f"  {matched:,} matched; peak memory grew by {(peak_kib() - before) / 1024:.1f} MiB")
        store.engine.dispose()


def exporting(rows: int) -> None:
    async def many(_account: str) -> AsyncIterator[Facts]:
        for number in range(rows):
            yield {"order": number, "note": "x" * 200, "at": "2026-11-25T00:00:00Z"}

    async def run() -> tuple[float, int, int]:
        holding = Holding(name="orders", title="Orders", words="Yours.", rows=many, kept="for the measure")
        progress = ArchiveProgress()
        before, start = peak_kib(), time.perf_counter()
        async for _ in archive([holding], "42", site="Shop", at=0, progress=progress):
            pass
        return time.perf_counter() - start, progress.size, peak_kib() - before

    seconds, size, grown = asyncio.run(run())
    print(f"\nExport of {rows:,} rows: {seconds:.2f} s, {rows / seconds:,.0f} rows/s, {size / MIB:.1f} MiB")
    print(f"  peak memory grew by {grown / 1024:.1f} MiB")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--addresses", type=int, default=100_000)
    options.add_argument("--mib", type=int, default=64)
    options.add_argument("--rows", type=int, default=10_000)
    chosen = options.parse_args()
    exporting(chosen.rows)
    exporting(chosen.rows * 10)
    matching(chosen.addresses)
    backups(chosen.mib)


if __name__ == "__main__":
    main()

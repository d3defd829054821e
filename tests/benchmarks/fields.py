"""What encrypted fields cost, next to raw AES-GCM and to others.

    python tests/benchmarks/fields.py                  # values, batches, blind index, ORM
    python tests/benchmarks/fields.py --rotation 200000 --workers 1   # and rotation on a local PostgreSQL

Every chunk of a job runs between two chunks of its yardstick, in this process; printed are the medians of
the CPU time per value and of the ratio to the mean of the two. Others are measured where they are installed.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import hmac

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from secureacct.fields import BlindIndex, FieldCipher
from secureacct.keys import Keyring

ROUNDS = 21
TARGETS = {
    (16, "encrypt"): 1.45, (64, "encrypt"): 1.45, (1024, "encrypt"): 1.45, (65536, "encrypt"): 1.60,
    (16, "decrypt"): 1.95, (64, "decrypt"): 1.95, (1024, "decrypt"): 1.95, (65536, "decrypt"): 1.70,
    (16, "encrypt_many"): 1.00, (64, "encrypt_many"): 1.00, (1024, "encrypt_many"): 1.05,
    (16, "decrypt_many"): 2.05, (64, "decrypt_many"): 2.05, (1024, "decrypt_many"): 2.05,
}  # fmt: skip


def timed(job: Callable[[], Any], times: int) -> float:
    """Nanoseconds per call, of this thread's CPU time: other work on the machine does not count."""
    started = time.thread_time_ns()
    for _ in range(times):
        job()
    return (time.thread_time_ns() - started) / times


def between(
    job: Callable[[], Any], yardstick: Callable[[], Any], times: int, rounds: int = ROUNDS
) -> tuple[float, float]:
    """(median ns, median ratio) of a job between two runs of its yardstick."""
    job()
    yardstick()
    took, ratios = [], []
    for _ in range(rounds):
        before = timed(yardstick, times)
        mine = timed(job, times)
        after = timed(yardstick, times)
        took.append(mine)
        ratios.append(mine / ((before + after) / 2))
    return statistics.median(took), statistics.median(ratios)


def line(size: str, name: str, what: str, ns: float, ratio: float, target: float | None) -> None:
    verdict = "" if target is None else f"{target:.2f} {'ok' if ratio <= target else 'MISSED'}"
    print(
        f"| {size:>7} | {name:<34} | {what:<12} | {ns / 1000:9.2f} | {ratio:7.2f} | {verdict:<11} |",
        flush=True,
    )


def header(title: str) -> None:
    print(f"\n{title}\n")
    print(
        "| bytes   | what                               | operation    |  us/value |   ratio | target      |"
    )
    print(
        "|---------|------------------------------------|--------------|-----------|---------|-------------|"
    )


def values() -> None:
    keys = Keyring.generate()
    gcm = AESGCM(os.urandom(32))
    field = FieldCipher(keys, table="profile", column="phone", type=str)
    header("Values: ratio to AESGCM with a random nonce; batches of 200: to a loop of it")
    for size, times in ((16, 2000), (64, 2000), (1024, 2000), (65536, 200)):
        text = os.urandom(size // 2).hex()
        data = text.encode()

        def raw(data: bytes = data) -> bytes:
            nonce = os.urandom(12)
            return nonce + gcm.encrypt(nonce, data, None)

        sealed = raw()

        def raw_open(sealed: bytes = sealed) -> bytes:
            return gcm.decrypt(sealed[:12], sealed[12:], None)

        blob = field.encrypt(text, row="42")
        jobs: list[tuple[str, str, Callable[[], Any], Callable[[], Any]]] = [
            ("secureacct", "encrypt", lambda text=text: field.encrypt(text, row="42"), raw),
            ("secureacct", "decrypt", lambda blob=blob: field.decrypt(blob, row="42"), raw_open),
            *((name, what, job, raw if what == "encrypt" else raw_open) for name, what, job in others(text)),
        ]
        for name, what, job, yardstick in jobs:
            slow = max(1, int(2e6 / max(timed(job, 3), 1)))
            ns, ratio = between(job, yardstick, min(times, slow), 9 if name != "secureacct" else ROUNDS)
            line(
                str(size), name, what, ns, ratio, TARGETS.get((size, what)) if name == "secureacct" else None
            )
        if size <= 1024:
            batch(field, gcm, text, data, size)


def batch(field: FieldCipher[str], gcm: AESGCM, text: str, data: bytes, size: int) -> None:
    texts, rows = [text] * 200, [str(n) for n in range(200)]
    blobs = field.encrypt_many(texts, rows=rows)

    def raw_loop() -> list[bytes]:
        out = []
        for _ in range(200):
            nonce = os.urandom(12)
            out.append(nonce + gcm.encrypt(nonce, data, None))
        return out

    sealed = raw_loop()
    jobs: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
        ("encrypt_many", lambda: field.encrypt_many(texts, rows=rows), raw_loop),
        (
            "decrypt_many",
            lambda: field.decrypt_many(blobs, rows=rows),
            lambda: [gcm.decrypt(one[:12], one[12:], None) for one in sealed],
        ),
    ]
    for what, job, yardstick in jobs:
        ns, ratio = between(job, yardstick, 10)
        line(str(size), "secureacct", what, ns / 200, ratio, TARGETS.get((size, what)))


def others(text: str) -> list[tuple[str, str, Callable[[], Any]]]:
    """Jobs of other libraries, where installed."""
    found: list[tuple[str, str, Callable[[], Any]]] = []
    fernet = Fernet(Fernet.generate_key())
    token = fernet.encrypt(text.encode())
    found.append(("Fernet", "encrypt", lambda: fernet.encrypt(text.encode())))
    found.append(("Fernet", "decrypt", lambda: fernet.decrypt(token).decode()))
    try:
        import tink
        from tink import aead

        aead.register()
        for name, template in (
            ("Tink AES256_GCM", aead.aead_key_templates.AES256_GCM),
            ("Tink XAES_256_GCM", getattr(aead.aead_key_templates, "XAES_256_GCM_192_BIT_NONCE", None)),
        ):
            if template is None:
                continue
            primitive = tink.new_keyset_handle(template).primitive(aead.Aead)
            sealed = primitive.encrypt(text.encode(), b"42")
            found.append((name, "encrypt", lambda p=primitive: p.encrypt(text.encode(), b"42")))
            found.append((name, "decrypt", lambda p=primitive, s=sealed: p.decrypt(s, b"42").decode()))
    except ImportError:
        pass
    try:
        import sqlalchemy as sa
        from sqlalchemy_utils.types.encrypted.encrypted_type import AesGcmEngine, StringEncryptedType

        column = StringEncryptedType(sa.Unicode, "key", AesGcmEngine)
        stored = column.process_bind_param(text, None)
        found.append(("sqlalchemy-utils AesGcm", "encrypt", lambda: column.process_bind_param(text, None)))
        found.append(
            ("sqlalchemy-utils AesGcm", "decrypt", lambda: column.process_result_value(stored, None))
        )
    except ImportError:
        pass
    try:
        os.environ.setdefault("ENCRYPTION_KEY", Fernet.generate_key().decode())
        os.environ.setdefault("ENCRYPTION_METHOD", "fernet")
        from pydantic_encryption.integrations.sqlalchemy import SQLAlchemyEncryptedValue

        pydantic = SQLAlchemyEncryptedValue()
        kept = pydantic.process_bind_param(text, None)
        found.append(("pydantic-encryption", "encrypt", lambda: pydantic.process_bind_param(text, None)))
        found.append(("pydantic-encryption", "decrypt", lambda: pydantic.process_result_value(kept, None)))
    except Exception as error:
        if not getattr(others, "told", False):
            print(f"(pydantic-encryption not measured: {type(error).__name__})")
            others.told = True  # type: ignore[attr-defined]
    return found


def index() -> None:
    key = os.urandom(32)
    made = BlindIndex(Keyring.generate(), table="t", column="c", unique=True)
    header("Blind index of a 17-byte value: ratio to hmac.digest")
    value, data = "ada@example.org.x", b"ada@example.org.x"
    ns, ratio = between(lambda: made.of(value), lambda: hmac.digest(key, data, "sha256"), 5000)
    line("17", "secureacct BlindIndex.of", "token", ns, ratio, 0.5)


def orm_rows() -> None:
    import sqlalchemy as sa
    from sqlalchemy import orm

    from secureacct.orm.sqlalchemy import EncryptedFields

    sealed = EncryptedFields()
    base = orm.declarative_base()

    class Sealed(base):  # type: ignore[misc,valid-type]
        __tablename__ = "sealed"
        id = sa.Column(sa.Text, primary_key=True)
        a = sealed.column(str)
        b = sealed.column(str)
        c = sealed.column(str)

    class Plain(base):  # type: ignore[misc,valid-type]
        __tablename__ = "plain"
        id = sa.Column(sa.Text, primary_key=True)
        a = sa.Column(sa.Text)
        b = sa.Column(sa.Text)
        c = sa.Column(sa.Text)

    sealed.use(Keyring.generate())
    engine = sa.create_engine("sqlite://")
    base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        for number in range(1000):
            row = {name: f"value {number} of {name}" for name in "abc"}
            session.add_all([Sealed(id=str(number), **row), Plain(id=str(number), **row)])
        session.commit()

    def read(owner: Any, names: str, load: bool = False) -> None:
        with orm.Session(engine) as session:
            people = session.scalars(sa.select(owner)).all()
            if load:
                sealed.load(people, *names)
            for person in people:
                for name in names:
                    getattr(person, name)

    header("Reading 1,000 ORM rows with 3 columns: ratio to the same rows in plain text")
    for what, names, load, target in (
        ("one touched", "a", False, 1.5),
        ("one, load()", "a", True, 1.5),
        ("all touched", "abc", False, None),
        ("all, load()", "abc", True, None),
    ):
        ns, ratio = between(
            lambda names=names, load=load: read(Sealed, names, load),
            lambda names=names: read(Plain, names),
            3,
            11,
        )
        line("~20", "secureacct EncryptedFields", what, ns / 1000, ratio, target)


def rotation(rows: int, workers: int) -> None:
    import multiprocessing

    import sqlalchemy as sa

    from tests import servers

    print(f"\nRotation of {rows:,} rows on a local PostgreSQL, {workers} worker(s)\n")
    print("| columns | rows/s per worker | rows/s together | target        | peak memory | CPU per row |")
    print("|---------|-------------------|-----------------|---------------|-------------|-------------|")
    with servers.postgres() as url, servers.fresh_database(url) as database:
        folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"secureacct-bench-{os.getpid()}"
        folder.mkdir(mode=0o700)
        path = folder / "keyring.json"
        try:
            keys = Keyring.generate()
            keys.save(path)
            for columns, target in ((1, 40_000), (2, 25_000)):
                engine = sa.create_engine(database)
                table = _fill(engine, keys, rows, columns)
                keys.rotate()
                _rotation_of(database, path, columns, table.name).plan()
                context = multiprocessing.get_context("spawn")
                queue = context.SimpleQueue()
                running = [
                    context.Process(target=_rotate, args=(database, path, columns, table.name, queue))
                    for _ in range(workers)
                ]
                for process in running:
                    process.start()
                told = [queue.get() for _ in running]
                for process in running:
                    process.join()
                took = max(ended for _, _, ended, _, _ in told) - min(began for _, began, _, _, _ in told)
                done = sum(count for count, *_ in told)
                speed = done / took
                memory = max(peak for _, _, _, peak, _ in told)
                cpu = 1e6 * sum(busy for *_, busy in told) / max(done, 1)
                verdict = "ok" if speed / workers >= target else "MISSED"
                print(
                    f"| {columns:>7} | {speed / workers:>17,.0f} | {speed:>15,.0f} |"
                    f" {target:>6,} {verdict:<6} | {memory / 1024:>7,.0f} MiB | {cpu:>8.1f} us |",
                    flush=True,
                )
                left = _rotation_of(database, path, columns, table.name).remaining()
                if done != rows or left:
                    print(f"  only {done} of {rows} rotated, {left} left")
                table.drop(engine)
                engine.dispose()
        finally:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()


def _table(name: str, columns: int) -> Any:
    import sqlalchemy as sa

    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True),
        *(sa.Column(f"c{n}", sa.LargeBinary) for n in range(columns)),
    )


def _cipher(keys: Keyring, table: str, number: int) -> FieldCipher[str]:
    return FieldCipher(keys, table=table, column=f"c{number}", type=str)


def _fill(engine: Any, keys: Keyring, rows: int, columns: int) -> Any:
    table = _table(f"bench{columns}", columns)
    table.create(engine)
    ciphers = [_cipher(keys, table.name, n) for n in range(columns)]
    names = ", ".join(["id", *(f"c{n}" for n in range(columns))])
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        with cursor.copy(f"copy {table.name} ({names}) from stdin (format binary)") as copy:
            copy.set_types(["int8", *["bytea"] * columns])
            for start in range(0, rows, 5000):
                ids = list(range(start + 1, min(rows, start + 5000) + 1))
                sealed = [
                    cipher.encrypt_many([f"user{n}@example.org" for n in ids], rows=ids) for cipher in ciphers
                ]
                for row in zip(ids, *sealed, strict=True):
                    copy.write_row(row)
        raw.commit()
        cursor.execute(f"analyze {table.name}")
        raw.commit()
    finally:
        raw.close()
    return table


def _rotation_of(database: str, path: Path, columns: int, name: str) -> Any:
    import sqlalchemy as sa

    from secureacct.orm.rotation import RotatedColumn, Rotation

    keys = Keyring.load(path)
    given = [RotatedColumn(f"c{n}", _cipher(keys, name, n)) for n in range(columns)]
    return Rotation(sa.create_engine(database), _table(name, columns), given)


def _rotate(database: str, path: Path, columns: int, name: str, queue: Any) -> None:
    target = _rotation_of(database, path, columns, name)
    began, busy = time.monotonic(), time.process_time()
    done = target.work()
    used = resource.getrusage(resource.RUSAGE_SELF)
    queue.put((done, began, time.monotonic(), used.ru_maxrss, time.process_time() - busy))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rotation", type=int, metavar="ROWS", help="rotation only, of so many rows")
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.rotation:
        rotation(chosen.rotation, chosen.workers)
        return
    gc.disable()
    values()
    index()
    orm_rows()


if __name__ == "__main__":
    main()

"""``secureacct fields``: plan indexes; rotate, verify and take stock of encrypted columns."""

from __future__ import annotations

import importlib
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from secureacct.cli.database import existing
from secureacct.cli.keyring import keyring_options, opened
from secureacct.errors import ConfigurationError, MissingExtra
from secureacct.fields import plan_index
from secureacct.fields.planner import safe_bits
from secureacct.keys import Keyring


@click.group()
def group() -> None:
    """Plan blind indexes; rotate and verify encrypted columns."""


def rotations(models: str, database: str, keys: Keyring) -> Sequence[Any]:
    """The rotations of an application.

    :param models: ``secureacct`` for the library's own tables, or ``module:attribute`` of an
        ``EncryptedFields`` or of a function that takes an engine and the keyring and gives rotations.
    :raises ConfigurationError: neither of these, or it cannot be imported.
    :raises MissingExtra: SQLAlchemy is not installed.
    """
    try:
        import sqlalchemy as sa

        from secureacct.orm.sqlalchemy import EncryptedFields
    except ModuleNotFoundError:
        raise MissingExtra("sql", needed_for="rotating columns") from None
    if models == "secureacct":
        models = "secureacct.cli.own_columns:rotations"
    module, _, attribute = models.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the application in this folder, as with python -m
    try:
        found: Any = getattr(importlib.import_module(module), attribute or "sealed")
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"--models {models}: {error}") from None
    engine = sa.create_engine(existing(database, needed_for="secureacct fields"))
    if isinstance(found, EncryptedFields):
        found.use(keys)
        return found.rotations(engine)
    if callable(found):
        made: Any = found(engine, keys)
        return list(made)
    raise ConfigurationError(f"--models {models} is no EncryptedFields and no function(engine, keys)")


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which columns, in which database, with which keys."""
    command = click.option(
        "--table", "tables", multiple=True, help="Only this table; may be given several times."
    )(command)
    command = click.option(
        "--models",
        required=True,
        help="module:attribute of the encrypted columns, or secureacct for our own.",
    )(command)
    command = click.option(
        "--database", envvar="SECUREACCT_DATABASE_URL", required=True, help="SQLAlchemy URL."
    )(command)
    return keyring_options(command)


def _targets(
    keyring: Path, passphrase_file: Path | None, models: str, database: str, tables: Sequence[str]
) -> Sequence[Any]:
    found = rotations(models, database, opened(keyring, passphrase_file))
    unknown = set(tables) - {target.table_name for target in found}
    if unknown:
        raise ConfigurationError(f"no encrypted column in table {', '.join(sorted(unknown))}")
    return [target for target in found if not tables or target.table_name in tables]


@group.command()
@click.option("--rows", type=click.IntRange(0), required=True, help="Rows the table will hold.")
@click.option("--distinct", type=click.IntRange(0), required=True, help="Different values of the column.")
@click.option("--bits", type=click.IntRange(1, 256), help="Judge this length instead of choosing one.")
def plan(rows: int, distinct: int, bits: int | None) -> None:
    """How long a blind index should be, what a search costs, and what an observer learns."""
    found = plan_index(rows=rows, distinct=distinct, bits=bits)
    low, high = safe_bits(rows=rows, distinct=distinct)
    click.echo(f"safe length         {f'{low} to {high} bits' if low <= high else 'none'}")
    click.echo(f"chosen              {found.bits if found.bits is not None else 'none'}")
    click.echo(f"rows per search     {found.expected_matches:.1f}")
    click.echo(f"an observer learns  {found.observer_learns}")
    for problem in found.problems:
        click.echo(f"problem             {problem}")
    if found.problems:
        raise SystemExit(1)


@group.command()
@target_options
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option("--rate", type=click.FloatRange(1), help="Rows per second and table, all workers together.")
@click.option("--passes", type=click.IntRange(1, 100), default=5, show_default=True, help="At most.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
def rotate(
    keyring: Path,
    passphrase_file: Path | None,
    models: str,
    database: str,
    tables: tuple[str, ...],
    workers: int,
    rate: float | None,
    passes: int,
    dry_run: bool,
) -> None:
    """Bring every value to the primary keys, while the application runs. Start it again after a crash."""
    left = 0
    for target in _targets(keyring, passphrase_file, models, database, tables):
        name, waiting = target.table_name, target.remaining()
        click.echo(f"{name}: {waiting} rows to do")
        if dry_run or not waiting:
            continue
        if workers > 1 and database.startswith("sqlite"):
            click.echo(f"{name}: SQLite has one writer, so one worker")
        several = workers if not database.startswith("sqlite") else 1
        for number in range(passes):
            if number:
                target.next_pass()
            target.plan()
            place = (str(keyring), passphrase_file and str(passphrase_file), models, database, name)
            _work(target, several, rate, place, waiting)
            if target.remaining() <= target.status().failed:
                break
        done = target.status()
        still = target.remaining()
        left += still
        click.echo(
            f"{name}: {done.rotated} rotated, {still} left, {done.failed} unreadable, {done.passes} passes"
        )
        for row, column, code in target.failed_rows():
            click.echo(f"{name}: row {row}, {column}: {code}")
    raise SystemExit(1 if left else 0)


def _work(target: Any, workers: int, rate: float | None, place: tuple[Any, ...], waiting: int) -> None:
    started = time.monotonic()
    before = target.status()

    def tell(progress: Any) -> None:
        rows = progress.rotated - before.rotated
        speed = rows / max(time.monotonic() - started, 0.001)
        chunks = progress.chunks - progress.done
        eta = (time.monotonic() - started) / max(progress.done - before.done, 1) * chunks
        click.echo(
            f"\r{place[-1]}: {progress.done}/{progress.chunks} ranges, {rows}/{waiting} rows,"
            f" {speed:,.0f} rows/s, {eta:.0f} s left   ",
            nl=False,
            err=True,
        )

    if workers == 1:
        target.work(rows_per_second=rate, on_chunk=tell)
    else:
        context = multiprocessing.get_context("spawn")
        each = None if rate is None else rate / workers
        running = [context.Process(target=_one_worker, args=(*place, each)) for _ in range(workers)]
        for process in running:
            process.start()
        while any(process.is_alive() for process in running):
            running[0].join(0.5)
            for process in running[1:]:
                process.join(0)
            tell(target.status())
        if any(process.exitcode for process in running):
            click.echo("", err=True)
            raise ConfigurationError("a worker ended early; start the command again to go on")
    click.echo("", err=True)


def _one_worker(
    keyring: str, passphrase_file: str | None, models: str, database: str, table: str, rate: float | None
) -> None:
    file = None if passphrase_file is None else Path(passphrase_file)
    for target in _targets(Path(keyring), file, models, database, [table]):
        target.work(rows_per_second=rate)


@group.command()
@target_options
def status(
    keyring: Path, passphrase_file: Path | None, models: str, database: str, tables: tuple[str, ...]
) -> None:
    """How far the rotation is, per table."""
    left = 0
    for target in _targets(keyring, passphrase_file, models, database, tables):
        done, waiting = target.status(), target.remaining()
        left += waiting
        click.echo(
            f"{target.table_name}: {waiting} rows to do; {done.done}/{done.chunks} ranges,"
            f" {done.rotated} rotated, {done.moved} changed meanwhile, {done.failed} unreadable"
        )
    raise SystemExit(1 if left else 0)


@group.command()
@target_options
def verify(
    keyring: Path, passphrase_file: Path | None, models: str, database: str, tables: tuple[str, ...]
) -> None:
    """Read and decrypt every value. Changes nothing; exit code 1 if anything is wrong or left to do."""
    wrong = 0
    for target in _targets(keyring, passphrase_file, models, database, tables):
        report = target.verify()
        for (column, key_id), rows in sorted(report.per_key.items()):
            click.echo(f"{target.table_name}.{column}: {rows} values under key {key_id}")
        for row, column, code in report.failed:
            click.echo(f"{target.table_name}: row {row}, {column}: {code}")
        click.echo(f"{target.table_name}: {len(report.failed)} unreadable, {report.waiting} rows to do")
        wrong += len(report.failed) + report.waiting
    raise SystemExit(1 if wrong else 0)

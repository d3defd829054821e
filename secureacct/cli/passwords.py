"""``secureacct passwords``: calibrate, benchmark, wrap old hashes, build and check blocklists.

Rules of this file: commands read options and print; the work is done in :mod:`secureacct.passwords`. A
password or a hash is never printed. Everything long shows its progress and can be stopped and started
again.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from secureacct.errors import ConfigurationError, MissingExtra

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from secureacct.passwords.profiles import Argon2Profile

WIDEST: Final = 768  # characters; our own: the longest wrapped and peppered hash we make is under 700
_MIB: Final = 1024  # KiB in one MiB


@click.group()
def group() -> None:
    """Hash parameters, old hashes, lists of known passwords."""


def _profile(name: str) -> Argon2Profile:
    from secureacct.passwords.profiles import BY_NAME, Argon2Profile

    found = BY_NAME.get(name)
    if not isinstance(found, Argon2Profile):
        raise click.BadParameter(f"choose one of {', '.join(_argon2_names())}")
    return found


def _argon2_names() -> list[str]:
    from secureacct.passwords.profiles import BY_NAME, Argon2Profile

    return [name for name, profile in BY_NAME.items() if isinstance(profile, Argon2Profile)]


@group.command()
@click.option(
    "--target-ms", default=150, show_default=True, type=click.IntRange(10, 1000), help="Time of a hash."
)
@click.option(
    "--memory-mib", default=64, show_default=True, type=click.IntRange(19, 4096), help="Memory of a hash."
)
@click.option("--lanes", default=4, show_default=True, type=click.IntRange(1, 64), help="Lanes (p).")
def calibrate(target_ms: int, memory_mib: int, lanes: int) -> None:
    """Find hash parameters for a time and a memory on this machine."""
    from secureacct.passwords import measuring
    from secureacct.passwords.admission import usable_cores

    click.echo(f"{'memory':>10} {'passes':>7} {'lanes':>6} {'time':>9}")

    def tell(profile: Argon2Profile, seconds: float) -> None:
        click.echo(
            f"{profile.memory_kib / _MIB:>6.0f} MiB {profile.passes:>7} {profile.lanes:>6}"
            f" {seconds * 1e3:>6.0f} ms"
        )

    profile, seconds = measuring.calibrate(
        target=target_ms / 1e3, memory_kib=memory_mib * _MIB, lanes=lanes, tell=tell
    )
    cores = usable_cores()
    click.echo(
        f"\nOn {cores} cores: {cores / seconds:.0f} sign-ins a second, "
        f"{cores * profile.memory_kib / _MIB:.0f} MiB for {cores} hashes at once.\n\n"
        f'PasswordHasher(Argon2Profile("calibrated", memory_kib={profile.memory_kib}, '
        f"passes={profile.passes}, lanes={profile.lanes}))"
    )
    if seconds * 1e3 > target_ms:
        click.echo(f"\nThe floor takes longer than {target_ms} ms here; it is not lowered.", err=True)


@group.command()
@click.option("--profile", "name", default="rfc9106-second", show_default=True, help="Named profile.")
@click.option(
    "--sign-ins",
    "counts",
    default="1,4,16,32",
    show_default=True,
    help="Sign-ins at the same moment, by comma.",
)
@click.option("--at-once", type=click.IntRange(1), help="Hashes in parallel; default: the cores.")
@click.option("--waiting", type=click.IntRange(0), help="Longest queue; default: no sign-in is refused.")
def benchmark(name: str, counts: str, at_once: int | None, waiting: int | None) -> None:
    """Show throughput, memory and event-loop lag under many sign-ins at once."""
    from secureacct.passwords import measuring
    from secureacct.passwords.admission import Admission

    profile = _profile(name)
    try:
        steps = [int(part) for part in counts.split(",")]
    except ValueError:
        raise click.BadParameter("give whole numbers, by comma", param_hint="--sign-ins") from None
    if not steps or min(steps) < 1:
        raise click.BadParameter("give numbers of at least 1", param_hint="--sign-ins")
    rows: list[str] = []
    with click.progressbar(steps, label="measuring") as bar:
        for sign_ins in bar:
            admission = Admission(
                at_once=at_once, waiting=sign_ins if waiting is None else waiting, patience=600
            )
            seen = measuring.storm(profile, sign_ins=sign_ins, admission=admission)
            peak = measuring.peak_memory()
            memory = "n/a" if peak is None else f"{peak / 2**20:.0f} MiB"
            rows.append(
                f"{sign_ins:>8} {seen.per_second:>9.1f} {seen.first * 1e3:>8.0f} ms"
                f" {seen.last * 1e3:>8.0f} ms {seen.refused:>8} {seen.lag_p99 * 1e3:>8.2f} ms {memory:>10}"
            )
    click.echo(
        f"\n{profile.name}: {profile.memory_kib // _MIB} MiB, t={profile.passes}, p={profile.lanes}\n"
        f"{'sign-ins':>8} {'a second':>9} {'first':>11} {'last':>11} {'refused':>8} {'lag p99':>11}"
        f" {'peak':>10}"
    )
    for row in rows:
        click.echo(row)


@group.command("build-blocklist")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--min-count", default=1, show_default=True, type=click.IntRange(1), help="Leave out rarer hashes."
)
@click.option("--words", is_flag=True, help="SOURCE holds one password a line, not SHA-1 hashes.")
def build_blocklist(source: Path, target: Path, min_count: int, words: bool) -> None:
    """Turn SOURCE into the compact file TARGET.

    SOURCE is a Have-I-Been-Pwned download ordered by hash (SHA1:COUNT lines), or with --words a list.
    """
    from secureacct.passwords import blocklist, breach

    try:
        with (
            source.open("rb") as file,
            click.progressbar(length=max(source.stat().st_size, 1), label="reading") as bar,
        ):
            lines = _counted(file, bar)
            if words:
                count = blocklist.build(target, (line.decode("utf-8", "replace").strip() for line in lines))
            else:
                count = breach.build_from_download(lines, target, min_count=min_count)
    except OSError as error:
        raise ConfigurationError(f"{error.filename or target}: {error.strerror or error}") from None
    click.echo(f"{target}: {count} entries, {target.stat().st_size / 1e6:.1f} MB")


def _counted(file: BinaryIO, bar: Any) -> Iterator[bytes]:
    """The lines of a file, moving a progress bar every now and then."""
    unreported = 0
    for line in file:
        unreported += len(line)
        if unreported > 1 << 20:
            bar.update(unreported)
            unreported = 0
        yield line
    bar.update(unreported)


@group.command("check-blocklist")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check_blocklist(file: Path) -> None:
    """Read a whole blocklist file and compare it with its checksum. Exit code 1: damaged."""
    from secureacct.passwords.blocklist import EXACT_SHA1, Blocklist
    from secureacct.passwords.errors import BlocklistUnreadable

    try:
        found = Blocklist(file)
        found.check_whole()
    except BlocklistUnreadable as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from None
    kind = "breached passwords (SHA-1)" if found.digest == EXACT_SHA1 else "words (SHA-256)"
    click.echo(f"{file}: {found.count} entries, {kind}, whole")


@group.command()
@click.argument("database", metavar="URL", envvar="SECUREACCT_DATABASE_URL")
@click.option("--table", required=True, help="Table with the old hashes; schema.table is understood.")
@click.option("--column", default="password", show_default=True, help="Column with the old hashes.")
@click.option("--id", "id_column", default="id", show_default=True, help="Key column; it orders the work.")
@click.option("--profile", "name", default="rfc9106-second", show_default=True, help="Named profile.")
@click.option(
    "--keyring", type=click.Path(exists=True, dir_okay=False), help="Also encrypt under its pepper key."
)
@click.option(
    "--batch", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Rows a transaction."
)
@click.option("--dry-run", is_flag=True, help="Count only; change nothing.")
def wrap(
    database: str,
    table: str,
    column: str,
    id_column: str,
    name: str,
    keyring: str | None,
    batch: int,
    dry_run: bool,
) -> None:
    """Protect every old hash in a table at once, before anybody signs in.

    Stop it and start it again as you like: what is done is skipped. A row that changes meanwhile (a
    sign-in, a new password) is left as it is. URL is an SQLAlchemy URL; give it in the environment as
    SECUREACCT_DATABASE_URL, or as @FILE, so that no password is in the list of processes.
    """
    from secureacct.cli._wrapping import Table, wrap_table
    from secureacct.passwords import PasswordHasher

    engine = _engine(database)
    click.get_current_context().call_on_close(engine.dispose)
    keys = _keys(keyring)
    # importing: what is in the table is what it is; nothing is verified here.
    hasher = PasswordHasher(_profile(name), keys=keys, importing=True)
    target = Table.reflect(engine, table=table, column=column, key=id_column, widest=WIDEST)
    counts: Counter[str] = Counter()
    label = "dry run" if dry_run else "wrapping"
    with (
        contextlib.closing(wrap_table(target, hasher, batch=batch, dry_run=dry_run)) as steps,
        click.progressbar(length=max(target.rows(), 1), label=label) as bar,
    ):
        for step in steps:
            counts.update(step)
            bar.update(sum(step.values()))
    for outcome, count in sorted(counts.items()):
        click.echo(f"{outcome:>12}: {count}")
    if counts["unreadable"]:
        click.echo("Rows that no scheme can read keep their hash; those accounts sign in by reset.", err=True)
        raise SystemExit(1)


def _engine(database: str) -> Engine:
    try:
        import sqlalchemy as sa
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        raise MissingExtra("sql", needed_for="secureacct passwords wrap") from None
    if database.startswith("@"):
        try:
            database = Path(database[1:]).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(f"{database[1:]}: {error.strerror or error}") from None
    try:
        return sa.create_engine(database)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise ConfigurationError(f"this is no usable database URL ({type(error).__name__})") from None


def _keys(keyring: str | None) -> Any:
    if keyring is None:
        return None
    from secureacct.keys import Keyring, KeyringSealed

    try:
        return Keyring.load(keyring)
    except KeyringSealed:
        return Keyring.load(keyring, passphrase=click.prompt("Passphrase", hide_input=True, err=True))

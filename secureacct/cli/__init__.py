"""The command line: one file per topic, loaded only when its command is called."""

from __future__ import annotations

import importlib

from secureacct.errors import MissingExtra, SecureAcctError

try:
    import click
except ModuleNotFoundError:  # pragma: no cover - told by main() in an install without the extra
    click = None  # type: ignore[assignment]

TOPICS: dict[str, str] = {
    "doctor": "look at the configuration, or at a running site, and say what to mend",
    "passwords": "calibrate, benchmark, wrap old hashes, build a blocklist",
    "keys": "make, show and rotate the keyring",
    "fields": "plan indexes, rotate and verify encrypted columns",
    "sessions": "list, end and purge sessions",
    "audit": "verify, follow, export and prune the security log",
    "commitments": "print the promises, what keeps each and how it is checked",
    "evidence": "check every promise, on the library or on an app in rehearsal",
    "retention": "show how long records stay, and delete what is past its time",
    "backup": "seal a dump or a keyring, and open it again, whole or not at all",
}
"""Topic -> one line of help. The group of ``x`` is ``secureacct.cli.x:group``."""


def main() -> None:
    """The ``secureacct`` command. Exit codes: 0 done, 1 found something wrong, 2 cannot start."""
    if click is None:
        raise SystemExit(str(MissingExtra("cli", needed_for="the command line")))
    try:
        _root()(prog_name="secureacct", standalone_mode=True)
    except SecureAcctError as error:
        click.echo(f"secureacct: {error}", err=True)
        raise SystemExit(2) from None


def _root() -> click.Group:
    class Topics(click.Group):
        """A group that imports a topic when it is asked for."""

        def list_commands(self, ctx: click.Context) -> list[str]:
            return sorted(TOPICS)

        def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
            if name not in TOPICS:
                return None
            command: click.Command = importlib.import_module(f"secureacct.cli.{name}").group
            return command

        def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            with formatter.section("Topics"):
                formatter.write_dl(sorted(TOPICS.items()))

    return Topics(help="Account security from the command line.")
